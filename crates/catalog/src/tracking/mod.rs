//! Version tracking: what `config/clients.yaml` says, and how it is edited.
//!
//! Nothing here touches the disk: [`parse`] makes a typed view of a text, and
//! [`apply`] makes the next text of it. People write comments and keys of their
//! own into that file, so it is never printed anew: an edit changes the few
//! places of the text that it is about, and what comes out is read again and
//! must say what was meant, or the edit is refused.
//!
//! ```
//! use catalog::tracking::{apply, parse, Change, Primary, Status};
//! let change = Change {
//!     client: "acme-corp".parse().unwrap(),
//!     namespace: "sh-acme-corp".parse().unwrap(),
//!     version: "v1.2.3".parse().unwrap(),
//!     context: "production".parse().unwrap(),
//!     primary: Primary::Yes,
//!     status: Status::Active,
//!     at: "2026-01-29T10:15:30Z".parse().unwrap(),
//!     former: None,
//! };
//! let text = apply(None, &change).unwrap().text;
//! assert_eq!(
//!     text,
//!     "clients:
//!   - name: acme-corp
//!     namespace: sh-acme-corp
//!     packages:
//!       - version: v1.2.3
//!         deployed: 2026-01-29T10:15:30Z
//!         status: active
//! "
//! );
//! assert_eq!(parse(&text).unwrap().clients[0].packages[0].status, Some(Status::Active));
//! ```

mod context;
mod status;
mod time;

mod view;

mod scalar;

mod read;

mod change;

mod op;

mod plan;

mod lines;
mod print;

mod edit;

mod apply;
mod differences;
mod doubts;

pub use apply::{Edited, apply, apply_all};
pub use change::{Change, Primary};
pub use context::{CONTEXT_BYTES_MAX, ContextName, ContextNameError};
pub use differences::{Known, differences};
pub use doubts::doubts;
pub use read::{BYTES_MAX, NODES_MAX, parse};
pub use status::{Status, UnknownStatus};
pub use time::{NotATime, Time};
pub use view::{Client, InContext, Package, Tracking};

/// The file, from the root. Source: specification, "Version Tracking".
pub const FILE: &str = "config/clients.yaml";

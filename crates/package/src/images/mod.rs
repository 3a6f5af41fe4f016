//! Images: where objects name them, what they are locked to, and pinning.
//!
//! [`find()`] says which images objects name; someone else resolves them to
//! digests, which an [`ImageLock`] holds; [`pin()`] writes the digests into the
//! objects and fails for every image that still floats. [`list`] is images.txt,
//! and [`compare()`] holds it against the objects again.

pub mod rules;

mod parts;

pub mod find;
pub mod list;
pub mod lock;

pub mod compare;
pub mod pin;

pub use compare::compare;
pub use find::{Form, Found, FoundImage, find};
pub use lock::{ImageLock, Locked};
pub use pin::{Pinned, pin};
pub use rules::{FieldPattern, FieldPatternError, FieldRule, ImageRules};

/// Who made a package; those that the specification's scripts made are read
/// with more patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// This program, whose manifests are pinned.
    Consign,
    /// Scripts, which leave all.yaml as rendered.
    Scripts,
}

//! Objects sealed into a package, and a package opened again.
//!
//! What is not pinned is not packaged; what is not verified is not opened.
//! Nothing here touches the disk, the network, the clock or a process: bytes
//! come in, bytes and findings go out.
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod json;

pub mod checksums;
pub mod manifest;

pub mod deploy_script;

mod names;
pub mod object_path;
mod place;
mod sensitive;

pub mod lists;
pub mod pod_spec;

pub mod annotate;
pub mod images;

pub mod schema;

pub mod policy;
pub mod secret_refs;

pub mod sealed;

pub mod bundle;
pub mod trust;

pub mod report;

pub mod open;

pub mod seal;

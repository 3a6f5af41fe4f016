//! Objects sealed into a package, and a package opened again.
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod object_path;

pub mod lists;
pub mod pod_spec;

pub mod annotate;
pub mod images;

pub mod schema;

pub mod policy;
pub mod secret_refs;

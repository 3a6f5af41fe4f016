//! Whether objects are what a Kubernetes API server reads: every field known,
//! of the right type, and the required ones there.
//!
//! The schemas of the built-in kinds come with the program, one set for each
//! [`Release`]; those of custom resources come from the
//! `CustomResourceDefinition`s among the objects. What only the server can see
//! is not looked at: rules between fields, CEL, admission, quotas.

mod release;

mod data;
mod scalar;
mod walk;

mod builtin;
mod custom;

mod check;

pub use check::{Schemas, check, scope};
pub use release::{Release, Scope};
pub use walk::FINDINGS;

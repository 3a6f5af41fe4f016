//! What is done to resources: one transformer a file.
//!
//! The transformers here change a [`ResMap`](crate::resmap::ResMap) in place;
//! in what order they run is for the build to know.

pub mod fieldspec;

pub mod defaults;
pub mod error;
pub mod name_references;

mod apply;

pub mod annotations;
pub mod images;
pub mod labels;
pub mod namespace;
pub mod prefix_suffix;
pub mod replicas;

pub mod finish;
pub mod follow_names;
pub mod name_hash;
pub mod patch;
pub mod sort;

pub use error::TransformError;

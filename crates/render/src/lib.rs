//! A native, hermetic `kustomize build`, with the meaning of v5.5.0.
//!
//! It starts no program, reads nothing but what its [`model::files`] area
//! allows, and refuses by name what it does not implement.
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod scope;
pub mod shared;

pub mod resource;

pub mod resmap;

pub mod json6902;
pub mod merge;

pub mod selector;

pub mod transform;

mod decode;

mod kustomization;

mod load;
mod source;

mod generate;

mod stages;

mod accumulate;

mod build;

pub use build::{Options, Rendered, Reorder, build, print};
pub use load::LoadRestrictor;

//! Floor 0: names things.
//!
//! Digests, paths, client names, versions, image references, YAML trees with
//! positions, Kubernetes objects and rooted files. Every type here is valid by
//! construction: text is parsed once, at the edge, and carried as a type from
//! then on.
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod text;

pub mod digest;
pub mod name;
pub mod path;
pub mod version;

pub mod finding;
pub mod image;

pub mod yaml;

pub mod object;

pub mod files;

//! YAML trees: composed with positions, resolved by one of two dialects,
//! printed as `kustomize build` prints.
//!
//! The scanner and parser are `granit-parser`; composing, resolving and
//! emitting are ours, because what a plain scalar means and how it is printed
//! must be exactly what kustomize does.

mod node;

pub use node::{Content, Entry, Map, Mark, Node, Scalar, Style, Tag};

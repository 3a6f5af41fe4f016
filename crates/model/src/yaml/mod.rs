//! YAML trees: composed with positions, resolved by one of two dialects,
//! printed as `kustomize build` prints.
//!
//! The scanner and parser are `granit-parser`; composing, resolving and
//! emitting are ours, because what a plain scalar means and how it is printed
//! must be exactly what kustomize does.

mod limits;
mod node;

mod error;

mod number;
mod time;

mod anchors;
mod locate;
mod scalar;

mod compose;

mod folded;
mod output;

mod documents;
mod emit;
mod json;
mod strict;

pub use documents::{Document, parse, parse_resources};
pub use emit::{emit, emit_all};
pub use error::{EmitError, EmitErrorKind, YamlError, YamlErrorKind};
pub use json::{from_json, to_json};
pub use limits::{Dialect, Limits};
pub use node::{Content, Entry, Map, Mark, Node, Scalar, Style, Tag};
pub use strict::{parse_strict, parse_structure};

//! YAML trees: composed with positions, resolved by one of two dialects,
//! printed as `kustomize build` prints.
//!
//! The scanner and parser are `granit-parser`; composing, resolving and
//! emitting are ours, because what a plain scalar means and how it is printed
//! must be exactly what kustomize does.

mod limits;
mod node;

mod error;

pub use error::{EmitError, EmitErrorKind, YamlError, YamlErrorKind};
pub use limits::{Dialect, Limits};
pub use node::{Content, Entry, Map, Mark, Node, Scalar, Style, Tag};

/// One document of a text of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its root.
    pub node: Node,
    /// Which document of the text it is, from 1; empty ones count.
    pub index: u32,
    /// The line of the text it begins at, from 1.
    pub line: u32,
}

/// The one document of a text, or none when it is empty.
pub fn parse(_text: &str, _dialect: Dialect, _limits: &Limits) -> Result<Option<Node>, YamlError> {
    todo!()
}

/// The resources of a file, read as kustomize reads them.
pub fn parse_resources(_text: &str, _limits: &Limits) -> Result<Vec<Document>, YamlError> {
    todo!()
}

/// The documents of a text that every reader of YAML reads alike; everything
/// else is refused, all of it at once.
pub fn parse_strict(_text: &str, _limits: &Limits) -> Result<Vec<Document>, Vec<YamlError>> {
    todo!()
}

/// One document, printed as kustomize prints it.
pub fn emit(_node: &Node) -> Result<String, EmitError> {
    todo!()
}

/// Documents, printed as kustomize prints them, `---` between them.
pub fn emit_all<'a>(_nodes: impl Iterator<Item = &'a Node>) -> Result<String, EmitError> {
    todo!()
}

/// The JSON kustomize makes of a node.
pub fn to_json(_node: &Node) -> Result<serde_json::Value, EmitError> {
    todo!()
}

/// The node a JSON value is.
pub fn from_json(_json: &serde_json::Value) -> Node {
    todo!()
}

//! Where a finding about an object is.

use std::fmt::Write as _;

use model::finding::Finding;
use model::object::Object;
use model::yaml::Node;

/// An object in words: `Deployment web`, with its document where the file has
/// several.
pub(crate) fn name(object: &Object) -> String {
    let kind = match object.kind() {
        "" => "object",
        kind => kind,
    };
    let mut out = match (object.namespace(), object.name()) {
        (_, "") => format!("{kind} without a name"),
        ("", name) => format!("{kind} {name}"),
        (namespace, name) => format!("{kind} {namespace}/{name}"),
    };
    if object.origin.document > 1 {
        let _ = write!(out, " (document {})", object.origin.document);
    }
    out
}

/// Puts a finding at a node of an object, or where the object begins when no
/// text holds the node.
pub(crate) fn at(finding: Finding, object: &Object, node: Option<&Node>) -> Finding {
    let line = node.map_or(0, |n| n.at.line);
    at_line(finding, object, line)
}

/// Puts a finding at a line of an object's file, or where the object begins
/// when the line is 0.
pub(crate) fn at_line(finding: Finding, object: &Object, line: u32) -> Finding {
    if object.origin.path.is_empty() {
        return finding;
    }
    let line = if line > 0 { line } else { object.origin.line };
    finding.at(object.origin.path.clone(), line)
}

//! New lines of a block.

use model::yaml::{Content, Map, Node, Tag};

use super::scalar;

/// How far a mapping stands to the right of its key.
pub(super) const STEP: u32 = 2;

/// How lists of this file are indented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// How far a dash stands to the right of its list's key.
    pub dash: u32,
}

/// A scalar on one line.
pub(super) fn scalar(node: &Node) -> Option<String> {
    let scalar = node.as_scalar()?;
    Some(match scalar.tag {
        Tag::Timestamp => scalar.text.clone(),
        _ => scalar::name(&scalar.text),
    })
}

/// `key: value` at a column, from 1, as lines.
pub(super) fn entry(key: &str, value: &Node, column: u32, layout: Layout) -> String {
    let mut out = String::new();
    blanks(&mut out, column);
    out.push_str(&scalar::name(key));
    out.push(':');
    below(&mut out, value, column, layout);
    out
}

/// A mapping as an item, the dash at a column, from 1, and the keys `gap`
/// columns on.
pub(super) fn item(map: &Map, column: u32, gap: u32, layout: Layout) -> String {
    let mut out = String::new();
    for (key, value) in map.iter() {
        out.push_str(&entry(key, value, column + gap, layout));
    }
    // The dash takes the place of a blank before the first key.
    let dash = column as usize - 1;
    if out.len() > dash {
        out.replace_range(dash..=dash, "-");
    }
    out
}

fn below(out: &mut String, value: &Node, column: u32, layout: Layout) {
    match &value.content {
        Content::Scalar(_) => {
            out.push(' ');
            out.push_str(&scalar(value).unwrap_or_default());
            out.push('\n');
        }
        Content::Map(map) => {
            out.push('\n');
            for (key, value) in map.iter() {
                out.push_str(&entry(key, value, column + STEP, layout));
            }
        }
        Content::Seq(items) => {
            out.push('\n');
            for map in items.iter().filter_map(Node::as_map) {
                out.push_str(&item(map, column + layout.dash, STEP, layout));
            }
        }
    }
}

fn blanks(out: &mut String, column: u32) {
    out.extend(std::iter::repeat_n(' ', column as usize - 1));
}

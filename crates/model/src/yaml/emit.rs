//! Printing, byte for byte as `kustomize build` does: go-yaml v2's encoder on
//! what JSON holds of a tree.
//!
//! The state (column, indent, whether blanks or a line's beginning precede)
//! is libyaml's, because where it breaks lines follows from it.

mod order;
mod text;
mod writer;

use super::error::{EmitError, EmitErrorKind};
use super::limits::Limits;
use super::node::{Content, Map, Node, Style};
use super::output::{Output, check_entries, output};
pub(super) use text::is_base_60;
use writer::Writer;

/// Levels that are printed. A tree that was read is at most
/// [`Limits::DEPTH`] deep; merging patches into it adds some.
pub(super) const DEPTH: usize = Limits::DEPTH + 50;

/// One document, printed as kustomize prints it, with a line break at its end.
///
/// ```
/// use model::yaml::{emit, from_json};
/// let node = from_json(&serde_json::json!({"b": ["yes", 1.0], "a10": null, "a2": ""}));
/// assert_eq!(emit(&node)?, "a2: \"\"\na10: null\nb:\n- \"yes\"\n- 1\n");
/// # Ok::<(), model::yaml::EmitError>(())
/// ```
pub fn emit(node: &Node) -> Result<String, EmitError> {
    let mut writer = Writer::default();
    document(&mut writer, node)?;
    Ok(writer.finish())
}

/// Documents, printed as kustomize prints them, `---` between them.
pub fn emit_all<'a>(nodes: impl Iterator<Item = &'a Node>) -> Result<String, EmitError> {
    let mut writer = Writer::default();
    for (index, node) in nodes.enumerate() {
        if index > 0 {
            writer.separate();
        }
        document(&mut writer, node)?;
    }
    Ok(writer.finish())
}

/// The style a string is written in as a value.
pub(super) fn style(text: &str) -> Style {
    match text::form(text, false) {
        text::Form::Plain => Style::Plain,
        text::Form::Single => Style::Single,
        text::Form::Double => Style::Double,
        text::Form::Literal => Style::Literal,
    }
}

fn document(writer: &mut Writer, node: &Node) -> Result<(), EmitError> {
    writer.begin();
    value(writer, node, false, 0)?;
    writer.write_indent();
    Ok(())
}

fn value(w: &mut Writer, node: &Node, in_map: bool, depth: usize) -> Result<(), EmitError> {
    if depth > DEPTH {
        return Err(EmitError {
            at: node.at,
            kind: EmitErrorKind::Depth(DEPTH),
        });
    }
    match &node.content {
        Content::Scalar(scalar) => {
            let indent = w.scalar_indent();
            match output(scalar, node.at, indent)? {
                Output::Plain(plain) => w.plain_value(&plain),
                Output::Text(text) => w.text(&text, false),
            }
            Ok(())
        }
        Content::Seq(items) if items.is_empty() => {
            w.empty("[", "]");
            Ok(())
        }
        Content::Map(map) if map.is_empty() => {
            w.empty("{", "}");
            Ok(())
        }
        Content::Seq(items) => {
            let outer = w.deeper(in_map);
            for item in items {
                w.write_indent();
                w.indicator("-", true, false, true);
                value(w, item, false, depth + 1)?;
            }
            w.restore(outer);
            Ok(())
        }
        Content::Map(map) => {
            let outer = w.deeper(false);
            entries(w, map, depth)?;
            w.restore(outer);
            Ok(())
        }
    }
}

fn entries(w: &mut Writer, map: &Map, depth: usize) -> Result<(), EmitError> {
    check_entries(map, depth == 0)?;
    for entry in order::sorted(&map.0) {
        w.write_indent();
        if text::is_simple_key(&entry.key) {
            w.text(&entry.key, true);
            w.indicator(":", false, false, false);
        } else {
            w.indicator("?", true, false, true);
            w.text(&entry.key, false);
            w.write_indent();
            w.indicator(":", true, false, true);
        }
        value(w, &entry.value, true, depth + 1)?;
    }
    Ok(())
}

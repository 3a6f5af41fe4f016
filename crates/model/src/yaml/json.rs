//! To JSON and from it.

use serde_json::{Number, Value};

use super::emit::{DEPTH, style};
use super::error::{EmitError, EmitErrorKind};
use super::limits::Dialect;
use super::node::{Content, Entry, Map, Node, Scalar, Tag};
use super::number;
use super::output::{Output, check_entries, output};

/// The JSON kustomize makes of a node: keys sorted by their bytes, numbers
/// and times as it prints them.
///
/// ```
/// use model::yaml::{parse, to_json, Dialect, Limits, Node};
/// let node = parse("mode: 0755\nday: 2020-01-01\n", Dialect::V3, &Limits::default())?;
/// let json = to_json(&node.unwrap_or_else(Node::null))?;
/// assert_eq!(json.to_string(), r#"{"day":"2020-01-01T00:00:00Z","mode":493}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_json(node: &Node) -> Result<Value, EmitError> {
    value(node, None, 0)
}

/// `indent`: that of the collection around, for folded texts depend on it.
fn value(node: &Node, indent: Option<usize>, depth: usize) -> Result<Value, EmitError> {
    if depth > DEPTH {
        return Err(EmitError {
            at: node.at,
            kind: EmitErrorKind::Depth(DEPTH),
        });
    }
    let deeper = indent.map_or(0, |indent| indent + 2);
    match &node.content {
        Content::Scalar(scalar) => {
            let indent = indent.map_or(2, |indent| indent + 2);
            Ok(match output(scalar, node.at, indent)? {
                Output::Text(text) => Value::String(text.into_owned()),
                Output::Plain(plain) => match plain.as_ref() {
                    "null" => Value::Null,
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    number => parse_number(number),
                },
            })
        }
        Content::Seq(items) => items
            .iter()
            .map(|item| value(item, Some(deeper), depth + 1))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        Content::Map(map) => {
            check_entries(map, depth == 0)?;
            let mut entries: Vec<&Entry> = map.0.iter().collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            entries
                .into_iter()
                .map(|entry| {
                    // A list under its key is not indented.
                    let indent = match entry.value.content {
                        Content::Seq(_) => deeper.checked_sub(2),
                        _ => Some(deeper),
                    };
                    Ok((entry.key.clone(), value(&entry.value, indent, depth + 1)?))
                })
                .collect::<Result<serde_json::Map<_, _>, _>>()
                .map(Value::Object)
        }
    }
}

fn parse_number(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return Value::Number(number.into());
    }
    if let Ok(number) = text.parse::<u64>() {
        return Value::Number(number.into());
    }
    text.parse()
        .ok()
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

/// The node a JSON value is. No text holds it; strings have the style they
/// would be written in.
pub fn from_json(json: &Value) -> Node {
    match json {
        Value::Null => Node::null(),
        Value::Bool(value) => Node::scalar(value.to_string(), Tag::Bool),
        Value::Number(number) if number.is_f64() => {
            let text = number::print_g(number.as_f64().unwrap_or_default());
            let tag = match number::resolve(&text, Dialect::V3) {
                number::Value::Int(_) | number::Value::Uint(_) => Tag::Int,
                _ => Tag::Float,
            };
            Node::scalar(text, tag)
        }
        Value::Number(number) => Node::scalar(number.to_string(), Tag::Int),
        Value::String(text) => Node::new(Content::Scalar(Scalar {
            text: text.clone(),
            tag: Tag::Str,
            style: style(text),
        })),
        Value::Array(items) => Node::seq(items.iter().map(from_json).collect()),
        Value::Object(map) => Node::new(Content::Map(Map(map
            .iter()
            .map(|(key, value)| Entry::new(key, from_json(value)))
            .collect()))),
    }
}

//! Scalars of a text: from the parser's event to a tag.

use std::borrow::Cow;

use granit_parser::ScalarStyle;

use super::error::YamlErrorKind;
use super::limits::Dialect;
use super::node::{Scalar, Style, Tag};
use super::number::{self, Value};

const CORE: &str = "tag:yaml.org,2002:";

/// What a tag in the text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Core(Tag),
    /// Read as text, whatever it is.
    Foreign,
}

fn asked(tag: Option<&granit_parser::Tag>) -> Asked {
    let Some(tag) = tag else {
        return Asked::Nothing;
    };
    if matches!(tag.parts(), ("" | "!", "") | ("", "!")) {
        return Asked::Nothing;
    }
    match tag.suffix_in_namespace(CORE).as_deref() {
        Some("str") => Asked::Core(Tag::Str),
        Some("null") => Asked::Core(Tag::Null),
        Some("bool") => Asked::Core(Tag::Bool),
        Some("int") => Asked::Core(Tag::Int),
        Some("float") => Asked::Core(Tag::Float),
        Some("timestamp") => Asked::Core(Tag::Timestamp),
        Some("binary") => Asked::Core(Tag::Binary),
        Some("merge") => Asked::Core(Tag::Merge),
        _ => Asked::Foreign,
    }
}

/// The scalar of an event. `in_flow`: within braces or brackets.
pub(super) fn scalar(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&granit_parser::Tag>,
    in_flow: bool,
    dialect: Dialect,
) -> Result<Scalar, YamlErrorKind> {
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    };
    let plain = style == Style::Plain;
    let tag = match asked(tag) {
        Asked::Core(tag) => tag,
        Asked::Foreign => Tag::Str,
        Asked::Nothing if !plain => Tag::Str,
        Asked::Nothing if text == "<<" => Tag::Merge,
        Asked::Nothing => tag_of(&number::resolve(&text, dialect)),
    };
    let mut scalar = Scalar {
        text: text.into_owned(),
        tag,
        style,
    };
    match dialect {
        Dialect::V3 => {
            if scalar.tag == Tag::Null && scalar.text.is_empty() {
                scalar.style = if in_flow && plain {
                    Style::Single
                } else {
                    Style::Plain
                };
            }
        }
        Dialect::V2 => as_json(&mut scalar)?,
    }
    Ok(scalar)
}

fn tag_of(value: &Value) -> Tag {
    match value {
        Value::Null => Tag::Null,
        Value::Bool(_) => Tag::Bool,
        Value::Int(_) | Value::Uint(_) => Tag::Int,
        Value::Float(_) => Tag::Float,
        Value::Time(_) => Tag::Timestamp,
        Value::Str => Tag::Str,
    }
}

/// Turns a scalar into what sigs.k8s.io/yaml's JSON holds of it.
fn as_json(scalar: &mut Scalar) -> Result<(), YamlErrorKind> {
    let value = number::resolve(&scalar.text, Dialect::V2);
    let wrong = |scalar: &Scalar, tag: &str| YamlErrorKind::Tag {
        text: scalar.text.clone(),
        tag: tag.to_owned(),
    };
    match (scalar.tag, value) {
        (Tag::Str | Tag::Merge, _) => {}
        (Tag::Timestamp, Value::Time(_)) => scalar.tag = Tag::Str,
        (Tag::Null, Value::Null) => "null".clone_into(&mut scalar.text),
        (Tag::Bool, Value::Bool(value)) => scalar.text = value.to_string(),
        (Tag::Int, Value::Int(value)) => scalar.text = value.to_string(),
        (Tag::Int, Value::Uint(value)) => scalar.text = value.to_string(),
        (Tag::Float, Value::Int(value)) => {
            #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
            let value = value as f64;
            scalar.text = number::json_float(value);
        }
        (Tag::Float, Value::Float(value)) if value.is_finite() => {
            scalar.text = number::json_float(value);
        }
        (Tag::Float, Value::Float(_)) => return Err(wrong(scalar, "a number JSON can hold")),
        (Tag::Binary, _) => match binary(&scalar.text) {
            Some(text) => {
                scalar.text = text;
                scalar.tag = Tag::Str;
            }
            None => return Err(wrong(scalar, "base64")),
        },
        (tag, _) => return Err(wrong(scalar, name(tag))),
    }
    Ok(())
}

/// What a tag says, in words.
pub(super) fn name(tag: Tag) -> &'static str {
    match tag {
        Tag::Null => "null",
        Tag::Bool => "a boolean",
        Tag::Int => "an integer",
        Tag::Float => "a number",
        Tag::Str | Tag::Merge => "a string",
        Tag::Timestamp => "a time",
        Tag::Binary => "base64",
    }
}

/// The text of base64, as Go's JSON holds it: what is not UTF-8 is replaced,
/// byte by byte.
pub(super) fn binary(text: &str) -> Option<String> {
    use base64::Engine as _;
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .ok()?;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Some(out)
}

/// The text of a key that is not a string, as sigs.k8s.io/yaml makes one of
/// it; numbers are printed with the precision of 32 bits there.
pub(super) fn key_text(scalar: &Scalar) -> Option<String> {
    match scalar.tag {
        Tag::Null => None,
        Tag::Float => {
            #[expect(clippy::cast_possible_truncation, reason = "as Go converts it")]
            let value = scalar.text.parse::<f64>().ok()? as f32;
            let value: f64 = value.to_string().parse().ok()?;
            Some(number::print_g(value))
        }
        Tag::Int if scalar.text.parse::<i64>().is_err() => None,
        _ => Some(scalar.text.clone()),
    }
}

//! The digest behind the names of generated objects.
//!
//! Source of the rule: kustomize v5.5.0, `api/hasher` — the SHA-256 of a JSON
//! text made of kind, data and an always empty name, in the alphabet of
//! `kubectl`.

use std::fmt::Write;

use model::finding::{Class, Finding};
use model::yaml::{Node, to_json};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::resmap::ResMap;
use crate::resource::{NameHash, Resource};

/// How many characters of the digest are used.
const LENGTH: usize = 10;

/// Puts the digest behind the name of every resource that asks for one.
pub fn add(resources: &mut ResMap) -> Result<(), Finding> {
    for resource in resources.all_mut() {
        if resource.name_hash == NameHash::No {
            continue;
        }
        let hash = hash(resource)?;
        let name = format!("{}-{hash}", resource.name());
        resource.remember();
        resource.set_name(&name);
    }
    Ok(())
}

/// The ten characters for the content of a `ConfigMap` or a `Secret`.
pub fn hash(resource: &Resource) -> Result<String, Finding> {
    let fields: &[(&str, Optional)] = match resource.kind() {
        "ConfigMap" => &[("binaryData", Optional::LeftOut), ("data", Optional::Empty)],
        "Secret" => &[
            ("data", Optional::Empty),
            ("stringData", Optional::LeftOut),
            ("type", Optional::Empty),
        ],
        kind => {
            let message = format!(
                "{}: no name suffix can be made for a generated object whose kind was changed to {kind}",
                resource.describe()
            );
            let origin = &resource.object.origin;
            return Err(Finding::error("name-suffix-kind", Class::Policy, message)
                .at(origin.path.as_str(), origin.line)
                .help("set disableNameSuffixHash for it"));
        }
    };
    let mut parts = Vec::new();
    for (field, optional) in fields {
        if let Some(value) = value(resource, field, *optional)? {
            parts.push(((*field).to_owned(), value));
        }
    }
    parts.push(("kind".to_owned(), Value::from(resource.kind())));
    parts.push(("name".to_owned(), Value::from("")));
    // Where the name is one of the keys, sorting puts it before "type".
    let whole = Value::Object(parts.into_iter().collect());
    let mut json = String::new();
    write(&whole, &mut json);
    let digest = Sha256::digest(json.as_bytes());
    let halves = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    Ok(halves.take(LENGTH).map(letter).collect())
}

/// A hexadecimal digit, with letters in place of those that could spell words.
fn letter(half: u8) -> char {
    match half {
        0x0 => 'g',
        0x1 => 'h',
        0x3 => 'k',
        0xa => 'm',
        0xe => 't',
        other => char::from_digit(u32::from(other), 16).unwrap_or('g'),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Optional {
    /// Unless it is a map.
    LeftOut,
    /// An empty text stands for it.
    Empty,
}

fn value(resource: &Resource, field: &str, optional: Optional) -> Result<Option<Value>, Finding> {
    let node = resource.node().get(field);
    if optional == Optional::LeftOut && node.and_then(Node::as_map).is_none() {
        return Ok(None);
    }
    let Some(node) = node else {
        return Ok(Some(Value::from("")));
    };
    if let Some(scalar) = node.as_scalar() {
        return Ok(Some(Value::from(scalar.text.as_str())));
    }
    to_json(node).map(Some).map_err(|e| {
        let origin = &resource.object.origin;
        let message = format!("{}: {e}", resource.describe());
        Finding::error("resource-yaml", Class::Usage, message).at(origin.path.as_str(), origin.line)
    })
}

/// JSON as Go's `encoding/json` writes it: keys sorted, and what could end a
/// script in HTML escaped.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(text) => write_text(text, out),
        Value::Number(number) => out.push_str(&as_float(number)),
        Value::Bool(_) | Value::Null => out.push_str(&value.to_string()),
    }
}

/// Go reads every number of the data as a 64-bit float before it writes it.
fn as_float(number: &serde_json::Number) -> String {
    let Some(float) = number.as_f64() else {
        return number.to_string();
    };
    let size = float.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return format!("{float}");
    }
    let text = format!("{float:e}");
    match text.split_once('e') {
        // Go writes a sign, and no zero before one digit of it.
        Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
        _ => text,
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_go_does() {
        let mut out = String::new();
        write_text("<a href=\"x\">&\u{2028}\u{1}\u{8}é\u{7f}", &mut out);
        assert_eq!(
            out,
            "\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\u2028\\u0001\\bé\u{7f}\""
        );
    }
}

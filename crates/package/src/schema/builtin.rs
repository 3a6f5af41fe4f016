//! Objects of built-in kinds.
//!
//! The rules are those of the API server's own reading: Go structs filled from
//! JSON, unknown fields refused. `null` is the same as nothing.

use model::text::nearest;
use model::yaml::{Content, Node, Scalar, Tag};

use super::data::{Shape, Type};
use super::scalar;
use super::walk::{Rules, Unknown, Walk, Wrong};

/// How deep objects are looked at. Only the schemas inside a CRD nest without
/// an end, and the server itself stops reading far earlier.
const DEPTH: usize = 500;

/// Walks an object of this type from its root.
pub(super) fn root<'a>(walk: &mut Walk<'a>, node: &'a Node, fields: &'a Type) {
    struct_of(walk, node, fields, true);
}

/// Walks the fields of a type.
pub(super) fn fields<'a>(walk: &mut Walk<'a>, node: &'a Node, fields: &'a Type) {
    struct_of(walk, node, fields, false);
}

fn struct_of<'a>(walk: &mut Walk<'a>, node: &'a Node, fields: &'a Type, is_root: bool) {
    let map = match &node.content {
        Content::Map(map) => Some(map),
        // A null item of a list is an empty struct.
        Content::Scalar(scalar) if scalar.tag == Tag::Null => None,
        _ => return walk.wrong_type(node, "a map"),
    };
    for entry in map.iter().flat_map(|map| &map.0) {
        if walk.is_full() {
            return;
        }
        match fields.field(&entry.key) {
            Some(field) => walk.key(&entry.key, |walk| {
                let rules = walk.rules;
                if is_root && entry.key == "status" {
                    walk.rules = Rules::Shape;
                }
                if !entry.value.is_null() {
                    value(walk, &entry.value, &field.shape, field.required);
                }
                walk.rules = rules;
            }),
            None if walk.unknown == Unknown::Ignored => {}
            None => walk.key(&entry.key, |walk| {
                let near = nearest(&entry.key, fields.fields().iter().map(|f| f.name));
                walk.wrong(entry.at, &Wrong::UnknownField { near });
            }),
        }
    }
    if walk.rules == Rules::Shape {
        return;
    }
    for field in fields.fields().iter().filter(|field| field.required) {
        if map
            .and_then(|map| map.get(field.name))
            .is_none_or(Node::is_null)
        {
            walk.key(field.name, |walk| walk.wrong(node.at, &Wrong::Required));
        }
    }
}

fn value<'a>(walk: &mut Walk<'a>, node: &'a Node, shape: &'a Shape, required: bool) {
    if walk.depth() > DEPTH {
        return walk.wrong(node.at, &Wrong::Format("nested too deep".to_owned()));
    }
    match shape {
        Shape::Any => {}
        Shape::Fields(link) => fields(walk, node, link.fields()),
        Shape::List(item) => list(walk, node, |walk, node| value(walk, node, item, true)),
        Shape::Map(item) => match node.as_map() {
            Some(map) => {
                for entry in &map.0 {
                    if !entry.value.is_null() {
                        walk.key(&entry.key, |walk| value(walk, &entry.value, item, true));
                    }
                }
            }
            None => walk.wrong_type(node, "a map"),
        },
        Shape::SchemaOrBool(link) => match &node.content {
            Content::Scalar(scalar) if scalar.tag == Tag::Bool => {}
            Content::Map(_) => schema(walk, node, link.fields()),
            _ => walk.wrong_type(node, "a schema or a boolean"),
        },
        Shape::SchemaOrList(link) => match &node.content {
            Content::Seq(_) => list(walk, node, |walk, node| schema(walk, node, link.fields())),
            Content::Map(_) => schema(walk, node, link.fields()),
            Content::Scalar(_) => walk.wrong_type(node, "a schema or a list of schemas"),
        },
        Shape::SchemaOrStrings(link) => match &node.content {
            Content::Seq(_) => list(walk, node, |walk, node| {
                if text(node).is_none() {
                    walk.wrong_type(node, "a string");
                }
            }),
            Content::Map(_) => schema(walk, node, link.fields()),
            Content::Scalar(_) => walk.wrong_type(node, "a schema or a list of strings"),
        },
        // Go reads bytes from a list of numbers too.
        Shape::Base64 if node.as_seq().is_some() => list(walk, node, |walk, node| {
            let byte = node.as_scalar().and_then(|s| within(s, 0, u8::MAX.into()));
            if byte != Some(true) && !node.is_null() {
                walk.wrong_type(node, "a byte");
            }
        }),
        _ => match node.as_scalar() {
            Some(scalar) => scalar_of(walk, node, scalar, shape, required),
            None => walk.wrong_type(node, expected(shape)),
        },
    }
}

/// A schema within a schema: the server reads these without looking for
/// unknown fields.
fn schema<'a>(walk: &mut Walk<'a>, node: &'a Node, of: &'a Type) {
    let unknown = std::mem::replace(&mut walk.unknown, Unknown::Ignored);
    fields(walk, node, of);
    walk.unknown = unknown;
}

fn list<'a>(walk: &mut Walk<'a>, node: &'a Node, mut item: impl FnMut(&mut Walk<'a>, &'a Node)) {
    match node.as_seq() {
        Some(items) => {
            for (index, node) in items.iter().enumerate() {
                walk.index(index, |walk| item(walk, node));
            }
        }
        None => walk.wrong_type(node, "a list"),
    }
}

/// The text of a scalar that reaches the server as a string.
pub(super) fn text(node: &Node) -> Option<&str> {
    node.as_scalar().and_then(string)
}

fn string(scalar: &Scalar) -> Option<&str> {
    match scalar.tag {
        Tag::Str | Tag::Timestamp | Tag::Binary | Tag::Merge => Some(&scalar.text),
        Tag::Null | Tag::Bool | Tag::Int | Tag::Float => None,
    }
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Int32 | Shape::Int64 => "a whole number",
        Shape::Double => "a number",
        Shape::Bool => "a boolean",
        Shape::Base64 => "a string of base64",
        Shape::Quantity => "a quantity (a number, or a string such as 500Mi)",
        Shape::Time | Shape::MicroTime => "a time as a string",
        Shape::IntOrString => "a whole number or a string",
        _ => "a string",
    }
}

fn scalar_of<'a>(
    walk: &mut Walk<'a>,
    node: &'a Node,
    scalar: &'a Scalar,
    shape: &Shape,
    required: bool,
) {
    if scalar.tag == Tag::Null {
        // An item of a list: the zero value, which only values in a list of
        // names are checked for.
        if let (Shape::Enum(values), Rules::All) = (shape, walk.rules)
            && !values.iter().any(String::is_empty)
        {
            walk.wrong_type(node, "a string");
        }
        return;
    }
    let fits = match shape {
        Shape::Int32 => within(scalar, i32::MIN.into(), i32::MAX.into()),
        Shape::Int64 => within(scalar, i64::MIN.into(), i64::MAX.into()),
        Shape::Double => Some(scalar::number(scalar).is_some()).filter(|ok| *ok),
        Shape::Bool => (scalar.tag == Tag::Bool).then_some(true),
        Shape::IntOrString => match string(scalar) {
            Some(_) => Some(true),
            None => within(scalar, i32::MIN.into(), i32::MAX.into()),
        },
        Shape::Quantity => match scalar.tag {
            Tag::Int | Tag::Float => scalar::number(scalar).map(|_| true),
            _ => string(scalar).map(|text| scalar::is_quantity(text.trim())),
        },
        _ => match (string(scalar), shape) {
            (None, _) => None,
            (Some(text), Shape::Enum(values)) => {
                return one_of(walk, node, text, values, required);
            }
            (Some(text), Shape::Base64) => Some(scalar::is_base64(text)),
            (Some(text), Shape::Time) => Some(scalar::is_time(text)),
            (Some(text), Shape::MicroTime) => Some(scalar::is_micro_time(text)),
            (Some(_), _) => Some(true),
        },
    };
    match fits {
        Some(true) => {}
        // The value itself is not told: it may be a secret.
        Some(false) => {
            let why = match shape {
                Shape::Base64 => "not base64",
                Shape::Quantity => "not a quantity such as 500m, 2 or 1Gi",
                Shape::Time => "not a time such as 2006-01-02T15:04:05Z",
                Shape::MicroTime => "not a time such as 2006-01-02T15:04:05.000000Z",
                Shape::Int64 => "not within 64 bits",
                _ => "not within 32 bits",
            };
            walk.wrong(node.at, &Wrong::Format(why.to_owned()));
        }
        None => walk.wrong_type(node, expected(shape)),
    }
}

/// Whether a whole number is within bounds; nothing when it is none.
fn within(scalar: &Scalar, low: i128, high: i128) -> Option<bool> {
    scalar::whole(scalar).map(|n| (low..=high).contains(&n))
}

fn one_of(walk: &mut Walk, node: &Node, text: &str, values: &[String], required: bool) {
    // An empty text is the same as nothing, where nothing is allowed.
    let known = values.iter().any(|value| value == text) || text.is_empty() && !required;
    if !known && walk.rules == Rules::All {
        let why = format!("{text:?} is none of {}", values.join(", "));
        walk.wrong(node.at, &Wrong::Value(why));
    }
}

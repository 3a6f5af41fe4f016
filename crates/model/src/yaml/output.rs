//! What is printed of a scalar: the value that kustomize's JSON holds of it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::error::{EmitError, EmitErrorKind};
use super::folded;
use super::limits::Dialect;
use super::node::{Map, Mark, Scalar, Style, Tag};
use super::number::{self, Value};
use super::scalar;

/// Up to here comparing keys in pairs is cheaper than a set.
const FEW_KEYS: usize = 12;

/// What is printed.
pub(super) enum Output<'a> {
    /// As it is, without quotes.
    Plain(Cow<'static, str>),
    /// As a string.
    Text(Cow<'a, str>),
}

/// What is printed of a scalar whose further lines begin at a column.
pub(super) fn output(scalar: &Scalar, at: Mark, indent: usize) -> Result<Output<'_>, EmitError> {
    let fail = |kind| Err(EmitError { at, kind });
    let text = scalar.text.as_str();
    let wrong = || EmitErrorKind::Tag {
        text: scalar.text.clone(),
        tag: scalar::name(scalar.tag),
    };
    let text = match scalar.tag {
        Tag::Str | Tag::Merge if scalar.style == Style::Folded => folded::again(text, indent),
        Tag::Str | Tag::Merge => Cow::Borrowed(text),
        // Nothing within braces: go-yaml v3 prints it as an empty string.
        Tag::Null if scalar.style == Style::Single && text.is_empty() => Cow::Borrowed(""),
        Tag::Null if number::resolve(text, Dialect::V3) != Value::Null => return fail(wrong()),
        Tag::Null => return Ok(Output::Plain(Cow::Borrowed("null"))),
        Tag::Bool => match number::boolean(text) {
            Some(true) => return Ok(Output::Plain(Cow::Borrowed("true"))),
            Some(false) => return Ok(Output::Plain(Cow::Borrowed("false"))),
            None => return fail(wrong()),
        },
        Tag::Int | Tag::Float => {
            #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
            let printed = match number::resolve(text, Dialect::V3) {
                Value::Int(value) if scalar.tag == Tag::Float => number::print_float(value as f64),
                Value::Int(value) => value.to_string(),
                Value::Uint(value) => value.to_string(),
                Value::Float(value) if value.is_finite() => number::print_float(value),
                Value::Float(_) => return fail(EmitErrorKind::NotFinite(text.to_owned())),
                _ => return fail(wrong()),
            };
            return Ok(Output::Plain(printed.into()));
        }
        Tag::Timestamp => match number::resolve(text, Dialect::V3) {
            Value::Time(time) => time.into(),
            _ => return fail(wrong()),
        },
        Tag::Binary => match scalar::binary(text) {
            Some(text) => text.into(),
            None => return fail(wrong()),
        },
    };
    check_characters(&text, at)?;
    Ok(Output::Text(text))
}

/// Keys must be strings, and each must come once. Keys of the root may be
/// other scalars, for Go decodes the root into a map of strings.
pub(super) fn check_entries(map: &Map, root: bool) -> Result<(), EmitError> {
    let entries = &map.0;
    for entry in entries {
        if entry.tag != Tag::Str && !(root && entry.tag != Tag::Null) {
            return Err(EmitError {
                at: entry.at,
                kind: EmitErrorKind::KeyNotString(entry.key.clone()),
            });
        }
        if entry.key == "<<" {
            return Err(EmitError {
                at: entry.at,
                kind: EmitErrorKind::MergeKey,
            });
        }
        check_characters(&entry.key, entry.at)?;
    }
    let twice = if entries.len() <= FEW_KEYS {
        entries
            .iter()
            .enumerate()
            .find(|(i, e)| entries[..*i].iter().any(|other| other.key == e.key))
            .map(|(_, e)| e)
    } else {
        let mut known = HashSet::with_capacity(entries.len());
        entries.iter().find(|e| !known.insert(e.key.as_str()))
    };
    match twice {
        None => Ok(()),
        Some(entry) => Err(EmitError {
            at: entry.at,
            kind: EmitErrorKind::DuplicateKey(entry.key.clone()),
        }),
    }
}

/// Go's JSON leaves these characters as they are, and go-yaml then refuses to
/// read it (or, of U+0085, loses it).
fn check_characters(text: &str, at: Mark) -> Result<(), EmitError> {
    // All of them begin with one of these bytes.
    if !text.bytes().any(|b| matches!(b, 0x7f | 0xc2 | 0xef)) {
        return Ok(());
    }
    match text
        .chars()
        .find(|c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'))
    {
        None => Ok(()),
        Some(c) => Err(EmitError {
            at,
            kind: EmitErrorKind::Control(c),
        }),
    }
}

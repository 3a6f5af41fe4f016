//! The operations on a document.

use serde_json::Value;

/// Values that `copy` may add: a patch of thirty copies could make a billion.
const COPIED: usize = 1_000_000;

/// Why an operation does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no `path`.
    #[error("it has no path")]
    NoPath,
    /// There is no `from`.
    #[error("it has no from")]
    NoFrom,
    /// There is no `value`.
    #[error("it has no value")]
    NoValue,
    /// `op` means nothing.
    #[error("unknown operation; use add, remove, replace, move, copy or test")]
    UnknownOperation,
    /// The parent does not exist.
    #[error("doc is missing path")]
    MissingParent,
    /// The key does not exist.
    #[error("doc is missing key")]
    MissingKey,
    /// No index of the list.
    #[error("no index of the list there")]
    Index,
    /// The document holds something else.
    #[error("testing value failed")]
    Test,
    /// More than the limit of what `copy` may add.
    #[error("limit exceeded: more than {COPIED} values copied")]
    Copied,
}

/// The parent of a path, and the last key.
fn parent<'v>(document: &'v mut Value, path: &str) -> Result<(&'v mut Value, String), Refusal> {
    let mut keys: Vec<String> = path.split('/').skip(1).map(unescape).collect();
    let last = keys.pop().ok_or(Refusal::MissingParent)?;
    let mut at = document;
    for key in keys {
        at = match at {
            Value::Object(map) => map.get_mut(&key),
            Value::Array(items) => index(&key, items.len()).and_then(|i| items.get_mut(i)),
            _ => None,
        }
        .filter(|next| next.is_object() || next.is_array())
        .ok_or(Refusal::MissingParent)?;
    }
    Ok((at, last))
}

fn unescape(key: &str) -> String {
    // One pass: `~01` is `~1`.
    let mut out = String::with_capacity(key.len());
    let mut rest = key;
    while let Some((before, after)) = rest.split_once('~') {
        out.push_str(before);
        rest = match after.as_bytes().first() {
            Some(b'1') => {
                out.push('/');
                &after[1..]
            }
            Some(b'0') => {
                out.push('~');
                &after[1..]
            }
            _ => {
                out.push('~');
                after
            }
        };
    }
    out + rest
}

/// An index below a length; negative ones count from the end.
fn index(key: &str, length: usize) -> Option<usize> {
    let index: isize = key.parse().ok()?;
    let index = if index < 0 {
        length.checked_sub(index.unsigned_abs())?
    } else {
        index.unsigned_abs()
    };
    (index < length).then_some(index)
}

pub(super) fn add(document: &mut Value, path: &str, value: Value) -> Result<(), Refusal> {
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => {
            map.insert(key, value);
            Ok(())
        }
        Value::Array(items) if key == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => {
            let index = index(&key, items.len() + 1).ok_or(Refusal::Index)?;
            items.insert(index, value);
            Ok(())
        }
        _ => Err(Refusal::MissingParent),
    }
}

pub(super) fn remove(document: &mut Value, path: &str) -> Result<Value, Refusal> {
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => map.remove(&key).ok_or(Refusal::MissingKey),
        Value::Array(items) => index(&key, items.len())
            .map(|index| items.remove(index))
            .ok_or(Refusal::Index),
        _ => Err(Refusal::MissingParent),
    }
}

/// The value at a path; a key that a map lacks counts as null.
pub(super) fn get(document: &mut Value, path: &str) -> Result<Value, Refusal> {
    let (parent, key) = parent(document, path)?;
    match parent {
        Value::Object(map) => Ok(map.get(&key).cloned().unwrap_or(Value::Null)),
        Value::Array(items) => index(&key, items.len())
            .and_then(|index| items.get(index).cloned())
            .ok_or(Refusal::Index),
        _ => Err(Refusal::MissingParent),
    }
}

/// Replaces what is there; a key that a map lacks is added.
pub(super) fn replace(
    document: &mut Value,
    path: &str,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    if path.is_empty() {
        let value = value.ok_or(Refusal::NoValue)?;
        // A scalar in the place of the document is not noticed.
        if value.is_object() || value.is_array() {
            *document = value.clone();
        }
        return Ok(());
    }
    let (parent, key) = parent(document, path)?;
    let value = value.cloned().unwrap_or(Value::Null);
    match parent {
        Value::Object(map) => {
            map.insert(key, value);
            Ok(())
        }
        Value::Array(items) => {
            let slot = index(&key, items.len()).and_then(|index| items.get_mut(index));
            *slot.ok_or(Refusal::MissingKey)? = value;
            Ok(())
        }
        _ => Err(Refusal::MissingParent),
    }
}

pub(super) fn test(document: &mut Value, path: &str, value: Option<&Value>) -> Result<(), Refusal> {
    let value = value.ok_or(Refusal::NoValue)?;
    let found = if path.is_empty() {
        document.clone()
    } else {
        get(document, path)?
    };
    if found == *value {
        Ok(())
    } else {
        Err(Refusal::Test)
    }
}

/// Counts what is copied.
pub(super) fn charge(value: &Value, copied: &mut usize) -> Result<(), Refusal> {
    *copied += size(value);
    if *copied > COPIED {
        return Err(Refusal::Copied);
    }
    Ok(())
}

fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        _ => 0,
    }
}

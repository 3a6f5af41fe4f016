//! JSON patches (RFC 6902), as kustomize applies them: with the module
//! `evanphx/json-patch` v4, on the JSON of an object, whose numbers are
//! doubles afterwards.

mod document;

use model::yaml::{Dialect, EmitError, Limits, Node, YamlError, from_json, parse, to_json};
use serde_json::Value;

pub use document::Refusal;

/// Why a JSON patch cannot be read or applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// The text is no YAML.
    #[error("{0}")]
    Yaml(#[from] YamlError),
    /// The text is no JSON, though it begins as such.
    #[error("not JSON: {0}")]
    Json(String),
    /// The text is no list of operations.
    #[error("not a list of operations, each a map")]
    NotAPatch,
    /// The object cannot be made JSON of.
    #[error("{0}")]
    Target(#[from] EmitError),
    /// An operation that does not apply.
    #[error("operation {number} ({op} {path}): {why}")]
    Operation {
        /// Which one, from 1.
        number: usize,
        /// What it does.
        op: String,
        /// Where.
        path: String,
        /// Why it does not apply.
        why: Refusal,
    },
    /// What is left is no object.
    #[error("the patched object is no map any more")]
    NotAnObject,
}

/// A JSON patch.
///
/// ```
/// use model::yaml::{Dialect, Limits, Node, emit, parse};
/// use render::json6902::Patch;
/// let text = "- {op: replace, path: /spec/replicas, value: 3}\n- {op: add, path: /spec/on, value: yes}\n";
/// let patch = Patch::parse(text, &Limits::default())?;
/// let mut target = parse("spec: {replicas: 1}", Dialect::V3, &Limits::default())?.unwrap_or_else(Node::null);
/// patch.apply(&mut target)?;
/// assert_eq!(emit(&target)?, "spec:\n  \"on\": true\n  replicas: 3\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Patch {
    operations: Vec<Operation>,
}

#[derive(Debug, Clone)]
struct Operation {
    op: String,
    path: Option<String>,
    from: Option<String>,
    value: Option<Value>,
}

impl Patch {
    /// Reads a patch: JSON if it begins with a bracket, else YAML by the
    /// rules of go-yaml v2.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, JsonPatchError> {
        let json = if text.starts_with('[') {
            serde_json::from_str(text).map_err(|e| JsonPatchError::Json(e.to_string()))?
        } else {
            let node = parse(text, Dialect::V2, limits)?.unwrap_or_else(Node::null);
            to_json(&node)?
        };
        let operations = match json {
            Value::Null => Vec::new(),
            Value::Array(items) => items
                .into_iter()
                .map(Operation::of)
                .collect::<Option<_>>()
                .ok_or(JsonPatchError::NotAPatch)?,
            _ => return Err(JsonPatchError::NotAPatch),
        };
        Ok(Self { operations })
    }

    /// Applies it. The target stays as it was when an operation fails.
    pub fn apply(&self, target: &mut Node) -> Result<(), JsonPatchError> {
        let mut document = to_json(target)?;
        let mut copied = 0;
        for (operation, number) in self.operations.iter().zip(1..) {
            operation.apply(&mut document, &mut copied).map_err(|why| {
                JsonPatchError::Operation {
                    number,
                    op: operation.op.clone(),
                    path: operation.path.clone().unwrap_or_default(),
                    why,
                }
            })?;
        }
        if !document.is_object() {
            return Err(JsonPatchError::NotAnObject);
        }
        as_doubles(&mut document);
        let at = target.at;
        *target = from_json(&document);
        target.at = at;
        Ok(())
    }
}

impl Operation {
    fn of(json: Value) -> Option<Self> {
        let mut map = match json {
            Value::Null => serde_json::Map::new(),
            Value::Object(map) => map,
            _ => return None,
        };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Some(Self {
            op: text(map.remove("op")).unwrap_or_else(|| "unknown".to_owned()),
            path: text(map.remove("path")),
            from: text(map.remove("from")),
            value: map.remove("value"),
        })
    }

    fn apply(&self, document: &mut Value, copied: &mut usize) -> Result<(), Refusal> {
        let path = || self.path.as_deref().ok_or(Refusal::NoPath);
        let from = || self.from.as_deref().ok_or(Refusal::NoFrom);
        let value = || self.value.clone().unwrap_or(Value::Null);
        match self.op.as_str() {
            "add" => document::add(document, path()?, value()),
            "remove" => document::remove(document, path()?).map(drop),
            "replace" => document::replace(document, path()?, self.value.as_ref()),
            "test" => document::test(document, path()?, self.value.as_ref()),
            "move" => {
                let moved = document::remove(document, from()?)?;
                document::add(document, path()?, moved)
            }
            "copy" => {
                let copy = document::get(document, from()?)?;
                document::charge(&copy, copied)?;
                document::add(document, path()?, copy)
            }
            _ => Err(Refusal::UnknownOperation),
        }
    }
}

/// Go reads the patched JSON back with every number a double.
fn as_doubles(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let double = number.as_f64().and_then(serde_json::Number::from_f64);
            if let Some(double) = double {
                *number = double;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_doubles),
        Value::Object(map) => map.values_mut().for_each(as_doubles),
        _ => {}
    }
}

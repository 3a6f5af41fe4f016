//! Who wrote a field of an object last.

use serde_json::Value;

use super::images::Image;
use crate::object::{items, text};

/// Our own name as a field manager.
const CONSIGN: &str = "consign";

/// The manager that wrote a container's image last, if it is not us; for
/// messages, so the keys of `fieldsV1` are taken as the API server writes them.
pub(super) fn of_image(object: &Value, spec: &[&str], image: &Image<'_>) -> Option<String> {
    let (list, reference) = image.list.keys();
    let mut keys: Vec<String> = spec.iter().map(|key| format!("f:{key}")).collect();
    keys.push(format!("f:{list}"));
    keys.push(format!("k:{}", serde_json::json!({"name": image.name})));
    keys.extend(reference.iter().map(|key| format!("f:{key}")));
    items(object, "/metadata/managedFields")
        .iter()
        .filter(|entry| text(entry, "/manager") != CONSIGN && owns(entry, &keys))
        .max_by_key(|entry| text(entry, "/time"))
        .map(|entry| text(entry, "/manager").to_owned())
}

fn owns(entry: &Value, keys: &[String]) -> bool {
    keys.iter()
        .try_fold(
            entry.get("fieldsV1").unwrap_or(&Value::Null),
            |fields, key| fields.get(key),
        )
        .is_some()
}

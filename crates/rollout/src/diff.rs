//! What differs between two states of an object, field by field.

use serde_json::Value;

use crate::fields::LAST_APPLIED;
use crate::redact;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where: `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
    /// What it was; `None` where it was not.
    pub before: Option<Value>,
    /// What it is; `None` where it is not.
    pub after: Option<Value>,
}

/// Fields that the server keeps for itself.
const SERVERS_OWN: [&str; 6] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
];

/// The changes from one state to another. The server's own fields, the status
/// and what plain `kubectl apply` notes do not count; values that may be
/// secret are left out.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk("", &visible(before), &visible(after), &mut found);
    let secret = after["kind"] == "Secret";
    for change in &mut found {
        let hide = |value: &mut Option<Value>| {
            if let Some(value) = value {
                *value = hidden(&change.path, secret, value);
            }
        };
        hide(&mut change.before);
        hide(&mut change.after);
    }
    found
}

fn visible(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in SERVERS_OWN {
                metadata.remove(key);
            }
            let empty = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut)
                .is_some_and(|annotations| {
                    annotations.remove(LAST_APPLIED);
                    annotations.is_empty()
                });
            if empty {
                metadata.remove("annotations");
            }
        }
    }
    object
}

fn walk(path: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let one = |path: String, before: Option<&Value>, after: Option<&Value>| Change {
        path,
        before: before.cloned(),
        after: after.cloned(),
    };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, old) in before {
                let path = format!("{path}.{key}");
                match after.get(key) {
                    Some(new) => walk(&path, old, new, found),
                    None => found.push(one(path, Some(old), None)),
                }
            }
            for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                found.push(one(format!("{path}.{key}"), None, Some(new)));
            }
        }
        (Value::Array(before), Value::Array(after)) if named(before) && named(after) => {
            for old in before {
                let path = item_path(path, old);
                match after.iter().find(|new| new["name"] == old["name"]) {
                    Some(new) => walk(&path, old, new, found),
                    None => found.push(one(path, Some(old), None)),
                }
            }
            for new in after {
                if !before.iter().any(|old| old["name"] == new["name"]) {
                    found.push(one(item_path(path, new), None, Some(new)));
                }
            }
        }
        _ => found.push(one(path.to_owned(), Some(before), Some(after))),
    }
}

fn item_path(path: &str, item: &Value) -> String {
    format!("{path}[name={}]", item["name"])
}

/// Whether a list's items are told apart by their names.
fn named(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(|item| item["name"].is_string())
}

fn hidden(path: &str, secret: bool, value: &Value) -> Value {
    let variable = path
        .strip_suffix(".value")
        .and_then(|rest| rest.rsplit_once("[name="))
        .is_some_and(|(_, name)| redact::is_secret_name(name));
    if variable || secret && (path.starts_with(".data") || path.starts_with(".stringData")) {
        return Value::from(redact::LEFT_OUT);
    }
    let mut value = value.clone();
    redact::variables(&mut value);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(before: &Value, after: &Value) -> Vec<String> {
        changes(before, after).into_iter().map(|c| c.path).collect()
    }

    #[test]
    fn items_with_names_are_told_apart_by_them() {
        let before = json!({"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b"}], "args": ["1"]}});
        let after = json!({"spec": {"containers": [{"name": "c"}, {"name": "a", "image": "y"}], "args": ["1", "2"]}});
        assert_eq!(
            paths(&before, &after),
            [
                ".spec.containers[name=\"a\"].image",
                ".spec.containers[name=\"b\"]",
                ".spec.containers[name=\"c\"]",
                ".spec.args"
            ]
        );
    }

    #[test]
    fn the_servers_own_fields_and_the_status_do_not_count() {
        let before = json!({"metadata": {"uid": "1", "generation": 1}, "status": {"a": 1}});
        let after = json!({"metadata": {"uid": "1", "generation": 2, "annotations": {LAST_APPLIED: "x"}}, "status": {"a": 2}});
        assert_eq!(paths(&before, &after), [""; 0]);
    }

    #[test]
    fn secret_values_differ_without_being_told() {
        let secret = |value: &str| json!({"kind": "Secret", "data": {"k": value}});
        let env =
            |value: &str| json!({"kind": "Pod", "env": [{"name": "API_TOKEN", "value": value}]});
        for (before, after) in [
            (secret("canary1"), secret("canary2")),
            (env("canary1"), env("canary2")),
        ] {
            let found = changes(&before, &after);
            assert_eq!(found.len(), 1);
            assert!(!format!("{found:?}").contains("canary"));
        }
        let new = changes(&json!({"kind": "Pod"}), &env("canary"));
        assert!(!format!("{new:?}").contains("canary"));
    }
}

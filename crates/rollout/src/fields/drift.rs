//! What others have changed since we applied, and who.

use serde_json::{Map, Value};

use crate::fields::{self, Difference};

/// A field of ours that others have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which: `.spec.replicas`; empty for the whole object.
    pub field: String,
    /// Whose it is now; none for a field that is gone.
    pub managers: Vec<String>,
}

/// The fields of an object that the package has and others have changed:
/// `difference` is what the package's object and this one differ in.
pub fn of(object: &Value, difference: &Difference) -> Vec<Drift> {
    if !fields::is_managed(object) {
        let managers = fields::strangers(object)
            .into_iter()
            .map(str::to_owned)
            .collect();
        return vec![Drift {
            field: String::new(),
            managers,
        }];
    }
    difference
        .not_owned
        .iter()
        .map(|field| Drift {
            field: field.clone(),
            managers: managers(object, field),
        })
        // What is empty has no owner in any case.
        .filter(|drift| {
            !drift.managers.is_empty()
                || drift.field.ends_with(']')
                || difference.values.contains(&drift.field)
        })
        .collect()
}

/// The managers that own a field, or something in it.
fn managers(object: &Value, field: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for entry in fields::entries(object) {
        let is_other = entry.manager != fields::MANAGER && entry.manager != fields::HANDOVER;
        if is_other && covers(entry.fields, field) && !found.iter().any(|m| m == entry.manager) {
            found.push(entry.manager.to_owned());
        }
    }
    found
}

/// Whether `FieldsV1` hold this field, something in it, or it as a part of what
/// is owned whole.
fn covers(owned: &Value, field: &str) -> bool {
    let Some(owned) = owned.as_object() else {
        return false;
    };
    owned.iter().any(|(step, below)| {
        let Some(rest) = shown(step).and_then(|shown| field.strip_prefix(shown.as_str())) else {
            return false;
        };
        match rest.chars().next() {
            None => true,
            Some('.' | '[') => is_leaf(below) || covers(below, rest),
            Some(_) => false,
        }
    })
}

fn is_leaf(owned: &Value) -> bool {
    owned
        .as_object()
        .is_none_or(|owned| owned.keys().all(|key| key == "."))
}

/// A step of `FieldsV1` as [`fields::compare`] writes it in its paths.
fn shown(step: &str) -> Option<String> {
    if let Some(name) = step.strip_prefix("f:") {
        return Some(format!(".{name}"));
    }
    if let Some(value) = step.strip_prefix("v:") {
        return Some(format!("[{value}]"));
    }
    let keys: Map<String, Value> = serde_json::from_str(step.strip_prefix("k:")?).ok()?;
    let keys: Vec<String> = keys
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    Some(format!("[{}]", keys.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsV1": fields})
    }

    fn drift(wanted: &Value, live: &Value) -> Vec<(String, Vec<String>)> {
        let none = Value::Null;
        let difference = fields::compare(wanted, live, fields::ours(live).unwrap_or(&none));
        of(live, &difference)
            .into_iter()
            .map(|d| (d.field, d.managers))
            .collect()
    }

    #[test]
    fn a_field_that_was_scaled_or_edited_is_told_with_its_manager() {
        let wanted = json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "a"}]}}}});
        let container = |field: &str| json!({"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, (field): {}}}}}});
        let mut spec = container("f:image");
        let live = json!({
            "metadata": {"managedFields": [
                entry(fields::MANAGER, "Apply", &json!({"f:spec": container("f:name")})),
                entry("kubectl", "Update", &json!({"f:spec": {"f:replicas": {}}})),
                entry("kubectl-edit", "Update", &json!({"f:spec": spec.take()})),
            ]},
            "spec": {"replicas": 5, "template": {"spec": {"containers": [{"name": "web", "image": "b"}]}}},
        });
        assert_eq!(
            drift(&wanted, &live),
            [
                (".spec.replicas".to_owned(), vec!["kubectl".to_owned()]),
                (
                    ".spec.template.spec.containers[name=\"web\"].image".to_owned(),
                    vec!["kubectl-edit".to_owned()]
                ),
            ]
        );
    }

    #[test]
    fn what_is_gone_is_nobodys_and_what_is_empty_no_drift() {
        let wanted = json!({"metadata": {"labels": {}}, "data": {"a": "1", "b": "2"}});
        let live = json!({
            "metadata": {"managedFields": [entry(fields::MANAGER, "Apply", &json!({"f:data": {"f:a": {}}}))]},
            "data": {"a": "1"},
        });
        assert_eq!(drift(&wanted, &live), [(".data.b".to_owned(), vec![])]);
    }

    #[test]
    fn an_object_that_others_took_whole_is_told_once() {
        let wanted = json!({"data": {"a": "1", "b": "2"}});
        let live = json!({
            "metadata": {"managedFields": [entry("helm", "Apply", &json!({"f:data": {"f:a": {}, "f:b": {}}}))]},
            "data": {"a": "1", "b": "2"},
        });
        assert_eq!(
            drift(&wanted, &live),
            [(String::new(), vec!["helm".to_owned()])]
        );
    }

    #[test]
    fn what_is_owned_whole_covers_its_parts() {
        let owned = json!({"f:spec": {"f:selector": {}, "f:rules": {".": {}, "v:\"a\"": {}}}});
        assert!(covers(&owned, ".spec.selector.app"));
        assert!(covers(&owned, ".spec.rules[\"a\"]"));
        assert!(covers(&owned, ".spec"));
        assert!(!covers(&owned, ".spec.rules[\"b\"]"));
        assert!(!covers(&owned, ".spec.selectors"));
    }
}

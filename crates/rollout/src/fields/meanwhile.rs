//! Whether an object that went on is still the one that a step was planned
//! on, by what the step builds on.

use serde_json::{Map, Value};

use super::{CLIENT_SIDE_APPLY, Operation, entries, ours, project};
use crate::object::uid;

/// Whether two states of an object agree in all that is ours: what else there
/// is, a status above all, may have changed.
pub fn same_of_ours(before: &Value, now: &Value) -> bool {
    uid(before) == uid(now) && same_in(ours(before), ours(now), before, now)
}

/// Whether two states agree in what is ours and in what plain `kubectl apply`
/// owns, which is to become ours.
pub fn same_to_migrate(before: &Value, now: &Value) -> bool {
    same_of_ours(before, now) && same_in(plain_apply(before), plain_apply(now), before, now)
}

/// Whether two states agree in all but their status and what the server keeps
/// of every object: one that is taken from others is taken as it was shown.
pub fn same_to_take(before: &Value, now: &Value) -> bool {
    uid(before) == uid(now) && same_of_ours(before, now) && content(before) == content(now)
}

/// An object without its replicas, and without anybody's hold on them: those
/// of one that an autoscaler scales are nobody's plan.
pub fn without_replicas(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.shift_remove("replicas");
    }
    let entries = object
        .pointer_mut("/metadata/managedFields")
        .and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        let Some(fields) = entry.get_mut("fieldsV1").and_then(Value::as_object_mut) else {
            continue;
        };
        if let Some(spec) = fields.get_mut("f:spec").and_then(Value::as_object_mut) {
            spec.shift_remove("f:replicas");
            // With its last field the server lets go of the whole.
            if spec.is_empty() {
                fields.shift_remove("f:spec");
            }
        }
    }
    object
}

/// Whether the same fields are owned in both states, with the same values.
fn same_in(owned: Option<&Value>, owned_now: Option<&Value>, before: &Value, now: &Value) -> bool {
    match (owned, owned_now) {
        (None, None) => true,
        (Some(a), Some(b)) => a == b && (is_empty(a) || project(before, a) == project(now, a)),
        // One that owns nothing is as good as none.
        (Some(one), None) | (None, Some(one)) => is_empty(one),
    }
}

fn is_empty(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
}

fn plain_apply(object: &Value) -> Option<&Value> {
    entries(object)
        .find(|e| {
            e.manager == CLIENT_SIDE_APPLY
                && e.operation == Operation::Update
                && e.subresource.is_empty()
        })
        .map(|e| e.fields)
}

/// What users and controllers say of an object, but its status.
fn content(object: &Value) -> Value {
    let mut content = Map::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        match key.as_str() {
            // An item of a list does not say what it is.
            "status" | "apiVersion" | "kind" => {}
            "metadata" => {
                for key in ["labels", "annotations"] {
                    let said = value.get(key).cloned().unwrap_or_default();
                    content.insert(format!("metadata.{key}"), said);
                }
            }
            _ => {
                content.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::MANAGER;
    use serde_json::json;

    fn object(entries: &Value, a: i64, b: i64) -> Value {
        json!({
            "metadata": {"uid": "u", "managedFields": entries},
            "spec": {"a": a, "b": b, "replicas": 3},
            "status": 1,
        })
    }

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsV1": fields})
    }

    #[test]
    fn a_change_in_what_others_own_is_no_change_of_ours() {
        let fields = json!({"f:spec": {"f:a": {}, "f:list": {"k:{\"name\":\"x\"}": {"f:v": {}}}}});
        let object = |a: i64, v: i64, status: i64| {
            json!({"metadata": {"uid": "u", "managedFields": [
                {"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}]},
                "spec": {"a": a, "list": [{"name": "x", "v": v}, {"name": "y", "v": status}]}, "status": status})
        };
        assert!(same_of_ours(&object(1, 1, 1), &object(1, 1, 2)));
        assert!(!same_of_ours(&object(1, 1, 1), &object(2, 1, 1)));
        assert!(!same_of_ours(&object(1, 1, 1), &object(1, 2, 1)));
        let mut other = object(1, 1, 1);
        other["metadata"]["uid"] = json!("w");
        assert!(!same_of_ours(&object(1, 1, 1), &other));
    }

    #[test]
    fn what_is_to_become_ours_counts_before_it_is() {
        let plain = json!([entry(
            CLIENT_SIDE_APPLY,
            "Update",
            &json!({"f:spec": {"f:a": {}}})
        )]);
        let before = object(&plain, 1, 1);
        assert!(same_to_migrate(&before, &object(&plain, 1, 2)));
        assert!(!same_to_migrate(&before, &object(&plain, 2, 1)));
        // An edit takes the field away from plain apply.
        let edited = json!([entry(
            "kubectl-edit",
            "Update",
            &json!({"f:spec": {"f:a": {}}})
        )]);
        assert!(!same_to_migrate(&before, &object(&edited, 1, 1)));
    }

    #[test]
    fn what_is_taken_whole_counts_whole_but_for_its_status() {
        let helm = json!([entry("helm", "Update", &json!({"f:spec": {"f:a": {}}}))]);
        let before = object(&helm, 1, 1);
        let mut now = before.clone();
        now["status"] = json!(2);
        now["metadata"]["resourceVersion"] = json!("9");
        now["kind"] = json!("Deployment");
        assert!(same_to_take(&before, &now));
        assert!(!same_to_take(&before, &object(&helm, 1, 2)));
        now["metadata"]["labels"] = json!({"by": "hand"});
        assert!(!same_to_take(&before, &now));
    }

    #[test]
    fn replicas_that_an_autoscaler_took_are_no_change() {
        let ours = |fields: &Value| entry(MANAGER, "Apply", fields);
        let before = object(
            &json!([ours(&json!({"f:spec": {"f:a": {}, "f:replicas": {}}}))]),
            1,
            1,
        );
        let mut now = object(
            &json!([
                ours(&json!({"f:spec": {"f:a": {}}})),
                entry(
                    "kube-controller-manager",
                    "Update",
                    &json!({"f:spec": {"f:replicas": {}}})
                ),
            ]),
            1,
            1,
        );
        now["spec"]["replicas"] = json!(20);
        assert!(!same_of_ours(&before, &now));
        let same = |now: &Value| same_of_ours(&without_replicas(&before), &without_replicas(now));
        assert!(same(&now));
        now["spec"]["a"] = json!(2);
        assert!(!same(&now));
    }
}

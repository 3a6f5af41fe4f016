//! Who owns which fields: `managedFields`, and what of it is ours.
//!
//! Source of the rules: Kubernetes' server-side apply, format `FieldsV1`
//! (`sigs.k8s.io/structured-merge-diff`).

mod same;

mod compare;

mod meanwhile;

pub mod drift;

use jiff::Timestamp;
use serde_json::Value;

pub use compare::{Difference, compare};
pub use meanwhile::{same_of_ours, same_to_migrate, same_to_take, without_replicas};

/// The field manager that everything of ours is applied as.
pub const MANAGER: &str = "consign";

/// The manager that holds replicas for an autoscaler.
pub const HANDOVER: &str = "consign-handover";

/// The manager of plain `kubectl apply`.
pub const CLIENT_SIDE_APPLY: &str = "kubectl-client-side-apply";

/// The annotation that plain `kubectl apply` leaves.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Controllers that write beside the user: what they own does not make an
/// object somebody else's.
const CONTROLLERS: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "kubelet"];

/// How a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// In any other way.
    Update,
}

/// One manager's entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its name.
    pub manager: &'a str,
    /// How it wrote.
    pub operation: Operation,
    /// The subresource it wrote to; empty for the object itself.
    pub subresource: &'a str,
    /// The fields, as `FieldsV1`.
    pub fields: &'a Value,
}

/// The entries of an object.
pub fn entries(object: &Value) -> impl Iterator<Item = Entry<'_>> {
    crate::object::items(object, "/metadata/managedFields")
        .iter()
        .map(|entry| {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            Entry {
                manager: text("manager"),
                operation: if text("operation") == "Apply" {
                    Operation::Apply
                } else {
                    Operation::Update
                },
                subresource: text("subresource"),
                fields: entry.get("fieldsV1").unwrap_or(&Value::Null),
            }
        })
}

/// The fields that we applied, if we did.
pub fn ours(object: &Value) -> Option<&Value> {
    entries(object)
        .find(|e| {
            e.manager == MANAGER && e.operation == Operation::Apply && e.subresource.is_empty()
        })
        .map(|e| e.fields)
}

/// When we last changed fields of an object, by the server's clock.
pub fn applied_at(object: &Value) -> Option<Timestamp> {
    crate::object::items(object, "/metadata/managedFields")
        .iter()
        .filter(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply")
        .filter_map(|entry| entry.get("time")?.as_str()?.parse().ok())
        .max()
}

/// Whether nobody owns a field of an object. What has a name and no more
/// leaves no trace of who applied it.
pub fn is_nobodys(object: &Value) -> bool {
    entries(object).all(|e| e.subresource == "status")
}

/// Whether we manage an object, as far as it tells itself: records tell the
/// rest.
pub fn is_managed(object: &Value) -> bool {
    ours(object).is_some() || is_nobodys(object)
}

/// Whether an object was only ever written by plain `kubectl apply`, and by
/// controllers: such a one is adopted without being asked.
pub fn only_client_side(object: &Value) -> bool {
    let mut applied = false;
    for entry in entries(object) {
        match entry.manager {
            CLIENT_SIDE_APPLY if entry.operation == Operation::Update => applied = true,
            manager if CONTROLLERS.contains(&manager) => {}
            _ if entry.subresource == "status" => {}
            _ => return false,
        }
    }
    applied
}

/// Whether plain `kubectl apply` owns fields of it.
pub fn has_client_side(object: &Value) -> bool {
    entries(object).any(|e| e.manager == CLIENT_SIDE_APPLY && e.operation == Operation::Update)
}

/// The managers of an object but ours and the controllers, each once, in the
/// order of their entries.
pub fn strangers(object: &Value) -> Vec<&str> {
    let mut managers = Vec::new();
    for entry in entries(object) {
        if entry.subresource != "status"
            && entry.manager != MANAGER
            && entry.manager != HANDOVER
            && !CONTROLLERS.contains(&entry.manager)
            && !managers.contains(&entry.manager)
        {
            managers.push(entry.manager);
        }
    }
    managers
}

/// The managers that own a field, by its steps in `FieldsV1` (`f:spec`,
/// `f:replicas`).
pub fn owners<'a>(object: &'a Value, steps: &[&str]) -> Vec<&'a str> {
    entries(object)
        .filter(|e| {
            steps
                .iter()
                .try_fold(e.fields, |at, step| at.get(step))
                .is_some()
        })
        .map(|e| e.manager)
        .collect()
}

/// The replicas that fall back to their default once we let go of them: only
/// we hold them, or plain `kubectl apply`, whose fields become ours.
pub fn ceded_replicas(object: &Value) -> Option<i64> {
    let owners = owners(object, &["f:spec", "f:replicas"]);
    let only_ours = owners
        .iter()
        .all(|owner| [MANAGER, CLIENT_SIDE_APPLY].contains(owner));
    if owners.is_empty() || !only_ours {
        return None;
    }
    object.pointer("/spec/replicas")?.as_i64()
}

/// The entries of an object after what plain `kubectl apply` owned has become
/// ours, so that a field that the package does not have is removed and not
/// left owned by nobody. What the last-applied annotation takes goes with it.
///
/// Source of the rule: `k8s.io/client-go/util/csaupgrade`.
pub fn migrated(object: &Value) -> Value {
    let mut entries: Vec<Value> = crate::object::items(object, "/metadata/managedFields").to_vec();
    let is = |entry: &Value, manager: &str, operation: &str| {
        entry.get("manager").and_then(Value::as_str) == Some(manager)
            && entry.get("operation").and_then(Value::as_str) == Some(operation)
            && entry
                .get("subresource")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .is_empty()
    };
    let mut ours = Value::Object(serde_json::Map::new());
    let mut like = None;
    entries.retain(|entry| {
        let mine = is(entry, MANAGER, "Apply");
        let theirs = is(entry, CLIENT_SIDE_APPLY, "Update");
        if mine || theirs {
            join(&mut ours, entry.get("fieldsV1").unwrap_or(&Value::Null));
            if mine || like.is_none() {
                like = Some(entry.clone());
            }
        }
        !(mine || theirs)
    });
    if let Some(Value::Object(mut entry)) = like {
        entry.insert("manager".to_owned(), Value::from(MANAGER));
        entry.insert("operation".to_owned(), Value::from("Apply"));
        entry.insert("fieldsV1".to_owned(), ours);
        entries.push(Value::Object(entry));
    }
    Value::Array(entries)
}

/// What an object holds in these fields, and nothing else: two projections
/// that are equal differ in what others own at most.
pub fn project(object: &Value, fields: &Value) -> Value {
    let Some(owned) = fields
        .as_object()
        .filter(|owned| owned.keys().any(|key| key != "."))
    else {
        return object.clone();
    };
    let mut out = serde_json::Map::new();
    for (step, below) in owned {
        let found = if let Some(name) = step.strip_prefix("f:") {
            object.get(name)
        } else if let Some(Ok(Value::Object(keys))) =
            step.strip_prefix("k:").map(serde_json::from_str)
        {
            object.as_array().and_then(|items| {
                items
                    .iter()
                    .find(|item| keys.iter().all(|(key, value)| item.get(key) == Some(value)))
            })
        } else if let Some(Ok(value)) = step.strip_prefix("v:").map(serde_json::from_str::<Value>) {
            object
                .as_array()
                .and_then(|items| items.iter().find(|item| **item == value))
        } else {
            continue;
        };
        out.insert(
            step.clone(),
            found.map_or(Value::Null, |found| project(found, below)),
        );
    }
    Value::Object(out)
}

fn join(into: &mut Value, from: &Value) {
    let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) else {
        return;
    };
    for (key, value) in from {
        join(
            into.entry(key.clone())
                .or_insert_with(|| Value::Object(serde_json::Map::new())),
            value,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn managed(entries: &Value) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn plain_apply_and_controllers_are_nobodys_but_ours() {
        let applied = json!({"manager": CLIENT_SIDE_APPLY, "operation": "Update", "fieldsV1": {}});
        let status = json!({"manager": "ingress-nginx", "operation": "Update", "subresource": "status", "fieldsV1": {}});
        let edit = json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {}});
        assert!(only_client_side(&managed(&json!([applied, status]))));
        assert!(!only_client_side(&managed(&json!([status]))));
        assert!(!only_client_side(&managed(&json!([applied, edit]))));
    }

    #[test]
    fn replicas_are_ceded_while_nobody_else_holds_them() {
        let owned = |managers: &[&str]| {
            let entries: Vec<Value> = managers
                .iter()
                .map(|manager| json!({"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}))
                .collect();
            let mut object = managed(&json!(entries));
            object["spec"] = json!({"replicas": 20});
            object
        };
        assert_eq!(ceded_replicas(&owned(&[MANAGER])), Some(20));
        assert_eq!(
            ceded_replicas(&owned(&[CLIENT_SIDE_APPLY, MANAGER])),
            Some(20)
        );
        for others in [
            &[][..],
            &["kube-controller-manager"],
            &[MANAGER, HANDOVER],
            &["helm"],
        ] {
            assert_eq!(ceded_replicas(&owned(others)), None, "{others:?}");
        }
    }

    #[test]
    fn what_plain_apply_owned_becomes_ours_and_nothing_is_lost() {
        let object = managed(&json!([
            {"manager": CLIENT_SIDE_APPLY, "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:data": {".": {}, "f:old": {}, "f:both": {}}}},
            {"manager": MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:data": {"f:both": {}, "f:new": {}}}},
            {"manager": "other", "operation": "Update", "fieldsV1": {"f:data": {"f:x": {}}}},
        ]));
        let entries = migrated(&object);
        assert_eq!(entries.as_array().unwrap().len(), 2);
        assert_eq!(
            entries[1]["fieldsV1"],
            json!({"f:data": {".": {}, "f:old": {}, "f:both": {}, "f:new": {}}})
        );
        assert_eq!(
            (&entries[1]["manager"], &entries[1]["operation"]),
            (&json!(MANAGER), &json!("Apply"))
        );
    }
}

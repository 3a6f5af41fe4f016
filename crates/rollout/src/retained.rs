//! What a rollout of before still needs, so that it can be undone to.
//!
//! Source of the rule: row "prune" of `docs/deploying.md`; `kubectl rollout
//! undo` goes back to a `ReplicaSet` or a `ControllerRevision` that is kept.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::object::{ObjectId, items, text};

/// Kinds that pods name.
const NAMED_BY_PODS: [&str; 4] = [
    "ConfigMap",
    "PersistentVolumeClaim",
    "Secret",
    "ServiceAccount",
];

/// The revision that names this object, if one does whose owner is not itself
/// going (`going` holds UIDs).
pub fn by(id: &ObjectId, revisions: &[Value], going: &BTreeSet<&str>) -> Option<String> {
    if !id.group.is_empty() || !NAMED_BY_PODS.contains(&id.kind.as_str()) {
        return None;
    }
    revisions
        .iter()
        .filter(|revision| text(revision, "/metadata/namespace") == id.namespace)
        .filter(|revision| {
            !items(revision, "/metadata/ownerReferences")
                .iter()
                .any(|owner| going.contains(text(owner, "/uid")))
        })
        .find(|revision| {
            ["/spec/template/spec", "/data/spec/template/spec"]
                .iter()
                .filter_map(|pointer| revision.pointer(pointer))
                .any(|spec| names(spec, id))
        })
        .map(|revision| ObjectId::of(revision).to_string())
}

/// Whether a pod spec names an object.
fn names(spec: &Value, id: &ObjectId) -> bool {
    match id.kind.as_str() {
        "ServiceAccount" => {
            spec["serviceAccountName"] == id.name.as_str()
                || spec["serviceAccount"] == id.name.as_str()
        }
        "PersistentVolumeClaim" => items(spec, "/volumes")
            .iter()
            .any(|v| v["persistentVolumeClaim"]["claimName"] == id.name.as_str()),
        "Secret" => holds(
            spec,
            &["secretRef", "secretKeyRef", "secret", "imagePullSecrets"],
            &id.name,
        ),
        _ => holds(
            spec,
            &["configMapRef", "configMapKeyRef", "configMap"],
            &id.name,
        ),
    }
}

/// Whether a reference below one of these keys has this name.
fn holds(value: &Value, keys: &[&str], name: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| holds(item, keys, name)),
        Value::Object(map) => map.iter().any(|(key, value)| {
            keys.contains(&key.as_str()) && is_named(value, name) || holds(value, keys, name)
        }),
        _ => false,
    }
}

fn is_named(reference: &Value, name: &str) -> bool {
    match reference {
        Value::Array(items) => items.iter().any(|item| is_named(item, name)),
        _ => reference["name"] == name || reference["secretName"] == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_old_revisions_name_is_retained_unless_they_go_too() {
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-1", "namespace": "n", "ownerReferences": [{"uid": "d"}]},
            "spec": {"template": {"spec": {"serviceAccountName": "sa",
                "containers": [{"envFrom": [{"configMapRef": {"name": "env"}}]}],
                "volumes": [{"configMap": {"name": "files"}}, {"secret": {"secretName": "tls"}},
                    {"projected": {"sources": [{"configMap": {"name": "more"}}]}}]}}}});
        let id = |kind: &str, name: &str| ObjectId {
            group: String::new(),
            kind: kind.into(),
            namespace: "n".into(),
            name: name.into(),
        };
        let sets = [set];
        for (kind, name) in [
            ("ConfigMap", "env"),
            ("ConfigMap", "files"),
            ("ConfigMap", "more"),
            ("Secret", "tls"),
            ("ServiceAccount", "sa"),
        ] {
            assert_eq!(
                by(&id(kind, name), &sets, &BTreeSet::new()).as_deref(),
                Some("ReplicaSet n/web-1"),
                "{name}"
            );
            assert_eq!(by(&id(kind, name), &sets, &["d"].into()), None);
        }
        assert_eq!(by(&id("ConfigMap", "sa"), &sets, &BTreeSet::new()), None);
    }
}

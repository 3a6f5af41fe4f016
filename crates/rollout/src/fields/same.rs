//! Whether two values say the same, in the words of the server: it writes
//! quantities in its own form, leaves out what is empty, and fills in defaults.

use serde_json::{Number, Value, json};

use crate::object::text;
use crate::quantity;

/// Whether the server rewrites what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect<'a> {
    /// A kind of its own, which it reads and writes anew.
    BuiltIn {
        /// The kind.
        kind: &'a str,
    },
    /// A custom resource, which is kept as it was sent.
    Custom,
}

/// API groups whose kinds are built in; of others there is less to know.
const GROUPS: [&str; 15] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

impl<'a> Dialect<'a> {
    /// Of an object.
    pub(super) fn of(object: &'a Value) -> Self {
        let group = text(object, "/apiVersion")
            .rsplit_once('/')
            .map_or("", |(group, _)| group);
        if GROUPS.contains(&group) {
            Self::BuiltIn {
                kind: text(object, "/kind"),
            }
        } else {
            Self::Custom
        }
    }
}

/// Where a value stands. Items of a list stand where their list does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    dialect: Dialect<'a>,
    parent: &'a str,
    key: &'a str,
}

impl<'a> Place<'a> {
    /// At the top of an object.
    pub(super) fn top(dialect: Dialect<'a>, key: &'a str) -> Self {
        Self {
            dialect,
            parent: "",
            key,
        }
    }

    /// A field of what stands here.
    pub(super) fn below(self, key: &'a str) -> Self {
        Self {
            dialect: self.dialect,
            parent: self.key,
            key,
        }
    }

    /// Whether it is a map of labels or annotations, to which others add.
    fn is_shared_map(self) -> bool {
        self.parent == "metadata" && ["labels", "annotations"].contains(&self.key)
    }

    /// Whether the server takes what stands here for a quantity: `1000m` is
    /// stored as `1`.
    fn is_quantity(self) -> bool {
        let Dialect::BuiltIn { kind } = self.dialect else {
            return false;
        };
        match kind {
            // Its schemas hold examples and defaults of any form.
            "CustomResourceDefinition" => false,
            "LimitRange" => [
                "default",
                "defaultRequest",
                "max",
                "maxLimitRequestRatio",
                "min",
            ]
            .contains(&self.parent),
            "HorizontalPodAutoscaler" => ["averageValue", "tolerance", "value"].contains(&self.key),
            _ => {
                ["capacity", "hard", "limits", "podFixed", "requests"].contains(&self.parent)
                    || self.parent == "emptyDir" && self.key == "sizeLimit"
                    || self.parent == "resourceFieldRef" && self.key == "divisor"
            }
        }
    }

    /// Whether the server fills in this value here where a field is left out.
    ///
    /// Source: the defaults of Kubernetes 1.36, of what is owned as a whole.
    fn is_default(self, value: &Value) -> bool {
        let Dialect::BuiltIn { kind } = self.dialect else {
            return false;
        };
        match (kind, self.parent, self.key) {
            ("EndpointSlice" | "NetworkPolicy", "ports", "protocol") => value == "TCP",
            ("EndpointSlice", "ports", "name") => value == "",
            ("EndpointSlice", "endpoints", "conditions")
            | (_, "matchConstraints" | "matchResources", "namespaceSelector" | "objectSelector") => {
                *value == json!({})
            }
            (_, "matchConstraints" | "matchResources", "matchPolicy") => value == "Equivalent",
            ("RoleBinding" | "ClusterRoleBinding", "roleRef" | "subjects", "apiGroup") => {
                value == "rbac.authorization.k8s.io"
            }
            ("StatefulSet", "volumeClaimTemplates", "apiVersion")
            | (_, "fieldRef", "apiVersion") => value == "v1",
            ("StatefulSet", "volumeClaimTemplates", "kind") => value == "PersistentVolumeClaim",
            ("StatefulSet", "volumeClaimTemplates", "status") => {
                *value == json!({"phase": "Pending"})
            }
            ("StatefulSet", "spec", "volumeMode") => value == "Filesystem",
            (_, "resourceFieldRef", "divisor") => value == "0",
            (_, "serviceAccountToken", "expirationSeconds") => value == 3600,
            ("Deployment", "strategy", "type")
            | ("DaemonSet" | "StatefulSet", "updateStrategy", "type") => value == "RollingUpdate",
            ("Deployment", "strategy", "rollingUpdate") => {
                *value == json!({"maxSurge": "25%", "maxUnavailable": "25%"})
            }
            ("StatefulSet", "updateStrategy", "rollingUpdate") => *value == json!({"partition": 0}),
            ("DaemonSet", "updateStrategy", "rollingUpdate") => {
                *value == json!({"maxSurge": 0, "maxUnavailable": 1})
            }
            ("Job" | "CronJob", "onPodConditions", "status") => value == "True",
            (
                "MutatingWebhookConfiguration"
                | "ValidatingWebhookConfiguration"
                | "MutatingAdmissionPolicy"
                | "ValidatingAdmissionPolicy",
                "rules" | "resourceRules" | "excludeResourceRules",
                "scope",
            ) => value == "*",
            _ => false,
        }
    }
}

/// Whether a value that we own as a whole is there. One that is not there was
/// left out by the server: had others removed it, we would not own it.
pub(super) fn same(place: Place<'_>, wanted: &Value, live: Option<&Value>) -> bool {
    match live.filter(|live| !live.is_null()) {
        Some(live) => equal(place, wanted, live),
        None => match place.dialect {
            Dialect::BuiltIn { .. } => is_empty(wanted),
            Dialect::Custom => wanted.is_null(),
        },
    }
}

/// Whether it is a list that the server leaves out because it is empty: nobody
/// owns it then.
pub(super) fn is_nothing(place: Place<'_>, wanted: &Value, live: Option<&Value>) -> bool {
    place.dialect != Dialect::Custom
        && live.is_none_or(Value::is_null)
        && wanted.as_array().is_some_and(Vec::is_empty)
}

/// Whether two values say the same. What is left out in one of them counts,
/// unless it is what the server fills in.
fn equal(place: Place<'_>, wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            let met = wanted.iter().all(|(key, value)| match live.get(key) {
                Some(live) => equal(place.below(key), value, live),
                // Whether an empty list is left out never matters to it.
                None => value.is_null() || is_nothing(place, value, None),
            });
            let others = || {
                live.iter()
                    .filter(|(key, _)| !wanted.contains_key(*key))
                    .all(|(key, value)| value.is_null() || place.below(key).is_default(value))
            };
            met && (wanted.is_empty() && place.is_shared_map() || others())
        }
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len()
                && wanted
                    .iter()
                    .zip(live)
                    .all(|(wanted, live)| equal(place, wanted, live))
        }
        (Value::Number(wanted), Value::Number(live)) => numbers(wanted, live),
        _ => wanted == live || place.is_quantity() && quantity::same(&plain(wanted), &plain(live)),
    }
}

/// Whether two numbers are the same: `1.0` is kept as `1`.
fn numbers(a: &Number, b: &Number) -> bool {
    a == b
        || (a.is_f64() || b.is_f64())
            && a.as_f64()
                .is_some_and(|value| value.abs() < EXACT_MAX && b.as_f64() == Some(value))
}

/// Below this, 2^53, every whole number has a floating-point number of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether the server may leave it out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        api_version: &str,
        kind: &str,
        parent: &str,
        key: &str,
        wanted: &Value,
        live: &Value,
    ) -> bool {
        let object = json!({"apiVersion": api_version, "kind": kind});
        let place = Place::top(Dialect::of(&object), parent).below(key);
        same(place, wanted, Some(live))
    }

    #[test]
    fn only_what_the_server_rewrites_may_be_written_otherwise() {
        let (wanted, live) = (json!("1000m"), json!("1"));
        assert!(told("v1", "Pod", "limits", "cpu", &wanted, &live));
        assert!(told("v1", "Pod", "limits", "cpu", &json!(1), &live));
        assert!(told(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "target",
            "value",
            &wanted,
            &live
        ));
        assert!(!told("v1", "ConfigMap", "data", "limits", &wanted, &live));
        assert!(!told(
            "v1",
            "ConfigMap",
            "data",
            "sizeLimit",
            &wanted,
            &live
        ));
        assert!(!told(
            "example.com/v1",
            "Widget",
            "limits",
            "cpu",
            &wanted,
            &live
        ));
        assert!(!told(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "limits",
            "cpu",
            &wanted,
            &live
        ));
    }

    #[test]
    fn what_is_left_out_of_a_whole_counts() {
        let all = json!({"app": "web", "tier": "front"});
        let fewer = json!({"app": "web"});
        assert!(!told("v1", "Service", "spec", "selector", &fewer, &all));
        assert!(!told("v1", "Service", "spec", "selector", &all, &fewer));
        let port = json!([{"ports": [{"port": 80}]}]);
        let filled = json!([{"ports": [{"port": 80, "protocol": "TCP"}]}]);
        assert!(told(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "spec",
            "ingress",
            &port,
            &filled
        ));
        assert!(!told(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "spec",
            "ingress",
            &json!([{}]),
            &filled
        ));
        assert!(!told(
            "example.com/v1",
            "NetworkPolicy",
            "spec",
            "ingress",
            &port,
            &filled
        ));
        assert!(!told(
            "v1",
            "Pod",
            "spec",
            "tolerations",
            &json!([{"tolerationSeconds": 0}]),
            &json!([{}])
        ));
    }

    #[test]
    fn numbers_are_the_same_where_they_are_exactly() {
        let same = |a: Value, b: Value| told("example.com/v1", "Widget", "spec", "n", &a, &b);
        assert!(same(json!(1.0), json!(1)) && same(json!(-3), json!(-3.0)));
        assert!(!same(
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_992_i64)
        ));
        assert!(!same(
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_992.0)
        ));
        assert!(!same(json!(1), json!(true)) && !same(json!(1), json!("1")));
    }
}

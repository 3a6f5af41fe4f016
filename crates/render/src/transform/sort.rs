//! The order of the output.
//!
//! Source of the rule: kustomize v5.5.0,
//! `api/internal/builtins/SortOrderTransformer.go`.

use std::cmp::Reverse;
use std::collections::HashMap;

use model::object::Gvk;

use crate::resmap::ResMap;
use crate::resource::Resource;

/// Kinds that come first, in this order.
const FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that come last, in this order.
const LAST: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// How kinds are ranked in the legacy order; kinds in neither list come
/// between the two.
#[derive(Debug, Clone)]
pub struct Ranks(HashMap<String, i64>);

impl Ranks {
    /// Of two lists.
    pub fn new<S: AsRef<str>>(first: &[S], last: &[S]) -> Self {
        let count = i64::try_from(first.len()).unwrap_or(i64::MAX);
        let before = first.iter().zip(0..).map(|(kind, at)| (kind, at - count));
        let behind = last.iter().zip(1..);
        Self(
            before
                .chain(behind)
                .map(|(kind, rank)| (kind.as_ref().to_owned(), rank))
                .collect(),
        )
    }

    fn of(&self, kind: &str) -> i64 {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

impl Default for Ranks {
    fn default() -> Self {
        Self::new(FIRST, LAST)
    }
}

/// Puts resources in the legacy order: by rank of the kind, then by group,
/// version and kind, then by namespace and name. What is missing sorts behind
/// what is there, but for core Namespaces, which come before others.
pub fn legacy(resources: &mut ResMap, ranks: &Ranks) {
    resources.sort_by_cached_key(|resource| {
        let gvk = resource.gvk();
        let core_namespace = gvk.kind == "Namespace" && gvk.group.is_empty();
        (
            ranks.of(&gvk.kind),
            Reverse(core_namespace),
            kind_key(&gvk),
            id_key(&gvk, resource),
        )
    });
}

fn or<'a>(text: &'a str, missing: &'a str) -> &'a str {
    if text.is_empty() { missing } else { text }
}

fn kind_key(gvk: &Gvk) -> String {
    format!(
        "{}_{}_{}",
        or(&gvk.group, "~G"),
        or(&gvk.version, "~V"),
        or(&gvk.kind, "~K")
    )
}

fn id_key(gvk: &Gvk, resource: &Resource) -> String {
    format!(
        "{}.{}.{}|{}|{}",
        or(&gvk.kind, "[noKind]"),
        or(&gvk.version, "[noVer]"),
        or(&gvk.group, "[noGrp]"),
        or(resource.namespace(), "~X"),
        or(resource.name(), "~N")
    )
}

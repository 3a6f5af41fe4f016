//! What this user may do, told by the server before anything is done.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use serde_json::{Value, json};

use crate::object::items;

/// Something that a run has to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// `get`, `list`, `patch`, `create`, `update`, `delete`.
    pub verb: &'static str,
    /// The API group.
    pub group: String,
    /// The resource's name in paths.
    pub resource: String,
    /// The namespace; empty for cluster-scoped ones.
    pub namespace: String,
    /// The object's name; empty for any.
    pub name: String,
}

impl Permission {
    /// The review that asks for it.
    pub fn review(&self) -> Value {
        json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": self.verb,
                "group": self.group,
                "resource": self.resource,
                "namespace": self.namespace,
                "name": self.name,
            }},
        })
    }

    fn what(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }
}

/// Whether the rules of a `SelfSubjectRulesReview` grant it. Rules may be
/// incomplete: what they do not grant has to be asked for by itself.
pub fn granted(rules: &Value, wanted: &Permission) -> bool {
    let holds = |rule: &Value, key: &str, value: &str| {
        items(rule, key).iter().any(|v| v == "*" || v == value)
    };
    items(rules, "/status/resourceRules").iter().any(|rule| {
        holds(rule, "/verbs", wanted.verb)
            && holds(rule, "/apiGroups", &wanted.group)
            && holds(rule, "/resources", &wanted.resource)
            && {
                let names = items(rule, "/resourceNames");
                names.is_empty() || names.iter().any(|n| n == wanted.name.as_str())
            }
    })
}

/// One finding for each resource, with all verbs that lack.
pub fn lacking(permissions: &BTreeSet<Permission>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut by_resource: Vec<(String, String, Vec<&str>)> = Vec::new();
    for permission in permissions {
        let what = permission.what();
        match by_resource
            .iter_mut()
            .find(|(known, namespace, _)| *known == what && *namespace == permission.namespace)
        {
            Some((.., verbs)) if verbs.contains(&permission.verb) => {}
            Some((.., verbs)) => verbs.push(permission.verb),
            None => by_resource.push((what, permission.namespace.clone(), vec![permission.verb])),
        }
    }
    for (what, namespace, verbs) in by_resource {
        let place = if namespace.is_empty() {
            String::new()
        } else {
            format!(" in namespace {namespace}")
        };
        findings.push(
            Finding::error(
                "access-lacking",
                Class::Cluster,
                format!("Not allowed to {} {what}{place}", verbs.join(", ")),
            )
            .help("Have these verbs granted to this user, or name a context of another one with --context"),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(verb: &'static str, name: &str) -> Permission {
        Permission {
            verb,
            group: "apps".into(),
            resource: "deployments".into(),
            namespace: "sh-a".into(),
            name: name.into(),
        }
    }

    #[test]
    fn rules_grant_what_they_name() {
        let rules = json!({"status": {"resourceRules": [
            {"verbs": ["get"], "apiGroups": ["apps"], "resources": ["*"]},
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["deployments"], "resourceNames": ["web"]},
        ]}});
        assert!(granted(&rules, &wanted("get", "")));
        assert!(granted(&rules, &wanted("patch", "web")));
        assert!(!granted(&rules, &wanted("patch", "")));
        assert!(!granted(&json!({}), &wanted("get", "")));
    }

    #[test]
    fn what_lacks_is_told_once_for_each_resource() {
        let set = [
            wanted("patch", ""),
            wanted("create", ""),
            wanted("create", "x"),
        ]
        .into();
        let told: Vec<String> = lacking(&set).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["Not allowed to create, patch deployments.apps in namespace sh-a"]
        );
    }
}

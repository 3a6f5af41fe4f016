use std::collections::BTreeSet;

use model::finding::Class;
use rollout::access::{Permission, granted, lacking};
use serde_json::json;

fn permission(verb: &'static str, group: &str, resource: &str, namespace: &str) -> Permission {
    Permission {
        verb,
        group: group.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: String::new(),
    }
}

#[test]
fn d5_all_that_lacks_is_told_at_once_by_resource_and_place() {
    let lacks: BTreeSet<Permission> = [
        permission("patch", "apps", "deployments", "sh-a"),
        permission("create", "apps", "deployments", "sh-a"),
        permission("list", "apps", "deployments", "sh-b"),
        permission("list", "extensions", "deployments", "sh-a"),
        permission("get", "", "namespaces", ""),
        Permission {
            name: "web".to_owned(),
            ..permission("patch", "apps", "deployments", "sh-a")
        },
    ]
    .into();
    let findings = lacking(&lacks);
    let mut said: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "Not allowed to create, patch deployments.apps in namespace sh-a",
            "Not allowed to get namespaces",
            "Not allowed to list deployments.apps in namespace sh-b",
            "Not allowed to list deployments.extensions in namespace sh-a",
        ]
    );
    assert!(
        findings
            .iter()
            .all(|f| f.is_error() && f.class == Class::Cluster)
    );
    assert!(lacking(&BTreeSet::new()).is_empty());
}

#[test]
fn d5_rules_grant_what_they_say_and_never_more() {
    let wanted = permission("patch", "apps", "deployments", "sh-a");
    let rule = |verbs: &str, groups: &str, resources: &str| json!({"status": {"resourceRules": [{"verbs": [verbs], "apiGroups": [groups], "resources": [resources]}]}});
    for (rules, grants) in [
        (rule("patch", "apps", "deployments"), true),
        (rule("*", "*", "*"), true),
        (rule("PATCH", "apps", "deployments"), false),
        (rule("patch", "", "deployments"), false),
        (rule("patch", "apps", "deployments/scale"), false),
        (rule("patch", "apps", "deployment"), false),
        (rule("patch", "app*", "deployments"), false),
        // Rules of paths, and of any other shape.
        (
            json!({"status": {"nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}}),
            false,
        ),
        (json!({"status": {"resourceRules": {"verbs": "*"}}}), false),
        (
            json!({"status": {"resourceRules": [{"verbs": "*", "apiGroups": "*", "resources": "*"}]}}),
            false,
        ),
        (json!([]), false),
    ] {
        assert_eq!(granted(&rules, &wanted), grants, "{rules}");
    }
    // Verb, group and resource of different rules do not add up.
    let apart = json!({"status": {"resourceRules": [
        {"verbs": ["patch"], "apiGroups": ["apps"], "resources": ["replicasets"]},
        {"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments"]},
    ]}});
    assert!(!granted(&apart, &wanted));
}

#[test]
fn a_review_asks_for_exactly_this() {
    let review = permission("list", "", "pods", "sh-a").review();
    assert_eq!(review["kind"], "SelfSubjectAccessReview");
    assert_eq!(
        review["spec"]["resourceAttributes"],
        json!({"verb": "list", "group": "", "resource": "pods", "namespace": "sh-a", "name": ""})
    );
}

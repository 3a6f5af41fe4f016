//! `consign.dev/wait-for`.

use rollout::order::{Item, ReferenceError, parse_references, waves};
use serde_json::json;

use crate::items::{item, shown, waiting};

#[test]
fn references_are_read_as_written() {
    let found =
        parse_references("Job/migrate , StatefulSet.apps/db,widget.example.org/one").unwrap();
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "job/migrate",
            "statefulset.apps/db",
            "widget.example.org/one"
        ]
    );
}

#[test]
fn what_is_no_reference_is_named() {
    for (text, expected) in [
        (
            "",
            r#""" has an empty entry, expected kind/name[,kind/name…]"#,
        ),
        (
            "job/a,",
            r#""job/a," has an empty entry, expected kind/name[,kind/name…]"#,
        ),
        (
            "job/a,migrate",
            r#""migrate" is not kind/name or kind.group/name"#,
        ),
        ("job/", r#""job/" is not kind/name or kind.group/name"#),
        ("/a", r#""/a" is not kind/name or kind.group/name"#),
        ("job./a", r#""job./a" is not kind/name or kind.group/name"#),
        (
            "acme/job/a",
            r#""acme/job/a" is not kind/name or kind.group/name"#,
        ),
        (
            "job/a job/b",
            r#""job/a job/b" is not kind/name or kind.group/name"#,
        ),
    ] {
        let error = parse_references(text).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_item_is_read_from_its_object() {
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org", "annotations": {"consign.dev/wait-for": "job/a"}},
        "spec": {"group": "example.org", "names": {"kind": "Widget", "plural": "widgets"}},
    });
    let item = Item::of(&object).unwrap();
    assert_eq!(
        item.defines,
        Some(("example.org".to_owned(), "Widget".to_owned()))
    );
    assert_eq!(item.wait_for.len(), 1);

    let object = json!({"kind": "Job", "metadata": {"annotations": {"consign.dev/wait-for": "a"}}});
    assert!(matches!(
        Item::of(&object),
        Err(ReferenceError::Shape { .. })
    ));
}

#[test]
fn all_unknown_references_are_named_with_what_was_meant() {
    let items = [
        waiting("apps/Deployment acme/web", "job/migrat,job/migrate"),
        item("batch/Job acme/migrate"),
        waiting("ConfigMap acme/a", "zebra/xyzzy"),
        waiting("ConfigMap acme/b", "job.apps/migrate"),
    ];
    let error = waves(&items).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ConfigMap acme/a waits for zebra/xyzzy, which is not in the package\n\
         ConfigMap acme/b waits for job.apps/migrate, which is not in the package; did you mean job/migrate?\n\
         Deployment acme/web waits for job/migrat, which is not in the package; did you mean job/migrate?"
    );
}

#[test]
fn a_reference_means_the_object_of_the_same_namespace_first() {
    let items = [
        waiting("apps/Deployment acme/web", "job/migrate"),
        item("batch/Job acme/migrate"),
        item("batch/Job other/migrate"),
    ];
    assert_eq!(
        shown(&items, &waves(&items).unwrap()),
        ["job/migrate job/migrate [job/migrate]", "deployment/web"]
    );
}

#[test]
fn a_reference_reaches_other_namespaces_where_there_is_none_nearer() {
    let items = [
        waiting(
            "admissionregistration.k8s.io/ValidatingWebhookConfiguration guard",
            "deployment/guard",
        ),
        item("apps/Deployment acme/guard"),
        waiting("batch/Job acme/after", "clusterissuer/ca"),
        item("cert-manager.io/ClusterIssuer ca"),
    ];
    assert_eq!(
        shown(&items, &waves(&items).unwrap()),
        [
            "deployment/guard clusterissuer/ca [clusterissuer/ca]",
            "job/after [deployment/guard]",
            "validatingwebhookconfiguration/guard",
        ]
    );
}

#[test]
fn a_group_tells_kinds_of_the_same_name_apart() {
    let items = [
        waiting("apps/Deployment acme/web", "ingress.example.org/web"),
        item("networking.k8s.io/Ingress acme/web"),
        item("example.org/Ingress acme/web"),
    ];
    let waves = waves(&items).unwrap();
    assert_eq!(waves[0].gates, [2]);
}

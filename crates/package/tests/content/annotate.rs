//! The version on workload controllers, and where pod specs stand.

use model::yaml::Node;
use package::annotate::{VERSION_ANNOTATION, annotate};
use package::pod_spec::{self, Evidence};

use crate::objects::{emitted, objects};

#[test]
fn every_controller_and_nothing_else_says_its_version() {
    for (api, kind, says) in [
        ("apps/v1", "Deployment", true),
        ("apps/v1", "StatefulSet", true),
        ("apps/v1", "DaemonSet", true),
        ("batch/v1", "Job", true),
        ("batch/v1", "CronJob", true),
        ("v1", "Pod", false),
        ("apps/v1", "ReplicaSet", false),
        ("v1", "Service", false),
        ("example.com/v1", "Deployment", false),
    ] {
        for annotations in ["", "\n  annotations: {a: b}", "\n  annotations: null"] {
            let text = format!(
                "apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: x{annotations}\nspec: {{template: {{metadata: {{labels: {{a: b}}}}}}}}\n"
            );
            let mut annotated = objects(&text);
            annotate(&mut annotated, &"v1.2.3".parse().unwrap());
            let node = &annotated[0].node;
            let value = node.at_path(&["metadata", "annotations", VERSION_ANNOTATION]);
            assert_eq!(
                value.and_then(Node::as_str),
                says.then_some("v1.2.3"),
                "{kind}"
            );
            assert_eq!(emitted(&annotated).contains("v1.2.3"), says);
            assert!(
                node.at_path(&["spec", "template", "metadata", "annotations"])
                    .is_none()
            );
        }
    }
}

#[test]
fn pod_specs_are_shown_to_read_and_to_change() {
    let text = "
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: r}
spec: {template: {spec: {containers: [{name: a}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: []}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {spec: {containers: [{name: a}]}}
";
    let mut found = Vec::new();
    for object in &mut objects(text) {
        pod_spec::visit(object, |place, _| {
            found.push((place.path.to_string(), place.evidence));
        });
        pod_spec::visit_mut(object, |place, node| {
            let map = node.as_map_mut().unwrap();
            map.set("seen", Node::str(place.path.to_string()));
        });
        let seen = pod_spec::locate(object);
        assert!(
            seen.iter()
                .all(|p| p.path.key("seen").get(&object.node).is_some())
        );
    }
    assert_eq!(
        found,
        [
            ("spec.template.spec".to_owned(), Evidence::Shape),
            ("spec".to_owned(), Evidence::Kind),
        ]
    );
}

//! Images are found.

use std::collections::BTreeSet;

use model::finding::{Class, Severity};
use model::image::ImageRef;
use package::images::{FieldRule, Form, ImageRules, find, pin};

use crate::objects::{DIGEST, emitted, lines, lock, objects, rule, set};

fn found(text: &str) -> Vec<String> {
    let found = find(&objects(text), &ImageRules::default());
    assert_eq!(found.findings, [], "{text}");
    found.images.iter().map(|i| i.image.to_string()).collect()
}

/// A pod spec with one image of each kind, indented by so many spaces.
fn pod_spec(indent: usize) -> String {
    let pad = " ".repeat(indent);
    [
        "containers:",
        "- name: web",
        "  image: nginx:1.29-alpine",
        "initContainers:",
        "- name: init",
        "  image: busybox",
        "ephemeralContainers:",
        "- name: debug",
        "  image: alpine:3.24.1",
        "volumes:",
        "- name: model",
        "  image:",
        "    reference: ghcr.io/acme/model:v1",
        "- name: block",
        "  rbd: {image: disk, monitors: [a]}",
    ]
    .iter()
    .flat_map(|line| [pad.as_str(), line, "\n"])
    .collect()
}

const ALL_FOUR: [&str; 4] = [
    "nginx:1.29-alpine",
    "busybox",
    "alpine:3.24.1",
    "ghcr.io/acme/model:v1",
];

#[test]
fn g23_every_image_of_every_kind_with_a_pod_is_found() {
    let template = format!("spec:\n  template:\n    spec:\n{}", pod_spec(6));
    for (api, kind) in [
        ("v1", "ReplicationController"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("serving.knative.dev/v1", "Service"),
    ] {
        let text = format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x}}\n{template}");
        assert_eq!(found(&text), ALL_FOUR, "{kind}");
    }
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n{}",
        pod_spec(2)
    );
    assert_eq!(found(&pod), ALL_FOUR);
    let template = format!(
        "apiVersion: v1\nkind: PodTemplate\nmetadata: {{name: x}}\ntemplate:\n  spec:\n{}",
        pod_spec(4)
    );
    assert_eq!(found(&template), ALL_FOUR);
    let cron = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: x}}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n{}",
        pod_spec(10)
    );
    assert_eq!(found(&cron), ALL_FOUR);
}

#[test]
fn g23_no_image_hides_in_a_list() {
    let text = "
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: PodList
  items:
  - metadata: {name: x}
    spec: {containers: [{name: a, image: nginx}]}
";
    let objects = objects(text);
    let found = find(&objects, &ImageRules::default());
    assert_eq!(found.findings, []);
    assert_eq!(
        found.images[0].path.to_string(),
        "items[0].items[0].spec.containers[0].image"
    );
    let pinned = pin(objects, &ImageRules::default(), &lock(&["nginx"])).unwrap();
    assert!(emitted(&pinned.objects).contains(&format!("image: nginx@{DIGEST}")));
}

#[test]
fn g23_a_found_image_says_where_it_is() {
    let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        image: nginx:1.29-alpine
";
    let found = find(&objects(text), &ImageRules::default());
    let one = &found.images[0];
    assert_eq!(one.object, 0);
    assert_eq!(
        one.path.to_string(),
        "spec.template.spec.containers[0].image"
    );
    assert_eq!(one.part.as_deref(), Some("container web"));
    assert_eq!(one.line, 10);
    assert_eq!(one.form, Form::Whole);
}

#[test]
fn g23_references_that_are_not_valid_are_refused() {
    let hex63 = &DIGEST[..DIGEST.len() - 1];
    let upper = DIGEST.to_ascii_uppercase().replace("SHA256", "sha256");
    for (bad, why) in [
        (format!("nginx@{hex63}"), "64 hex digits, this one has 63"),
        (format!("nginx@{upper}"), "lower-case hex digits only"),
        (
            format!("nginx@sha512:{}", "a".repeat(128)),
            "not a sha256 digest",
        ),
        ("Acme/Web:v1".to_owned(), "upper-case letters"),
        ("nginx:".to_owned(), "the tag is not"),
        ("nginx: 1.29".replace(": ", ":a "), "the tag is not"),
        (format!("nginx:1.29{DIGEST}"), "the tag is not"),
    ] {
        let text = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j, namespace: sh-acme}}\nspec:\n  template:\n    spec:\n      initContainers:\n      - name: init\n        image: \"{bad}\"\n"
        );
        let found = find(&objects(&text), &ImageRules::default());
        assert_eq!(found.images, []);
        let [finding] = found.findings.as_slice() else {
            panic!("{bad}: {:?}", found.findings);
        };
        let line = finding.to_string();
        assert!(
            line.starts_with("app.yaml:9: Job sh-acme/j: init container init: image "),
            "{line}"
        );
        assert!(line.contains(why), "{line}");
        assert_eq!(
            (finding.class, finding.code),
            (Class::Policy, "image-invalid")
        );
        assert!(finding.is_error() && finding.help.is_some());
    }
    for missing in ["", "\n        image: ''", "\n        image: null"] {
        let text = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c{missing}\n"
        );
        let found = find(&objects(&text), &ImageRules::default());
        assert_eq!(found.findings[0].code, "image-missing", "{missing}");
        assert!(
            found.findings[0]
                .message
                .contains("container c: it has no image")
        );
    }
}

#[test]
fn custom_resources_hold_images_in_pod_templates() {
    let text = "
apiVersion: example.com/v1
kind: App
metadata: {name: app}
spec:
  podTemplate:
    image: ghcr.io/acme/app:v1
    sidecar: {repository: envoyproxy/envoy, tag: v1.31}
  workers:
  - template:
      spec:
        containers: [{name: a, image: 'redis:7-alpine'}]
  container: {image: 'postgres:16'}
  steps: [{name: s, image: 'node:20'}, {name: t}]
status:
  image: nothing
";
    assert_eq!(
        found(text).into_iter().collect::<BTreeSet<_>>(),
        set(&[
            "envoyproxy/envoy:v1.31",
            "ghcr.io/acme/app:v1",
            "redis:7-alpine",
            "postgres:16",
            "node:20",
        ])
    );
}

#[test]
fn what_looks_like_an_image_is_warned_about() {
    let text = "
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: p}
spec:
  image: quay.io/prometheus/prometheus:v3
  thanos: {baseImage: quay.io/thanos/thanos}
  helm: {repository: quay.io/acme/app, tag: v1}
  logo: {image: 'https://example.com/logo.png'}
  env: [{name: RELATED_IMAGE_X, value: 'acme/x:1'}]
";
    let found = find(&objects(text), &ImageRules::default());
    assert_eq!(found.images, []);
    let got: BTreeSet<String> = lines(&found.findings).into_iter().collect();
    let prefix = "looks like an image and is not pinned:";
    assert_eq!(
        got,
        BTreeSet::from([
            format!(
                "app.yaml:6: Prometheus p: spec.image {prefix} quay.io/prometheus/prometheus:v3"
            ),
            format!(
                "app.yaml:7: Prometheus p: spec.thanos.baseImage {prefix} quay.io/thanos/thanos"
            ),
            format!("app.yaml:8: Prometheus p: spec.helm {prefix} quay.io/acme/app:v1"),
            format!("app.yaml:10: Prometheus p: spec.env[0].value {prefix} acme/x:1"),
        ])
    );
    assert!(
        found
            .findings
            .iter()
            .all(|f| f.severity == Severity::Warning)
    );
}

#[test]
fn settings_cover_fields_and_leave_fields_out() {
    let text = "
apiVersion: monitoring.coreos.com/v1
kind: Prometheus
metadata: {name: p}
spec:
  image: quay.io/prometheus/prometheus:v3
  helm: {repository: quay.io/acme/app, tag: v1}
  other: {image: not-one}
";
    let rules = ImageRules {
        include: vec![rule("spec.image"), rule("spec.helm")],
        exclude: vec![rule("**.other.image")],
    };
    let found = find(&objects(text), &rules);
    assert_eq!(found.findings, []);
    let images: BTreeSet<String> = found.set().iter().map(ImageRef::to_string).collect();
    assert_eq!(
        images,
        set(&["quay.io/prometheus/prometheus:v3", "quay.io/acme/app:v1"])
    );
    let elsewhere = ImageRules {
        include: vec![FieldRule {
            kind: Some("Alertmanager".to_owned()),
            ..rule("spec.image")
        }],
        exclude: vec![],
    };
    assert_eq!(find(&objects(text), &elsewhere).images, []);
}

#[test]
fn pod_templates_cannot_be_left_out() {
    let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: a, image: nginx}]}}}
";
    let rules = ImageRules {
        include: vec![],
        exclude: vec![rule("**")],
    };
    assert_eq!(find(&objects(text), &rules).images.len(), 1);
}

#[test]
fn schemas_config_maps_and_built_in_kinds_are_left_alone() {
    let text = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: x}
spec: {versions: [{schema: {image: 'nginx:1', containers: [{name: a, image: 'nginx:1'}]}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data: {image: 'nginx:1'}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: x, annotations: {image: 'nginx:1'}}
spec: {rbd: {image: 'disk:1'}}
";
    let found = find(&objects(text), &ImageRules::default());
    assert_eq!(found, package::images::Found::default());
    let asked = ImageRules {
        include: vec![rule("data.image")],
        exclude: vec![],
    };
    assert_eq!(find(&objects(text), &asked).images.len(), 1);
}

#[test]
fn what_a_controller_fills_in_is_warned_about() {
    let text = "
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: t}
spec: {steps: [{name: s, image: $(params.image)}]}
";
    let found = find(&objects(text), &ImageRules::default());
    assert_eq!(found.findings[0].code, "image-template");
    assert!(!found.findings[0].is_error());
    let broken = text.replace("$(params.image)", "acme/X");
    assert!(find(&objects(&broken), &ImageRules::default()).findings[0].is_error());
}

//! What the API server says when it is asked beforehand.

use testkit::api_proxy::{ApiFault, ApiProxy};
use testkit::consign::make_writable;

use crate::recorded::{allowing, nothing_written, recording};
use crate::stage::{SERVICE, Stage, settings};

/// As settings name the kind of definitions.
pub const DEFINITIONS: &str = "CustomResourceDefinition.apiextensions.k8s.io";

/// A definition of a kind whose `spec.size` is a number from 1 on.
pub fn definition(plural: &str, group: &str, kind: &str) -> String {
    let singular = kind.to_lowercase();
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {plural}.{group}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: {plural}, singular: {singular}, kind: {kind}}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {{type: integer, minimum: 1}}
              target:
                type: object
                properties:
                  name: {{type: string}}
"
    )
}

/// An object of such a kind.
pub fn custom(group: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: one}}\nspec: {spec}\n")
}

/// Paths of the writes but those of Lease and record.
fn written(proxy: &ApiProxy) -> Vec<String> {
    proxy
        .writes()
        .into_iter()
        .map(|w| w.path)
        .filter(|path| {
            !path.contains("/consign.")
                && !path.ends_with("/leases")
                && !path.ends_with("/configmaps")
        })
        .collect()
}

/// Services that only the server knows to be wrong, and one that is right.
fn services() -> [(&'static str, String); 3] {
    let bad = |name: &str| {
        SERVICE
            .replace("name: web", &format!("name: {name}"))
            .replace("port: 80,", "port: 70000,")
    };
    [
        ("bad.yaml", bad("first")),
        ("worse.yaml", bad("second")),
        ("service.yaml", SERVICE.to_owned()),
    ]
}

fn serving(stage: &Stage, services: &[(&str, String)]) {
    let files: Vec<(&str, &str)> = services.iter().map(|(n, t)| (*n, t.as_str())).collect();
    stage.sources(&files).package("v1.0.0");
}

#[test]
fn d7_every_object_that_the_server_rejects_is_named_and_nothing_is_written() {
    let mut stage = Stage::new("d7");
    let namespace = stage.namespace.clone();
    serving(&stage, &services());
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says(": the cluster refuses it: Service \"first\" is invalid")
        .says(": the cluster refuses it: Service \"second\" is invalid")
        .never_says("/web: the cluster");
    nothing_written(&proxy);
}

#[test]
fn d7_what_a_policy_of_the_cluster_denies_is_refused() {
    let mut stage = Stage::new("d7-policy");
    let (name, namespace) = (stage.client.clone(), stage.namespace.clone());
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {{apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [services]}}
  validations:
  - {{expression: \"object.metadata.name != 'first'\", message: no Service is the first}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec:
  policyName: {name}
  validationActions: [Deny]
  matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}}}
"
    );
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage.kubectl_apply(&policy, &[]).exits(0);
    let first = SERVICE.replace("name: web", "name: first");
    stage.until("denied", || {
        stage.kubectl_apply(&first, &["--dry-run=server"]).code != 0
    });
    stage
        .sources(&[("first.yaml", &first), ("service.yaml", SERVICE)])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says("/first: the cluster refuses it")
        .says("no Service is the first");
    nothing_written(&proxy);
    for kind in [
        "validatingadmissionpolicybinding",
        "validatingadmissionpolicy",
    ] {
        stage.kubectl(&["delete", kind, &name]).exits(0);
    }
}

#[test]
fn d7_what_had_to_wait_for_the_namespace_is_tried_before_it_is_written() {
    let mut stage = Stage::new("d7-namespace");
    let namespace = stage.namespace.clone();
    serving(&stage, &services());
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says(": the cluster refuses it: Service \"first\" is invalid")
        .says(": the cluster refuses it: Service \"second\" is invalid")
        .says(&format!("Namespace {namespace}"))
        .says("applied and stays");
    assert_eq!(written(&proxy), [format!("/api/v1/namespaces/{namespace}")]);
    assert!(stage.get("service/web").is_null());
    assert_eq!(stage.outcomes(), ["v1.0.0 failed"]);
    // Nothing stands in the way of the next.
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.1");
    stage.deploy("v1.0.1", &[]).exits(0);
}

#[test]
fn d7_an_object_whose_kind_the_package_brings_is_refused_once_it_can_be_tried() {
    let mut stage = allowing("d7-crd", DEFINITIONS);
    let group = format!("{}.example.com", stage.client);
    // The rule is one that only a server can judge.
    let rule = "x-kubernetes-validations: [{rule: \"self.size < 10\"}]\n            properties:\n              size:";
    let definition =
        definition("bags", &group, "Bag").replace("properties:\n              size:", rule);
    assert!(definition.contains("validations"));
    let bag = custom(&group, "Bag", "{size: 20}");
    stage
        .sources(&[
            ("crd.yaml", &definition),
            ("bag.yaml", &bag),
            ("settings.yaml", &settings("one")),
        ])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    let namespace = stage.namespace.clone();
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says("/one: the cluster refuses it")
        .says(&format!("Namespace {namespace}"))
        .says(&format!("CustomResourceDefinition bags.{group}"))
        .says("applied and stays");
    assert_eq!(
        written(&proxy),
        [
            format!("/api/v1/namespaces/{namespace}"),
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bags.{group}"),
        ]
    );
    assert!(stage.get("configmap/settings").is_null());
    stage
        .kubectl(&["get", "crd", &format!("bags.{group}")])
        .exits(0);
    stage
        .kubectl(&["delete", "crd", &format!("bags.{group}")])
        .exits(0);
}

#[test]
fn d7_a_webhook_that_cannot_be_tried_is_a_warning() {
    let mut stage = Stage::new("d7-webhook");
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let _proxy = stage.through_proxy(|seen, _| {
        if seen.parameter("dryRun") == Some("All") && seen.path.ends_with("/configmaps/settings") {
            ApiFault::status(
                400,
                "BadRequest",
                "admission webhook \"hook.example.com\" does not support dry run",
            )
        } else {
            ApiFault::None
        }
    });
    stage
        .deploy("v1.0.0", &[])
        .exits(0)
        .says("/settings: not tried beforehand: admission webhook \"hook.example.com\"");
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "one");
}

#[test]
fn d8_a_field_that_the_kind_does_not_have_is_refused() {
    let mut stage = Stage::new("d8");
    let group = format!("{}.example.com", stage.client);
    let name = format!("bags.{group}");
    stage
        .kubectl_apply(&definition("bags", &group, "Bag"), &["--server-side"])
        .exits(0);
    stage
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            &format!("crd/{name}"),
        ])
        .exits(0);
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    // What verify cannot know: it has no schema of the cluster's own kinds.
    stage
        .sources(&[
            ("bag.yaml", &custom(&group, "Bag", "{size: 1, sise: 2}")),
            ("settings.yaml", &settings("one")),
        ])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    stage.deploy("v1.0.0", &[]).exits(9).says("sise");
    nothing_written(&proxy);
    stage
        .sources(&[("bag.yaml", &custom(&group, "Bag", "{size: 1}"))])
        .package("v1.0.1");
    stage.deploy("v1.0.1", &[]).exits(0);
    stage.kubectl(&["delete", "crd", &name]).exits(0);
}

#[test]
fn d8_what_verify_was_not_to_look_at_is_refused_by_the_server() {
    let mut stage = Stage::new("d8-skip");
    let namespace = stage.namespace.clone();
    stage
        .sources(&[("service.yaml", SERVICE)])
        .package("v1.0.0");
    let package = stage
        .hosting
        .path(&format!("packages/{}-v1.0.0", stage.client));
    make_writable(&package);
    let all = package.join("manifests/all.yaml");
    let text = std::fs::read_to_string(&all).expect("file can be read");
    let changed = text.replace("targetPort: 8080", "targetPort: 8080\n    targetPrt: 1");
    assert_ne!(text, changed);
    std::fs::write(&all, changed).expect("file can be written");
    crate::preflight::seal(&package);
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let proxy = recording(&mut stage);
    stage.deploy("v1.0.0", &[]).exits(3);
    assert!(proxy.seen().is_empty());
    stage
        .deploy("v1.0.0", &["--skip-verify"])
        .exits(9)
        .says("targetPrt");
    nothing_written(&proxy);
}

//! What cannot simply be changed or made.

use testkit::image::Mode;

use crate::recorded::{allowing, nothing_written, recording};
use crate::refused::{DEFINITIONS, custom, definition};
use crate::stage::{SERVICE, Stage, settings, web};

#[test]
fn d18_a_definition_and_its_object_in_one_package() {
    let stage = allowing("d18-crd", DEFINITIONS);
    let group = format!("{}.example.com", stage.client);
    stage
        .sources(&[
            ("bag.yaml", &custom(&group, "Bag", "{size: 3}")),
            ("crd.yaml", &definition("bags", &group, "Bag")),
        ])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let bag = format!("bags.{group}/one");
    assert_eq!(stage.get(&bag)["spec"]["size"], 3);
    stage
        .sources(&[
            ("bag.yaml", &custom(&group, "Bag", "{size: 4}")),
            ("crd.yaml", &definition("bags", &group, "Bag")),
        ])
        .package("v1.1.0");
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.get(&bag)["spec"]["size"], 4);
    stage
        .kubectl(&["delete", "crd", &format!("bags.{group}")])
        .exits(0);
}

#[test]
fn d18_a_namespace_that_is_being_deleted() {
    let mut stage = Stage::new("d18-terminating");
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let hold = r#"{"metadata":{"finalizers":["example.com/held"]}}"#;
    let free = r#"{"metadata":{"finalizers":null}}"#;
    stage
        .kubectl(&["patch", "configmap", "settings", "--type=merge", "-p", hold])
        .exits(0);
    let namespace = stage.namespace.clone();
    stage
        .kubectl(&["delete", "namespace", &namespace, "--wait=false"])
        .exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says(&format!("Namespace {namespace} is being deleted"));
    nothing_written(&proxy);
    stage
        .kubectl(&["patch", "configmap", "settings", "--type=merge", "-p", free])
        .exits(0);
}

#[test]
fn d18_a_selector_that_changes() {
    let mut stage = Stage::new("d18-selector");
    let image = stage.image("v1", Mode::Ok);
    let first = web(&image, 1);
    stage.sources(&[("web.yaml", &first)]).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let before = stage.get("deployment/web")["metadata"]["uid"].clone();
    let second = first.replace("{app: web}", "{app: other}");
    stage.sources(&[("web.yaml", &second)]).package("v1.1.0");
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.1.0", &[])
        .exits(9)
        .says("/web: spec.selector cannot be changed: field is immutable")
        .says("consign.dev/replace: on-change");
    nothing_written(&proxy);
    let asked = second.replacen(
        "  name: web\n",
        "  name: web\n  annotations: {consign.dev/replace: on-change}\n",
        1,
    );
    stage.sources(&[("web.yaml", &asked)]).package("v1.2.0");
    stage
        .deploy("v1.2.0", &["--dry-run"])
        .exits(0)
        .says("replace deployment.apps/web (spec.selector cannot be changed)");
    nothing_written(&proxy);
    stage
        .deploy("v1.2.0", &[])
        .exits(0)
        .says("deployment.apps/web replaced");
    assert_ne!(stage.get("deployment/web")["metadata"]["uid"], before);
    assert_eq!(stage.answers("app=other"), ["v1"]);
}

#[test]
fn d18_a_cluster_ip_that_changes() {
    let mut stage = Stage::new("d18-ip");
    stage
        .sources(&[("service.yaml", SERVICE)])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let headless = SERVICE.replace("spec:\n", "spec:\n  clusterIP: None\n");
    stage
        .sources(&[("service.yaml", &headless)])
        .package("v1.1.0");
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.1.0", &[])
        .exits(9)
        .says("/web: spec.clusterIPs[0] cannot be changed: may not change once set");
    nothing_written(&proxy);
}

/// Objects with a field that cannot change, and another value for it.
const FIXED: [(&str, &str, &str); 3] = [
    (
        "apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: fixed
spec:
  replicas: 0
  serviceName: first
  selector: {matchLabels: {app: fixed}}
  template:
    metadata: {labels: {app: fixed}}
    spec: {containers: [{name: web, image: IMAGE}]}
",
        "serviceName: first",
        "serviceName: second",
    ),
    (
        "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: fixed
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: first}
subjects: [{kind: ServiceAccount, name: default}]
",
        "name: first",
        "name: second",
    ),
    (
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: fixed
immutable: true
data: {text: first}
",
        "text: first",
        "text: second",
    ),
];

#[test]
fn d18_fields_that_cannot_change_of_other_kinds() {
    let mut stage = Stage::new("d18-fixed");
    let image = stage.image("v1", Mode::Ok);
    let files = |change: &dyn Fn(&str, &str, &str) -> String| -> Vec<(String, String)> {
        FIXED
            .iter()
            .enumerate()
            .map(|(at, (text, from, to))| {
                (
                    format!("{at}.yaml"),
                    change(&text.replace("IMAGE", &image), from, to),
                )
            })
            .collect()
    };
    let versions = [
        ("v1.0.0", files(&|text, _, _| text.to_owned())),
        ("v1.1.0", files(&|text, from, to| text.replace(from, to))),
        (
            "v1.2.0",
            files(&|text, from, to| {
                let asks = "  name: fixed\n  annotations: {consign.dev/replace: on-change}\n";
                text.replace(from, to).replacen("  name: fixed\n", asks, 1)
            }),
        ),
    ];
    for (version, files) in &versions {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .collect();
        stage.sources(&files).package(version);
    }
    stage.deploy("v1.0.0", &[]).exits(0);
    let proxy = recording(&mut stage);
    let refused = stage.deploy("v1.1.0", &[]).exits(9);
    for kind in ["StatefulSet", "RoleBinding", "ConfigMap"] {
        let begin = format!("[ERROR] {kind} {}/fixed: ", stage.namespace);
        let line = refused.stderr.lines().find(|l| l.starts_with(&begin));
        let line = line.unwrap_or_else(|| panic!("{kind}\n{}", refused.stderr));
        assert!(line.contains("cannot be changed"), "{line}");
    }
    nothing_written(&proxy);
    let replaced = stage.deploy("v1.2.0", &[]).exits(0);
    for what in [
        "statefulset.apps/fixed",
        "rolebinding.rbac.authorization.k8s.io/fixed",
        "configmap/fixed",
    ] {
        assert!(
            replaced.stdout.contains(&format!("{what} replaced")),
            "{what}\n{}",
            replaced.stdout
        );
    }
    assert_eq!(stage.get("configmap/fixed")["data"]["text"], "second");
}

fn job(image: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      automountServiceAccountToken: false
      containers:
      - name: migrate
        image: {image}
"
    )
}

#[test]
fn d18_a_finished_job_is_replaced_and_a_running_one_is_not() {
    let stage = Stage::new("d18-job");
    for (version, mode) in [
        ("v1.0.0", Mode::JobOk),
        ("v1.1.0", Mode::JobOk),
        ("v1.2.0", Mode::Ok),
        ("v1.3.0", Mode::JobOk),
    ] {
        stage
            .sources(&[("job.yaml", &job(&stage.image(version, mode)))])
            .package(version);
    }
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .deploy("v1.1.0", &[])
        .exits(0)
        .says("job.batch/migrate replaced");
    let uid = stage.get("job/migrate")["metadata"]["uid"].clone();
    // This one serves, and so never ends.
    stage
        .deploy("v1.2.0", &["--no-wait", "--no-rollback"])
        .exits(0);
    let running = stage.get("job/migrate")["metadata"]["uid"].clone();
    assert_ne!(uid, running);
    stage.deploy("v1.3.0", &[]).exits(9).says(
        "/migrate: spec.template cannot be changed, and the Job still runs: field is immutable",
    );
    assert_eq!(stage.get("job/migrate")["metadata"]["uid"], running);
}

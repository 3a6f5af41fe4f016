//! Rollouts after which nothing is put back: a first one, one whose way back
//! is shut, one that should stay as it is.

use testkit::image::Mode;

use crate::kinds::definition;
use crate::recorded::allowing;
use crate::refused;
use crate::stage::{SERVICE, Stage, settings, web};

#[test]
fn d16_a_first_deploy_that_fails_removes_what_it_made() {
    let stage = Stage::new("d16");
    stage.hosting.write(
        "consign.yaml",
        format!(
            "{}policy:\n  cluster-kinds: [CustomResourceDefinition.apiextensions.k8s.io]\n",
            stage.hosting.read("consign.yaml")
        ),
    );
    let group = format!("{}.example.com", stage.client);
    let tool = format!(
        "apiVersion: {group}/v1\nkind: Tool\nmetadata: {{name: hammer}}\nspec: {{size: 1}}\n"
    );
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.0.0", Mode::Crash), 1)),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.0.0")),
            ("definition.yaml", &definition(&group)),
            ("tool.yaml", &tool),
        ])
        .package("v1.0.0");
    let ran = stage.deploy("v1.0.0", &["--fail-after-restarts", "1"]);
    let crd = format!("crd/tools.{group}");
    let stays = !stage.get(&crd).is_null();
    let left: Vec<String> = [
        "deployment/web",
        "service/web",
        "configmap/settings",
        &format!("tool.{group}/hammer"),
    ]
    .into_iter()
    .filter(|what| !stage.get(what).is_null())
    .map(str::to_owned)
    .collect();
    stage.kubectl(&["delete", &crd, "--wait=false"]);
    let ran = ran.exits(10);
    assert!(stays);
    assert_eq!(left, [""; 0]);
    assert!(
        ran.stderr
            .contains("nothing to roll back to; removed 4 objects"),
        "{}",
        ran.stderr
    );
    let told = ran
        .stderr
        .lines()
        .find(|l| l.contains("removed 4 objects"))
        .unwrap();
    assert!(
        told.contains(&format!("tools.{group}")) && told.contains(&stage.namespace),
        "{told}"
    );
    assert_eq!(
        stage.get(&format!("namespace/{}", stage.namespace))["status"]["phase"],
        "Active"
    );
    assert_eq!(stage.outcomes(), ["v1.0.0 failed"]);
}

#[test]
fn d16_what_a_first_deploy_that_fails_adopted_stays_and_is_not_taken_for_removed() {
    let stage = Stage::new("d16-before");
    let bad = stage.image("v1.0.0", Mode::Crash);
    stage
        .sources(&[
            ("web.yaml", &web(&bad, 1)),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.0.0")),
        ])
        .package("v1.0.0");
    stage
        .kubectl(&["create", "namespace", &stage.namespace])
        .exits(0);
    stage
        .kubectl_apply(
            &format!(
                "{}---\n{}",
                settings("theirs"),
                web(&stage.image("v0.9.0", Mode::Ok), 1)
            ),
            &["--server-side", "--field-manager=somebody"],
        )
        .exits(0);
    let uids = ["configmap/settings", "deployment/web"]
        .map(|what| stage.get(what)["metadata"]["uid"].clone());
    let ran = stage
        .deploy(
            "v1.0.0",
            &[
                "--fail-after-restarts",
                "1",
                "--adopt",
                "ConfigMap/settings",
                "--adopt",
                "Deployment/web",
            ],
        )
        .exits(11);
    for part in [
        "Removed 1 objects that this run made",
        "/settings was there before and stays as v1.0.0 has it",
        "/web was there before and stays as v1.0.0 has it",
    ] {
        assert!(ran.stderr.contains(part), "{part}\n{}", ran.stderr);
    }
    assert!(stage.get("service/web").is_null());
    let left = ["configmap/settings", "deployment/web"].map(|what| stage.get(what));
    assert_eq!(left.each_ref().map(|o| o["metadata"]["uid"].clone()), uids);
    assert_eq!(
        left[1]["spec"]["template"]["spec"]["containers"][0]["image"],
        bad
    );
    // It is known still, so that it can be removed.
    let record = stage.records().remove(0);
    let known: Vec<&str> = record["inventory"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["kind"].as_str())
        .filter(|kind| *kind != "Namespace")
        .collect();
    assert_eq!(known.len(), 2, "{known:?}");
    assert!(known.contains(&"ConfigMap") && known.contains(&"Deployment"));
    stage
        .run(["undeploy", "--client", &stage.client, "--yes"])
        .exits(0);
    assert!(stage.get("deployment/web").is_null());
}

/// A Job named `migrate`, and a `ConfigMap` that cannot change.
fn fixed(image: &str, text: &str, annotation: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: migrate}}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{{name: migrate, image: {image}}}]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: fixed
  annotations: {{{annotation}}}
immutable: true
data: {{text: {text}}}
"
    )
}

#[test]
fn d14_what_the_failed_version_made_gives_way_though_it_cannot_change() {
    let stage = Stage::new("d14-fixed");
    let source = |version: &str, web_mode: Mode, job: Mode, annotation: &str| {
        let job = stage.image(&format!("{version}-job"), job);
        stage
            .sources(&[
                ("web.yaml", &web(&stage.image(version, web_mode), 1)),
                ("fixed.yaml", &fixed(&job, version, annotation)),
            ])
            .package(version);
        job
    };
    let good = source("v1.0.0", Mode::Ok, Mode::JobOk, "");
    stage.deploy("v1.0.0", &[]).exits(0);
    // This Job serves, and so never ends.
    source(
        "v1.1.0",
        Mode::Crash,
        Mode::Ok,
        "consign.dev/replace: on-change",
    );
    stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10)
        .says("job.batch/migrate replaced");
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    assert_eq!(stage.get("configmap/fixed")["data"]["text"], "v1.0.0");
    assert_eq!(
        stage.get("job/migrate")["spec"]["template"]["spec"]["containers"][0]["image"],
        good
    );
    // What was put back from by itself never served here.
    let never = stage
        .run([
            "rollback",
            "--client",
            &stage.client,
            "--to",
            "v1.1.0",
            "--yes",
        ])
        .exits(5);
    assert!(
        never.stderr.contains("v1.1.0 was never deployed here"),
        "{}",
        never.stderr
    );
}

#[test]
fn d14_a_field_of_others_stays_and_does_not_keep_a_version_from_being_put_back() {
    let stage = Stage::new("d14-others");
    let source = |version: &str, mode: Mode, replicas: u32| {
        stage
            .sources(&[("web.yaml", &web(&stage.image(version, mode), replicas))])
            .package(version);
    };
    source("v1.0.0", Mode::Ok, 1);
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .kubectl(&["scale", "deployment/web", "--replicas=2"])
        .exits(0);
    source("v1.1.0", Mode::Crash, 2);
    let ran = stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        all.contains("/web: .spec.replicas belongs to manager \"kubectl\" and stays as it is"),
        "{all}"
    );
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
}

/// Refused by the server once its definition is there.
fn refused_late(stage: &Stage, version: &str) -> String {
    let group = format!("{}.example.com", stage.client);
    // The rule is one that only a server can judge.
    let size = "properties:\n              size:";
    let rule =
        format!("x-kubernetes-validations: [{{rule: \"self.size < 10\"}}]\n            {size}");
    let definition = refused::definition("bags", &group, "Bag").replace(size, &rule);
    assert!(definition.contains("validations"));
    stage
        .sources(&[
            ("settings.yaml", &settings(version)),
            ("definition.yaml", &definition),
            ("bag.yaml", &refused::custom(&group, "Bag", "{size: 20}")),
        ])
        .package(version);
    let ran = stage.deploy(version, &[]);
    let crd = format!("crd/bags.{group}");
    stage.kubectl(&["delete", &crd, "--wait=false", "--ignore-not-found"]);
    ran.exits(9).stderr
}

/// Versions without pods; the last one is active.
fn deployed(name: &str, versions: &[&str]) -> Stage {
    let stage = allowing(name, refused::DEFINITIONS);
    for version in versions {
        stage
            .sources(&[("settings.yaml", &settings(version))])
            .package(version);
        stage.deploy(version, &["--no-wait"]).exits(0);
    }
    stage
}

#[test]
fn b7_a_refused_run_is_nothing_to_go_back_from() {
    let stage = deployed("b7-refused", &["v1.0.0", "v1.1.0"]);
    let said = refused_late(&stage, "v1.2.0");
    assert!(said.contains("the cluster refuses it"), "{said}");
    assert_eq!(stage.outcomes().last().unwrap(), "v1.2.0 failed");
    stage
        .run(["rollback", "--client", &stage.client, "--yes"])
        .exits(0);
    assert_eq!(stage.outcomes().last().unwrap(), "v1.0.0 active");
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "v1.0.0");
}

#[test]
fn d25_records_go_when_a_run_fails_too_but_for_what_can_be_gone_back_to() {
    let stage = deployed("d25", &["v1.0.0", "v1.1.0", "v1.2.0"]);
    // Nobody proved that it serves.
    assert_eq!(stage.records()[0]["skipped"], serde_json::json!(["wait"]));
    let record = |number: u32| format!("consign.{}.r{number}", stage.client);
    let mut late = stage.get(&format!("configmap/{}", record(1)));
    late["metadata"] =
        serde_json::json!({"name": record(30), "labels": late["metadata"]["labels"]});
    late["metadata"]["labels"]["consign.dev/outcome"] = "failed".into();
    stage
        .kubectl_apply(&late.to_string(), &["--server-side"])
        .exits(0);
    refused_late(&stage, "v1.3.0");
    assert_eq!(
        stage.outcomes(),
        [
            "v1.1.0 superseded",
            "v1.2.0 active",
            "v1.0.0 failed",
            "v1.3.0 failed"
        ]
    );
}

/// Denies Deployments that have an image, from when it is known until it is
/// dropped.
struct Denied<'a> {
    stage: &'a Stage,
    name: String,
}

impl<'a> Denied<'a> {
    fn new(stage: &'a Stage, image: &str) -> Self {
        let name = format!("deny-{}", stage.client);
        let policy = format!(
            "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules:
    - {{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}}
  validations:
  - expression: \"object.spec.template.spec.containers[0].image != '{image}'\"
    message: this version is denied
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec: {{policyName: {name}, validationActions: [Deny]}}
",
            namespace = stage.namespace,
        );
        let denied = Self { stage, name };
        stage.kubectl_apply(&policy, &[]).exits(0);
        stage.until("denied", || {
            stage
                .kubectl(&[
                    "annotate",
                    "deployment/web",
                    "--overwrite",
                    "--dry-run=server",
                    "tried=yes",
                ])
                .code
                != 0
        });
        denied
    }
}

impl Drop for Denied<'_> {
    fn drop(&mut self) {
        for kind in [
            "validatingadmissionpolicybinding",
            "validatingadmissionpolicy",
        ] {
            let _ = self
                .stage
                .cluster
                .kubectl(["delete", kind, &self.name, "--wait=false"]);
        }
    }
}

#[test]
fn d17_where_putting_back_fails_too_everything_is_left_and_told() {
    let stage = Stage::new("d17");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    let denied = Denied::new(&stage, &stage.image("v1.0.0", Mode::Ok));
    let ran = stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(11);
    drop(denied);
    let said = &ran.stderr;
    for part in [
        "Putting v1.0.0 back failed too",
        "this version is denied",
        &format!("consign rollback --client {}", stage.client),
        &format!("kubectl rollout undo deployment/web -n {}", stage.namespace),
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let captured = ran
        .stdout
        .lines()
        .find_map(|l| l.strip_prefix("[INFO] State captured to: "))
        .expect("the state is captured");
    assert!(said.contains(captured), "{captured}\n{said}");
    // What failed is as it is, and the version before still has its pods.
    let image = &stage.get("deployment/web")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, &stage.image("v1.1.0", Mode::Crash));
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 failed"]);
    let reason = stage.records()[1]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.contains("restarted once") && reason.contains("this version is denied"),
        "{reason}"
    );
    // The command that is told does it, once nothing denies it.
    stage
        .run([
            "rollback",
            "--client",
            &stage.client,
            "--to",
            "v1.0.0",
            "--yes",
        ])
        .exits(0);
    assert_eq!(stage.outcomes().last().unwrap(), "v1.0.0 active");
    let image = &stage.get("deployment/web")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, &stage.image("v1.0.0", Mode::Ok));
}

#[test]
fn d17_without_a_rollback_everything_is_left() {
    let stage = Stage::new("d17-none");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    let ran = stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1", "--no-rollback"])
        .exits(11);
    assert!(ran.stderr.contains("restarted once"), "{}", ran.stderr);
    let image = &stage.get("deployment/web")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, &stage.image("v1.1.0", Mode::Crash));
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 failed"]);
    // And the next rollback goes back to what served.
    stage
        .run(["rollback", "--client", &stage.client, "--yes"])
        .exits(0);
    assert_eq!(stage.outcomes().last().unwrap(), "v1.0.0 active");
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
}

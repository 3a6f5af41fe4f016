//! Rollouts after which nothing is put back: a first one, one whose way back
//! is shut, one that should stay as it is.

use testkit::image::Mode;

use crate::kinds::definition;
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
fn d16_what_was_there_before_a_first_deploy_that_fails_stays() {
    let stage = Stage::new("d16-before");
    stage.web("v1.0.0", Mode::Crash).package("v1.0.0");
    stage
        .kubectl(&["create", "namespace", &stage.namespace])
        .exits(0);
    stage
        .kubectl_apply(
            &settings("theirs"),
            &["--server-side", "--field-manager=somebody"],
        )
        .exits(0);
    let uid = stage.get("configmap/settings")["metadata"]["uid"].clone();
    let ran = stage
        .deploy(
            "v1.0.0",
            &[
                "--fail-after-restarts",
                "1",
                "--adopt",
                "ConfigMap/settings",
            ],
        )
        .exits(10);
    assert!(ran.stderr.contains("removed 2 objects"), "{}", ran.stderr);
    assert_eq!(stage.get("configmap/settings")["metadata"]["uid"], uid);
    assert!(stage.get("deployment/web").is_null());
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

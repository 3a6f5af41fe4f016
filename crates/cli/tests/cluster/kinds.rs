//! Kinds beside Deployments: each is waited for as its controller means it.

use std::thread;
use std::time::Duration;

use testkit::image::Mode;

use crate::stage::{Stage, settings, web};

/// A Job that runs this image once.
fn job(name: &str, image: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  backoffLimit: 0
  template:
    spec:
      automountServiceAccountToken: false
      restartPolicy: Never
      containers: [{{name: job, image: '{image}'}}]
"
    )
}

/// The usual pods, in another kind of set.
fn set(kind: &str, image: &str, replicas: u32, more: &str) -> String {
    let set = web(image, replicas).replace("kind: Deployment", &format!("kind: {kind}"));
    let set = match kind {
        "StatefulSet" => set.replace("spec:\n  replicas", "spec:\n  serviceName: web\n  replicas"),
        _ => set.replace(&format!("  replicas: {replicas}\n"), ""),
    };
    set.replacen("spec:\n", &format!("spec:\n{more}"), 1)
}

/// Packages a version with the usual pods in a set of this kind.
fn set_of(stage: &Stage, kind: &str, version: &str, mode: Mode, spec: &str) {
    let set = set(kind, &stage.image(version, mode), 2, spec);
    stage
        .sources(&[("web.yaml", &set), ("settings.yaml", &settings(version))])
        .package(version);
}

#[test]
fn a_job_is_waited_for_before_what_waits_for_it() {
    let mut stage = Stage::new("wait-for");
    let waiting = web(&stage.image("v1.0.0", Mode::Ok), 1).replacen(
        "metadata:\n  name: web\n",
        "metadata:\n  name: web\n  annotations: {consign.dev/wait-for: job/migrate}\n",
        1,
    );
    let migrate = job("migrate", &stage.image("v1.0.0", Mode::JobOk));
    stage
        .sources(&[("web.yaml", &waiting), ("migrate.yaml", &migrate)])
        .package("v1.0.0");
    let proxy = stage.through_proxy(|_, _| testkit::api_proxy::ApiFault::None);
    stage.deploy("v1.0.0", &[]).exits(0);
    let completed = stage.get("job/migrate")["status"]["completionTime"]
        .as_str()
        .expect("the Job is complete")
        .to_owned();
    let created = stage.get("deployment/web")["metadata"]["creationTimestamp"]
        .as_str()
        .expect("objects have a time")
        .to_owned();
    assert!(created >= completed, "{created} {completed}");
    let writes: Vec<String> = proxy.writes().into_iter().map(|w| w.path).collect();
    let place = |end: &str| {
        writes
            .iter()
            .position(|path| path.ends_with(end))
            .expect(end)
    };
    assert!(
        place("/jobs/migrate") < place("/deployments/web"),
        "{writes:?}"
    );
}

#[test]
fn d14_a_job_that_fails_is_found_at_once_and_what_waits_for_it_is_not_applied() {
    let stage = Stage::new("job-fail");
    let (ok, fails) = (
        stage.image("v1.0.0", Mode::Ok),
        stage.image("v1.1.0", Mode::JobFail),
    );
    let waiting = web(&ok, 1).replacen(
        "metadata:\n  name: web\n",
        "metadata:\n  name: web\n  annotations: {consign.dev/wait-for: job/migrate}\n",
        1,
    );
    stage
        .sources(&[
            ("web.yaml", &waiting),
            ("migrate.yaml", &job("migrate", &fails)),
        ])
        .package("v1.0.0");
    let ran = stage.deploy("v1.0.0", &["--no-rollback"]).exits(11);
    assert!(
        ran.stderr.contains("the job failed as configured"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("BackoffLimitExceeded"),
        "{}",
        ran.stderr
    );
    assert!(stage.get("deployment/web").is_null());
}

#[test]
fn d14_a_stateful_set_that_crashes_is_put_back_and_heals() {
    let stage = Stage::new("stateful");
    set_of(&stage, "StatefulSet", "v1.0.0", Mode::Ok, "");
    stage.deploy("v1.0.0", &[]).exits(0);
    set_of(&stage, "StatefulSet", "v1.1.0", Mode::Crash, "");
    stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10);
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
    let status = &stage.get("statefulset/web")["status"];
    assert_eq!(status["currentRevision"], status["updateRevision"]);
}

#[test]
fn a_partition_keeps_the_pods_below_it() {
    let stage = Stage::new("partition");
    let partition = "  updateStrategy: {rollingUpdate: {partition: 1}}\n";
    set_of(&stage, "StatefulSet", "v1.0.0", Mode::Ok, partition);
    stage.deploy("v1.0.0", &[]).exits(0);
    set_of(&stage, "StatefulSet", "v1.1.0", Mode::Ok, partition);
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.1.0"]);
}

#[test]
fn a_daemon_set_is_waited_for_on_every_node() {
    let stage = Stage::new("daemon");
    set_of(&stage, "DaemonSet", "v1.0.0", Mode::Ok, "");
    stage.deploy("v1.0.0", &[]).exits(0);
    set_of(&stage, "DaemonSet", "v1.1.0", Mode::Late(2), "");
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    set_of(&stage, "DaemonSet", "v1.2.0", Mode::Crash, "");
    stage
        .deploy("v1.2.0", &["--fail-after-restarts", "1"])
        .exits(10);
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
}

#[test]
fn what_rolls_out_on_deletion_alone_is_told_and_passed() {
    let stage = Stage::new("on-delete");
    let on_delete = "  updateStrategy: {type: OnDelete}\n";
    set_of(&stage, "DaemonSet", "v1.0.0", Mode::Ok, on_delete);
    stage.deploy("v1.0.0", &[]).exits(0);
    set_of(&stage, "DaemonSet", "v1.1.0", Mode::Ok, on_delete);
    let ran = stage.deploy("v1.1.0", &[]).exits(0);
    let warned = |ran: &testkit::consign::Ran| {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        all.lines()
            .any(|l| l.starts_with("[WARN]") && l.contains("update strategy is OnDelete"))
    };
    assert!(warned(&ran), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
}

#[test]
fn a_claim_that_waits_for_its_first_pod_holds_nobody_up() {
    let stage = Stage::new("claim");
    let class = format!("consign-test-{}", stage.client);
    stage
        .kubectl_apply(
            &format!(
                "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{name: {class}}}\nprovisioner: kubernetes.io/no-provisioner\nvolumeBindingMode: WaitForFirstConsumer\n"
            ),
            &[],
        )
        .exits(0);
    let claim = format!(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data}}\nspec:\n  storageClassName: {class}\n  accessModes: [ReadWriteOnce]\n  resources: {{requests: {{storage: 1Mi}}}}\n"
    );
    stage
        .sources(&[
            ("claim.yaml", &claim),
            ("settings.yaml", &settings("v1.0.0")),
        ])
        .package("v1.0.0");
    let ran = stage.deploy("v1.0.0", &["--timeout", "60s"]);
    stage.kubectl(&["delete", "storageclass", &class]).exits(0);
    ran.exits(0);
    assert_eq!(stage.get("pvc/data")["status"]["phase"], "Pending");
}

/// A kind of its own for a test: `Tool`, with a status.
pub fn definition(group: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: tools.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: tools, singular: tool, kind: Tool, listKind: ToolList}}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"
    )
}

/// A definition that is gone with the test.
struct Defined<'a> {
    stage: &'a Stage,
    name: String,
}

impl<'a> Defined<'a> {
    fn new(stage: &'a Stage) -> Self {
        let group = format!("{}.example.com", stage.client);
        stage.kubectl_apply(&definition(&group), &[]).exits(0);
        let name = format!("tools.{group}");
        stage
            .kubectl(&[
                "wait",
                "--for=condition=Established",
                "--timeout=60s",
                &format!("crd/{name}"),
            ])
            .exits(0);
        Self { stage, name }
    }

    fn group(&self) -> &str {
        self.name
            .strip_prefix("tools.")
            .expect("the name begins so")
    }
}

impl Drop for Defined<'_> {
    fn drop(&mut self) {
        let _ = self
            .stage
            .cluster
            .kubectl(["delete", "crd", &self.name, "--wait=false"]);
    }
}

/// A custom resource.
fn tool(group: &str, annotations: &str, size: u32) -> String {
    format!(
        "apiVersion: {group}/v1\nkind: Tool\nmetadata:\n  name: hammer\n  annotations: {{{annotations}}}\nspec: {{size: {size}}}\n"
    )
}

/// What a controller would note.
fn note(stage: &Stage, group: &str, status: &str) {
    let what = format!("tool.{group}/hammer");
    let patch = format!("{{\"status\": {status}}}");
    stage
        .kubectl(&[
            "patch",
            &what,
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ])
        .exits(0);
}

/// A moment in which a run that does not wait would be over.
const A_WHILE: Duration = Duration::from_secs(3);

#[test]
fn a_custom_resource_is_ready_when_its_annotation_says() {
    let stage = Stage::new("ready-when");
    let defined = Defined::new(&stage);
    let group = defined.group();
    let asks = "'consign.dev/ready-when': '{.status.phase}=Done'";
    stage
        .sources(&[("tool.yaml", &tool(group, asks, 1))])
        .package("v1.0.0");
    thread::scope(|scope| {
        let run = scope.spawn(|| stage.deploy("v1.0.0", &[]));
        stage.until("applied", || {
            !stage.get(&format!("tool.{group}/hammer")).is_null()
        });
        note(&stage, group, r#"{"phase": "Working"}"#);
        thread::sleep(A_WHILE);
        assert!(!run.is_finished());
        note(&stage, group, r#"{"phase": "Done"}"#);
        run.join().unwrap().exits(0);
    });
}

#[test]
fn d15_a_status_of_an_older_generation_is_not_believed() {
    let stage = Stage::new("d15-older");
    let defined = Defined::new(&stage);
    let group = defined.group();
    stage
        .sources(&[("tool.yaml", &tool(group, "", 1))])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let ready = |generation: u32| {
        format!(
            r#"{{"observedGeneration": {generation}, "conditions": [{{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-29T10:15:30Z", "reason": "Done", "message": ""}}]}}"#
        )
    };
    note(&stage, group, &ready(1));
    stage
        .sources(&[("tool.yaml", &tool(group, "", 2))])
        .package("v1.1.0");
    thread::scope(|scope| {
        let run = scope.spawn(|| stage.deploy("v1.1.0", &[]));
        let what = format!("tool.{group}/hammer");
        stage.until("applied", || {
            stage.get(&what)["metadata"]["generation"] == 2
        });
        thread::sleep(A_WHILE);
        assert!(!run.is_finished());
        note(&stage, group, &ready(2));
        run.join().unwrap().exits(0);
    });
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
}

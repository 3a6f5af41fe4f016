//! Workloads whose replicas are an autoscaler's.

use serde_json::Value;
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::adoption::managers;
use crate::gate::{self, Gate};
use crate::recorded::recording;
use crate::stage::{Stage, web};

const SCALER: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 2
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
";

#[test]
fn replicas_are_handed_over_to_an_autoscaler_and_never_fall_back() {
    let mut stage = Stage::new("scaler");
    let scaled = |version: &str| web(&stage.image(version, Mode::Ok), 1);
    let (first, second, third) = (scaled("v1.0.0"), scaled("v1.1.0"), scaled("v1.2.0"));
    stage.sources(&[("web.yaml", &first)]).package("v1.0.0");
    stage
        .sources(&[("web.yaml", &second), ("scaler.yaml", SCALER)])
        .package("v1.1.0");
    stage
        .sources(&[("web.yaml", &third), ("scaler.yaml", SCALER)])
        .package("v1.2.0");
    let replicas = |stage: &Stage| stage.get("deployment/web")["spec"]["replicas"].clone();
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .deploy("v1.1.0", &["--dry-run"])
        .exits(0)
        .says("change deployment.apps/web (replicas 1 handed over to the autoscaler)");
    stage.deploy("v1.1.0", &[]).exits(0);
    stage.until("scaled to two", || replicas(&stage) == 2);
    let object = stage.get("deployment/web");
    let ours = object["metadata"]["managedFields"]
        .as_array()
        .and_then(|entries| entries.iter().find(|e| e["manager"] == "consign"))
        .expect("it is ours");
    assert!(ours["fieldsV1"]["f:spec"]["f:replicas"].is_null(), "{ours}");
    let proxy = recording(&mut stage);
    stage.deploy("v1.2.0", &[]).exits(0);
    assert_eq!(replicas(&stage), 2);
    assert_eq!(stage.answers("app=web"), ["v1.2.0", "v1.2.0"]);
    let sent: Vec<Value> = proxy
        .writes()
        .iter()
        .filter(|w| w.path.ends_with("/deployments/web"))
        .map(|w| serde_json::from_slice(&w.body).expect("it is JSON"))
        .collect();
    // More than one where the controllers were faster with the status.
    assert!(!sent.is_empty());
    for body in sent {
        assert!(body["spec"]["replicas"].is_null(), "{body}");
    }
}

#[test]
fn replicas_stay_when_what_plain_apply_deployed_is_adopted_beside_an_autoscaler() {
    let stage = Stage::new("scaler-adopted");
    let image = stage.image("v1", Mode::Ok);
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl_apply(&format!("{}---\n{SCALER}", web(&image, 2)), &[])
        .exits(0);
    stage
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"])
        .exits(0);
    // The very image: nothing but a change of replicas would scale anything.
    stage
        .sources(&[("web.yaml", &web(&image, 1)), ("scaler.yaml", SCALER)])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0).says(
        "change deployment.apps/web (adopted from plain kubectl apply; replicas 2 handed over to the autoscaler)",
    );
    let object = stage.get("deployment/web");
    assert_eq!(object["spec"]["replicas"], 2);
    assert!(!managers(&object).contains(&"kubectl-client-side-apply"));
    let events = stage
        .kubectl(&["get", "events", "-o", "jsonpath={.items[*].message}"])
        .exits(0);
    assert!(events.stdout.contains("from 0 to 2"), "{}", events.stdout);
    events.never_says("from 2 to 1");
}

#[test]
fn replicas_that_were_scaled_while_it_ran_are_not_set_back() {
    let mut stage = Stage::new("scaler-meanwhile");
    let web = web(&stage.image("v1", Mode::Ok), 0);
    stage.sources(&[("web.yaml", &web)]).package("v1.0.0");
    stage
        .sources(&[("web.yaml", &web), ("scaler.yaml", SCALER)])
        .package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let gate = Gate::default();
    let _proxy = stage.through_proxy(gate.at(gate::record));
    let run = stage.start(stage.deploy_arguments("v1.1.0", &["--no-wait"]));
    stage.until("writes its record", || gate.is_reached());
    stage
        .kubectl(&["scale", "deployment/web", "--replicas=1"])
        .exits(0);
    gate.open();
    let run: Ran = run.wait_with_output().expect("the binary ends").into();
    run.exits(0);
    // With none the autoscaler would leave it alone.
    assert_ne!(stage.get("deployment/web")["spec"]["replicas"], 0);
}

#[test]
fn replicas_of_the_manifest_are_sent_when_the_workload_is_made() {
    let mut stage = Stage::new("scaler-new");
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.0.0", Mode::Ok), 2)),
            ("scaler.yaml", SCALER),
        ])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    stage.deploy("v1.0.0", &["--no-wait"]).exits(0);
    let made = proxy
        .writes()
        .into_iter()
        .find(|w| w.path.ends_with("/deployments/web"))
        .expect("it is made");
    let made: Value = serde_json::from_slice(&made.body).expect("it is JSON");
    assert_eq!(made["spec"]["replicas"], 2);
}

#[test]
fn replicas_are_the_packages_again_when_the_autoscaler_leaves_with_it() {
    let stage = Stage::new("scaler-leaves");
    let image = stage.image("v1", Mode::Ok);
    stage
        .sources(&[("web.yaml", &web(&image, 1)), ("scaler.yaml", SCALER)])
        .package("v1.0.0");
    stage
        .sources(&[("web.yaml", &web(&image, 1))])
        .package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.until("scaled to two", || {
        stage.get("deployment/web")["spec"]["replicas"] == 2
    });
    let plan = stage.deploy("v1.1.0", &["--dry-run"]).exits(0);
    for line in [
        "  ~ .spec.replicas: 2 -> 1",
        "  ! taken from kube-controller-manager: .spec.replicas",
        "prune horizontalpodautoscaler.autoscaling/web",
    ] {
        assert!(
            plan.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            plan.stdout
        );
    }
    stage.deploy("v1.1.0", &[]).exits(0);
    assert!(stage.get("horizontalpodautoscaler/web").is_null());
    // Nobody stands in the way of the next.
    stage
        .sources(&[("web.yaml", &web(&image, 0))])
        .package("v1.2.0");
    stage.deploy("v1.2.0", &[]).exits(0);
    assert_eq!(stage.get("deployment/web")["spec"]["replicas"], 0);
}

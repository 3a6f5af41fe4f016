//! undeploy: what goes, what stays, and that it can be cut off anywhere.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::api_proxy::{ApiFault, ApiProxy, Seen, Victim, among};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::lease::somebodys_lease;
use crate::stage::{SERVICE, Stage, settings, web};
use crate::terminal::Terminal;

fn undeploy<'a>(stage: &'a Stage, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["undeploy", "--client", stage.client.as_str()];
    base.into_iter().chain(more.iter().copied()).collect()
}

/// Holds an object back from going.
fn hold(stage: &Stage, what: &str, finalizers: &str) {
    let patch = format!("{{\"metadata\":{{\"finalizers\":{finalizers}}}}}");
    stage
        .kubectl(&["patch", what, "--type=merge", "-p", &patch])
        .exits(0);
}

#[test]
fn everything_goes_but_the_namespace_and_the_records() {
    let mut stage = Stage::new("undeploy");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .kubectl_apply(
            &settings("ours").replace("name: settings", "name: theirs"),
            &[],
        )
        .exits(0);
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy(|_, _| ApiFault::None);

    stage
        .run(undeploy(&stage, &["--dry-run"]))
        .exits(0)
        .says("delete deployment.apps/web")
        .says("Dry run complete");
    stage
        .run(undeploy(&stage, &[]))
        .exits(2)
        .says("Confirm with --yes");
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());

    stage
        .run(undeploy(&stage, &["--yes", "--reason", "moved away"]))
        .exits(0)
        .says("service/web deleted")
        .says("deployment.apps/web deleted")
        .says(&format!("keep namespace/{namespace}"))
        .says(&format!(
            "[OK] Removal complete: {} v1.0.0 is gone from {namespace}",
            stage.client
        ));
    for what in ["deployment/web", "service/web", "configmap/settings"] {
        assert_eq!(stage.get(what), Value::Null, "{what}");
    }
    assert!(
        stage
            .cluster
            .pods(&namespace, "app=web")
            .expect("pods can be listed")
            .is_empty()
    );
    assert!(stage.get("configmap/theirs").is_object());
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.0.0 removed"]);
    let record = &stage.records()[1];
    assert_eq!(
        (&record["reason"], &record["act"]),
        (&"moved away".into(), &"undeploy".into())
    );
    assert!(
        stage
            .hosting
            .read("config/clients.yaml")
            .contains("status: removed")
    );

    proxy.forget();
    stage
        .run(undeploy(&stage, &["--yes"]))
        .exits(0)
        .says("nothing was changed");
    assert!(
        !proxy.seen().is_empty() && proxy.writes().is_empty(),
        "{:?}",
        proxy.writes()
    );

    stage.deploy("v1.0.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
}

/// A volume that the claim `data` of this namespace binds.
fn volume(stage: &Stage) -> String {
    format!(
        "apiVersion: v1
kind: PersistentVolume
metadata: {{name: {0}}}
spec:
  capacity: {{storage: 1Mi}}
  accessModes: [ReadWriteOnce]
  storageClassName: \"\"
  claimRef: {{namespace: {1}, name: data}}
  hostPath: {{path: /tmp/{0}}}
",
        stage.client, stage.namespace
    )
}

const CLAIM: &str = "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: \"\"
  resources: {requests: {storage: 1Mi}}
";

fn set(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  replicas: 1
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      containers: [{{name: db, image: {image}}}]
  volumeClaimTemplates:
  - metadata: {{name: files}}
    spec:
      accessModes: [ReadWriteOnce]
      storageClassName: none-such
      resources: {{requests: {{storage: 1Mi}}}}
"
    )
}

#[test]
fn data_is_kept_when_asked_and_what_stateful_sets_made_is_never_touched() {
    let stage = Stage::new("keep-data");
    let image = stage.image("v1.0.0", Mode::Ok);
    stage.sources(&[
        ("claim.yaml", CLAIM),
        ("set.yaml", &set(&image)),
        ("settings.yaml", &settings("x")),
    ]);
    stage.package("v1.0.0");
    stage.kubectl_apply(&volume(&stage), &[]).exits(0);
    stage.deploy("v1.0.0", &["--no-wait"]).exits(0);
    stage.until("made the set's claim", || {
        stage.get("pvc/files-db-0").is_object()
    });

    stage
        .run(undeploy(&stage, &["--keep-data", "--yes"]))
        .exits(0)
        .says("keep persistentvolumeclaim/data (its data is kept)")
        .says("keep persistentvolumeclaim/files-db-0");
    assert_eq!(stage.get("statefulset/db"), Value::Null);
    assert!(stage.get("pvc/data").is_object() && stage.get("pvc/files-db-0").is_object());

    // What was kept is known, and goes when that is asked for.
    stage
        .run(undeploy(&stage, &["--keep-data", "--yes"]))
        .exits(0)
        .says("nothing was changed");
    stage
        .run(undeploy(&stage, &["--yes"]))
        .exits(0)
        .says("persistentvolumeclaim/data deleted");
    assert_eq!(stage.get("pvc/data"), Value::Null);
    assert!(stage.get("pvc/files-db-0").is_object());
    stage.kubectl(&["delete", "pv", &stage.client]).exits(0);
}

#[test]
fn the_namespace_goes_at_last_when_asked() {
    let stage = Stage::new("delete-namespace");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .run(undeploy(&stage, &["--delete-namespace"]))
        .exits(2);
    assert!(stage.get("deployment/web").is_object());
    stage
        .run(undeploy(&stage, &["--delete-namespace", "--yes"]))
        .exits(0)
        .says(&format!("namespace/{} deleted", stage.namespace));
    assert_eq!(
        stage.get(&format!("namespace/{}", stage.namespace)),
        Value::Null
    );
    stage
        .run(undeploy(&stage, &["--delete-namespace", "--yes"]))
        .exits(0)
        .says("nothing was changed");
}

#[test]
fn the_namespace_goes_only_for_the_clients_name() {
    let mut stage = Stage::new("delete-asks");
    stage.sources(&[("settings.yaml", &settings("x"))]);
    stage.package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let namespace = format!("namespace/{}", stage.namespace);
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    let command = stage.command(undeploy(&stage, &["--delete-namespace"]));
    let question = format!("Type {} to proceed:", stage.client);
    let other = &stage.client[..stage.client.len() - 1];
    for wrong in ["y", "yes", "", stage.namespace.as_str(), other] {
        Terminal::of(&command)
            .answers(&question, &format!("{wrong}\n"))
            .ends()
            .exits(2)
            .says("nothing was changed");
        assert!(proxy.writes().is_empty(), "{wrong:?}: {:?}", proxy.writes());
    }
    assert!(stage.get("configmap/settings").is_object());
    Terminal::of(&command)
        .answers(&question, &format!("{}\n", stage.client))
        .ends()
        .exits(0)
        .says(&format!("{namespace} deleted"));
    assert_eq!(stage.get(&namespace), Value::Null);
}

/// A release of another client in this one's namespace.
fn somebodys_release(stage: &Stage) -> String {
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: consign.other.r1
  labels:
    app.kubernetes.io/managed-by: consign
    consign.dev/client: other
    consign.dev/outcome: active
    consign.dev/version: v1.0.0
data: {{record.json: '{{}}', of: {}}}
",
        stage.client
    )
}

#[test]
fn the_namespace_stays_when_somebody_came_while_the_question_stood() {
    let stage = Stage::new("delete-meanwhile");
    stage.sources(&[("settings.yaml", &settings("x"))]);
    stage.package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let namespace = format!("namespace/{}", stage.namespace);
    let command = stage.command(undeploy(&stage, &["--delete-namespace"]));
    let asked = || {
        let mut terminal = Terminal::of(&command);
        terminal.until(&format!("Type {} to proceed:", stage.client));
        terminal
    };
    let confirmed = |mut terminal: Terminal| {
        let name = format!("{}\n", stage.client);
        terminal.answers("to proceed:", &name).ends()
    };
    let is_there = || {
        let phase = stage.get(&namespace)["status"]["phase"].clone();
        assert_eq!(phase, "Active");
    };
    let shared = format!("Namespace {} has releases of other too", stage.namespace);
    let other = ["delete", "configmap/consign.other.r1"];

    // What is the client's own is gone by then.
    let terminal = asked();
    stage
        .kubectl_apply(&somebodys_release(&stage), &[])
        .exits(0);
    confirmed(terminal).exits(11).says(&shared);
    is_there();
    assert_eq!(stage.get("configmap/settings"), Value::Null);
    stage.kubectl(&other).exits(0);

    // Nothing is left but the Namespace.
    let terminal = asked();
    stage
        .kubectl_apply(&somebodys_release(&stage), &[])
        .exits(0);
    confirmed(terminal).exits(5).says(&shared);
    is_there();
    stage.kubectl(&other).exits(0);

    let terminal = asked();
    stage.deploy("v1.0.0", &[]).exits(0);
    confirmed(terminal)
        .exits(6)
        .says("another run has ended meanwhile");
    is_there();
    assert!(stage.get("configmap/settings").is_object());
    stage.run(undeploy(&stage, &["--yes"])).exits(0);

    let lease = format!("lease/consign.{}", stage.client);
    stage.kubectl(&["delete", &lease]).exits(0);
    stage
        .kubectl_apply(&somebodys_lease(&stage, 0, 600), &[])
        .exits(0);
    confirmed(asked()).exits(6).says("ann@elsewhere");
    is_there();
    stage.kubectl(&["delete", &lease]).exits(0);
    confirmed(asked())
        .exits(0)
        .says(&format!("{namespace} deleted"));
    assert_eq!(stage.get(&namespace), Value::Null);
}

#[test]
fn d12_one_that_was_killed_is_told_and_gone_on_with() {
    let stage = Stage::new("undeploy-d12");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    hold(&stage, "service/web", "[\"example.com/hold\"]");
    let mut running = stage
        .command(undeploy(&stage, &["--yes"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    stage.until("began to remove", || {
        !stage.get("service/web")["metadata"]["deletionTimestamp"].is_null()
    });
    running.kill().expect("it can be killed");
    running.wait().expect("it ends");

    let client = stage.client.as_str();
    stage
        .run(["status", "--client", client])
        .exits(0)
        .says("undeploy of v1.0.0")
        .says(&format!("go on with: consign undeploy --client {client}"));
    // It still cannot go: told, with what holds it.
    stage
        .run(undeploy(&stage, &["--yes", "--timeout", "2s"]))
        .exits(11)
        .says("finalizers: example.com/hold");
    hold(&stage, "service/web", "null");
    stage
        .run(undeploy(&stage, &["--yes"]))
        .exits(0)
        .says("v1.0.0 is gone");
    for what in ["deployment/web", "service/web", "configmap/settings"] {
        assert_eq!(stage.get(what), Value::Null, "{what}");
    }
    assert_eq!(
        stage.outcomes(),
        [
            "v1.0.0 superseded",
            "v1.0.0 unknown",
            "v1.0.0 failed",
            "v1.0.0 removed"
        ]
    );
    assert!(
        stage
            .hosting
            .read("config/clients.yaml")
            .contains("status: removed")
    );
}

#[test]
fn d30_one_that_is_asked_to_stop_says_how_far_it_got() {
    let stage = Stage::new("undeploy-d30");
    stage.sources(&[("settings.yaml", &settings("x")), ("service.yaml", SERVICE)]);
    stage.package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    hold(&stage, "service/web", "[\"example.com/hold\"]");
    let running = stage
        .command(undeploy(&stage, &["--yes"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    stage.until("began to remove", || {
        !stage.get("service/web")["metadata"]["deletionTimestamp"].is_null()
    });
    let pid = i32::try_from(running.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process has a number"), Signal::INT).expect("it can be asked");
    let output = running.wait_with_output().expect("the binary ends");
    let namespace = &stage.namespace;
    Ran::from(output).exits(12).says(&format!(
        "Not removed, or not known: ConfigMap {namespace}/settings, Service {namespace}/web"
    ));
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.0.0 unknown"]);
    hold(&stage, "service/web", "null");
    stage.run(undeploy(&stage, &["--yes"])).exits(0);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.0.0 unknown", "v1.0.0 removed"]
    );
}

#[test]
fn what_became_anothers_stays() {
    let stage = Stage::new("undeploy-others");
    let image = stage.image("v1.0.0", Mode::Ok);
    stage.sources(&[
        ("web.yaml", &web(&image, 1)),
        ("service.yaml", SERVICE),
        ("settings.yaml", &settings("x")),
        (
            "kept.yaml",
            &settings("x").replace(
                "name: settings",
                "name: kept\n  annotations: {consign.dev/prune: keep}",
            ),
        ),
    ]);
    stage.package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.kubectl(&["delete", "configmap/settings"]).exits(0);
    stage.kubectl_apply(&settings("theirs"), &[]).exits(0);
    stage
        .run(undeploy(&stage, &["--yes"]))
        .exits(0)
        .says("configmap/settings (another object bears its name)")
        .says("configmap/kept (annotation consign.dev/prune says so)");
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "theirs");
    assert!(stage.get("configmap/kept").is_object());
    assert_eq!(stage.get("deployment/web"), Value::Null);
}

#[test]
fn who_has_one_namespace_may_undeploy_it_but_not_delete_it() {
    let mut stage = Stage::new("undeploy-user");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let token = stage
        .cluster
        .namespace_user(&stage.namespace)
        .expect("a user can be made");
    stage.speak_as(&token);
    stage
        .run(undeploy(&stage, &["--yes", "--delete-namespace"]))
        .exits(9)
        .says("Not allowed to delete namespaces");
    assert!(stage.get("deployment/web").is_object());
    stage.run(undeploy(&stage, &["--yes"])).exits(0);
    assert_eq!(stage.get("deployment/web"), Value::Null);
}

/// Runs it with one fault at this write; whether there was such a write.
fn with_fault(stage: &Stage, proxy: &ApiProxy, at: u64, fault: ApiFault, victim: &Victim) -> bool {
    proxy.forget();
    proxy.inject(among(Seen::is_write, move |n| {
        if n == at {
            fault.clone()
        } else {
            ApiFault::None
        }
    }));
    let mut child = stage
        .command(undeploy(stage, &["--yes"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary can be started");
    victim.set(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
    child.wait().expect("the binary ends");
    victim.set(None);
    proxy.inject(|_, _| ApiFault::None);
    proxy.writes().len() as u64 > at
}

#[test]
fn d9_d12_any_write_may_be_lost_or_be_the_last_one() {
    let mut stage = Stage::new("undeploy-d9");
    stage.sources(&[("settings.yaml", &settings("x")), ("service.yaml", SERVICE)]);
    stage.package("v1.0.0");
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    let victim = Victim::default();
    let faults = [
        ApiFault::DropBefore,
        ApiFault::DropAfter,
        ApiFault::KillAfter(victim.clone()),
    ];
    let mut at = 0;
    loop {
        let mut met = false;
        for fault in &faults {
            stage.deploy("v1.0.0", &[]).exits(0);
            met |= with_fault(&stage, &proxy, at, fault.clone(), &victim);
            stage.run(undeploy(&stage, &["--yes"])).exits(0);
            for what in ["service/web", "configmap/settings"] {
                assert_eq!(stage.get(what), Value::Null, "{what}, {fault:?} at {at}");
            }
            let outcomes = stage.outcomes();
            let newest = outcomes.last().map(String::as_str);
            assert_eq!(
                newest,
                Some("v1.0.0 removed"),
                "{fault:?} at {at}: {outcomes:?}"
            );
            let open = |o: &&String| o.ends_with("active") || o.ends_with("running");
            assert_eq!(
                outcomes.iter().find(open),
                None,
                "{fault:?} at {at}: {outcomes:?}"
            );
            let clients = stage.hosting.read("config/clients.yaml");
            assert!(
                clients.contains("status: removed"),
                "{fault:?} at {at}: {clients}"
            );
        }
        if !met {
            break;
        }
        at += 1;
    }
    assert!(at > 5, "{at} writes");
}

//! Scripts that fail, or are ended, and who goes on from there.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::packaged::{Packaged, named, no_pods, one_pod, text};
use crate::stage::{Stage, settings, web};

#[test]
fn d14_a_rollout_that_fails_is_told_and_recorded_and_consign_goes_on() {
    let stage = Stage::new("fails");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    let crashing = web(&stage.image("v1.1.0", Mode::Crash), 1).replace(
        "  replicas: 1\n",
        "  replicas: 1\n  progressDeadlineSeconds: 4\n",
    );
    stage
        .sources(&[
            ("web.yaml", &crashing),
            ("settings.yaml", &settings("v1.1.0")),
            ("new.yaml", &named("new", "x")),
        ])
        .package("v1.1.0");
    one_pod(&stage, "v1.2.0", Mode::Ok, &[]);
    let namespace = &stage.namespace;
    packaged.deploy("v1.0.0").exits(0);
    packaged
        .deploy("v1.1.0")
        .exits(11)
        .says("Deployment timeout: deployment.apps/web did not become ready")
        .says("exceeded its progress deadline")
        .says(&format!("kubectl get pods -n {namespace}"))
        .says(&format!(
            "kubectl get events -n {namespace} --sort-by='.lastTimestamp'"
        ))
        .never_says("Deployment complete");
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 failed"]);
    let record = &stage.records()[1];
    assert_eq!(
        record["reason"],
        "Deployment timeout: deployment.apps/web did not become ready"
    );
    assert_ne!(record["ended"], Value::Null);
    stage.deploy("v1.2.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    assert_eq!(stage.get("configmap/new"), Value::Null);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 failed", "v1.2.0 active"]
    );
}

/// A script is ended in the middle of its rollout by this signal; the next
/// command of consign goes on.
fn killed(name: &str, signal: &str, code: Option<i32>, left: &str) {
    let stage = Stage::new(name);
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(
        &stage,
        "v1.1.0",
        Mode::Never,
        &[("mid.yaml", &named("mid", "x"))],
    );
    one_pod(&stage, "v1.2.0", Mode::Ok, &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    let mut child = packaged
        .script("v1.1.0", &["--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let waits = || {
        let children =
            fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().any(|child| {
            fs::read_to_string(format!("/proc/{child}/cmdline"))
                .is_ok_and(|line| line.contains("rollout\0status"))
        })
    };
    stage.until("waits for the rollout", waits);
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 running"]);
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), code);
    if code.is_none() {
        // Nobody was left to end what it had started.
        let _ = Command::new("kill")
            .args(children.split_whitespace())
            .status();
    } else {
        stage.until("ends what it started", || {
            children
                .split_whitespace()
                .all(|child| !fs::exists(format!("/proc/{child}")).unwrap())
        });
    }
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 active", &format!("v1.1.0 {left}")]
    );

    stage
        .deploy("v1.2.0", &[])
        .exits(0)
        .says("A run of v1.1.0 by ")
        .says("was cut off after it had written ")
        .says("; this run goes on from what it left");
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 unknown", "v1.2.0 active"]
    );
    assert_eq!(stage.get("configmap/mid"), Value::Null);
}

#[test]
fn d12_a_script_goes_on_from_what_another_left() {
    let stage = Stage::new("again");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    no_pods(&stage, "v1.1.0");
    packaged.kubectl_that(ENDS_THE_SCRIPT);
    packaged.deploy("v1.0.0").exits(128 + 9);
    assert_eq!(stage.outcomes(), ["v1.0.0 running"]);
    packaged.kubectl_that("");
    packaged.deploy("v1.1.0").exits(0);
    assert_eq!(text(&stage), "v1.1.0");
    assert_eq!(stage.outcomes(), ["v1.0.0 unknown", "v1.1.0 active"]);
}

/// The script is ended once its record is there.
const ENDS_THE_SCRIPT: &str = "if [[ \"$*\" == *apply*/rest* && \"$*\" != *dry-run* ]]; then\n\
         pid=$PPID script=\n\
         while ((pid > 1)); do\n\
         if [[ $(</proc/$pid/comm) == deploy.sh ]]; then script=$pid; fi\n\
         read -r _ _ _ pid _ </proc/$pid/stat\n\
         done\n\
         kill -KILL $script\n\
         fi";

#[test]
fn d13_a_script_on_another_host_is_waited_for_until_it_is_known_to_have_ended() {
    let stage = Stage::new("elsewhere");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    no_pods(&stage, "v1.1.0");
    packaged.kubectl_that(ENDS_THE_SCRIPT);
    packaged.deploy("v1.0.0").exits(128 + 9);
    let mut record = stage.records()[0].clone();
    let holder = record["holder"].as_str().unwrap();
    let (process, _) = holder.split_once(" boot ").unwrap();
    record["holder"] = format!("{process} boot another pids 1").into();
    let name = format!("consign.{}.r1", stage.client);
    let patch = serde_json::json!({"data": {"record.json": record.to_string()}}).to_string();
    stage
        .kubectl(&["patch", "configmap", &name, "-p", &patch])
        .exits(0);

    let label = format!(
        "kubectl label configmap {name} -n {} --overwrite consign.dev/outcome=unknown",
        stage.namespace
    );
    stage
        .deploy("v1.1.0", &[])
        .exits(6)
        .says("deploy.sh of v1.0.0 by ")
        .says("may still run")
        .says(&label);
    assert_eq!(stage.outcomes(), ["v1.0.0 running"]);
    let words: Vec<&str> = label.split(' ').skip(1).collect();
    stage.kubectl(&words).exits(0);
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.outcomes(), ["v1.0.0 unknown", "v1.1.0 active"]);
}

#[test]
fn d12_a_script_that_was_killed_is_gone_on_from() {
    killed("killed", "-KILL", None, "running");
}

#[test]
fn d12_a_script_that_was_told_to_end_says_so_and_is_gone_on_from() {
    killed("ended", "-TERM", Some(12), "unknown");
}

#[test]
fn d13_a_script_that_finds_another_run_after_its_own_leaves_the_word_to_it() {
    let stage = Stage::new("overtaken");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(&stage, "v1.1.0", Mode::Never, &[]);
    one_pod(&stage, "v1.2.0", Mode::Ok, &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    let child = packaged
        .script("v1.1.0", &["--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("applies", || {
        text(&stage) == "v1.1.0" && stage.outcomes().len() == 2
    });
    let client = stage.client.as_str();
    let runs = format!("still runs as process {}", child.id());
    for refused in [
        stage.deploy("v1.2.0", &[]),
        stage.run(["undeploy", "--client", client, "--yes"]),
    ] {
        refused.exits(6).says("deploy.sh of v1.1.0 by ").says(&runs);
    }
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 running"]);
    // Someone says that it has ended, though it has not.
    let record = format!("consign.{client}.r2");
    let label = "consign.dev/outcome=unknown";
    stage
        .kubectl(&["label", "configmap", &record, "--overwrite", label])
        .exits(0);
    stage.deploy("v1.2.0", &[]).exits(0);
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.exits(12)
        .says("release 3, began meanwhile")
        .never_says("Deployment complete");
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 unknown", "v1.2.0 active"]
    );
}

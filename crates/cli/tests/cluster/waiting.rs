//! Deployments that do not become ready: found out, put back, proved; and what
//! only takes its time.

use testkit::image::Mode;

use crate::prober::Prober;
use crate::stage::{SERVICE, Stage, settings, web};

/// More requests than this are asked while a version fails and is put back.
const ASKED: usize = 10;

/// A first version that serves, so that there is something to go back to.
fn first(name: &str) -> Stage {
    let stage = Stage::new(name);
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
}

/// Deploys v1.1.0, which fails; v1.0.0 serves all the while and afterwards.
/// Standard error of the run.
#[track_caller]
fn is_put_back(stage: &Stage, flags: &[&str]) -> String {
    let prober = Prober::start(stage, "app=web", "v1.0.0");
    let ran = stage.deploy("v1.1.0", flags).exits(10);
    let asked = prober.stop();
    assert_eq!(asked.bad, [""; 0]);
    assert!(asked.good > ASKED, "{asked:?}");
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 rolled-back", "v1.0.0 active"]
    );
    assert!(
        ran.stderr
            .contains("Rollout of v1.1.0 failed; v1.0.0 is serving again"),
        "{}",
        ran.stderr
    );
    let records = stage.records();
    assert_eq!(records[2]["act"], "automatic-rollback");
    assert!(
        ran.stderr.contains(records[1]["reason"].as_str().unwrap()),
        "{records:?}"
    );
    ran.stderr
}

#[test]
fn d14_a_crash_is_found_after_three_restarts_and_put_back() {
    let stage = first("d14-crash");
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    let said = is_put_back(&stage, &[]);
    assert!(said.contains("restarted 3 times"), "{said}");
    assert!(
        said.contains("cannot start: crashing as configured"),
        "{said}"
    );
}

#[test]
fn d14_a_crash_is_found_after_one_restart_where_asked() {
    let stage = first("d14-once");
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    let said = is_put_back(&stage, &["--fail-after-restarts", "1"]);
    assert!(said.contains("restarted once"), "{said}");
}

#[test]
fn d14_what_is_put_back_may_come_from_the_record() {
    let stage = first("d14-record");
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    let package = format!("packages/{}-v1.0.0", stage.client);
    std::fs::remove_dir_all(stage.hosting.path(&package)).unwrap();
    is_put_back(&stage, &["--fail-after-restarts", "1"]);
}

#[test]
fn d14_an_image_that_does_not_exist_is_found_and_put_back() {
    let stage = first("d14-image");
    let there = stage.image("v1.1.0", Mode::Ok);
    let (repository, _) = there.split_once('@').unwrap();
    let image = format!("{repository}@sha256:{}", "0".repeat(64));
    stage
        .sources(&[
            ("web.yaml", &web(&image, 2)),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let refused = stage.deploy("v1.1.0", &[]).exits(9);
    assert!(refused.stderr.contains(&image), "{}", refused.stderr);
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    let said = is_put_back(&stage, &["--skip-check", "images"]);
    assert!(
        said.contains("image ") && said.contains("not found"),
        "{said}"
    );
}

#[test]
fn d14_what_is_never_ready_is_put_back_at_the_deadline() {
    let stage = first("d14-never");
    stage.web("v1.1.0", Mode::Never).package("v1.1.0");
    let said = is_put_back(&stage, &["--timeout", "6s"]);
    assert!(said.contains("web: not ready after 6 s"), "{said}");
}

#[test]
fn d14_what_cannot_be_scheduled_is_waited_for_until_the_deadline() {
    let stage = first("d14-nowhere");
    let nowhere = web(&stage.image("v1.1.0", Mode::Ok), 2).replace(
        "      automountServiceAccountToken: false\n",
        "      automountServiceAccountToken: false\n      nodeSelector: {disk: golden}\n",
    );
    stage
        .sources(&[
            ("web.yaml", &nowhere),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let said = is_put_back(&stage, &["--timeout", "7s"]);
    assert!(said.contains("not ready after 7 s"), "{said}");
    assert!(said.contains("cannot be scheduled"), "{said}");
}

#[test]
fn d14_a_program_that_crashes_twice_and_then_serves_has_not_failed() {
    let stage = Stage::new("d14-twice");
    let image = stage.image("v1.0.0", Mode::CrashTimes(2));
    let counting = web(&image, 1)
        + "        volumeMounts: [{name: state, mountPath: /state}]
      volumes: [{name: state, emptyDir: {}}]
";
    stage.sources(&[("web.yaml", &counting)]).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    let pods = stage.cluster.pods(&stage.namespace, "app=web").unwrap();
    assert_eq!(pods[0].restarts, 2, "{pods:?}");
}

#[test]
fn d14_a_rollout_that_makes_no_progress_is_put_back() {
    let stage = first("d14-progress");
    let slow = web(&stage.image("v1.1.0", Mode::Never), 2).replace(
        "spec:\n  replicas",
        "spec:\n  progressDeadlineSeconds: 4\n  replicas",
    );
    stage
        .sources(&[
            ("web.yaml", &slow),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let said = is_put_back(&stage, &[]);
    assert!(said.contains("ProgressDeadlineExceeded: "), "{said}");
    assert!(!said.contains("not ready after"), "{said}");
}

#[test]
fn d14_a_paused_deployment_would_never_roll_out() {
    let stage = first("d14-paused");
    let paused = web(&stage.image("v1.1.0", Mode::Ok), 2)
        .replace("spec:\n  replicas", "spec:\n  paused: true\n  replicas");
    stage
        .sources(&[
            ("web.yaml", &paused),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let said = is_put_back(&stage, &[]);
    assert!(
        said.contains("it is paused and does not roll out"),
        "{said}"
    );
}

#[test]
fn nothing_is_waited_for_where_that_is_not_wanted() {
    let stage = Stage::new("no-wait");
    stage.web("v1.0.0", Mode::Never).package("v1.0.0");
    let ran = stage.deploy("v1.0.0", &["--no-wait"]).exits(0);
    assert!(
        !ran.stdout.contains("Waiting for deployment to stabilize"),
        "{}",
        ran.stdout
    );
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    assert_eq!(stage.answers("app=web"), [""; 0]);
}

#[test]
fn d15_what_is_ready_is_the_new_version() {
    let stage = first("d15");
    stage.web("v1.1.0", Mode::Late(3)).package("v1.1.0");
    stage.deploy("v1.1.0", &[]).exits(0);
    // The status of before says that all is well; it is not believed.
    assert!(stage.answers("app=web").contains(&"v1.1.0".to_owned()));
    let web = stage.get("deployment/web");
    assert_eq!(
        web["metadata"]["generation"],
        web["status"]["observedGeneration"]
    );
    assert_eq!(web["status"]["updatedReplicas"], 2);
    let new: Vec<_> = stage.cluster.pods(&stage.namespace, "app=web").unwrap();
    assert_eq!(new.iter().filter(|p| p.ready).count(), 2, "{new:?}");
    assert_eq!(stage.answers("app=web"), ["v1.1.0", "v1.1.0"]);
}

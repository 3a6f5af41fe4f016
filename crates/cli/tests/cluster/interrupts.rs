//! Signals and sudden ends: what is said, and what the next command makes of
//! it.

use std::process::Child;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testkit::api_proxy::{ApiFault, Seen, Victim};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::gate::{self, Gate};
use crate::stage::{SERVICE, Stage, settings, web};

const V1: &str = "v1.0.0";
const V2: &str = "v1.1.0";

/// A client whose second version is never ready; the first one serves.
fn staged(name: &str) -> Stage {
    let stage = Stage::new(name);
    for (version, mode) in [(V1, Mode::Ok), (V2, Mode::Never)] {
        let web = web(&stage.image(version, mode), 1);
        let settings = settings(version);
        stage
            .sources(&[
                ("web.yaml", &web),
                ("service.yaml", SERVICE),
                ("settings.yaml", &settings),
            ])
            .package(version);
    }
    stage.deploy(V1, &[]).exits(0);
    stage
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process has a number"), signal).expect("it is there");
}

/// Signals of one kind that wait to be heard are one, and hearing takes a
/// moment. A gate is shut meanwhile.
fn heard() {
    thread::sleep(Duration::from_secs(1));
}

fn ended(child: Child) -> Ran {
    child.wait_with_output().expect("the binary ends").into()
}

fn rollback(stage: &Stage) -> Ran {
    stage.run(["rollback", "--client", &stage.client, "--yes"])
}

/// One signal while it is waited for pods that never serve.
fn stops_while_it_waits(name: &str, signal: Signal) {
    let stage = staged(name);
    let run = stage.start(stage.deploy_arguments(V2, &[]));
    stage.until("rolls out", || {
        let pods = stage.get("pods");
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        pods.len() == 2 && pods.iter().all(|p| p["status"]["phase"] == "Running")
    });
    send(&run, signal);
    let ran = ended(run).exits(12);
    for words in [
        "Applied: ",
        "Deployment",
        "Not applied: none",
        "Interrupted after the first change",
        &format!("consign rollback --client {}", stage.client),
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 unknown"]);
    let lease = stage.get(&format!("lease/consign.{}", stage.client));
    assert_eq!(lease["spec"]["holderIdentity"], "");
    rollback(&stage).exits(0).says("A run of v1.1.0 by tester@");
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 unknown", "v1.0.0 active"]
    );
    assert_eq!(stage.answers("app=web"), [V1]);
}

#[test]
fn d30_one_sigint_stops_at_the_next_safe_point() {
    stops_while_it_waits("d30-once", Signal::INT);
}

#[test]
fn d30_one_sigterm_stops_at_the_next_safe_point() {
    stops_while_it_waits("d30-term", Signal::TERM);
}

#[test]
fn d30_one_sighup_stops_at_the_next_safe_point() {
    stops_while_it_waits("d30-hup", Signal::HUP);
}

#[test]
fn d30_a_second_sigint_ends_it_at_once() {
    let mut stage = staged("d30-twice");
    let gate = Gate::default();
    let _proxy = stage.through_proxy(gate.at(gate::object("/configmaps/settings")));
    let run = stage.start(stage.deploy_arguments(V2, &[]));
    stage.until("applies", || gate.is_reached());
    send(&run, Signal::INT);
    heard();
    send(&run, Signal::INT);
    // Its request is still on its way: it does not wait for that.
    ended(run)
        .exits(12)
        .says("stopping at the next safe point; once more ends it at once");
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 running"]);
    gate.open();
    rollback(&stage).exits(0).says("A run of v1.1.0 by tester@");
    assert_eq!(stage.answers("app=web"), [V1]);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], V1);
}

/// A signal while the server has not answered the first request that passes
/// this filter; nothing is written then.
fn writes_nothing(
    name: &str,
    signal: Signal,
    code: i32,
    filter: impl Fn(&Seen) -> bool + Send + Sync + 'static,
) {
    let mut stage = staged(name);
    let gate = Gate::default();
    let proxy = stage.through_proxy(gate.at(filter));
    let run = stage.start(stage.deploy_arguments(V2, &[]));
    stage.until("asks", || gate.is_reached());
    send(&run, signal);
    heard();
    gate.open();
    ended(run).exits(code);
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn d30_a_signal_before_the_first_write_ends_as_in_every_command() {
    writes_nothing("d30-before-int", Signal::INT, 130, |s| s.path == "/version");
    writes_nothing("d30-before-term", Signal::TERM, 143, |s| {
        s.path == "/version"
    });
    writes_nothing("d30-before-hup", Signal::HUP, 129, |s| s.path == "/version");
    writes_nothing("d30-before-lease", Signal::INT, 130, |s| {
        s.path.contains("/leases/")
    });
}

#[test]
fn d12_the_next_command_says_how_far_a_killed_one_got_and_goes_on() {
    let mut stage = staged("d12");
    let victim = Victim::default();
    let to_kill = victim.clone();
    let proxy = stage.through_proxy(move |seen, _| {
        if gate::object("/deployments/web")(seen) {
            ApiFault::KillAfter(to_kill.clone())
        } else {
            ApiFault::None
        }
    });
    let run = stage.start(stage.deploy_arguments(V2, &[]));
    victim.set(i32::try_from(run.id()).ok().and_then(Pid::from_raw));
    ended(run).exits(128 + 9);
    victim.set(None);
    proxy.inject(|_, _| ApiFault::None);
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 running"]);

    // Only the very package that was cut off is gone on with by name.
    proxy.forget();
    stage
        .deploy(V1, &["--resume"])
        .exits(6)
        .says("the run that was cut off is that of v1.1.0");
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
    stage
        .deploy(V2, &["--resume", "--dry-run"])
        .exits(0)
        .says("A run of v1.1.0 by tester@")
        .says("was cut off after it had written");
    stage
        .deploy(V1, &[])
        .exits(0)
        .says("A run of v1.1.0 by tester@");
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 unknown", "v1.0.0 active"]
    );
    assert_eq!(stage.answers("app=web"), [V1]);
    stage
        .deploy(V1, &["--resume"])
        .exits(6)
        .says("no run was cut off");
}

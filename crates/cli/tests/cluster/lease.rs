//! One run at a time: who holds a client's Lease, and who takes it over.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testkit::api_proxy::{ApiFault, Seen, Victim};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::gate::{self, Gate};
use crate::stage::{SERVICE, Stage, settings, web};

const V1: &str = "v1.0.0";
const V2: &str = "v1.1.0";

/// How many seconds a Lease holds where something has to happen meanwhile, on
/// a machine that is busy.
const SLOW: u32 = 10;

/// How long one of two runs waits for the other.
const LIMIT: Duration = Duration::from_secs(60);

/// A client with two versions whose Leases hold for so many seconds. There are
/// no pods: who may write does not depend on them.
fn staged(name: &str, ttl: u32) -> Stage {
    let stage = Stage::new(name);
    let text = stage.hosting.read("consign.yaml");
    stage.hosting.write(
        "consign.yaml",
        format!("{text}rollout:\n  lease-ttl: {ttl}s\n"),
    );
    for version in [V1, V2] {
        let web = web(&stage.image(version, Mode::Ok), 0);
        let settings = settings(version);
        stage
            .sources(&[
                ("web.yaml", &web),
                ("service.yaml", SERVICE),
                ("settings.yaml", &settings),
            ])
            .package(version);
    }
    stage
}

/// Deploys past the stage's proxy.
fn deploy_beside(stage: &Stage, version: &str) -> Ran {
    stage
        .command(stage.deploy_arguments(version, &[]))
        .env("KUBECONFIG", stage.cluster.kubeconfig())
        .output()
        .expect("the binary can be started")
        .into()
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process has a number"), signal).expect("it is there");
}

fn ended(child: Child) -> Ran {
    child.wait_with_output().expect("the binary ends").into()
}

/// A Lease of someone on another host, renewed so long ago, that holds for so
/// many seconds.
pub fn somebodys_lease(stage: &Stage, seconds_ago: i64, ttl: u32) -> String {
    let renewed = time(seconds_ago);
    format!(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: consign.{}\nspec:\n  \
         holderIdentity: ann@elsewhere pid 7 started 8 boot other pids pid-1\n  \
         leaseDurationSeconds: {ttl}\n  renewTime: {renewed}\n",
        stage.client
    )
}

fn time(seconds_ago: i64) -> String {
    let now = std::process::Command::new("date")
        .args([
            "-u",
            "-d",
            &format!("{seconds_ago} seconds ago"),
            "+%Y-%m-%dT%H:%M:%S.%6NZ",
        ])
        .output()
        .expect("date can be started");
    String::from_utf8_lossy(&now.stdout).trim().to_owned()
}

#[test]
fn d13_b8_of_two_deploys_one_wins_and_the_other_names_it() {
    let mut stage = staged("d13-two", 60);
    let gate = Gate::default();
    let proxy = stage.through_proxy(gate.at(gate::lease));
    let first = stage.start(stage.deploy_arguments(V1, &[]));
    stage.until("takes the Lease", || gate.is_reached());
    let pid = first.id();
    for version in [V1, V2] {
        let other = deploy_beside(&stage, version).exits(6);
        let (holder, age) = (format!("tester@{}", host()), "renewed ");
        for word in [holder.as_str(), &format!("pid {pid} "), age, " s ago"] {
            assert!(other.stderr.contains(word), "{word}: {}", other.stderr);
        }
    }
    gate.open();
    ended(first).exits(0);
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    drop(proxy);
    deploy_beside(&stage, V2).exits(0).never_says("Taking over");
}

/// Lets no write of a Lease through before there are two: both runs have found
/// that nobody holds it. Then the one that got it stops with its record.
fn both_at_once(gate: &Gate) -> impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static {
    let arrived = AtomicUsize::new(0);
    let with_record = gate.at(gate::record);
    move |seen, ordinal| {
        if gate::lease(seen) {
            arrived.fetch_add(1, Ordering::SeqCst);
            let begun = Instant::now();
            while arrived.load(Ordering::SeqCst) < 2 && begun.elapsed() < LIMIT {
                thread::sleep(Duration::from_millis(5));
            }
        }
        with_record(seen, ordinal)
    }
}

#[test]
fn d13_b8_of_a_deploy_and_a_rollback_one_wins_and_the_other_names_it() {
    let mut stage = staged("b8", 60);
    stage.deploy(V1, &[]).exits(0);
    stage.deploy(V2, &[]).exits(0);
    let client = stage.client.clone();
    let rollback = ["rollback", "--client", &client, "--to", V1, "--yes"];
    let gate = Gate::default();
    let proxy = stage.through_proxy(both_at_once(&gate));
    let mut runs = [
        stage.start(stage.deploy_arguments(V2, &["--reason", "again"])),
        stage.start(rollback),
    ];
    let mut first = None;
    stage.until("ends one of them", || {
        first = runs
            .iter_mut()
            .position(|r| r.try_wait().expect("it can be waited for").is_some());
        first.is_some()
    });
    stage.until("goes on with the other", || gate.is_reached());
    let [deploy, rollback] = runs;
    let (loser, winner, won) = match first {
        Some(0) => (deploy, rollback, V1),
        _ => (rollback, deploy, V2),
    };
    let pid = winner.id();
    let loser = ended(loser).exits(6);
    let holder = format!("tester@{} pid {pid} ", host());
    for words in ["is on its way", &holder] {
        assert!(loser.stderr.contains(words), "{words}: {}", loser.stderr);
    }
    gate.open();
    ended(winner).exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], won);
    let outcomes = stage.outcomes();
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    assert_eq!(outcomes[2], format!("{won} active"));
    drop(proxy);
}

#[test]
fn b8_a_rollback_is_kept_from_a_deploys_client_and_the_other_way_round() {
    let mut stage = staged("b8-each", 60);
    stage.deploy(V1, &[]).exits(0);
    stage.deploy(V2, &[]).exits(0);
    let rollback = ["rollback", "--client", &stage.client, "--to", V1, "--yes"].map(str::to_owned);
    let deploy = stage.deploy_arguments(V1, &[]);
    for (first, second) in [(&rollback[..], &deploy[..]), (&deploy[..], &rollback[..])] {
        let gate = Gate::default();
        let proxy = stage.through_proxy(gate.at(gate::lease));
        let holder = stage.start(first);
        stage.until("takes the Lease", || gate.is_reached());
        let named = format!("tester@{} pid {} ", host(), holder.id());
        let other = stage
            .command(second)
            .env("KUBECONFIG", stage.cluster.kubeconfig())
            .output()
            .expect("the binary can be started");
        Ran::from(other).exits(6).says(&named);
        gate.open();
        ended(holder).exits(0);
        drop(proxy);
        deploy_beside(&stage, V2).exits(0);
    }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .expect("the host has a name")
        .trim()
        .to_owned()
}

#[test]
fn d13_a_renewal_whose_answer_was_lost_is_gone_on_from() {
    let mut stage = staged("d13-unheard", SLOW);
    let gate = Gate::default();
    let _proxy = stage.through_proxy(gate.at(gate::record));
    let run = stage.start(stage.deploy_arguments(V1, &[]));
    stage.until("writes its record", || gate.is_reached());
    // As one leaves it behind that was heeded and not heard of: another version
    // of the same holder's.
    let lease = format!("lease/consign.{}", stage.client);
    stage
        .kubectl(&["annotate", &lease, "example.com/heeded=unheard"])
        .exits(0);
    let renewed = || stage.get(&lease)["spec"]["renewTime"].clone();
    let before = renewed();
    stage.until("renews it", || renewed() != before);
    gate.open();
    ended(run).exits(0);
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn d13_a_dead_holder_of_this_host_is_taken_over_at_once() {
    let mut stage = staged("d13-dead", 60);
    let victim = Victim::default();
    let to_kill = victim.clone();
    let _proxy = stage.through_proxy(move |seen, _| {
        if gate::record(seen) {
            ApiFault::KillAfter(to_kill.clone())
        } else {
            ApiFault::None
        }
    });
    let first = stage.start(stage.deploy_arguments(V1, &[]));
    victim.set(i32::try_from(first.id()).ok().and_then(Pid::from_raw));
    let pid = first.id();
    ended(first).exits(128 + 9);
    victim.set(None);
    let lease = stage.get(&format!("lease/consign.{}", stage.client));
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    assert!(holder.contains(&format!("pid {pid} ")), "{lease}");
    deploy_beside(&stage, V2)
        .exits(0)
        .says(&format!("Taking over from {holder}, which is gone"))
        .never_says("watching");
    assert_eq!(stage.outcomes(), ["v1.0.0 unknown", "v1.1.0 active"]);
}

#[test]
fn d13_a_silent_holder_elsewhere_is_watched_for_its_whole_time() {
    let mut stage = staged("d13-silent", 60);
    stage.deploy(V1, &[]).exits(0);
    let lease = somebodys_lease(&stage, 600, 3);
    stage
        .kubectl_apply(&lease, &["--server-side", "--force-conflicts"])
        .exits(0);
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    stage
        .deploy(V2, &[])
        .exits(0)
        .says("watching it for 3 seconds")
        .says("Taking over from ann@elsewhere pid 7");
    let seen = proxy.seen();
    let of_lease = |write: bool| {
        let found = seen
            .iter()
            .find(|s| s.path.contains("/leases/") && s.is_write() == write);
        found.expect("the Lease is read and written").at
    };
    let watched = of_lease(true).duration_since(of_lease(false));
    assert!(watched >= Duration::from_secs(3), "{watched:?}");
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
}

/// Deploys while somebody elsewhere renews the Lease, by a clock that is so
/// far behind.
fn is_kept_from_deploying(name: &str, behind: i64) {
    let mut stage = staged(name, 60);
    stage.deploy(V1, &[]).exits(0);
    let renewing = AtomicBool::new(true);
    let renew = |ago: i64| {
        let lease = somebodys_lease(&stage, ago, SLOW);
        let file = stage.hosting.path("tmp/lease.yaml");
        std::fs::write(&file, lease).expect("file can be written");
        let file = file.to_str().expect("a path is text");
        stage
            .kubectl(&["apply", "--server-side", "--force-conflicts", "-f", file])
            .exits(0);
    };
    renew(behind);
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            while renewing.load(Ordering::SeqCst) {
                renew(behind);
                thread::sleep(Duration::from_millis(100));
            }
        });
        let ran = stage.deploy(V2, &[]);
        renewing.store(false, Ordering::SeqCst);
        ran
    });
    ran.exits(6).says("ann@elsewhere pid 7");
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    drop(proxy);
}

#[test]
fn d13_a_holder_elsewhere_that_renews_is_left_alone() {
    is_kept_from_deploying("d13-renews", 0);
}

#[test]
fn d13_a_holder_whose_clock_is_wrong_is_left_alone_too() {
    is_kept_from_deploying("d13-clock", 7200);
}

/// Stops the holder when the server has done its first request that passes
/// this filter, lets another deploy take over, and lets the holder go on.
fn is_paused(name: &str, filter: impl Fn(&Seen) -> bool + Send + Sync + 'static) {
    let mut stage = staged(name, SLOW);
    stage.deploy(V1, &[]).exits(0);
    let gate = Gate::default();
    let proxy = stage.through_proxy(gate.at(filter));
    let holder = stage.start(stage.deploy_arguments(V2, &[]));
    stage.until("is on its way", || gate.is_reached());
    signal(&holder, Signal::STOP);
    gate.open();
    // A run of this host that is there, stopped or not, holds its Lease.
    deploy_beside(&stage, V1).exits(6).says("is on its way");
    thread::sleep(Duration::from_secs(u64::from(SLOW) + 1));
    deploy_beside(&stage, V1)
        .exits(0)
        .says(&format!("watching it for {SLOW} seconds"))
        .says("Taking over");
    let (records, objects) = (stage.outcomes(), stage.get("configmap/settings"));
    let seen = Arc::new(proxy);
    seen.forget();
    signal(&holder, Signal::CONT);
    let ran = ended(holder);
    assert!([6, 12].contains(&ran.code), "{}: {}", ran.code, ran.stderr);
    assert!(
        seen.writes().is_empty(),
        "{:?}\n{}",
        seen.writes(),
        ran.stderr
    );
    assert_eq!(stage.outcomes(), records);
    assert_eq!(stage.get("configmap/settings"), objects);
    assert_eq!(objects["data"]["text"], V1);
    assert_eq!(records.last().map(String::as_str), Some("v1.0.0 active"));
}

#[test]
fn d13_a_holder_paused_with_the_lease_writes_nothing_more() {
    is_paused("d13-paused-lease", gate::lease);
}

#[test]
fn d13_a_holder_paused_with_its_record_writes_nothing_more() {
    is_paused("d13-paused-record", gate::record);
}

#[test]
fn d13_a_holder_paused_amid_its_objects_writes_nothing_more() {
    is_paused("d13-paused-object", gate::object("/configmaps/settings"));
}

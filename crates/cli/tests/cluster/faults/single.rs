//! One fault at a time, at every write and at some of the other requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::api_proxy::{ApiFault, Seen, Victim};
use testkit::consign::Ran;

use crate::gate;

use super::scene::{Fault, LeaseIs, Point, Scene, V1, V2};

/// Of the requests that write nothing, every one in so many has a fault.
const STEP: u64 = 9;

const FAULTS: [Fault; 3] = [Fault::DropBefore, Fault::DropAfter, Fault::Kill];

/// Where faults are put in a run of so many writes and other requests.
fn points((writes, others): (u64, u64)) -> Vec<(Point, Fault)> {
    let all = |point: Point| FAULTS.into_iter().map(move |fault| (point, fault));
    let others = (0..others).step_by(usize::try_from(STEP).expect("it is small"));
    // What writes nothing is not done twice by being asked twice.
    let others = others
        .enumerate()
        .map(|(n, at)| (Point::Other(at), FAULTS[n % FAULTS.len()]));
    (0..writes)
        .map(Point::Write)
        .flat_map(all)
        .chain(others)
        .collect()
}

/// What a run with a fault said is true: it ended as if there was none, or was
/// killed.
#[track_caller]
fn told_the_truth(scene: &Scene, ran: &Ran, fault: Fault, context: &str, version: &str) {
    if fault == Fault::Kill && ran.code == 128 + 9 {
        return;
    }
    // A kill may come when all is done.
    assert_eq!(ran.code, 0, "{context}: {}\n{}", ran.stdout, ran.stderr);
    scene.is_good(version, LeaseIs::Free, context);
}

/// The next command, and the version that it ends with: a deploy of either,
/// or a rollback to the first one.
fn next(scene: &Scene, number: usize) -> (Vec<String>, &'static str) {
    match number % 3 {
        0 => (scene.deploy(V1), V1),
        1 => (scene.deploy(V2), V2),
        _ => {
            let outcomes = scene.outcomes();
            let open = outcomes.last().is_some_and(|o| o.2 == "running");
            let several = outcomes.iter().filter(|o| o.2 == "active").count() > 1;
            // A deploy that was cut off is gone back from without a word more,
            // and a rollback that was is done again; what went through is
            // named.
            let more: &[&str] = if open || several { &[] } else { &["--to", V1] };
            (scene.rollback(more), V1)
        }
    }
}

#[track_caller]
fn goes_on(scene: &Scene, arguments: &[String], version: &str, context: &str) {
    let ran = scene.well(arguments);
    assert_eq!(
        ran.code, 0,
        "{context}, then {arguments:?}: {}\n{}",
        ran.stdout, ran.stderr
    );
    let lease = if ran.stdout.contains("already active") {
        LeaseIs::Any
    } else {
        LeaseIs::Free
    };
    scene.is_good(version, lease, &format!("{context}, then {arguments:?}"));
}

/// Faults in runs that go from one version to the other, and what comes next.
fn sweep(scene: &Scene, from: &str, to: &str, arguments: &[String]) {
    for version in [to, from] {
        scene.well(&scene.deploy(version)).exits(0);
    }
    let count = scene.count(arguments);
    scene.is_good(to, LeaseIs::Free, "without a fault");
    for (number, (point, fault)) in points(count).into_iter().enumerate() {
        if scene.version().as_deref() != Some(from) {
            scene.well(&scene.deploy(from)).exits(0);
        }
        let context = format!("{fault:?} at {point:?} of {count:?}");
        let ran = scene.with_fault(arguments, fault, point);
        told_the_truth(scene, &ran, fault, &context, to);
        let (arguments, version) = next(scene, number);
        goes_on(scene, &arguments, version, &context);
    }
}

#[test]
fn d9_d12_a_first_deploy_survives_a_fault_at_any_request() {
    let name = "d9-first";
    let count = {
        let scene = Scene::new(name, 0);
        scene.count(&scene.deploy(V1))
    };
    for (number, (point, fault)) in points(count).into_iter().enumerate() {
        let scene = Scene::new(name, 0);
        let context = format!("{fault:?} at {point:?} of {count:?}");
        let ran = scene.with_fault(&scene.deploy(V1), fault, point);
        told_the_truth(&scene, &ran, fault, &context, V1);
        let version = [V1, V2][number % 2];
        goes_on(&scene, &scene.deploy(version), version, &context);
    }
}

#[test]
fn d9_d12_an_upgrade_survives_a_fault_at_any_request() {
    let scene = Scene::new("d9-upgrade", 0);
    sweep(&scene, V1, V2, &scene.deploy(V2));
}

#[test]
fn d12_pods_serve_after_a_death_at_any_write_of_an_upgrade() {
    let scene = Scene::new("d12-pods", 1);
    scene.well(&scene.deploy(V2)).exits(0);
    scene.well(&scene.deploy(V1)).exits(0);
    let (writes, _) = scene.count(&scene.deploy(V2));
    for at in 0..writes {
        scene.well(&scene.deploy(V1)).exits(0);
        let context = format!("death at write {at} of {writes}");
        let ran = scene.with_fault(&scene.deploy(V2), Fault::Kill, Point::Write(at));
        assert!(scene.proxy.writes().len() as u64 > at, "{context}: not met");
        told_the_truth(&scene, &ran, Fault::Kill, &context, V2);
        let number = usize::try_from(at).expect("it is small");
        let (arguments, version) = next(&scene, number);
        goes_on(&scene, &arguments, version, &context);
    }
}

#[test]
fn d12_a_death_while_the_version_before_is_put_back_leaves_nothing_wedged() {
    let scene = Scene::new("d12-back", 0);
    scene.well(&scene.deploy(V1)).exits(0);
    let refused = |seen: &Seen| gate::object("/deployments/web")(seen);
    let no = || ApiFault::status(422, "Invalid", "no");
    scene.proxy.forget();
    scene
        .proxy
        .inject(move |seen, _| if refused(seen) { no() } else { ApiFault::None });
    scene.stage.run(scene.deploy(V2)).exits(10);
    let writes = scene.proxy.writes();
    let failed = writes.iter().position(refused).expect("it is tried");
    for at in failed + 1..writes.len() {
        scene.well(&scene.deploy(V1)).exits(0);
        let victim = Victim::default();
        let (to_kill, written) = (victim.clone(), AtomicUsize::new(0));
        let ran = scene.with_faults(&scene.deploy(V2), &victim, move |seen, _| {
            let kills = seen.is_write() && written.fetch_add(1, Ordering::SeqCst) == at;
            if refused(seen) {
                no()
            } else if kills {
                ApiFault::KillAfter(to_kill.clone())
            } else {
                ApiFault::None
            }
        });
        assert!([10, 128 + 9].contains(&ran.code), "{}", ran.stderr);
        let context = format!("death at write {at} of {}", writes.len());
        let (arguments, version) = next(&scene, at);
        goes_on(&scene, &arguments, version, &context);
    }
}

#[test]
fn b6_a_rollback_survives_a_fault_at_any_request() {
    let scene = Scene::new("b6", 0);
    sweep(&scene, V2, V1, &scene.rollback(&["--to", V1]));
}

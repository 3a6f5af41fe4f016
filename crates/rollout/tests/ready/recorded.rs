//! What a real cluster of Kubernetes 1.36 with containerd said, without
//! managed fields, volumes and tolerations: programs that crash, images that
//! are nowhere, sets that go back.

use rollout::ready::{Observed, Rules, judge, new_pods, serves, stuck_pods};
use serde_json::Value;

use crate::objects::shown;

fn recorded() -> Vec<Value> {
    serde_json::from_str(include_str!("recorded.json")).unwrap()
}

/// The judgement of an object, how many pods are new and how many are stuck,
/// and whether it serves what it says itself.
fn look(kind: &str, name: &str) -> (String, usize, usize, bool) {
    let all = recorded();
    let of = |kind: &str| -> Vec<Value> {
        all.iter()
            .filter(|object| object["kind"] == kind)
            .cloned()
            .collect()
    };
    let (replica_sets, pods, revisions) = (of("ReplicaSet"), of("Pod"), of("ControllerRevision"));
    let object = all
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
        .unwrap();
    let observed = Observed {
        replica_sets: &replica_sets,
        pods: &pods,
        revisions: &revisions,
        ..Observed::of(object)
    };
    let judgement = judge(&observed, &Rules::default());
    (
        shown(&judgement),
        new_pods(&observed).len(),
        stuck_pods(&observed).len(),
        serves(&observed, object).is_ok(),
    )
}

#[test]
fn d14_a_program_that_crashes() {
    let (judgement, new, _, serves) = look("Deployment", "crash");
    assert_eq!(
        judgement,
        "failed (restarts): crash-94d6d7c9d-4jwtb: container web: restarted 5 times; \
         last exit code 1 (Error)"
    );
    assert_eq!((new, serves), (2, false));
}

#[test]
fn d14_an_image_that_is_nowhere() {
    let (judgement, new, _, serves) = look("Deployment", "nope");
    assert_eq!(
        judgement,
        "failed (image-not-found): nope-7db5b65ff6-29btk: container web: \
         image 127.0.0.1:20783/web:nope: not found"
    );
    assert_eq!((new, serves), (2, false));
    assert_eq!(
        look("Job", "lost").0,
        "failed (image-not-found): lost-wn2tr: container web: \
         image 127.0.0.1:20783/web:nope: not found"
    );
}

#[test]
fn d14_a_registry_that_does_not_answer() {
    assert_eq!(
        look("Deployment", "noreg").0,
        "waiting: 0 of 2 updated pods are available; noreg-7c76f5d597-ck69c: container web: \
         ImagePullBackOff: dial tcp 127.0.0.1:1: connect: connection refused"
    );
}

#[test]
fn d14_back_to_a_replica_set_beside_the_verdict_on_another() {
    let all = recorded();
    let probed = all
        .iter()
        .find(|object| object["kind"] == "Deployment" && object["metadata"]["name"] == "probed")
        .unwrap();
    // As the controller left it: seen, and timed out.
    assert_eq!(
        probed["metadata"]["generation"],
        probed["status"]["observedGeneration"]
    );
    assert!(
        probed["status"]
            .to_string()
            .contains("ProgressDeadlineExceeded")
    );
    assert_eq!(
        look("Deployment", "probed").0,
        "waiting: old pods still there: 1"
    );
}

#[test]
fn a_stateful_set_that_does_not_go_back_by_itself() {
    let (judgement, new, stuck, serves) = look("StatefulSet", "ord");
    assert_eq!(judgement, "waiting: 0 of 2 pods are updated");
    assert_eq!((new, stuck, serves), (0, 2, false));
}

#[test]
fn a_partition() {
    let (judgement, new, stuck, serves) = look("StatefulSet", "par");
    assert_eq!(
        judgement,
        "waiting: 1 of 2 pods are ready; par-1: container web: CrashLoopBackOff \
         (restarted 2 times; last exit code 1 (Error))"
    );
    assert_eq!((new, stuck, serves), (1, 0, false));
}

#[test]
fn sets_on_every_node() {
    assert_eq!(
        look("DaemonSet", "daemon"),
        (
            "waiting: 0 of 1 pods are available; daemon-pv4ph: container web: CrashLoopBackOff \
             (restarted 2 times; last exit code 1 (Error))"
                .to_owned(),
            1,
            0,
            false
        )
    );
    assert_eq!(
        look("DaemonSet", "manual"),
        (
            "passed: its update strategy is OnDelete: 0 of 1 pods are updated, \
             the others when somebody deletes them"
                .to_owned(),
            0,
            0,
            true
        )
    );
}

#[test]
fn d14_a_job_that_fails() {
    assert_eq!(
        look("Job", "bad").0,
        "failed (job-failed): BackoffLimitExceeded: Job has reached the specified backoff limit"
    );
}

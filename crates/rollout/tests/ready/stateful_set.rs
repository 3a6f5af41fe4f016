//! `StatefulSets`.

use rollout::ready::{Observed, Reason, Rules, new_pods, stuck_pods};
use serde_json::{Value, json};

use crate::objects::{NEW, OLD, alone, crashing, failed, judged, pod, with, workload};

fn set(changes: &[(&str, Value)]) -> Value {
    let base = with(
        workload("apps/v1", "StatefulSet"),
        &[
            ("/spec/podManagementPolicy", json!("OrderedReady")),
            (
                "/spec/updateStrategy",
                json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
            ),
            (
                "/status",
                json!({
                    "observedGeneration": 2, "replicas": 2, "readyReplicas": 2,
                    "availableReplicas": 2, "currentReplicas": 2, "updatedReplicas": 2,
                    "currentRevision": "web-new", "updateRevision": "web-new",
                }),
            ),
        ],
    );
    with(base, changes)
}

fn member(name: &str, image: &str, revision: &str) -> Value {
    with(
        pod(name, "uid-web", image),
        &[("/metadata/labels/controller-revision-hash", json!(revision))],
    )
}

#[test]
fn a_status_tells_how_far_it_is() {
    let updated = ("/status/updatedReplicas", json!(1));
    let current = ("/status/currentRevision", json!("web-old"));
    let partition = ("/spec/updateStrategy/rollingUpdate/partition", json!(1));
    let on_delete = ("/spec/updateStrategy", json!({"type": "OnDelete"}));
    for (changes, expected) in [
        (vec![], "ready: 2 of 2 pods are updated and ready"),
        (
            vec![updated.clone(), current.clone()],
            "waiting: 1 of 2 pods are updated",
        ),
        (
            vec![("/status/readyReplicas", json!(1))],
            "waiting: 1 of 2 pods are ready",
        ),
        (
            vec![
                ("/spec/minReadySeconds", json!(10)),
                ("/status/availableReplicas", json!(0)),
            ],
            "waiting: 0 of 2 pods are available",
        ),
        (
            vec![("/status/replicas", json!(3))],
            "waiting: pods too many: 1",
        ),
        (
            vec![current.clone()],
            "waiting: revision web-new is not yet the current one",
        ),
        // With a partition the revisions stay apart.
        (
            vec![partition.clone(), updated.clone(), current.clone()],
            "ready: 1 of 2 pods are updated and ready, those below partition 1 are as they were",
        ),
        (
            vec![
                partition.clone(),
                ("/status/updatedReplicas", json!(0)),
                current.clone(),
            ],
            "waiting: 0 of 1 pods are updated",
        ),
        (
            vec![
                partition,
                updated.clone(),
                current.clone(),
                ("/status/readyReplicas", json!(1)),
            ],
            "waiting: 1 of 2 pods are ready",
        ),
        (
            vec![on_delete.clone(), updated, current],
            "passed: its update strategy is OnDelete: 1 of 2 pods are updated, the others when somebody deletes them",
        ),
        (vec![on_delete], "ready: 2 of 2 pods are updated"),
        (
            vec![
                ("/spec/replicas", json!(0)),
                (
                    "/status",
                    json!({"observedGeneration": 2, "currentRevision": "a", "updateRevision": "b"}),
                ),
            ],
            "ready: 0 of 0 pods are updated and ready",
        ),
    ] {
        assert_eq!(alone(&set(&changes)), expected, "{changes:?}");
    }
}

#[test]
fn d15_a_status_of_an_older_generation_is_not_believed() {
    for seen in [json!(1), Value::Null] {
        assert_eq!(
            alone(&set(&[("/status/observedGeneration", seen)])),
            "waiting: its controller has not seen this change yet"
        );
    }
}

#[test]
fn d14_only_pods_of_the_update_revision_fail() {
    let object = set(&[
        ("/status/updatedReplicas", json!(1)),
        ("/status/readyReplicas", json!(1)),
        ("/status/currentRevision", json!("web-old")),
    ]);
    let pods = [
        crashing(member("web-0", OLD, "web-old"), 9),
        member("web-1", NEW, "web-new"),
    ];
    let observed = Observed {
        pods: &pods,
        ..Observed::of(&object)
    };
    assert_eq!(new_pods(&observed).len(), 1);
    assert_eq!(judged(&observed), "waiting: 1 of 2 pods are updated");
    let pods = [
        member("web-0", OLD, "web-old"),
        crashing(member("web-1", NEW, "web-new"), 3),
    ];
    let observed = Observed {
        pods: &pods,
        ..Observed::of(&object)
    };
    let failure = failed(&observed, &Rules::default(), Reason::Restarts);
    assert_eq!(failure.pod.as_deref(), Some("web-1"));
}

#[test]
fn pods_of_a_failed_revision_that_keep_it_from_going_back_are_found() {
    let pods = [
        member("web-0", NEW, "web-new"),
        crashing(member("web-1", OLD, "web-failed"), 3),
        crashing(member("web-2", NEW, "web-new"), 1),
    ];
    let stuck = |object: &Value| {
        stuck_pods(&Observed {
            pods: &pods,
            ..Observed::of(object)
        })
        .len()
    };
    assert_eq!(stuck(&set(&[])), 1);
    // Parallel ones heal by themselves.
    assert_eq!(
        stuck(&set(&[("/spec/podManagementPolicy", json!("Parallel"))])),
        0
    );
    assert_eq!(stuck(&set(&[("/status/observedGeneration", json!(1))])), 0);
}

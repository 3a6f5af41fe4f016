//! `DaemonSets`.

use rollout::ready::{Needs, Observed, Reason, Rules, needs, new_pods};
use serde_json::{Value, json};

use crate::objects::{NEW, OLD, alone, crashing, failed, owner, pod, with, workload};

fn set(changes: &[(&str, Value)]) -> Value {
    let base = with(
        workload("apps/v1", "DaemonSet"),
        &[
            (
                "/metadata/annotations",
                json!({"deprecated.daemonset.template.generation": "2"}),
            ),
            ("/spec/updateStrategy", json!({"type": "RollingUpdate"})),
            (
                "/status",
                json!({
                    "observedGeneration": 2, "desiredNumberScheduled": 3,
                    "currentNumberScheduled": 3, "updatedNumberScheduled": 3,
                    "numberReady": 3, "numberAvailable": 3, "numberMisscheduled": 0,
                }),
            ),
        ],
    );
    with(base, changes)
}

#[test]
fn a_status_tells_how_far_it_is() {
    let on_delete = ("/spec/updateStrategy/type", json!("OnDelete"));
    for (changes, expected) in [
        (vec![], "ready: 3 of 3 pods are updated and available"),
        (
            vec![("/status/updatedNumberScheduled", json!(1))],
            "waiting: 1 of 3 pods are updated",
        ),
        (
            vec![("/status/numberAvailable", json!(2))],
            "waiting: 2 of 3 pods are available",
        ),
        (
            vec![("/status", json!({"observedGeneration": 2}))],
            "ready: no node wants a pod of it",
        ),
        (
            vec![
                on_delete.clone(),
                ("/status/updatedNumberScheduled", json!(1)),
            ],
            "passed: its update strategy is OnDelete: 1 of 3 pods are updated, the others when somebody deletes them",
        ),
        (
            vec![on_delete, ("/status/numberAvailable", json!(2))],
            "waiting: 2 of 3 pods are available",
        ),
    ] {
        assert_eq!(alone(&set(&changes)), expected, "{changes:?}");
    }
}

#[test]
fn d15_a_status_that_is_not_written_yet_is_not_ready() {
    // All counts are 0, as are those of a set that no node wants.
    for status in [json!({}), json!({"observedGeneration": 1})] {
        assert_eq!(
            alone(&set(&[("/status", status)])),
            "waiting: its controller has not seen this change yet"
        );
    }
}

#[test]
fn d14_its_new_pods_are_those_of_the_newest_revision_or_template_generation() {
    let object = set(&[
        ("/status/updatedNumberScheduled", json!(1)),
        ("/status/numberAvailable", json!(2)),
    ]);
    assert_eq!(needs(&object), Needs::RevisionsAndPods);
    let labelled = |name: &str, image: &str, hash: &str, generation: &str| {
        with(
            pod(name, "uid-web", image),
            &[(
                "/metadata/labels",
                json!({"controller-revision-hash": hash, "pod-template-generation": generation}),
            )],
        )
    };
    let pods = [
        crashing(labelled("web-a", OLD, "old", "1"), 9),
        crashing(labelled("web-b", NEW, "new", "2"), 3),
        // Back to a revision that was there before: hash yes, generation no.
        labelled("web-c", NEW, "new", "0"),
    ];
    let revision = |hash: &str, number: i64, uid: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {
                "name": format!("web-{hash}"), "labels": {"controller-revision-hash": hash},
                "ownerReferences": [owner(uid)],
            },
        })
    };
    let revisions = [
        revision("new", 2, "uid-web"),
        revision("old", 1, "uid-web"),
        revision("other", 9, "uid-other"),
    ];
    let names = |observed: &Observed<'_>| -> Vec<String> {
        new_pods(observed)
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let observed = Observed {
        pods: &pods,
        revisions: &revisions,
        ..Observed::of(&object)
    };
    assert_eq!(names(&observed), ["web-b", "web-c"]);
    let without = Observed {
        revisions: &[],
        ..observed
    };
    assert_eq!(names(&without), ["web-b"]);
    let failure = failed(&observed, &Rules::default(), Reason::Restarts);
    assert_eq!(failure.pod.as_deref(), Some("web-b"));
}

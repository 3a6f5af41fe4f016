//! Deployments.

use rollout::ready::{Needs, Observed, Readiness, Reason, Rules, judge, needs, new_pods};
use serde_json::{Value, json};

use crate::objects::{
    NEW, OLD, alone, crashing, failed, judged, pod, replica_set, shown, unpullable, unready, with,
    workload,
};

fn deployment(status: Value) -> Value {
    with(workload("apps/v1", "Deployment"), &[("/status", status)])
}

/// Both pods of the new revision, none of the old.
fn done() -> Value {
    json!({
        "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2,
        "availableReplicas": 2,
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ],
    })
}

/// One new pod, not available; both old ones still there.
fn rolling() -> Value {
    json!({
        "observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 2,
        "availableReplicas": 2, "unavailableReplicas": 1,
        "conditions": [
            {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"},
        ],
    })
}

fn sets(new_available: i64) -> [Value; 2] {
    let new = with(
        replica_set("new", NEW, 2),
        &[("/status/availableReplicas", json!(new_available))],
    );
    [replica_set("old", OLD, 2), new]
}

fn observed<'a>(object: &'a Value, sets: &'a [Value], pods: &'a [Value]) -> Observed<'a> {
    Observed {
        replica_sets: sets,
        pods,
        ..Observed::of(object)
    }
}

#[test]
fn a_status_tells_how_far_it_is() {
    for (status, available, expected) in [
        (done(), 2, "ready: 2 of 2 new pods are available"),
        (
            with(done(), &[("/updatedReplicas", json!(1))]),
            1,
            "waiting: 1 of 2 pods are updated",
        ),
        (
            with(done(), &[("/replicas", json!(3))]),
            2,
            "waiting: old pods still there: 1",
        ),
        (
            with(done(), &[("/availableReplicas", json!(1))]),
            1,
            "waiting: 1 of 2 updated pods are available",
        ),
        // The status of the Deployment is ahead of that of its ReplicaSet.
        (
            done(),
            1,
            "waiting: ReplicaSet web-new has 1 of 2 pods available",
        ),
    ] {
        let object = deployment(status);
        assert_eq!(judged(&observed(&object, &sets(available), &[])), expected);
    }
}

#[test]
fn d15_a_status_of_an_older_generation_is_not_believed() {
    let unseen = "waiting: its controller has not seen this change yet";
    for status in [
        with(done(), &[("/observedGeneration", json!(1))]),
        with(done(), &[("/observedGeneration", Value::Null)]),
        json!({}),
    ] {
        let object = deployment(status);
        assert_eq!(judged(&observed(&object, &sets(2), &[])), unseen);
    }
    // Nor is a failure of it.
    let object = deployment(json!({"observedGeneration": 1, "conditions": [timed_out("web-old")]}));
    let pods = [crashing(pod("web-old-a", "uid-old", OLD), 9)];
    assert_eq!(judged(&observed(&object, &sets(2), &pods)), unseen);
    assert!(new_pods(&observed(&object, &sets(2), &pods)).is_empty());
}

#[test]
fn d15_a_full_status_without_the_new_replica_set_is_not_enough() {
    let object = deployment(done());
    let old = [replica_set("old", OLD, 2)];
    assert_eq!(
        judged(&observed(&object, &old, &[])),
        "waiting: its new ReplicaSet is not there yet"
    );
    // Nor is one whose own status is of before.
    let [old_set, new_set] = sets(2);
    let unseen = [
        old_set,
        with(new_set, &[("/metadata/generation", json!(2))]),
    ];
    assert_eq!(
        judged(&observed(&object, &unseen, &[])),
        "waiting: the change of ReplicaSet web-new is not seen yet"
    );
    // One that another object controls is not it.
    let other = [with(
        replica_set("new", NEW, 2),
        &[("/metadata/ownerReferences/0/uid", json!("uid-other"))],
    )];
    assert_eq!(
        judged(&observed(&object, &other, &[])),
        "waiting: its new ReplicaSet is not there yet"
    );
}

#[test]
fn a_deployment_of_no_pods_needs_nothing_else() {
    let object = with(
        deployment(json!({"observedGeneration": 2})),
        &[("/spec/replicas", json!(0))],
    );
    assert_eq!(needs(&object), Needs::Nothing);
    assert_eq!(alone(&object), "ready: 0 of 0 new pods are available");
    assert_eq!(
        needs(&workload("apps/v1", "Deployment")),
        Needs::ReplicaSetsAndPods
    );
}

#[test]
fn a_paused_deployment_fails_at_once() {
    let object = with(deployment(done()), &[("/spec/paused", json!(true))]);
    let failure = failed(
        &observed(&object, &sets(2), &[]),
        &Rules::default(),
        Reason::Paused,
    );
    assert_eq!(
        failure.message,
        "it is paused and does not roll out; kubectl rollout resume deployment/web"
    );
}

#[test]
fn the_new_replica_set_is_found_by_template_or_by_revision() {
    let object = deployment(rolling());
    let named = |sets: &[Value], pods: &[Value], object: &Value| -> Vec<String> {
        new_pods(&observed(object, sets, pods))
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let pods = [
        pod("web-new-b", "uid-new", NEW),
        pod("web-new-a", "uid-new", NEW),
        with(
            pod("web-new-gone", "uid-new", NEW),
            &[("/metadata/deletionTimestamp", json!("2026-03-01T10:01:00Z"))],
        ),
        pod("web-old-a", "uid-old", OLD),
    ];
    assert_eq!(named(&sets(0), &pods, &object), ["web-new-a", "web-new-b"]);

    // Another annotation in the template is another template.
    let restarted = with(
        object.clone(),
        &[(
            "/spec/template/metadata/annotations/restartedAt",
            json!("now"),
        )],
    );
    assert!(named(&sets(0), &pods, &restarted).is_empty());

    // A webhook changed what the controller made: the revision tells.
    let revision = "/metadata/annotations/deployment.kubernetes.io~1revision";
    let numbered = with(restarted, &[(revision, json!("7"))]);
    let [old, new] = sets(0);
    let numbered_sets = [
        with(old, &[(revision, json!("6"))]),
        with(new, &[(revision, json!("7"))]),
    ];
    assert_eq!(
        named(&numbered_sets, &pods, &numbered),
        ["web-new-a", "web-new-b"]
    );

    // Two of the same template: the oldest, as the controller has it.
    let younger = with(
        replica_set("twin", NEW, 0),
        &[("/metadata/creationTimestamp", json!("2026-03-01T11:00:00Z"))],
    );
    let [old, new] = sets(0);
    assert_eq!(
        named(&[younger, old, new], &pods, &object),
        ["web-new-a", "web-new-b"]
    );
}

#[test]
fn d14_containers_of_the_new_revision_that_restarted_often_enough_fail() {
    let object = deployment(rolling());
    for (restarts, limit, fails) in [
        (2, 3, false),
        (3, 3, true),
        (7, 3, true),
        (1, 1, true),
        (0, 1, false),
    ] {
        let pods = [crashing(pod("web-new-a", "uid-new", NEW), restarts)];
        let rules = Rules {
            fail_after_restarts: limit,
            ..Rules::default()
        };
        let judgement = judge(&observed(&object, &sets(0), &pods), &rules);
        assert_eq!(
            matches!(judgement, Readiness::Failed(_)),
            fails,
            "{restarts} restarts, {limit} allowed: {judgement:?}"
        );
    }
    let pods = [crashing(pod("web-new-a", "uid-new", NEW), 3)];
    let failure = failed(
        &observed(&object, &sets(0), &pods),
        &Rules::default(),
        Reason::Restarts,
    );
    assert_eq!(
        failure.message,
        "web-new-a: container web: restarted 3 times; last exit code 1 (Error)"
    );
    assert_eq!(failure.pod.as_deref(), Some("web-new-a"));
    assert_eq!(failure.container.as_deref(), Some("web"));
}

#[test]
fn d14_containers_of_the_old_revision_do_not_fail_the_new_one() {
    let object = deployment(rolling());
    let pods = [
        crashing(pod("web-old-a", "uid-old", OLD), 20),
        unready(
            pod("web-new-a", "uid-new", NEW),
            0,
            json!({"waiting": {"reason": "ContainerCreating"}}),
        ),
    ];
    assert_eq!(
        judged(&observed(&object, &sets(0), &pods)),
        "waiting: 1 of 2 pods are updated"
    );
}

#[test]
fn d14_a_container_that_crashed_and_came_up_is_no_failure() {
    let object = deployment(rolling());
    let came_up = with(
        pod("web-new-a", "uid-new", NEW),
        &[("/status/containerStatuses/0/restartCount", json!(3))],
    );
    assert_eq!(
        judged(&observed(&object, &sets(0), &[came_up])),
        "waiting: 1 of 2 pods are updated"
    );
}

fn timed_out(replica_set: &str) -> Value {
    json!({
        "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "lastUpdateTime": "2026-03-01T10:10:00Z",
        "message": format!("ReplicaSet \"{replica_set}\" has timed out progressing."),
    })
}

#[test]
fn d14_the_controllers_own_deadline_fails() {
    let object = with(
        deployment(rolling()),
        &[("/status/conditions/0", timed_out("web-new"))],
    );
    let pods = [
        pod("web-new-a", "uid-new", NEW),
        unready(
            pod("web-new-b", "uid-new", NEW),
            0,
            json!({"running": {"startedAt": "2026-03-01T10:00:06Z"}}),
        ),
    ];
    let failure = failed(
        &observed(&object, &sets(0), &pods),
        &Rules::default(),
        Reason::ProgressDeadline,
    );
    assert_eq!(
        failure.message,
        "ProgressDeadlineExceeded: ReplicaSet \"web-new\" has timed out progressing.; \
         web-new-b: container web runs but is not ready"
    );
    assert_eq!(failure.pod.as_deref(), Some("web-new-b"));
}

#[test]
fn d14_the_deadline_of_the_revision_before_is_not_this_ones() {
    // Rolled back to a ReplicaSet that is there: the controller has seen the
    // generation and leaves its verdict on the other until there is progress.
    let object = with(
        deployment(rolling()),
        &[("/status/conditions/0", timed_out("web-old"))],
    );
    assert_eq!(
        judged(&observed(&object, &sets(0), &[])),
        "waiting: 1 of 2 pods are updated"
    );
}

#[test]
fn d14_signs_from_before_the_run_prove_nothing() {
    // The same template as before; what was missing came with this run.
    let pods = [
        crashing(pod("web-new-a", "uid-new", NEW), 9),
        unpullable(
            pod("web-new-b", "uid-new", NEW),
            "ErrImagePull",
            "code = NotFound: not found",
        ),
    ];
    let object = with(
        deployment(rolling()),
        &[("/status/conditions/0", timed_out("web-new"))],
    );
    let after = |time: &str| Rules {
        since: Some(time.parse().unwrap()),
        ..Rules::default()
    };
    let judgement = judge(
        &observed(&object, &sets(0), &pods),
        &after("2026-03-01T10:20:00Z"),
    );
    assert!(matches!(judgement, Readiness::Waiting(_)), "{judgement:?}");

    // It ended again since the run began.
    let again = judge(
        &observed(&object, &sets(0), &pods[..1]),
        &after("2026-03-01T10:00:31.9Z"),
    );
    assert!(shown(&again).starts_with("failed (restarts)"), "{again:?}");

    // The node's clock is behind: a pod of the run counts all the same.
    let skewed = [with(
        pods[0].clone(),
        &[(
            "/status/containerStatuses/0/lastState/terminated/finishedAt",
            json!("2026-03-01T09:59:59Z"),
        )],
    )];
    let behind = judge(
        &observed(&object, &sets(0), &skewed),
        &after("2026-03-01T10:00:05Z"),
    );
    assert!(
        shown(&behind).starts_with("failed (restarts)"),
        "{behind:?}"
    );

    // A pod made in the second in which the run began is of the run.
    let fresh = judge(
        &observed(&object, &sets(0), &pods[1..]),
        &after("2026-03-01T10:00:05.7Z"),
    );
    assert!(
        shown(&fresh).starts_with("failed (image-not-found)"),
        "{fresh:?}"
    );
}

#[test]
fn d14_what_may_still_come_is_waited_for_and_said() {
    let object = deployment(rolling());
    let new = || pod("web-new-a", "uid-new", NEW);
    let unschedulable = with(
        new(),
        &[
            ("/status/phase", json!("Pending")),
            ("/status/containerStatuses", json!([])),
            (
                "/status/conditions",
                json!([{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/3 nodes are available: 3 Insufficient memory.",
                }]),
            ),
        ],
    );
    let missing = unready(
        new(),
        0,
        json!({"waiting": {
            "reason": "CreateContainerConfigError", "message": "secret \"acme-db\" not found",
        }}),
    );
    let slow = unready(
        new(),
        1,
        json!({"running": {"startedAt": "2026-03-01T10:00:06Z"}}),
    );
    for (pod, expected) in [
        (
            unschedulable,
            "cannot be scheduled: 0/3 nodes are available: 3 Insufficient memory.",
        ),
        (
            missing,
            "container web: CreateContainerConfigError: secret \"acme-db\" not found",
        ),
        (slow, "container web runs but is not ready (restarted once)"),
        (
            crashing(new(), 2),
            "container web: CrashLoopBackOff (restarted 2 times; last exit code 1 (Error))",
        ),
    ] {
        assert_eq!(
            judged(&observed(&object, &sets(0), &[pod])),
            format!("waiting: 1 of 2 pods are updated; web-new-a: {expected}")
        );
    }
}

#[test]
fn pods_that_may_not_be_made_are_waited_for_and_said() {
    let refused = json!({
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-new-\" is forbidden: exceeded quota: acme",
    });
    let status = json!({"observedGeneration": 2, "conditions": [refused]});
    let object = deployment(status);
    assert_eq!(
        judged(&observed(&object, &sets(0), &[])),
        "waiting: 0 of 2 pods are updated; pods \"web-new-\" is forbidden: exceeded quota: acme"
    );
}

#[test]
fn d14_crashing_init_and_sidecar_containers_fail_too() {
    let object = deployment(rolling());
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let init = |ready: bool, restarts: i64, state: Value| {
        let status = json!([{
            "name": "prepare", "image": NEW, "ready": ready, "restartCount": restarts,
            "state": state, "lastState": ended,
        }]);
        with(
            unready(
                pod("web-new-a", "uid-new", NEW),
                0,
                json!({"waiting": {"reason": "PodInitializing"}}),
            ),
            &[("/status/initContainerStatuses", status)],
        )
    };
    let looping = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let completed = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    let running = json!({"running": {"startedAt": "2026-03-01T10:00:06Z"}});
    for (pod, fails) in [
        (init(false, 3, looping), true),
        (init(true, 3, completed), false),
        // A sidecar that is up again.
        (init(true, 3, running), false),
    ] {
        let judgement = judge(&observed(&object, &sets(0), &[pod]), &Rules::default());
        assert_eq!(
            matches!(judgement, Readiness::Failed(_)),
            fails,
            "{judgement:?}"
        );
    }
}

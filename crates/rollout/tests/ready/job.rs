//! Jobs and `CronJobs`.

use rollout::ready::{Needs, Observed, Reason, Rules, judge, needs};
use serde_json::{Value, json};

use crate::objects::{NEW, alone, crashing, failed, judged, pod, shown, unpullable, with};

fn job(status: Value) -> Value {
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "migrate", "uid": "uid-migrate", "generation": 1},
        "spec": {"backoffLimit": 6},
    });
    object["status"] = status;
    object
}

fn condition(kind: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": message})
}

#[test]
fn a_status_tells_how_far_it_is() {
    let complete = json!({"succeeded": 1, "conditions": [
        condition("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"),
        condition("Complete", "CompletionsReached", "Reached expected number of succeeded pods"),
    ]});
    let almost = json!({"succeeded": 1, "conditions": [
        condition("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"),
    ]});
    for (status, expected) in [
        (complete, "ready: completed"),
        (almost, "waiting: 0 active, 0 failed, 1 succeeded"),
        (json!({}), "waiting: 0 active, 0 failed, 0 succeeded"),
        (
            json!({"active": 1, "failed": 2, "ready": 1}),
            "waiting: 1 active, 2 failed, 0 succeeded",
        ),
    ] {
        assert_eq!(alone(&job(status)), expected);
    }
    assert_eq!(needs(&job(json!({}))), Needs::Pods);
}

#[test]
fn d14_a_failed_job_fails() {
    let message = "Job has reached the specified backoff limit";
    for kind in ["Failed", "FailureTarget"] {
        let object = job(json!({
            "failed": 7, "conditions": [condition(kind, "BackoffLimitExceeded", message)],
        }));
        let pods = [with(
            pod("migrate-x", "uid-migrate", NEW),
            &[
                ("/status/phase", json!("Failed")),
                ("/status/conditions", json!([])),
            ],
        )];
        let observed = Observed {
            pods: &pods,
            ..Observed::of(&object)
        };
        let failure = failed(&observed, &Rules::default(), Reason::JobFailed);
        assert_eq!(failure.message, format!("BackoffLimitExceeded: {message}"));
        assert_eq!(failure.pod.as_deref(), Some("migrate-x"));
    }
    let cancelled = job(json!({"conditions": [
        {"type": "Failed", "status": "False", "reason": "BackoffLimitExceeded"},
    ]}));
    assert_eq!(
        alone(&cancelled),
        "waiting: 0 active, 0 failed, 0 succeeded"
    );
}

#[test]
fn how_often_its_pods_may_restart_is_the_jobs_own_business() {
    let object = job(json!({"active": 1}));
    let pods = [crashing(pod("migrate-x", "uid-migrate", NEW), 5)];
    let observed = Observed {
        pods: &pods,
        ..Observed::of(&object)
    };
    assert_eq!(
        judged(&observed),
        "waiting: 1 active, 0 failed, 0 succeeded; migrate-x: container web: CrashLoopBackOff \
         (restarted 5 times; last exit code 1 (Error))"
    );
}

#[test]
fn d14_a_job_whose_image_is_nowhere_would_wait_for_ever() {
    let object = job(json!({"active": 1}));
    let pods = [unpullable(
        pod("migrate-x", "uid-migrate", NEW),
        "ErrImagePull",
        "rpc error: code = NotFound desc = failed to resolve reference: not found",
    )];
    let observed = Observed {
        pods: &pods,
        ..Observed::of(&object)
    };
    failed(&observed, &Rules::default(), Reason::ImageNotFound);
}

#[test]
fn a_suspended_job_is_reported_and_passed() {
    let object = with(
        job(json!({"conditions": [condition("Suspended", "JobSuspended", "Job suspended")]})),
        &[("/spec/suspend", json!(true))],
    );
    assert_eq!(
        shown(&judge(&Observed::of(&object), &Rules::default())),
        "passed: it is suspended and does not run"
    );
}

#[test]
fn a_cron_job_is_ready_at_once() {
    let object =
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}});
    assert_eq!(alone(&object), "ready: applied");
}

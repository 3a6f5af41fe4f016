//! Pods that nobody controls.

use rollout::ready::{Observed, Reason, Rules, new_pods};
use serde_json::{Value, json};

use crate::objects::{NEW, alone, crashing, failed, pod, unready, with};

fn bare() -> Value {
    with(
        pod("once", "", NEW),
        &[("/metadata/ownerReferences", json!([]))],
    )
}

#[test]
fn a_phase_tells_how_far_it_is() {
    let pending = with(
        bare(),
        &[("/status", json!({"phase": "Pending", "conditions": []}))],
    );
    for (object, expected) in [
        (bare(), "ready: running and ready"),
        (
            with(bare(), &[("/status/phase", json!("Succeeded"))]),
            "ready: succeeded",
        ),
        (pending, "waiting: Pending, not ready"),
        (
            with(bare(), &[("/status", json!({}))]),
            "waiting: Pending, not ready",
        ),
        (
            unready(bare(), 0, json!({"running": {}})),
            "waiting: Running: container web runs but is not ready",
        ),
        (
            with(
                bare(),
                &[("/metadata/deletionTimestamp", json!("2026-03-01T10:00:00Z"))],
            ),
            "waiting: it is being deleted",
        ),
    ] {
        assert_eq!(alone(&object), expected);
    }
    assert_eq!(new_pods(&Observed::of(&bare())).len(), 1);
}

#[test]
fn a_pod_that_failed_fails() {
    let ended = json!({"terminated": {"exitCode": 2, "reason": "Error", "message": "trace\nno such table\n"}});
    let failed_pod = with(
        unready(bare(), 0, ended),
        &[("/status/phase", json!("Failed"))],
    );
    let failure = failed(
        &Observed::of(&failed_pod),
        &Rules::default(),
        Reason::PodFailed,
    );
    assert_eq!(
        failure.message,
        "container web ended with exit code 2 (Error): no such table"
    );
    assert_eq!(failure.container.as_deref(), Some("web"));

    let evicted = with(
        bare(),
        &[(
            "/status",
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
        )],
    );
    let failure = failed(
        &Observed::of(&evicted),
        &Rules::default(),
        Reason::PodFailed,
    );
    assert_eq!(
        failure.message,
        "Evicted: The node was low on resource: memory."
    );
}

#[test]
fn d14_a_bare_pod_that_keeps_crashing_fails() {
    let object = crashing(bare(), 3);
    failed(&Observed::of(&object), &Rules::default(), Reason::Restarts);
}

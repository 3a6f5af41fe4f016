//! Custom resources.

use rollout::ready::{Observed, Rules, judge};
use serde_json::{Value, json};

use crate::objects::{alone, shown};

fn widget(status: Value) -> Value {
    let mut object = json!({
        "apiVersion": "example.org/v1", "kind": "Widget",
        "metadata": {"name": "one", "generation": 3},
    });
    object["status"] = status;
    object
}

#[test]
fn conditions_tell_where_there_are_some() {
    let unseen = "waiting: its controller has not seen this change yet";
    let one = |condition: Value| json!({"conditions": [condition]});
    for (status, expected) in [
        (Value::Null, "ready: applied"),
        (json!({}), "ready: applied"),
        (
            one(json!({"type": "Ready", "status": "True"})),
            "ready: ready",
        ),
        (
            one(
                json!({"type": "Ready", "status": "False", "reason": "Pending", "message": "no disk"}),
            ),
            "waiting: Ready is False: Pending: no disk",
        ),
        (
            one(json!({"type": "Ready", "status": "Unknown"})),
            "waiting: Ready is Unknown",
        ),
        (
            one(json!({"type": "Available", "status": "True"})),
            "ready: available",
        ),
        (
            one(json!({"type": "Available", "status": "False"})),
            "waiting: Available is False",
        ),
        (
            one(json!({"type": "Synced", "status": "False"})),
            "ready: applied",
        ),
        (
            json!({"conditions": [
                {"type": "Reconciling", "status": "True", "reason": "Building"},
                {"type": "Ready", "status": "True"},
            ]}),
            "waiting: Reconciling is True: Building",
        ),
        (
            one(json!({"type": "Stalled", "status": "True", "reason": "NoSecret"})),
            "waiting: Stalled is True: NoSecret",
        ),
        // d15: neither the status nor a condition of an older generation.
        (
            json!({"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}),
            unseen,
        ),
        (
            one(json!({"type": "Ready", "status": "True", "observedGeneration": 2})),
            unseen,
        ),
        (
            json!({"observedGeneration": 3, "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 3}]}),
            "ready: ready",
        ),
    ] {
        assert_eq!(alone(&widget(status.clone())), expected, "{status}");
    }
}

#[test]
fn its_own_rule_decides_instead() {
    let rules = Rules {
        ready_when: Some(".status.phase=Running".parse().unwrap()),
        ..Rules::default()
    };
    let ask = |object: &Value| shown(&judge(&Observed::of(object), &rules));
    let not_ready = json!([{"type": "Ready", "status": "False"}]);
    assert_eq!(
        ask(&widget(
            json!({"phase": "Running", "conditions": not_ready})
        )),
        "ready: .status.phase=Running"
    );
    assert_eq!(
        ask(&widget(
            json!({"phase": "Pending", "conditions": [{"type": "Ready", "status": "True"}]})
        )),
        "waiting: .status.phase is Pending, not yet Running"
    );
    assert_eq!(
        ask(&widget(json!({}))),
        "waiting: .status.phase is not there yet"
    );
    assert_eq!(
        ask(&widget(
            json!({"phase": "Running", "observedGeneration": 2})
        )),
        "waiting: its controller has not seen this change yet"
    );
}

#[test]
fn a_rule_on_a_kind_we_know_comes_on_top() {
    let rules = Rules {
        ready_when: Some(".data.ready=yes".parse().unwrap()),
        ..Rules::default()
    };
    let map =
        |ready: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"ready": ready}});
    let ask = |object: &Value| shown(&judge(&Observed::of(object), &rules));
    assert_eq!(ask(&map("yes")), "ready: applied");
    assert_eq!(ask(&map("no")), "waiting: .data.ready is no, not yet yes");
    let leaving = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"ready": "yes"},
        "metadata": {"deletionTimestamp": "2026-03-01T10:00:00Z"},
    });
    assert_eq!(ask(&leaving), "waiting: it is being deleted");
}

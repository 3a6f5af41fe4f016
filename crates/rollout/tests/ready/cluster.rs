//! Objects without pods.

use rollout::ready::{Needs, Observed, needs};
use serde_json::{Value, json};

use crate::objects::{alone, judged, with};

fn object(api_version: &str, kind: &str, rest: Value) -> Value {
    with(
        rest,
        &[
            ("/apiVersion", json!(api_version)),
            ("/kind", json!(kind)),
            ("/metadata/name", json!("x")),
        ],
    )
}

#[test]
fn services() {
    for (rest, expected) in [
        (
            json!({"spec": {"type": "ClusterIP", "clusterIP": "10.96.0.7"}}),
            "ready: applied",
        ),
        (json!({"spec": {"clusterIP": "None"}}), "ready: applied"),
        (
            json!({"spec": {"type": "ClusterIP"}}),
            "waiting: it has no cluster IP yet",
        ),
        (
            json!({"spec": {"type": "ExternalName", "externalName": "a.example"}}),
            "ready: applied",
        ),
        (
            json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.7"}, "status": {"loadBalancer": {}}}),
            "waiting: its load balancer has no address yet",
        ),
        (
            json!({
                "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.7"},
                "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
            }),
            "ready: applied",
        ),
        (
            json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.7", "externalIPs": ["192.0.2.1"]}}),
            "ready: applied",
        ),
    ] {
        assert_eq!(alone(&object("v1", "Service", rest)), expected);
    }
}

#[test]
fn a_claim_that_waits_for_its_first_pod_does_not_block_it() {
    let claim = |phase: &str, annotations: Value| {
        object(
            "v1",
            "PersistentVolumeClaim",
            json!({"metadata": {"annotations": annotations}, "status": {"phase": phase}}),
        )
    };
    let selected = json!({"volume.kubernetes.io/selected-node": "node-1"});
    let unbound = "waiting: it is not bound to a volume yet";
    for (object, binding, expected) in [
        (claim("Bound", json!({})), None, "ready: bound"),
        (claim("Pending", json!({})), Some("Immediate"), unbound),
        (
            claim("Pending", json!({})),
            Some("WaitForFirstConsumer"),
            "ready: waits for its first pod",
        ),
        (
            claim("Pending", json!({})),
            None,
            "ready: not bound yet, and not known whether it waits for a pod",
        ),
        (
            claim("Pending", selected),
            Some("WaitForFirstConsumer"),
            unbound,
        ),
        (
            claim("Lost", json!({})),
            Some("WaitForFirstConsumer"),
            "waiting: its volume is lost",
        ),
    ] {
        let observed = Observed {
            binding,
            ..Observed::of(&object)
        };
        assert_eq!(judged(&observed), expected);
    }
    assert_eq!(needs(&claim("Pending", json!({}))), Needs::StorageClass);
    assert_eq!(needs(&claim("Bound", json!({}))), Needs::Nothing);
}

#[test]
fn d18_a_definition_must_be_served() {
    let crd = |conditions: Value| {
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            json!({"metadata": {"generation": 1}, "status": {"conditions": conditions}}),
        )
    };
    let accepted = json!({"type": "NamesAccepted", "status": "True", "reason": "NoConflicts"});
    let established =
        json!({"type": "Established", "status": "True", "reason": "InitialNamesAccepted"});
    let refused = json!({
        "type": "NamesAccepted", "status": "False", "reason": "PluralConflict",
        "message": "\"widgets\" is already in use",
    });
    let installing = json!({
        "type": "Established", "status": "False", "reason": "Installing",
        "message": "the initial names have been accepted",
    });
    for (conditions, expected) in [
        (json!([accepted, established]), "ready: established"),
        (
            json!([accepted, installing]),
            "waiting: Established is False: Installing: the initial names have been accepted",
        ),
        (json!([accepted]), "waiting: it is not Established yet"),
        (
            json!([refused, established]),
            "waiting: NamesAccepted is False: PluralConflict: \"widgets\" is already in use",
        ),
        (json!([]), "waiting: it is not NamesAccepted yet"),
    ] {
        assert_eq!(alone(&crd(conditions)), expected);
    }
    let outdated = with(
        crd(json!([accepted, established])),
        &[
            ("/metadata/generation", json!(2)),
            ("/status/observedGeneration", json!(1)),
        ],
    );
    assert_eq!(
        alone(&outdated),
        "waiting: its controller has not seen this change yet"
    );
    let condition = with(
        crd(json!([accepted, established])),
        &[("/status/conditions/1/observedGeneration", json!(0))],
    );
    assert_eq!(
        alone(&condition),
        "waiting: its controller has not seen this change yet"
    );
}

#[test]
fn d18_a_namespace_must_be_active() {
    let namespace = |phase: &str| object("v1", "Namespace", json!({"status": {"phase": phase}}));
    assert_eq!(alone(&namespace("Active")), "ready: active");
    assert_eq!(
        alone(&namespace("Terminating")),
        "waiting: it is being deleted"
    );
    assert_eq!(
        alone(&object("v1", "Namespace", json!({}))),
        "waiting: it is not active yet"
    );
}

#[test]
fn an_api_service_must_be_available() {
    let service = |status: &str| {
        object(
            "apiregistration.k8s.io/v1",
            "APIService",
            json!({"status": {"conditions": [{"type": "Available", "status": status, "reason": "MissingEndpoints"}]}}),
        )
    };
    assert_eq!(alone(&service("True")), "ready: available");
    assert_eq!(
        alone(&service("False")),
        "waiting: Available is False: MissingEndpoints"
    );
}

#[test]
fn what_is_being_deleted_is_never_ready() {
    let leaving = |finalizers: Value| {
        object(
            "v1",
            "ConfigMap",
            json!({"metadata": {"deletionTimestamp": "2026-03-01T10:00:00Z", "finalizers": finalizers}}),
        )
    };
    assert_eq!(alone(&leaving(json!([]))), "waiting: it is being deleted");
    assert_eq!(
        alone(&leaving(json!(["a.example/x", "b.example/y"]))),
        "waiting: it is being deleted; finalizers: a.example/x, b.example/y"
    );
}

#[test]
fn kinds_with_nothing_to_wait_for_are_ready_at_once() {
    for (api_version, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "ServiceAccount"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("policy/v1", "PodDisruptionBudget"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("batch/v1", "CronJob"),
    ] {
        let plain = object(api_version, kind, json!({}));
        assert_eq!(alone(&plain), "ready: applied");
        assert_eq!(needs(&plain), Needs::Nothing);
    }
    // Its conditions are no readiness, whatever they say.
    let autoscaler = object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
    );
    assert_eq!(alone(&autoscaler), "ready: applied");
}

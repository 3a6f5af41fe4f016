//! Objects as an API server shows them, and judgements as text.

use rollout::ready::{Failure, Observed, Readiness, Reason, Rules, Weight, judge};
use serde_json::{Value, json};

pub const OLD: &str =
    "registry.example/web@sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub const NEW: &str =
    "registry.example/web@sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// A value with others put in at JSON pointers; what is missing on the way is
/// made.
pub fn with(mut object: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        let mut place = &mut object;
        for key in pointer.trim_start_matches('/').split('/') {
            let key = key.replace("~1", "/");
            place = match key.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[key],
            };
        }
        *place = value.clone();
    }
    object
}

/// A pod template with one container, `web`.
pub fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })
}

/// An object of `group/version` and kind that wants two pods of [`NEW`], at
/// generation 2.
pub fn workload(api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "web", "namespace": "acme", "uid": "uid-web", "generation": 2},
        "spec": {"replicas": 2, "template": template(NEW)},
    })
}

/// A `ReplicaSet` of the Deployment `web`, with pods that are all available.
pub fn replica_set(name: &str, image: &str, replicas: i64) -> Value {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(name);
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("web-{name}"), "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": "2026-03-01T10:00:00Z",
            "ownerReferences": [owner("uid-web")],
        },
        "spec": {"replicas": replicas, "template": template},
        "status": {
            "observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas,
            "availableReplicas": replicas,
        },
    })
}

pub fn owner(uid: &str) -> Value {
    json!({"uid": uid, "controller": true})
}

/// A pod that is running and ready.
pub fn pod(name: &str, owner_uid: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "acme", "uid": format!("uid-{name}"),
            "creationTimestamp": "2026-03-01T10:00:05Z",
            "labels": {},
            "ownerReferences": [owner(owner_uid)],
        },
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Initialized", "status": "True"},
                {"type": "ContainersReady", "status": "True"},
                {"type": "Ready", "status": "True"},
            ],
            "containerStatuses": [{
                "name": "web", "image": image, "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-03-01T10:00:06Z"}},
            }],
        },
    })
}

/// The same pod with its container in another state, and not ready.
pub fn unready(pod: Value, restarts: i64, state: Value) -> Value {
    with(
        pod,
        &[
            ("/status/conditions/2/status", json!("False")),
            ("/status/conditions/3/status", json!("False")),
            ("/status/containerStatuses/0/ready", json!(false)),
            ("/status/containerStatuses/0/restartCount", json!(restarts)),
            ("/status/containerStatuses/0/state", state),
        ],
    )
}

/// The same pod, whose container ended with code 1 this often.
pub fn crashing(pod: Value, restarts: i64) -> Value {
    let back_off = json!({"waiting": {
        "reason": "CrashLoopBackOff",
        "message": "back-off 20s restarting failed container=web pod=web-new-a_acme(uid)",
    }});
    let ended = json!({"terminated": {
        "exitCode": 1, "reason": "Error", "startedAt": "2026-03-01T10:00:30Z",
        "finishedAt": "2026-03-01T10:00:31Z",
    }});
    with(
        unready(pod, restarts, back_off),
        &[("/status/containerStatuses/0/lastState", ended)],
    )
}

/// The same pod, whose image cannot be pulled.
pub fn unpullable(pod: Value, reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    with(
        unready(pod, 0, state),
        &[("/status/phase", json!("Pending"))],
    )
}

/// The judgement by the usual rules, as [`shown`] shows it.
pub fn judged(observed: &Observed<'_>) -> String {
    shown(&judge(observed, &Rules::default()))
}

/// The judgement of an object alone.
pub fn alone(object: &Value) -> String {
    judged(&Observed::of(object))
}

/// `ready: …`, `passed: …`, `waiting: …` or `failed (reason): …`.
pub fn shown(readiness: &Readiness) -> String {
    match readiness {
        Readiness::Ready(told) => match told.weight {
            Weight::Plain => format!("ready: {}", told.line),
            Weight::Warning => format!("passed: {}", told.line),
        },
        Readiness::Waiting(why) => format!("waiting: {why}"),
        Readiness::Failed(failure) => {
            format!("failed ({}): {}", failure.reason.name(), failure.message)
        }
    }
}

/// The failure, which must be of this kind.
pub fn failed(observed: &Observed<'_>, rules: &Rules, reason: Reason) -> Failure {
    match judge(observed, rules) {
        Readiness::Failed(failure) if failure.reason == reason => failure,
        other => panic!("{other:?}"),
    }
}

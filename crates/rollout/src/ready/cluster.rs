//! Objects without pods that the cluster has to do something with.

use serde_json::Value;

use super::status::{Condition, UNOBSERVED, is_outdated};
use super::{Observed, Readiness};
use crate::object::{annotation, items, text};

/// A `LoadBalancer` needs its address; all others need nothing.
pub(super) fn service(service: &Value) -> Readiness {
    let kind = text(service, "/spec/type");
    if kind == "ExternalName" {
        return Readiness::ready("applied");
    }
    if text(service, "/spec/clusterIP").is_empty() {
        return Readiness::waiting("it has no cluster IP yet");
    }
    let reachable = kind != "LoadBalancer"
        || !items(service, "/spec/externalIPs").is_empty()
        || !items(service, "/status/loadBalancer/ingress").is_empty();
    if reachable {
        Readiness::ready("applied")
    } else {
        Readiness::waiting("its load balancer has no address yet")
    }
}

/// A claim must be bound, but not where that waits for the first pod: then it
/// would wait for what comes after it. A class that is not known may be such.
pub(super) fn claim(observed: &Observed<'_>) -> Readiness {
    /// On a claim once its first pod has a node.
    const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
    let claim = observed.object;
    let phase = text(claim, "/status/phase");
    if phase == "Bound" {
        return Readiness::ready("bound");
    }
    if annotation(claim, SELECTED_NODE).is_none() && phase != "Lost" {
        match observed.binding {
            Some("WaitForFirstConsumer") => return Readiness::ready("waits for its first pod"),
            Some(_) => {}
            None => {
                return Readiness::ready("not bound yet, and not known whether it waits for a pod");
            }
        }
    }
    Readiness::Waiting(match phase {
        "Lost" => "its volume is lost".to_owned(),
        _ => "it is not bound to a volume yet".to_owned(),
    })
}

pub(super) fn namespace(namespace: &Value) -> Readiness {
    match text(namespace, "/status/phase") {
        "Active" => Readiness::ready("active"),
        "Terminating" => Readiness::waiting("it is being deleted"),
        _ => Readiness::waiting("it is not active yet"),
    }
}

/// Its names are accepted and its API is served.
pub(super) fn definition(definition: &Value) -> Readiness {
    conditions(definition, &["NamesAccepted", "Established"], "established")
}

/// Its server answers.
pub(super) fn api_service(service: &Value) -> Readiness {
    conditions(service, &["Available"], "available")
}

fn conditions(object: &Value, kinds: &[&str], done: &str) -> Readiness {
    if is_outdated(object) {
        return Readiness::waiting(UNOBSERVED);
    }
    for kind in kinds {
        match Condition::find(object, kind) {
            Some(condition) if condition.is_outdated(object) => {
                return Readiness::waiting(UNOBSERVED);
            }
            Some(condition) if condition.is("True") => {}
            Some(condition) => return Readiness::Waiting(condition.line()),
            None => return Readiness::Waiting(format!("it is not {kind} yet")),
        }
    }
    Readiness::ready(done)
}

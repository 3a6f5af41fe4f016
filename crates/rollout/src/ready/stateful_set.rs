//! `StatefulSets`.

use serde_json::Value;

use super::failure::{self, Signs};
use super::pod::{controlled_by, is_ready, with_trouble};
use super::revision::new_pods;
use super::status::{UNOBSERVED, count, is_observed, replicas};
use super::{Observed, Readiness, Rules};
use crate::object::{label, text};

/// `kubectl rollout status`: the pods from the partition upwards are of the
/// new revision, and all pods are there and available. `OnDelete` rolls
/// nothing out by itself: it is reported and passed.
pub(super) fn judge(observed: &Observed<'_>, rules: &Rules) -> Readiness {
    let set = observed.object;
    if !is_observed(set) {
        return Readiness::waiting(UNOBSERVED);
    }
    let (wanted, updated) = (replicas(set), count(set, "/status/updatedReplicas"));
    if !is_rolling(set) {
        return if updated >= wanted {
            Readiness::ready(format!("{updated} of {wanted} pods are updated"))
        } else {
            Readiness::passed(format!(
                "its update strategy is OnDelete: {updated} of {wanted} pods are updated, \
                 the others when somebody deletes them"
            ))
        };
    }
    let Some(short) = shortfall(set, wanted, updated) else {
        return Readiness::ready(match partition(set) {
            0 => format!("{wanted} of {wanted} pods are updated and ready"),
            below => format!(
                "{} of {wanted} pods are updated and ready, those below partition {below} are as they were",
                must_update(set)
            ),
        });
    };
    let pods = new_pods(observed);
    if let Some(failure) = failure::find(&pods, Signs::All, rules) {
        return Readiness::Failed(failure);
    }
    Readiness::Waiting(with_trouble(short, &pods))
}

/// What is missing, or `None`.
fn shortfall(set: &Value, wanted: i64, updated: i64) -> Option<String> {
    let must = must_update(set);
    let all = count(set, "/status/replicas");
    // Sets that ask for `minReadySeconds` count what was ready that long.
    let (field, word) = if count(set, "/spec/minReadySeconds") > 0 {
        ("/status/availableReplicas", "available")
    } else {
        ("/status/readyReplicas", "ready")
    };
    let ready = count(set, field);
    if updated < must {
        return Some(format!("{updated} of {must} pods are updated"));
    }
    if ready < wanted {
        return Some(format!("{ready} of {wanted} pods are {word}"));
    }
    if all > wanted {
        return Some(format!("pods too many: {}", all - wanted));
    }
    let revision = |which: &str| text(set, which);
    let (current, update) = (
        revision("/status/currentRevision"),
        revision("/status/updateRevision"),
    );
    (partition(set) == 0 && wanted > 0 && current != update)
        .then(|| format!("revision {update} is not yet the current one"))
}

pub(super) fn is_rolling(set: &Value) -> bool {
    text(set, "/spec/updateStrategy/type") != "OnDelete"
}

fn partition(set: &Value) -> i64 {
    count(set, "/spec/updateStrategy/rollingUpdate/partition")
}

/// How many pods must be of the new revision.
pub(super) fn must_update(set: &Value) -> i64 {
    if is_rolling(set) {
        (replicas(set) - partition(set)).max(0)
    } else {
        0
    }
}

/// The pods that keep a `StatefulSet` from rolling on: under `OrderedReady`
/// its controller waits for ever for a pod of another revision to become
/// ready before it replaces it. Deleting them is safe, as they do not serve.
///
/// Source of the rule: "Forced rollback" in Kubernetes' documentation of
/// `StatefulSets`.
pub fn stuck_pods<'a>(observed: &Observed<'a>) -> Vec<&'a Value> {
    let set = observed.object;
    let revision = text(set, "/status/updateRevision");
    let parallel = text(set, "/spec/podManagementPolicy") == "Parallel";
    if text(set, "/kind") != "StatefulSet" || parallel || !is_observed(set) || revision.is_empty() {
        return Vec::new();
    }
    let mut pods = controlled_by(observed.pods, set);
    pods.retain(|pod| {
        !is_ready(pod)
            && label(pod, "controller-revision-hash").is_some_and(|hash| hash != revision)
    });
    pods
}

//! Deployments.

use serde_json::Value;

use super::failure::{self, Signs, is_before};
use super::pod::{controlled_by, is_ready, name, with_trouble};
use super::revision::new_replica_set;
use super::status::{Condition, UNOBSERVED, count, is_observed, replicas};
use super::{Failure, Observed, Readiness, Reason, Rules};
use crate::object::text;

/// `kubectl rollout status`, and the new `ReplicaSet` has as many available
/// pods as wanted; a paused Deployment fails, as it would never roll out.
pub(super) fn judge(observed: &Observed<'_>, rules: &Rules) -> Readiness {
    let deployment = observed.object;
    if deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Readiness::failed(
            Reason::Paused,
            format!(
                "it is paused and does not roll out; kubectl rollout resume deployment/{}",
                text(deployment, "/metadata/name")
            ),
        );
    }
    if !is_observed(deployment) {
        return Readiness::waiting(UNOBSERVED);
    }
    let wanted = replicas(deployment);
    let set = new_replica_set(observed);
    let Some(short) = shortfall(deployment, set, wanted) else {
        return Readiness::ready(format!("{wanted} of {wanted} new pods are available"));
    };
    let pods = set.map_or_else(Vec::new, |set| controlled_by(observed.pods, set));
    if let Some(failure) = failure::find(&pods, Signs::All, rules) {
        return Readiness::Failed(failure);
    }
    if let Some(message) = deadline_exceeded(deployment, set, rules) {
        let pod = pods.iter().find(|pod| !is_ready(pod));
        return Readiness::Failed(Failure {
            reason: Reason::ProgressDeadline,
            message: with_trouble(message, &pods),
            pod: pod.map(|pod| name(pod).to_owned()),
            container: None,
        });
    }
    if let Some(refused) =
        Condition::find(deployment, "ReplicaFailure").filter(|condition| condition.is("True"))
    {
        return Readiness::Waiting(format!("{short}; {}", refused.message()));
    }
    Readiness::Waiting(with_trouble(short, &pods))
}

/// What is missing, or `None`.
fn shortfall(deployment: &Value, set: Option<&Value>, wanted: i64) -> Option<String> {
    let updated = count(deployment, "/status/updatedReplicas");
    let all = count(deployment, "/status/replicas");
    let available = count(deployment, "/status/availableReplicas");
    if updated < wanted {
        return Some(format!("{updated} of {wanted} pods are updated"));
    }
    if all > updated {
        return Some(format!("old pods still there: {}", all - updated));
    }
    if available < updated {
        return Some(format!(
            "{available} of {updated} updated pods are available"
        ));
    }
    if wanted == 0 {
        return None;
    }
    let Some(set) = set else {
        return Some("its new ReplicaSet is not there yet".to_owned());
    };
    let name = text(set, "/metadata/name");
    if !is_observed(set) {
        return Some(format!("the change of ReplicaSet {name} is not seen yet"));
    }
    let available = count(set, "/status/availableReplicas");
    (available < wanted)
        .then(|| format!("ReplicaSet {name} has {available} of {wanted} pods available"))
}

/// The controller's own verdict, if it is about this rollout: after a change
/// back to an older template, the verdict on the one before may stand for a
/// while beside the new generation. It names the `ReplicaSet` it is about.
fn deadline_exceeded(deployment: &Value, set: Option<&Value>, rules: &Rules) -> Option<String> {
    let verdict = Condition::find(deployment, "Progressing").filter(|condition| {
        condition.is("False")
            && condition.reason() == "ProgressDeadlineExceeded"
            && !is_before(rules, condition.time())
    })?;
    let quoted = |object: &Value| format!("\"{}\"", text(object, "/metadata/name"));
    let about = set.map_or_else(|| quoted(deployment), quoted);
    verdict
        .message()
        .contains(&about)
        .then(|| format!("ProgressDeadlineExceeded: {}", verdict.message()))
}

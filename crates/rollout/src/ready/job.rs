//! Jobs.

use serde_json::Value;

use super::failure::{self, Signs};
use super::pod::{containers, controlled_by, is_well, trouble};
use super::status::{Condition, count, is_true};
use super::{Failure, Observed, Readiness, Reason, Rules};
use crate::object::text;

/// Complete is ready, failed is failed; a suspended Job is reported and
/// passed. How often its pods may fail is its own `backoffLimit`, so restarts
/// are not counted here; an image that cannot be had never counts against
/// that limit, so it is told early.
pub(super) fn judge(observed: &Observed<'_>, rules: &Rules) -> Readiness {
    let job = observed.object;
    if is_true(job, "Complete") {
        return Readiness::ready("completed");
    }
    let pods = controlled_by(observed.pods, job);
    // `FailureTarget` stands while the last pods of a failed Job end.
    let failed = ["Failed", "FailureTarget"]
        .into_iter()
        .find_map(|kind| Condition::find(job, kind).filter(|condition| condition.is("True")));
    if let Some(failed) = failed {
        let pod = pods
            .iter()
            .rev()
            .find(|pod| text(pod, "/status/phase") == "Failed");
        return Readiness::Failed(Failure {
            reason: Reason::JobFailed,
            message: format!("{}: {}", failed.reason(), failed.message()),
            pod: pod.map(|pod| text(pod, "/metadata/name").to_owned()),
            container: pod.and_then(|pod| {
                containers(pod)
                    .find(|container| !is_well(container))
                    .map(|container| text(container, "/name").to_owned())
            }),
        });
    }
    if job.pointer("/spec/suspend").and_then(Value::as_bool) == Some(true) {
        return Readiness::passed("it is suspended and does not run");
    }
    if let Some(failure) = failure::find(&pods, Signs::Images, rules) {
        return Readiness::Failed(failure);
    }
    let counts = format!(
        "{} active, {} failed, {} succeeded",
        count(job, "/status/active"),
        count(job, "/status/failed"),
        count(job, "/status/succeeded"),
    );
    let trouble = pods
        .iter()
        .filter(|pod| {
            text(pod, "/status/phase") == "Pending" || text(pod, "/status/phase") == "Running"
        })
        .find_map(|pod| trouble(pod).map(|why| format!("{}: {why}", text(pod, "/metadata/name"))));
    Readiness::Waiting(match trouble {
        Some(trouble) => format!("{counts}; {trouble}"),
        None => counts,
    })
}

//! Failures that are certain before the deadline.

use jiff::Timestamp;
use serde_json::Value;

use super::pod::{containers, failed_line, is_ready, is_well, name, restarted, trouble};
use super::pull;
use super::status::count;
use super::{Failure, Readiness, Reason, Rules};
use crate::object::text;

/// Which signs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signs {
    /// Containers that keep ending, and images that cannot be had.
    All,
    /// Images only: how often a container may end is the owner's business.
    Images,
}

/// The first certain failure that pods show, in their order.
pub(super) fn find(pods: &[&Value], signs: Signs, rules: &Rules) -> Option<Failure> {
    pods.iter().find_map(|pod| in_pod(pod, signs, rules))
}

fn in_pod(pod: &Value, signs: Signs, rules: &Rules) -> Option<Failure> {
    let old = is_before(rules, text(pod, "/metadata/creationTimestamp"));
    containers(pod).find_map(|container| {
        let (reason, message) = image_failure(container, old).or_else(|| match signs {
            Signs::All => restart_failure(container, old, rules),
            Signs::Images => None,
        })?;
        let container = text(container, "/name");
        Some(Failure {
            reason,
            message: format!("{}: container {container}: {message}", name(pod)),
            pod: Some(name(pod).to_owned()),
            container: Some(container.to_owned()),
        })
    })
}

/// Of a pod that was there before, what is said of its image may be of before
/// too: the kubelet gives no time, and tries again.
fn image_failure(container: &Value, old: bool) -> Option<(Reason, String)> {
    let waiting = container.pointer("/state/waiting").filter(|_| !old)?;
    let reason = pull::certain(waiting)?;
    let image = text(container, "/image");
    let cause = pull::cause(waiting);
    let cause = cause
        .strip_prefix(image)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(cause);
    Some((reason, format!("image {image}: {cause}")))
}

fn restart_failure(container: &Value, old: bool, rules: &Rules) -> Option<(Reason, String)> {
    let restarts = count(container, "/restartCount");
    if restarts < i64::from(rules.fail_after_restarts.max(1)) || is_well(container) {
        return None;
    }
    let ended = [
        "/state/terminated/finishedAt",
        "/lastState/terminated/finishedAt",
    ]
    .into_iter()
    .map(|pointer| text(container, pointer));
    if old && ended.into_iter().all(|time| is_before(rules, time)) {
        return None;
    }
    Some((Reason::Restarts, restarted(container)))
}

/// Whether a time is before the run began, in whole seconds, which is all that
/// the API server keeps. No time is before any.
pub(super) fn is_before(rules: &Rules, time: &str) -> bool {
    rules.since.is_some_and(|since| {
        time.parse::<Timestamp>()
            .map_or(true, |time| time.as_second() < since.as_second())
    })
}

/// A pod that nobody controls.
pub(super) fn judge_pod(pod: &Value, rules: &Rules) -> Readiness {
    let phase = text(pod, "/status/phase");
    match phase {
        "Succeeded" => return Readiness::ready("succeeded"),
        "Failed" => {
            return Readiness::Failed(Failure {
                reason: Reason::PodFailed,
                message: failed_line(pod),
                pod: Some(name(pod).to_owned()),
                container: containers(pod)
                    .find(|container| !is_well(container))
                    .map(|container| text(container, "/name").to_owned()),
            });
        }
        _ => {}
    }
    if is_ready(pod) {
        return Readiness::ready("running and ready");
    }
    if let Some(failure) = find(&[pod], Signs::All, rules) {
        return Readiness::Failed(failure);
    }
    let phase = if phase.is_empty() { "Pending" } else { phase };
    Readiness::Waiting(match trouble(pod) {
        Some(trouble) => format!("{phase}: {trouble}"),
        None => format!("{phase}, not ready"),
    })
}

//! `ReplicaSets` and `ReplicationControllers` that nobody controls.

use super::failure::{self, Signs};
use super::pod::with_trouble;
use super::revision::new_pods;
use super::status::{UNOBSERVED, count, is_observed, replicas};
use super::{Observed, Readiness, Rules};

/// As many pods as wanted, all available. Pods of an older template stay as
/// they are: the proof of serving tells them.
pub(super) fn judge(observed: &Observed<'_>, rules: &Rules) -> Readiness {
    let set = observed.object;
    if !is_observed(set) {
        return Readiness::waiting(UNOBSERVED);
    }
    let wanted = replicas(set);
    let all = count(set, "/status/replicas");
    if all > wanted {
        return Readiness::Waiting(format!("pods too many: {}", all - wanted));
    }
    let available = count(set, "/status/availableReplicas");
    if available >= wanted {
        return Readiness::ready(format!("{wanted} of {wanted} pods are available"));
    }
    let pods = new_pods(observed);
    match failure::find(&pods, Signs::All, rules) {
        Some(failure) => Readiness::Failed(failure),
        None => Readiness::Waiting(with_trouble(
            format!("{available} of {wanted} pods are available"),
            &pods,
        )),
    }
}

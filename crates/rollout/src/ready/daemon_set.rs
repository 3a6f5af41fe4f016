//! `DaemonSets`.

use super::failure::{self, Signs};
use super::pod::with_trouble;
use super::revision::new_pods;
use super::status::{UNOBSERVED, count, is_observed};
use super::{Observed, Readiness, Rules};
use crate::object::text;

/// `kubectl rollout status`: as many updated and as many available pods as
/// nodes that want one. `OnDelete` rolls nothing out by itself: it is reported
/// and passed.
pub(super) fn judge(observed: &Observed<'_>, rules: &Rules) -> Readiness {
    let set = observed.object;
    if !is_observed(set) {
        return Readiness::waiting(UNOBSERVED);
    }
    let wanted = count(set, "/status/desiredNumberScheduled");
    let updated = count(set, "/status/updatedNumberScheduled");
    let available = count(set, "/status/numberAvailable");
    if text(set, "/spec/updateStrategy/type") == "OnDelete" && updated < wanted {
        return Readiness::passed(format!(
            "its update strategy is OnDelete: {updated} of {wanted} pods are updated, \
             the others when somebody deletes them"
        ));
    }
    if updated >= wanted && available >= wanted {
        return Readiness::ready(match wanted {
            0 => "no node wants a pod of it".to_owned(),
            _ => format!("{wanted} of {wanted} pods are updated and available"),
        });
    }
    let pods = new_pods(observed);
    if let Some(failure) = failure::find(&pods, Signs::All, rules) {
        return Readiness::Failed(failure);
    }
    let short = if updated < wanted {
        format!("{updated} of {wanted} pods are updated")
    } else {
        format!("{available} of {wanted} pods are available")
    };
    Readiness::Waiting(with_trouble(short, &pods))
}

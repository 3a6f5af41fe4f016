//! Custom resources.

use serde_json::Value;

use super::status::{Condition, UNOBSERVED, is_outdated};
use super::{Readiness, ReadyWhen};

/// By its own annotation, else by its `Ready` or `Available` condition, else
/// done at once. A status that says an older generation is not believed.
///
/// Source of the rule: kstatus (`sigs.k8s.io/cli-utils/pkg/kstatus`), whose
/// `Reconciling` and `Stalled` count here too; `Stalled` is waited for, as what
/// stalls it may still come.
pub(super) fn judge(object: &Value, when: Option<&ReadyWhen>) -> Readiness {
    if is_outdated(object) {
        return Readiness::waiting(UNOBSERVED);
    }
    if let Some(when) = when {
        return match when.check(object) {
            Ok(()) => Readiness::ready(when.to_string()),
            Err(why) => Readiness::Waiting(why),
        };
    }
    for busy in ["Reconciling", "Stalled"] {
        if let Some(condition) = Condition::find(object, busy)
            && condition.is("True")
        {
            return Readiness::Waiting(condition.line());
        }
    }
    let found = ["Ready", "Available"]
        .into_iter()
        .find_map(|kind| Condition::find(object, kind).map(|condition| (kind, condition)));
    match found {
        None => Readiness::ready("applied"),
        Some((_, condition)) if condition.is_outdated(object) => Readiness::waiting(UNOBSERVED),
        Some((kind, condition)) if condition.is("True") => {
            Readiness::ready(kind.to_ascii_lowercase())
        }
        Some((_, condition)) => Readiness::Waiting(condition.line()),
    }
}

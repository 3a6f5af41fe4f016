//! Whether what is ready stays so for a moment.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::pod::{containers, is_ready};
use super::revision::new_pods;
use super::status::count;
use super::{Observed, Rules};
use crate::object::{items, text, uid};

/// How long a container without a probe must be seen running. It is `Ready`
/// the moment it starts, and the kubelet, which looks at its containers once a
/// second, says so for that long of one that ended at once.
pub const WITHOUT_PROBE: Duration = Duration::from_secs(2);

/// The same of one that ended before: between two crashes it is `Ready` too.
pub const AFTER_RESTART: Duration = Duration::from_secs(10);

/// Since when the containers of one workload were seen running. A container
/// that crashes at start and has no readiness or startup probe makes its
/// workload look well for a moment, so a look at one moment proves nothing.
///
/// ```
/// use std::time::Duration;
/// use rollout::ready::{Observed, Rules, Settling};
/// let pod = serde_json::json!({
///     "apiVersion": "v1", "kind": "Pod", "metadata": {"uid": "u"},
///     "spec": {"containers": [{"name": "web"}]},
///     "status": {
///         "conditions": [{"type": "Ready", "status": "True"}],
///         "containerStatuses": [{"name": "web", "ready": true, "state": {"running": {}}}],
///     },
/// });
/// let mut settling = Settling::new(&Rules::default());
/// let observed = Observed::of(&pod);
/// assert_eq!(settling.remaining(&observed, Duration::from_secs(5)), Duration::from_secs(2));
/// assert_eq!(settling.remaining(&observed, Duration::from_secs(7)), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Settling {
    since: Option<Timestamp>,
    /// By pod, container, and how often it had restarted.
    first_seen: BTreeMap<(String, String, i64), Duration>,
}

impl Settling {
    /// Nothing seen yet.
    pub fn new(rules: &Rules) -> Self {
        Self {
            since: rules.since,
            first_seen: BTreeMap::new(),
        }
    }

    /// Looks at the ready pods of the new revision, at a time by the caller's
    /// own monotonic clock: how much longer they must stay as they are. Zero is
    /// settled. What ran long before the run began is.
    pub fn remaining(&mut self, observed: &Observed<'_>, at: Duration) -> Duration {
        let mut seen = BTreeMap::new();
        let mut remaining = Duration::ZERO;
        for pod in new_pods(observed).into_iter().filter(|pod| is_ready(pod)) {
            for container in containers(pod) {
                let wanted = self.wanted(pod, container);
                if wanted.is_zero() {
                    continue;
                }
                let key = (
                    uid(pod).to_owned(),
                    text(container, "/name").to_owned(),
                    count(container, "/restartCount"),
                );
                let first = self.first_seen.get(&key).copied().unwrap_or(at);
                remaining = remaining.max((first + wanted).saturating_sub(at));
                seen.insert(key, first);
            }
        }
        self.first_seen = seen;
        remaining
    }

    fn wanted(&self, pod: &Value, container: &Value) -> Duration {
        let Some(running) = container.pointer("/state/running") else {
            return Duration::ZERO;
        };
        if has_probe(pod, text(container, "/name")) || self.is_older(text(running, "/startedAt")) {
            Duration::ZERO
        } else if count(container, "/restartCount") > 0 {
            AFTER_RESTART
        } else {
            WITHOUT_PROBE
        }
    }

    /// Whether a container started long before the run, whatever the clocks of
    /// node and API server differ.
    fn is_older(&self, started: &str) -> bool {
        const CLOCKS: SignedDuration = SignedDuration::from_secs(10);
        self.since.is_some_and(|since| {
            started
                .parse::<Timestamp>()
                .is_ok_and(|started| since.duration_since(started) > CLOCKS)
        })
    }
}

fn has_probe(pod: &Value, container: &str) -> bool {
    ["/spec/containers", "/spec/initContainers"]
        .into_iter()
        .flat_map(|list| items(pod, list))
        .filter(|spec| text(spec, "/name") == container)
        .any(|spec| spec.get("readinessProbe").is_some() || spec.get("startupProbe").is_some())
}

//! Numbers and conditions in the status of objects.

use serde_json::Value;

use crate::object::{items, text};

/// A count at a JSON pointer; the API server leaves out what is 0.
pub(super) fn count(object: &Value, pointer: &str) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// `spec.replicas`, which is 1 where it is not said.
pub(super) fn replicas(object: &Value) -> i64 {
    object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1)
}

/// Whether the controller has seen the present generation. A status without
/// `observedGeneration` is older than any.
pub(super) fn is_observed(object: &Value) -> bool {
    object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64)
        .is_some_and(|seen| seen > 0 && seen >= count(object, "/metadata/generation"))
}

/// Whether a status that need not say its generation says an older one.
pub(super) fn is_outdated(object: &Value) -> bool {
    object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64)
        .is_some_and(|seen| seen < count(object, "/metadata/generation"))
}

/// What an object says that its controller has not seen yet.
pub(super) const UNOBSERVED: &str = "its controller has not seen this change yet";

/// A condition of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a>(&'a Value);

impl<'a> Condition<'a> {
    /// The condition of a type.
    pub(super) fn find(object: &'a Value, kind: &str) -> Option<Self> {
        items(object, "/status/conditions")
            .iter()
            .find(|condition| text(condition, "/type") == kind)
            .map(Self)
    }

    pub(super) fn is(self, status: &str) -> bool {
        text(self.0, "/status") == status
    }

    pub(super) fn reason(self) -> &'a str {
        text(self.0, "/reason")
    }

    pub(super) fn message(self) -> &'a str {
        text(self.0, "/message")
    }

    /// When the condition was last written, or last changed.
    pub(super) fn time(self) -> &'a str {
        match text(self.0, "/lastUpdateTime") {
            "" => text(self.0, "/lastTransitionTime"),
            time => time,
        }
    }

    /// Whether it was written for an older generation of its object.
    pub(super) fn is_outdated(self, object: &Value) -> bool {
        self.0
            .get("observedGeneration")
            .and_then(Value::as_i64)
            .is_some_and(|seen| seen < count(object, "/metadata/generation"))
    }

    /// `Type is Status: Reason: message`, as far as there is some.
    pub(super) fn line(self) -> String {
        let mut line = format!("{} is {}", text(self.0, "/type"), text(self.0, "/status"));
        for part in [self.reason(), self.message()] {
            if !part.is_empty() {
                line.push_str(": ");
                line.push_str(part);
            }
        }
        line
    }
}

/// Whether the condition of a type is there and `True`.
pub(super) fn is_true(object: &Value, kind: &str) -> bool {
    Condition::find(object, kind).is_some_and(|condition| condition.is("True"))
}

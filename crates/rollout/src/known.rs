//! Values that are known to be secret, so that they are told nowhere: a
//! server's refusal, a container's log and an event may quote them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::object::items;
use crate::redact::{LEFT_OUT, is_secret_name};

/// A Secret's value shorter than this is no secret that could be found in a
/// text.
const VALUE_MIN: usize = 4;

/// The same of a variable that is only named as if it were one: `true`,
/// `required` and the like are none.
const VARIABLE_MIN: usize = 9;

/// The values that a connection has come to know.
#[derive(Debug, Default)]
pub struct Known(Mutex<BTreeSet<String>>);

impl Known {
    /// Learns the values of a Secret, or of a list of them, as the server has
    /// them.
    pub fn learn_secret(&self, answer: &Value) {
        let own = std::iter::once(answer);
        for secret in own.chain(items(answer, "/items")) {
            let data = secret["data"].as_object().into_iter().flatten();
            for encoded in data.filter_map(|(_, value)| value.as_str()) {
                self.add(encoded, VALUE_MIN);
                let decoded = STANDARD.decode(encoded).ok();
                if let Some(text) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
                    self.add(&text, VALUE_MIN);
                }
            }
        }
    }

    /// Learns from an object that is sent, or that a package has.
    pub fn learn(&self, object: &Value) {
        if object["kind"] == "Secret" {
            self.learn_secret(object);
            let plain = object["stringData"].as_object().into_iter().flatten();
            for value in plain.filter_map(|(_, value)| value.as_str()) {
                self.add(value, VALUE_MIN);
            }
        } else {
            self.learn_variables(object);
        }
    }

    /// Learns what an object says in variables whose names speak of a secret.
    fn learn_variables(&self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn_variables(item)),
            Value::Object(map) => {
                let name = map.get("name").and_then(Value::as_str).unwrap_or_default();
                if let Some(Value::String(value)) =
                    map.get("value").filter(|_| is_secret_name(name))
                {
                    self.add(value, VARIABLE_MIN);
                }
                map.values().for_each(|value| self.learn_variables(value));
            }
            _ => {}
        }
    }

    /// A text without these values.
    pub fn scrub(&self, text: &str) -> String {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<&String> = values
            .iter()
            .filter(|v| text.contains(v.as_str()))
            .collect();
        // The longest first: one may be part of another.
        found.sort_by_key(|value| std::cmp::Reverse(value.len()));
        found.into_iter().fold(text.to_owned(), |text, value| {
            text.replace(value.as_str(), LEFT_OUT)
        })
    }

    /// A text shows a value of several lines line by line, and quoted it has
    /// escapes.
    fn add(&self, value: &str, least: usize) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for part in value.lines().map(str::trim).chain([value]) {
            let quoted = Value::from(part).to_string();
            let inner = &quoted[1..quoted.len() - 1];
            values.extend(
                [part, inner]
                    .into_iter()
                    .filter(|v| v.len() >= least)
                    .map(str::to_owned),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_is_left_out_however_it_stands() {
        let known = Known::default();
        let encoded = STANDARD.encode("first-canary\n  second \"canary\"\n");
        known.learn_secret(&json!({"data": {"k": encoded, "short": STANDARD.encode("web")}}));
        known.learn_secret(&json!({"items": [{"data": {"k": STANDARD.encode("third-canary")}}]}));
        known.learn(&json!({"kind": "Pod", "containers": [{"env": [{"name": "API_TOKEN", "value": "fourth-canary"},
            {"name": "AUTH", "value": "true"}, {"name": "MODE", "value": "plain-value"}]}]}));
        known.learn(&json!({"kind": "Secret", "stringData": {"k": "fifth-canary"}}));
        let text = format!(
            "web true plain-value {encoded} first-canary; second \"canary\"; second \\\"canary\\\"; third-canary fourth-canary fifth-canary"
        );
        let told = known.scrub(&text);
        assert!(
            !told.contains("canary") && !told.contains(&encoded),
            "{told}"
        );
        assert!(told.starts_with("web true plain-value "), "{told}");
    }
}

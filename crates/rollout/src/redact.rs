//! What may hold a secret is not told.

use serde_json::Value;

/// What stands where a value was.
pub const LEFT_OUT: &str = "(left out)";

/// Parts of names that speak of a secret: of variables, keys and arguments.
///
/// Source of the rule: package format 1 (`deploy.sh`, state capture).
const SECRET_WORDS: [&str; 8] = [
    "PASS",
    "SECRET",
    "TOKEN",
    "KEY",
    "CREDENTIAL",
    "AUTH",
    "DSN",
    "CERT",
];

/// Whether a name speaks of a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// A server's message without the values it quotes, where it concerns a
/// Secret.
pub fn message(text: &str, about_secret: bool) -> String {
    if !about_secret {
        return text.to_owned();
    }
    // Whatever stands in quotes or after "Invalid value" may be one.
    let mut out = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match (c, quoted) {
            ('"', false) => {
                quoted = true;
                out.push('"');
            }
            ('"', true) => {
                quoted = false;
                out.push_str("…\"");
            }
            (c, false) => out.push(c),
            (_, true) => {}
        }
    }
    match out.split_once("nvalid value:") {
        Some((before, _)) => format!("{before}nvalid value: {LEFT_OUT}"),
        None => out,
    }
}

/// An object without what is not the user's and what may be secret: its status
/// of ownership, the last-applied annotation, Secret data, values of variables
/// whose names speak of a secret.
pub fn object(mut object: Value) -> Value {
    let is_secret = object["kind"] == "Secret";
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.remove(crate::fields::LAST_APPLIED);
        }
    }
    if is_secret {
        for key in ["data", "stringData"] {
            if let Some(data) = object.get_mut(key).and_then(Value::as_object_mut) {
                for value in data.values_mut() {
                    *value = Value::from(LEFT_OUT);
                }
            }
        }
    } else {
        variables(&mut object);
    }
    object
}

/// Leaves out the values of variables whose names speak of a secret, wherever
/// they stand.
pub(crate) fn variables(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(variables),
        Value::Object(map) => {
            let named = map
                .get("name")
                .and_then(Value::as_str)
                .is_some_and(is_secret_name);
            if named && map.get("value").is_some_and(Value::is_string) {
                map.insert("value".to_owned(), Value::from(LEFT_OUT));
            }
            map.values_mut().for_each(variables);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_about_secrets_quote_nothing() {
        let text = r#"Secret "db" is invalid: data[k]: Invalid value: "canary": too long"#;
        assert!(!message(text, true).contains("canary"));
        assert_eq!(message(text, false), text);
        assert!(
            !message("Secret is invalid: data[k]: Invalid value: canary", true).contains("canary")
        );
        assert!(!message(r#"unclosed "canary"#, true).contains("canary"));
    }

    #[test]
    fn objects_lose_what_may_be_secret() {
        let secret = object(
            json!({"kind": "Secret", "data": {"k": "canary"}, "stringData": {"k": "canary"}}),
        );
        assert!(!secret.to_string().contains("canary"));
        let pod = object(
            json!({"kind": "Pod", "metadata": {"annotations": {crate::fields::LAST_APPLIED: "canary"}, "managedFields": ["canary"]},
            "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": "canary"}, {"name": "MODE", "value": "plain"}]}]}}),
        );
        assert!(!pod.to_string().contains("canary") && pod.to_string().contains("plain"));
    }
}

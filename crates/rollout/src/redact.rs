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

/// What the server says before the value that it refuses.
const VALUE_MARK: &str = "nvalid value: ";

/// What a webhook's own words follow.
const DENIED: &str = "denied the request";

/// A server's message without what may be secret: whole objects that it
/// repeats, and where it concerns a Secret whatever it quotes.
pub fn message(text: &str, about_secret: bool) -> String {
    if !about_secret {
        return without_objects(text);
    }
    // These words are about managers and fields.
    if text.starts_with("Apply failed with") || text.starts_with("conflict with \"") {
        return text.to_owned();
    }
    let text = match text.split_once(DENIED) {
        Some((before, _)) => format!("{before}{DENIED}"),
        None => text.to_owned(),
    };
    match text.split_once(VALUE_MARK) {
        Some((before, value)) => {
            let why = if value.ends_with(IMMUTABLE) {
                IMMUTABLE
            } else {
                ""
            };
            format!("{}{VALUE_MARK}{LEFT_OUT}{why}", unquoted(before))
        }
        None => unquoted(&text),
    }
}

/// How the server ends a message about a field that cannot change.
const IMMUTABLE: &str = ": field is immutable";

/// A text without what stands in quotes, and without all that follows where a
/// value is shown in another way: as Go prints it, or as it was sent.
fn unquoted(text: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut escaped = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => {
                quote = None;
                out.push('…');
                out.push(c);
            }
            Some(_) => {}
            // An apostrophe opens nothing.
            None if matches!(c, '"' | '`') || c == '\'' && !before.is_alphanumeric() => {
                quote = Some(c);
                out.push(c);
            }
            None if matches!(c, '{' | '|') || c == '[' && !is_key(&text[at..]) => {
                out.push_str(LEFT_OUT);
                return out;
            }
            None => out.push(c),
        }
        before = c;
    }
    out
}

/// Whether this begins with the key of a field: `data[tls.crt]`.
fn is_key(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .is_some_and(|(key, _)| {
            key.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        })
}

/// A message without the objects that it repeats as refused values: a pod's
/// template with all its variables may be one.
fn without_objects(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(VALUE_MARK) {
        let (before, value) = rest.split_at(at + VALUE_MARK.len());
        out.push_str(before);
        let opens = value.find(['{', '[']).filter(|at| {
            // Go prints the type before the braces: `&v1.LabelSelector{`.
            let kind = &value[..*at];
            kind.chars()
                .all(|c| c.is_ascii_alphanumeric() || "._/&*".contains(c))
        });
        rest = match opens {
            Some(at) => {
                out.push_str(LEFT_OUT);
                &value[at + closed(&value[at..])..]
            }
            None => value,
        };
    }
    out.push_str(rest);
    out
}

/// How long the bracketed text is that this one begins with; all of it, if it
/// is never closed.
fn closed(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + c.len_utf8();
                }
            }
            _ => {}
        }
    }
    text.len()
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
            match object.get_mut(key) {
                Some(Value::Object(data)) => data
                    .values_mut()
                    .for_each(|value| *value = Value::from(LEFT_OUT)),
                Some(other) if !other.is_null() => *other = Value::from(LEFT_OUT),
                _ => {}
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

/// A pod without what its programs said at their end: a log's last line may be
/// that, and may hold anything.
pub fn last_words(mut pod: Value) -> Value {
    for list in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        let containers = pod.pointer_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            for state in ["/state/terminated", "/lastState/terminated"] {
                let ended = container.pointer_mut(state).and_then(Value::as_object_mut);
                ended.map(|ended| ended.remove("message"));
            }
        }
    }
    pod
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
        let denied = r#"admission webhook "w" denied the request: canary is weak"#;
        assert!(!message(denied, true).contains("canary"));
        let conflict = r#"conflict with "kubectl-edit" using v1"#;
        assert_eq!(message(conflict, true), conflict);
    }

    #[test]
    fn messages_repeat_no_objects() {
        let job = r#"Job.batch "j" is invalid: spec.template: Invalid value: {"env":[{"name":"A]","value":"ca\"nary}"}]}: field is immutable, spec.selector: Invalid value: &v1.LabelSelector{MatchLabels:map[string]string{"a":"canary"}}: field is immutable, spec.replicas: Invalid value: -1: must be more"#;
        assert_eq!(
            message(job, false),
            r#"Job.batch "j" is invalid: spec.template: Invalid value: (left out): field is immutable, spec.selector: Invalid value: (left out): field is immutable, spec.replicas: Invalid value: -1: must be more"#
        );
        assert!(!message("Invalid value: {canary", false).contains("canary"));
    }

    #[test]
    fn pods_lose_their_last_words() {
        let ended = json!({"terminated": {"exitCode": 1, "message": "canary"}});
        let pod = last_words(json!({"kind": "Pod", "status": {
            "containerStatuses": [{"state": ended, "lastState": ended}],
            "initContainerStatuses": [{"state": {"running": {}}, "lastState": ended}]}}));
        assert!(!pod.to_string().contains("canary"));
        assert_eq!(
            pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"],
            1
        );
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

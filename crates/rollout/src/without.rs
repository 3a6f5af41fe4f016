//! An object without fields of it, by the paths that the server gives to
//! conflicts: `.spec.template.spec.containers[name="web"].image`.
//!
//! Source of the form: `fieldpath.Path.String` of
//! `sigs.k8s.io/structured-merge-diff`.

use std::cmp::Reverse;

use serde_json::Value;

/// Takes a field out, and what is left empty by it; whether it was there.
pub fn take_out(object: &mut Value, path: &str) -> bool {
    match object {
        Value::Object(map) => {
            let Some(rest) = path.strip_prefix('.') else {
                return false;
            };
            // Names of annotations and of data have dots of their own.
            let mut names: Vec<String> = map
                .keys()
                .filter(|name| {
                    rest.strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                })
                .cloned()
                .collect();
            names.sort_by_key(|name| Reverse(name.len()));
            for name in names {
                let rest = &rest[name.len()..];
                let found = rest.is_empty()
                    || map
                        .get_mut(&name)
                        .is_some_and(|child| take_out(child, rest));
                if !found {
                    continue;
                }
                if rest.is_empty() || map.get(&name).is_some_and(is_empty) {
                    map.shift_remove(&name);
                }
                return true;
            }
            false
        }
        Value::Array(items) => {
            let Some((step, rest)) = bracket(path) else {
                return false;
            };
            let place = match step.parse::<usize>() {
                Ok(place) => Some(place).filter(|place| *place < items.len()),
                Err(_) => items.iter().position(|item| means(step, item)),
            };
            match place {
                Some(place) if rest.is_empty() => {
                    items.remove(place);
                    true
                }
                Some(place) => take_out(&mut items[place], rest),
                None => false,
            }
        }
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// What is in the brackets that a path begins with, and what follows them.
fn bracket(path: &str) -> Option<(&str, &str)> {
    let inside = path.strip_prefix('[')?;
    let end = outside_quotes(inside, ']').next()?;
    Some((&inside[..end], &inside[end + 1..]))
}

/// Where this character stands outside quotes.
fn outside_quotes(text: &str, wanted: char) -> impl Iterator<Item = usize> + '_ {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter_map(move |(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == wanted && !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// Whether an item of a list is the one that a step names: by its keys
/// (`name="web"`), or by itself (`="value"`).
fn means(step: &str, item: &Value) -> bool {
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(text) = step.strip_prefix('=') {
        return value(text).as_ref() == Some(item);
    }
    let mut from = 0;
    let ends: Vec<usize> = outside_quotes(step, ',').chain([step.len()]).collect();
    ends.into_iter().all(|end| {
        let pair = &step[from..end];
        from = end + 1;
        pair.split_once('=').is_some_and(|(key, text)| {
            let wanted = value(text);
            match item.get(key) {
                Some(is) => wanted.as_ref() == Some(is),
                // The one key that the server has a default for.
                None => key == "protocol" && wanted == Some(Value::from("TCP")),
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found_by_the_paths_of_conflicts() {
        let object = json!({
            "metadata": {"annotations": {"example.com/a.b": "x"}},
            "spec": {
                "replicas": 2,
                "ports": [{"port": 80, "nodePort": 1}, {"port": 80, "protocol": "UDP", "nodePort": 2}],
                "finalizers": ["a", "b"],
                "template": {"spec": {"containers": [
                    {"name": "a]\"", "image": "one"},
                    {"name": "b", "image": "two", "args": ["x", "y"]},
                ]}},
            },
        });
        for (path, place) in [
            (".spec.replicas", "/spec/replicas"),
            (
                r#".spec.template.spec.containers[name="b"].image"#,
                "/spec/template/spec/containers/1/image",
            ),
            (
                r#".spec.template.spec.containers[name="a]\""].image"#,
                "/spec/template/spec/containers/0/image",
            ),
            (
                r#".spec.template.spec.containers[name="b"].args[1]"#,
                "/spec/template/spec/containers/1/args/1",
            ),
            (
                r#".spec.ports[port=80,protocol="UDP"].nodePort"#,
                "/spec/ports/1/nodePort",
            ),
            (
                r#".spec.ports[port=80,protocol="TCP"].nodePort"#,
                "/spec/ports/0/nodePort",
            ),
            (r#".spec.finalizers[="b"]"#, "/spec/finalizers/1"),
        ] {
            let mut left = object.clone();
            assert!(take_out(&mut left, path), "{path}");
            assert!(object.pointer(place).is_some(), "{place}");
            assert!(left.pointer(place).is_none(), "{path}: {left}");
            assert_ne!(left, object);
        }
        // What is left empty is nobody's wish.
        let mut left = object.clone();
        assert!(take_out(&mut left, ".metadata.annotations.example.com/a.b"));
        assert!(left.get("metadata").is_none(), "{left}");
    }

    #[test]
    fn what_is_not_there_changes_nothing() {
        let object = json!({"spec": {"replicas": 2, "list": [{"name": "a"}]}});
        for path in [
            "",
            ".",
            "spec",
            ".spec.replica",
            ".spec.replicas.more",
            ".spec[0]",
            ".spec.list[name=\"b\"].image",
            ".spec.list[7]",
            ".spec.list[",
            ".spec.list[name]",
        ] {
            let mut left = object.clone();
            assert!(!take_out(&mut left, path), "{path}");
            assert_eq!(left, object);
        }
    }
}

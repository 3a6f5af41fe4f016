//! Whether the cluster has what we want and we own it, told without asking
//! the server: where this cannot be sure it says that they differ, and the
//! server's dry run decides.

use serde_json::{Map, Value};

use crate::quantity;

/// How what we want, what is there and what we own differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Fields whose values differ.
    pub values: Vec<String>,
    /// Fields that we want and do not own: somebody else took them.
    pub not_owned: Vec<String>,
    /// Fields that we own and no longer want.
    pub extra: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.values.is_empty() && self.not_owned.is_empty() && self.extra.is_empty()
    }
}

/// Fields that name an object; they have no owner.
const NAMING: [&str; 2] = ["apiVersion", "kind"];

/// Fields of `metadata` that have no owner.
const UNOWNED_METADATA: [&str; 5] = [
    "name",
    "namespace",
    "creationTimestamp",
    "uid",
    "resourceVersion",
];

/// Maps whose values are quantities: the server writes `1000m` as `1`.
const QUANTITIES: [&str; 4] = ["limits", "requests", "hard", "capacity"];

/// Compares what is wanted with what is there, along the fields we own.
pub fn compare(wanted: &Value, live: &Value, ours: &Value) -> Difference {
    let mut found = Difference::default();
    let (Some(wanted), Some(live)) = (wanted.as_object(), live.as_object()) else {
        return found;
    };
    let none = Map::new();
    let owned = ours.as_object().unwrap_or(&none);
    for (key, value) in wanted {
        if NAMING.contains(&key.as_str()) || key == "status" {
            continue;
        }
        let below = owned.get(&format!("f:{key}"));
        let path = format!(".{key}");
        if key == "metadata" {
            metadata(value, live.get(key), below, &path, &mut found);
        } else {
            field(key, value, live.get(key), below, &path, &mut found);
        }
    }
    extra(owned, wanted, "", &mut found);
    found
}

fn metadata(
    wanted: &Value,
    live: Option<&Value>,
    owned: Option<&Value>,
    path: &str,
    found: &mut Difference,
) {
    let none = Map::new();
    let wanted = wanted.as_object().unwrap_or(&none);
    let live = live.and_then(Value::as_object).unwrap_or(&none);
    let owned = owned.and_then(Value::as_object).unwrap_or(&none);
    for (key, value) in wanted {
        if UNOWNED_METADATA.contains(&key.as_str()) {
            continue;
        }
        let below = owned.get(&format!("f:{key}"));
        field(key, value, live.get(key), below, &format!("{path}.{key}"), found);
    }
    extra(owned, wanted, path, found);
}

/// Fields that we own below a map and do not want.
fn extra(owned: &Map<String, Value>, wanted: &Map<String, Value>, path: &str, found: &mut Difference) {
    for key in owned.keys() {
        if let Some(name) = key.strip_prefix("f:")
            && wanted.get(name).is_none_or(Value::is_null)
        {
            found.extra.push(format!("{path}.{name}"));
        }
    }
}

/// Whether these owned fields end here: the value is owned as a whole.
fn is_leaf(owned: &Map<String, Value>) -> bool {
    owned.keys().all(|key| key == ".")
}

fn field(
    key: &str,
    wanted: &Value,
    live: Option<&Value>,
    owned: Option<&Value>,
    path: &str,
    found: &mut Difference,
) {
    if wanted.is_null() {
        return;
    }
    let Some(owned) = owned.and_then(Value::as_object) else {
        found.not_owned.push(path.to_owned());
        if !same(key, wanted, live) {
            found.values.push(path.to_owned());
        }
        return;
    };
    match wanted {
        Value::Object(wanted) if !is_leaf(owned) => {
            let none = Map::new();
            let live = live.and_then(Value::as_object).unwrap_or(&none);
            for (name, value) in wanted {
                let below = owned.get(&format!("f:{name}"));
                // The parent tells whether a map holds quantities.
                let hint = if QUANTITIES.contains(&key) { key } else { name };
                field(hint, value, live.get(name), below, &format!("{path}.{name}"), found);
            }
            extra(owned, wanted, path, found);
        }
        Value::Array(wanted) if !is_leaf(owned) => {
            let live = live.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            list(wanted, live, owned, path, found);
        }
        _ => {
            if !same(key, wanted, live) {
                found.values.push(path.to_owned());
            }
        }
    }
}

/// A list whose items have owners of their own: maps by their keys
/// (`k:{"name":"web"}`), scalars by their values (`v:"a"`).
fn list(
    wanted: &[Value],
    live: &[Value],
    owned: &Map<String, Value>,
    path: &str,
    found: &mut Difference,
) {
    let mut met = vec![false; wanted.len()];
    for (step, below) in owned {
        if let Some(value) = parsed(step, "v:") {
            match wanted.iter().position(|item| *item == value) {
                Some(at) if live.contains(&value) => met[at] = true,
                Some(_) => found.values.push(format!("{path}[{value}]")),
                None => found.extra.push(format!("{path}[{value}]")),
            }
        } else if let Some(Value::Object(keys)) = parsed(step, "k:") {
            let name = format!("{path}[{}]", shown(&keys));
            // What a package leaves out the server fills in: a port's protocol.
            let fits = |item: &Value| {
                keys.iter()
                    .all(|(key, value)| item.get(key).is_none_or(|own| own == value))
            };
            let exactly = |item: &&Value| keys.iter().all(|(key, value)| item.get(key) == Some(value));
            let place = wanted
                .iter()
                .enumerate()
                .position(|(at, item)| !met[at] && fits(item));
            match place {
                None => found.extra.push(name),
                Some(at) => {
                    met[at] = true;
                    let live = live.iter().find(exactly);
                    let mut below = below.clone();
                    // A key that the package leaves out is not owned, and one
                    // that it names always is.
                    if let Some(map) = below.as_object_mut() {
                        for key in keys.keys() {
                            if wanted[at].get(key).is_some() {
                                map.entry(format!("f:{key}"))
                                    .or_insert_with(|| Value::Object(Map::new()));
                            }
                        }
                    }
                    field("", &wanted[at], live, Some(&below), &name, found);
                }
            }
        }
    }
    for (item, met) in wanted.iter().zip(met) {
        if !met {
            found.not_owned.push(format!("{path}[{}]", shown_item(item)));
        }
    }
}

fn parsed(step: &str, prefix: &str) -> Option<Value> {
    serde_json::from_str(step.strip_prefix(prefix)?).ok()
}

fn shown(keys: &Map<String, Value>) -> String {
    keys.iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn shown_item(item: &Value) -> String {
    match item.get("name").and_then(Value::as_str) {
        Some(name) => format!("name={name:?}"),
        None => item.to_string(),
    }
}

/// Whether a value is there, in the words of the server: it fills in defaults,
/// leaves out what is empty, and writes quantities in its own form.
fn same(key: &str, wanted: &Value, live: Option<&Value>) -> bool {
    let Some(live) = live else {
        return is_empty(wanted);
    };
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted.iter().all(|(name, value)| {
            let hint = if QUANTITIES.contains(&key) { key } else { name };
            same(hint, value, live.get(name))
        }),
        (Value::Array(wanted), Value::Array(live)) => {
            wanted.len() == live.len()
                && wanted
                    .iter()
                    .zip(live)
                    .all(|(wanted, live)| same("", wanted, Some(live)))
        }
        (Value::Number(wanted), Value::Number(live)) => wanted == live || wanted.as_f64() == live.as_f64(),
        _ if wanted == live => true,
        _ if QUANTITIES.contains(&key) || key == "sizeLimit" => {
            quantity::same(&plain(wanted), &plain(live))
        }
        _ => false,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn owned() -> Value {
        json!({"f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:containers": {
                "k:{\"name\":\"c\"}": {
                    ".": {}, "f:name": {}, "f:image": {},
                    "f:resources": {"f:limits": {"f:cpu": {}}},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                },
            },
            "f:finalizers": {"v:\"a\"": {}},
        }})
    }

    fn wanted() -> Value {
        json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n"}, "spec": {
            "replicas": 1,
            "selector": {"a": "b"},
            "containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1000m"}}, "ports": [{"containerPort": 80}]}],
            "finalizers": ["a"],
        }})
    }

    fn live() -> Value {
        json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n", "uid": "u"}, "spec": {
            "replicas": 1,
            "selector": {"a": "b"},
            "containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}}, "imagePullPolicy": "Always",
                "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
            "finalizers": ["a"],
            "dnsPolicy": "ClusterFirst",
        }})
    }

    #[test]
    fn defaults_and_forms_of_quantities_are_no_difference() {
        assert_eq!(compare(&wanted(), &live(), &owned()), Difference::default());
    }

    #[test]
    fn every_single_change_is_seen() {
        for (pointer, value) in [
            ("/spec/replicas", json!(2)),
            ("/spec/selector/a", json!("c")),
            ("/spec/containers/0/image", json!("j")),
            ("/spec/containers/0/resources/limits/cpu", json!("2")),
            ("/spec/containers/0/ports/0/containerPort", json!(81)),
            ("/spec/finalizers/0", json!("z")),
        ] {
            let mut changed = wanted();
            *changed.pointer_mut(pointer).unwrap() = value.clone();
            assert!(!compare(&changed, &live(), &owned()).is_none(), "wanted {pointer}");
            let mut changed = live();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert!(!compare(&wanted(), &changed, &owned()).is_none(), "live {pointer}");
        }
    }

    #[test]
    fn fields_lost_to_others_and_fields_no_longer_wanted_are_told() {
        let mut lost = owned();
        lost["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        assert_eq!(compare(&wanted(), &live(), &lost).not_owned, [".spec.replicas"]);
        let mut less = wanted();
        less["spec"].as_object_mut().unwrap().remove("finalizers");
        less["spec"]["containers"][0].as_object_mut().unwrap().remove("resources");
        assert_eq!(
            compare(&less, &live(), &owned()).extra,
            [".spec.containers[name=\"c\"].resources", ".spec.finalizers"]
        );
    }

    #[test]
    fn labels_are_compared_to_the_letter() {
        let object = |text: &str| json!({"metadata": {"labels": {"v": text}}});
        let owned = json!({"f:metadata": {"f:labels": {"f:v": {}}}});
        assert!(!compare(&object("1"), &object("1.0"), &owned).is_none());
    }
}

//! Whether the cluster has what we want and we own it, told without asking
//! the server: where this cannot be sure it says that they differ, and the
//! server's dry run decides.

use serde_json::{Map, Value};

use super::same::{Dialect, Place, is_nothing, same};

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

/// Compares what is wanted with what is there, along the fields we own.
pub fn compare(wanted: &Value, live: &Value, ours: &Value) -> Difference {
    let mut found = Difference::default();
    let dialect = Dialect::of(wanted);
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
            field(
                Place::top(dialect, key),
                value,
                live.get(key),
                below,
                &path,
                &mut found,
            );
        }
    }
    extra(owned, wanted, live, "", &mut found);
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
    // It is built in, whatever the kind.
    let place = Place::top(Dialect::BuiltIn { kind: "" }, "metadata");
    for (key, value) in wanted {
        if UNOWNED_METADATA.contains(&key.as_str()) {
            continue;
        }
        let below = owned.get(&format!("f:{key}"));
        field(
            place.below(key),
            value,
            live.get(key),
            below,
            &format!("{path}.{key}"),
            found,
        );
    }
    extra(owned, wanted, live, path, found);
}

/// What we own below a map and do not want. A null is owned too, as tools print
/// it for the time of creation.
fn extra(
    owned: &Map<String, Value>,
    wanted: &Map<String, Value>,
    live: &Map<String, Value>,
    path: &str,
    found: &mut Difference,
) {
    for step in owned.keys().filter(|step| *step != ".") {
        match step.strip_prefix("f:") {
            Some(name)
                if wanted.get(name).is_some_and(|value| {
                    !value.is_null() || live.get(name).is_none_or(Value::is_null)
                }) => {}
            Some(name) => found.extra.push(format!("{path}.{name}")),
            None => found.extra.push(format!("{path}[{step}]")),
        }
    }
}

/// Whether these owned fields end here: the value is owned as a whole.
fn is_leaf(owned: &Map<String, Value>) -> bool {
    owned.keys().all(|key| key == ".")
}

fn field(
    place: Place<'_>,
    wanted: &Value,
    live: Option<&Value>,
    owned: Option<&Value>,
    path: &str,
    found: &mut Difference,
) {
    if wanted.is_null() || owned.is_none() && is_nothing(place, wanted, live) {
        return;
    }
    let Some(owned) = owned.and_then(Value::as_object) else {
        found.not_owned.push(path.to_owned());
        if !same(place, wanted, live) {
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
                field(
                    place.below(name),
                    value,
                    live.get(name),
                    below,
                    &format!("{path}.{name}"),
                    found,
                );
            }
            extra(owned, wanted, live, path, found);
        }
        Value::Array(wanted) if !is_leaf(owned) => {
            let live = live
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            list(place, wanted, live, owned, path, found);
        }
        _ => {
            if !same(place, wanted, live) {
                found.values.push(path.to_owned());
            }
        }
    }
}

/// A list whose items have owners of their own: maps by their keys
/// (`k:{"name":"web"}`), scalars by their values (`v:"a"`).
fn list(
    place: Place<'_>,
    wanted: &[Value],
    live: &[Value],
    owned: &Map<String, Value>,
    path: &str,
    found: &mut Difference,
) {
    let mut met = vec![false; wanted.len()];
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (step, below) in owned.iter().filter(|(step, _)| *step != ".") {
        if let Some(value) = parsed(step, "v:") {
            let there = live.iter().position(|item| *item == value);
            match (wanted.iter().position(|item| *item == value), there) {
                (Some(at), Some(there)) => {
                    met[at] = true;
                    order.push((at, there));
                }
                (Some(at), None) => {
                    met[at] = true;
                    found.values.push(format!("{path}[{value}]"));
                }
                (None, _) => found.extra.push(format!("{path}[{value}]")),
            }
        } else if let Some(Value::Object(keys)) = parsed(step, "k:") {
            let name = format!("{path}[{}]", shown(&keys));
            match place_of(&keys, wanted, &met) {
                None => found.extra.push(name),
                Some(at) => {
                    met[at] = true;
                    let there = live.iter().position(|item| has(item, &keys));
                    order.extend(there.map(|there| (at, there)));
                    let live = there.map(|there| &live[there]);
                    field(place, &wanted[at], live, Some(below), &name, found);
                }
            }
        } else {
            found.extra.push(format!("{path}[{step}]"));
        }
    }
    // Init containers and variables mean what they mean in their order, and the
    // server keeps that of others too.
    order.sort_unstable();
    if !order.is_sorted_by_key(|(_, there)| there) {
        found.values.push(path.to_owned());
    }
    for (item, met) in wanted.iter().zip(met) {
        if !met {
            found
                .not_owned
                .push(format!("{path}[{}]", shown_item(item)));
        }
    }
}

/// Which item of those not met yet has these keys. What a package leaves out
/// the server fills in: a port's protocol.
fn place_of(keys: &Map<String, Value>, wanted: &[Value], met: &[bool]) -> Option<usize> {
    let fits = |item: &Value| {
        item.is_object()
            && keys
                .iter()
                .all(|(key, value)| item.get(key).is_none_or(|own| own == value))
    };
    let free = |at: &usize| !met[*at];
    let places = || (0..wanted.len()).filter(free);
    places()
        .find(|at| has(&wanted[*at], keys))
        .or_else(|| places().find(|at| fits(&wanted[*at])))
}

fn has(item: &Value, keys: &Map<String, Value>) -> bool {
    keys.iter().all(|(key, value)| item.get(key) == Some(value))
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
        json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "n"}, "spec": {
            "replicas": 1,
            "selector": {"a": "b"},
            "containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1000m"}}, "ports": [{"containerPort": 80}]}],
            "finalizers": ["a"],
        }})
    }

    fn live() -> Value {
        json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "uid": "u"}, "spec": {
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
            assert!(
                !compare(&changed, &live(), &owned()).is_none(),
                "wanted {pointer}"
            );
            let mut changed = live();
            *changed.pointer_mut(pointer).unwrap() = value;
            assert!(
                !compare(&wanted(), &changed, &owned()).is_none(),
                "live {pointer}"
            );
        }
    }

    #[test]
    fn fields_lost_to_others_and_fields_no_longer_wanted_are_told() {
        let mut lost = owned();
        lost["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        assert_eq!(
            compare(&wanted(), &live(), &lost).not_owned,
            [".spec.replicas"]
        );
        let mut less = wanted();
        less["spec"].as_object_mut().unwrap().remove("finalizers");
        less["spec"]["containers"][0]
            .as_object_mut()
            .unwrap()
            .remove("resources");
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

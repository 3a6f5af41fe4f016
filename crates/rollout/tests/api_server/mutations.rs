//! Every way to change a document in one place.

use serde_json::{Value, json};

/// A step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

/// A place in a document.
pub type Path = Vec<Step>;

/// The place as a JSON pointer.
pub fn pointer(path: &[Step]) -> String {
    path.iter()
        .map(|step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        })
        .collect()
}

/// Every place below the top, but those that name the object.
pub fn places(document: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    walk(document, &mut Vec::new(), &mut found);
    found.retain(|path| {
        ![
            "/apiVersion",
            "/kind",
            "/metadata",
            "/metadata/name",
            "/metadata/namespace",
        ]
        .contains(&pointer(path).as_str())
    });
    found
}

fn walk(value: &Value, path: &mut Path, found: &mut Vec<Path>) {
    if !path.is_empty() {
        found.push(path.clone());
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                path.push(Step::Key(key.clone()));
                walk(value, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                path.push(Step::Index(index));
                walk(value, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Other values for what stands somewhere.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!("a"), json!(1)],
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(number) => vec![json!(number.as_f64().unwrap_or(0.0) + 1.0), json!(0)],
        Value::String(text) => vec![json!(format!("{text}x")), json!("")],
        Value::Array(_) => vec![json!([])],
        Value::Object(_) => vec![json!({})],
    }
}

/// The document changed in one place, in every way: values replaced, fields
/// and items left out, nulls, fields added, neighbours swapped.
pub fn mutations(document: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for path in places(document) {
        let at = pointer(&path);
        let Some(old) = document.pointer(&at) else {
            continue;
        };
        let mut add = |what: &str, change: &dyn Fn(&mut Value)| {
            let mut changed = document.clone();
            change(&mut changed);
            if changed != *document {
                found.push((format!("{at} {what}"), changed));
            }
        };
        for other in others(old) {
            add(&format!("is {other}"), &|d| {
                *d.pointer_mut(&at).unwrap() = other.clone();
            });
        }
        add("is null", &|d| *d.pointer_mut(&at).unwrap() = Value::Null);
        add("is left out", &|d| remove(d, &path));
        match old {
            Value::Object(map) => {
                add("has one more", &|d| {
                    d.pointer_mut(&at).unwrap()["extra"] = json!("a");
                });
                // What the server might take for a default, where it is none.
                for (key, value) in [("protocol", "TCP"), ("apiVersion", "v1")] {
                    if !map.contains_key(key) {
                        add(&format!("has {key}"), &|d| {
                            d.pointer_mut(&at).unwrap()[key] = json!(value);
                        });
                    }
                }
            }
            Value::Array(items) => {
                for index in 1..items.len() {
                    add(&format!("swaps {index}"), &|d| {
                        d.pointer_mut(&at)
                            .unwrap()
                            .as_array_mut()
                            .unwrap()
                            .swap(index - 1, index);
                    });
                }
                if let Some(first) = items.first() {
                    add("repeats", &|d| {
                        d.pointer_mut(&at)
                            .unwrap()
                            .as_array_mut()
                            .unwrap()
                            .push(first.clone());
                    });
                }
            }
            _ => {}
        }
    }
    found
}

fn remove(document: &mut Value, path: &[Step]) {
    let Some((last, parent)) = path.split_last() else {
        return;
    };
    match (document.pointer_mut(&pointer(parent)), last) {
        (Some(Value::Object(map)), Step::Key(key)) => {
            map.shift_remove(key);
        }
        (Some(Value::Array(items)), Step::Index(index)) => {
            items.remove(*index);
        }
        _ => {}
    }
}

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use rollout::fields::{Difference, compare};
use serde_json::{Map, Value, json};

use crate::fixture::ownership;
use crate::mutations::{mutations, places, pointer};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-9_i64..9).prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ]
}

/// Lists that are owned as a whole.
fn whole() -> impl Strategy<Value = Value> {
    prop_oneof![
        vec(scalar(), 0..3).prop_map(Value::from),
        vec(btree_map("[x-z]", scalar(), 0..3), 1..3).prop_map(|items| json!(items)),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    prop_oneof![4 => scalar(), 1 => whole()].prop_recursive(4, 24, 4, |below| {
        prop_oneof![
            3 => btree_map("[a-d]", below.clone(), 0..4).prop_map(|map| json!(map)),
            // Items with names, each owned by itself.
            1 => btree_map("[n-q]", btree_map("[a-d]", below, 0..3), 1..4).prop_map(|items| {
                items
                    .into_iter()
                    .map(|(name, mut item)| {
                        item.insert("name".to_owned(), json!(name));
                        json!(item)
                    })
                    .collect()
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![Just(("v1", "Thing")), Just(("example.com/v1", "Widget"))];
    let labels = btree_map("[a-d]", "[a-z]{0,3}", 0..3);
    (kind, labels, btree_map("[a-d]", tree(), 1..4)).prop_map(|((api_version, kind), labels, spec)| {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "n", "labels": labels}, "spec": spec})
    })
}

/// What the server and others add beside: fields in maps, items in lists.
fn filled(value: &Value, seed: &mut u64) -> Value {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let chosen = *seed >> 33;
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut filled: Map<String, Value> = map
                .iter()
                .map(|(key, value)| (key.clone(), self::filled(value, seed)))
                .collect();
            if chosen.is_multiple_of(2) {
                filled.insert("filled".to_owned(), json!({"in": chosen}));
            }
            Value::Object(filled)
        }
        Value::Array(items)
            if !items.is_empty() && items.iter().all(|item| item["name"].is_string()) =>
        {
            let mut filled: Vec<Value> =
                items.iter().map(|item| self::filled(item, seed)).collect();
            if chosen.is_multiple_of(2) {
                let at = usize::try_from(chosen).unwrap() % (filled.len() + 1);
                filled.insert(at, json!({"name": "injected"}));
            }
            Value::Array(filled)
        }
        other => other.clone(),
    }
}

/// Ownership that somebody else took: the fields without one leaf, and without
/// what is empty then.
fn taken(fields: &Value) -> Vec<Value> {
    let Some(map) = fields.as_object() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (step, below) in map
        .iter()
        .filter(|(step, _)| *step != "." && *step != "f:name")
    {
        let mut add = |below: Option<Value>| {
            let mut rest = map.clone();
            match below {
                Some(below) => rest.insert(step.clone(), below),
                None => rest.shift_remove(step),
            };
            found.push(Value::Object(rest));
        };
        let is_leaf = below
            .as_object()
            .is_none_or(|below| below.keys().all(|key| key == "."));
        if is_leaf {
            add(None);
        } else {
            for rest in taken(below) {
                let is_empty = rest.as_object().is_some_and(Map::is_empty);
                add(Some(rest).filter(|_| !is_empty));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn what_was_applied_is_no_difference_whatever_is_beside_it(object in object(), mut seed: u64) {
        let live = filled(&object, &mut seed);
        prop_assert_eq!(compare(&object, &live, &ownership(&object)), Difference::default());
    }

    #[test]
    fn every_change_of_what_is_wanted_is_seen(object in object(), mut seed: u64) {
        let (live, owned) = (filled(&object, &mut seed), ownership(&object));
        for (what, changed) in mutations(&object) {
            prop_assert!(!compare(&changed, &live, &owned).is_none(), "{}", what);
        }
    }

    #[test]
    fn every_change_of_what_is_there_and_ours_is_seen(object in object(), mut seed: u64) {
        for path in places(&object) {
            let at = pointer(&path);
            if object.pointer(&at).is_some_and(Value::is_object) {
                continue;
            }
            for other in [json!(true), json!(99), json!("other"), json!(["other"])] {
                let mut changed = object.clone();
                let Some(place) = changed.pointer_mut(&at).filter(|place| **place != other) else { continue };
                *place = other;
                let live = filled(&changed, &mut seed);
                prop_assert!(!compare(&object, &live, &ownership(&object)).is_none(), "{}", at);
            }
        }
    }

    #[test]
    fn every_field_that_somebody_took_is_seen(object in object(), mut seed: u64) {
        let live = filled(&object, &mut seed);
        for rest in taken(&ownership(&object)) {
            prop_assert!(!compare(&object, &live, &rest).is_none(), "{}", rest);
        }
    }

    #[test]
    fn nothing_makes_it_panic(wanted in tree(), live in tree(), owned in tree()) {
        let _ = compare(&wanted, &live, &owned);
        let of = |spec: &Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": spec, "spec": spec});
        let _ = compare(&of(&wanted), &of(&live), &json!({"f:metadata": owned, "f:spec": owned}));
    }
}

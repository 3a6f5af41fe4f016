//! Lists whose elements are found by the values of some keys.

use super::MergeError;
use super::arena::{Arena, Id, Item};
use super::walk::{Walk, kind_error};

/// The values one element is found by, one for each key.
type Values = Vec<String>;

/// Replaces the elements that have these values of these keys, or adds the
/// element if there are none; without an element, takes them out. Elements
/// that are null or empty go in any case.
pub(super) fn set_element(
    arena: &mut Arena,
    list: Id,
    element: Option<Id>,
    keys: &[&str],
    values: &[String],
) -> Result<(), MergeError> {
    let of_maps = keys.first().is_some_and(|k| !k.is_empty())
        && values.first().is_some_and(|v| !v.is_empty());
    let mut kept = Vec::new();
    let mut replaced = false;
    for &old in arena.elements(list) {
        if arena.is_null(old) || arena.is_empty_map(old) {
            continue;
        }
        if of_maps && !arena.is_map(old) {
            kept.push(old);
            continue;
        }
        if !has_values(arena, old, keys, values)? {
            if !values.is_empty() {
                kept.push(old);
            }
            continue;
        }
        replaced = true;
        kept.extend(element);
    }
    if let Some(element) = element
        && !replaced
        && !arena.is_null(element)
    {
        kept.push(element);
    }
    *arena.item_mut(list) = Item::Seq(kept);
    Ok(())
}

/// Keys beyond the values count as matched when the one before them did.
fn has_values(
    arena: &Arena,
    element: Id,
    keys: &[&str],
    values: &[String],
) -> Result<bool, MergeError> {
    if values.is_empty() {
        return Ok(false);
    }
    for (key, value) in keys.iter().zip(values) {
        let found = if key.is_empty() {
            match arena.item(element) {
                Item::Scalar(scalar) => scalar.text == *value,
                _ => return Err(kind_error(arena, element, "a scalar")),
            }
        } else if !arena.is_map(element) {
            return Err(kind_error(arena, element, "a map"));
        } else {
            has_field(arena, element, key, value)
        };
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An empty value is had by whoever has the field.
fn has_field(arena: &Arena, element: Id, key: &str, value: &str) -> bool {
    arena
        .field(element, key)
        .is_some_and(|field| value.is_empty() || arena.text(field) == value)
}

/// The first element with these values; unlike where elements are set, an
/// empty value is only had by a field that is empty.
fn find(arena: &Arena, list: Id, keys: &[&str], values: &[String]) -> Option<Id> {
    let primitive = keys.first().is_none_or(|key| key.is_empty());
    arena
        .elements(list)
        .iter()
        .copied()
        .find(|&element| match values.first() {
            Some(value) if primitive => arena.text(element) == value,
            None if primitive => arena.text(element).is_empty(),
            _ => {
                arena.is_map(element)
                    && keys.iter().zip(values).all(|(key, value)| {
                        let field = arena.field(element, key);
                        field.is_some_and(|field| arena.text(field) == value)
                    })
            }
        })
}

/// Merges two lists by keys; the patch's elements come first.
pub(super) fn merge(
    walk: &mut Walk,
    dest: Id,
    patch: Option<Id>,
    keys: &[&'static str],
    holds: Option<&'static str>,
) -> Result<Option<Id>, MergeError> {
    let lists: Vec<Id> = patch.into_iter().chain([dest]).collect();
    let scalars = [""];
    let (keys, mut wanted) = if keys.is_empty() {
        (&scalars[..], scalar_values(&walk.arena, &lists))
    } else {
        (keys, element_values(&walk.arena, &lists, keys))
    };
    if keys.len() > 1 {
        unite(&mut wanted);
    }
    let added = walk.arena.push(Item::Seq(Vec::new()), walk.arena.at(dest));
    let present = present_keys(&wanted, keys);
    for values in &wanted {
        let valid_values: Values = match &present {
            None => values.clone(),
            Some(present) => values
                .iter()
                .zip(keys)
                .filter(|(value, key)| !value.is_empty() || present.contains(*key))
                .map(|(value, _)| value.clone())
                .collect(),
        };
        let valid_keys: &[&str] = present.as_deref().unwrap_or(keys);
        let (own_keys, own_values) = own(valid_keys, &valid_values);
        let old = find(&walk.arena, dest, &own_keys, &own_values);
        let new = patch.and_then(|patch| find(&walk.arena, patch, &own_keys, &own_values));
        let merged = walk.walk(old, new, None, holds)?;
        let Some(merged) =
            merged.filter(|&id| !walk.arena.is_null(id) && !walk.arena.is_empty_map(id))
        else {
            set_element(&mut walk.arena, dest, None, valid_keys, &valid_values)?;
            continue;
        };
        for (key, value) in valid_keys.iter().zip(&valid_values) {
            if !key.is_empty() && !value.is_empty() && walk.arena.field(merged, key).is_none() {
                let value = walk.arena.scalar(value);
                walk.arena.set(merged, key, value);
            }
        }
        set_element(
            &mut walk.arena,
            added,
            Some(merged),
            valid_keys,
            &valid_values,
        )?;
    }
    if wanted.is_empty() {
        return Ok(Some(dest));
    }
    append(
        &mut walk.arena,
        added,
        dest,
        present.as_deref().unwrap_or(keys),
    )?;
    Ok(Some(added))
}

/// Adds the elements of a list to another, in the place of those of equal
/// keys.
fn append(arena: &mut Arena, to: Id, from: Id, keys: &[&str]) -> Result<(), MergeError> {
    for element in arena.elements(from).to_vec() {
        if keys.first().is_none_or(|key| key.is_empty()) {
            let text = arena.text(element).to_owned();
            set_element(arena, to, Some(element), &[""], &[text])?;
            continue;
        }
        let mut values = Values::new();
        for key in keys {
            if !arena.is_map(element) {
                return Err(kind_error(arena, element, "a map"));
            }
            match arena.field(element, key) {
                Some(value) => values.push(arena.text(value).to_owned()),
                None => {
                    if let Item::Seq(items) = arena.item_mut(to) {
                        items.push(element);
                    }
                }
            }
        }
        if keys.len() > 1 {
            set_element(arena, to, None, keys, &values)?;
        }
        set_element(arena, to, Some(element), keys, &values)?;
    }
    Ok(())
}

fn element_values(arena: &Arena, lists: &[Id], keys: &[&str]) -> Vec<Values> {
    let mut all: Vec<Values> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for &element in lists.iter().flat_map(|list| arena.elements(*list)) {
        let values: Values = keys
            .iter()
            .map(|key| {
                let field = arena.field(element, key).filter(|f| !arena.is_null(*f));
                field.map_or_else(String::new, |field| arena.text(field).to_owned())
            })
            .collect();
        if seen.insert(values.clone()) {
            all.push(values);
        }
    }
    all
}

fn scalar_values(arena: &Arena, lists: &[Id]) -> Vec<Values> {
    let mut all = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for &element in lists.iter().flat_map(|list| arena.elements(*list)) {
        let text = arena.text(element).to_owned();
        if seen.insert(text.clone()) {
            all.push(vec![text]);
        }
    }
    all
}

/// Values of which one lacks what the other has become the same.
fn unite(all: &mut [Values]) {
    for i in 0..all.len() {
        let ours = all[i].clone();
        for j in 0..all.len() {
            if let Some(united) = united(&ours, &all[j]) {
                all[i].clone_from(&united);
                all[j] = united;
            }
        }
    }
}

fn united(a: &Values, b: &Values) -> Option<Values> {
    let shares = a.iter().zip(b).any(|(a, b)| a == b);
    let agree = |(a, b): (&String, &String)| a == b || a.is_empty() || b.is_empty();
    (shares && a.iter().zip(b).all(agree)).then(|| {
        a.iter()
            .zip(b)
            .map(|(a, b)| if a.is_empty() { b.clone() } else { a.clone() })
            .collect()
    })
}

/// The keys of which some element has a value; nothing if none has any.
fn present_keys<'k>(all: &[Values], keys: &[&'k str]) -> Option<Vec<&'k str>> {
    let present: Vec<&str> = keys
        .iter()
        .enumerate()
        .filter(|(i, _)| {
            all.iter()
                .any(|values| values.get(*i).is_some_and(|v| !v.is_empty()))
        })
        .map(|(_, key)| *key)
        .collect();
    (!present.is_empty()).then_some(present)
}

/// The keys this element has a value of.
fn own<'k>(keys: &[&'k str], values: &[String]) -> (Vec<&'k str>, Values) {
    let pairs: (Vec<_>, Vec<_>) = keys
        .iter()
        .zip(values)
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (*key, value.clone()))
        .unzip();
    if pairs.0.is_empty() {
        (keys.to_vec(), values.to_vec())
    } else {
        pairs
    }
}

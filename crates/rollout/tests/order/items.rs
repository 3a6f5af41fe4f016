//! Items, and waves as text.

use rollout::object::ObjectId;
use rollout::order::{Item, Wave, parse_references};

/// An item from `group/Kind namespace/name`, with either part of each left out
/// where it is empty.
pub fn item(text: &str) -> Item {
    let (kind, name) = text.split_once(' ').unwrap();
    let (group, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
    let (namespace, name) = name.rsplit_once('/').unwrap_or(("", name));
    Item {
        id: ObjectId {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        },
        wait_for: Vec::new(),
        defines: None,
    }
}

/// An item that waits for others.
pub fn waiting(text: &str, wait_for: &str) -> Item {
    Item {
        wait_for: parse_references(wait_for).unwrap(),
        ..item(text)
    }
}

/// A definition of `group/Kind`.
pub fn definition(group: &str, kind: &str) -> Item {
    let name = format!("{}s.{group}", kind.to_lowercase());
    Item {
        defines: Some((group.to_owned(), kind.to_owned())),
        ..item(&format!(
            "apiextensions.k8s.io/CustomResourceDefinition {name}"
        ))
    }
}

/// Waves as text: members by `kind/name`, gates in brackets after them.
pub fn shown(items: &[Item], waves: &[Wave]) -> Vec<String> {
    waves
        .iter()
        .map(|wave| {
            let members = names(items, &wave.members);
            if wave.gates.is_empty() {
                members
            } else {
                format!("{members} [{}]", names(items, &wave.gates))
            }
        })
        .collect()
}

/// Items by `kind/name`.
pub fn names(items: &[Item], indices: &[usize]) -> String {
    let names: Vec<String> = indices
        .iter()
        .map(|index| {
            let id = &items[*index].id;
            format!("{}/{}", id.kind.to_lowercase(), id.name)
        })
        .collect();
    names.join(" ")
}

//! Whether an object comes twice.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::finding::{Class, Finding};
use model::object::Object;

use super::{GroupKind, PolicySettings, Stage};
use crate::place;

/// The objects seen so far, by what the API server tells them apart by: two
/// versions of a kind are one object, and one that names no namespace lands
/// in the client's own.
pub(super) struct Seen<'a> {
    settings: &'a PolicySettings,
    first: BTreeMap<(GroupKind, String, String), String>,
}

impl<'a> Seen<'a> {
    pub(super) fn new(settings: &'a PolicySettings) -> Self {
        Self {
            settings,
            first: BTreeMap::new(),
        }
    }

    pub(super) fn check(&mut self, object: &Object, out: &mut Vec<Finding>) {
        let namespace = match object.namespace() {
            "" => self.settings.namespace.as_str(),
            named => named,
        };
        let key = (
            GroupKind::from(&object.gvk()),
            namespace.to_owned(),
            object.name().to_owned(),
        );
        if key.2.is_empty() {
            return;
        }
        match self.first.entry(key) {
            Entry::Vacant(entry) => {
                let origin = &object.origin;
                entry.insert(format!("{}:{}", origin.path, origin.line));
            }
            Entry::Occupied(entry) => {
                let class = match self.settings.stage {
                    Stage::Make => Class::Policy,
                    Stage::Verify => Class::Integrity,
                };
                let mut what = format!("{} is there twice", place::name(object));
                if !object.origin.path.is_empty() {
                    what = format!("{what}; first at {}", entry.get());
                }
                let finding = Finding::error("object-duplicate", class, what)
                    .help("take one of them out, or give it another name");
                out.push(place::at(finding, object, Some(&object.node)));
            }
        }
    }
}

//! What may not be shipped, and is refused.
//!
//! One file for each question; [`check()`] asks them all, of every object and
//! of every member of a list.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::object::{Gvk, Object};

use crate::schema::Scope;
use crate::{lists, place};

mod duplicates;
mod hidden;
mod naming;
mod placement;
mod registries;
mod secrets;
mod server_fields;

pub use registries::registries;

/// A kind in an API group, whatever the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKind {
    /// The API group; empty for the core API.
    pub group: String,
    /// The kind.
    pub kind: String,
}

impl From<&Gvk> for GroupKind {
    fn from(gvk: &Gvk) -> Self {
        Self {
            group: gvk.group.clone(),
            kind: gvk.kind.clone(),
        }
    }
}

/// When objects are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before a package is made of them.
    Make,
    /// When a package is opened.
    Verify,
}

/// What a client may ship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// Whose objects they are.
    pub client: ClientName,
    /// The client's own namespace.
    pub namespace: Namespace,
    /// Other namespaces it may write to.
    pub namespaces: BTreeSet<Namespace>,
    /// Cluster-scoped kinds it may ship beside its own Namespace, and kinds
    /// without a namespace that nobody knows.
    pub cluster_kinds: BTreeSet<GroupKind>,
    /// Registries, or repositories below them (`ghcr.io/acme`), that its
    /// images may come from; any when empty.
    pub registries: Vec<String>,
    /// When.
    pub stage: Stage,
}

/// Everything about the objects that may not be shipped, in their order.
///
/// `scope` says whether a built-in kind lives in a namespace; kinds that
/// `CustomResourceDefinition`s among the objects define have the scope these
/// say. An object of a kind that nobody knows must name a namespace, or be
/// allowed among the cluster-scoped kinds.
///
/// | code | class | what |
/// |---|---|---|
/// | `object-incomplete` | Usage | no `apiVersion`, `kind` or `metadata` |
/// | `object-list` | Policy | `items` in an object whose kind is no list |
/// | `object-duplicate` | Policy; Integrity at [`Stage::Verify`] | the same object twice |
/// | `name-invalid`, `label-invalid` | Usage | not what the API server takes |
/// | `namespace-invalid` | Usage | no DNS label |
/// | `namespace-missing`, `namespace-foreign`, `namespace-reserved` | Policy | not the client's own |
/// | `cluster-scoped`, `scope-unknown` | Policy | not allowed by settings |
/// | `secret-value`, `private-key` | Policy | never shipped |
/// | `token-like` | Policy, warning | may be a credential |
/// | `server-field` | Policy | written by a cluster, not by people |
/// | `hidden-character` | Policy | text that is not what it looks like |
pub fn check(
    objects: &[Object],
    settings: &PolicySettings,
    scope: &dyn Fn(&Gvk) -> Scope,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let flat = lists::flatten(objects);
    let places = placement::Placement::new(&flat, settings, scope);
    let mut seen = duplicates::Seen::new(settings);
    places.own(&mut out);
    for object in objects {
        if lists::is_list(object) && !object.kind().ends_with("List") {
            let what = format!(
                "{}: 'items' beside kind {} makes it a list for some readers and none for others",
                place::name(object),
                object.kind()
            );
            let finding = Finding::error("object-list", Class::Policy, what);
            out.push(place::at(finding, object, object.node.get("items")));
        }
    }
    for object in &flat {
        if !naming::is_complete(object, &mut out) {
            continue;
        }
        naming::check(object, &mut out);
        places.check(object, &mut out);
        seen.check(object, &mut out);
        server_fields::check(object, &mut out);
        secrets::check(object, &mut out);
        hidden::check(object, &mut out);
    }
    out
}

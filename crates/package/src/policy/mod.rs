//! What may not be shipped, and is refused.

use std::collections::BTreeSet;

use model::finding::Finding;
use model::name::{ClientName, Namespace};
use model::object::{Gvk, Object};

use crate::images::FoundImage;
use crate::schema::Scope;

/// A kind in an API group, whatever the version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKind {
    /// The API group; empty for the core API.
    pub group: String,
    /// The kind.
    pub kind: String,
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
    /// Cluster-scoped kinds it may ship beside its own Namespace.
    pub cluster_kinds: BTreeSet<GroupKind>,
    /// Registries, or repositories below them, that its images may come from;
    /// any when empty.
    pub registries: Vec<String>,
    /// When.
    pub stage: Stage,
}

/// Everything about the objects that may not be shipped.
pub fn check(
    _objects: &[Object],
    _settings: &PolicySettings,
    _scope: &dyn Fn(&Gvk) -> Scope,
) -> Vec<Finding> {
    Vec::new()
}

/// Images from registries that are not allowed.
pub fn registries(
    _objects: &[Object],
    _images: &[FoundImage],
    _settings: &PolicySettings,
) -> Vec<Finding> {
    Vec::new()
}

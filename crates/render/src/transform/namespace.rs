//! `namespace`.

use std::collections::HashSet;

use model::yaml::{Node, Tag};

use crate::resmap::ResMap;
use crate::resource::{Resource, text};
use crate::scope;

use super::apply::apply;
use super::error::TransformError;
use super::fieldspec::{
    FieldError, FieldSpec, Leaf, scalar_of, set_entry, set_entry_if_empty, set_scalar,
};

/// Which subjects of role bindings get the namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subjects {
    /// Those named `default`, of whatever kind.
    #[default]
    DefaultOnly,
    /// Every service account.
    AllServiceAccounts,
    /// None.
    None,
}

/// Which namespaces are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// Every one.
    #[default]
    Always,
    /// Only those that are missing or empty.
    UnsetOnly,
}

/// Which namespace goes where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceEdit<'a> {
    /// The namespace.
    pub name: &'a str,
    /// What it replaces.
    pub overwrite: Overwrite,
    /// Which subjects get it.
    pub subjects: Subjects,
}

impl<'a> NamespaceEdit<'a> {
    /// What the field `namespace` of a kustomization means.
    pub fn new(name: &'a str) -> Self {
        Self {
            name,
            overwrite: Overwrite::Always,
            subjects: Subjects::DefaultOnly,
        }
    }

    fn set(&self, node: &mut Node) -> Result<(), FieldError> {
        let old = scalar_of(node)?;
        if self.overwrite == Overwrite::UnsetOnly && old.tag != Tag::Null && !old.text.is_empty() {
            return Ok(());
        }
        set_scalar(node, self.name, Tag::Str)
    }

    fn set_in(&self, map: &mut Node) -> Result<(), FieldError> {
        if let Some(value) = map.get("namespace") {
            scalar_of(value)?;
        }
        match self.overwrite {
            Overwrite::Always => set_entry(map, "namespace", self.name, Tag::Str),
            Overwrite::UnsetOnly => set_entry_if_empty(map, "namespace", self.name, Tag::Str),
        }
    }

    fn set_subject(&self, subject: &mut Node) -> Result<(), FieldError> {
        if subject.is_null() {
            return Ok(());
        }
        if subject.as_map().is_none() {
            return Err(FieldError::Wrong {
                expected: "a map",
                found: subject.describe(),
            });
        }
        let wanted = match self.subjects {
            Subjects::DefaultOnly => text(subject.get("name")) == "default",
            Subjects::AllServiceAccounts => text(subject.get("kind")) == "ServiceAccount",
            Subjects::None => false,
        };
        if wanted { self.set_in(subject) } else { Ok(()) }
    }
}

/// Moves every object that is not certainly cluster-scoped into a namespace,
/// renames the Namespace objects themselves, and sets the fields of `specs`
/// that name a namespace. Two objects that become one are an error.
pub fn move_to(
    resources: &mut ResMap,
    edit: &NamespaceEdit<'_>,
    specs: &[FieldSpec],
) -> Result<(), TransformError> {
    const METADATA: &str = "metadata/namespace";
    const NAME: &str = "metadata/name";
    const SUBJECTS: &str = "subjects/namespace";

    if edit.name.is_empty() {
        return Ok(());
    }
    let is_binding = |kind: &str| matches!(kind, "RoleBinding" | "ClusterRoleBinding");
    let specs: Vec<FieldSpec> = specs
        .iter()
        .filter(|s| s.path != METADATA && !(is_binding(&s.kind) && s.path == SUBJECTS))
        .cloned()
        .collect();
    for resource in resources.all_mut() {
        if resource.is_empty() {
            continue;
        }
        resource.remember();
        if !scope::is_cluster_scoped(&resource.gvk())
            && let Some(metadata) = resource.node_mut().get_mut("metadata")
        {
            edit.set_in(metadata)
                .map_err(|e| TransformError::field(resource, METADATA, e))?;
        }
        if is_binding(resource.kind()) {
            set_subjects(resource, edit)?;
        }
        // The name of other kinds called Namespace is their own affair.
        let core = resource.api_version() == "v1";
        let gvk = resource.gvk();
        for spec in specs.iter().filter(|s| s.fits(&gvk)) {
            if core || spec.path != NAME {
                let one = std::slice::from_ref(spec);
                apply(resource, one, Leaf::Scalar, &mut |node| edit.set(node))?;
            }
        }
    }
    collision(resources)
}

fn set_subjects(resource: &mut Resource, edit: &NamespaceEdit<'_>) -> Result<(), TransformError> {
    if edit.subjects == Subjects::None {
        return Ok(());
    }
    let Some(subjects) = resource.node_mut().get_mut("subjects") else {
        return Ok(());
    };
    if subjects.is_null() {
        return Ok(());
    }
    let found = subjects.describe();
    let done = match subjects.as_seq_mut() {
        Some(items) => items.iter_mut().try_for_each(|s| edit.set_subject(s)),
        None => Err(FieldError::Wrong {
            expected: "a list",
            found,
        }),
    };
    done.map_err(|e| TransformError::field(resource, "subjects", e))
}

fn collision(resources: &ResMap) -> Result<(), TransformError> {
    let mut seen = HashSet::new();
    for resource in resources.all().iter().filter(|r| !r.is_empty()) {
        let id = resource.id();
        if !seen.insert(id.clone()) {
            return Err(TransformError::NamespaceConflict(id));
        }
    }
    Ok(())
}

//! Patches: `patches`, `patchesStrategicMerge` and `patchesJson6902`.
//!
//! Which resources a patch is for is decided here; how it changes one, in
//! [`crate::merge`] and [`crate::json6902`].

use model::yaml::{Map, Node};

use crate::json6902::{JsonPatchError, Patch as JsonPatch};
use crate::merge::{self, MergeError, Outcome};
use crate::resmap::ResMap;
use crate::resource::{Generated, ResId, Resource};
use crate::selector::Selector;
use crate::shared;

/// What a patch may change beside the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Stays as it is.
    Kept,
    /// May become what the patch says.
    Allowed,
}

/// A strategic-merge patch.
#[derive(Debug)]
pub struct Strategic {
    /// The patch, an object itself.
    pub patch: Resource,
    /// Whether it may change the name.
    pub name: Change,
    /// Whether it may change the kind.
    pub kind: Change,
}

/// Whether an identity counts as remembered before a JSON patch: with
/// `patches` it does, with `patchesJson6902` it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Why a patch cannot be applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatchError {
    /// Nothing answers to the identity it names.
    #[error("no resource matches strategic merge patch {0}: no matches for Id {0}")]
    NoMatch(ResId),
    /// Several do.
    #[error("no resource matches strategic merge patch {0}: multiple matches for Id {0}")]
    Several(ResId),
    /// Two resources have one identity after it.
    #[error("may not add resource with an already registered id: {0}")]
    Taken(ResId),
    /// The merge failed.
    #[error("{object}: {error}")]
    Merge {
        /// The resource, for people.
        object: String,
        /// Why.
        error: MergeError,
    },
    /// The JSON patch failed.
    #[error("{object}: {error}")]
    Json {
        /// The resource, for people.
        object: String,
        /// Why.
        error: JsonPatchError,
    },
}

/// Applies a patch to the one resource it names.
pub fn by_identity(resources: &mut ResMap, patch: &Strategic) -> Result<(), PatchError> {
    let id = patch.patch.original_id();
    match resources.by_any_id(&id).as_slice() {
        [at] => {
            strategic(resources, *at, patch)?;
            resources.drop_empty(&[*at]);
            Ok(())
        }
        [] => Err(PatchError::NoMatch(id)),
        _ => Err(PatchError::Several(id)),
    }
}

/// Applies a patch to every resource a selector fits; none is no error.
pub fn by_selector(
    resources: &mut ResMap,
    patch: &Strategic,
    selector: &Selector,
) -> Result<(), PatchError> {
    let selected = resources.positions(|r| selector.fits(r));
    for at in &selected {
        strategic(resources, *at, patch)?;
    }
    resources.drop_empty(&selected);
    Ok(())
}

/// Applies a JSON patch to every resource a selector fits; none is no error.
pub fn json(
    resources: &mut ResMap,
    patch: &JsonPatch,
    selector: &Selector,
    remember: Remember,
) -> Result<(), PatchError> {
    for at in resources.positions(|r| selector.fits(r)) {
        let changed = resources.change(at, |resource| {
            let object = resource.describe();
            if remember == Remember::Yes {
                resource.remember();
            }
            if has_memory(resource) {
                give_annotations(resource.node_mut());
            }
            patch
                .apply(resource.node_mut())
                .map_err(|error| PatchError::Json { object, error })?;
            // kustomize makes a new tree of the patched JSON.
            shared::separate(resource.node_mut());
            Ok(())
        });
        changed.unwrap_or(Ok(()))?;
        check_unique(resources, at)?;
    }
    Ok(())
}

/// Whether kustomize would keep something about it in its annotations.
fn has_memory(resource: &Resource) -> bool {
    !resource.previous.is_empty()
        || !resource.prefixes.is_empty()
        || !resource.suffixes.is_empty()
        || resource.generated == Generated::Yes
}

/// What kustomize keeps there makes the map exist, so that a patch can add to
/// it.
fn give_annotations(node: &mut Node) {
    let Some(meta) = node.get_mut("metadata").and_then(Node::as_map_mut) else {
        return;
    };
    if meta.get("annotations").is_none_or(Node::is_null) {
        meta.set("annotations", Node::map());
    }
}

/// Stands for kustomize's memory in the annotations: a patch that replaces
/// them takes it away, and with it earlier names and the name suffix.
const MEMORY: &str = "internal.config.kubernetes.io/memory";

fn annotations_of(node: &mut Node) -> Option<&mut Map> {
    node.at_path_mut(&["metadata", "annotations"])?.as_map_mut()
}

fn set_memory(node: &mut Node) {
    if let Some(annotations) = annotations_of(node) {
        annotations.set(MEMORY, Node::str(""));
    }
}

/// Whether it was still there.
fn take_memory(node: &mut Node) -> bool {
    annotations_of(node).is_some_and(|annotations| annotations.remove(MEMORY).is_some())
}

fn strategic(resources: &mut ResMap, at: usize, patch: &Strategic) -> Result<(), PatchError> {
    let merged = resources.change(at, |resource| merge_into(resource, patch));
    merged.unwrap_or(Ok(()))?;
    check_unique(resources, at)
}

fn merge_into(resource: &mut Resource, patch: &Strategic) -> Result<(), PatchError> {
    let object = resource.describe();
    let name = resource.node().at_path(&["metadata", "name"]).cloned();
    let namespace = resource.namespace().to_owned();
    let kind = resource.node().get("kind").cloned();
    let mut node = patch.patch.node().clone();
    // The version of the patch is that of the resource it was found for.
    if let (Some(map), Some(version)) = (node.as_map_mut(), resource.node().get("apiVersion")) {
        map.set("apiVersion", version.clone());
    }
    if patch.name == Change::Allowed || patch.kind == Change::Allowed {
        resource.remember();
    }
    let has_memory = has_memory(resource);
    if has_memory {
        give_annotations(resource.node_mut());
        set_memory(resource.node_mut());
    }
    let outcome = merge::apply(resource.node_mut(), &node)
        .map_err(|error| PatchError::Merge { object, error })?;
    if outcome == Outcome::Deleted {
        *resource.node_mut() = Node::map();
    }
    if has_memory && !take_memory(resource.node_mut()) {
        resource.forget();
    }
    if resource.is_empty() {
        return Ok(());
    }
    if patch.kind == Change::Kept
        && let (Some(kind), Some(map)) = (kind, resource.node_mut().as_map_mut())
    {
        map.set("kind", kind);
    }
    if patch.name == Change::Kept
        && let Some(name) = name
    {
        resource.set_meta("name", name);
    }
    if resource.namespace() != namespace {
        resource.set_namespace(&namespace);
    }
    Ok(())
}

fn check_unique(resources: &mut ResMap, at: usize) -> Result<(), PatchError> {
    let Some(resource) = resources.get(at).filter(|r| !r.is_empty()) else {
        return Ok(());
    };
    let id = resource.id();
    match resources.by_current_id(&id).as_slice() {
        [_, _, ..] => Err(PatchError::Taken(id)),
        _ => Ok(()),
    }
}

//! Strategic merge, with kustomize's meaning of it (`kyaml/yaml/merge2` and
//! `walk`), which is not that of `kubectl patch`: `$setElementOrder`,
//! `$retainKeys` and `$deleteFromPrimitiveList` mean nothing, the patch's
//! elements come first, and lists of unknown kinds are replaced.

mod arena;
mod schema;

mod directive;
mod list;
mod walk;

use model::yaml::{Mark, Node};

/// What is left of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The merged object.
    Kept,
    /// Nothing: the patch deletes it.
    Deleted,
}

/// Why a patch cannot be merged; `at` is where in its text the node is that
/// does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A map where the other side has a list, and the like.
    #[error("line {}: wrong node kind: expected {expected} but got {found}", at.line)]
    WrongKind {
        /// Where, in the patch or in its target.
        at: Mark,
        /// What the other side has.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// `$patch` with a word that means nothing.
    #[error("line {}: unknown patch strategy '{text}'; use merge, replace or delete", at.line)]
    UnknownStrategy {
        /// Where.
        at: Mark,
        /// The word.
        text: String,
    },
    /// A scalar where a patch says how to merge.
    #[error("line {}: no implemented strategic merge patch strategy for '{text}'", at.line)]
    NoStrategy {
        /// Where.
        at: Mark,
        /// The scalar.
        text: String,
    },
}

/// Merges a patch into its target.
///
/// The kind that says which lists merge by keys is the target's.
///
/// ```
/// use model::yaml::{Dialect, Limits, Node, emit, parse};
/// let read = |text| parse(text, Dialect::V3, &Limits::default()).map(|n| n.unwrap_or_else(Node::null));
/// let mut service = read("{apiVersion: v1, kind: Service, spec: {ports: [{port: 80}], type: NodePort}}")?;
/// let patch = read("spec: {ports: [{port: 80, name: http}, {port: 443}], type: null}")?;
/// render::merge::apply(&mut service, &patch)?;
/// let ports = service.at_path(&["spec", "ports"]).unwrap();
/// assert_eq!(emit(ports)?, "- name: http\n  port: 80\n- port: 443\n");
/// assert!(service.at_path(&["spec", "type"]).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn apply(target: &mut Node, patch: &Node) -> Result<Outcome, MergeError> {
    let mut walk = walk::Walk {
        arena: arena::Arena::default(),
    };
    let dest = walk.arena.add(std::mem::replace(target, Node::null()));
    let patch = walk.arena.add(patch.clone());
    match walk.walk(Some(dest), Some(patch), None, None) {
        Ok(Some(merged)) => {
            *target = walk.arena.node(merged);
            Ok(Outcome::Kept)
        }
        Ok(None) => Ok(Outcome::Deleted),
        Err(error) => {
            *target = walk.arena.node(dest);
            Err(error)
        }
    }
}

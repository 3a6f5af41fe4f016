//! Strategic merge.

use model::yaml::Node;

/// What is left of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The merged object.
    Kept,
    /// Nothing: the patch deletes it.
    Deleted,
}

/// Why a patch cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Not built yet.
    #[error("strategic-merge patches are not built yet")]
    NotYet,
}

/// Merges a patch into its target.
pub fn apply(_target: &mut Node, _patch: &Node) -> Result<Outcome, MergeError> {
    Err(MergeError::NotYet)
}

//! JSON patches (RFC 6902).

use model::yaml::{Limits, Node};

/// Why a JSON patch cannot be read or applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonPatchError {
    /// Not built yet.
    #[error("JSON patches are not built yet")]
    NotYet,
}

/// A JSON patch.
#[derive(Debug, Clone)]
pub struct Patch;

impl Patch {
    /// Reads one.
    pub fn parse(_text: &str, _limits: &Limits) -> Result<Self, JsonPatchError> {
        Err(JsonPatchError::NotYet)
    }

    /// Applies it.
    pub fn apply(&self, _target: &mut Node) -> Result<(), JsonPatchError> {
        Err(JsonPatchError::NotYet)
    }
}

//! Whether a package fits into the quotas of its namespace.

use model::finding::Finding;
use serde_json::Value;

use crate::desired::Wanted;
use crate::draft::Draft;
use crate::live::Live;

/// What the package would exceed.
pub fn exceeded(
    _quotas: &[Value],
    _wanted: &Wanted,
    _drafts: &[Draft],
    _live: &Live,
) -> Vec<Finding> {
    Vec::new()
}

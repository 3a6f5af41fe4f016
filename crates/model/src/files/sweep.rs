//! What processes that are gone have left behind.

use super::error::FileError;
use super::root::Root;

/// Removes from a directory the `.tmp-*` leftovers of processes that are gone,
/// and answers their names. One whose owner is alive is locked by it and stays.
pub fn sweep(root: &Root) -> Result<Vec<String>, FileError> {
    let _ = root;
    todo!()
}

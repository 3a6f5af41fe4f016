//! Single files, written whole or not at all.

use super::error::FileError;
use super::root::Root;
use crate::path::RelPath;

impl Root {
    /// Writes a file that does not exist yet, whole and durable or not at all.
    /// The directories above it must exist.
    pub fn create(&self, path: &RelPath, bytes: &[u8]) -> Result<(), FileError> {
        let _ = (path, bytes);
        todo!()
    }

    /// Writes a file, whole and durable or not at all; an older one of that name
    /// is replaced and its mode kept. Anything but a regular file is not
    /// replaced.
    pub fn replace(&self, path: &RelPath, bytes: &[u8]) -> Result<(), FileError> {
        let _ = (path, bytes);
        todo!()
    }

    /// Makes a directory and those above it; existing ones are fine.
    pub fn make_dirs(&self, path: &RelPath) -> Result<(), FileError> {
        let _ = path;
        todo!()
    }
}

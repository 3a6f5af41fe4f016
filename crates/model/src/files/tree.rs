//! A package directory, every byte of it read once.

use std::sync::Arc;

use super::FILE_BYTES_MAX;
use super::error::{FileError, Kind};
use super::root::Root;

/// How much of a directory is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Names, at every depth together.
    pub entries: usize,
    /// Levels of directories.
    pub depth: usize,
}

impl Default for TreeLimits {
    /// 64 MiB a file; 10,000 names and 32 levels, where a package has seven
    /// names and two levels, so that what does not belong there can be listed.
    fn default() -> Self {
        Self {
            file_bytes: FILE_BYTES_MAX,
            entries: 10_000,
            depth: 32,
        }
    }
}

/// What is known of the bytes behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of them, read once.
    Bytes(Arc<[u8]>),
    /// They were not wanted, or it is not a regular file.
    Unread,
    /// They could not be read, or are too many; a directory that could not be
    /// listed.
    Failed(FileError),
}

/// One name in a directory tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The path from the tree's top, components joined by `/`. If it is not
    /// UTF-8, escaped.
    pub path: String,
    /// Whether `path` is the name as it is, or an escaped one.
    pub exact: bool,
    /// What it names; links are not followed.
    pub kind: Kind,
    /// The permission bits, set-user-id, set-group-id and sticky among them
    /// (`0o7777`).
    pub mode: u32,
    /// How many names the file has.
    pub links: u64,
    /// Its size in bytes, as stated when it was opened.
    pub size: u64,
    /// Its bytes.
    pub content: Content,
}

impl TreeEntry {
    /// The bytes, if they were read.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(b) => Some(b),
            _ => None,
        }
    }
}

/// A directory tree, held in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTree {
    /// The directory's own name.
    pub name: String,
    entries: Vec<TreeEntry>,
    cut: Option<FileError>,
}

impl FileTree {
    /// A tree made of entries that are already in memory.
    pub fn new(name: impl Into<String>, mut entries: Vec<TreeEntry>) -> Self {
        entries.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
        Self {
            name: name.into(),
            entries,
            cut: None,
        }
    }

    /// The entry of that exact path.
    pub fn get(&self, path: &str) -> Option<&TreeEntry> {
        let at = self
            .entries
            .binary_search_by(|e| e.path.as_bytes().cmp(path.as_bytes()))
            .ok()?;
        self.entries.get(at).filter(|e| e.exact)
    }

    /// Every entry below the top, in the order of the paths' bytes.
    pub fn iter(&self) -> impl Iterator<Item = &TreeEntry> {
        self.entries.iter()
    }

    /// Why not everything was listed, if so: there are more names or levels
    /// than the limits allow.
    pub fn cut(&self) -> Option<&FileError> {
        self.cut.as_ref()
    }
}

/// Reads a directory: every name is listed; the bytes of those regular files
/// are read that `wanted` says yes to.
///
/// An error means that the directory itself could not be listed; whatever is
/// wrong further down is kept in the entry it is about.
pub fn read_tree(
    root: &Root,
    limits: &TreeLimits,
    wanted: impl Fn(&str) -> bool,
) -> Result<FileTree, FileError> {
    let _ = (limits, wanted("x"));
    root.list(&crate::path::RelPath::root())?;
    todo!()
}

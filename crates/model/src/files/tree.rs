//! A package directory, every byte of it read once.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use super::FILE_BYTES_MAX;
use super::beneath::{self, kind_of, retry};
use super::error::{FileCause, FileError, Kind, Step};
use super::root::{Root, read_open};
use crate::path::RelPath;
use crate::text::escape_bytes;

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
    Bytes(Arc<Vec<u8>>),
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
    fn describe(&mut self, stat: &Stat) {
        self.kind = kind_of(FileType::from_raw_mode(stat.st_mode));
        self.mode = permissions(stat);
        self.links = stat.st_nlink;
        self.size = u64::try_from(stat.st_size).unwrap_or(0);
    }

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
    /// The directory's own permission bits (`0o7777`).
    pub mode: u32,
    entries: Vec<TreeEntry>,
    cut: Option<FileError>,
}

impl FileTree {
    /// A tree made of entries that are already in memory.
    pub fn new(name: impl Into<String>, mut entries: Vec<TreeEntry>) -> Self {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path).then(b.exact.cmp(&a.exact)));
        Self {
            name: name.into(),
            mode: 0o755,
            entries,
            cut: None,
        }
    }

    /// The entry of that exact path.
    pub fn get(&self, path: &str) -> Option<&TreeEntry> {
        let at = self.entries.partition_point(|e| e.path.as_str() < path);
        self.entries.get(at).filter(|e| e.exact && e.path == path)
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
    let fd = root.open_at(&RelPath::root(), OFlags::RDONLY | OFlags::DIRECTORY)?;
    let fail = |e| FileError::io(root.path().display(), Step::List, e);
    let mut reading = Reading {
        limits,
        wanted: &wanted,
        entries: Vec::new(),
        cut: None,
    };
    reading.directory(&fd, "", true, 1).map_err(fail)?;
    let mut tree = FileTree::new(root.name().to_string(), reading.entries);
    tree.mode = permissions(&fstat(&fd).map_err(fail)?);
    tree.cut = reading.cut;
    Ok(tree)
}

fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

struct Reading<'a> {
    limits: &'a TreeLimits,
    wanted: &'a dyn Fn(&str) -> bool,
    entries: Vec<TreeEntry>,
    cut: Option<FileError>,
}

impl Reading<'_> {
    /// Everything in a directory; `above` is its path, empty or ending in `/`.
    fn directory(
        &mut self,
        fd: &OwnedFd,
        above: &str,
        exact: bool,
        depth: usize,
    ) -> Result<(), Errno> {
        let left = self.limits.entries - self.entries.len();
        let Some(names) = beneath::names(fd.as_fd(), left)? else {
            let (what, max) = ("names in the directory tree", self.limits.entries as u64);
            self.cut = Some(FileError::new(
                above.trim_end_matches('/'),
                FileCause::Many { what, max },
            ));
            return Ok(());
        };
        let first = self.entries.len();
        for listed in &names {
            let text = std::str::from_utf8(&listed.name);
            let path = match text {
                Ok(name) => format!("{above}{name}"),
                Err(_) => format!("{above}{}", escape_bytes(&listed.name)),
            };
            self.entries.push(TreeEntry {
                path,
                exact: exact && text.is_ok(),
                kind: listed.kind,
                mode: 0,
                links: 0,
                size: 0,
                content: Content::Unread,
            });
        }
        for (at, listed) in (first..).zip(&names) {
            if let Err(e) = self.entry(fd, &listed.name, at, depth) {
                self.entries[at].content = Content::Failed(e);
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &OwnedFd,
        name: &[u8],
        at: usize,
        depth: usize,
    ) -> Result<(), FileError> {
        let entry = &mut self.entries[at];
        let open = match entry.kind {
            Kind::Directory => Some(OFlags::DIRECTORY),
            Kind::File if entry.exact && (self.wanted)(&entry.path) => {
                Some(OFlags::NONBLOCK | OFlags::NOCTTY)
            }
            _ => None,
        };
        let path = entry.path.clone();
        let at_path = path.as_str();
        let fail = |step| move |e| FileError::io(at_path, step, e);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let tried = open.map(|more| retry(|| openat(dir, name, flags | more, Mode::empty())));
        let fd = match &tried {
            Some(Ok(fd)) => Some(fd),
            // A socket, a device, or swapped for another thing since it was listed.
            Some(Err(Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::NODEV)) | None => None,
            Some(Err(errno)) => {
                if let Ok(stat) = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                    entry.describe(&stat);
                }
                return Err(fail(Step::Open)(*errno));
            }
        };
        let stat = match fd {
            Some(fd) => fstat(fd),
            None => statat(dir, name, AtFlags::SYMLINK_NOFOLLOW),
        };
        entry.describe(&stat.map_err(fail(Step::Stat))?);
        match (fd, entry.kind) {
            (Some(fd), Kind::File) => {
                let bytes = read_open(fd, entry.size, self.limits.file_bytes)
                    .map_err(|cause| FileError::new(&path, cause))?;
                entry.content = Content::Bytes(Arc::new(bytes));
            }
            (Some(_), Kind::Directory) if depth >= self.limits.depth => {
                let (what, max) = ("levels of directories", self.limits.depth as u64);
                self.cut = Some(FileError::new(&path, FileCause::Many { what, max }));
            }
            (Some(fd), Kind::Directory) => {
                let exact = entry.exact;
                self.directory(fd, &format!("{path}/"), exact, depth + 1)
                    .map_err(fail(Step::List))?;
            }
            // Swapped for what it was not, twice: what it holds is not known.
            (None, Kind::File | Kind::Directory) if open.is_some() => {
                return Err(fail(Step::Open)(Errno::STALE));
            }
            _ => {}
        }
        Ok(())
    }
}

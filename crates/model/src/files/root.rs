//! A directory held by its descriptor.

use std::ffi::OsStr;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::SYMLINKS_MAX;
use super::beneath::{self, kind_of, retry};
use super::error::{FileCause, FileError, Kind, Step};
use crate::path::RelPath;
use crate::text::escape_bytes;

/// Told each symbolic link and its text before it is followed; may stop the walk.
pub(super) type NoteLink<'a> = &'a mut dyn FnMut(&RelPath, &[u8]) -> Result<(), FileError>;

/// How many bytes more than a file's stated size are asked for, so that its end
/// is seen by one further read.
const READ_AHEAD: u64 = 1;

/// The least buffer for files that state no size (`/proc`, some FUSE).
const READ_STEP: usize = 8 << 10;

/// A directory, held by its descriptor: every path given to it stays beneath
/// it, whatever is renamed or linked meanwhile.
///
/// The path it was opened by may itself be or hold symbolic links; they are
/// followed once, when it is opened.
///
/// ```
/// use model::files::{Kind, Root};
/// # let dir = tempfile::tempdir().unwrap();
/// # let dir = dir.path();
/// std::fs::write(dir.join("a.txt"), "hello").unwrap();
/// let root = Root::open(dir).unwrap();
/// let path = "a.txt".parse().unwrap();
/// assert_eq!(root.read(&path, 100).unwrap(), b"hello");
/// assert_eq!(root.kind(&path).unwrap(), Some(Kind::File));
/// assert!(root.read(&path, 4).is_err());
/// ```
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
}

/// A name in a directory, as the file system has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(Vec<u8>);

impl EntryName {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The name, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Shown with everything that is not plain text escaped.
impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape_bytes(&self.0))
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", escape_bytes(&self.0))
    }
}

/// One name in a directory and what it names; a link is not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name.
    pub name: EntryName,
    /// What it names.
    pub kind: Kind,
}

impl Root {
    /// Opens a directory.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = retry(|| openat(rustix::fs::CWD, path, flags, Mode::empty()))
            .map_err(|e| FileError::io(path.display(), Step::Open, e))?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Opens a directory beneath this one; no symbolic link is followed.
    pub fn sub(&self, path: &RelPath) -> Result<Self, FileError> {
        let fd = self.open_at(path, OFlags::PATH | OFlags::DIRECTORY)?;
        let full = if path.is_root() {
            self.path.clone()
        } else {
            self.path.join(path.as_str())
        };
        Ok(Self { fd, path: full })
    }

    /// The path it was opened by, for messages only.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory's own name: the last component of the path it was opened
    /// by, of the canonical path if that is `.` or ends in `..`.
    pub fn name(&self) -> EntryName {
        let name = self.path.file_name().map(OsStr::to_owned).or_else(|| {
            let real = std::fs::canonicalize(&self.path).ok()?;
            real.file_name().map(OsStr::to_owned)
        });
        EntryName::new(name.unwrap_or_default().as_bytes())
    }

    /// The path without symbolic links by which it is reached now: what tells
    /// one root from another.
    pub fn real_path(&self) -> Result<PathBuf, FileError> {
        let proc = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        let real = std::fs::read_link(proc).or_else(|_| std::fs::canonicalize(&self.path));
        real.map_err(|e| {
            let errno = Errno::from_io_error(&e).unwrap_or(Errno::IO);
            FileError::io(self.path.display(), Step::Open, errno)
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// How `path` is shown.
    pub(super) fn shown(&self, path: &RelPath) -> String {
        if path.is_root() {
            self.path.display().to_string()
        } else {
            path.as_str().to_owned()
        }
    }

    pub(super) fn open_at(&self, path: &RelPath, flags: OFlags) -> Result<OwnedFd, FileError> {
        beneath::open(self.fd(), path.as_str(), flags)
            .map_err(|e| FileError::io(self.shown(path), Step::Open, e))
    }

    /// The bytes of a regular file of at most `max` bytes.
    ///
    /// No symbolic link is followed and nothing but a regular file is read: a
    /// named pipe is refused without waiting for a writer. The size is looked
    /// at before a byte is read.
    pub fn read(&self, path: &RelPath, max: u64) -> Result<Vec<u8>, FileError> {
        let fd = self.open_file(path)?;
        let stat = self.stat_of(&fd, path)?;
        self.read_open(&fd, &stat, path, max)
    }

    /// Opens for reading without waiting; what it is, is still to be asked.
    pub(super) fn open_file(&self, path: &RelPath) -> Result<OwnedFd, FileError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        beneath::open(self.fd(), path.as_str(), flags).map_err(|errno| {
            // A socket cannot be opened at all, nor a device without a driver.
            if matches!(errno, Errno::NXIO | Errno::NODEV)
                && let Ok(Some(kind)) = self.kind(path)
            {
                return FileError::new(self.shown(path), FileCause::NotFile(kind));
            }
            FileError::io(self.shown(path), Step::Open, errno)
        })
    }

    pub(super) fn stat_of(&self, fd: &OwnedFd, path: &RelPath) -> Result<Stat, FileError> {
        fstat(fd).map_err(|e| FileError::io(self.shown(path), Step::Stat, e))
    }

    /// Reads what is open, once, to its end.
    pub(super) fn read_open(
        &self,
        fd: &OwnedFd,
        stat: &Stat,
        path: &RelPath,
        max: u64,
    ) -> Result<Vec<u8>, FileError> {
        let kind = kind_of(FileType::from_raw_mode(stat.st_mode));
        if kind != Kind::File {
            return Err(FileError::new(self.shown(path), FileCause::NotFile(kind)));
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        read_open(fd, size, max).map_err(|cause| FileError::new(self.shown(path), cause))
    }

    /// What a path names; `None` if nothing. A link at its end is a link; one
    /// before its end is an error.
    pub fn kind(&self, path: &RelPath) -> Result<Option<Kind>, FileError> {
        match self.look(path) {
            Ok((_, stat)) => Ok(Some(kind_of(FileType::from_raw_mode(stat.st_mode)))),
            Err(e) if matches!(e.cause(), FileCause::Missing | FileCause::NotDirectory) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn look(&self, path: &RelPath) -> Result<(OwnedFd, Stat), FileError> {
        let fd = self.open_at(path, OFlags::PATH)?;
        let stat = self.stat_of(&fd, path)?;
        Ok((fd, stat))
    }

    /// The names in a directory, sorted by their bytes.
    pub fn list(&self, path: &RelPath) -> Result<Vec<Entry>, FileError> {
        self.list_most(path, usize::MAX)
    }

    /// As [`Root::list`], but refuses once there are more than `max` names.
    pub(super) fn list_most(&self, path: &RelPath, max: usize) -> Result<Vec<Entry>, FileError> {
        let fd = self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let names = beneath::names(fd.as_fd(), max)
            .map_err(|e| FileError::io(self.shown(path), Step::List, e))?
            .ok_or_else(|| {
                let what = "names in a directory";
                let max = max as u64;
                FileError::new(self.shown(path), FileCause::Many { what, max })
            })?;
        let mut out: Vec<Entry> = names
            .into_iter()
            .map(|n| Entry {
                name: EntryName(n.name),
                kind: n.kind,
            })
            .collect();
        out.sort_unstable();
        Ok(out)
    }

    /// The path with every symbolic link in it followed. Each link must stay
    /// beneath the root; an absolute one does not, wherever it leads.
    ///
    /// The path need not name anything in the end, but all above it must exist.
    pub fn resolve(&self, path: &RelPath) -> Result<RelPath, FileError> {
        self.resolve_noting(path, &mut |_, _| Ok(()))
    }

    /// As [`Root::resolve`]; `note` is told each link and its text before it is
    /// followed, and may stop the walk.
    pub(super) fn resolve_noting(
        &self,
        path: &RelPath,
        note: NoteLink<'_>,
    ) -> Result<RelPath, FileError> {
        let outside = |real: String| FileError::new(self.shown(path), FileCause::Outside { real });
        let mut todo: Vec<String> = path.components().rev().map(str::to_owned).collect();
        let mut here = RelPath::root();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                here = here.parent().ok_or_else(|| {
                    let above = self.path.parent().unwrap_or("..".as_ref());
                    let rest: Vec<&str> = todo.iter().rev().map(String::as_str).collect();
                    outside(above.join(rest.join("/")).display().to_string())
                })?;
                continue;
            }
            let next = here
                .join(&name)
                .map_err(|e| outside(format!("{here}/{name} ({e})")))?;
            let (fd, stat) = match self.look(&next) {
                Ok(found) => found,
                Err(e) if e.is_missing() && todo.is_empty() => return Ok(next),
                Err(e) => return Err(FileError::new(self.shown(path), e.cause().clone())),
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                here = next;
                continue;
            }
            links += 1;
            if links > SYMLINKS_MAX {
                return Err(FileError::new(self.shown(path), FileCause::Loop));
            }
            let text = readlinkat(&fd, "", Vec::new())
                .map_err(|e| FileError::io(self.shown(&next), Step::Read, e))?;
            note(&next, text.to_bytes())?;
            let Ok(target) = std::str::from_utf8(text.to_bytes()) else {
                return Err(outside(escape_bytes(text.to_bytes())));
            };
            if target.starts_with('/') {
                return Err(outside(target.to_owned()));
            }
            todo.extend(
                target
                    .rsplit('/')
                    .filter(|c| !matches!(*c, "" | "."))
                    .map(str::to_owned),
            );
        }
        Ok(here)
    }
}

/// Reads an open regular file, once, to its end: at most `max` bytes, of which
/// `size` are expected.
pub(super) fn read_open(fd: &OwnedFd, size: u64, max: u64) -> Result<Vec<u8>, FileCause> {
    if size > max {
        return Err(FileCause::Large { size, max });
    }
    // One byte over the limit is asked for, so that a file that grew is noticed.
    let most = usize::try_from(max.saturating_add(READ_AHEAD)).unwrap_or(usize::MAX);
    let first = usize::try_from(size.saturating_add(READ_AHEAD)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; first.min(most)];
    let mut len = 0;
    loop {
        if len == bytes.len() {
            if len == most {
                let size = len as u64;
                return Err(FileCause::Large { size, max });
            }
            let more = len.saturating_mul(2).max(READ_STEP).min(most);
            bytes.resize(more, 0);
        }
        let step = Step::Read;
        let n = retry(|| rustix::io::read(fd, &mut bytes[len..]))
            .map_err(|errno| FileCause::Io { step, errno })?;
        if n == 0 {
            bytes.truncate(len);
            return Ok(bytes);
        }
        len += n;
    }
}

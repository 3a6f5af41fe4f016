//! What can go wrong at the door to the disk.

use std::fmt;

use rustix::io::Errno;

use crate::finding::{Class, Finding};

/// What kind of thing a name in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// Something this system has no word for.
    Unknown,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
            Self::BlockDevice => "a block device",
            Self::CharacterDevice => "a character device",
            Self::Unknown => "of an unknown kind",
        })
    }
}

/// What was being done when the operating system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Opening.
    Open,
    /// Reading a file's bytes.
    Read,
    /// Reading a directory's names.
    List,
    /// Asking for kind, mode and size.
    Stat,
    /// Making a file or a directory.
    Create,
    /// Writing bytes.
    Write,
    /// Setting the mode.
    Mode,
    /// Flushing to stable storage.
    Sync,
    /// Renaming into place.
    Rename,
    /// Removing.
    Remove,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::List => "list",
            Self::Stat => "look at",
            Self::Create => "create",
            Self::Write => "write",
            Self::Mode => "set the mode of",
            Self::Sync => "flush to disk",
            Self::Rename => "move into place",
            Self::Remove => "remove",
        })
    }
}

/// Why a file could not be read, listed or written.
///
/// Paths are relative to the root, as text; the root itself is shown by the
/// path it was opened by. They may hold untrusted characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", .0.path, .0.cause)]
pub struct FileError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    path: String,
    cause: FileCause,
}

/// The reason inside a [`FileError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileCause {
    /// There is nothing of that name.
    #[error("no such file or directory")]
    Missing,
    /// There is something of that name already.
    #[error("it exists already")]
    Exists,
    /// It is not a regular file.
    #[error("not a regular file: it is {0}")]
    NotFile(Kind),
    /// It, or something above it, is not a directory.
    #[error("not a directory")]
    NotDirectory,
    /// A symbolic link where none is followed.
    #[error("a symbolic link is not followed here")]
    Symlink,
    /// More symbolic links than [`SYMLINKS_MAX`](super::SYMLINKS_MAX) were met
    /// on the way.
    #[error("too many symbolic links on the way (limit {})", super::SYMLINKS_MAX)]
    Loop,
    /// It lies outside what may be read.
    #[error("outside what this client may read: it leads to {real}")]
    Outside {
        /// Where it leads.
        real: String,
    },
    /// It is one of several hard links, and not all of them lie inside what may
    /// be read.
    #[error(
        "outside what this client may read: it is a hard link, also known as {}",
        other.as_deref().unwrap_or("a name outside the root")
    )]
    HardLink {
        /// A name of the same file outside the area, if it lies under the root.
        other: Option<String>,
    },
    /// It is larger than allowed.
    #[error("limit: it has {size} bytes, at most {max} are read")]
    Large {
        /// Its size in bytes.
        size: u64,
        /// What is allowed.
        max: u64,
    },
    /// There are more bytes, files or names than one build, tree or directory may have.
    #[error("limit: more than {max} {what}")]
    Many {
        /// What was counted.
        what: &'static str,
        /// What is allowed.
        max: u64,
    },
    /// The operating system refused.
    #[error("cannot {step} it: {errno}")]
    Io {
        /// What was being done.
        step: Step,
        /// What it answered.
        errno: Errno,
    },
}

impl FileError {
    /// An error about `path`.
    pub fn new(path: impl Into<String>, cause: FileCause) -> Self {
        Self(Box::new(Inner {
            path: path.into(),
            cause,
        }))
    }

    pub(super) fn io(path: impl fmt::Display, step: Step, errno: Errno) -> Self {
        let cause = match errno {
            Errno::NOENT => FileCause::Missing,
            Errno::NOTDIR => FileCause::NotDirectory,
            Errno::LOOP | Errno::XDEV => FileCause::Symlink,
            Errno::EXIST => FileCause::Exists,
            errno => FileCause::Io { step, errno },
        };
        Self::new(path.to_string(), cause)
    }

    /// The file that was asked for.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Why.
    pub fn cause(&self) -> &FileCause {
        &self.0.cause
    }

    /// Whether there was just nothing of that name.
    pub fn is_missing(&self) -> bool {
        matches!(self.0.cause, FileCause::Missing)
    }

    /// A stable name for machines, and the class that decides the exit code.
    pub fn class(&self) -> (&'static str, Class) {
        match self.0.cause {
            FileCause::Missing => ("file-missing", Class::Usage),
            FileCause::Exists => ("file-exists", Class::Conflict),
            FileCause::NotFile(_) | FileCause::NotDirectory => ("file-kind", Class::Usage),
            FileCause::Symlink | FileCause::Loop => ("file-symlink", Class::Usage),
            FileCause::Outside { .. } | FileCause::HardLink { .. } => {
                ("file-outside", Class::Policy)
            }
            FileCause::Large { .. } | FileCause::Many { .. } => ("file-limit", Class::Usage),
            FileCause::Io { .. } => ("file-io", Class::Io),
        }
    }
}

impl From<FileError> for Finding {
    fn from(e: FileError) -> Self {
        let (code, class) = e.class();
        let finding = Self::error(code, class, e.cause().to_string()).in_file(e.path());
        match e.cause() {
            FileCause::HardLink { .. } => {
                finding.help("replace the link by a copy of the file, in or beside the client's directory")
            }
            FileCause::Outside { .. } => finding.help(
                "a client may read its own directory and shared parts under the root, not other clients",
            ),
            _ => finding,
        }
    }
}

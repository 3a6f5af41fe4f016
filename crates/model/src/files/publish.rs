//! A package directory appears whole or not at all.

use super::Errno;
use super::error::Step;
use super::root::Root;
use crate::finding::{Class, Finding};

/// What a published file may do; packages are never written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// `0444`.
    Plain,
    /// `0555`.
    Executable,
}

impl FileMode {
    /// The permission bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o444,
            Self::Executable => 0o555,
        }
    }
}

/// One file to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishFile<'a> {
    /// Its path below the package directory: names of `[A-Za-z0-9._-]` joined by `/`.
    pub path: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its mode, exactly, whatever the umask is.
    pub mode: FileMode,
}

/// Why a package was not published, or not known to be durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is something of that name, be it an empty directory, a file or a
    /// dangling link. It was not touched.
    #[error("{name} already exists")]
    AlreadyExists {
        /// The package's name.
        name: String,
    },
    /// A name of a package or a file that not every file system can keep apart
    /// from another, or keep at all.
    #[error("{name}: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system refused; nothing was published.
    #[error("cannot {step} {path}: {errno}")]
    Io {
        /// The file, as it would have been named.
        path: String,
        /// What was being done.
        step: Step,
        /// What it answered.
        errno: Errno,
    },
    /// The package is there, whole, and may be read by others already, but the
    /// directory that holds it could not be flushed: a power cut now may lose it.
    #[error("{name} is published but its durability is not confirmed ({errno}); run verify")]
    DurabilityUnknown {
        /// The package's name.
        name: String,
        /// What the flush answered.
        errno: Errno,
    },
}

impl From<PublishError> for Finding {
    fn from(e: PublishError) -> Self {
        let text = e.to_string();
        match e {
            PublishError::AlreadyExists { .. } => {
                Self::error("package-exists", Class::Conflict, text)
                    .help("packages are never overwritten: choose another version")
            }
            PublishError::Name { .. } => Self::error("package-name", Class::Usage, text),
            PublishError::Io { .. } => Self::error("package-io", Class::Io, text)
                .help("nothing was published; free space or repair the disk, then run it again"),
            PublishError::DurabilityUnknown { name, .. } => {
                Self::error("package-durability", Class::Io, text)
                    .help(format!("run sync, then consign verify {name}"))
            }
        }
    }
}

/// Makes the directory `name` with these files appear below `root`, whole and
/// durable, or not at all.
///
/// The files are written to `.tmp-<name>-<pid>-<random>` beside it, flushed,
/// and the directory is renamed without replacing anything. What processes
/// that are gone have left behind is swept first ([`sweep`](super::sweep)).
/// Source of the rule: package format 1, publishing.
pub fn publish(root: &Root, name: &str, files: &[PublishFile<'_>]) -> Result<(), PublishError> {
    let _ = (root, name, files);
    todo!()
}

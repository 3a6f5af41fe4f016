//! A package directory appears whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{Advice, Mode, OFlags, fadvise, fchmod, fsync, mkdirat, openat};
use rustix::io::Errno;

use super::beneath::{self, Listed, retry};
use super::error::Step;
use super::place::{rename_new, sync_directory, write_all};
use super::root::Root;
use super::sweep::{self, Make, remove_directory, sweep_names};
use crate::finding::{Class, Finding};
use crate::text::escape_bytes;

/// The mode of published directories: whoever may read the parent may read a
/// package. Source: package format 1.
const DIRECTORY_MODE: u32 = 0o755;

/// The longest name that file systems keep.
const NAME_MAX: usize = 255;

const NOT_PORTABLE: &str =
    "a name has 1 to 255 of A-Z, a-z, 0-9, '.', '_' and '-', and does not begin with '.'";

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
    check_names(name, files)?;
    let (fd, names) = list(root).map_err(|(step, errno)| PublishError::Io {
        path: root.path().display().to_string(),
        step,
        errno,
    })?;
    let parent = fd.as_fd();
    sweep_names(parent, &names);
    if let Some(same) = names.iter().find_map(|n| clash(name, &n.name)) {
        return Err(same);
    }
    let temp = Temp::make(parent, name)?;
    temp.fill(name, files)?;
    match rename_new(parent, &temp.name, name) {
        Ok(()) => temp.publish(),
        Err(Errno::EXIST) => {
            let name = name.to_owned();
            return Err(PublishError::AlreadyExists { name });
        }
        Err(errno) => return Err(failed(name, "", Step::Rename)(errno)),
    }
    sync_directory(parent).map_err(|errno| PublishError::DurabilityUnknown {
        name: name.to_owned(),
        errno,
    })
}

fn list(root: &Root) -> Result<(OwnedFd, Vec<Listed>), (Step, Errno)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let fd = beneath::open(root.fd(), "", flags).map_err(|e| (Step::Open, e))?;
    let names = beneath::names(fd.as_fd(), usize::MAX).map_err(|e| (Step::List, e))?;
    Ok((fd, names.unwrap_or_default()))
}

/// A name that is there, or that some file system cannot tell from one that is.
fn clash(name: &str, there: &[u8]) -> Option<PublishError> {
    if there == name.as_bytes() {
        let name = name.to_owned();
        return Some(PublishError::AlreadyExists { name });
    }
    there
        .eq_ignore_ascii_case(name.as_bytes())
        .then(|| PublishError::Name {
            name: name.to_owned(),
            why: format!(
                "{} is there already, and differs only in upper and lower case",
                escape_bytes(there)
            ),
        })
}

fn check_names(name: &str, files: &[PublishFile<'_>]) -> Result<(), PublishError> {
    let refuse = |name: &str, why: &str| PublishError::Name {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    if !is_portable(name) {
        return Err(refuse(name, NOT_PORTABLE));
    }
    let mut seen = BTreeSet::new();
    for file in files {
        if !file.path.split('/').all(is_portable) {
            return Err(refuse(file.path, NOT_PORTABLE));
        }
        if !seen.insert(file.path.to_ascii_lowercase()) {
            return Err(refuse(
                file.path,
                "two files have this name, in upper or lower case",
            ));
        }
    }
    Ok(())
}

/// Whether every file system keeps this name apart and as it is.
fn is_portable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_MAX
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn failed(name: &str, path: &str, step: Step) -> impl FnOnce(Errno) -> PublishError {
    let path = match path {
        "" => name.to_owned(),
        path => format!("{name}/{path}"),
    };
    move |errno| PublishError::Io { path, step, errno }
}

/// The directory being filled; removed unless it was published.
struct Temp<'a> {
    parent: BorrowedFd<'a>,
    name: String,
    /// Holds the lock.
    fd: OwnedFd,
    published: bool,
}

impl<'a> Temp<'a> {
    fn make(parent: BorrowedFd<'a>, name: &str) -> Result<Self, PublishError> {
        let (temp, fd) = sweep::make(parent, name, Make::Directory)
            .map_err(|(step, errno)| failed(name, "", step)(errno))?;
        Ok(Self {
            parent,
            name: temp,
            fd,
            published: false,
        })
    }

    /// Writes everything, then flushes everything. The disk is set to work while
    /// files are still being written, and the first flush of a journalling file
    /// system takes most of the others along: a third of the time of flushing
    /// each file after it was written.
    fn fill(&self, name: &str, files: &[PublishFile<'_>]) -> Result<(), PublishError> {
        let mut directories: BTreeMap<&str, OwnedFd> = BTreeMap::new();
        let mut written = Vec::with_capacity(files.len());
        for file in files {
            let (dir, base) = file.path.rsplit_once('/').unwrap_or(("", file.path));
            self.directory(name, dir, &mut directories)?;
            let dir = directories.get(dir).unwrap_or(&self.fd);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let fd = retry(|| openat(dir, base, flags, Mode::RUSR | Mode::WUSR))
                .map_err(failed(name, file.path, Step::Create))?;
            write_all(&fd, file.bytes).map_err(failed(name, file.path, Step::Write))?;
            retry(|| fchmod(&fd, Mode::from_raw_mode(file.mode.bits()))).map_err(failed(
                name,
                file.path,
                Step::Mode,
            ))?;
            // A hint that writing may begin; the flush below is what counts.
            let _ = fadvise(&fd, 0, None, Advice::DontNeed);
            written.push((file.path, fd));
        }
        for (path, fd) in &written {
            retry(|| fsync(fd)).map_err(failed(name, path, Step::Sync))?;
        }
        // The deepest first, the temporary directory itself last.
        for (path, fd) in directories.iter().rev() {
            sync_directory(fd.as_fd()).map_err(failed(name, path, Step::Sync))?;
        }
        set_directory_mode(&self.fd).map_err(failed(name, "", Step::Mode))?;
        sync_directory(self.fd.as_fd()).map_err(failed(name, "", Step::Sync))
    }

    /// Makes a directory below and those above it, unless they are made.
    fn directory<'p>(
        &self,
        name: &str,
        path: &'p str,
        made: &mut BTreeMap<&'p str, OwnedFd>,
    ) -> Result<(), PublishError> {
        if path.is_empty() || made.contains_key(path) {
            return Ok(());
        }
        let (above, base) = path.rsplit_once('/').unwrap_or(("", path));
        self.directory(name, above, made)?;
        let parent = made.get(above).unwrap_or(&self.fd);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = retry(|| mkdirat(parent, base, Mode::RWXU))
            .and_then(|()| retry(|| openat(parent, base, flags, Mode::empty())))
            .map_err(failed(name, path, Step::Create))?;
        set_directory_mode(&fd).map_err(failed(name, path, Step::Mode))?;
        made.insert(path, fd);
        Ok(())
    }

    fn publish(mut self) {
        self.published = true;
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is left to the next sweep.
            let _ = remove_directory(self.parent, &self.name, &self.fd, 0);
        }
    }
}

fn set_directory_mode(fd: &OwnedFd) -> Result<(), Errno> {
    retry(|| fchmod(fd, Mode::from_raw_mode(DIRECTORY_MODE)))
}

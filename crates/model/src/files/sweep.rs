//! Temporary names: made by one living process, removed once it is gone.
//!
//! A temporary file or directory is called `.tmp-<name>-<pid>-<random>` and is
//! locked (`flock`) by whoever makes it, for as long as it lives. A lock dies
//! with its process, so what can be locked by another is a leftover. Between
//! making and locking there is a moment in which a sweep may take it: the maker
//! looks, after locking, whether the name still leads to what it made, and
//! takes another name if not.
//!
//! Where the file system knows no such locks (NFS has none for directories)
//! nothing is locked and nothing is swept: a leftover stays, which is better
//! than losing what another machine is writing.

use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, openat, statat,
    unlinkat,
};
use rustix::io::Errno;

use super::beneath::{self, Listed, retry};
use super::error::{FileError, Kind, Step};
use super::root::Root;
use crate::path::RelPath;

/// How every temporary name begins; readers of a packages directory ignore such
/// names.
const PREFIX: &str = ".tmp-";

/// Hex digits of the random part.
const RANDOM_DIGITS: usize = 16;

/// How many names are tried before giving up; one is enough unless a sweep
/// comes in between.
const TRIES: usize = 64;

/// How deep a leftover is removed; ours have two levels.
const DEPTH_MAX: usize = 32;

/// Bytes of `<name>` kept, so that the whole stays below the 255 bytes of one
/// name.
const NAME_KEPT: usize = 180;

/// Whether this is a name made by [`fresh_name`].
fn is_temporary(name: &str) -> bool {
    let Some((head, random)) = name.rsplit_once('-') else {
        return false;
    };
    let Some((head, pid)) = head.rsplit_once('-') else {
        return false;
    };
    head.starts_with(PREFIX)
        && !pid.is_empty()
        && pid.bytes().all(|b| b.is_ascii_digit())
        && random.len() == RANDOM_DIGITS
        && random
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn fresh_name(name: &str) -> String {
    let mut kept = name.len().min(NAME_KEPT);
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    // Every `RandomState` has another key, seeded by the operating system.
    let random = RandomState::new().hash_one(name);
    let pid = std::process::id();
    format!("{PREFIX}{}-{pid}-{random:0RANDOM_DIGITS$x}", &name[..kept])
}

/// What a temporary name is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    /// A directory, only its owner's until it is done.
    Directory,
    /// A file for writing, with this mode before the umask.
    File(Mode),
}

/// Makes and locks something of a fresh temporary name.
pub(super) fn make(
    parent: BorrowedFd<'_>,
    name: &str,
    what: Make,
) -> Result<(String, OwnedFd), (Step, Errno)> {
    let nofollow = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        let name = fresh_name(name);
        let opened = match what {
            Make::Directory => {
                match retry(|| mkdirat(parent, &name, Mode::RWXU)) {
                    Err(Errno::EXIST) => continue,
                    made => made.map_err(|e| (Step::Create, e))?,
                }
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | nofollow;
                retry(|| openat(parent, &name, flags, Mode::empty()))
            }
            Make::File(mode) => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | nofollow;
                retry(|| openat(parent, &name, flags, mode))
            }
        };
        let fd = match opened {
            Ok(fd) => fd,
            // Swept already, or a name of someone else's.
            Err(Errno::NOENT | Errno::EXIST) => continue,
            Err(e) => {
                // A directory that was made and cannot be opened is left to no one.
                let _ = unlinkat(parent, &name, AtFlags::REMOVEDIR);
                return Err((Step::Create, e));
            }
        };
        // Any other answer means that there are no locks: see the head of this file.
        if retry(|| flock(&fd, FlockOperation::NonBlockingLockExclusive)) == Err(Errno::WOULDBLOCK)
        {
            // A sweep has it.
            continue;
        }
        if is_still(parent, &name, &fd) {
            return Ok((name, fd));
        }
    }
    Err((Step::Create, Errno::EXIST))
}

/// Whether the name still leads to what is open.
pub(super) fn is_still(parent: BorrowedFd<'_>, name: &str, fd: &OwnedFd) -> bool {
    let there = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    matches!((there, fstat(fd)), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

/// Removes from a directory the `.tmp-*` leftovers of processes that are gone,
/// and answers their names. One whose owner is alive is locked by it and stays;
/// so does one that may not be removed.
pub fn sweep(root: &Root) -> Result<Vec<String>, FileError> {
    let fd = root.open_at(&RelPath::root(), OFlags::RDONLY | OFlags::DIRECTORY)?;
    let names = beneath::names(fd.as_fd(), usize::MAX)
        .map_err(|e| FileError::io(root.path().display(), Step::List, e))?;
    Ok(sweep_names(fd.as_fd(), &names.unwrap_or_default()))
}

/// As [`sweep`], for names that were listed already.
pub(super) fn sweep_names(parent: BorrowedFd<'_>, names: &[Listed]) -> Vec<String> {
    let mut swept = Vec::new();
    for listed in names {
        let Ok(name) = std::str::from_utf8(&listed.name) else {
            continue;
        };
        let ours = matches!(listed.kind, Kind::Directory | Kind::File) && is_temporary(name);
        if ours && sweep_one(parent, name) {
            swept.push(name.to_owned());
        }
    }
    swept.sort_unstable();
    swept
}

fn sweep_one(parent: BorrowedFd<'_>, name: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(fd) = retry(|| openat(parent, name, flags, Mode::empty())) else {
        return false;
    };
    let locked = retry(|| flock(&fd, FlockOperation::NonBlockingLockExclusive));
    if locked.is_err() || !is_still(parent, name, &fd) {
        return false;
    }
    let Ok(stat) = fstat(&fd) else { return false };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => unlinkat(parent, name, AtFlags::empty()).is_ok(),
        FileType::Directory => remove_directory(parent, name, &fd, 0).is_ok(),
        _ => false,
    }
}

/// Removes an open directory and everything in it; no link is followed.
pub(super) fn remove_directory(
    parent: BorrowedFd<'_>,
    name: &str,
    fd: &OwnedFd,
    depth: usize,
) -> Result<(), Errno> {
    if depth > DEPTH_MAX {
        return Err(Errno::LOOP);
    }
    for listed in beneath::names(fd.as_fd(), usize::MAX)?.unwrap_or_default() {
        if listed.kind != Kind::Directory {
            unlinkat(fd, listed.name.as_slice(), AtFlags::empty())?;
            continue;
        }
        let name = std::str::from_utf8(&listed.name).map_err(|_| Errno::ILSEQ)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let below = retry(|| openat(fd, name, flags, Mode::empty()))?;
        remove_directory(fd.as_fd(), name, &below, depth + 1)?;
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

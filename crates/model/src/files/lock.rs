//! Taking turns among processes.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, unlinkat};
use rustix::io::Errno;

use super::beneath::retry;
use super::error::{FileError, Step};
use super::root::Root;
use super::sweep::is_still;
use crate::path::RelPath;

/// The mode of a lock file, before the umask: whoever may write the directory
/// may wait for his turn there.
const LOCK_MODE: u32 = 0o666;

/// How long one waits before asking again. A lock is held for two flushes of
/// a disk, a few milliseconds each.
const POLL: Duration = Duration::from_millis(5);

/// Why nobody's turn came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another process has held it all the while.
    #[error("{path}: another process has held this lock for {} s", .waited.as_secs())]
    Held {
        /// The lock file.
        path: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The file system knows no locks, as an NFS without a lock service.
    #[error("{path}: the file system has no locks ({errno})")]
    Unsupported {
        /// The lock file.
        path: String,
        /// What it answered.
        errno: Errno,
    },
    /// The lock file cannot be made or opened.
    #[error(transparent)]
    File(FileError),
}

/// A turn: until it is dropped, nobody else of those who ask for the same lock
/// goes on.
///
/// It is an `flock`, which the kernel releases with the process that held it.
/// The file itself says nothing: one that a killed process left behind is
/// taken over at once.
#[derive(Debug)]
pub struct Lock {
    parent: OwnedFd,
    name: String,
    fd: OwnedFd,
}

impl Root {
    /// Takes the lock `path`, a file that exists only while it is held; waits
    /// for at most `patience`. The directory it is in must exist.
    pub fn lock(&self, path: &RelPath, patience: Duration) -> Result<Lock, LockError> {
        let (parent, name) = self.parent_of(path).map_err(LockError::File)?;
        let mut waited = Duration::ZERO;
        loop {
            let fd = open(&parent, name)
                .map_err(|e| LockError::File(FileError::io(path, Step::Create, e)))?;
            match retry(|| flock(&fd, FlockOperation::NonBlockingLockExclusive)) {
                // The one before us removes the file when its turn ends.
                Ok(()) if !is_still(parent.as_fd(), name, &fd) => {}
                Ok(()) => {
                    let name = name.to_owned();
                    return Ok(Lock { parent, name, fd });
                }
                Err(Errno::WOULDBLOCK) if waited >= patience => {
                    let path = path.to_string();
                    return Err(LockError::Held { path, waited });
                }
                Err(Errno::WOULDBLOCK) => {
                    std::thread::sleep(POLL);
                    waited += POLL;
                }
                Err(errno) => {
                    let path = path.to_string();
                    return Err(LockError::Unsupported { path, errno });
                }
            }
        }
    }
}

/// Opens the lock file, making it if it is not there. One that another user
/// left behind may be readable only, which is enough for a lock.
fn open(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let write = flags | OFlags::RDWR | OFlags::CREATE;
    match retry(|| openat(parent, name, write, Mode::from_raw_mode(LOCK_MODE))) {
        Err(Errno::ACCESS) => {
            let read = flags | OFlags::RDONLY;
            match retry(|| openat(parent, name, read, Mode::empty())) {
                Err(Errno::NOENT) => Err(Errno::ACCESS),
                done => done,
            }
        }
        done => done,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if is_still(self.parent.as_fd(), &self.name, &self.fd) {
            // What cannot be removed is no hindrance: the lock goes with `fd`.
            let _ = unlinkat(&self.parent, &self.name, AtFlags::empty());
        }
    }
}

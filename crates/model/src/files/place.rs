//! Flushing, and moving into place without replacing anything.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, RenameFlags, flock, fsync, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::beneath::retry;
use super::sweep::is_still;

/// The lock of those who move things into place where the file system cannot
/// do it in one step.
const LOCK: &str = ".tmp-lock-0-0000000000000000";

/// Writes all bytes.
pub(super) fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match retry(|| rustix::io::write(fd, bytes))? {
            0 => return Err(Errno::IO),
            n => bytes = &bytes[n..],
        }
    }
    Ok(())
}

/// Flushes a directory's names. Some file systems have nothing to flush there
/// and say `EINVAL`.
pub(super) fn sync_directory(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    match retry(|| fsync(fd)) {
        Err(Errno::INVAL) => Ok(()),
        done => done,
    }
}

/// Renames within a directory; `EEXIST` if there is anything of the new name,
/// be it an empty directory or a dangling link.
///
/// Where the kernel or the file system has no such rename, consign's writers
/// take turns by a lock beside it, look, and rename plainly. Then only a
/// program that is not consign, and only by making an empty directory of that
/// name in that very moment, could see it replaced.
pub(super) fn rename_new(parent: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
    match retry(|| renameat_with(parent, from, parent, to, RenameFlags::NOREPLACE)) {
        // ENOSYS: an old kernel. EINVAL: an NFS, an old overlay. EPERM: a filter,
        // or the truth, which the plain rename says again.
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP | Errno::PERM) => {
            rename_in_turn(parent, from, to)
        }
        done => done,
    }
}

fn rename_in_turn(parent: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
    let lock = take_turn(parent)?;
    let renamed = match statat(parent, to, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => retry(|| renameat(parent, from, parent, to)),
        Err(e) => Err(e),
    };
    let _ = unlinkat(parent, LOCK, AtFlags::empty());
    drop(lock);
    match renamed {
        // Something that a directory cannot replace came in between.
        Err(Errno::NOTEMPTY | Errno::NOTDIR) => Err(Errno::EXIST),
        done => done,
    }
}

fn take_turn(parent: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    loop {
        let fd = retry(|| openat(parent, LOCK, flags, Mode::RUSR | Mode::WUSR))?;
        retry(|| flock(fd.as_fd(), FlockOperation::LockExclusive))?;
        // The one before us removes the file when its turn ends.
        if is_still(parent, LOCK, &fd) {
            return Ok(fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &std::path::Path) -> OwnedFd {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        openat(rustix::fs::CWD, path, flags, Mode::empty()).unwrap()
    }

    type Rename = fn(BorrowedFd<'_>, &str, &str) -> Result<(), Errno>;

    #[test]
    fn neither_way_replaces_anything() {
        for rename in [rename_new as Rename, rename_in_turn as Rename] {
            let t = tempfile::tempdir().unwrap();
            let fd = directory(t.path());
            std::fs::create_dir(t.path().join("new")).unwrap();
            std::fs::create_dir(t.path().join("empty")).unwrap();
            std::fs::write(t.path().join("file"), "").unwrap();
            std::os::unix::fs::symlink("nowhere", t.path().join("dangling")).unwrap();
            for there in ["empty", "file", "dangling"] {
                assert_eq!(
                    rename(fd.as_fd(), "new", there),
                    Err(Errno::EXIST),
                    "{there}"
                );
            }
            assert_eq!(rename(fd.as_fd(), "new", "package"), Ok(()));
            assert!(!t.path().join(LOCK).exists());
            assert_eq!(std::fs::read_dir(t.path()).unwrap().count(), 4);
        }
    }

    #[test]
    fn one_of_many_wins_in_turn() {
        let t = tempfile::tempdir().unwrap();
        let fd = directory(t.path());
        for i in 0..8 {
            std::fs::create_dir(t.path().join(format!("new{i}"))).unwrap();
        }
        let won = std::thread::scope(|s| {
            let fd = &fd;
            let racers: Vec<_> = (0..8)
                .map(|i| s.spawn(move || rename_in_turn(fd.as_fd(), &format!("new{i}"), "to")))
                .collect();
            racers.into_iter().flat_map(|r| r.join().unwrap()).count()
        });
        assert_eq!(won, 1);
        assert_eq!(std::fs::read_dir(t.path()).unwrap().count(), 8);
    }
}

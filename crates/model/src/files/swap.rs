//! Single files, replaced only if nobody else did meanwhile.

use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{
    Access, AtFlags, FileType, Gid, Mode, Uid, accessat, fchown, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::beneath::{kind_of, retry};
use super::error::{FileCause, FileError, Kind, Step};
use super::place::{rename_new, sync_directory};
use super::root::Root;
use super::write::Temp;
use crate::path::RelPath;

/// What became of a file that was to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// It holds the new bytes, durably.
    Done,
    /// It does not hold what was expected; it was not touched.
    Changed,
}

impl Root {
    /// Replaces a file whole and durably, if it still holds `expected` (`None`:
    /// if there is none). Its mode is kept, and its owner as far as we may.
    ///
    /// The bytes are compared when everything is ready for the rename. A file
    /// that we could not write in place is not replaced either.
    pub fn swap(
        &self,
        path: &RelPath,
        expected: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<Swap, FileError> {
        let (parent, name) = self.parent_of(path)?;
        let fail = |(step, errno)| FileError::io(self.shown(path), step, errno);
        let kept = kept(&parent, name)
            .map_err(fail)?
            .map_err(|kind| FileError::new(self.shown(path), FileCause::NotFile(kind)))?;
        let temp = Temp::make(parent.as_fd(), name).map_err(fail)?;
        if let Some((_, user, group)) = kept {
            // Only root may give a file away; another keeps at least the group.
            let _ = fchown(temp.fd(), Some(user), Some(group))
                .or_else(|_| fchown(temp.fd(), None, Some(group)));
        }
        temp.fill(bytes, kept.map(|k| k.0)).map_err(fail)?;
        let there = match self.read(path, super::FILE_BYTES_MAX) {
            Ok(there) => Some(there),
            Err(e) if e.is_missing() => None,
            Err(e) => return Err(e),
        };
        if there.as_deref() != expected {
            return Ok(Swap::Changed);
        }
        let renamed = match expected {
            Some(_) => retry(|| renameat(&parent, temp.name(), &parent, name)),
            None => match rename_new(parent.as_fd(), temp.name(), name) {
                Err(Errno::EXIST) => return Ok(Swap::Changed),
                done => done,
            },
        };
        renamed.map_err(|e| fail((Step::Rename, e)))?;
        temp.placed().map_err(fail)?;
        Ok(Swap::Done)
    }

    /// Removes a regular file or a symbolic link, durably; one that is not
    /// there is fine.
    pub fn remove_file(&self, path: &RelPath) -> Result<(), FileError> {
        let (parent, name) = self.parent_of(path)?;
        let fail = |step| move |e| FileError::io(self.shown(path), step, e);
        match retry(|| unlinkat(&parent, name, AtFlags::empty())) {
            Err(Errno::NOENT) => return Ok(()),
            done => done.map_err(fail(Step::Remove))?,
        }
        sync_directory(parent.as_fd()).map_err(fail(Step::Sync))
    }
}

type Kept = Option<(Mode, Uid, Gid)>;

/// Mode, user and group of the file that is there, if it may be written.
fn kept(parent: &OwnedFd, name: &str) -> Result<Result<Kept, Kind>, (Step, Errno)> {
    let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Ok(None)),
        Err(e) => return Err((Step::Stat, e)),
    };
    match kind_of(FileType::from_raw_mode(stat.st_mode)) {
        Kind::File => {}
        kind => return Ok(Err(kind)),
    }
    accessat(parent, name, Access::WRITE_OK, AtFlags::empty()).map_err(|e| (Step::Write, e))?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
    let owner = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    Ok(Ok(Some((mode, owner.0, owner.1))))
}

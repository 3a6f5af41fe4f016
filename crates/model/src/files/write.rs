//! Single files, written whole or not at all.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fchmod, fsync, mkdirat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::beneath::{self, kind_of, retry};
use super::error::{FileCause, FileError, Kind, Step};
use super::place::{rename_new, sync_directory, write_all};
use super::root::Root;
use super::sweep::{self, Make, sweep_names};
use crate::path::RelPath;

/// The mode of new files and directories, before the umask.
const FILE_MODE: u32 = 0o666;
const DIRECTORY_MODE: u32 = 0o777;

impl Root {
    /// Writes a file that does not exist yet, whole and durable or not at all.
    /// The directories above it must exist.
    pub fn create(&self, path: &RelPath, bytes: &[u8]) -> Result<(), FileError> {
        let (parent, name) = self.parent_of(path)?;
        let fail = |(step, errno)| FileError::io(self.shown(path), step, errno);
        if statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(FileError::new(self.shown(path), FileCause::Exists));
        }
        let temp = Temp::make(parent.as_fd(), name).map_err(fail)?;
        temp.fill(bytes, None).map_err(fail)?;
        rename_new(temp.parent, &temp.name, name).map_err(|e| fail((Step::Rename, e)))?;
        temp.placed().map_err(fail)
    }

    /// Writes a file, whole and durable or not at all; an older one of that name
    /// is replaced and its mode kept. Anything but a regular file is not
    /// replaced.
    pub fn replace(&self, path: &RelPath, bytes: &[u8]) -> Result<(), FileError> {
        let (parent, name) = self.parent_of(path)?;
        let fail = |(step, errno)| FileError::io(self.shown(path), step, errno);
        let mode = match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match kind_of(FileType::from_raw_mode(stat.st_mode)) {
                Kind::File => Some(Mode::from_raw_mode(stat.st_mode & 0o777)),
                kind => return Err(FileError::new(self.shown(path), FileCause::NotFile(kind))),
            },
            Err(Errno::NOENT) => None,
            Err(e) => return Err(fail((Step::Stat, e))),
        };
        let temp = Temp::make(parent.as_fd(), name).map_err(fail)?;
        temp.fill(bytes, mode).map_err(fail)?;
        retry(|| renameat(temp.parent, &temp.name, temp.parent, name))
            .map_err(|e| fail((Step::Rename, e)))?;
        temp.placed().map_err(fail)
    }

    /// Makes a directory and those above it, durably; existing ones are fine.
    pub fn make_dirs(&self, path: &RelPath) -> Result<(), FileError> {
        match self.kind(path)? {
            Some(Kind::Directory) => return Ok(()),
            Some(Kind::Symlink) => {
                return Err(FileError::new(self.shown(path), FileCause::Symlink));
            }
            Some(_) => return Err(FileError::new(self.shown(path), FileCause::NotDirectory)),
            None => {}
        }
        let Some((above, name)) = path.parent().zip(path.file_name()) else {
            return Ok(());
        };
        self.make_dirs(&above)?;
        let fail = |step| move |e| FileError::io(self.shown(path), step, e);
        let parent = self.open_at(&above, OFlags::RDONLY | OFlags::DIRECTORY)?;
        match retry(|| mkdirat(&parent, name, Mode::from_raw_mode(DIRECTORY_MODE))) {
            // Made by another meanwhile; what it is, the look below says.
            Err(Errno::EXIST) => self.make_dirs(path),
            made => {
                made.map_err(fail(Step::Create))?;
                sync_directory(parent.as_fd()).map_err(fail(Step::Sync))
            }
        }
    }

    pub(super) fn parent_of<'p>(&self, path: &'p RelPath) -> Result<(OwnedFd, &'p str), FileError> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            let cause = FileCause::NotFile(Kind::Directory);
            return Err(FileError::new(self.shown(path), cause));
        };
        let fd = self.open_at(&above, OFlags::RDONLY | OFlags::DIRECTORY)?;
        Ok((fd, name))
    }
}

/// The file being filled; removed unless it was placed.
pub(super) struct Temp<'a> {
    parent: BorrowedFd<'a>,
    name: String,
    /// Holds the lock.
    fd: OwnedFd,
    placed: bool,
}

impl<'a> Temp<'a> {
    pub(super) fn make(parent: BorrowedFd<'a>, name: &str) -> Result<Self, (Step, Errno)> {
        if let Ok(Some(names)) = beneath::names(parent, usize::MAX) {
            sweep_names(parent, &names);
        }
        let mode = Mode::from_raw_mode(FILE_MODE);
        let (name, fd) = sweep::make(parent, name, Make::File(mode))?;
        Ok(Self {
            parent,
            name,
            fd,
            placed: false,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(super) fn fill(&self, bytes: &[u8], mode: Option<Mode>) -> Result<(), (Step, Errno)> {
        write_all(&self.fd, bytes).map_err(|e| (Step::Write, e))?;
        if let Some(mode) = mode {
            retry(|| fchmod(&self.fd, mode)).map_err(|e| (Step::Mode, e))?;
        }
        retry(|| fsync(&self.fd)).map_err(|e| (Step::Sync, e))
    }

    /// Says that the file bears its name now, and makes that durable.
    pub(super) fn placed(mut self) -> Result<(), (Step, Errno)> {
        self.placed = true;
        sync_directory(self.parent).map_err(|e| (Step::Sync, e))
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.placed {
            let _ = unlinkat(self.parent, &self.name, AtFlags::empty());
        }
    }
}

//! The names under a root that share an inode.

use std::collections::{HashMap, VecDeque};
use std::os::fd::AsFd as _;

use rustix::fs::{AtFlags, OFlags, statat};

use super::beneath;
use super::error::{FileError, Kind, Step};
use super::root::Root;
use crate::path::RelPath;

/// The most names looked at: a hundred times a large repository. Past it, a
/// hard link's other names count as unknown.
const NAMES_MAX: usize = 1_000_000;

/// Which names under a root belong to which inode number.
#[derive(Debug, Default)]
pub(super) struct Inodes(HashMap<u64, Vec<RelPath>>);

impl Inodes {
    /// Walks the whole root; symbolic links are not followed. Directories that
    /// may not be listed, and names that are not UTF-8, are left out.
    pub(super) fn under(root: &Root) -> Self {
        let mut inodes: HashMap<u64, Vec<RelPath>> = HashMap::new();
        let mut left = NAMES_MAX;
        let mut todo = VecDeque::from([RelPath::root()]);
        while let Some(dir) = todo.pop_front() {
            let Ok(fd) = root.open_at(&dir, OFlags::RDONLY | OFlags::DIRECTORY) else {
                continue;
            };
            let Ok(Some(names)) = beneath::names(fd.as_fd(), left) else {
                continue;
            };
            left -= names.len();
            for listed in names {
                let text = std::str::from_utf8(&listed.name).ok();
                let Some(path) = text.and_then(|n| dir.join(n).ok()) else {
                    continue;
                };
                match listed.kind {
                    Kind::Directory => todo.push_back(path),
                    Kind::File => inodes.entry(listed.inode).or_default().push(path),
                    _ => {}
                }
            }
        }
        Self(inodes)
    }

    /// The names of one inode of one device.
    pub(super) fn names(
        &self,
        root: &Root,
        device: u64,
        inode: u64,
    ) -> Result<Vec<RelPath>, FileError> {
        let mut out = Vec::new();
        for path in self.0.get(&inode).into_iter().flatten() {
            let Some((dir, name)) = path.parent().zip(path.file_name()) else {
                continue;
            };
            let fd = root.open_at(&dir, OFlags::PATH | OFlags::DIRECTORY)?;
            let stat = statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|e| FileError::io(path, Step::Stat, e))?;
            if (stat.st_dev, stat.st_ino) == (device, inode) {
                out.push(path.clone());
            }
        }
        Ok(out)
    }
}

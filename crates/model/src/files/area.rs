//! What one client's build may read, and what it did read.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::{FileType, Stat};

use super::FILE_BYTES_MAX;
use super::error::{FileCause, FileError, Kind};
use super::hardlink::Inodes;
use super::root::Root;
use crate::digest::Digest;
use crate::path::RelPath;

/// How much one build may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AreaLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Files.
    pub files: usize,
}

impl Default for AreaLimits {
    /// 64 MiB a file, 256 MiB and 20,000 files a build: some hundred times the
    /// largest published kustomize tree, and still little enough memory for a
    /// build machine.
    fn default() -> Self {
        Self {
            file_bytes: FILE_BYTES_MAX,
            total_bytes: 256 << 20,
            files: 20_000,
        }
    }
}

/// A file that a build has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Arc<[u8]>,
}

/// What one client's build may read: everything under the root but the denied
/// directories, other clients' among them.
///
/// A path is refused when, among the denied directories and the client's own
/// one, the longest that holds it is a denied one. So with `k8s/clients` denied
/// and `k8s/clients/acme` its own, a client reads itself and no neighbour. A
/// symbolic link is followed as long as it stays in the area. A file with
/// several hard links is read only if all its names lie in the area, since a
/// link into it would show what lies outside.
///
/// Each file is read once; later reads answer from memory, so that one build
/// sees one state of it.
#[derive(Debug)]
pub struct Area<'r> {
    root: &'r Root,
    denied: Vec<RelPath>,
    own: RelPath,
    limits: AreaLimits,
    seen: Mutex<Seen>,
    /// Made when the first file with several names is met.
    inodes: OnceLock<Inodes>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Asked path to real path, where a link was followed.
    real: HashMap<RelPath, RelPath>,
    files: BTreeMap<RelPath, SourceFile>,
    links: BTreeMap<RelPath, Vec<u8>>,
    bytes: u64,
}

impl<'r> Area<'r> {
    /// The area of the client whose directory is `own`.
    pub fn new(root: &'r Root, denied: Vec<RelPath>, own: RelPath) -> Self {
        Self::with_limits(root, denied, own, AreaLimits::default())
    }

    /// As [`Area::new`], with other limits.
    pub fn with_limits(
        root: &'r Root,
        denied: Vec<RelPath>,
        own: RelPath,
        limits: AreaLimits,
    ) -> Self {
        Self {
            root,
            denied,
            own,
            limits,
            seen: Mutex::default(),
            inodes: OnceLock::new(),
        }
    }

    /// The client's own directory.
    pub fn own(&self) -> &RelPath {
        &self.own
    }

    /// The root it lies under.
    pub fn root(&self) -> &Root {
        self.root
    }

    /// Whether a real path may be read.
    pub fn allows(&self, path: &RelPath) -> bool {
        let denied = self
            .denied
            .iter()
            .filter(|d| path.is_within(d))
            .map(|d| d.as_str().len() + usize::from(!d.is_root()))
            .max();
        let own = path
            .is_within(&self.own)
            .then(|| self.own.as_str().len() + usize::from(!self.own.is_root()));
        denied.is_none_or(|d| own.is_some_and(|o| o >= d))
    }

    fn check(&self, asked: &RelPath, real: &RelPath) -> Result<(), FileError> {
        if self.allows(real) {
            return Ok(());
        }
        Err(FileError::new(
            asked.to_string(),
            FileCause::Outside {
                real: real.to_string(),
            },
        ))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a path leads once every symbolic link is followed.
    pub fn real(&self, path: &RelPath) -> Result<RelPath, FileError> {
        self.check(path, path)?;
        // Nearly every path has no link in it, and one call says so.
        match self.root.kind(path) {
            Ok(Some(kind)) if kind != Kind::Symlink => return Ok(path.clone()),
            Ok(None) => return Ok(path.clone()),
            Ok(Some(_)) => {}
            Err(e) if *e.cause() == FileCause::Symlink => {}
            Err(e) => return Err(e),
        }
        self.follow(path)
    }

    fn follow(&self, path: &RelPath) -> Result<RelPath, FileError> {
        if let Some(real) = self.seen().real.get(path) {
            return Ok(real.clone());
        }
        let mut links = Vec::new();
        let real = self.root.resolve_noting(path, &mut |link, text| {
            self.check(path, link)?;
            links.push((link.clone(), text.to_vec()));
            Ok(())
        })?;
        self.check(path, &real)?;
        let mut seen = self.seen();
        seen.links.extend(links);
        seen.real.insert(path.clone(), real.clone());
        Ok(real)
    }

    /// What a path names once links are followed; `None` if nothing.
    pub fn kind(&self, path: &RelPath) -> Result<Option<Kind>, FileError> {
        self.check(path, path)?;
        match self.root.kind(path) {
            Ok(Some(Kind::Symlink)) => {}
            Err(e) if *e.cause() == FileCause::Symlink => {}
            done => return done,
        }
        match self.follow(path) {
            Ok(real) => self.root.kind(&real),
            Err(e) if e.is_missing() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The bytes of a regular file, links followed.
    pub fn read(&self, path: &RelPath) -> Result<Arc<[u8]>, FileError> {
        self.check(path, path)?;
        if let Some(file) = self.seen().files.get(path) {
            return Ok(file.bytes.clone());
        }
        match self.read_real(path, path) {
            Err(e) if *e.cause() == FileCause::Symlink => {}
            done => return done,
        }
        let real = self.follow(path)?;
        if let Some(file) = self.seen().files.get(&real) {
            return Ok(file.bytes.clone());
        }
        self.read_real(path, &real)
    }

    fn read_real(&self, asked: &RelPath, real: &RelPath) -> Result<Arc<[u8]>, FileError> {
        let fd = self.root.open_file(real)?;
        let stat = self.root.stat_of(&fd, real)?;
        if stat.st_nlink > 1 {
            self.check_hard_links(asked, &stat)?;
        }
        let many = |what, max| FileError::new(asked.to_string(), FileCause::Many { what, max });
        let left = self.limits.total_bytes.saturating_sub(self.seen().bytes);
        let bytes = match self
            .root
            .read_open(&fd, &stat, real, self.limits.file_bytes.min(left))
        {
            Err(e)
                if left < self.limits.file_bytes
                    && matches!(e.cause(), FileCause::Large { .. }) =>
            {
                return Err(many("bytes in one build", self.limits.total_bytes));
            }
            bytes => bytes?,
        };
        let file = SourceFile {
            digest: Digest::of(&bytes),
            bytes: bytes.into(),
        };
        let mut seen = self.seen();
        if seen.files.len() >= self.limits.files {
            return Err(many("files in one build", self.limits.files as u64));
        }
        seen.bytes += file.bytes.len() as u64;
        let kept = seen.files.entry(real.clone()).or_insert(file);
        Ok(kept.bytes.clone())
    }

    /// Refuses a file unless every name it has lies in the area.
    fn check_hard_links(&self, asked: &RelPath, stat: &Stat) -> Result<(), FileError> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let names = self.inodes.get_or_init(|| Inodes::under(self.root)).names(
            self.root,
            stat.st_dev,
            stat.st_ino,
        )?;
        let other = names.iter().find(|n| !self.allows(n));
        if other.is_none() && names.len() as u64 >= stat.st_nlink {
            return Ok(());
        }
        let other = other.map(RelPath::to_string);
        Err(FileError::new(
            asked.to_string(),
            FileCause::HardLink { other },
        ))
    }

    /// Every file read so far, by its real path.
    pub fn reads(&self) -> BTreeMap<RelPath, SourceFile> {
        self.seen().files.clone()
    }

    /// Every symbolic link followed so far, with its text.
    pub fn links(&self) -> BTreeMap<RelPath, Vec<u8>> {
        self.seen().links.clone()
    }
}

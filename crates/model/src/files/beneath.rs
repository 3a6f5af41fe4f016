//! Opening a path below a directory with no symbolic link on the way, and
//! reading a directory's names.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, fstat, openat, openat2, statat,
};
use rustix::io::Errno;

use super::error::Kind;

/// How often `openat2` is asked again when it answers that the tree was being
/// renamed under it (`EAGAIN`).
const RACES_MAX: usize = 16;

/// Bytes of names asked for at once: some hundred names.
const LIST_BUFFER: usize = 8 << 10;

/// Set once the kernel said that it has no `openat2` (before Linux 5.6, or a
/// sandbox that filters it).
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// What a file type of `stat` means here.
pub(super) fn kind_of(t: FileType) -> Kind {
    match t {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::Unknown => Kind::Unknown,
    }
}

/// Opens `path` below `dir`. No component of it may be a symbolic link
/// (`ELOOP`), except that `O_PATH` opens a link at the end as itself.
/// The empty path is `dir`. Components are names, never `.` or `..`.
pub(super) fn open(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    if !NO_OPENAT2.load(Ordering::Relaxed) {
        match open_at_once(dir, path, flags) {
            Err(Errno::NOSYS) => NO_OPENAT2.store(true, Ordering::Relaxed),
            // A filter may answer EPERM; the walk answers it again if it is true.
            Err(Errno::PERM) => {}
            done => return done,
        }
    }
    open_by_walking(dir, path, flags)
}

fn open_at_once(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { "." } else { path };
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut races = 0;
    loop {
        match openat2(dir, path, flags, Mode::empty(), beneath) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if races < RACES_MAX => races += 1,
            // A link at the end answers ENOTDIR where a directory is asked for.
            Err(Errno::NOTDIR) if flags.contains(OFlags::DIRECTORY) => {
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let found = openat2(dir, path, flags, Mode::empty(), beneath)?;
                let link = FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Symlink;
                return Err(if link { Errno::LOOP } else { Errno::NOTDIR });
            }
            done => return done,
        }
    }
}

fn open_by_walking(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut held: Option<OwnedFd> = None;
    let mut names = path.split('/').filter(|c| !c.is_empty()).peekable();
    if names.peek().is_none() {
        return retry(|| openat(dir, ".", flags, Mode::empty()));
    }
    while let Some(name) = names.next() {
        let here = held.as_ref().map_or(dir, AsFd::as_fd);
        let flags = if names.peek().is_some() { step } else { flags };
        let next = retry(|| openat(here, name, flags, Mode::empty())).map_err(|errno| {
            // O_DIRECTORY|O_NOFOLLOW answers ENOTDIR for a link as well.
            let link = errno == Errno::NOTDIR
                && statat(here, name, AtFlags::SYMLINK_NOFOLLOW)
                    .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink);
            if link { Errno::LOOP } else { errno }
        })?;
        held = Some(next);
    }
    held.ok_or(Errno::INVAL)
}

/// A name in a directory as the kernel lists it.
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) inode: u64,
}

/// The names in an open directory, unsorted, without `.` and `..`; stops with
/// `None` once there are more than `max`.
pub(super) fn names(dir: BorrowedFd<'_>, max: usize) -> Result<Option<Vec<Listed>>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); LIST_BUFFER];
    let mut raw = RawDir::new(dir, &mut buffer);
    let mut out = Vec::new();
    while let Some(entry) = raw.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        if out.len() == max {
            return Ok(None);
        }
        out.push(Listed {
            name: name.to_vec(),
            kind: kind_of(entry.file_type()),
            inode: entry.ino(),
        });
    }
    for entry in out.iter_mut().filter(|e| e.kind == Kind::Unknown) {
        // Some file systems do not say the kind with the name.
        if let Ok(stat) = statat(dir, entry.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
            entry.kind = kind_of(FileType::from_raw_mode(stat.st_mode));
        }
    }
    Ok(Some(out))
}

/// Does it again when a signal came in between.
pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const READ: OFlags = OFlags::RDONLY;

    #[test]
    fn both_ways_agree() {
        let t = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(t.path().join("a/b")).unwrap();
        std::fs::write(t.path().join("a/b/f"), "x").unwrap();
        symlink("b", t.path().join("a/l")).unwrap();
        symlink("f", t.path().join("a/b/fl")).unwrap();
        symlink("/etc", t.path().join("a/abs")).unwrap();
        symlink("..", t.path().join("a/up")).unwrap();
        let dir = openat(
            rustix::fs::CWD,
            t.path(),
            OFlags::PATH | OFlags::DIRECTORY,
            Mode::empty(),
        )
        .unwrap();
        for (path, flags) in [
            ("", READ | OFlags::DIRECTORY),
            ("a/b/f", READ),
            ("a/b", READ),
            ("a/b", READ | OFlags::DIRECTORY),
            ("a/b/f", READ | OFlags::DIRECTORY),
            ("a/b/f/g", READ),
            ("a/none", READ),
            ("a/l", READ),
            ("a/l", READ | OFlags::DIRECTORY),
            ("a/l", OFlags::PATH),
            ("a/l/f", READ),
            ("a/b/fl", READ),
            ("a/b/fl", OFlags::PATH),
            ("a/abs/passwd", READ),
            ("a/up/a", READ),
        ] {
            let one = open_at_once(dir.as_fd(), path, flags);
            let two = open_by_walking(dir.as_fd(), path, flags);
            match (one, two) {
                (Ok(a), Ok(b)) => {
                    let (a, b) = (
                        rustix::fs::fstat(&a).unwrap(),
                        rustix::fs::fstat(&b).unwrap(),
                    );
                    assert_eq!((a.st_dev, a.st_ino), (b.st_dev, b.st_ino), "{path}");
                }
                (a, b) => assert_eq!(a.err(), b.err(), "{path} {flags:?}"),
            }
        }
    }
}

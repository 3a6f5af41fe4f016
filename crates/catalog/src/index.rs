//! The door to `config/clients.yaml`: read, and updated by many.

use std::time::Duration;

use model::digest::Digest;
use model::files::{Errno, FileCause, FileError, Lock, LockError, Root, Swap};
use model::finding::{Class, Finding};
use model::path::RelPath;
use model::text::escape;

use crate::tracking::{self, BYTES_MAX, Change, Edited, FILE, Tracking};

/// Beside the file while it is being updated.
const LOCK: &str = "config/.clients.yaml.lock";

/// How long one waits for one's turn; an update takes a few milliseconds, on a
/// busy disk some hundred.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often an update starts again because an editor saved the file meanwhile.
const ROUNDS: usize = 5;

/// Why the file was not read or not updated. It is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It cannot be read for what it says, or not be edited where it should.
    #[error("{FILE} is not what it should be")]
    Wrong(Vec<Finding>),
    /// This directory or file may not be written: a read-only file system or
    /// checkout, or another's.
    #[error("{FILE} cannot be written here: {0}")]
    ReadOnly(#[source] FileError),
    /// Another process was updating it all the while, or there are no locks.
    #[error(transparent)]
    Lock(LockError),
    /// An editor changed it while it was updated, and the update does not fit
    /// what it says now.
    #[error("{FILE} was changed by someone else meanwhile: {difference}")]
    Changed {
        /// Both, where they differ first.
        difference: String,
        /// Why the update does not fit; empty if it was only changed too often.
        why: Vec<Finding>,
    },
    /// The disk failed, or is full.
    #[error(transparent)]
    Disk(FileError),
}

/// What an update came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// Whether the file was written.
    pub written: Written,
    /// Where the file knew something newer, which was left as it is, and where
    /// it lacks what was active before.
    pub notes: Vec<Finding>,
}

/// Whether a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was.
    Yes,
    /// It said so already.
    Unchanged,
}

impl From<IndexError> for Vec<Finding> {
    fn from(e: IndexError) -> Self {
        let text = e.to_string();
        match e {
            IndexError::Wrong(findings) => findings,
            IndexError::ReadOnly(_) => {
                vec![Finding::error("clients-read-only", Class::Io, text).in_file(FILE)]
            }
            IndexError::Lock(LockError::Held { .. }) => {
                vec![Finding::error("clients-locked", Class::Conflict, text)]
            }
            IndexError::Lock(LockError::Unsupported { .. }) => {
                let finding = Finding::error("clients-no-locks", Class::Io, text);
                vec![
                    finding
                        .help("keep the repository on a local disk, or start the NFS lock service"),
                ]
            }
            IndexError::Changed { why, .. } => {
                let finding = Finding::error("clients-changed", Class::Conflict, text);
                std::iter::once(finding).chain(why).collect()
            }
            IndexError::Disk(e) | IndexError::Lock(LockError::File(e)) => vec![e.into()],
        }
    }
}

fn path(text: &str) -> RelPath {
    // The constants above are paths.
    RelPath::root().join(text).unwrap_or_default()
}

/// What the file says; `None` if it is not there.
pub fn read(root: &Root) -> Result<Option<Tracking>, IndexError> {
    let Some(text) = text(root)? else {
        return Ok(None);
    };
    tracking::parse(&text).map(Some).map_err(IndexError::Wrong)
}

/// Notes these changes, one after another, all or none of them.
///
/// Whoever updates waits for his turn (`flock`), and replaces the file whole
/// and durably, unless an editor saved it meanwhile: then it is read again and
/// edited again. A symbolic link is neither followed nor replaced.
pub fn update(root: &Root, changes: &[Change]) -> Result<Updated, IndexError> {
    let file = path(FILE);
    if let Some(directory) = file.parent() {
        root.make_dirs(&directory).map_err(failed)?;
    }
    let _turn = lock(root)?;
    let mut before = text(root)?;
    let mut edited = tracking::apply_all(before.as_deref(), changes).map_err(IndexError::Wrong)?;
    for _ in 0..ROUNDS {
        let Edited { text: new, notes } = edited;
        if before.as_deref().unwrap_or_default() == new {
            let written = Written::Unchanged;
            return Ok(Updated { written, notes });
        }
        let expected = before.as_deref().map(str::as_bytes);
        let swapped = root.swap(&file, expected, new.as_bytes()).map_err(failed)?;
        if swapped == Swap::Done {
            let written = Written::Yes;
            return Ok(Updated { written, notes });
        }
        let now = text(root);
        let again = now.and_then(|now| {
            let edited = tracking::apply_all(now.as_deref(), changes);
            Ok((now, edited.map_err(IndexError::Wrong)?))
        });
        (before, edited) = again.map_err(|e| match e {
            IndexError::Wrong(why) => changed(root, before.as_deref(), why),
            e => e,
        })?;
    }
    Err(changed(root, before.as_deref(), Vec::new()))
}

fn lock(root: &Root) -> Result<Lock, IndexError> {
    root.lock(&path(LOCK), PATIENCE).map_err(|e| match e {
        LockError::File(e) => failed(e),
        e => IndexError::Lock(e),
    })
}

/// The file's text, bounded; `None` if it is not there.
fn text(root: &Root) -> Result<Option<String>, IndexError> {
    let bytes = match root.read(&path(FILE), BYTES_MAX as u64) {
        Ok(bytes) => bytes,
        Err(e) if e.is_missing() => return Ok(None),
        Err(e) if matches!(e.cause(), FileCause::Io { .. }) => return Err(IndexError::Disk(e)),
        Err(e) => return Err(failed(e)),
    };
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let good = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]);
        let line = 1 + good.matches('\n').count();
        let finding = Finding::error("clients-unreadable", Class::Integrity, "it is not UTF-8");
        IndexError::Wrong(vec![finding.at(FILE, u32::try_from(line).unwrap_or(0))])
    })
}

fn failed(e: FileError) -> IndexError {
    match e.cause() {
        FileCause::Io {
            errno: Errno::ROFS | Errno::ACCESS | Errno::PERM,
            ..
        } => IndexError::ReadOnly(e),
        FileCause::Io { .. } => IndexError::Disk(e),
        // A link, a directory, a pipe, or more than is read.
        cause => {
            let message = cause.to_string();
            let finding = Finding::error("clients-unreadable", Class::Integrity, message);
            IndexError::Wrong(vec![finding.in_file(e.path())])
        }
    }
}

fn changed(root: &Root, before: Option<&str>, why: Vec<Finding>) -> IndexError {
    // What is no text is shown as none.
    let now = text(root).ok().flatten();
    let difference = difference(before, now.as_deref());
    IndexError::Changed { difference, why }
}

/// Both texts by their digests, and the first line in which they differ.
fn difference(before: Option<&str>, now: Option<&str>) -> String {
    let name = |text: Option<&str>| {
        text.map_or("nothing".to_owned(), |t| {
            Digest::of(t.as_bytes()).to_string()
        })
    };
    let (one, two) = (name(before), name(now));
    let mut before = before.unwrap_or_default().lines();
    let mut now = now.unwrap_or_default().lines();
    for line in 1.. {
        let (a, b) = (before.next(), now.next());
        if a != b {
            let show = |line: Option<&str>| {
                line.map_or("not there".to_owned(), |l| format!("`{}`", escape(l)))
            };
            return format!(
                "it was {one} and is {two}; line {line} was {} and is {}",
                show(a),
                show(b)
            );
        }
        if a.is_none() {
            break;
        }
    }
    format!("it was {one} and is {two}")
}

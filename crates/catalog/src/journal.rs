//! Changes that could not be noted yet.
//!
//! When a deployment is done and `config/clients.yaml` cannot be written, the
//! change is kept in a journal, in a directory that the caller names, and noted
//! at the next start. The journal has one line of JSON for each change, oldest
//! first, and one file for each root.

use std::time::Duration;

use model::digest::Digest;
use model::files::{FILE_BYTES_MAX, FileError, Lock, LockError, Root};
use model::finding::{Class, Finding};
use model::path::RelPath;
use serde::{Deserialize, Serialize};

use crate::index::{self, IndexError};
use crate::tracking::{Change, Primary};

/// The format of a line; a line of a later one is left for a later consign.
const FORMAT: u32 = 1;

/// How long one waits for one's turn. A replay waits for its turn at the file
/// within its own.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hex digits of the root's digest in the file's name.
const NAME_DIGITS: usize = 16;

/// Why a journal was not read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The journal's file or directory fails.
    #[error("the journal of changes: {0}")]
    File(#[from] FileError),
    /// Nobody's turn came.
    #[error("the journal of changes: {0}")]
    Lock(#[from] LockError),
    /// `config/clients.yaml` still cannot be updated; the journal is kept.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl From<JournalError> for Vec<Finding> {
    fn from(e: JournalError) -> Self {
        match e {
            JournalError::Index(e) => e.into(),
            JournalError::File(e) | JournalError::Lock(LockError::File(e)) => vec![e.into()],
            JournalError::Lock(e @ LockError::Held { .. }) => {
                vec![Finding::error(
                    "journal-locked",
                    Class::Conflict,
                    e.to_string(),
                )]
            }
            JournalError::Lock(e @ LockError::Unsupported { .. }) => {
                vec![Finding::error("journal-no-locks", Class::Io, e.to_string())]
            }
        }
    }
}

/// What a replay came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The changes that the file says now, or knew something newer of.
    pub changes: Vec<Change>,
    /// What was newer in the file and left as it is; lines that could not be
    /// read.
    pub notes: Vec<Finding>,
}

/// One line. Source: this format is ours, and only consign reads it.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    format: u32,
    client: String,
    namespace: String,
    version: String,
    context: String,
    primary: bool,
    status: String,
    at: String,
    former: Option<String>,
}

/// Keeps a change for later.
pub fn append(root: &Root, directory: &Root, change: &Change) -> Result<(), JournalError> {
    let journal = Journal::of(root, directory)?;
    let _turn = journal.lock()?;
    let mut text = journal.text()?;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&print(change));
    text.push('\n');
    Ok(directory.replace(&journal.file, text.as_bytes())?)
}

/// The changes that are kept, oldest first.
pub fn pending(root: &Root, directory: &Root) -> Result<Vec<Change>, JournalError> {
    let journal = Journal::of(root, directory)?;
    Ok(read(&journal.text()?, &journal.file).changes)
}

/// Notes what is kept in `config/clients.yaml`, oldest first, and forgets it.
/// Where the file knows something newer of that client and context, that stays.
///
/// Doing it twice is doing it once; of several processes one does it and the
/// others find nothing left.
pub fn replay(root: &Root, directory: &Root) -> Result<Replayed, JournalError> {
    let journal = Journal::of(root, directory)?;
    if directory.kind(&journal.file)?.is_none() {
        return Ok(Replayed::default());
    }
    let _turn = journal.lock()?;
    let Kept {
        changes,
        later,
        mut notes,
    } = read(&journal.text()?, &journal.file);
    if !changes.is_empty() {
        notes.extend(index::update(root, &changes)?.notes);
    }
    if later.is_empty() {
        directory.remove_file(&journal.file)?;
    } else {
        directory.replace(&journal.file, later.as_bytes())?;
    }
    Ok(Replayed { changes, notes })
}

struct Journal<'d> {
    directory: &'d Root,
    file: RelPath,
    lock: RelPath,
}

impl<'d> Journal<'d> {
    fn of(root: &Root, directory: &'d Root) -> Result<Self, JournalError> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = root.real_path()?;
        let digest = Digest::of(path.as_os_str().as_bytes()).hex();
        let name = format!("clients-{}", &digest[..NAME_DIGITS]);
        // Neither name has a component that a path may not have.
        let path = |name: &str| RelPath::root().join(name).unwrap_or_default();
        Ok(Self {
            directory,
            file: path(&format!("{name}.jsonl")),
            lock: path(&format!(".{name}.lock")),
        })
    }

    fn lock(&self) -> Result<Lock, LockError> {
        self.directory.lock(&self.lock, PATIENCE)
    }

    fn text(&self) -> Result<String, FileError> {
        match self.directory.read(&self.file, FILE_BYTES_MAX) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(e) if e.is_missing() => Ok(String::new()),
            Err(e) => Err(e),
        }
    }
}

#[derive(Default)]
struct Kept {
    changes: Vec<Change>,
    /// Lines of a later format.
    later: String,
    notes: Vec<Finding>,
}

fn print(change: &Change) -> String {
    let line = Line {
        format: FORMAT,
        client: change.client.to_string(),
        namespace: change.namespace.to_string(),
        version: change.version.to_string(),
        context: change.context.to_string(),
        primary: change.primary == Primary::Yes,
        status: change.status.to_string(),
        at: change.at.to_string(),
        former: change.former.as_ref().map(ToString::to_string),
    };
    // Strings, a number and a boolean are always JSON.
    serde_json::to_string(&line).unwrap_or_default()
}

fn read(text: &str, file: &RelPath) -> Kept {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let mut kept = Kept::default();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let format = serde_json::from_str::<Format>(line).map(|f| f.format);
        match (format, parse(line)) {
            (Ok(FORMAT), Some(change)) => kept.changes.push(change),
            (Ok(format), _) if format > FORMAT => {
                kept.later.push_str(line);
                kept.later.push('\n');
            }
            _ => {
                let message = "a change that was kept cannot be read; it is dropped";
                let finding = Finding::warning("journal-line", Class::Integrity, message);
                kept.notes.push(finding.at(file.to_string(), number));
            }
        }
    }
    kept
}

fn parse(line: &str) -> Option<Change> {
    let line: Line = serde_json::from_str(line).ok()?;
    let former = match line.former {
        Some(version) => Some(version.parse().ok()?),
        None => None,
    };
    Some(Change {
        client: line.client.parse().ok()?,
        namespace: line.namespace.parse().ok()?,
        version: line.version.parse().ok()?,
        context: line.context.parse().ok()?,
        primary: if line.primary {
            Primary::Yes
        } else {
            Primary::No
        },
        status: line.status.parse().ok()?,
        at: line.at.parse().ok()?,
        former,
    })
}

//! What git knows of the files that were read.
//!
//! One `git cat-file --batch-command` is asked for HEAD and for the ids of
//! the blobs that HEAD has under each path; the ids of what was read are
//! computed here. So neither the index nor the working tree is looked at by
//! git, and no filter, hook, monitor, pager or remote named by a configuration
//! can come to run. A file that a filter changes on checkout (line endings,
//! LFS) differs from its blob, and counts as different: its bytes are not the
//! committed ones.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use model::path::RelPath;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::process::{Program, Run, first_line, run};

/// Git answers in milliseconds unless the disk is asleep.
const DEADLINE: Duration = Duration::from_secs(30);

/// Room for a line a path and for HEAD's message.
const OUTPUT_MAX: usize = 64 << 20;

/// What git knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitState {
    /// The root lies in a working tree.
    Head(Head),
    /// The root seems to lie in one, but git does not say more.
    Unknown {
        /// Why, in one line; may hold untrusted characters.
        reason: String,
    },
    /// The root lies in no working tree.
    NoRepository,
}

/// The commit that is checked out, and what differs from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its id: 40 or 64 lower-case hex digits.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    pub committed: i64,
    /// Which of the files differ from it, or are not in it.
    pub differs: Vec<RelPath>,
}

impl Head {
    /// Whether any of the files differs.
    pub fn is_dirty(&self) -> bool {
        !self.differs.is_empty()
    }
}

/// A git program, and what it is told of its user.
#[derive(Debug, Clone)]
pub struct Git {
    program: Program,
    user: Vec<(OsString, OsString)>,
}

/// Variables that say whose configuration (`safe.directory`) and whose files
/// are to be trusted.
const USER_VARIABLES: [&str; 3] = ["HOME", "XDG_CONFIG_HOME", "SUDO_UID"];

impl Git {
    /// A git program that knows no user: a repository of another owner is
    /// unknown to it.
    pub const fn new(program: Program) -> Self {
        Self {
            program,
            user: Vec::new(),
        }
    }

    /// Tells it who its user is, by those of [`Git::variables`] that the
    /// environment has, so that the user's `safe.directory` counts.
    #[must_use]
    pub fn user(mut self, environment: impl Fn(&str) -> Option<OsString>) -> Self {
        self.user = USER_VARIABLES
            .iter()
            .filter_map(|name| Some((OsString::from(name), environment(name)?)))
            .collect();
        self
    }

    /// The variables of the environment that [`Git::user`] asks for.
    pub const fn variables() -> &'static [&'static str] {
        &USER_VARIABLES
    }

    /// What git knows of files that were read below `root`: their paths from
    /// there and their bytes; of a symbolic link, its text.
    pub fn inspect<'b>(
        &self,
        root: &Path,
        reads: impl IntoIterator<Item = (&'b RelPath, &'b [u8])>,
    ) -> GitState {
        let root = match std::fs::canonicalize(root) {
            Ok(root) => root,
            Err(e) => {
                let reason = e.to_string();
                return GitState::Unknown { reason };
            }
        };
        // Git would look for a repository just so; without one it need not start.
        let marked = |dir: &Path| dir.join(".git").symlink_metadata().is_ok();
        if !root.ancestors().any(marked) {
            return GitState::NoRepository;
        }
        match self.ask(&root, reads.into_iter().collect()) {
            Ok(head) => GitState::Head(head),
            Err(reason) => GitState::Unknown { reason },
        }
    }

    fn ask(&self, root: &Path, reads: Vec<(&RelPath, &[u8])>) -> Result<Head, String> {
        let (mut asked, mut differs) = (Vec::new(), Vec::new());
        let mut input = String::from("info HEAD\ncontents HEAD\n");
        for (path, bytes) in reads {
            // A question is one line; git strips a carriage return at its end.
            if path.as_str().contains(char::is_control) {
                differs.push(path.clone());
            } else {
                let _ = writeln!(input, "info HEAD:./{}", path.as_str());
                asked.push((path, bytes));
            }
        }
        let out = run(&Run {
            program: &self.program,
            args: [
                "cat-file",
                "--batch-command=%(objectname) %(objecttype) %(objectsize)",
                "--buffer",
            ]
            .map(Into::into)
            .into(),
            directory: root,
            environment: self.environment(),
            input: input.as_bytes(),
            deadline: DEADLINE,
            output_max: OUTPUT_MAX,
        })
        .map_err(|e| e.to_string())?;
        if out.code != 0 {
            let said = first_line(&out.stderr);
            let said = said.strip_prefix("fatal: ").unwrap_or(&said);
            return Err(match said {
                "" => format!("git ended with code {}", out.code),
                said => said.to_owned(),
            });
        }
        let mut answers = Answers(&out.stdout);
        let commit = answers.info().ok_or("it has no commit yet")?;
        let committed = answers.commit_time().ok_or("HEAD is not a commit")?;
        let sha256 = commit.len() == 64;
        for (path, bytes) in asked {
            if answers.info() != Some(blob_id(bytes, sha256)) {
                differs.push(path.clone());
            }
        }
        differs.sort_unstable();
        Ok(Head {
            commit,
            committed,
            differs,
        })
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let own = [
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            // Objects that a partial clone left out are not fetched: by word to
            // newer gits, and to older ones by having no transport to do so.
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_ALLOW_PROTOCOL", "none"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ];
        own.iter()
            .map(|(k, v)| (OsStr::new(k).to_owned(), OsStr::new(v).to_owned()))
            .chain(self.user.iter().cloned())
            .collect()
    }
}

/// The id that git gives a blob of these bytes.
fn blob_id(bytes: &[u8], sha256: bool) -> String {
    let head = format!("blob {}\0", bytes.len());
    if sha256 {
        hex(&Sha256::new()
            .chain_update(head)
            .chain_update(bytes)
            .finalize())
    } else {
        hex(&Sha1::new()
            .chain_update(head)
            .chain_update(bytes)
            .finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// What `cat-file` answers, one after the other.
struct Answers<'a>(&'a [u8]);

impl<'a> Answers<'a> {
    fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|b| *b == b'\n');
        let (line, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        line
    }

    /// The id in `<id> <type> <size>`; nothing for `<question> missing`.
    fn info(&mut self) -> Option<String> {
        let line = std::str::from_utf8(self.line()).ok()?;
        let (id, rest) = line.split_once(' ')?;
        let known = matches!(rest.split_once(' '), Some(("commit" | "blob", _)))
            && matches!(id.len(), 40 | 64)
            && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        known.then(|| id.to_owned())
    }

    /// When the commit whose whole text comes next was committed.
    fn commit_time(&mut self) -> Option<i64> {
        let head = std::str::from_utf8(self.line()).ok()?;
        let size: usize = head.rsplit(' ').next()?.parse().ok()?;
        let (text, rest) = self.0.split_at_checked(size)?;
        self.0 = rest.get(1..)?;
        let line = text
            .split(|b| *b == b'\n')
            .take_while(|line| !line.is_empty())
            .find(|line| line.starts_with(b"committer "))?;
        let mut words = line.rsplit(|b| *b == b' ');
        let _zone = words.next()?;
        std::str::from_utf8(words.next()?).ok()?.parse().ok()
    }
}

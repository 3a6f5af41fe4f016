//! Findings: what is wrong, where, and what to do.
//!
//! An operation that can fail in several places at once answers with all of
//! its findings. Who speaks to people turns them into lines, and their classes
//! into an exit code.

use std::fmt;

/// What kind of wrong a finding is; the exit codes rest on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A name, a version, a setting or a document is not valid.
    Usage,
    /// A package is damaged.
    Integrity,
    /// A signature, a key or freshness is wanting.
    Trust,
    /// Refused on purpose.
    Policy,
    /// It exists already, is locked, or was changed by someone else.
    Conflict,
    /// The local disk or operating system failed.
    Io,
    /// A registry or the network failed.
    Remote,
    /// The cluster cannot be reached, refuses, is not healthy, or lacks what
    /// the package needs.
    Cluster,
}

/// Whether a finding stops the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a look; the operation goes on.
    Warning,
    /// The operation is refused.
    Error,
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// A file, relative to the root or the package.
    pub path: String,
    /// The line in it, from 1.
    pub line: Option<u32>,
}

/// One thing that is wrong, or worth knowing.
///
/// The texts may hold untrusted characters: whoever prints them escapes them.
///
/// ```
/// use model::finding::{Class, Finding};
/// let f = Finding::error("image-floating", Class::Policy, "image nginx:latest has no digest")
///     .at("k8s/clients/acme/web.yaml", 12)
///     .help("run consign lock --client acme");
/// assert_eq!(f.to_string(), "k8s/clients/acme/web.yaml:12: image nginx:latest has no digest");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name for machines, in kebab-case.
    pub code: &'static str,
    /// What kind of wrong it is.
    pub class: Class,
    /// Whether it stops the operation.
    pub severity: Severity,
    /// One line: what and why.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// A finding that stops the operation.
    pub fn error(code: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self {
            code,
            class,
            severity: Severity::Error,
            message: message.into(),
            place: None,
            help: None,
        }
    }

    /// A finding that does not.
    pub fn warning(code: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, class, message)
        }
    }

    /// Something good to know.
    pub fn info(code: &'static str, class: Class, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::error(code, class, message)
        }
    }

    /// Says the file and the line; line 0 is no line.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>, line: u32) -> Self {
        self.place = Some(Place {
            path: path.into(),
            line: (line > 0).then_some(line),
        });
        self
    }

    /// Says the file.
    #[must_use]
    pub fn in_file(self, path: impl Into<String>) -> Self {
        self.at(path, 0)
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the operation.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:", place.path)?;
            if let Some(line) = place.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {}

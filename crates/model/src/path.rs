//! Relative paths that stay below their root.

use std::fmt;
use std::str::FromStr;

/// The longest path that is read or written, in bytes (Linux `PATH_MAX`).
pub const PATH_MAX: usize = 4096;

/// A path below some root: UTF-8 components joined by `/`, none of them empty,
/// `.` or `..`, no NUL; or the root itself, which is the empty text.
///
/// ```
/// use model::path::RelPath;
/// let p: RelPath = "k8s/clients/acme".parse().unwrap();
/// assert_eq!(p.parent().unwrap().as_str(), "k8s/clients");
/// assert_eq!(p.file_name(), Some("acme"));
/// assert_eq!(p.join("../base/x.yaml").unwrap().as_str(), "k8s/clients/base/x.yaml");
/// assert!("../x".parse::<RelPath>().is_err());
/// assert!(p.join("../../../../etc").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RelPath(String);

/// Why a text is no path below a root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It begins with `/`.
    #[error("the path is absolute")]
    Absolute,
    /// It leads above the root.
    #[error("the path leaves its root")]
    Escapes,
    /// It has an empty, `.` or `..` component where only names are allowed.
    #[error("the path has an empty, '.' or '..' component")]
    Component,
    /// It holds a NUL byte.
    #[error("the path holds a NUL")]
    Nul,
    /// It is longer than [`PATH_MAX`].
    #[error("the path is longer than {PATH_MAX} bytes")]
    Long,
}

impl RelPath {
    /// The root itself.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// The text; empty for the root itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|c| !c.is_empty())
    }

    /// The last component.
    pub fn file_name(&self) -> Option<&str> {
        self.components().next_back()
    }

    /// All but the last component; `None` for the root itself.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(
            self.0
                .rsplit_once('/')
                .map_or("", |(head, _)| head)
                .to_owned(),
        ))
    }

    /// This path followed by `tail`, in which `.` and `..` are allowed and
    /// resolved as text.
    pub fn join(&self, tail: &str) -> Result<Self, PathError> {
        if tail.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if tail.contains('\0') {
            return Err(PathError::Nul);
        }
        let mut parts: Vec<&str> = self.components().collect();
        for part in tail.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or(PathError::Escapes)?;
                }
                name => parts.push(name),
            }
        }
        let joined = parts.join("/");
        if joined.len() > PATH_MAX {
            return Err(PathError::Long);
        }
        Ok(Self(joined))
    }

    /// Whether this path is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        other.is_root()
            || self
                .0
                .strip_prefix(&other.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The part of this path below `other`.
    pub fn below(&self, other: &Self) -> Option<Self> {
        if !self.is_within(other) {
            return None;
        }
        Some(Self(
            self.0[other.0.len()..].trim_start_matches('/').to_owned(),
        ))
    }
}

impl FromStr for RelPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        if text.len() > PATH_MAX {
            return Err(PathError::Long);
        }
        if !text.is_empty() && text.split('/').any(|c| matches!(c, "" | "." | "..")) {
            return Err(PathError::Component);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

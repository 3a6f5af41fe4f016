//! What became of a version.

use std::fmt;
use std::str::FromStr;

/// What became of a version in one context.
///
/// `superseded` and `active` are the specification's ("Version Tracking"); the
/// others tell apart what it has no word for.
///
/// ```
/// use catalog::tracking::Status;
/// assert_eq!("rolled-back".parse(), Ok(Status::RolledBack));
/// assert_eq!(Status::RolledBack.to_string(), "rolled-back");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It serves.
    Active,
    /// It has served; another version took its place.
    Superseded,
    /// It was deployed, did not serve, and nothing was put in its place.
    Failed,
    /// It was deployed, did not serve, and the version before it was put back.
    RolledBack,
    /// It has served, and was taken away with nothing in its place.
    Removed,
}

/// A text that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is none of active, superseded, failed, rolled-back and removed")]
pub struct UnknownStatus;

impl Status {
    const ALL: [Self; 5] = [
        Self::Active,
        Self::Superseded,
        Self::Failed,
        Self::RolledBack,
        Self::Removed,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Removed => "removed",
        }
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let found = Self::ALL.into_iter().find(|s| s.as_str() == text);
        found.ok_or(UnknownStatus)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

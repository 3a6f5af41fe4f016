//! What is to be noted.

use model::name::{ClientName, Namespace};
use model::version::Version;

use super::context::ContextName;
use super::status::Status;
use super::time::Time;

/// Whether a context is the one that the plain fields follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primary {
    /// It is.
    Yes,
    /// It is another.
    No,
}

/// What became of a version in a context.
///
/// If it is [`Status::Active`], every other active version of that client in
/// that context becomes superseded; with every other status they stay as they
/// are, for the earlier version still serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose package.
    pub client: ClientName,
    /// The namespace it lives in.
    pub namespace: Namespace,
    /// Which version.
    pub version: Version,
    /// In which context.
    pub context: ContextName,
    /// Whether the plain fields follow that context.
    pub primary: Primary,
    /// What became of it.
    pub status: Status,
    /// When it was deployed, or taken away.
    pub at: Time,
    /// The version that the cluster's record called active before. If the file
    /// calls another one active, and since a later time, this change is an old
    /// one, and does not override what is newer.
    pub former: Option<Version>,
}

//! What a run tells while it goes on. Whoever speaks to people turns it into
//! lines.

use model::finding::Finding;

use crate::apply::Applied;
use crate::hold::Taking;
use crate::object::ObjectId;
use crate::wait::Watched;

/// Something happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A Lease is watched or taken over.
    Taking(Taking<'a>),
    /// The first change to the cluster is about to be sent.
    Writing,
    /// Objects are about to be applied.
    Executing,
    /// An object was applied.
    Applied(&'a Applied),
    /// Waiting begins.
    Stabilizing,
    /// How an object that is waited for stands.
    Watched(&'a ObjectId, Watched),
    /// All that was applied serves, with so many pods.
    Serving(usize),
    /// An object of an earlier release was removed.
    Removed(&'a ObjectId),
    /// An object of an earlier release stays, for this reason.
    Stays(&'a ObjectId, &'a str),
    /// The rollout failed; why.
    Failed(&'a [Finding]),
    /// The version before is put back.
    RollingBack(&'a str),
    /// Worth knowing.
    Note(Finding),
}

/// Whom events are told.
pub type Tell<'a> = dyn FnMut(Event<'_>) + Send + 'a;

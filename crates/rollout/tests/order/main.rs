//! In which order objects are applied and removed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod items;

mod apply;
mod laws;
mod references;
mod removal;

//! Package format 1, from both ends.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod fixture;

mod bundle;
mod deploy;
mod golden;
mod laws;
mod trust;
mod verify;

//! What is decided before anything is done: drafts, plans and what they rest
//! on.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fixture;
#[path = "../api_server/mutations.rs"]
mod mutations;
mod sealed;

mod access;
mod compare;
mod draft;
mod health;
mod holder;
mod needs;
mod planned;
mod record;
mod redacted;
mod removal;

//! What `config/clients.yaml` says after each change, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ground;

mod contexts;
mod doubts;
mod laws;
mod layout;
mod older;
mod refusals;
mod statuses;

//! `config/clients.yaml` on disk: many writers, kills, editors, places where it
//! cannot be written, and the journal of what could not be noted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ground;

mod editor;
mod journal;
mod kill;
mod places;
mod writers;

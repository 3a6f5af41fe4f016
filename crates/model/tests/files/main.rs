//! The door to the disk, on a real disk.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its ground has failed"
)]

mod area;
mod ground;
mod publish;
mod root;
mod tree;
mod write;

//! Faults of the machine against the real binary: killed, refused, raced,
//! moved.
//!
//! `strace` stops the binary at a system call and makes it fail or kills it
//! there; nothing in the binary knows of it.

mod errors;
mod kill;
mod races;
mod reading;
mod same;
mod stage;

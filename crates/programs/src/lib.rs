//! Runs other programs, each in one file.
//!
//! By absolute path, with an environment made from nothing, in a process group
//! of their own, with a deadline and a bound on what they may say. What a
//! program needs from our environment is handed in by whoever knows it.

pub mod process;

pub mod bash;
pub mod credential_helper;
pub mod git;

//! Whether objects are ready, and whether they serve.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod objects;

mod cluster;
mod custom;
mod daemon_set;
mod deployment;
mod job;
mod pod;
mod pull;
mod recorded;
mod replica_set;
mod serving;
mod settling;
mod stateful_set;
mod when;

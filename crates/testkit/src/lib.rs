//! Real servers and tools for the tests.
//!
//! Nothing here is a mock: servers are the real programs, started on loopback
//! and gone when the test is over, however it ends.

#![expect(
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use,
    reason = "a test kit panics wherever a test cannot go on, and is chained for its assertions"
)]

pub mod consign;
pub mod directory;

pub mod process;

pub mod tools;

pub mod certificate;
pub mod http;
pub mod https;

pub mod apiserver;

pub mod api_proxy;

pub mod proxy;
pub mod realm;
pub mod registry;

pub mod image;
pub mod node;

pub mod cluster;

//! Real servers and tools for the tests.
//!
//! Nothing here is a mock: servers are the real programs, started on loopback
//! and gone when the test is over, however it ends.

pub mod process;

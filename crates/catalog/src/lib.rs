//! Which clients and packages exist.
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod clients;
pub mod packages;

//! Which clients and packages exist, and which version of each was deployed.
//!
//! The modules are listed bottom-up: a module names only modules above it.

pub mod clients;
pub mod packages;

pub mod tracking;

pub mod index;

pub mod journal;

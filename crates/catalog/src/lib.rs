//! Which clients and packages exist.

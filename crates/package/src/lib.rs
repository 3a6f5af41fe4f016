//! Objects sealed into a package, and a package opened again.

pub mod schema;

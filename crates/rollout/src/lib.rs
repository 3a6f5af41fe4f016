//! Brings a cluster to a package.

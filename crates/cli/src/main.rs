//! consign: immutable deployment packages for Kubernetes.

fn main() {}

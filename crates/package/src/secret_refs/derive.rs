//! Which Secrets the objects read.

use std::collections::{BTreeMap, BTreeSet};

use model::object::Object;

/// Whether something works without a Secret or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Every reference is optional.
    Optional,
    /// At least one is not.
    Required,
}

/// What reads a Secret besides the pods' containers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// Pods read it; it comes from Vault.
    Pods,
    /// The kubelet pulls images with it.
    ImagePull,
    /// These Ingresses serve TLS with it.
    IngressTls(BTreeSet<String>),
}

/// What is read of one Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretNeed {
    /// Who reads it.
    pub reader: Reader,
    /// Set when it is read whole.
    pub whole: Option<Need>,
    /// The keys that are read by name.
    pub keys: BTreeMap<String, Need>,
}

/// Every Secret that the objects read, by name.
pub fn derive(_objects: &[Object]) -> BTreeMap<String, SecretNeed> {
    BTreeMap::new()
}

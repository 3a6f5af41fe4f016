//! secrets.env.enc.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::Finding;
use model::name::{ClientName, Namespace};
use model::version::Version;

use super::{SecretNeed, VaultPath};

/// What the file says at its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Whose package it is.
    pub client: ClientName,
    /// Which version.
    pub version: Version,
    /// Where it is deployed.
    pub namespace: Namespace,
    /// When it was made, as in MANIFEST.json.
    pub created: String,
}

/// Where Secrets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// The client's own path, mount first (`secret/clients/acme-corp`).
    pub path: VaultPath,
    /// The mount of the KV engine (`secret`), which `path` begins with.
    pub mount: VaultPath,
    /// The Secret that lives at the client's own path (`ge-secrets`).
    pub primary: String,
    /// Image-pull and TLS Secrets that come from Vault too.
    pub also: BTreeSet<String>,
}

/// The text of secrets.env.enc.
pub fn print(
    _header: &Header,
    _needs: &BTreeMap<String, SecretNeed>,
    _vault: &VaultSettings,
) -> Result<String, Vec<Finding>> {
    Ok(String::new())
}

/// What secrets.env.enc says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {}

/// Reads secrets.env.enc.
pub fn parse(_text: &str) -> Result<Document, Vec<Finding>> {
    Ok(Document {})
}

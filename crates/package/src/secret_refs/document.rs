//! secrets.env.enc as it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::version::Version;

use super::{Need, Reader, SecretNeed, VaultMount, VaultPath};
use crate::{names, sensitive};

/// What the first line begins with.
pub(super) const TITLE: &str = "# Secrets Reference for ";
/// What stands before the time it was made.
pub(super) const GENERATED: &str = "# Generated: ";
/// What stands before the namespace.
pub(super) const NAMESPACE: &str = "# Namespace: ";
/// What stands above the Secrets.
pub(super) const SECRETS: &str = "# Required secrets:";
/// What stands above the Vault paths.
pub(super) const PATHS: &str = "# Vault paths:";
/// What stands above the keys.
pub(super) const KEYS: &str = "# Secret keys expected:";
/// What stands before a Secret or a key.
pub(super) const ITEM: &str = "# - ";
/// Stands for no Secret and no key.
pub(super) const NONE: &str = "(none)";
/// The lines below the title.
pub(super) const PREAMBLE: [&str; 4] = [
    "# ============================================",
    "# This file contains references to secrets, not actual values.",
    "# Actual secrets must be retrieved from Vault during deployment.",
    "#",
];
/// The lines at the end.
pub(super) const CLOSING: [&str; 2] =
    ["#", "# To deploy, ensure Vault is unsealed and accessible."];
/// The variable with the path of the primary Secret; those of others begin
/// with it and `_`.
pub(super) const PATH_VARIABLE: &str = "VAULT_SECRET_PATH";
/// The variable with the namespace.
pub(super) const NAMESPACE_VARIABLE: &str = "VAULT_NAMESPACE";

/// What the file says at its top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Whose package it is.
    pub client: ClientName,
    /// Which version.
    pub version: Version,
    /// Where it is deployed.
    pub namespace: Namespace,
    /// When it was made, RFC 3339, as in MANIFEST.json.
    pub created: String,
}

/// Where Secrets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    /// The client's own path, mount first (`secret/clients/acme-corp`).
    pub path: VaultPath,
    /// The mount of the KV engine (`secret`), which `path` is below.
    pub mount: VaultMount,
    /// The Secret that lives at the client's own path (`ge-secrets`).
    pub primary: String,
    /// Image-pull and TLS Secrets that come from Vault too.
    pub also: BTreeSet<String>,
}

/// What secrets.env.enc says, line by line.
///
/// [`Document::new`] makes it of what the objects read; its [`Display`](fmt::Display) is the
/// file, and [`parse`](super::parse()) reads it again.
///
/// The bytes, in this order, each line ended by a newline: the title
/// `# Secrets Reference for <client> <version>`; a rule and two sentences; `#`;
/// `# Generated: <time>`; `# Namespace: <namespace>`; `#`;
/// `# Required secrets:` and an item for each Secret; `#`; `# Vault paths:`;
/// `VAULT_SECRET_PATH=<mount>/data/<path>`, one `VAULT_SECRET_PATH_<NAME>=…`
/// for each other Secret (its name in upper case, `-` and `.` as `_`, and
/// `_2`, `_3` … after it where two would be the same), and
/// `VAULT_NAMESPACE=<namespace>`; `# Secret keys expected:` and an item for
/// each key; `#` and a closing sentence.
///
/// The items of Secrets are `# - <name> (from Vault path: <path>)`, the
/// primary one first, then the others by name; `# - <name> (image pull secret)`;
/// `# - <name> (TLS of Ingress <name>, Gateway <name>)`. Those of keys are
/// `# - <key>` for the primary Secret, then `# - <secret>/<key>` for the
/// others by name, each with ` (if applicable)` after it when nothing stops
/// without it; a Secret that is read whole is `# - <secret> (all keys)` or
/// `# - <secret> (all keys, if applicable)`, before its keys. `# - (none)`
/// stands where there is no item.
///
/// Source of the form: the specification's "secrets.env.enc Format", and
/// package format 1 where that is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Whose package it is.
    pub client: ClientName,
    /// Which version.
    pub version: Version,
    /// When it was made; scripts may leave it out.
    pub created: Option<String>,
    /// Where it is deployed, as a comment; scripts may leave it out.
    pub namespace: Option<Namespace>,
    /// The Secrets.
    pub secrets: Vec<Listed>,
    /// The Vault paths.
    pub paths: Vec<PathLine>,
    /// The namespace, as a variable; scripts may leave it out.
    pub vault_namespace: Option<Namespace>,
    /// The keys.
    pub keys: Vec<KeyLine>,
}

/// A Secret that is required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where a Secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// From this path in Vault, mount first.
    Vault(VaultPath),
    /// From elsewhere; the kubelet pulls images with it.
    ImagePull,
    /// From elsewhere; these serve TLS with it (`Ingress web`).
    Tls(BTreeSet<String>),
}

/// A `VAULT_…_PATH…=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathLine {
    /// The variable.
    pub variable: String,
    /// The path, with `data/` after its mount.
    pub path: VaultPath,
}

/// A key that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLine {
    /// One key.
    Key {
        /// The Secret; `None` for the primary one.
        secret: Option<String>,
        /// The key.
        key: String,
        /// Whether it may be missing.
        need: Need,
    },
    /// All keys.
    Whole {
        /// The Secret.
        secret: String,
        /// Whether it may be missing.
        need: Need,
    },
}

impl Document {
    /// The document of these Secrets.
    ///
    /// The primary Secret is the one that settings name, else the only one
    /// that comes from Vault.
    ///
    /// Findings are of class [`Policy`](Class::Policy), code `secret-name`: a
    /// name or key that Kubernetes does not allow, or that looks like a value,
    /// which is then not shown; a path that is not allowed.
    pub fn new(
        header: &Header,
        needs: &BTreeMap<String, SecretNeed>,
        vault: &VaultSettings,
    ) -> Result<Self, Vec<Finding>> {
        let mut maker = Maker {
            vault,
            primary: primary(needs, vault),
            findings: Vec::new(),
        };
        maker.check(header, needs);
        let document = maker.document(header, needs);
        if maker.findings.is_empty() {
            Ok(document)
        } else {
            Err(maker.findings)
        }
    }
}

/// Whether a text may be the time in the file: the characters of RFC 3339.
pub(super) fn is_time(text: &str) -> bool {
    /// Nanoseconds and an offset take 35.
    const MAX: usize = 40;
    text.len() <= MAX
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'T' | b'Z' | b':' | b'.' | b'+' | b'-'))
}

/// Whether a name looks like a value.
pub(super) fn is_value(text: &str) -> bool {
    sensitive::is_random(text) || sensitive::look(text).is_some()
}

fn is_from_vault(name: &str, need: &SecretNeed, vault: &VaultSettings) -> bool {
    need.reader == Reader::Pods || vault.also.contains(name)
}

fn primary<'a>(needs: &'a BTreeMap<String, SecretNeed>, vault: &VaultSettings) -> Option<&'a str> {
    let mut from_vault = needs
        .iter()
        .filter(|(name, need)| is_from_vault(name, need, vault))
        .map(|(name, _)| name.as_str());
    let first = from_vault.next()?;
    match from_vault.next() {
        None => Some(first),
        Some(second) => [first, second]
            .into_iter()
            .chain(from_vault)
            .find(|name| *name == vault.primary),
    }
}

struct Maker<'a> {
    vault: &'a VaultSettings,
    primary: Option<&'a str>,
    findings: Vec<Finding>,
}

impl Maker<'_> {
    fn refuse(&mut self, why: String) {
        self.findings
            .push(Finding::error("secret-name", Class::Policy, why));
    }

    fn check(&mut self, header: &Header, needs: &BTreeMap<String, SecretNeed>) {
        if !is_time(&header.created) {
            self.refuse(format!("{} is no time of RFC 3339", header.created));
        }
        for (name, need) in needs {
            if !names::is_subdomain(name) {
                self.refuse(format!("Secret {name}: the name is no DNS subdomain"));
                continue;
            }
            if is_value(name) {
                self.refuse("the name of a Secret looks like a value".to_owned());
                continue;
            }
            for key in need.keys.keys() {
                if is_value(key) {
                    self.refuse(format!("Secret {name}: a key looks like a value"));
                } else if !names::is_data_key(key) {
                    self.refuse(format!(
                        "Secret {name}: key {key} is not made of letters, digits, '.', '_' and '-'"
                    ));
                }
            }
        }
    }

    fn document(&mut self, header: &Header, needs: &BTreeMap<String, SecretNeed>) -> Document {
        let mut document = Document {
            client: header.client.clone(),
            version: header.version.clone(),
            created: Some(header.created.clone()),
            namespace: Some(header.namespace.clone()),
            secrets: Vec::new(),
            paths: Vec::new(),
            vault_namespace: Some(header.namespace.clone()),
            keys: Vec::new(),
        };
        // The client's own path is named even when no Secret lives there, as
        // the specification's form has it.
        self.path(
            &mut document,
            PATH_VARIABLE.to_owned(),
            &self.vault.path.clone(),
        );
        let rank = |name: &str, need: &SecretNeed| match &need.reader {
            _ if Some(name) == self.primary => 0,
            _ if is_from_vault(name, need, self.vault) => 1,
            Reader::ImagePull => 2,
            _ => 3,
        };
        let mut sorted: Vec<(&String, &SecretNeed)> = needs.iter().collect();
        sorted.sort_by_key(|(name, need)| rank(name, need));
        for (name, need) in sorted {
            let is_primary = self.primary == Some(name);
            let source = if is_primary {
                Some(Source::Vault(self.vault.path.clone()))
            } else if is_from_vault(name, need, self.vault) {
                self.below(&mut document, name).map(Source::Vault)
            } else {
                match &need.reader {
                    Reader::Tls(by) => Some(Source::Tls(by.clone())),
                    Reader::Pods | Reader::ImagePull => Some(Source::ImagePull),
                }
            };
            if let Some(source) = source {
                document.secrets.push(Listed {
                    name: name.clone(),
                    source,
                });
            }
            if let Some(need) = need.whole {
                document.keys.push(KeyLine::Whole {
                    secret: name.clone(),
                    need,
                });
            }
            for (key, need) in &need.keys {
                document.keys.push(KeyLine::Key {
                    secret: (!is_primary).then(|| name.clone()),
                    key: key.clone(),
                    need: *need,
                });
            }
        }
        document
    }

    fn path(&mut self, document: &mut Document, variable: String, path: &VaultPath) {
        match path.data(&self.vault.mount) {
            Ok(path) => document.paths.push(PathLine { variable, path }),
            Err(why) => self.refuse(format!("Vault path {path}: {why}")),
        }
    }

    /// The path of a Secret that is not the primary one.
    fn below(&mut self, document: &mut Document, name: &str) -> Option<VaultPath> {
        let path = match self.vault.path.join(name) {
            Ok(path) => path,
            Err(why) => {
                // A name that is refused has been said already.
                if names::is_subdomain(name) && !is_value(name) {
                    self.refuse(format!("Vault path of Secret {name}: {why}"));
                }
                return None;
            }
        };
        let suffix = name.to_ascii_uppercase().replace(['-', '.'], "_");
        let base = format!("{PATH_VARIABLE}_{suffix}");
        let mut variable = base.clone();
        let mut count = 2;
        while document.paths.iter().any(|p| p.variable == variable) {
            variable = format!("{base}_{count}");
            count += 1;
        }
        self.path(document, variable, &path);
        Some(path)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}{} {}", self.client, self.version)?;
        for line in PREAMBLE {
            writeln!(f, "{line}")?;
        }
        if let Some(created) = &self.created {
            writeln!(f, "{GENERATED}{created}")?;
        }
        if let Some(namespace) = &self.namespace {
            writeln!(f, "{NAMESPACE}{namespace}")?;
        }
        writeln!(f, "#\n{SECRETS}")?;
        for secret in &self.secrets {
            writeln!(f, "{ITEM}{secret}")?;
        }
        if self.secrets.is_empty() {
            writeln!(f, "{ITEM}{NONE}")?;
        }
        writeln!(f, "#\n{PATHS}")?;
        for line in &self.paths {
            writeln!(f, "{}={}", line.variable, line.path)?;
        }
        if let Some(namespace) = &self.vault_namespace {
            writeln!(f, "{NAMESPACE_VARIABLE}={namespace}")?;
        }
        writeln!(f, "{KEYS}")?;
        for key in &self.keys {
            writeln!(f, "{ITEM}{key}")?;
        }
        if self.keys.is_empty() {
            writeln!(f, "{ITEM}{NONE}")?;
        }
        for line in CLOSING {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Vault(path) => write!(f, "{} (from Vault path: {path})", self.name),
            Source::ImagePull => write!(f, "{} (image pull secret)", self.name),
            Source::Tls(by) => {
                let by: Vec<&str> = by.iter().map(String::as_str).collect();
                write!(f, "{} (TLS of {})", self.name, by.join(", "))
            }
        }
    }
}

impl fmt::Display for KeyLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { secret, key, need } => {
                if let Some(secret) = secret {
                    write!(f, "{secret}/")?;
                }
                f.write_str(key)?;
                if *need == Need::Optional {
                    f.write_str(" (if applicable)")?;
                }
                Ok(())
            }
            Self::Whole { secret, need } => {
                let suffix = match need {
                    Need::Optional => "(all keys, if applicable)",
                    Need::Required => "(all keys)",
                };
                write!(f, "{secret} {suffix}")
            }
        }
    }
}

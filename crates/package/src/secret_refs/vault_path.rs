//! Paths in Vault.

use std::fmt;
use std::str::FromStr;

use crate::sensitive;

/// The longest path: a KV path as long as this still fits any log line and
/// URL that Vault makes of it.
pub const VAULT_PATH_MAX: usize = 1024;

/// A path in Vault, its mount first: two or more components of letters,
/// digits, `.`, `_` and `-`, joined by `/`, none of them `.` or `..`.
///
/// What Vault's policies or HTTP give a second meaning cannot be written:
/// wildcards (`*`, `+`), percent-encoding, queries, a slash at either end. So
/// a path below a client's prefix stays below it.
///
/// ```
/// use package::secret_refs::VaultPath;
/// let path: VaultPath = "secret/clients/acme-corp".parse().unwrap();
/// assert_eq!(path.join("db").unwrap().as_str(), "secret/clients/acme-corp/db");
/// let mount = "secret".parse().unwrap();
/// assert_eq!(path.data(&mount).unwrap().as_str(), "secret/data/clients/acme-corp");
/// for bad in ["secret", "secret/../x", "secret/%2e%2e/x", "secret/*", "/secret/x", "secret/x/"] {
///     assert!(bad.parse::<VaultPath>().is_err(), "{bad}");
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultPath(String);

/// The mount of a KV engine: one or more components as in [`VaultPath`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultMount(String);

/// Why a text is no Vault path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultPathError {
    /// A component is empty: there is nothing, or a slash at an end, or two
    /// together.
    #[error("a component between slashes is empty")]
    Empty,
    /// There is a mount only.
    #[error("a Vault path is a mount and at least one name below it")]
    Short,
    /// It is too long.
    #[error("the path is longer than {VAULT_PATH_MAX} characters")]
    Long,
    /// A component is `.` or `..`.
    #[error("'.' and '..' are not allowed")]
    Dots,
    /// A character is not allowed.
    #[error("only letters, digits, '.', '_', '-' and '/' are allowed")]
    Character,
    /// It looks like a value.
    #[error("it looks like a value, not like a name")]
    Value,
    /// The path is not below the mount.
    #[error("the path is not below its mount")]
    Mount,
}

fn check(text: &str) -> Result<(), VaultPathError> {
    if text.len() > VAULT_PATH_MAX {
        return Err(VaultPathError::Long);
    }
    for component in text.split('/') {
        if component.is_empty() {
            return Err(VaultPathError::Empty);
        }
        if component
            .bytes()
            .any(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')))
        {
            return Err(VaultPathError::Character);
        }
        if component.bytes().all(|b| b == b'.') {
            return Err(VaultPathError::Dots);
        }
        if sensitive::is_random(component) || sensitive::look(component).is_some() {
            return Err(VaultPathError::Value);
        }
    }
    // A value in base64 has slashes too.
    if sensitive::is_random(&text.replace('/', "")) {
        return Err(VaultPathError::Value);
    }
    Ok(())
}

impl VaultPath {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a name below this one.
    pub fn join(&self, name: &str) -> Result<Self, VaultPathError> {
        format!("{self}/{name}").parse()
    }

    /// The path of the values in a KV engine of version 2: `data/` after the
    /// mount.
    pub fn data(&self, mount: &VaultMount) -> Result<Self, VaultPathError> {
        let below = self
            .0
            .strip_prefix(&mount.0)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or(VaultPathError::Mount)?;
        format!("{mount}/data/{below}").parse()
    }

    /// Whether this path is `other` or below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0
            .strip_prefix(&other.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// `secret`, the mount of the specification's examples.
impl Default for VaultMount {
    fn default() -> Self {
        Self("secret".to_owned())
    }
}

impl VaultMount {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VaultPath {
    type Err = VaultPathError;

    fn from_str(text: &str) -> Result<Self, VaultPathError> {
        check(text)?;
        if !text.contains('/') {
            return Err(VaultPathError::Short);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for VaultMount {
    type Err = VaultPathError;

    fn from_str(text: &str) -> Result<Self, VaultPathError> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VaultMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for VaultMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

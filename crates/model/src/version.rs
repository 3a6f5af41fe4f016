//! Versions of packages, and the names of packages.

use std::fmt;
use std::str::FromStr;

use crate::name::{ClientName, NameError};

/// The longest version, in characters: it is a Kubernetes label value on the
/// release record, and those end at 63.
pub const VERSION_MAX: usize = 63;

/// A version: `vMAJOR.MINOR.PATCH[-prerelease]` of semver 2.0, ordered by its
/// precedence.
///
/// Build metadata is refused, because two versions that differ only in it have
/// the same precedence and `+` cannot stand in an OCI tag.
///
/// ```
/// use model::version::Version;
/// let rc: Version = "v2.0.0-rc1".parse().unwrap();
/// assert!(rc < "v2.0.0".parse().unwrap());
/// assert_eq!(rc.to_string(), "v2.0.0-rc1");
/// for bad in ["1.2.3", "v1.2", "latest", "v01.1.1", "v1.2.3+meta"] {
///     assert!(bad.parse::<Version>().is_err());
/// }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// It does not begin with `v`.
    #[error("it must begin with 'v'")]
    Prefix,
    /// It carries build metadata.
    #[error("build metadata ('+…') is not allowed")]
    Build,
    /// It is too long.
    #[error("it has more than {VERSION_MAX} characters")]
    Long,
    /// What follows `v` is not a semantic version.
    #[error("it is not a semantic version: {0}")]
    Semver(String),
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let rest = text.strip_prefix('v').ok_or(VersionError::Prefix)?;
        if rest.contains('+') {
            return Err(VersionError::Build);
        }
        if text.chars().count() > VERSION_MAX {
            return Err(VersionError::Long);
        }
        semver::Version::parse(rest)
            .map(Self)
            .map_err(|e| VersionError::Semver(e.to_string()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A package's name, which is also its directory's: `<client>-vX.Y.Z`.
///
/// ```
/// use model::version::PackageName;
/// let p: PackageName = "test-client-v1.0.0-rc1".parse().unwrap();
/// assert_eq!(p.client.as_str(), "test-client");
/// assert_eq!(p.version.to_string(), "v1.0.0-rc1");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName {
    /// Whose package it is.
    pub client: ClientName,
    /// Which version.
    pub version: Version,
}

/// Why a text is no package name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackageNameError {
    /// There is no `-v` followed by a version.
    #[error("it is not of the form <client>-vX.Y.Z")]
    Form,
    /// The part before the version is no client name.
    #[error("the client's name is not allowed: {0}")]
    Client(#[source] NameError),
}

impl FromStr for PackageName {
    type Err = PackageNameError;

    /// Splits at the first `-v` that is followed by a version. A client's name
    /// has no dots, so there is never a second reading.
    fn from_str(text: &str) -> Result<Self, PackageNameError> {
        let (client, version) = text
            .match_indices("-v")
            .find_map(|(at, _)| {
                let version = text[at + 1..].parse().ok()?;
                Some((&text[..at], version))
            })
            .ok_or(PackageNameError::Form)?;
        Ok(Self {
            client: client.parse().map_err(PackageNameError::Client)?,
            version,
        })
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.client, self.version)
    }
}

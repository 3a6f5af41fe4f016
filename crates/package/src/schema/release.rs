//! The releases of Kubernetes there are schemas for.

use std::fmt;

use model::finding::{Class, Finding};

/// A minor release of Kubernetes there are schemas for.
///
/// ```
/// use package::schema::Release;
/// let release = Release::parse("1.36").unwrap();
/// assert_eq!(release.to_string(), "1.36");
/// assert_eq!(Release::parse("v1.36.3"), Ok(release));
/// assert!(Release::parse("1.20").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(u8);

/// Whether objects of a kind live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// They live in a namespace.
    Namespaced,
    /// They belong to the whole cluster.
    Cluster,
    /// The kind is not known.
    Unknown,
}

impl Release {
    /// The first minor release there are schemas for.
    const FIRST: u8 = 33;
    /// The last one.
    const LAST: u8 = 37;

    /// All of them, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::FIRST..=Self::LAST).map(Self)
    }

    /// From `1.36`, also written `v1.36` or with a patch number.
    ///
    /// # Errors
    ///
    /// A finding that lists the releases there are.
    pub fn parse(text: &str) -> Result<Self, Finding> {
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let number = |part: Option<&str>| {
            part.filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|p| p.parse::<u8>().ok())
        };
        let (major, minor) = (number(parts.next()), number(parts.next()));
        let patch = parts.next();
        let whole = parts.next().is_none() && (patch.is_none() || number(patch).is_some());
        match (major, minor) {
            (Some(1), Some(minor)) if whole && (Self::FIRST..=Self::LAST).contains(&minor) => {
                Ok(Self(minor))
            }
            _ => {
                let known: Vec<_> = Self::all().map(|r| r.to_string()).collect();
                Err(Finding::error(
                    "schema-release",
                    Class::Usage,
                    format!("no schemas for Kubernetes {text}"),
                )
                .help(format!("there are schemas for {}", known.join(", "))))
            }
        }
    }

    /// The release there are schemas for that is nearest to this one; the
    /// newest where the text is no version.
    ///
    /// ```
    /// use package::schema::Release;
    /// assert_eq!(Release::nearest("1.20").to_string(), "1.33");
    /// assert_eq!(Release::nearest("1.35"), Release::parse("1.35").unwrap());
    /// ```
    pub fn nearest(text: &str) -> Self {
        let minor = text
            .strip_prefix('v')
            .unwrap_or(text)
            .strip_prefix("1.")
            .and_then(|rest| rest.split('.').next()?.parse::<u8>().ok());
        Self(minor.unwrap_or(Self::LAST).clamp(Self::FIRST, Self::LAST))
    }

    /// The number after `1.`.
    pub(super) fn minor(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

//! Names of clients and namespaces.

use std::fmt;
use std::str::FromStr;

/// The longest client name: `sh-<client>` and what consign derives from it
/// still fit a DNS label of 63.
pub const CLIENT_NAME_MAX: usize = 53;

/// The longest DNS label (RFC 1123).
pub const DNS_LABEL_MAX: usize = 63;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It is too long.
    #[error("it has {len} characters, at most {max} are allowed")]
    Long {
        /// Characters in the text.
        len: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A character is not a lower-case ASCII letter, a digit or `-`.
    #[error("{0:?} is not allowed; use lower-case letters a-z, digits and '-'")]
    Character(char),
    /// It begins or ends with `-`.
    #[error("it must begin and end with a letter or a digit")]
    Edge,
}

fn check_label(text: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(c) = text
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
    {
        return Err(NameError::Character(c));
    }
    if text.len() > max {
        return Err(NameError::Long {
            len: text.len(),
            max,
        });
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(NameError::Edge);
    }
    Ok(())
}

/// A client's name: `[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?`.
///
/// Source of the rule: package format 1; it can stand in a path, a label and a
/// namespace as it is.
///
/// ```
/// use model::name::ClientName;
/// assert_eq!("acme-corp".parse::<ClientName>().unwrap().as_str(), "acme-corp");
/// assert!("../etc".parse::<ClientName>().is_err());
/// assert!("-a".parse::<ClientName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(String);

/// A Kubernetes namespace: a DNS label of RFC 1123.
///
/// ```
/// use model::name::Namespace;
/// assert!("sh-acme-corp".parse::<Namespace>().is_ok());
/// assert!("sh_acme".parse::<Namespace>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

macro_rules! label {
    ($type:ty, $max:expr) => {
        impl $type {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check_label(text, $max)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

label!(ClientName, CLIENT_NAME_MAX);
label!(Namespace, DNS_LABEL_MAX);

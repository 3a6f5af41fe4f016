//! `consign.dev/ready-when`: a user's own rule.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::path::{Path, PathError, shown};

/// When an object is ready, as its annotation says: `<JSONPath>=<value>`.
///
/// ```
/// use rollout::ready::ReadyWhen;
/// let when: ReadyWhen = "{.status.phase}=Running".parse()?;
/// assert_eq!(when.check(&serde_json::json!({"status": {"phase": "Running"}})), Ok(()));
/// assert!("status.phase".parse::<ReadyWhen>().is_err());
/// # Ok::<(), rollout::ready::WhenError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyWhen {
    path: Path,
    /// The path as written.
    written: String,
    value: String,
}

/// Why a text is no such rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// The path cannot be read.
    #[error("{text:?} is not <JSONPath>=<value>: {error}")]
    Path {
        /// The rule.
        text: String,
        /// Where and why.
        error: PathError,
    },
    /// Nothing after the path, or no value after the `=`.
    #[error("{text:?} is not <JSONPath>=<value>: expected = and a value after {path:?}")]
    Value {
        /// The rule.
        text: String,
        /// The path.
        path: String,
    },
}

impl FromStr for ReadyWhen {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let text = text.trim();
        let (path, end) = Path::parse_prefix(text).map_err(|error| WhenError::Path {
            text: text.to_owned(),
            error,
        })?;
        let written = text[..end].to_owned();
        let value = text[end..].strip_prefix('=').map(unquoted);
        match value {
            Some(value) if !value.is_empty() => Ok(Self {
                path,
                written,
                value: value.to_owned(),
            }),
            _ => Err(WhenError::Value {
                text: text.to_owned(),
                path: written,
            }),
        }
    }
}

/// A value without the quotes around it, as `kubectl wait` takes it.
fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

impl ReadyWhen {
    /// Whether the rule holds; else what is there instead. A path that leads
    /// to several values wants all of them to be so.
    pub fn check(&self, object: &Value) -> Result<(), String> {
        let found = self.path.find(object);
        if found.is_empty() {
            return Err(format!("{} is not there yet", self.written));
        }
        match found.into_iter().map(shown).find(|is| *is != self.value) {
            None => Ok(()),
            Some(is) => Err(format!("{} is {is}, not yet {}", self.written, self.value)),
        }
    }
}

impl fmt::Display for ReadyWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.written, self.value)
    }
}

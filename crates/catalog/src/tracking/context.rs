//! Names of contexts.

use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes: more than any cloud's tool makes, and short
/// enough for a key on one line of YAML (1024).
pub const CONTEXT_BYTES_MAX: usize = 512;

/// The name of a kubeconfig context, which stands for a cluster.
///
/// People and clouds choose it freely (`arn:aws:eks:…`, `admin@prod`), so only
/// what no line of text can show is refused.
///
/// ```
/// use catalog::tracking::ContextName;
/// assert!("kubernetes-admin@kubernetes".parse::<ContextName>().is_ok());
/// assert!("a\nb".parse::<ContextName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextName(String);

/// Why a text is no name of a context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextNameError {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It is too long.
    #[error("it has more than {CONTEXT_BYTES_MAX} bytes")]
    Long,
    /// A character that cannot be seen, or a tab or newline.
    #[error("the character U+{:04X} is not allowed", u32::from(*.0))]
    Character(char),
}

impl ContextName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContextName {
    type Err = ContextNameError;

    fn from_str(text: &str) -> Result<Self, ContextNameError> {
        if text.is_empty() {
            return Err(ContextNameError::Empty);
        }
        if text.len() > CONTEXT_BYTES_MAX {
            return Err(ContextNameError::Long);
        }
        let hidden = |c: &char| model::text::is_hidden(*c) || matches!(c, '\t' | '\n');
        match text.chars().find(hidden) {
            Some(c) => Err(ContextNameError::Character(c)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for ContextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

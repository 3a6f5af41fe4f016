//! What can be wrong with a text or a tree.

use super::Mark;

/// A text that cannot be read: where, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// The line's text, as read, cut to a length that fits a message.
    pub source_line: String,
    /// Why.
    pub kind: YamlErrorKind,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum YamlErrorKind {
    /// Not YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// A limit of [`super::Limits`], or of aliases.
    #[error("limit exceeded: {0}")]
    Limit(String),
    /// An alias whose anchor is not known, or that is within itself.
    #[error("{0}")]
    Alias(String),
    /// A merge key whose value cannot be merged.
    #[error("{0}")]
    Merge(String),
    /// A key that is a mapping or a sequence.
    #[error("a key must be a scalar, not {0}")]
    Key(&'static str),
    /// A scalar that is not what its tag says.
    #[error("`{text}` is not {tag}")]
    Tag {
        /// The scalar.
        text: String,
        /// Its tag.
        tag: String,
    },
    /// More than one document where one is meant.
    #[error("a second document, where one is read; delete it, or put it in a file of its own")]
    SecondDocument,
    /// Something the strict reading refuses.
    #[error("{0}")]
    Refused(String),
}

/// A tree that cannot be printed: where it was read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", line_prefix(*at))]
pub struct EmitError {
    /// Where the node was read; line 0 when no text held it.
    pub at: Mark,
    /// Why.
    pub kind: EmitErrorKind,
}

/// Why a tree cannot be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitErrorKind {
    /// The same key twice in one mapping.
    #[error("key `{0}` is given twice in one map; delete one")]
    DuplicateKey(String),
    /// A key that is a number, a boolean or null.
    #[error("key `{0}` is not a string; put it in quotes")]
    KeyNotString(String),
    /// The key `<<`, which readers take for something else.
    #[error("key `<<` would be read as a merge; rename it")]
    MergeKey,
    /// A number JSON cannot hold.
    #[error("`{0}` cannot be written as JSON; put it in quotes or use a number")]
    NotFinite(String),
    /// A scalar whose tag its text does not fit.
    #[error("`{text}` is not {tag}")]
    Tag {
        /// The scalar.
        text: String,
        /// Its tag.
        tag: &'static str,
    },
    /// A character YAML does not allow.
    #[error("the control character U+{:04X} is not allowed", *.0 as u32)]
    Control(char),
    /// Deeper than any reader follows.
    #[error("nested deeper than {0} levels")]
    Depth(usize),
}

fn line_prefix(at: Mark) -> String {
    if at.line == 0 {
        String::new()
    } else {
        format!("line {}: ", at.line)
    }
}

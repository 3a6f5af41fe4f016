//! Where in a text an error is.

use granit_parser::{ErrorKind, ScanError};

use super::error::{YamlError, YamlErrorKind};
use super::node::Mark;

/// Characters of a line that fit a message.
const LINE: usize = 160;

/// An error at a place of a text that begins on a line, from 1, of a file.
pub(super) fn error(text: &str, first_line: u32, at: Mark, kind: YamlErrorKind) -> YamlError {
    let index = at.line.saturating_sub(first_line) as usize;
    YamlError {
        line: at.line.max(1),
        column: at.column.max(1),
        source_line: line(text, index),
        kind,
    }
}

fn line(text: &str, index: usize) -> String {
    text.split('\n')
        .nth(index)
        .unwrap_or_default()
        .trim_end_matches('\r')
        .chars()
        .take(LINE)
        .collect()
}

/// What the parser found wrong, in our words where a rule of ours is behind.
pub(super) fn scan_error(error: &ScanError) -> YamlErrorKind {
    match error.kind() {
        ErrorKind::UnknownAnchor => {
            YamlErrorKind::Alias("an alias without an anchor before it".to_owned())
        }
        ErrorKind::RecursionLimitExceeded => YamlErrorKind::Limit("nested too deep".to_owned()),
        _ => YamlErrorKind::Syntax(error.info()),
    }
}

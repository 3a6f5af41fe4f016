//! How names are written so that every reader of YAML takes them for text.

use model::yaml::{Scalar, Style, Tag};

/// Words that some reader of YAML 1.1 or 1.2 takes for a boolean, a null or a
/// number, in any mixture of upper and lower case.
const WORDS: [&str; 11] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
];

fn is_word(text: &str) -> bool {
    WORDS.iter().any(|w| text.eq_ignore_ascii_case(w))
}

/// Whether a text needs no quotes. Numbers and times of every reader begin with
/// a digit, a sign or a dot; this is stricter than need be.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/' | b'@'))
        && !is_word(text)
}

/// A name, as it is written: in quotes only where it needs them.
pub(super) fn name(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        double(text)
    }
}

/// A text in double quotes.
pub(super) fn double(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text in single quotes.
pub(super) fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Why a name that was read may be something else to another reader.
pub(super) fn doubt(scalar: &Scalar) -> Option<String> {
    let quoted = scalar.style != Style::Plain;
    doubt_of(&scalar.text, scalar.tag, quoted)
}

/// As [`doubt`], for a key.
pub(super) fn doubt_of(text: &str, tag: Tag, quoted: bool) -> Option<String> {
    if quoted || (tag == Tag::Str && !is_word(text)) {
        return None;
    }
    if text.is_empty() {
        return Some("there is nothing".to_owned());
    }
    Some(format!(
        "`{text}` without quotes is no text to every reader of YAML; write {}",
        double(text)
    ))
}

//! Untrusted text: what may be shown as it is, and how the rest is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character may not stand in text that we publish or print raw.
///
/// These are the characters that move a terminal's cursor, reorder what is
/// read, or are not seen at all: control characters except tab and newline,
/// bidirectional overrides and isolates, zero-width characters, Unicode tags,
/// line and paragraph separators, private use, noncharacters and the byte
/// order mark.
///
/// ```
/// assert!(model::text::is_hidden('\u{202e}'));
/// assert!(model::text::is_hidden('\u{1b}'));
/// assert!(!model::text::is_hidden('é'));
/// ```
pub fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' => false,
        c if c.is_control() => true,
        '\u{00ad}'
        | '\u{034f}'
        | '\u{061c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}'
        | '\u{e0000}'..='\u{10ffff}' => true,
        c => (c as u32) & 0xfffe == 0xfffe,
    }
}

/// Text with every hidden character, tab, newline and backslash-free escape
/// spelled out, so that it stays on its line and does nothing to a terminal.
///
/// Characters up to U+00FF become `\xNN`, others `\u{NNNN}`. Text that has
/// none of them is borrowed.
///
/// ```
/// assert_eq!(model::text::escape("a\u{1b}[2Jb"), r"a\x1b[2Jb");
/// assert_eq!(model::text::escape("plain"), "plain");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    let must = |c: char| is_hidden(c) || c == '\t' || c == '\n';
    if !text.contains(must) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if !must(c) {
            out.push(c);
        } else if (c as u32) <= 0xff {
            let _ = write!(out, "\\x{:02x}", c as u32);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
    }
    Cow::Owned(out)
}

/// Bytes that should be text, escaped as [`escape`] does and with every byte
/// that is not UTF-8 as `\xNN`.
///
/// ```
/// assert_eq!(model::text::escape_bytes(b"a\xffb"), r"a\xffb");
/// ```
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(&escape(chunk.valid()));
        for b in chunk.invalid() {
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out
}

/// How alike two words must be, from 0 to 1, for one to be meant by the other.
const ALIKE: f64 = 0.8;

/// The known word that a misspelt one most probably means.
///
/// ```
/// let known = ["namespace", "namePrefix"];
/// assert_eq!(model::text::nearest("namepsace", known), Some("namespace"));
/// assert_eq!(model::text::nearest("replicas", known), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|k| {
            (
                strsim::jaro_winkler(&word.to_lowercase(), &k.to_lowercase()),
                k,
            )
        })
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

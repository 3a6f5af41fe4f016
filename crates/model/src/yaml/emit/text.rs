//! How a string is written: what in it speaks against which style.

use super::super::limits::Dialect;
use super::super::number::{self, Value};

/// Longer keys are written behind `? `.
const SIMPLE_KEY_BYTES: usize = 128;

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Single,
    Double,
    Literal,
}

/// Whether a key can be written before its colon on one line.
pub(super) fn is_simple_key(key: &str) -> bool {
    key.len() <= SIMPLE_KEY_BYTES && !key.contains(is_break)
}

/// The form go-yaml v2 writes a string in.
pub(super) fn form(text: &str, simple_key: bool) -> Form {
    if text.is_empty() {
        return Form::Double;
    }
    let facts = Facts::of(text);
    if text.contains('\n') {
        return if facts.block_allowed && !simple_key {
            Form::Literal
        } else {
            Form::Double
        };
    }
    if reads_as_other(text) {
        Form::Double
    } else if facts.plain_allowed {
        Form::Plain
    } else if facts.single_allowed {
        Form::Single
    } else {
        Form::Double
    }
}

/// Whether a YAML 1.1 reader would not take the plain text for a string.
fn reads_as_other(text: &str) -> bool {
    number::resolve(text, Dialect::V2) != Value::Str || is_base_60(text)
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
pub(in super::super) fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((whole, rest)) = text.split_once(':') else {
        return false;
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !whole.starts_with(|c: char| c.is_ascii_digit()) || !digits(whole) {
        return false;
    }
    let (parts, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    digits(fraction)
        && parts.split(':').all(|part| match part.as_bytes() {
            [unit] | [b'0'..=b'5', unit] => unit.is_ascii_digit(),
            _ => false,
        })
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters libyaml's emitter writes as they are.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

#[derive(Default)]
struct Facts {
    plain_allowed: bool,
    single_allowed: bool,
    block_allowed: bool,
}

impl Facts {
    /// libyaml's analysis of a scalar that is not within braces.
    fn of(text: &str) -> Self {
        let mut indicator = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let (mut breaks, mut break_space, mut space_break) = (false, false, false);
        let (mut previous_space, mut previous_break) = (false, false);
        let mut after_blank = true;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            let before_blank = matches!(next, None | Some(' ' | '\t'));
            indicator |= match c {
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`' => at == 0,
                '?' | '-' => at == 0 && before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            after_blank = matches!(c, ' ' | '\t') || is_break(c);
        }
        let leads = text.starts_with(|c| c == ' ' || is_break(c));
        let trails = text.ends_with(|c| c == ' ' || is_break(c));
        let odd = space_break || special;
        Self {
            plain_allowed: !(leads || trails || break_space || odd || breaks || indicator),
            single_allowed: !(break_space || odd),
            block_allowed: !(text.ends_with(' ') || odd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, expected) in [
            ("a", Form::Plain),
            ("a: b", Form::Single),
            ("a:b", Form::Plain),
            ("a #b", Form::Single),
            ("yes", Form::Double),
            ("1:20", Form::Double),
            ("1:60", Form::Plain),
            ("- a", Form::Single),
            ("-a", Form::Plain),
            ("a\tb", Form::Double),
            ("a\nb", Form::Literal),
            ("a \nb", Form::Double),
            ("\u{1f600}", Form::Double),
            ("é", Form::Plain),
            ("=", Form::Plain),
            ("<<", Form::Plain),
            (" a", Form::Single),
        ] {
            assert_eq!(form(text, false), expected, "{text:?}");
        }
    }
}

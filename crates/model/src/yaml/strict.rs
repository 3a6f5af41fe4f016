//! Reading a text that every reader of YAML reads alike, and nothing else.

use std::collections::HashSet;

use granit_parser::{Event, Parser, ScalarStyle};

use super::compose::Composer;
use super::documents::{Document, check_bytes};
use super::emit::is_base_60;
use super::error::{YamlError, YamlErrorKind};
use super::limits::{Dialect, Limits};
use super::locate;
use super::node::{Content, Mark, Node};
use super::number::{self, Value};

/// More of them help nobody.
const FINDINGS: usize = 100;

/// The documents of a text that every reader of YAML reads alike. Refused
/// are anchors, aliases, tags, merge keys, keys given twice, `...`,
/// directives, text behind `---`, byte order marks, tabs and other control
/// characters, and unquoted scalars that readers of YAML 1.1 and 1.2 take for
/// different things; up to a hundred of them are named, in the text's order.
///
/// ```
/// use model::yaml::{parse_strict, Limits};
/// assert_eq!(parse_strict("a: 1\n---\nb: \"yes\"\n", &Limits::default()).unwrap().len(), 2);
/// let errors = parse_strict("a: &x yes\n...\nb: 0644\n", &Limits::default()).unwrap_err();
/// let lines: Vec<u32> = errors.iter().map(|e| e.line).collect();
/// assert_eq!(lines, [1, 1, 2, 3]);
/// ```
pub fn parse_strict(text: &str, limits: &Limits) -> Result<Vec<Document>, Vec<YamlError>> {
    parse_with(text, limits, Unquoted::Alike)
}

/// As [`parse_strict`], but unquoted scalars may be such that readers differ
/// about them: whoever asks for one decides. The merge key `<<` is refused here
/// too.
///
/// ```
/// use model::yaml::{parse_structure, Limits};
/// assert_eq!(parse_structure("deployed: 2026-01-29T10:15:30Z\n", &Limits::default()).unwrap().len(), 1);
/// assert!(parse_structure("a: 1\na: 2\n", &Limits::default()).is_err());
/// ```
pub fn parse_structure(text: &str, limits: &Limits) -> Result<Vec<Document>, Vec<YamlError>> {
    parse_with(text, limits, Unquoted::Any)
}

/// Which unquoted scalars are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unquoted {
    /// Those that every reader takes for the same.
    Alike,
    /// All but `<<`.
    Any,
}

fn parse_with(
    text: &str,
    limits: &Limits,
    unquoted: Unquoted,
) -> Result<Vec<Document>, Vec<YamlError>> {
    check_bytes(text, limits).map_err(|error| vec![error])?;
    let mut refused: Vec<(Mark, String)> = Vec::new();
    scan_lines(text, &mut refused);
    scan_events(text, limits, unquoted, &mut refused);
    let mut fatal = None;
    let mut documents = Vec::new();
    let mut held = 0;
    let mut composer = Composer::new(text, 1, Dialect::V3, limits, &mut held);
    let mut index = 0;
    loop {
        match composer.document() {
            Ok(None) => break,
            Ok(Some(node)) => {
                index += 1;
                if documents.len() >= limits.documents {
                    let limit = limits.documents;
                    let kind = YamlErrorKind::Limit(format!("more than {limit} documents"));
                    fatal = Some(composer.error(node.at, kind));
                    break;
                }
                find_duplicates(&node, &mut refused);
                if !node.is_null() {
                    let line = node.at.line;
                    documents.push(Document { node, index, line });
                }
            }
            Err(error) => {
                fatal = Some(error);
                break;
            }
        }
    }
    if refused.is_empty() && fatal.is_none() {
        return Ok(documents);
    }
    refused.sort_by_key(|(at, _)| (at.line, at.column));
    refused.truncate(FINDINGS);
    let mut errors: Vec<YamlError> = refused
        .into_iter()
        .map(|(at, why)| locate::error(text, 1, at, YamlErrorKind::Refused(why)))
        .collect();
    errors.extend(fatal);
    errors.sort_by_key(|error| (error.line, error.column));
    Err(errors)
}

fn scan_lines(text: &str, refused: &mut Vec<(Mark, String)>) {
    for (line, number) in text.split('\n').zip(1..) {
        if refused.len() > FINDINGS {
            return;
        }
        let mut refuse = |column, why: &str| {
            let at = Mark {
                line: number,
                column,
            };
            refused.push((at, why.to_owned()));
        };
        if line.starts_with('%') {
            refuse(1, "a directive");
        } else if line.starts_with("...") {
            refuse(
                1,
                "`...` at the beginning of a line: some readers stop there",
            );
        } else if line.starts_with("---") && line != "---" {
            refuse(4, "text after `---`");
        }
        let plain = line
            .bytes()
            .all(|b| matches!(b, b' '..=b'~' | 0xc3..=0xe1 | 0xe3..=0xee | 0xf0.. | 0x80..=0xbf));
        if plain {
            continue;
        }
        for (c, column) in line.chars().zip(1..) {
            let why = match c {
                '\t' => "a tab",
                '\r' => "a carriage return",
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "a control character",
                '\u{2028}' | '\u{2029}' => "a line separator that some readers break lines at",
                '\u{feff}' => "a byte order mark",
                '\u{fffe}' | '\u{ffff}' => "a character that is none",
                _ => continue,
            };
            refuse(column, &format!("{why} (U+{:04X})", u32::from(c)));
            break;
        }
    }
}

fn scan_events(text: &str, limits: &Limits, unquoted: Unquoted, refused: &mut Vec<(Mark, String)>) {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let Ok((event, span)) = event else {
            // The composer says it.
            return;
        };
        if refused.len() > 2 * FINDINGS {
            return;
        }
        let at = Mark {
            line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
            column: u32::try_from(span.start.col()).map_or(u32::MAX, |col| col + 1),
        };
        let mut refuse = |why: String| refused.push((at, why));
        let (anchor, tag) = match &event {
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                refuse("an alias; write the node out".to_owned());
                continue;
            }
            Event::Scalar(scalar, style, anchor, tag) => {
                if *style == ScalarStyle::Plain
                    && tag.is_none()
                    && (unquoted == Unquoted::Alike || scalar == "<<")
                    && let Some(why) = differs(scalar)
                {
                    refuse(why);
                }
                (*anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => {
                (*anchor, tag)
            }
            _ => continue,
        };
        if anchor != 0 {
            refuse("an anchor; write the nodes out".to_owned());
        }
        if let Some(tag) = tag {
            refuse(format!("the tag `{}`", tag.original()));
        }
    }
}

/// Why readers take an unquoted scalar for different things, if they do.
fn differs(text: &str) -> Option<String> {
    if text == "<<" {
        return Some("the merge key `<<`; write the keys out".to_owned());
    }
    let quote = || {
        Some(format!(
            "`{text}` without quotes, which readers take for different things"
        ))
    };
    let looks_like_a_time = text.len() >= 8
        && text.as_bytes().get(4) == Some(&b'-')
        && text[..4.min(text.len())]
            .bytes()
            .all(|b| b.is_ascii_digit())
        && text.bytes().filter(|b| *b == b'-').count() >= 2
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"-+:.TtZz ".contains(&b));
    if is_base_60(text) || looks_like_a_time {
        return quote();
    }
    let v2 = number::resolve(text, Dialect::V2);
    let v3 = number::resolve(text, Dialect::V3);
    match (v2, v3) {
        (Value::Str, Value::Str) | (Value::Bool(_), Value::Bool(_)) => None,
        (Value::Null, _) if text != "~" => None,
        (Value::Int(_) | Value::Uint(_), _) if is_decimal(text) => None,
        (Value::Float(_), _) if is_decimal_fraction(text) => None,
        _ => quote(),
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// `-1.5` or `1.5e+22`: what both versions of YAML call a number.
fn is_decimal_fraction(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "+0"));
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        return false;
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    is_decimal(whole)
        && digits(fraction)
        && exponent.starts_with(['+', '-'])
        && digits(&exponent[1..])
}

fn find_duplicates(node: &Node, refused: &mut Vec<(Mark, String)>) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::Seq(items) => items.iter().for_each(|item| find_duplicates(item, refused)),
        Content::Map(map) => {
            let mut known = HashSet::with_capacity(map.len());
            for entry in &map.0 {
                if !known.insert(entry.key.as_str()) {
                    let why = format!("key `{}` is given twice in one map", entry.key);
                    refused.push((entry.at, why));
                }
                find_duplicates(&entry.value, refused);
            }
        }
    }
}

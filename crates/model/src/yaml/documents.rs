//! Texts of one document and of several.

use std::borrow::Cow;

use super::compose::Composer;
use super::error::{YamlError, YamlErrorKind};
use super::limits::{Dialect, Limits};
use super::locate;
use super::node::{Mark, Node};

/// One document of a text of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its root.
    pub node: Node,
    /// Which document of the text it is, from 1; empty ones count.
    pub index: u32,
    /// The line of the text it begins at, from 1.
    pub line: u32,
}

/// The one document of a text, or none when it is empty or `null`.
///
/// A second document that is not empty is an error: go-yaml would not look
/// at it, and nobody writes one to have it ignored.
///
/// ```
/// use model::yaml::{parse, Dialect, Limits, Node};
/// let text = "enabled: yes\nmode: 0755\n";
/// let node = parse(text, Dialect::V2, &Limits::default())?.unwrap_or_else(Node::null);
/// assert_eq!(node.get("enabled").unwrap().as_scalar().unwrap().text, "true");
/// assert_eq!(node.get("mode").unwrap().as_scalar().unwrap().text, "493");
/// # Ok::<(), model::yaml::YamlError>(())
/// ```
pub fn parse(text: &str, dialect: Dialect, limits: &Limits) -> Result<Option<Node>, YamlError> {
    check_bytes(text, limits)?;
    let mut held = 0;
    let mut composer = Composer::new(text, 1, dialect, limits, &mut held);
    let Some(node) = composer.document()? else {
        return Ok(None);
    };
    while let Some(next) = composer.document()? {
        if !next.is_null() {
            return Err(composer.error(next.at, YamlErrorKind::SecondDocument));
        }
    }
    Ok((!node.is_null()).then_some(node))
}

/// The resources of a file, read as kustomize reads them (`byteio_reader.go`):
/// CRLF is LF, a line that begins with `---` divides documents, each is read
/// by go-yaml v3's rules up to its end, empty ones are left out.
pub fn parse_resources(text: &str, limits: &Limits) -> Result<Vec<Document>, YamlError> {
    check_bytes(text, limits)?;
    let text: Cow<'_, str> = if text.contains("\r\n") {
        text.replace("\r\n", "\n").into()
    } else {
        text.into()
    };
    let chunks = split(&text)?;
    if chunks.len() > limits.documents {
        let at = Mark {
            line: chunks.get(limits.documents).map_or(1, |chunk| chunk.1),
            column: 1,
        };
        let kind = YamlErrorKind::Limit(format!("more than {} documents", limits.documents));
        return Err(locate::error(&text, 1, at, kind));
    }
    let mut held = 0;
    let mut documents = Vec::new();
    for ((chunk, line), index) in chunks.into_iter().zip(1..) {
        let mut composer = Composer::new(chunk, line, Dialect::V3, limits, &mut held);
        if let Some(node) = composer.document()?
            && !node.is_null()
        {
            documents.push(Document { node, index, line });
        }
    }
    Ok(documents)
}

pub(super) fn check_bytes(text: &str, limits: &Limits) -> Result<(), YamlError> {
    if text.len() > limits.bytes {
        let kind = YamlErrorKind::Limit(format!("more than {} bytes", limits.bytes));
        return Err(locate::error("", 1, Mark::default(), kind));
    }
    Ok(())
}

/// The texts between the lines that begin with `---`, each with the line it
/// begins on. A first line is no such line, and neither is one right behind
/// another: go-yaml sees those itself.
fn split(text: &str) -> Result<Vec<(&str, u32)>, YamlError> {
    const SEPARATOR: &str = "\n---";
    let mut chunks = Vec::new();
    let (mut start, mut line, mut from) = (0, 1, 0);
    while let Some(found) = text[from..].find(SEPARATOR) {
        let found = from + found;
        let rest = &text[found + SEPARATOR.len()..];
        let Some(end) = rest.find('\n') else {
            break;
        };
        let said = rest[..end].trim();
        let chunk = &text[start..=found];
        let next_line = line + newlines(chunk);
        if !said.is_empty() && !said.starts_with('#') {
            let at = Mark {
                line: next_line,
                column: 4,
            };
            let kind = YamlErrorKind::Syntax(
                "something other than a comment after `---`; put it on the next line".to_owned(),
            );
            return Err(locate::error(text, 1, at, kind));
        }
        chunks.push((chunk, line));
        line = next_line + 1;
        start = found + SEPARATOR.len() + end + 1;
        from = start;
    }
    if !text.is_empty() {
        chunks.push((&text[start..], line));
    }
    Ok(chunks)
}

fn newlines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|b| *b == b'\n').count()).unwrap_or(u32::MAX)
}

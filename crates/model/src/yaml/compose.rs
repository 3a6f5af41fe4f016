//! From the parser's events to trees.
//!
//! Nothing here recurses on the text: open collections are on a stack of our
//! own, whose height [`Limits::depth`] bounds.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::anchors::{Anchors, Size};
use super::error::{YamlError, YamlErrorKind};
use super::limits::{Dialect, Limits};
use super::node::{Content, Entry, Map, Mark, Node, Tag};
use super::{locate, scalar};

/// From how many keys on a set is cheaper than comparing them all.
const FEW_KEYS: usize = 16;

type Events<'a> = Parser<'a, StrInput<'a>>;

/// Reads documents from a text.
pub(super) struct Composer<'a> {
    text: &'a str,
    events: Events<'a>,
    dialect: Dialect,
    limits: &'a Limits,
    /// Lines before the text.
    first_line: u32,
    has_aliases: bool,
    /// Nodes of the text itself.
    parsed: usize,
    /// Nodes in memory.
    held: &'a mut usize,
}

struct Open {
    at: Mark,
    anchor: usize,
    flow: bool,
    size: Size,
    content: OpenContent,
}

enum OpenContent {
    Seq(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Tag, Mark)>,
    },
}

impl<'a> Composer<'a> {
    /// A composer of a text that begins on a line, from 1, of a larger one.
    pub fn new(
        text: &'a str,
        first_line: u32,
        dialect: Dialect,
        limits: &'a Limits,
        held: &'a mut usize,
    ) -> Self {
        let options = granit_parser::options! {
            block_scalar_eof_without_line_feed: true,
            bom_inside_document_as_content: true,
            flow_nesting_limit: limits.depth,
            block_nesting_limit: limits.depth,
        };
        Self {
            text,
            events: Parser::new_from_str_with_options(text, options),
            dialect,
            limits,
            first_line,
            has_aliases: text.contains('*'),
            parsed: 0,
            held,
        }
    }

    /// The next document, or none at the end of the text.
    pub fn document(&mut self) -> Result<Option<Node>, YamlError> {
        loop {
            match self.event()? {
                None | Some((Event::StreamEnd, _)) => return Ok(None),
                Some((Event::DocumentStart(..), _)) => break,
                Some(_) => {}
            }
        }
        let mut anchors = Anchors::default();
        let mut open: Vec<Open> = Vec::new();
        loop {
            let Some((event, span)) = self.event()? else {
                return Ok(None);
            };
            let at = self.mark(&span);
            let (node, size, anchor) = match event {
                Event::Scalar(text, style, anchor, tag) => {
                    // The parser writes `~` where nothing is.
                    let nothing = style == ScalarStyle::Plain && span.is_empty();
                    let text = if nothing { "".into() } else { text };
                    let in_flow = open.last().is_some_and(|o| o.flow);
                    let scalar = scalar::scalar(text, style, tag.as_deref(), in_flow, self.dialect)
                        .map_err(|kind| self.error(at, kind))?;
                    let content = Content::Scalar(scalar);
                    (Node { content, at }, Size::SCALAR, anchor)
                }
                Event::SequenceStart(style, anchor, _) => {
                    self.open(&mut open, at, style, anchor, OpenContent::Seq(Vec::new()))?;
                    continue;
                }
                Event::MappingStart(style, anchor, _) => {
                    let content = OpenContent::Map {
                        entries: Vec::new(),
                        key: None,
                    };
                    self.open(&mut open, at, style, anchor, content)?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(done) => {
                        let (at, anchor, size) = (done.at, done.anchor, done.size);
                        let content = self.close(done.content)?;
                        (Node { content, at }, size, anchor)
                    }
                    None => continue,
                },
                Event::Alias(id) => {
                    let (mut node, size) = anchors
                        .expand(id, self.parsed)
                        .map_err(|kind| self.error(at, kind))?;
                    node.at = at;
                    if open.last().is_some_and(Open::merges) && node.as_map().is_none() {
                        return Err(self.error(at, merge_takes()));
                    }
                    self.hold(size.nodes, at)?;
                    if open.len() + size.depth > self.limits.depth {
                        return Err(self.error(at, too_deep(self.limits.depth)));
                    }
                    (node, size, 0)
                }
                Event::DocumentEnd => return Ok(Some(Node::null())),
                _ => continue,
            };
            if size == Size::SCALAR {
                self.parsed += 1;
                self.hold(1, at)?;
            }
            if anchor != 0 && self.has_aliases {
                self.hold(size.nodes, at)?;
                anchors.define(anchor, &node, size);
            }
            match open.last_mut() {
                None => {
                    self.finish_document()?;
                    return Ok(Some(node));
                }
                Some(parent) => {
                    parent.size.hold(size);
                    if let Err((at, kind)) = parent.take(node, self.dialect) {
                        return Err(self.error(at, kind));
                    }
                }
            }
        }
    }

    fn event(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let marker = error.marker();
                let at = Mark {
                    line: small(marker.line()) + self.first_line - 1,
                    column: small(marker.col()) + 1,
                };
                Err(self.error(at, locate::scan_error(&error)))
            }
        }
    }

    fn finish_document(&mut self) -> Result<(), YamlError> {
        while let Some((event, _)) = self.event()? {
            if matches!(event, Event::DocumentEnd) {
                break;
            }
        }
        Ok(())
    }

    fn open(
        &mut self,
        open: &mut Vec<Open>,
        at: Mark,
        style: granit_parser::StructureStyle,
        anchor: usize,
        content: OpenContent,
    ) -> Result<(), YamlError> {
        if open.len() >= self.limits.depth {
            return Err(self.error(at, too_deep(self.limits.depth)));
        }
        self.parsed += 1;
        self.hold(1, at)?;
        let flow = style == granit_parser::StructureStyle::Flow
            || open.last().is_some_and(|parent| parent.flow);
        open.push(Open {
            at,
            anchor,
            flow,
            size: Size::COLLECTION,
            content,
        });
        Ok(())
    }

    fn hold(&mut self, nodes: usize, at: Mark) -> Result<(), YamlError> {
        *self.held = self.held.saturating_add(nodes);
        if *self.held > self.limits.nodes {
            let limit = self.limits.nodes;
            let kind = YamlErrorKind::Limit(format!("more than {limit} nodes"));
            return Err(self.error(at, kind));
        }
        Ok(())
    }

    fn close(&self, content: OpenContent) -> Result<Content, YamlError> {
        let entries = match content {
            OpenContent::Seq(items) => return Ok(Content::Seq(items)),
            OpenContent::Map { entries, .. } => entries,
        };
        match self.dialect {
            Dialect::V3 => merge_v3(entries),
            Dialect::V2 => merge_v2(entries),
        }
        .map(|entries| Content::Map(Map(entries)))
        .map_err(|(at, kind)| self.error(at, kind))
    }

    fn mark(&self, span: &Span) -> Mark {
        Mark {
            line: small(span.start.line()) + self.first_line - 1,
            column: small(span.start.col()) + 1,
        }
    }

    /// An error at a place, with the line it is on.
    pub fn error(&self, at: Mark, kind: YamlErrorKind) -> YamlError {
        locate::error(self.text, self.first_line, at, kind)
    }
}

type Wrong = (Mark, YamlErrorKind);

impl Open {
    /// Whether the value of a merge key comes next.
    fn merges(&self) -> bool {
        matches!(
            &self.content,
            OpenContent::Map {
                key: Some((_, Tag::Merge, _)),
                ..
            }
        )
    }

    fn take(&mut self, node: Node, dialect: Dialect) -> Result<(), Wrong> {
        match &mut self.content {
            OpenContent::Seq(items) => items.push(node),
            OpenContent::Map { entries, key } => match key.take() {
                Some((key, tag, at)) => entries.push(Entry {
                    key,
                    tag,
                    at,
                    value: node,
                }),
                None => *key = Some(as_key(node, dialect)?),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node, dialect: Dialect) -> Result<(String, Tag, Mark), Wrong> {
    let (at, what) = (node.at, node.describe());
    let Content::Scalar(scalar) = node.content else {
        return Err((at, YamlErrorKind::Key(what)));
    };
    match (dialect, scalar.tag) {
        (_, Tag::Str | Tag::Merge) | (Dialect::V3, _) => Ok((scalar.text, scalar.tag, at)),
        (Dialect::V2, _) => match scalar::key_text(&scalar) {
            Some(text) => Ok((text, Tag::Str, at)),
            None => Err((at, YamlErrorKind::Key(what))),
        },
    }
}

/// kyaml's way: one merge key, whose keys fill in what the mapping lacks.
fn merge_v3(entries: Vec<Entry>) -> Result<Vec<Entry>, Wrong> {
    if !entries.iter().any(|e| e.key == "<<") {
        return Ok(entries);
    }
    let mut merge: Option<Entry> = None;
    let mut quoted_seen = false;
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.tag == Tag::Merge {
            if merge.is_some() {
                let kind = YamlErrorKind::Merge("`<<` is given twice in one map".to_owned());
                return Err((entry.at, kind));
            }
            merge = Some(entry);
        } else if entry.key == "<<" && !quoted_seen {
            // kyaml takes the merge key out by its text, quoted or not.
            quoted_seen = true;
        } else {
            kept.push(entry);
        }
    }
    if let Some(merge) = merge {
        let sources = sources(merge)?;
        let mut known: HashSet<String> = kept.iter().map(|e| e.key.clone()).collect();
        for entry in sources.into_iter().flat_map(|map| map.0) {
            if known.insert(entry.key.clone()) {
                kept.push(entry);
            }
        }
    }
    Ok(kept)
}

/// go-yaml v2's way: entries and merge keys in the order written, each
/// overriding what came before.
fn merge_v2(entries: Vec<Entry>) -> Result<Vec<Entry>, Wrong> {
    let plain = entries.iter().all(|e| e.tag != Tag::Merge);
    if plain && entries.len() <= FEW_KEYS {
        let distinct = entries
            .iter()
            .enumerate()
            .all(|(i, e)| entries[..i].iter().all(|other| other.key != e.key));
        if distinct {
            return Ok(entries);
        }
    }
    let mut out: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut set = |entry: Entry| {
        let place = places.get(&entry.key).copied();
        if let Some(old) = place.and_then(|place| out.get_mut(place)) {
            *old = entry;
        } else {
            places.insert(entry.key.clone(), out.len());
            out.push(entry);
        }
    };
    for entry in entries {
        if entry.tag == Tag::Merge {
            for map in sources(entry)?.into_iter().rev() {
                map.0.into_iter().for_each(&mut set);
            }
        } else {
            set(entry);
        }
    }
    Ok(out)
}

/// The mappings a merge key names; the first one counts most.
fn sources(merge: Entry) -> Result<Vec<Map>, Wrong> {
    let at = merge.value.at;
    if !Anchors::can_merge(&merge.value) {
        return Err((at, merge_takes()));
    }
    Ok(match merge.value.content {
        Content::Map(map) => vec![map],
        Content::Seq(items) => items
            .into_iter()
            .filter_map(|item| match item.content {
                Content::Map(map) => Some(map),
                _ => None,
            })
            .collect(),
        Content::Scalar(_) => Vec::new(),
    })
}

fn merge_takes() -> YamlErrorKind {
    YamlErrorKind::Merge("`<<` takes a map, or a list of maps".to_owned())
}

fn too_deep(limit: usize) -> YamlErrorKind {
    YamlErrorKind::Limit(format!("nested deeper than {limit} levels"))
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

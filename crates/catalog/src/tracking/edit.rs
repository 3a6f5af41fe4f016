//! Edits of the text: the places that an edit of the tree is about.

use std::ops::Range;

use model::yaml::{Content, Map, Mark, Node, Style};

use super::lines::Lines;
use super::op::{Op, Path, Step};
use super::print::{self, Layout, STEP};
use super::scalar;

/// Why a text is not edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The line that stands in the way, from 1; 0 if it cannot be told.
    pub line: u32,
    pub why: String,
}

impl Refusal {
    fn at(line: u32, why: &str) -> Self {
        let why = why.to_owned();
        Self { line, why }
    }
}

const BRACES: &str = "this is written in braces or brackets, where nothing is added; write it as a block, one key a line";
const ONE_LINE: &str = "this value is not written on one line; write it so";
const ODD_DASH: &str =
    "the items of this list do not follow their dashes on the same line; write them so";

/// Bytes of the text, and what takes their place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patch {
    range: Range<usize>,
    with: String,
}

impl Patch {
    fn insert(at: usize, with: String) -> Self {
        let range = at..at;
        Self { range, with }
    }
}

/// The text with these edits; it ends its last line. `tree` is what the text
/// holds.
pub(super) fn edit(text: &str, tree: Option<&Node>, ops: &[Op]) -> Result<String, Refusal> {
    let lines = Lines::of(text);
    let editor = Editor {
        text,
        lines: &lines,
        layout: layout(&lines, tree),
    };
    let mut patches: Vec<Patch> = Vec::new();
    for op in ops {
        for patch in editor.patches(tree, op)? {
            // Two keys added to one `{}` both take it away.
            if patch.range.is_empty() || !patches.contains(&patch) {
                patches.push(patch);
            }
        }
    }
    patches.sort_by_key(|p| p.range.start);
    let mut out = String::with_capacity(text.len() + 256);
    let mut done = 0;
    for patch in patches {
        let kept = text.get(done..patch.range.start);
        let kept = kept.ok_or_else(|| Refusal::at(0, "two edits meet in one place"))?;
        out.push_str(kept);
        out.push_str(&patch.with);
        done = patch.range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(out)
}

/// How lists are indented here: as the first one, else by two columns.
fn layout(lines: &Lines<'_>, tree: Option<&Node>) -> Layout {
    let of = |map: &Map, key: &str| {
        let entry = map.0.iter().find(|e| e.key == key)?;
        let items = entry.value.as_seq()?;
        let dash = items.iter().find_map(|item| lines.dash(item.at))?;
        dash.checked_sub(entry.at.column)
    };
    let root = tree.and_then(Node::as_map);
    let clients = root.and_then(|m| m.get("clients")?.as_seq());
    let dash = clients
        .into_iter()
        .flatten()
        .filter_map(Node::as_map)
        .find_map(|client| of(client, "packages"))
        .or_else(|| of(root?, "clients"))
        .unwrap_or(STEP);
    Layout { dash }
}

struct Editor<'t> {
    text: &'t str,
    lines: &'t Lines<'t>,
    layout: Layout,
}

/// A node, and how one comes to it.
struct Reached<'n> {
    node: &'n Node,
    /// Where the key begins whose value it is.
    key: Option<Mark>,
    /// Whether it stands within braces or brackets.
    in_flow: bool,
}

impl Editor<'_> {
    fn patches(&self, tree: Option<&Node>, op: &Op) -> Result<Vec<Patch>, Refusal> {
        let Some(tree) = tree else {
            return self.first(op);
        };
        let reached = self.reach(tree, op.path())?;
        match op {
            Op::Set { value, .. } => self.set(reached.node, value).map(|p| vec![p]),
            Op::Key { key, value, .. } => match &reached.node.content {
                Content::Map(map) if !map.is_empty() => self.add_key(&reached, map, key, value),
                _ => self.open(&reached, |column| {
                    print::entry(key, value, column + STEP, self.layout)
                }),
            },
            Op::Item { value, .. } => match (&reached.node.content, value.as_map()) {
                (Content::Seq(items), Some(map)) if !items.is_empty() => {
                    self.add_item(&reached, items, map)
                }
                (_, Some(map)) => self.open(&reached, |column| {
                    print::item(map, column + self.layout.dash, STEP, self.layout)
                }),
                (_, None) => Err(Refusal::at(reached.node.at.line, ONE_LINE)),
            },
        }
    }

    /// The first key of a text that has none yet, behind its comments.
    fn first(&self, op: &Op) -> Result<Vec<Patch>, Refusal> {
        match op {
            Op::Key { at, key, value } if at.is_empty() => {
                let entry = print::entry(key, value, 1, self.layout);
                Ok(vec![Patch::insert(self.text.len(), entry)])
            }
            _ => Err(Refusal::at(1, "there is nothing to edit")),
        }
    }

    fn reach<'n>(&self, tree: &'n Node, path: &Path) -> Result<Reached<'n>, Refusal> {
        let mut reached = Reached {
            node: tree,
            key: None,
            in_flow: self.is_flow(tree),
        };
        for step in path {
            let line = reached.node.at.line;
            let missing = || Refusal::at(line, "there is nothing to edit");
            match step {
                Step::Key(key) => {
                    let map = reached.node.as_map().ok_or_else(missing)?;
                    let entry = map.0.iter().find(|e| e.key == *key).ok_or_else(missing)?;
                    reached.node = &entry.value;
                    reached.key = Some(entry.at);
                }
                Step::Item(index) => {
                    let items = reached.node.as_seq().ok_or_else(missing)?;
                    reached.node = items.get(*index).ok_or_else(missing)?;
                    reached.key = None;
                }
            }
            let empty = match &reached.node.content {
                Content::Map(map) => map.is_empty(),
                Content::Seq(items) => items.is_empty(),
                Content::Scalar(_) => true,
            };
            reached.in_flow |= !empty && self.is_flow(reached.node);
        }
        Ok(reached)
    }

    fn is_flow(&self, node: &Node) -> bool {
        let rest = self.lines.rest(node.at);
        let bracket = rest.is_some_and(|r| r.starts_with(['{', '[']));
        match &node.content {
            Content::Scalar(_) => false,
            // A block's place is its first item's.
            Content::Seq(items) => bracket && items.first().is_none_or(|i| i.at != node.at),
            Content::Map(_) => bracket,
        }
    }

    fn set(&self, node: &Node, value: &Node) -> Result<Patch, Refusal> {
        let refuse = || Refusal::at(node.at.line, ONE_LINE);
        let new = value.as_scalar().ok_or_else(refuse)?;
        let old = node.as_scalar().ok_or_else(refuse)?;
        let start = self.lines.offset(node.at).ok_or_else(refuse)?;
        let rest = self.lines.rest(node.at).ok_or_else(refuse)?;
        let plain = || print::scalar(value).unwrap_or_default();
        let (length, with) = match old.style {
            _ if old.text.is_empty() && rest.starts_with(':') => {
                return Ok(Patch::insert(start + 1, format!(" {}", plain())));
            }
            Style::Plain if rest.starts_with(&old.text) => (old.text.len(), plain()),
            Style::Double => {
                let length = quoted(rest, '"').ok_or_else(refuse)?;
                (length, scalar::double(&new.text))
            }
            Style::Single => {
                let length = quoted(rest, '\'').ok_or_else(refuse)?;
                (length, scalar::single(&new.text))
            }
            _ => return Err(refuse()),
        };
        let range = start..start + length;
        Ok(Patch { range, with })
    }

    fn add_key(
        &self,
        reached: &Reached<'_>,
        map: &Map,
        key: &str,
        value: &Node,
    ) -> Result<Vec<Patch>, Refusal> {
        let line = reached.node.at.line;
        if reached.in_flow {
            return Err(Refusal::at(line, BRACES));
        }
        let first = map.0.first().ok_or_else(|| Refusal::at(line, BRACES))?.at;
        let end = self.lines.end_of_block(first, first.column);
        let entry = print::entry(key, value, first.column, self.layout);
        Ok(vec![Patch::insert(end, entry)])
    }

    fn add_item(
        &self,
        reached: &Reached<'_>,
        items: &[Node],
        map: &Map,
    ) -> Result<Vec<Patch>, Refusal> {
        let line = reached.node.at.line;
        if reached.in_flow {
            return Err(Refusal::at(line, BRACES));
        }
        let dashed = |item: &Node| Some((self.lines.dash(item.at)?, item.at.column));
        let (dash, column) = items
            .iter()
            .rev()
            .find_map(dashed)
            .ok_or_else(|| Refusal::at(line, ODD_DASH))?;
        let last = items.last().map_or(reached.node.at, |item| item.at);
        let end = self.lines.end_of_block(last, dash + 1);
        let item = print::item(map, dash, column - dash, self.layout);
        Ok(vec![Patch::insert(end, item)])
    }

    /// Puts lines below a key whose value is nothing, `[]` or `{}`. The block
    /// is told the key's column.
    fn open(
        &self,
        reached: &Reached<'_>,
        block: impl FnOnce(u32) -> String,
    ) -> Result<Vec<Patch>, Refusal> {
        let node = reached.node;
        let refuse = || Refusal::at(node.at.line, BRACES);
        let key = reached.key.filter(|_| !reached.in_flow);
        let key = key.ok_or_else(refuse)?;
        let start = self.lines.offset(node.at).ok_or_else(refuse)?;
        let rest = self.lines.rest(node.at).ok_or_else(refuse)?;
        let length = match &node.content {
            Content::Scalar(s) if s.text.is_empty() => 0,
            Content::Scalar(s) if rest.starts_with(&s.text) => s.text.len(),
            Content::Scalar(_) => return Err(refuse()),
            // Blanks only may stand between the brackets.
            _ => {
                let inner = rest.get(1..).unwrap_or_default();
                let close = inner.trim_start_matches(' ');
                if !close.starts_with([']', '}']) {
                    return Err(refuse());
                }
                inner.len() - close.len() + 2
            }
        };
        let mut patches = Vec::new();
        if length > 0 {
            let before = self.text.get(..start).unwrap_or_default();
            let blanks = before.len() - before.trim_end_matches(' ').len();
            let behind = rest.get(length..).unwrap_or_default().trim();
            // A comment keeps its blank before it.
            let blanks = if behind.is_empty() { blanks } else { 0 };
            patches.push(Patch {
                range: start - blanks..start + length,
                with: String::new(),
            });
        }
        let below = self.lines.start(node.at.line as usize);
        patches.push(Patch::insert(below, block(key.column)));
        Ok(patches)
    }
}

/// How many bytes a quoted scalar takes, if it ends on its line.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices();
    if chars.next()?.1 != quote {
        return None;
    }
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next()?;
        } else if c == quote {
            let doubled = quote == '\'' && rest.get(at + 1..)?.starts_with(quote);
            if !doubled {
                return Some(at + 1);
            }
            chars.next()?;
        }
    }
    None
}

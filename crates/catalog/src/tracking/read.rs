//! From text to the typed view.

use std::borrow::Cow;

use model::finding::{Class, Finding};
use model::name::ClientName;
use model::version::Version;
use model::yaml::{Content, Entry, Limits, Map, Node, Tag, parse_structure};

use super::FILE;
use super::context::ContextName;
use super::lines::Lines;
use super::scalar;
use super::view::{Client, InContext, Package, Tracking};

/// The largest file read, in bytes: three times what a thousand clients with
/// fifty versions each take.
pub const BYTES_MAX: usize = 16 << 20;

/// The most nodes (keys, values, lists and mappings) of the file: as many times
/// as [`BYTES_MAX`].
pub const NODES_MAX: usize = 1_000_000;

/// Ours nest seven deep; people's own keys may nest more.
const DEPTH_MAX: usize = 32;

/// More of them help nobody.
const FINDINGS_MAX: usize = 100;

const NOT_READ: &str = "clients-unreadable";

/// The typed view of a text. Whatever would make an edit or a deletion rest on
/// a guess is refused, with its line: several documents, keys given twice,
/// anchors, aliases, `<<`, tags, tabs, names that are no text to some reader,
/// and names and versions that are none.
///
/// Source of the schema: specification, "Version Tracking".
pub fn parse(text: &str) -> Result<Tracking, Vec<Finding>> {
    read(&unix(text)).map(|read| read.view)
}

/// The text with Unix line ends, if all its lines end as on Windows.
pub(super) fn unix(text: &str) -> Cow<'_, str> {
    let all = text.contains('\r') && text.split_inclusive('\n').all(|l| l.ends_with("\r\n"));
    if all {
        text.replace("\r\n", "\n").into()
    } else {
        text.into()
    }
}

/// A text, read.
pub(super) struct Read {
    /// Its tree, if there is one.
    pub tree: Option<Node>,
    pub view: Tracking,
}

/// As [`parse`], with the tree.
pub(super) fn read(text: &str) -> Result<Read, Vec<Finding>> {
    let tree = tree(text)?;
    let lines = Lines::of(text);
    let mut reader = Reader {
        lines: &lines,
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let clients = tree.as_ref().map(|node| reader.clients(node));
    reader.errors.truncate(FINDINGS_MAX);
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    reader.warnings.truncate(FINDINGS_MAX);
    let view = Tracking {
        clients: clients.unwrap_or_default(),
        warnings: reader.warnings,
    };
    Ok(Read { tree, view })
}

fn tree(text: &str) -> Result<Option<Node>, Vec<Finding>> {
    let limits = Limits {
        bytes: BYTES_MAX,
        depth: DEPTH_MAX,
        nodes: NODES_MAX,
        documents: 2,
    };
    let documents = parse_structure(text, &limits).map_err(|errors| {
        let finding = |e: &model::yaml::YamlError| error(e.line, e.kind.to_string());
        errors.iter().map(finding).collect::<Vec<_>>()
    })?;
    let mut documents = documents.into_iter();
    let first = documents.next();
    match documents.next() {
        Some(second) => Err(vec![error(second.line, "a second document; one is read")]),
        None => Ok(first.map(|d| d.node)),
    }
}

fn error(line: u32, message: impl Into<String>) -> Finding {
    Finding::error(NOT_READ, Class::Integrity, message)
        .at(FILE, line)
        .help("correct the file; nothing was changed in it")
}

struct Reader<'t> {
    lines: &'t Lines<'t>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: u32, message: impl Into<String>) {
        self.errors.push(error(line, message));
    }

    fn odd(&mut self, code: &'static str, line: u32, message: impl Into<String>) {
        let finding = Finding::warning(code, Class::Integrity, message).at(FILE, line);
        self.warnings.push(finding);
    }

    fn clients(&mut self, root: &Node) -> Vec<Client> {
        let Some(map) = self.map(root, "the file") else {
            return Vec::new();
        };
        let items = self.items(map, "clients");
        items.iter().filter_map(|item| self.client(item)).collect()
    }

    fn client(&mut self, node: &Node) -> Option<Client> {
        let map = self.map(node, "a client")?;
        let name = self.name::<ClientName>(node, map, "name", "a client");
        let namespace = match map.get("namespace") {
            Some(node) if !node.is_null() => self.name(node, map, "namespace", "a client"),
            _ => None,
        };
        let items = self.items(map, "packages");
        let packages = items.iter().filter_map(|item| self.package(item)).collect();
        Some(Client {
            name: name?,
            namespace,
            packages,
            line: node.at.line,
        })
    }

    fn package(&mut self, node: &Node) -> Option<Package> {
        let map = self.map(node, "a package")?;
        let version = self.name::<Version>(node, map, "version", "a package");
        let (status, deployed) = (self.status(map), self.deployed(map));
        let contexts = match map.get("contexts") {
            Some(node) if !node.is_null() => self
                .map(node, "`contexts`")
                .map(|map| map.0.iter().filter_map(|e| self.context(e)).collect()),
            _ => None,
        };
        Some(Package {
            version: version?,
            status,
            deployed,
            contexts: contexts.unwrap_or_default(),
            line: node.at.line,
        })
    }

    fn context(&mut self, entry: &Entry) -> Option<InContext> {
        let line = entry.at.line;
        let quoted = self.lines.rest(entry.at)?.starts_with(['"', '\'']);
        if let Some(why) = scalar::doubt_of(&entry.key, entry.tag, quoted) {
            self.wrong(line, why);
            return None;
        }
        let context = match entry.key.parse::<ContextName>() {
            Ok(context) => context,
            Err(e) => {
                self.wrong(line, format!("`{}` is no context's name: {e}", entry.key));
                return None;
            }
        };
        let (mut status, mut deployed) = (None, None);
        if !entry.value.is_null() {
            let map = self.map(&entry.value, "a context")?;
            (status, deployed) = (self.status(map), self.deployed(map));
        }
        Some(InContext {
            context,
            status,
            deployed,
            line,
        })
    }

    fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Map> {
        let map = node.as_map();
        if map.is_none() {
            let is = node.describe();
            self.wrong(node.at.line, format!("{what} must be a map, not {is}"));
        }
        map
    }

    fn items<'n>(&mut self, map: &'n Map, key: &str) -> &'n [Node] {
        match map.get(key) {
            Some(node) if !node.is_null() => node.as_seq().unwrap_or_else(|| {
                let is = node.describe();
                self.wrong(node.at.line, format!("`{key}` must be a list, not {is}"));
                &[]
            }),
            _ => &[],
        }
    }

    /// A name that must be there and be right.
    fn name<T>(&mut self, owner: &Node, map: &Map, key: &str, what: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let Some(node) = map.get(key) else {
            self.wrong(owner.at.line, format!("{what} without `{key}`"));
            return None;
        };
        let line = node.at.line;
        let Some(scalar) = node.as_scalar() else {
            let is = node.describe();
            self.wrong(line, format!("`{key}` must be a string, not {is}"));
            return None;
        };
        if let Some(why) = scalar::doubt(scalar) {
            self.wrong(line, format!("`{key}`: {why}"));
            return None;
        }
        match scalar.text.parse() {
            Ok(name) => Some(name),
            Err(e) => {
                self.wrong(line, format!("`{key}: {}`: {e}", scalar.text));
                None
            }
        }
    }

    /// A field that people may leave out or misspell.
    fn field<'n>(&mut self, map: &'n Map, key: &str) -> Option<(&'n str, u32)> {
        let node = map.get(key)?;
        match &node.content {
            Content::Scalar(s) if s.tag == Tag::Null => None,
            Content::Scalar(s) => Some((s.text.as_str(), node.at.line)),
            _ => {
                let is = node.describe();
                self.wrong(node.at.line, format!("`{key}` must be a string, not {is}"));
                None
            }
        }
    }

    fn status<T: std::str::FromStr>(&mut self, map: &Map) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        self.known(map, "status", "clients-status")
    }

    fn deployed<T: std::str::FromStr>(&mut self, map: &Map) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        self.known(map, "deployed", "clients-time")
    }

    fn known<T: std::str::FromStr>(&mut self, map: &Map, key: &str, code: &'static str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let (text, line) = self.field(map, key)?;
        match text.parse() {
            Ok(known) => Some(known),
            Err(e) => {
                self.odd(code, line, format!("`{key}: {text}`: {e}"));
                None
            }
        }
    }
}

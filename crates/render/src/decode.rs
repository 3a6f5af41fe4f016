//! Reading a YAML tree into typed values, with everything that is wrong said
//! at once.
//!
//! The rules are those of Go's `encoding/json`, with which kustomize reads its
//! own files: names of fields fit whatever their case, null is as if absent,
//! a value of another type and an unknown field are errors.

use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use model::text::nearest;
use model::yaml::{Node, Tag};

/// Collects what is wrong with one file.
#[derive(Debug)]
pub struct Decoder {
    file: String,
    findings: Vec<Finding>,
}

/// The fields of a map that were known and are not null.
#[derive(Debug)]
pub struct Fields<'n> {
    path: String,
    /// By name: the line of the key, and the value.
    found: BTreeMap<&'static str, (u32, &'n Node)>,
}

impl Decoder {
    /// For a file, named as messages shall name it.
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            findings: Vec::new(),
        }
    }

    /// Everything that was wrong.
    pub fn finish(self) -> Vec<Finding> {
        self.findings
    }

    /// Adds something that is wrong on a line.
    pub fn add(&mut self, finding: Finding, line: u32) {
        self.findings.push(finding.at(self.file.as_str(), line));
    }

    /// Adds something that makes the file invalid.
    pub fn invalid(&mut self, line: u32, message: impl Into<String>) {
        let finding = Finding::error("kustomization-invalid", Class::Usage, message);
        self.add(finding, line);
    }

    fn wrong(&mut self, node: &Node, path: &str, wanted: &str) {
        let help = match node.as_scalar().map(|s| s.tag) {
            Some(Tag::Bool | Tag::Int | Tag::Float | Tag::Timestamp) if wanted == "a string" => {
                Some("put the value in quotes")
            }
            _ => None,
        };
        let finding = Finding::error(
            "kustomization-type",
            Class::Usage,
            format!("field '{path}' must be {wanted}, not {}", node.describe()),
        );
        let finding = match help {
            Some(help) => finding.help(help),
            None => finding,
        };
        self.add(finding, node.at.line);
    }

    /// The known fields of a map; the path is empty for the whole file.
    pub fn fields<'n>(&mut self, node: &'n Node, path: &str, known: &[&'static str]) -> Fields<'n> {
        let mut found = BTreeMap::new();
        if let Some(map) = node.as_map() {
            for entry in &map.0 {
                let name = known
                    .iter()
                    .find(|k| **k == entry.key)
                    .or_else(|| known.iter().find(|k| k.eq_ignore_ascii_case(&entry.key)));
                match name {
                    None => self.unknown(entry.at.line, path, &entry.key, known),
                    Some(_) if entry.value.is_null() => {}
                    Some(name) => {
                        found.insert(*name, (entry.at.line, &entry.value));
                    }
                }
            }
        } else if !node.is_null() {
            let path = if path.is_empty() { "the file" } else { path };
            self.wrong(node, path, "a map");
        }
        Fields {
            path: path.to_owned(),
            found,
        }
    }

    fn unknown(&mut self, line: u32, path: &str, key: &str, known: &[&'static str]) {
        let finding = Finding::error(
            "kustomization-unknown-field",
            Class::Usage,
            format!("unknown field '{}'", join(path, key)),
        );
        let finding = match nearest(key, known.iter().copied()) {
            Some(near) => finding.help(format!("did you mean '{near}'?")),
            None => finding,
        };
        self.add(finding, line);
    }

    /// A string.
    pub fn string(&mut self, node: &Node, path: &str) -> String {
        if node.is_null() {
            return String::new();
        }
        if let Some(text) = node.as_str() {
            return text.to_owned();
        }
        self.wrong(node, path, "a string");
        String::new()
    }

    /// A boolean.
    pub fn boolean(&mut self, node: &Node, path: &str) -> bool {
        match node.as_scalar() {
            Some(s) if s.tag == Tag::Bool => is_true(&s.text),
            Some(s) if s.tag == Tag::Null => false,
            _ => {
                self.wrong(node, path, "true or false");
                false
            }
        }
    }

    /// A whole number.
    pub fn integer(&mut self, node: &Node, path: &str) -> i64 {
        if node.is_null() {
            return 0;
        }
        // Through JSON, as kustomize: it knows every notation of the dialect.
        let number = model::yaml::to_json(node).ok().and_then(|n| n.as_i64());
        number.unwrap_or_else(|| {
            self.wrong(node, path, "a whole number");
            0
        })
    }

    /// A list.
    pub fn list<T>(
        &mut self,
        node: &Node,
        path: &str,
        mut item: impl FnMut(&mut Self, &Node, &str) -> T,
    ) -> Vec<T> {
        if node.is_null() {
            return Vec::new();
        }
        let Some(items) = node.as_seq() else {
            self.wrong(node, path, "a list");
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(at, node)| item(self, node, &format!("{path}[{at}]")))
            .collect()
    }

    /// A list of strings.
    pub fn strings(&mut self, node: &Node, path: &str) -> Vec<String> {
        self.list(node, path, Self::string)
    }

    /// A map.
    pub fn map<T>(
        &mut self,
        node: &Node,
        path: &str,
        mut value: impl FnMut(&mut Self, &Node, &str) -> T,
    ) -> BTreeMap<String, T> {
        if node.is_null() {
            return BTreeMap::new();
        }
        let Some(map) = node.as_map() else {
            self.wrong(node, path, "a map");
            return BTreeMap::new();
        };
        map.iter()
            .map(|(key, node)| (key.to_owned(), value(self, node, &join(path, key))))
            .collect()
    }

    /// A map of strings.
    pub fn string_map(&mut self, node: &Node, path: &str) -> BTreeMap<String, String> {
        self.map(node, path, Self::string)
    }
}

impl<'n> Fields<'n> {
    /// The value of a field and its path, when it is there.
    pub fn get(&self, name: &'static str) -> Option<(&'n Node, String)> {
        let (_, node) = self.found.get(name)?;
        Some((node, join(&self.path, name)))
    }

    /// The line of the field's key; 0 when it is not there.
    pub fn line(&self, name: &'static str) -> u32 {
        self.found.get(name).map_or(0, |(line, _)| *line)
    }

    /// Whether the field is there.
    pub fn has(&self, name: &'static str) -> bool {
        self.found.contains_key(name)
    }

    /// Which fields are there.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.found.keys().copied()
    }

    /// Reads a field, or the type's empty value when it is not there.
    pub fn read<T: Default>(
        &self,
        decoder: &mut Decoder,
        name: &'static str,
        read: impl FnOnce(&mut Decoder, &'n Node, &str) -> T,
    ) -> T {
        self.get(name)
            .map(|(node, path)| read(decoder, node, &path))
            .unwrap_or_default()
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Of a scalar that is known to be a boolean.
fn is_true(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "yes" | "on" | "y"
    )
}

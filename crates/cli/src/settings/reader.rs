//! Reads a mapping key by key, and reports every key that nobody asked for.

use model::finding::{Class, Finding};
use model::text;
use model::yaml::{Map, Node};

/// A mapping of the settings file being read.
pub struct Reader<'a> {
    map: &'a Map,
    /// The file, for findings.
    file: &'a str,
    /// Keys that lead here, each followed by a dot.
    path: String,
    /// Where the mapping begins.
    line: u32,
    known: Vec<&'static str>,
    /// The key that the user chose for it; empty where none did.
    name: &'a str,
}

impl<'a> Reader<'a> {
    /// Reads the file's top mapping.
    pub fn new(file: &'a str, map: &'a Map) -> Self {
        Self {
            map,
            file,
            path: String::new(),
            line: 1,
            known: Vec::new(),
            name: "",
        }
    }

    fn wrong(&self, node: &Node, key: &str, expected: &str) -> Finding {
        Finding::error(
            "setting-invalid",
            Class::Usage,
            format!(
                "setting {}{key} is {}, expected {expected}",
                self.path,
                node.describe()
            ),
        )
        .at(self.file, node.at.line)
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.map.get(key).filter(|n| !n.is_null())
    }

    /// A string that `parse` accepts; what it says otherwise is reported.
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.find(key)?;
        let Some(value) = node.as_str() else {
            findings.push(self.wrong(node, key, "a string"));
            return None;
        };
        match parse(value) {
            Ok(value) => Some(value),
            Err(why) => {
                findings.push(
                    Finding::error(
                        "setting-invalid",
                        Class::Usage,
                        format!("setting {}{key} is {value:?}: {why}", self.path),
                    )
                    .at(self.file, node.at.line),
                );
                None
            }
        }
    }

    /// A string.
    pub fn text(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<String> {
        self.parsed(key, findings, |s| Ok(s.to_owned()))
    }

    /// A boolean.
    pub fn flag(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<bool> {
        let node = self.find(key)?;
        match node.as_scalar() {
            Some(s) if s.tag == model::yaml::Tag::Bool => Some(s.text.eq_ignore_ascii_case("true")),
            _ => {
                findings.push(self.wrong(node, key, "true or false"));
                None
            }
        }
    }

    /// A whole number of at least `min`.
    pub fn number(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
        min: u32,
    ) -> Option<u32> {
        let node = self.find(key)?;
        let number = node
            .as_scalar()
            .filter(|s| s.tag == model::yaml::Tag::Int)
            .and_then(|s| s.text.parse().ok())
            .filter(|number| *number >= min);
        if number.is_none() {
            findings.push(self.wrong(node, key, &format!("a whole number of at least {min}")));
        }
        number
    }

    /// A list of strings that `parse` accepts; what it says otherwise is
    /// reported.
    pub fn parsed_list<T>(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let line = self.map.get(key)?.at.line;
        let mut out = Vec::new();
        for text in self.list(key, findings) {
            match parse(&text) {
                Ok(value) => out.push(value),
                Err(why) => findings.push(
                    Finding::error(
                        "setting-invalid",
                        Class::Usage,
                        format!("setting {}{key} holds {text:?}: {why}", self.path),
                    )
                    .at(self.file, line),
                ),
            }
        }
        Some(out)
    }

    /// A list of strings.
    pub fn list(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Vec<String> {
        let Some(node) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = node.as_seq() else {
            findings.push(self.wrong(node, key, "a list of strings"));
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in items {
            match item.as_str() {
                Some(s) => out.push(s.to_owned()),
                None => findings.push(self.wrong(item, key, "a list of strings")),
            }
        }
        out
    }

    /// A mapping whose keys the user chooses, each with a list of strings.
    pub fn lists(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
    ) -> Vec<(String, Vec<String>)> {
        let Some(node) = self.find(key) else {
            return Vec::new();
        };
        let Some(map) = node.as_map() else {
            findings.push(self.wrong(node, key, "a map of lists"));
            return Vec::new();
        };
        let mut out = Vec::new();
        for (name, value) in map.iter() {
            let items: Option<Vec<String>> = value
                .as_seq()
                .map(|items| {
                    items
                        .iter()
                        .map(|i| i.as_str().map(str::to_owned))
                        .collect()
                })
                .unwrap_or_default();
            match items {
                Some(items) => out.push((name.to_owned(), items)),
                None => findings.push(self.wrong(value, key, "a map of lists of strings")),
            }
        }
        out
    }

    /// A mapping of settings.
    pub fn section(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
    ) -> Option<Reader<'a>> {
        let node = self.find(key)?;
        let Some(map) = node.as_map() else {
            findings.push(self.wrong(node, key, "a map"));
            return None;
        };
        Some(Reader {
            map,
            file: self.file,
            path: format!("{}{key}.", self.path),
            line: node.at.line,
            known: Vec::new(),
            name: "",
        })
    }

    /// A mapping whose keys the user chooses, each with a mapping of settings;
    /// nothing stands for one in which nothing is set.
    pub fn named<T>(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
        mut read: impl FnMut(&mut Reader<'_>, &mut Vec<Finding>) -> T,
    ) -> Vec<T> {
        let Some(node) = self.find(key) else {
            return Vec::new();
        };
        let Some(map) = node.as_map() else {
            findings.push(self.wrong(node, key, "a map of maps"));
            return Vec::new();
        };
        let empty = Map::default();
        let mut out = Vec::new();
        for (name, value) in map.iter() {
            let Some(map) = value.as_map().or_else(|| value.is_null().then_some(&empty)) else {
                findings.push(self.wrong(value, key, "a map of maps"));
                continue;
            };
            let mut reader = Reader {
                map,
                file: self.file,
                path: format!("{}{key}.{name}.", self.path),
                line: value.at.line,
                known: Vec::new(),
                name,
            };
            out.push(read(&mut reader, findings));
            reader.finish(findings);
        }
        out
    }

    /// The key that the user chose for this mapping.
    pub fn name(&self) -> &str {
        self.name
    }

    /// A list of mappings of settings.
    pub fn sections<T>(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
        mut read: impl FnMut(&mut Reader<'a>, &mut Vec<Finding>) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = node.as_seq() else {
            findings.push(self.wrong(node, key, "a list of maps"));
            return Vec::new();
        };
        let mut out = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let Some(map) = item.as_map() else {
                findings.push(self.wrong(item, key, "a list of maps"));
                continue;
            };
            let mut reader = Reader {
                map,
                file: self.file,
                path: format!("{}{key}[{at}].", self.path),
                line: item.at.line,
                known: Vec::new(),
                name: "",
            };
            out.extend(read(&mut reader, findings));
            reader.finish(findings);
        }
        out
    }

    /// That a key is missing here.
    pub fn missing(&self, key: &str) -> Finding {
        Finding::error(
            "setting-invalid",
            Class::Usage,
            format!("setting {}{key} is missing", self.path),
        )
        .at(self.file, self.line)
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self, findings: &mut Vec<Finding>) {
        for entry in &self.map.0 {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let finding = Finding::error(
                "setting-unknown",
                Class::Usage,
                format!("unknown setting {}{}", self.path, entry.key),
            )
            .at(self.file, entry.at.line);
            findings.push(
                match text::nearest(&entry.key, self.known.iter().copied()) {
                    Some(near) => finding.help(format!("Did you mean {}{near}?", self.path)),
                    None => finding.help(format!("Known here: {}", self.known.join(", "))),
                },
            );
        }
    }
}

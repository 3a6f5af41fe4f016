//! A walk down one object, and what it finds.

use std::fmt;

use model::finding::{Class, Finding};
use model::object::Object;
use model::yaml::{Mark, Node};

use crate::object_path::ObjectPath;

/// How many findings are told of one object. An object with more is not what
/// its kind says at all, and the rest would bury those of the others.
pub const FINDINGS: usize = 50;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong<'a> {
    /// The schema has no such field.
    UnknownField {
        /// The field that was probably meant.
        near: Option<&'a str>,
    },
    /// The value is of another type than the schema says.
    Type {
        /// What it should be, with its article.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A required field is not there.
    Required,
    /// The text is none of those the schema has.
    Value(String),
    /// The text or number is not written as its type asks.
    Format(String),
}

impl Wrong<'_> {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownField { .. } => "schema-unknown-field",
            Self::Type { .. } => "schema-type",
            Self::Required => "schema-required",
            Self::Value(_) => "schema-value",
            Self::Format(_) => "schema-format",
        }
    }
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField { .. } => f.write_str("unknown field"),
            Self::Type { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Required => f.write_str("required field is missing"),
            Self::Value(why) | Self::Format(why) => f.write_str(why),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum At<'a> {
    Key(&'a str),
    Index(usize),
}

/// How much of a schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// All of it.
    All,
    /// Fields and types only: below `status`, which the server reads and then
    /// throws away when an object is created.
    Shape,
}

/// What is said of fields that the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They are refused.
    Refused,
    /// Nothing.
    Ignored,
}

/// A walk down one object.
pub(super) struct Walk<'a> {
    object: &'a Object,
    /// Where the object stands in a list that holds it.
    base: &'a ObjectPath,
    path: Vec<At<'a>>,
    findings: Vec<Finding>,
    more: usize,
    /// What holds where the walk is now.
    pub rules: Rules,
    /// What is said of unknown fields there.
    pub unknown: Unknown,
}

impl<'a> Walk<'a> {
    pub fn new(object: &'a Object, base: &'a ObjectPath) -> Self {
        Self {
            object,
            base,
            path: Vec::new(),
            findings: Vec::new(),
            more: 0,
            rules: Rules::All,
            unknown: Unknown::Refused,
        }
    }

    /// Goes down to the value of a key, and back up.
    pub fn key(&mut self, key: &'a str, down: impl FnOnce(&mut Self)) {
        self.path.push(At::Key(key));
        down(self);
        self.path.pop();
    }

    /// Goes down to an item, and back up.
    pub fn index(&mut self, index: usize, down: impl FnOnce(&mut Self)) {
        self.path.push(At::Index(index));
        down(self);
        self.path.pop();
    }

    /// Whether as many findings are collected as are told.
    pub fn is_full(&self) -> bool {
        self.findings.len() >= FINDINGS
    }

    /// How many keys and items lead here.
    pub fn depth(&self) -> usize {
        self.path.len()
    }

    /// Tries something and forgets what it found.
    pub fn attempt(&mut self, tried: impl FnOnce(&mut Self)) -> bool {
        let (kept, more) = (std::mem::take(&mut self.findings), self.more);
        tried(self);
        let clean = self.findings.is_empty();
        self.findings = kept;
        self.more = more;
        clean
    }

    /// The value here is of another type.
    pub fn wrong_type(&mut self, value: &Node, expected: &'static str) {
        let found = value.describe();
        self.wrong(value.at, &Wrong::Type { expected, found });
    }

    /// Something is wrong here.
    pub fn wrong(&mut self, at: Mark, wrong: &Wrong) {
        if self.is_full() {
            self.more += 1;
            return;
        }
        let path = self
            .path
            .iter()
            .fold(self.base.clone(), |path, at| match at {
                At::Key(key) => path.key(key),
                At::Index(index) => path.index(*index),
            });
        let mut finding = self.finding(wrong.code(), at, &format!("{path}: {wrong}"));
        if let Wrong::UnknownField { near: Some(near) } = wrong {
            finding = finding.help(format!("did you mean {near}?"));
        }
        self.findings.push(finding);
    }

    /// Something is wrong with the object as a whole.
    pub fn wrong_object(&mut self, text: &str, help: Option<String>) {
        let at = self
            .object
            .node
            .get("kind")
            .map_or(self.object.node.at, |kind| kind.at);
        let finding = self.finding("schema-kind", at, text);
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    fn finding(&self, code: &'static str, at: Mark, text: &str) -> Finding {
        let origin = &self.object.origin;
        let line = if at.line == 0 { origin.line } else { at.line };
        let finding = Finding::error(code, Class::Usage, format!("{}: {text}", self.object));
        if origin.path.is_empty() {
            finding
        } else {
            finding.at(origin.path.clone(), line)
        }
    }

    /// What was found.
    pub fn into_findings(mut self) -> Vec<Finding> {
        if self.more > 0 {
            let text = format!("and {} more findings", self.more);
            let last = self.finding("schema-more", Mark::default(), &text);
            self.findings.push(last);
        }
        self.findings
    }
}

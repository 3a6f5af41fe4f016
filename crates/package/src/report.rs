//! The report of verification: lines for people, findings for machines.

use std::fmt;

use model::finding::Finding;

use crate::sealed::Package;

/// What a line says, by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `[PASS]`.
    Pass,
    /// `[FAIL]`; these are counted.
    Fail,
    /// `[INFO]`.
    Info,
    /// `[WARN]`.
    Warn,
    /// `[OK]`.
    Ok,
    /// `[ERROR]`.
    Error,
    /// No tag: a detail of the line above, or a part of a heading.
    Plain,
    /// No tag: a detail that is shown only when more is asked for.
    Verbose,
}

/// One line of the report. Its text may hold untrusted characters: whoever
/// prints it escapes it.
///
/// ```
/// use package::report::{Line, Tag};
/// assert_eq!(Line::new(Tag::Pass, "All checksums valid").to_string(), "[PASS] All checksums valid");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub tag: Tag,
    /// The text after the tag.
    pub text: String,
}

impl Line {
    /// A line.
    pub fn new(tag: Tag, text: impl Into<String>) -> Self {
        Self {
            tag,
            text: text.into(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = match self.tag {
            Tag::Pass => "[PASS] ",
            Tag::Fail => "[FAIL] ",
            Tag::Info => "[INFO] ",
            Tag::Warn => "[WARN] ",
            Tag::Ok => "[OK] ",
            Tag::Error => "[ERROR] ",
            Tag::Plain | Tag::Verbose => "",
        };
        write!(f, "{tag}{}", self.text)
    }
}

/// The line around headings.
pub const RULE: &str = "==========================================";

/// What verification of one package gave.
#[derive(Debug, Clone)]
pub struct Report {
    /// The package's directory, without its parents.
    pub name: String,
    /// Every line, headings and closing lines included.
    pub lines: Vec<Line>,
    /// Everything wrong or unusual.
    pub findings: Vec<Finding>,
    /// The package, when nothing is wrong.
    pub package: Option<Package>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.package.is_some()
    }
}

//! What a command answers, and the one JSON document it can be printed as.

use std::fmt::Write as _;

use model::finding::{Finding, Severity};
use model::text;
use serde_json::{Value, json};

use crate::exit::Exit;

/// The version of the JSON document.
const DOCUMENT_VERSION: u32 = 1;

/// What a command answers.
#[derive(Debug)]
pub struct Outcome {
    /// How it ends.
    pub exit: Exit,
    /// What is still to be said on standard error.
    pub findings: Vec<Finding>,
    /// What its report has said already; JSON repeats it.
    pub told: Vec<Finding>,
    /// The answer for machines.
    pub data: Value,
}

impl Outcome {
    /// Done, with this answer.
    pub fn done(data: Value) -> Self {
        Self {
            exit: Exit::Done,
            findings: Vec::new(),
            told: Vec::new(),
            data,
        }
    }

    /// With these findings, which decide how it ends.
    pub fn with(findings: Vec<Finding>, data: Value) -> Self {
        Self {
            exit: Exit::of(&findings),
            findings,
            told: Vec::new(),
            data,
        }
    }

    /// The JSON document.
    pub fn document(&self) -> String {
        let findings: Vec<Value> = self
            .told
            .iter()
            .chain(&self.findings)
            .map(finding)
            .collect();
        let document = json!({
            "version": DOCUMENT_VERSION,
            "ok": self.exit == Exit::Done,
            "code": self.exit as u8,
            "findings": findings,
            "data": self.data,
        });
        escape_hidden(&format!("{document:#}\n"))
    }
}

impl From<Vec<Finding>> for Outcome {
    fn from(findings: Vec<Finding>) -> Self {
        Self::with(findings, Value::Null)
    }
}

impl From<Finding> for Outcome {
    fn from(finding: Finding) -> Self {
        vec![finding].into()
    }
}

/// The same document with every hidden character as a JSON escape: JSON itself
/// asks for that below U+0020 only. Such a character stands in strings alone.
fn escape_hidden(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut units = [0; 2];
    for c in document.chars() {
        if c == '\n' || !text::is_hidden(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

fn finding(f: &Finding) -> Value {
    json!({
        "code": f.code,
        "severity": match f.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        "message": f.message,
        "path": f.place.as_ref().map(|p| &p.path),
        "line": f.place.as_ref().and_then(|p| p.line),
        "help": f.help,
    })
}

//! What a command answers, and the one JSON document it can be printed as.

use model::finding::{Finding, Severity};
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
        format!("{document:#}\n")
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

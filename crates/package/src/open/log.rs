//! What is being said while a package is opened.

use model::finding::{Class, Finding, Severity};

use crate::report::{Line, RULE, Tag};

/// What to do about a package whose bytes are not what they were.
pub(super) const DAMAGED: &str = "take an undamaged copy of the package, or make it again";

/// Lines and findings, as they come.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) lines: Vec<Line>,
    pub(super) findings: Vec<Finding>,
}

impl Log {
    pub(super) fn heading(name: &str) -> Self {
        let mut log = Self::default();
        log.say(Tag::Plain, RULE);
        log.say(Tag::Plain, format!("Verifying package: {name}"));
        log.say(Tag::Plain, RULE);
        log
    }

    pub(super) fn say(&mut self, tag: Tag, text: impl Into<String>) {
        self.lines.push(Line::new(tag, text));
    }

    pub(super) fn pass(&mut self, text: impl Into<String>) {
        self.say(Tag::Pass, text);
    }

    pub(super) fn info(&mut self, text: impl Into<String>) {
        self.say(Tag::Info, text);
    }

    /// A `[FAIL]` line of its own for a finding that came from elsewhere, a
    /// `[WARN]` or `[INFO]` line for one that is no error.
    pub(super) fn tell(&mut self, finding: Finding) {
        let tag = match finding.severity {
            Severity::Error => Tag::Fail,
            Severity::Warning => Tag::Warn,
            Severity::Info => Tag::Info,
        };
        self.say(tag, finding.to_string());
        self.findings.push(finding);
    }

    /// A `[FAIL]` line in the report's own words, and its finding.
    pub(super) fn fail(&mut self, text: impl Into<String>, finding: Finding) {
        self.say(Tag::Fail, text);
        self.findings.push(finding);
    }

    /// A `[WARN]` line in the report's own words, and its finding.
    pub(super) fn warn(&mut self, text: impl Into<String>, finding: Finding) {
        self.say(Tag::Warn, text);
        self.findings.push(finding);
    }

    /// Says which steps were not taken.
    pub(super) fn skipped(&mut self) {
        let text = "schemas, images and the deploy script were not checked (--skip-verify)";
        let finding = Finding::warning("steps-skipped", Class::Integrity, text);
        self.warn(text, finding);
    }

    /// How many `[FAIL]` lines there are.
    pub(super) fn failures(&self) -> usize {
        self.lines.iter().filter(|l| l.tag == Tag::Fail).count()
    }

    /// The closing lines.
    pub(super) fn close(&mut self, ready: Ready) {
        let failures = self.failures();
        self.say(Tag::Plain, RULE);
        if failures == 0 {
            self.say(Tag::Ok, "Package verification PASSED");
            if ready == Ready::Yes {
                self.info("Package is ready for deployment");
            }
        } else {
            let text = format!("Package verification FAILED with {failures} error(s)");
            self.say(Tag::Error, text);
        }
        self.say(Tag::Plain, RULE);
    }
}

/// Whether a package that passed can be deployed as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// It can.
    Yes,
    /// It cannot: images float.
    No,
}

/// An error about the package's bytes.
pub(super) fn damage(code: &'static str, path: &str, why: impl Into<String>) -> Finding {
    Finding::error(code, Class::Integrity, why)
        .in_file(path)
        .help(DAMAGED)
}

/// Something about the package's bytes that stops nothing.
pub(super) fn oddity(code: &'static str, path: &str, why: impl Into<String>) -> Finding {
    Finding::warning(code, Class::Integrity, why).in_file(path)
}

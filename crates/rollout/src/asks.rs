//! What users ask of consign in annotations of their objects.
//!
//! Source of the rules: `docs/deploying.md` ("Annotations").

use model::finding::{Class, Finding};
use serde_json::Value;

use crate::object::{ObjectId, annotation};

/// Apply me after these are ready: `job/migrate[,kind/name…]`.
pub const WAIT_FOR: &str = "consign.dev/wait-for";

/// Delete me and create me anew when a field changes that cannot: `on-change`.
pub const REPLACE: &str = "consign.dev/replace";

/// Leave me when a package no longer has me: `keep`.
pub const PRUNE: &str = "consign.dev/prune";

/// I am ready when: `<JSONPath>=<value>`.
pub const READY_WHEN: &str = "consign.dev/ready-when";

/// What to do when a field changes that the API server does not let change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replace {
    /// Refuse; finished Jobs are replaced all the same.
    #[default]
    Never,
    /// Delete it and create it anew.
    OnChange,
}

/// What happens to an object that no package has any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prune {
    /// It is removed, by the rules for its kind.
    #[default]
    Remove,
    /// It stays.
    Keep,
}

/// What an object's annotations ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asks {
    /// [`REPLACE`].
    pub replace: Replace,
    /// [`PRUNE`].
    pub prune: Prune,
}

impl Asks {
    /// Reads them off an object; a value that is none of ours is a finding.
    pub fn of(object: &Value) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut one_of = |name: &str, known: &str| match annotation(object, name) {
            None => false,
            Some(value) if value == known => true,
            Some(value) => {
                findings.push(
                    Finding::error(
                        "annotation-invalid",
                        Class::Usage,
                        format!(
                            "{}: annotation {name} is {value:?}, expected {known:?}",
                            ObjectId::of(object)
                        ),
                    )
                    .help("Correct the annotation in the source and make a new version"),
                );
                false
            }
        };
        let asks = Self {
            replace: if one_of(REPLACE, "on-change") {
                Replace::OnChange
            } else {
                Replace::Never
            },
            prune: if one_of(PRUNE, "keep") {
                Prune::Keep
            } else {
                Prune::Remove
            },
        };
        if findings.is_empty() {
            Ok(asks)
        } else {
            Err(findings)
        }
    }
}

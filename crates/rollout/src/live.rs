//! What a cluster holds before a run, read once.

use std::collections::{BTreeMap, BTreeSet};

use model::object::Gvk;
use serde_json::Value;

use crate::api::ApiError;
use crate::asks;
use crate::desired::Wanted;
use crate::discovery::{Discovery, Resource};
use crate::fields;
use crate::object::{ObjectId, annotation, text, uid};
use crate::record::{Heading, Outcome, Record};

/// The server's answer to trying an object without writing it.
#[derive(Debug, Clone)]
pub enum Trial {
    /// It would become this.
    Accepted(Value),
    /// It would become this once these managers' fields are taken over.
    Conflicts {
        /// What it would become.
        after: Option<Value>,
        /// The refusal that names managers and fields.
        refusal: ApiError,
    },
    /// It refuses.
    Refused(ApiError),
    /// It cannot be tried yet: its Namespace or its kind comes with the
    /// package.
    Postponed,
    /// A webhook cannot be tried; the message is the server's.
    Unchecked(String),
}

/// What a cluster holds.
#[derive(Debug, Clone)]
pub struct Live {
    /// The server's version, `v1.36.3`.
    pub version: String,
    /// The UID of namespace kube-system, if it may be read.
    pub cluster: Option<String>,
    /// Which kinds there are.
    pub discovery: Discovery,
    /// The client's Namespace, if there is one.
    pub namespace: Option<Value>,
    /// Objects of the package, and of releases before, that exist.
    pub objects: BTreeMap<ObjectId, Value>,
    /// What autoscalers scale: kind and name.
    pub scaled: BTreeSet<(String, String)>,
    /// Every record's labels, oldest first.
    pub headings: Vec<Heading>,
    /// The records that matter: the active one, and all after it.
    pub records: Vec<Record>,
    /// `ReplicaSets` and `ControllerRevisions`: what a rollout of before can
    /// be undone to.
    pub revisions: Vec<Value>,
    /// What the server says to objects that differ.
    pub trials: BTreeMap<ObjectId, Trial>,
}

impl Live {
    /// The record of what serves now.
    pub fn active(&self) -> Option<&Record> {
        self.records
            .iter()
            .rfind(|r| r.document.outcome == Outcome::Active)
    }

    /// The newest record, if its run was cut off.
    pub fn interrupted(&self) -> Option<&Record> {
        self.records.last().filter(|r| r.document.outcome.is_open())
    }

    /// The number of the newest record, else 0.
    pub fn newest(&self) -> u64 {
        self.headings.last().map_or(0, |h| h.number)
    }

    /// The kind of an object, in the version asked for.
    pub fn resource(&self, gvk: &Gvk) -> Option<&Resource> {
        self.discovery.find(gvk)
    }

    /// Whether an object is ours: we applied it, or a record has its UID. Of a
    /// run that was cut off the record has the name alone: that will do for an
    /// object of which nobody owns a field.
    ///
    /// Source of the rule: `docs/deploying.md` ("What is ours").
    pub fn is_ours(&self, object: &Value) -> bool {
        fields::ours(object).is_some() || {
            let (uid, is_nobodys) = (uid(object), fields::is_nobodys(object));
            self.records
                .iter()
                .flat_map(|r| &r.document.inventory)
                .any(|item| {
                    item.uid == uid
                        || is_nobodys && item.uid.is_empty() && item.id() == ObjectId::of(object)
                })
        }
    }

    /// Whether an object of ours is one that the package no longer has.
    pub fn is_leaving(&self, object: &Value, wanted: &Wanted) -> bool {
        self.is_ours(object)
            && wanted.find(&ObjectId::of(object)).is_none()
            && annotation(object, asks::PRUNE) != Some("keep")
    }

    /// Whether an autoscaler scales this object.
    pub fn is_scaled(&self, id: &ObjectId) -> bool {
        self.scaled.contains(&(id.kind.clone(), id.name.clone()))
    }
}

/// What the autoscalers among these objects scale: kind and name.
pub fn scaled<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeSet<(String, String)> {
    objects
        .into_iter()
        .filter(|o| o["kind"] == "HorizontalPodAutoscaler")
        .map(|o| {
            (
                text(o, "/spec/scaleTargetRef/kind").to_owned(),
                text(o, "/spec/scaleTargetRef/name").to_owned(),
            )
        })
        .collect()
}

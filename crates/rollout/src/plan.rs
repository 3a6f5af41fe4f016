//! The plan: what a run will do, decided before it does anything.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::{Class, Finding};
use package::trust::TrustedPackage;
use serde_json::Value;

use crate::api::ApiError;
use crate::asks::{self, Replace};
use crate::desired::{Desired, Wanted};
use crate::diff::{self, Change};
use crate::draft::{Adoption, Choices, Draft, State};
use crate::fields::drift;
use crate::fields::{self, Difference};
use crate::live::{Live, Trial};
use crate::object::{ObjectId, annotation, created, uid};
use crate::record::{Document, InventoryItem, Record};
use crate::retained;

/// What happens to an object of the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It is made.
    Create,
    /// Fields of it change, or come into our hands when none is listed.
    Change(Vec<Change>),
    /// It is deleted and made anew, for this field cannot change.
    Replace(String),
    /// Nothing.
    Unchanged,
    /// Nothing, because this user may not.
    Skip,
}

/// Whether the server has tried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It accepts.
    Yes,
    /// It is asked when the object's Namespace or kind is there.
    Later,
    /// A webhook cannot be tried; the message is the server's.
    Unchecked(String),
}

/// One object of the package, and what happens to it.
#[derive(Debug, Clone)]
pub struct Step {
    /// The object's place in [`Wanted::objects`].
    pub wanted: usize,
    /// What names it.
    pub id: ObjectId,
    /// What happens.
    pub act: Act,
    /// What is applied.
    pub body: Value,
    /// Whether the server has tried it.
    pub tried: Tried,
    /// How it becomes ours, where it was not.
    pub adoption: Option<Adoption>,
    /// Replicas handed over to an autoscaler first.
    pub handover: Option<i64>,
    /// Fields that are taken from other managers.
    pub takes: BTreeMap<String, Vec<String>>,
    /// Our fields that others have changed since.
    pub drift: Vec<String>,
    /// The object as it was read, where it is there.
    pub before: Option<Value>,
    /// The object as the server says it will be, where it was asked.
    pub expected: Option<Value>,
}

/// An object of an earlier release that the package does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The object.
    pub item: InventoryItem,
    /// Its UID as it was read.
    pub uid: String,
    /// Why it stays, if it does.
    pub stays: Option<String>,
}

/// The way a version goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Nothing was active before.
    First,
    /// To a higher version.
    Up,
    /// To a lower one: a rollback.
    Down,
    /// To the same one.
    Same,
}

/// What a run will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Every object of the package, in its order.
    pub steps: Vec<Step>,
    /// What earlier releases left.
    pub removals: Vec<Removal>,
    /// The release that is active now.
    pub active: Option<Document>,
    /// A run that was cut off.
    pub interrupted: Option<Document>,
    /// How many objects that run had written.
    pub written: usize,
    /// The way the version goes.
    pub direction: Direction,
    /// The number of the newest record; a run that finds another one stops.
    pub newest: u64,
    /// Worth knowing.
    pub warnings: Vec<Finding>,
}

impl Plan {
    /// Whether there is nothing to write but the record.
    pub fn is_quiet(&self) -> bool {
        self.steps
            .iter()
            .all(|s| matches!(s.act, Act::Unchanged | Act::Skip))
            && self.removals.iter().all(|r| r.stays.is_some())
    }

    /// Objects whose fields others have changed.
    pub fn drifted(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| !s.drift.is_empty())
    }
}

/// How a plan is made.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// What is taken from others.
    pub choices: Choices,
    /// Kinds that are removed though they usually stay.
    pub prune_kinds: BTreeSet<String>,
    /// UIDs of objects that are deleted and made anew where a field cannot
    /// change, though nothing in the package says so.
    pub replaceable: BTreeSet<String>,
    /// What becomes of fields that others own.
    pub conflicts: OnConflict,
}

/// What becomes of fields that another manager owns and that the package sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// The run is refused.
    #[default]
    Refuse,
    /// They stay as they are, and are told.
    Leave,
}

/// Plans a run; all that speaks against it at once.
pub fn plan(
    package: &TrustedPackage,
    wanted: &Wanted,
    drafts: Vec<Draft>,
    live: &Live,
    rules: &Rules,
) -> Result<Plan, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut warnings = Vec::new();
    let mut steps = Vec::with_capacity(drafts.len());
    let own = package.manifest.namespace.as_str();
    for draft in drafts {
        let desired = &wanted.objects[draft.wanted];
        match step(desired, draft, live, rules, own) {
            Ok(step) => {
                if let Tried::Unchecked(why) = &step.tried {
                    warnings.push(Finding::warning(
                        "dry-run-unchecked",
                        Class::Cluster,
                        format!("{}: not tried beforehand: {why}", step.id),
                    ));
                }
                steps.push(step);
            }
            Err(wrong) => findings.extend(wrong),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let active = live.active().map(|r| r.document.clone());
    let direction = match active.as_ref().and_then(|a| a.version.parse().ok()) {
        None => Direction::First,
        Some(version) => match package.manifest.version.cmp(&version) {
            std::cmp::Ordering::Less => Direction::Down,
            std::cmp::Ordering::Equal => Direction::Same,
            std::cmp::Ordering::Greater => Direction::Up,
        },
    };
    Ok(Plan {
        removals: removals(wanted, live, rules),
        active,
        interrupted: live.interrupted().map(|r| r.document.clone()),
        written: live.interrupted().map_or(0, |record| written(record, live)),
        direction,
        newest: live.newest(),
        steps,
        warnings,
    })
}

/// How many objects of a record were written since its run began.
fn written(record: &Record, live: &Live) -> usize {
    let Some(begun) = record.created else {
        return 0;
    };
    record
        .document
        .inventory
        .iter()
        .filter_map(|item| live.objects.get(&item.id()))
        .filter(|object| fields::is_managed(object))
        .filter(|object| {
            fields::applied_at(object)
                .or_else(|| created(object))
                .is_some_and(|at| at >= begun)
        })
        .count()
}

fn step(
    desired: &Desired,
    draft: Draft,
    live: &Live,
    rules: &Rules,
    own: &str,
) -> Result<Step, Vec<Finding>> {
    let id = &desired.id;
    let object = live.objects.get(id);
    let (mut act, mut tried, mut takes) = (Act::Unchanged, Tried::Yes, BTreeMap::new());
    let mut expected = None;
    let mut changed_since = Vec::new();
    match &draft.state {
        State::Same => {}
        State::Foreign(managers) => return Err(vec![foreign(id, managers)]),
        State::Missing => {
            act = Act::Create;
            match live.trials.get(id) {
                None | Some(Trial::Postponed) => tried = Tried::Later,
                Some(Trial::Accepted(after)) => expected = Some(after.clone()),
                Some(Trial::Unchecked(why)) => tried = Tried::Unchecked(why.clone()),
                // Who may not even look at it works in it as it is.
                Some(Trial::Refused(refusal)) if is_kept_namespace(id, refusal, own) => {
                    act = Act::Skip;
                }
                Some(Trial::Conflicts { refusal, .. } | Trial::Refused(refusal)) => {
                    return Err(vec![refused(id, refusal)]);
                }
            }
        }
        State::Differs(difference) => {
            let live_object = object.unwrap_or(&Value::Null);
            if draft.adoption.is_none() && live.is_ours(live_object) {
                changed_since = drifted(live_object, difference);
            }
            let after = match live.trials.get(id) {
                None | Some(Trial::Postponed) => {
                    tried = Tried::Later;
                    None
                }
                Some(Trial::Accepted(after)) => Some(after),
                Some(Trial::Unchecked(why)) => {
                    tried = Tried::Unchecked(why.clone());
                    None
                }
                Some(Trial::Conflicts { after, refusal }) => {
                    takes = conflicts(refusal);
                    let wrong = unallowed(id, &takes, &draft, rules, own);
                    if !wrong.is_empty() {
                        return Err(wrong);
                    }
                    after.as_ref()
                }
                Some(Trial::Refused(refusal)) if is_immutable(refusal) => {
                    return replaced(desired, draft, live_object, refusal, rules);
                }
                Some(Trial::Refused(refusal)) if is_kept_namespace(id, refusal, own) => {
                    act = Act::Skip;
                    None
                }
                Some(Trial::Refused(refusal)) => return Err(vec![refused(id, refusal)]),
            };
            if act != Act::Skip {
                act = changed(live_object, after, &draft);
                expected = after.cloned();
            }
        }
    }
    Ok(Step {
        wanted: draft.wanted,
        id: id.clone(),
        act,
        body: draft.body,
        tried,
        adoption: draft.adoption,
        handover: draft.handover,
        takes,
        drift: changed_since,
        before: object.cloned(),
        expected,
    })
}

/// Fields of ours that somebody else has now. What the package is the first to
/// have is nobody's.
fn drifted(live: &Value, difference: &Difference) -> Vec<String> {
    drift::of(live, difference)
        .into_iter()
        .filter(|drift| !drift.managers.is_empty())
        .map(|drift| {
            if drift.field.is_empty() {
                "all of it".to_owned()
            } else {
                drift.field
            }
        })
        .collect()
}

/// Whether it is the client's Namespace, which this user may not change: a
/// run in one that exists goes on without.
fn is_kept_namespace(id: &ObjectId, refusal: &ApiError, own: &str) -> bool {
    refusal.is_forbidden() && id.is_namespace() && id.name == own
}

fn annotations(object: &Value) -> usize {
    let annotations = object.pointer("/metadata/annotations");
    annotations
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len)
}

/// What the server's answer means for an object that is there.
fn changed(live: &Value, after: Option<&Value>, draft: &Draft) -> Act {
    let Some(after) = after else {
        return Act::Change(Vec::new());
    };
    let mut changes = diff::changes(live, after);
    if draft.adoption.is_some() {
        // The trial does not see what goes once plain apply's fields are ours.
        changes.extend(gone_with_adoption(live, draft));
    }
    let same_owner = fields::ours(live) == fields::ours(after) && fields::ours(live).is_some();
    if changes.is_empty() && same_owner && draft.handover.is_none() && draft.adoption.is_none() {
        return Act::Unchanged;
    }
    Act::Change(changes)
}

fn gone_with_adoption(live: &Value, draft: &Draft) -> Vec<Change> {
    let migrated = fields::migrated(live);
    let ours = migrated
        .as_array()
        .and_then(|entries| entries.last())
        .and_then(|entry| entry.get("fieldsV1"))
        .unwrap_or(&Value::Null);
    // Plain apply owns the defaults too that the object was made with, and
    // those come back; what its user wrote is in the annotation.
    let written: Option<Value> =
        annotation(live, fields::LAST_APPLIED).and_then(|text| serde_json::from_str(text).ok());
    let defaults = written.map_or_else(Vec::new, |written| {
        fields::compare(&written, live, ours).extra
    });
    fields::compare(&draft.body, live, ours)
        .extra
        .into_iter()
        .filter(|path| !path.ends_with(fields::LAST_APPLIED) && !defaults.contains(path))
        // All annotations, where plain apply's note is the only one.
        .filter(|path| path != ".metadata.annotations" || annotations(live) > 1)
        .map(|path| Change {
            path,
            before: Some(Value::from("…")),
            after: None,
        })
        .collect()
}

fn replaced(
    desired: &Desired,
    draft: Draft,
    live: &Value,
    refusal: &ApiError,
    rules: &Rules,
) -> Result<Step, Vec<Finding>> {
    let id = desired.id.clone();
    let finished = id.is("batch", "Job")
        && crate::object::items(live, "/status/conditions")
            .iter()
            .any(|c| c["status"] == "True" && (c["type"] == "Complete" || c["type"] == "Failed"));
    let fields: Vec<&str> = refusal.causes().iter().map(|c| c.field.as_str()).collect();
    let fields = if fields.is_empty() {
        "a field".to_owned()
    } else {
        fields.join(", ")
    };
    let may = finished
        || desired.asks.replace == Replace::OnChange
        || rules.replaceable.contains(uid(live));
    if may {
        return Ok(Step {
            wanted: draft.wanted,
            id,
            act: Act::Replace(fields),
            body: draft.body,
            tried: Tried::Later,
            adoption: draft.adoption,
            handover: None,
            takes: BTreeMap::new(),
            drift: Vec::new(),
            before: Some(live.clone()),
            expected: None,
        });
    }
    let running = if id.is("batch", "Job") {
        ", and the Job still runs"
    } else {
        ""
    };
    Err(vec![
        Finding::error(
            "field-immutable",
            Class::Cluster,
            format!("{id}: {fields} cannot be changed{running}: {}", reason(refusal)),
        )
        .help(format!(
            "Give it another name, or annotate it with {}: on-change to have it deleted and made anew",
            asks::REPLACE
        )),
    ])
}

/// Why, without the value: the server shows the whole of a Job's template.
fn reason(refusal: &ApiError) -> String {
    let told = refusal.to_string();
    match told.rsplit_once(": ") {
        Some((_, why)) if !refusal.causes().is_empty() => why.to_owned(),
        _ => told,
    }
}

fn foreign(id: &ObjectId, managers: &[String]) -> Finding {
    let by = if managers.is_empty() {
        "nobody that is known".to_owned()
    } else {
        managers.join(", ")
    };
    Finding::error(
        "object-foreign",
        Class::Policy,
        format!("{id} exists and is not consign's; it is managed by {by}"),
    )
    .help(format!(
        "If the package should have it, add --adopt {}/{}; --adopt-all adopts every object that the package names",
        id.kind.to_ascii_lowercase(),
        id.name
    ))
}

fn refused(id: &ObjectId, refusal: &ApiError) -> Finding {
    Finding::error(
        "object-refused",
        Class::Cluster,
        format!("{id}: the cluster refuses it: {refusal}"),
    )
    .help("Correct the source and make a new version; nothing was written")
}

/// Managers and the fields of theirs that are in the way.
pub fn conflicts(refusal: &ApiError) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cause in refusal.causes() {
        let manager = cause
            .message
            .split_once('"')
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("unknown", |(name, _)| name);
        found
            .entry(manager.to_owned())
            .or_default()
            .push(cause.field.clone());
    }
    found
}

/// The manager that autoscalers write as.
const AUTOSCALER: &str = "kube-controller-manager";

/// The field that they write, as the server names it.
const REPLICAS: &str = ".spec.replicas";

/// Whether fields of this manager may be taken without being asked.
pub fn is_given(
    manager: &str,
    fields: &[String],
    draft: &Draft,
    rules: &Rules,
    own: &str,
    id: &ObjectId,
) -> bool {
    let in_own = id.namespace == own || id.is_namespace() && id.name == own;
    draft.adoption == Some(Adoption::Asked)
        || rules.choices.take_over.iter().any(|m| m == manager)
        || manager == fields::HANDOVER
        || manager == fields::CLIENT_SIDE_APPLY && in_own
        // What is applied has replicas only where no autoscaler stays: one
        // that was there before set them.
        || manager == AUTOSCALER && fields == [REPLICAS]
}

/// Managers whose fields may not be taken, and these.
pub fn kept_by_others(
    refusal: &ApiError,
    draft: &Draft,
    rules: &Rules,
    own: &str,
    id: &ObjectId,
) -> BTreeMap<String, Vec<String>> {
    let mut found = conflicts(refusal);
    found.retain(|manager, fields| !is_given(manager, fields, draft, rules, own, id));
    found
}

fn unallowed(
    id: &ObjectId,
    takes: &BTreeMap<String, Vec<String>>,
    draft: &Draft,
    rules: &Rules,
    own: &str,
) -> Vec<Finding> {
    takes
        .iter()
        .filter(|(manager, fields)| !is_given(manager, fields, draft, rules, own, id))
        .map(|(manager, fields)| {
            Finding::error(
                "field-conflict",
                Class::Conflict,
                format!("{id}: {} belongs to manager {manager:?}", fields.join(", ")),
            )
            .help(format!(
                "Take these fields out of the source, or take them back with --take-over {manager}"
            ))
        })
        .collect()
}

/// Words by which the server says that a field cannot change.
///
/// Source: the validation of Kubernetes 1.36.
const IMMUTABLE: [&str; 9] = [
    "immutable",
    "may not be changed in an update",
    "may not change once set",
    "pod updates may not change fields other than",
    "updates to parameters are forbidden",
    "updates to provisioner are forbidden",
    "updates to statefulset spec for fields other than",
    "cannot change roleRef",
    "forbidden after creation",
];

/// Whether this is all that the server has against it: an object that it would
/// not take anew either is not deleted for that.
fn is_immutable(refusal: &ApiError) -> bool {
    let says = |text: &str| {
        let words = outside_quotes(text);
        IMMUTABLE.iter().any(|known| words.contains(known))
    };
    let causes = refusal.causes();
    refusal.code() == 422
        && if causes.is_empty() {
            says(&refusal.to_string())
        } else {
            causes.iter().all(|cause| says(&cause.message))
        }
}

/// A message without the values that it quotes: their words are not the
/// server's.
fn outside_quotes(text: &str) -> String {
    text.split('"').step_by(2).collect()
}

/// Kinds that stay unless settings say otherwise: what is in them cannot be
/// had again.
const STAYING: [&str; 4] = [
    "CustomResourceDefinition",
    "Namespace",
    "PersistentVolumeClaim",
    "Secret",
];

/// What earlier releases left and the package does not have. An object is
/// there once, whichever records name it.
fn removals(wanted: &Wanted, live: &Live, rules: &Rules) -> Vec<Removal> {
    let names: BTreeSet<&ObjectId> = wanted.objects.iter().map(|d| &d.id).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut leaving: Vec<(&InventoryItem, ObjectId, &Value)> = Vec::new();
    for item in live
        .records
        .iter()
        .rev()
        .flat_map(|r| &r.document.inventory)
    {
        let id = item.id();
        if names.contains(&id) || !seen.insert(id.clone()) {
            continue;
        }
        let Some(object) = live.objects.get(&id) else {
            if !item.uid.is_empty() && live.discovery.is_in_doubt(&id) {
                found.push(Removal {
                    item: item.clone(),
                    uid: item.uid.clone(),
                    stays: Some("its kind is not served now".to_owned()),
                });
            }
            continue;
        };
        // Another one of that name is not ours to remove, nor is one that we
        // no longer manage.
        let is_same = item.uid.is_empty() || item.uid == uid(object);
        if is_same && fields::is_managed(object) {
            leaving.push((item, id, object));
        }
    }
    let stays: Vec<Option<String>> = leaving
        .iter()
        .map(|(_, id, object)| kept(id, object, rules))
        .collect();
    let going: BTreeSet<&str> = leaving
        .iter()
        .zip(&stays)
        .filter(|(_, stays)| stays.is_none())
        .map(|((_, _, object), _)| uid(object))
        .collect();
    for ((item, id, object), stays) in leaving.iter().zip(stays) {
        let held =
            || retained::by(id, &live.revisions, &going).map(|by| format!("{by} still names it"));
        let stays = stays.or_else(held);
        found.push(Removal {
            item: (*item).clone(),
            uid: uid(object).to_owned(),
            stays,
        });
    }
    found
}

/// Whether objects of this kind stay when no package has them any more.
pub(crate) fn is_kept(id: &ObjectId, rules: &Rules) -> bool {
    STAYING.contains(&id.kind.as_str()) && !rules.prune_kinds.contains(&id.kind)
}

/// Why an object stays that no package has any more, by itself.
fn kept(id: &ObjectId, object: &Value, rules: &Rules) -> Option<String> {
    if annotation(object, asks::PRUNE) == Some("keep") {
        return Some(format!("annotation {} says so", asks::PRUNE));
    }
    is_kept(id, rules).then(|| format!("a {} is removed only when settings say so", id.kind))
}

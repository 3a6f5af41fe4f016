//! A release beside what the cluster has of it.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::Finding;
use model::object::Gvk;
use serde_json::Value;

use super::unread;
use crate::api::{Api, Call};
use crate::desired::{Desired, Wanted};
use crate::discovery::{Discovery, Scope};
use crate::draft::{self, Choices, Draft, State};
use crate::fields;
use crate::fields::drift::{self, Drift};
use crate::live::{self, Live};
use crate::look::{self, Seen};
use crate::object::{ObjectId, annotation, text, uid};
use crate::ready::{self, Needs, Observed, Readiness, ReadyWhen, Rules, Weight};
use crate::record::{Act, Held, Record};
use crate::redact;

/// The annotation that packages put on what runs pods.
///
/// Source: package format 1.
const VERSION: &str = "deployment.version";

/// How an object of a release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Ready: why it counts as that.
    Ready(String),
    /// Ready as far as can be told.
    Doubtful(String),
    /// Not ready, or not with what the package has.
    Waiting(String),
    /// It cannot become ready.
    Failed(String),
    /// It is not there.
    Missing,
    /// Not read: this user may not, or the server refuses.
    Unread(String),
}

impl Health {
    /// In one word, for machines.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ready(_) => "ready",
            Self::Doubtful(_) => "doubtful",
            Self::Waiting(_) => "waiting",
            Self::Failed(_) => "failed",
            Self::Missing => "missing",
            Self::Unread(_) => "unread",
        }
    }

    /// What there is to say.
    pub fn why(&self) -> &str {
        match self {
            Self::Ready(why)
            | Self::Doubtful(why)
            | Self::Waiting(why)
            | Self::Failed(why)
            | Self::Unread(why) => why,
            Self::Missing => "it is not there",
        }
    }

    /// Whether all is well.
    pub const fn is_well(&self) -> bool {
        matches!(self, Self::Ready(_) | Self::Doubtful(_))
    }
}

/// Whether an object is the one that the release made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// It is, as far as can be told.
    Same,
    /// Another one bears its name.
    Another,
}

/// One object of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectState {
    /// Which.
    pub id: ObjectId,
    /// How it is.
    pub health: Health,
    /// Whether it is the one that the release made.
    pub identity: Identity,
    /// What others have changed of it; nothing where the package is not at
    /// hand.
    pub drift: Vec<Drift>,
}

/// How far a run came that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Objects in all; 0 when nobody knows.
    pub total: usize,
    /// Objects that are not, or not known to be, as the run wants them.
    pub left: Vec<ObjectId>,
}

impl Progress {
    /// Objects that are as the run wants them.
    pub fn done(&self) -> usize {
        self.total - self.left.len()
    }
}

/// A release beside what the cluster has of it.
#[derive(Debug)]
pub struct Release<'a> {
    /// Its record.
    pub record: &'a Record,
    /// Its package's objects, if it is at hand.
    pub wanted: Option<&'a Wanted>,
}

/// What is asked of a client.
#[derive(Debug)]
pub struct Asked<'a> {
    /// What is looked at with.
    pub looker: Looker<'a>,
    /// The release that serves.
    pub active: Option<Release<'a>>,
    /// The release whose run has not ended.
    pub open: Option<Release<'a>>,
}

/// What there is of a client.
#[derive(Debug, Default)]
pub struct Present {
    /// The objects of the release that serves.
    pub objects: Vec<ObjectState>,
    /// How far the run came that has not ended.
    pub progress: Option<Progress>,
    /// What could not be read.
    pub warnings: Vec<Finding>,
}

impl Asked<'_> {
    /// Looks.
    pub(super) async fn look(&self) -> Present {
        let mut present = Present::default();
        if let Some(active) = &self.active {
            (present.objects, present.warnings) = self.looker.objects(active).await;
        }
        if let Some(open) = &self.open {
            present.progress = Some(self.looker.progress(open).await);
        }
        present
    }
}

/// What is looked at with.
#[derive(Debug, Clone, Copy)]
pub struct Looker<'a> {
    /// The cluster.
    pub api: &'a Api,
    /// Its kinds.
    pub discovery: &'a Discovery,
    /// The client's namespace.
    pub namespace: &'a str,
    /// Restarts that count as crashing.
    pub fail_after_restarts: u32,
}

/// What belongs to objects, read beside them.
#[derive(Debug, Default)]
struct Beside {
    replica_sets: Vec<Value>,
    pods: Vec<Value>,
    revisions: Vec<Value>,
    classes: Vec<Value>,
}

impl Looker<'_> {
    /// Every object of a release as it is now, and what could not be read.
    async fn objects(&self, release: &Release<'_>) -> (Vec<ObjectState>, Vec<Finding>) {
        let wanted = names(release);
        let seen = look::look(self.api, self.discovery, &wanted).await;
        let (beside, scalers) = tokio::join!(self.beside(&seen), self.scalers(release));
        let drafts = self.drafts(release, &seen, &scalers);
        let uids: BTreeMap<ObjectId, &str> = release
            .record
            .document
            .inventory
            .iter()
            .filter(|item| !item.uid.is_empty())
            .map(|item| (item.id(), item.uid.as_str()))
            .collect();
        let states = wanted
            .into_iter()
            .map(|(_, id)| {
                let desired = release.wanted.and_then(|w| w.find(&id));
                let object = seen.objects.get(&id);
                let another =
                    object.is_some_and(|o| uids.get(&id).is_some_and(|known| *known != uid(o)));
                ObjectState {
                    health: match (object, seen.unreadable.get(&id)) {
                        (_, Some(why)) => Health::Unread(why.clone()),
                        (None, None) => Health::Missing,
                        (Some(object), None) => self.health(object, desired, &beside),
                    },
                    identity: if another {
                        Identity::Another
                    } else {
                        Identity::Same
                    },
                    drift: object.map_or_else(Vec::new, |object| drift_of(object, drafts.get(&id))),
                    id,
                }
            })
            .collect();
        let mut unread: Vec<Finding> = Vec::new();
        for (id, why) in &seen.unreadable {
            let finding = unread_kind(id, why);
            if !unread.contains(&finding) {
                unread.push(finding);
            }
        }
        (states, unread)
    }

    /// How far a run came whose end is not known.
    async fn progress(&self, release: &Release<'_>) -> Progress {
        let wanted = names(release);
        let total = wanted.len();
        let seen = look::look(self.api, self.discovery, &wanted).await;
        let document = &release.record.document;
        let drafts = if document.act == Act::Undeploy {
            BTreeMap::new()
        } else {
            self.drafts(release, &seen, &self.scalers(release).await)
        };
        let is_left = |id: &ObjectId| match (seen.objects.get(id), document.act) {
            (object, Act::Undeploy) => object.is_some() || seen.unreadable.contains_key(id),
            (Some(object), _) => !is_done(object, &document.version, drafts.get(id)),
            (None, _) => true,
        };
        Progress {
            total,
            left: wanted
                .into_iter()
                .map(|(_, id)| id)
                .filter(is_left)
                .collect(),
        }
    }

    fn health(&self, object: &Value, desired: Option<&Desired>, beside: &Beside) -> Health {
        let class = text(object, "/spec/storageClassName");
        let observed = Observed {
            replica_sets: &beside.replica_sets,
            pods: &beside.pods,
            revisions: &beside.revisions,
            binding: beside
                .classes
                .iter()
                .find(|c| text(c, "/metadata/name") == class)
                .map(|c| text(c, "/volumeBindingMode"))
                .filter(|mode| !mode.is_empty()),
            ..Observed::of(object)
        };
        let rules = Rules {
            fail_after_restarts: self.fail_after_restarts,
            ready_when: desired.map_or_else(|| ready_when(object), |d| d.ready_when.clone()),
            since: None,
        };
        match ready::judge(&observed, &rules) {
            Readiness::Waiting(why) => Health::Waiting(why),
            Readiness::Failed(failure) => Health::Failed(failure.message),
            Readiness::Ready(told) => match desired.map(|d| ready::serves(&observed, &d.value)) {
                Some(Err(not)) => Health::Waiting(not.why),
                _ if told.weight == Weight::Warning => Health::Doubtful(told.line),
                _ => Health::Ready(told.line),
            },
        }
    }

    /// The package's objects beside what was found, at first look.
    fn drafts(
        &self,
        release: &Release<'_>,
        seen: &Seen,
        scalers: &[Value],
    ) -> BTreeMap<ObjectId, Draft> {
        let Some(wanted) = release.wanted else {
            return BTreeMap::new();
        };
        let live = Live {
            version: String::new(),
            cluster: None,
            discovery: self.discovery.clone(),
            namespace: None,
            objects: seen.objects.clone(),
            scaled: live::scaled(scalers),
            headings: Vec::new(),
            records: vec![release.record.clone()],
            revisions: Vec::new(),
            trials: BTreeMap::new(),
        };
        draft::drafts(wanted, &live, &Choices::default(), self.namespace)
            .into_iter()
            .map(|draft| (wanted.objects[draft.wanted].id.clone(), draft))
            .collect()
    }

    async fn beside(&self, seen: &Seen) -> Beside {
        let needs: BTreeSet<Needs> = seen.objects.values().map(ready::needs).collect();
        let wants = |some: &[Needs]| some.iter().any(|need| needs.contains(need));
        let pods = wants(&[
            Needs::Pods,
            Needs::ReplicaSetsAndPods,
            Needs::RevisionsAndPods,
        ]);
        let (replica_sets, revisions, classes, pods) = tokio::join!(
            self.list("apps/v1", "ReplicaSet", wants(&[Needs::ReplicaSetsAndPods])),
            self.list(
                "apps/v1",
                "ControllerRevision",
                wants(&[Needs::RevisionsAndPods])
            ),
            self.list(
                "storage.k8s.io/v1",
                "StorageClass",
                wants(&[Needs::StorageClass])
            ),
            self.list("v1", "Pod", pods),
        );
        Beside {
            replica_sets,
            pods: pods.into_iter().map(redact::last_words).collect(),
            revisions,
            classes,
        }
    }

    /// The autoscalers of the namespace, where the package is compared.
    async fn scalers(&self, release: &Release<'_>) -> Vec<Value> {
        let compared = release.wanted.is_some();
        self.list("autoscaling/v2", "HorizontalPodAutoscaler", compared)
            .await
    }

    /// Objects of a kind, where they are wanted; what may not be read counts
    /// as not there, and judgement does without.
    async fn list(&self, api_version: &str, kind: &str, wanted: bool) -> Vec<Value> {
        let Some(resource) = self
            .discovery
            .find(&Gvk::new(api_version, kind))
            .filter(|_| wanted)
        else {
            return Vec::new();
        };
        let namespace = match resource.scope {
            Scope::Namespaced => self.namespace,
            Scope::Cluster => "",
        };
        match self
            .api
            .send(&Call::get(resource.collection(namespace)))
            .await
        {
            Ok(list) => look::named(&list, resource),
            Err(_) => Vec::new(),
        }
    }
}

/// What a run is about: its package's objects, else its inventory. What an
/// undeploy removes is in its inventory alone.
fn names(release: &Release<'_>) -> Vec<(Gvk, ObjectId)> {
    let inventory = release
        .record
        .document
        .inventory
        .iter()
        .filter(|item| item.held == Held::Wanted)
        .map(|item| (Gvk::new(&item.api_version, &item.kind), item.id()));
    match release.wanted {
        Some(wanted) if release.record.document.act != Act::Undeploy => wanted
            .objects
            .iter()
            .map(|d| (d.gvk.clone(), d.id.clone()))
            .collect(),
        _ => inventory.collect(),
    }
}

fn ready_when(object: &Value) -> Option<ReadyWhen> {
    annotation(object, crate::asks::READY_WHEN)?.parse().ok()
}

fn unread_kind(id: &ObjectId, why: &str) -> Finding {
    unread(&format!("{} objects", id.kind), why)
}

fn drift_of(object: &Value, draft: Option<&Draft>) -> Vec<Drift> {
    match draft.map(|d| &d.state) {
        Some(State::Differs(difference)) => drift::of(object, difference),
        Some(State::Foreign(managers)) => vec![Drift {
            field: String::new(),
            managers: managers.clone(),
        }],
        _ => Vec::new(),
    }
}

/// Whether a run has applied an object: by the version that packages write on
/// it, else by its fields, else by its being ours.
fn is_done(object: &Value, version: &str, draft: Option<&Draft>) -> bool {
    // A Namespace that was there before is not for us to manage.
    let is_ours = fields::is_managed(object) || ObjectId::of(object).is_namespace();
    match (annotation(object, VERSION), draft.map(|d| &d.state)) {
        (Some(written), _) => is_ours && written == version,
        (None, Some(State::Same)) => true,
        (None, Some(State::Differs(difference))) => {
            is_ours && difference.values.is_empty() && difference.extra.is_empty()
        }
        (None, Some(_)) => false,
        (None, None) => is_ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_run_has_applied_is_told_by_version_and_fields() {
        let object = |version: Option<&str>| {
            let mut object = json!({"metadata": {"managedFields": [
                {"manager": fields::MANAGER, "operation": "Apply", "fieldsV1": {"f:data": {}}}]}});
            if let Some(version) = version {
                object["metadata"]["annotations"] = json!({VERSION: version});
            }
            object
        };
        assert!(is_done(&object(Some("v1.1.0")), "v1.1.0", None));
        assert!(!is_done(&object(Some("v1.0.0")), "v1.1.0", None));
        assert!(is_done(&object(None), "v1.1.0", None));
        let others = json!({"metadata": {"managedFields": [
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:data": {}}}]}});
        assert!(!is_done(&others, "v1.1.0", None));
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {}});
        assert!(is_done(&namespace, "v1.1.0", None));
        let differs = |field: &str| Draft {
            wanted: 0,
            state: State::Differs(fields::Difference {
                values: vec![field.to_owned()],
                ..fields::Difference::default()
            }),
            body: Value::Null,
            handover: None,
            adoption: None,
        };
        assert!(!is_done(&object(None), "v1.1.0", Some(&differs(".data.a"))));
    }
}

//! Whether an object is ready, by what the cluster says of it.
//!
//! Everything here is a judgement over JSON that somebody else has read: no
//! request, no clock. Read the object first and then what it owns, so that
//! what is owned is at least as new.
//!
//! Source of the rules: `kubectl rollout status` (`polymorphichelpers/
//! rollout_status.go`), made stricter: a status is believed only if it is of
//! the object's present generation, a Deployment needs its new `ReplicaSet`
//! besides, and failures are told early where they are certain.

mod path;
mod status;

mod when;

mod pull;

mod pod;

mod revision;

mod failure;

mod daemon_set;
mod deployment;
mod job;
mod replica_set;
mod stateful_set;

mod cluster;
mod custom;

mod images;
mod writer;

mod serving;
mod settling;

pub use revision::new_pods;
pub use serving::{NotServing, Served, serves};
pub use settling::{AFTER_RESTART, Settling, WITHOUT_PROBE};
pub use stateful_set::stuck_pods;
pub use when::{ReadyWhen, WhenError};

use jiff::Timestamp;
use serde_json::Value;

use crate::object::{ObjectId, items, text};

/// What the cluster says of an object and of what its controllers made of it.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The object.
    pub object: &'a Value,
    /// `ReplicaSets` of its namespace; others' do no harm.
    pub replica_sets: &'a [Value],
    /// Pods of its namespace; others' do no harm.
    pub pods: &'a [Value],
    /// `ControllerRevisions` of its namespace; others' do no harm.
    pub revisions: &'a [Value],
    /// The `volumeBindingMode` of a claim's `StorageClass`, if it is known.
    pub binding: Option<&'a str>,
}

impl<'a> Observed<'a> {
    /// The object alone.
    pub fn of(object: &'a Value) -> Self {
        Self {
            object,
            replica_sets: &[],
            pods: &[],
            revisions: &[],
            binding: None,
        }
    }
}

/// What must be read beside an object to judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The pods of its namespace.
    Pods,
    /// The `ReplicaSets` and the pods of its namespace.
    ReplicaSetsAndPods,
    /// The `ControllerRevisions` and the pods of its namespace.
    RevisionsAndPods,
    /// Its `StorageClass`, for [`Observed::binding`].
    StorageClass,
}

/// How an object is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How often a container may restart before it counts as crashing.
    pub fail_after_restarts: u32,
    /// What the object's own annotation says.
    pub ready_when: Option<ReadyWhen>,
    /// When this run began, by the API server's clock (the `creationTimestamp`
    /// of its record): signs of failure from before it prove nothing, as what
    /// was missing may have come with this run. `None` believes all signs.
    pub since: Option<Timestamp>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            fail_after_restarts: 3,
            ready_when: None,
            since: None,
        }
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is as the package wants it.
    Ready(Told),
    /// Not yet: why, in one line.
    Waiting(String),
    /// It will not be, and waiting is no use.
    Failed(Failure),
}

/// What is to be said of an object that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// One line.
    pub line: String,
    /// How much it matters.
    pub weight: Weight,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Plain,
    /// Passed without proof, for a reason that is the object's own: a warning.
    Warning,
}

/// A certain failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub reason: Reason,
    /// One line, with the evidence.
    pub message: String,
    /// The pod that shows it.
    pub pod: Option<String>,
    /// Its container.
    pub container: Option<String>,
}

/// Kinds of certain failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A container of the new revision keeps ending.
    Restarts,
    /// The registry says that there is no such image, or its name is none.
    ImageNotFound,
    /// The registry says that we may not have the image.
    ImageRefused,
    /// A Job failed.
    JobFailed,
    /// A pod that nothing restarts failed.
    PodFailed,
    /// A Deployment's `progressDeadlineSeconds` are over.
    ProgressDeadline,
    /// A Deployment is paused: it does not roll out.
    Paused,
}

impl Reason {
    /// A stable name for machines, in kebab-case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restarts => "restarts",
            Self::ImageNotFound => "image-not-found",
            Self::ImageRefused => "image-refused",
            Self::JobFailed => "job-failed",
            Self::PodFailed => "pod-failed",
            Self::ProgressDeadline => "progress-deadline",
            Self::Paused => "paused",
        }
    }
}

impl Readiness {
    fn ready(line: impl Into<String>) -> Self {
        Self::Ready(Told {
            line: line.into(),
            weight: Weight::Plain,
        })
    }

    fn passed(line: impl Into<String>) -> Self {
        Self::Ready(Told {
            line: line.into(),
            weight: Weight::Warning,
        })
    }

    fn waiting(line: impl Into<String>) -> Self {
        Self::Waiting(line.into())
    }

    fn failed(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failed(Failure {
            reason,
            message: message.into(),
            pod: None,
            container: None,
        })
    }
}

/// What must be read beside an object to judge it.
///
/// ```
/// use rollout::ready::{Needs, needs};
/// let set = serde_json::json!({"apiVersion": "apps/v1", "kind": "StatefulSet"});
/// assert_eq!(needs(&set), Needs::Pods);
/// let none = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 0}});
/// assert_eq!(needs(&none), Needs::Nothing);
/// ```
pub fn needs(object: &Value) -> Needs {
    let id = ObjectId::of(object);
    match (id.group.as_str(), id.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "ReplicaSet") | ("", "ReplicationController")
            if status::replicas(object) == 0 =>
        {
            Needs::Nothing
        }
        ("apps", "Deployment") => Needs::ReplicaSetsAndPods,
        ("apps", "DaemonSet") => Needs::RevisionsAndPods,
        ("apps", "StatefulSet" | "ReplicaSet")
        | ("", "ReplicationController")
        | ("batch", "Job") => Needs::Pods,
        ("", "PersistentVolumeClaim") if text(object, "/status/phase") != "Bound" => {
            Needs::StorageClass
        }
        _ => Needs::Nothing,
    }
}

/// What is to be said of an object that is ready by being applied, whatever
/// else the cluster says: it need not be read for that.
///
/// ```
/// use rollout::ready::at_once;
/// let map = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap"});
/// assert!(at_once(&map, None).is_some());
/// let web = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment"});
/// assert!(at_once(&web, None).is_none());
/// ```
pub fn at_once(object: &Value, ready_when: Option<&ReadyWhen>) -> Option<Told> {
    let id = ObjectId::of(object);
    let runs_or_settles = matches!(
        (id.group.as_str(), id.kind.as_str()),
        (
            "apps" | "batch" | "apiextensions.k8s.io" | "apiregistration.k8s.io",
            _
        ) | (
            "",
            "Pod" | "ReplicationController" | "PersistentVolumeClaim" | "Namespace"
        )
    );
    let balanced = id.is("", "Service") && text(object, "/spec/type") == "LoadBalancer";
    (ready_when.is_none() && crate::order::is_built_in(&id.group) && !runs_or_settles && !balanced)
        .then(|| Told {
            line: "applied".to_owned(),
            weight: Weight::Plain,
        })
}

/// Whether an object is ready, will be, or cannot be.
pub fn judge(observed: &Observed<'_>, rules: &Rules) -> Readiness {
    let object = observed.object;
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return Readiness::Waiting(leaving(object));
    }
    let id = ObjectId::of(object);
    let judged = match (id.group.as_str(), id.kind.as_str()) {
        ("apps", "Deployment") => deployment::judge(observed, rules),
        ("apps", "StatefulSet") => stateful_set::judge(observed, rules),
        ("apps", "DaemonSet") => daemon_set::judge(observed, rules),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            replica_set::judge(observed, rules)
        }
        ("batch", "Job") => job::judge(observed, rules),
        ("", "Pod") => failure::judge_pod(object, rules),
        ("", "Service") => cluster::service(object),
        ("", "PersistentVolumeClaim") => cluster::claim(observed),
        ("", "Namespace") => cluster::namespace(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => cluster::definition(object),
        ("apiregistration.k8s.io", "APIService") => cluster::api_service(object),
        (group, _) if crate::order::is_built_in(group) => Readiness::ready("applied"),
        _ => return custom::judge(object, rules.ready_when.as_ref()),
    };
    match (&judged, &rules.ready_when) {
        (Readiness::Ready(_), Some(when)) => when
            .check(object)
            .map_or_else(Readiness::Waiting, |()| judged),
        _ => judged,
    }
}

fn leaving(object: &Value) -> String {
    let finalizers: Vec<&str> = items(object, "/metadata/finalizers")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if finalizers.is_empty() {
        "it is being deleted".to_owned()
    } else {
        format!("it is being deleted; finalizers: {}", finalizers.join(", "))
    }
}

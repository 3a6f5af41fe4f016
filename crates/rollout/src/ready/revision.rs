//! Which pods are of the revision that is being rolled out.

use serde_json::Value;

use super::Observed;
use super::pod::{controlled_by, is_controlled_by, is_leaving};
use super::status::{count, is_observed};
use crate::object::{ObjectId, annotation, label, text, uid};

/// The label with which a `ReplicaSet` tells its pods from its siblings'.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// The label that says which `ControllerRevision` a pod was made from.
const REVISION_HASH: &str = "controller-revision-hash";

/// The number that a Deployment and its present `ReplicaSet` have in common.
const DEPLOYMENT_REVISION: &str = "deployment.kubernetes.io/revision";

/// The generation of a `DaemonSet`'s template, on the set and on its pods.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
const POD_TEMPLATE_GENERATION: &str = "pod-template-generation";

/// The pods of the new revision of a workload that are not on their way out,
/// by name. None where its controller has not seen the present generation, and
/// none for what has no pods; a pod is its own.
///
/// Source of the rule: the controllers' own (`FindNewReplicaSet`,
/// `status.updateRevision`, `IsPodUpdated`).
pub fn new_pods<'a>(observed: &Observed<'a>) -> Vec<&'a Value> {
    let object = observed.object;
    let id = ObjectId::of(object);
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") if is_leaving(object) => Vec::new(),
        ("", "Pod") => vec![object],
        ("batch", "Job") => controlled_by(observed.pods, object),
        _ if !is_observed(object) => Vec::new(),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => {
            controlled_by(observed.pods, object)
        }
        ("apps", "Deployment") => {
            new_replica_set(observed).map_or_else(Vec::new, |set| controlled_by(observed.pods, set))
        }
        ("apps", "StatefulSet") => {
            let revision = text(object, "/status/updateRevision");
            let mut pods = controlled_by(observed.pods, object);
            pods.retain(|pod| !revision.is_empty() && label(pod, REVISION_HASH) == Some(revision));
            pods
        }
        ("apps", "DaemonSet") => {
            let hash =
                newest_revision(observed).and_then(|revision| label(revision, REVISION_HASH));
            let generation = annotation(object, TEMPLATE_GENERATION);
            let mut pods = controlled_by(observed.pods, object);
            pods.retain(|pod| {
                (hash.is_some() && label(pod, REVISION_HASH) == hash)
                    || (generation.is_some() && label(pod, POD_TEMPLATE_GENERATION) == generation)
            });
            pods
        }
        _ => Vec::new(),
    }
}

/// The `ReplicaSet` with a Deployment's present template; of several the
/// oldest, as the controller chooses. Where none has the same template, the
/// one with the Deployment's revision number, as a webhook may have changed
/// what the controller made.
pub(super) fn new_replica_set<'a>(observed: &Observed<'a>) -> Option<&'a Value> {
    let deployment = observed.object;
    if !is_observed(deployment) {
        return None;
    }
    let template = deployment.pointer("/spec/template");
    let mut own: Vec<&Value> = observed
        .replica_sets
        .iter()
        .filter(|set| is_controlled_by(set, uid(deployment)))
        .collect();
    own.sort_by_key(|set| {
        (
            text(set, "/metadata/creationTimestamp"),
            text(set, "/metadata/name"),
        )
    });
    let revision = annotation(deployment, DEPLOYMENT_REVISION);
    own.iter()
        .find(|set| same_template(set.pointer("/spec/template"), template))
        .or_else(|| {
            own.iter()
                .find(|set| revision.is_some() && annotation(set, DEPLOYMENT_REVISION) == revision)
        })
        .copied()
}

/// Whether two templates are the same, the hash label aside.
fn same_template(one: Option<&Value>, other: Option<&Value>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    one.get("spec") == other.get("spec") && metadata(one) == metadata(other)
}

/// Labels and annotations of a template, sorted, without the hash.
fn metadata(template: &Value) -> Vec<(&str, &str, &Value)> {
    let mut all: Vec<(&str, &str, &Value)> = ["labels", "annotations"]
        .into_iter()
        .filter_map(|map| Some((map, template.get("metadata")?.get(map)?.as_object()?)))
        .flat_map(|(map, entries)| entries.iter().map(move |(k, v)| (map, k.as_str(), v)))
        .filter(|(map, key, _)| (*map, *key) != ("labels", TEMPLATE_HASH))
        .collect();
    all.sort_by_key(|(map, key, _)| (*map, *key));
    all
}

fn newest_revision<'a>(observed: &Observed<'a>) -> Option<&'a Value> {
    observed
        .revisions
        .iter()
        .filter(|revision| is_controlled_by(revision, uid(observed.object)))
        .max_by_key(|revision| count(revision, "/revision"))
}

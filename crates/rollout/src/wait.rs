//! Waiting until objects are ready, and until what they started serves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use model::object::Gvk;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::{Api, ApiError, CONNECTIONS, Call};
use crate::desired::Desired;
use crate::discovery::{Discovery, Resource, Scope};
use crate::object::{ObjectId, items, text};
use crate::ready::{self, Failure, Needs, Observed, Readiness, Rules, Settling, Told};

/// The first pause between two looks; it grows, up to [`LOOK_MAX`].
const LOOK: Duration = Duration::from_millis(60);

/// The longest pause between two looks.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// How long a look may go on after the deadline, so that a server that is away
/// does not keep a run for minutes.
const LOOK_LIMIT: Duration = Duration::from_secs(30);

/// How long the proof of serving is tried again: pods that were ready may be
/// on their way out.
const PROOF_LIMIT: Duration = Duration::from_secs(5);

/// What is waited with.
#[derive(Debug)]
pub struct Waiter<'a> {
    /// The cluster.
    pub api: &'a Api,
    /// Its kinds.
    pub discovery: &'a Discovery,
    /// The client's namespace.
    pub namespace: &'a str,
    /// Restarts that count as crashing.
    pub fail_after_restarts: u32,
    /// When this run began, by the server's clock.
    pub since: Option<Timestamp>,
    /// When waiting ends.
    pub deadline: Instant,
}

/// Told while waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// It is not ready yet.
    Waiting(String),
    /// It is.
    Ready(Told),
}

/// Why waiting ended without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitError {
    /// These cannot become ready.
    Failed(Vec<(ObjectId, Failure)>),
    /// These were not ready in time.
    Late(Vec<(ObjectId, String)>),
    /// These are ready, and do not serve what the package has.
    NotServing(Vec<(ObjectId, String, Option<String>)>),
    /// The cluster does not answer.
    Api(ApiError),
    /// Asked to stop.
    Stopped,
}

/// What the cluster holds of objects that are waited for, and beside them.
#[derive(Debug, Default)]
struct Snapshot {
    objects: BTreeMap<ObjectId, Value>,
    replica_sets: Vec<Value>,
    pods: Vec<Value>,
    revisions: Vec<Value>,
    classes: Vec<Value>,
}

/// What waiting saw, if it was over at the first look: what was told by it is
/// proved by it.
#[derive(Debug)]
pub struct Seen(Option<Snapshot>);

impl Snapshot {
    fn observed<'a>(&'a self, object: &'a Value) -> Observed<'a> {
        let class = text(object, "/spec/storageClassName");
        Observed {
            replica_sets: &self.replica_sets,
            pods: &self.pods,
            revisions: &self.revisions,
            binding: self
                .classes
                .iter()
                .find(|c| text(c, "/metadata/name") == class)
                .map(|c| text(c, "/volumeBindingMode"))
                .filter(|mode| !mode.is_empty()),
            ..Observed::of(object)
        }
    }
}

impl Waiter<'_> {
    /// Waits until all of these are ready.
    pub async fn until_ready(
        &self,
        targets: &[&Desired],
        stop: &(dyn Fn() -> bool + Send + Sync),
        tell: &mut (dyn FnMut(&ObjectId, Watched) + Send),
    ) -> Result<Seen, WaitError> {
        let mut left = Vec::with_capacity(targets.len());
        for desired in targets {
            match ready::at_once(&desired.value, desired.ready_when.as_ref()) {
                Some(told) => tell(&desired.id, Watched::Ready(told)),
                None => left.push(*desired),
            }
        }
        let mut said: BTreeMap<ObjectId, String> = BTreeMap::new();
        let mut settling: BTreeMap<ObjectId, Settling> = BTreeMap::new();
        let begun = Instant::now();
        let mut pause = LOOK;
        let mut looks = 0_u32;
        while !left.is_empty() {
            looks += 1;
            let snapshot = match self.look(&left).await {
                Ok(snapshot) => snapshot,
                // A server that is away for a while says nothing of the pods.
                Err(e) if e.is_uncertain() && Instant::now() < self.deadline => {
                    if stop() {
                        return Err(WaitError::Stopped);
                    }
                    sleep(LOOK_MAX).await;
                    continue;
                }
                Err(e) => return Err(WaitError::Api(e)),
            };
            let mut failed = Vec::new();
            let mut late = Vec::new();
            let mut taken = Vec::new();
            left.retain(|desired| {
                let id = &desired.id;
                let why = match snapshot.objects.get(id) {
                    None => "it is not there".to_owned(),
                    Some(object) => {
                        let observed = snapshot.observed(object);
                        let rules = self.rules(desired);
                        // Whatever becomes of what somebody else put in its
                        // place, it is not what is waited for.
                        if let Err(e) = ready::serves(&observed, &desired.value)
                            && e.manager.is_some()
                        {
                            taken.push((id.clone(), e.why, e.manager));
                            return true;
                        }
                        match ready::judge(&observed, &rules) {
                            Readiness::Ready(told) => {
                                let remaining = settling
                                    .entry(id.clone())
                                    .or_insert_with(|| Settling::new(&rules))
                                    .remaining(&observed, begun.elapsed());
                                if remaining.is_zero() {
                                    tell(id, Watched::Ready(told));
                                    return false;
                                }
                                format!("{}; it must stay so for a moment", told.line)
                            }
                            // What a program said at its end may be in both.
                            Readiness::Waiting(why) => self.api.known().scrub(&why),
                            Readiness::Failed(mut failure) => {
                                failure.message = self.api.known().scrub(&failure.message);
                                failed.push((id.clone(), failure));
                                return true;
                            }
                        }
                    }
                };
                if said.get(id) != Some(&why) {
                    tell(id, Watched::Waiting(why.clone()));
                    said.insert(id.clone(), why.clone());
                }
                late.push((id.clone(), why));
                true
            });
            if !taken.is_empty() {
                return Err(WaitError::NotServing(taken));
            }
            if !failed.is_empty() {
                return Err(WaitError::Failed(failed));
            }
            if left.is_empty() {
                return Ok(Seen((looks == 1).then_some(snapshot)));
            }
            if stop() {
                return Err(WaitError::Stopped);
            }
            if Instant::now() >= self.deadline {
                return Err(WaitError::Late(late));
            }
            sleep(pause.min(self.deadline.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 3 / 2).min(LOOK_MAX);
        }
        Ok(Seen(None))
    }

    /// Proves that all of these serve what the package has.
    pub async fn prove(&self, targets: &[&Desired], seen: Seen) -> Result<usize, WaitError> {
        let workloads: Vec<&Desired> = targets
            .iter()
            .copied()
            .filter(|d| package::pod_spec::of_kind(&d.gvk).is_some())
            .collect();
        let over = self.deadline.min(Instant::now() + PROOF_LIMIT);
        let mut seen = seen.0;
        loop {
            let look = match seen.take() {
                Some(snapshot) => Ok(snapshot),
                None => self.look(&workloads).await,
            };
            let snapshot = match look {
                Ok(snapshot) => snapshot,
                Err(e) if e.is_uncertain() && Instant::now() < self.deadline => {
                    sleep(LOOK_MAX).await;
                    continue;
                }
                Err(e) => return Err(WaitError::Api(e)),
            };
            let mut pods = 0;
            let mut not = Vec::new();
            for desired in &workloads {
                match snapshot.objects.get(&desired.id) {
                    None => not.push((desired.id.clone(), "it is not there".to_owned(), None)),
                    Some(object) => match ready::serves(&snapshot.observed(object), &desired.value)
                    {
                        Ok(served) => pods += served.pods,
                        Err(e) => not.push((desired.id.clone(), e.why, e.manager)),
                    },
                }
            }
            if !not.is_empty() {
                // A manager that puts another version back is no passing state.
                let certain = not.iter().any(|(_, _, manager)| manager.is_some());
                if certain || Instant::now() >= over {
                    return Err(WaitError::NotServing(not));
                }
                sleep(LOOK_MAX).await;
                continue;
            }
            return Ok(pods);
        }
    }

    /// How each of these is now.
    pub async fn states(
        &self,
        targets: &[&Desired],
    ) -> Result<Vec<(ObjectId, Readiness)>, ApiError> {
        let snapshot = self.look(targets).await?;
        Ok(targets
            .iter()
            .map(|desired| {
                let readiness = snapshot.objects.get(&desired.id).map_or_else(
                    || Readiness::Waiting("it is not there".to_owned()),
                    |object| ready::judge(&snapshot.observed(object), &self.rules(desired)),
                );
                (desired.id.clone(), readiness)
            })
            .collect())
    }

    /// Pods of these `StatefulSets` that keep them from rolling on: name and
    /// UID.
    pub async fn stuck(&self, targets: &[&Desired]) -> Result<Vec<(String, String)>, ApiError> {
        let sets: Vec<&Desired> = targets
            .iter()
            .copied()
            .filter(|d| d.id.is("apps", "StatefulSet"))
            .collect();
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let snapshot = self.look(&sets).await?;
        Ok(snapshot
            .objects
            .values()
            .flat_map(|set| ready::stuck_pods(&snapshot.observed(set)))
            .map(|pod| {
                (
                    text(pod, "/metadata/name").to_owned(),
                    crate::object::uid(pod).to_owned(),
                )
            })
            .collect())
    }

    fn rules(&self, desired: &Desired) -> Rules {
        Rules {
            fail_after_restarts: self.fail_after_restarts,
            ready_when: desired.ready_when.clone(),
            since: self.since,
        }
    }

    async fn look(&self, targets: &[&Desired]) -> Result<Snapshot, ApiError> {
        let over = self.deadline.max(Instant::now()) + LOOK_LIMIT;
        timeout_at(over, self.read(targets))
            .await
            .unwrap_or_else(|_| {
                Err(ApiError::Unreachable(
                    "no answer until the deadline".to_owned(),
                ))
            })
    }

    /// Reads objects, and then what they own, so that this is as new as they.
    async fn read(&self, targets: &[&Desired]) -> Result<Snapshot, ApiError> {
        let mut kinds: BTreeMap<&Gvk, Vec<&ObjectId>> = BTreeMap::new();
        for desired in targets {
            kinds.entry(&desired.gvk).or_default().push(&desired.id);
        }
        let read: Vec<Result<Vec<Value>, ApiError>> = stream::iter(kinds)
            .map(|(gvk, ids)| self.of_kind(gvk, ids))
            .buffer_unordered(CONNECTIONS)
            .collect()
            .await;
        let mut snapshot = Snapshot::default();
        for found in read {
            for object in found? {
                snapshot.objects.insert(ObjectId::of(&object), object);
            }
        }
        let needs: BTreeSet<Needs> = snapshot.objects.values().map(ready::needs).collect();
        let wants = |some: &[Needs]| some.iter().any(|need| needs.contains(need));
        let pods = wants(&[
            Needs::Pods,
            Needs::ReplicaSetsAndPods,
            Needs::RevisionsAndPods,
        ]);
        let (sets, revisions, classes, pods) = tokio::try_join!(
            self.beside("apps/v1", "ReplicaSet", wants(&[Needs::ReplicaSetsAndPods])),
            self.beside(
                "apps/v1",
                "ControllerRevision",
                wants(&[Needs::RevisionsAndPods])
            ),
            self.beside(
                "storage.k8s.io/v1",
                "StorageClass",
                wants(&[Needs::StorageClass])
            ),
            self.beside("v1", "Pod", pods),
        )?;
        snapshot.replica_sets = sets;
        snapshot.revisions = revisions;
        snapshot.classes = classes;
        snapshot.pods = pods;
        Ok(snapshot)
    }

    async fn of_kind(&self, gvk: &Gvk, ids: Vec<&ObjectId>) -> Result<Vec<Value>, ApiError> {
        let Some(resource) = self.discovery.find(gvk) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let by_list = resource.scope == Scope::Namespaced && ids.len() > 1;
        if by_list {
            let namespaces: BTreeSet<&str> = ids.iter().map(|id| id.namespace.as_str()).collect();
            let names: BTreeSet<&ObjectId> = ids.into_iter().collect();
            for namespace in namespaces {
                let list = self
                    .api
                    .send(&Call::get(resource.collection(namespace)))
                    .await?;
                found.extend(named(&list, resource).filter(|o| names.contains(&ObjectId::of(o))));
            }
            return Ok(found);
        }
        let answers: Vec<Result<Value, ApiError>> = stream::iter(ids)
            .map(|id| async move {
                let path = resource.path(&id.namespace, &id.name);
                self.api.send(&Call::get(path)).await
            })
            .buffer_unordered(CONNECTIONS)
            .collect()
            .await;
        for answer in answers {
            match answer {
                Ok(object) => found.push(object),
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e),
            }
        }
        Ok(found)
    }

    async fn beside(
        &self,
        api_version: &str,
        kind: &str,
        wanted: bool,
    ) -> Result<Vec<Value>, ApiError> {
        let Some(resource) = self
            .discovery
            .find(&Gvk::new(api_version, kind))
            .filter(|_| wanted)
        else {
            return Ok(Vec::new());
        };
        match self
            .api
            .send(&Call::get(resource.collection(self.namespace)))
            .await
        {
            Ok(list) => Ok(named(&list, resource).collect()),
            // A user of one namespace may not read classes; judgement does
            // without.
            Err(e) if e.is_forbidden() && resource.scope == Scope::Cluster => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
}

/// The items of a list, told what they are.
fn named<'a>(list: &'a Value, resource: &'a Resource) -> impl Iterator<Item = Value> + 'a {
    items(list, "/items").iter().map(|item| {
        let mut object = item.clone();
        object["apiVersion"] = Value::from(resource.gvk.api_version());
        object["kind"] = Value::from(resource.gvk.kind.clone());
        object
    })
}

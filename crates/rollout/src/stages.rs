//! The stages of a run between its record's beginning and its end: definitions
//! first, what had to wait for them tried, the rest applied in order, waited
//! for, proved to serve, and what no longer belongs removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use model::finding::{Class, Finding};
use tokio::time::Instant;

use crate::api::{Api, ApiError, CONNECTIONS, Call};
use crate::apply::{self, Applied, Done, Removed, StepError};
use crate::desired::{Desired, Wanted};
use crate::discovery::Discovery;
use crate::draft::{Draft, State};
use crate::event::{Event, Tell};
use crate::evidence;
use crate::fields;
use crate::live::Trial;
use crate::needs;
use crate::object::ObjectId;
use crate::order;
use crate::plan::{self, Act, Plan, Removal, Step, Tried};
use crate::read;
use crate::record::{Held, InventoryItem};
use crate::retained;
use crate::wait::{WaitError, Waiter};

/// Whether a run waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Until what it applied serves.
    Serve,
    /// Not at all; nothing is removed then.
    None,
}

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long waiting may take in all.
    pub timeout: Duration,
    /// Restarts that count as crashing.
    pub fail_after_restarts: u32,
    /// Whether it waits.
    pub waiting: Waiting,
}

/// Why the stages ended early.
#[derive(Debug)]
pub enum Stop {
    /// The package is refused; nothing was written but Namespaces and
    /// definitions.
    Refused(Vec<Finding>),
    /// It failed after objects were written.
    Failed(Vec<Finding>),
    /// Asked to stop.
    Asked,
    /// The Lease is lost.
    Fenced,
}

/// What the stages do it with.
pub struct Stages<'a> {
    /// The cluster; writes are behind the Lease's fence.
    pub api: &'a Api,
    /// Its kinds; read anew when definitions were applied.
    pub discovery: Discovery,
    /// The client's namespace.
    pub namespace: &'a str,
    /// The package's objects.
    pub wanted: &'a Wanted,
    /// What happens to them.
    pub plan: &'a Plan,
    /// What may be taken from others.
    pub rules: &'a plan::Rules,
    /// The Secrets that its pods read, for what must not be shown.
    pub secrets: Vec<String>,
    /// How it goes.
    pub pace: Pace,
    /// When the run began, by the server's clock.
    pub since: Option<Timestamp>,
    /// Whether to stop at the next safe point.
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
    /// What was applied until now.
    pub applied: BTreeMap<ObjectId, Applied>,
    /// What was removed until now.
    pub removed: BTreeSet<ObjectId>,
    /// What failed, and may have been written all the same.
    pub doubtful: BTreeSet<ObjectId>,
}

impl Stages<'_> {
    /// Runs them all.
    pub async fn run(&mut self, tell: &mut Tell<'_>) -> Result<(), Stop> {
        let deadline = Instant::now() + self.pace.timeout;
        tell(Event::Executing);
        for desired in &self.wanted.objects {
            self.api.known().learn(&desired.value);
        }
        self.definitions(deadline, tell).await?;
        let later = self.try_later().await?;
        self.rest(&later, deadline, tell).await?;
        if self.pace.waiting == Waiting::None {
            return Ok(());
        }
        tell(Event::Stabilizing);
        self.stabilize(deadline, tell).await?;
        self.prune(tell).await
    }

    /// Namespaces and definitions, and waiting for them.
    async fn definitions(&mut self, deadline: Instant, tell: &mut Tell<'_>) -> Result<(), Stop> {
        let plan = self.plan;
        let steps: Vec<&Step> = plan
            .steps
            .iter()
            .filter(|s| is_basis(&s.id) && !self.applied.contains_key(&s.id))
            .collect();
        if steps.is_empty() {
            return Ok(());
        }
        self.apply_all(&steps, tell)
            .await
            .map_err(|stop| match stop {
                // Nothing but Namespaces and definitions is there.
                Stop::Failed(findings) => Stop::Refused(findings),
                other => other,
            })?;
        let crds: Vec<&Desired> = steps
            .iter()
            .map(|step| &self.wanted.objects[step.wanted])
            .filter(|d| d.id.is_crd())
            .collect();
        if crds.is_empty() {
            return Ok(());
        }
        let waiter = self.waiter(deadline);
        let ended = waiter
            .until_ready(&crds, self.stop, &mut |id, watched| {
                tell(Event::Watched(id, watched));
            })
            .await;
        if let Err(e) = ended {
            return Err(match self.stopped(e).await {
                Stop::Failed(findings) => Stop::Refused(findings),
                other => other,
            });
        }
        self.discovery = Discovery::read(self.api).await.map_err(|e| refusal(&e))?;
        Ok(())
    }

    /// Tries what could not be tried before; as planned steps, brought up to
    /// date.
    async fn try_later(&self) -> Result<BTreeMap<usize, Step>, Stop> {
        let waiting: Vec<&Step> = self
            .plan
            .steps
            .iter()
            .filter(|s| {
                s.tried == Tried::Later && !is_basis(&s.id) && !matches!(s.act, Act::Replace(_))
            })
            .collect();
        let answers: Vec<(&Step, Option<Trial>)> = stream::iter(waiting)
            .map(|step| async move {
                let desired = &self.wanted.objects[step.wanted];
                let trial = match self.discovery.find(&desired.gvk) {
                    None => None,
                    Some(resource) => {
                        let draft = draft_of(step);
                        Some(
                            read::trial(
                                self.api,
                                resource,
                                &draft,
                                &step.id,
                                self.rules,
                                self.namespace,
                            )
                            .await,
                        )
                    }
                };
                (step, trial)
            })
            .buffer_unordered(CONNECTIONS)
            .collect()
            .await;
        let mut findings = Vec::new();
        let mut tried = BTreeMap::new();
        for (step, trial) in answers {
            let refuse = |why: String| {
                Finding::error(
                    "object-refused",
                    Class::Cluster,
                    format!("{}: the cluster refuses it: {why}", step.id),
                )
                .help("Correct the source and make a new version")
            };
            match trial {
                None => findings.push(refuse("its kind is not served".to_owned())),
                Some(
                    Trial::Refused(e)
                    | Trial::Conflicts {
                        refusal: e,
                        after: None,
                    },
                ) => {
                    findings.push(refuse(e.to_string()));
                }
                Some(Trial::Accepted(after)) => {
                    let mut step = step.clone();
                    step.expected = Some(after);
                    tried.insert(step.wanted, step);
                }
                Some(_) => {}
            }
        }
        if findings.is_empty() {
            Ok(tried)
        } else {
            findings.sort_by(|a, b| a.message.cmp(&b.message));
            Err(Stop::Refused(findings))
        }
    }

    /// The rest, wave by wave; what the next wave rests on is waited for.
    async fn rest(
        &mut self,
        later: &BTreeMap<usize, Step>,
        deadline: Instant,
        tell: &mut Tell<'_>,
    ) -> Result<(), Stop> {
        let (plan, wanted) = (self.plan, self.wanted);
        let by_object: BTreeMap<usize, &Step> = plan.steps.iter().map(|s| (s.wanted, s)).collect();
        for (number, wave) in wanted.waves.iter().enumerate() {
            let steps: Vec<&Step> = wave
                .members
                .iter()
                .filter_map(|at| later.get(at).or(by_object.get(at).copied()))
                .filter(|s| !is_basis(&s.id))
                .collect();
            if (self.stop)() {
                return Err(Stop::Asked);
            }
            self.apply_all(&steps, tell).await?;
            let gates: Vec<&Desired> = wave
                .gates
                .iter()
                .map(|at| &wanted.objects[*at])
                .filter(|d| !is_basis(&d.id))
                .collect();
            let is_last = number + 1 == wanted.waves.len();
            if self.pace.waiting == Waiting::Serve && !gates.is_empty() && !is_last {
                let waiter = self.waiter(deadline);
                let ended = waiter
                    .until_ready(&gates, self.stop, &mut |id, watched| {
                        tell(Event::Watched(id, watched));
                    })
                    .await;
                if let Err(e) = ended {
                    return Err(self.stopped(e).await);
                }
            }
        }
        Ok(())
    }

    /// Applies steps side by side; all that fails is told.
    async fn apply_all(&mut self, steps: &[&Step], tell: &mut Tell<'_>) -> Result<(), Stop> {
        let (api, discovery, wanted) = (self.api, &self.discovery, self.wanted);
        let mut running = stream::iter(steps.iter().copied())
            .map(|step| async move {
                let desired = &wanted.objects[step.wanted];
                let result = match discovery.find(&desired.gvk) {
                    Some(resource) => apply::apply(api, resource, step).await,
                    None => Err(StepError::Api(ApiError::Nonsense(
                        "the cluster does not serve this kind any more".to_owned(),
                    ))),
                };
                (step, result)
            })
            .buffer_unordered(CONNECTIONS);
        let mut failed = Vec::new();
        let mut fenced = false;
        let mut doubtful = Vec::new();
        let mut done = Vec::with_capacity(steps.len());
        while let Some((step, result)) = running.next().await {
            match result {
                Ok(applied) => {
                    tell(Event::Applied(&applied));
                    done.push(applied);
                }
                Err(StepError::Api(ApiError::Fenced)) => fenced = true,
                Err(e) => {
                    if e.is_uncertain() {
                        doubtful.push(step.id.clone());
                    }
                    failed.push(failure(&step.id, &e));
                }
            }
        }
        drop(running);
        self.doubtful.extend(doubtful);
        self.applied.extend(
            done.into_iter()
                .map(|applied| (applied.id.clone(), applied)),
        );
        if fenced {
            Err(Stop::Fenced)
        } else if failed.is_empty() {
            Ok(())
        } else {
            Err(Stop::Failed(failed))
        }
    }

    /// Waits until everything is ready, and proves that it serves.
    async fn stabilize(&self, deadline: Instant, tell: &mut Tell<'_>) -> Result<(), Stop> {
        // A Namespace that this user may not change it may often not look at.
        let targets: Vec<&Desired> = self
            .plan
            .steps
            .iter()
            .filter(|step| step.act != Act::Skip)
            .map(|step| &self.wanted.objects[step.wanted])
            .collect();
        let waiter = self.waiter(deadline);
        let ended = waiter
            .until_ready(&targets, self.stop, &mut |id, watched| {
                tell(Event::Watched(id, watched));
            })
            .await;
        let seen = match ended {
            Ok(seen) => seen,
            Err(e) => return Err(self.stopped(e).await),
        };
        match waiter.prove(&targets, seen).await {
            Ok(pods) => {
                tell(Event::Serving(pods));
                Ok(())
            }
            Err(e) => Err(self.stopped(e).await),
        }
    }

    fn waiter(&self, deadline: Instant) -> Waiter<'_> {
        Waiter {
            api: self.api,
            discovery: &self.discovery,
            namespace: self.namespace,
            fail_after_restarts: self.pace.fail_after_restarts,
            since: self.since,
            deadline,
        }
    }

    /// What waiting without success means.
    async fn stopped(&self, error: WaitError) -> Stop {
        let seconds = self.pace.timeout.as_secs();
        match error {
            WaitError::Stopped => Stop::Asked,
            WaitError::Api(ApiError::Fenced) => Stop::Fenced,
            WaitError::Api(e) => Stop::Failed(vec![
                Finding::error(
                    "cluster-lost",
                    Class::Cluster,
                    format!("The cluster does not answer: {e}"),
                )
                .help("See: kubectl cluster-info"),
            ]),
            WaitError::Failed(failures) => {
                let mut findings = Vec::new();
                for (id, failure) in failures {
                    let evidence =
                        evidence::of(self.api, self.namespace, &failure, &self.secrets).await;
                    findings.push(
                        Finding::error(
                            failure.reason.name(),
                            Class::Cluster,
                            format!("{id}: {}", failure.message),
                        )
                        .help(format!(
                            "See: kubectl get pods,events -n {}",
                            self.namespace
                        )),
                    );
                    findings.extend(
                        evidence
                            .into_iter()
                            .map(|line| Finding::info("evidence", Class::Cluster, line)),
                    );
                }
                Stop::Failed(findings)
            }
            WaitError::Late(late) => Stop::Failed(
                late.into_iter()
                    .map(|(id, why)| {
                        Finding::error(
                            "not-ready",
                            Class::Cluster,
                            format!("{id}: not ready after {seconds} s: {why}"),
                        )
                        .help(format!(
                            "See: kubectl get pods,events -n {}",
                            self.namespace
                        ))
                    })
                    .collect(),
            ),
            WaitError::NotServing(not) => Stop::Failed(
                not.into_iter()
                    .map(|(id, why, manager)| {
                        let by =
                            manager.map_or_else(String::new, |m| format!("; manager {m} wrote it"));
                        Finding::error(
                            "not-serving",
                            Class::Cluster,
                            format!("{id}: it does not serve what the package has: {why}{by}"),
                        )
                        .help("Find what puts another version back, and stop it")
                    })
                    .collect(),
            ),
        }
    }

    /// Removes what no longer belongs, in an order that strands nothing.
    async fn prune(&mut self, tell: &mut Tell<'_>) -> Result<(), Stop> {
        let mut going: Vec<&Removal> = Vec::new();
        for removal in &self.plan.removals {
            match &removal.stays {
                Some(why) => tell(Event::Stays(&removal.item.id(), why)),
                None => going.push(removal),
            }
        }
        if going.is_empty() {
            return Ok(());
        }
        // What was current when the plan was made may be a revision of before
        // by now.
        let revisions = match read::revisions(self.api, self.namespace, &self.discovery).await {
            Ok(revisions) => revisions,
            // What they name may not be removed, and nobody can tell.
            Err(e) => {
                for removal in going {
                    tell(Event::Note(not_removed(&removal.item.id(), &e.to_string())));
                }
                return Ok(());
            }
        };
        let uids: BTreeSet<&str> = going.iter().map(|r| r.uid.as_str()).collect();
        let (stay, go): (Vec<&Removal>, Vec<&Removal>) = going
            .iter()
            .partition(|r| retained::by(&r.item.id(), &revisions, &uids).is_some());
        for removal in stay {
            let by = retained::by(&removal.item.id(), &revisions, &uids).unwrap_or_default();
            tell(Event::Stays(
                &removal.item.id(),
                &format!("{by} still names it"),
            ));
        }
        let items: Vec<order::Item> = go.iter().map(|r| item_of(&r.item)).collect();
        for wave in order::removal_order(&items) {
            let results: Vec<_> = stream::iter(wave)
                .map(|at| {
                    let (api, discovery) = (self.api, &self.discovery);
                    let removal = go[at];
                    async move {
                        (
                            removal,
                            remove(api, discovery, &removal.item, &removal.uid).await,
                        )
                    }
                })
                .buffer_unordered(CONNECTIONS)
                .collect()
                .await;
            for (removal, result) in results {
                let id = removal.item.id();
                match result {
                    Ok(Removed::Gone) => {
                        tell(Event::Removed(&id));
                        self.removed.insert(id);
                    }
                    Ok(Removed::Another) => {
                        self.removed.insert(id);
                    }
                    Err(StepError::Api(ApiError::Fenced)) => return Err(Stop::Fenced),
                    // What serves serves; the next run tries again.
                    Err(e) => tell(Event::Note(not_removed(&id, &e.to_string()))),
                }
            }
        }
        Ok(())
    }

    /// Everything of this release that is in the cluster now.
    pub fn inventory(&self) -> Vec<InventoryItem> {
        let mut items: Vec<InventoryItem> = self
            .plan
            .steps
            .iter()
            .map(|step| {
                let applied = self.applied.get(&step.id);
                let before = step
                    .before
                    .as_ref()
                    .map(|o| crate::object::uid(o).to_owned());
                wanted_item(
                    &self.wanted.objects[step.wanted],
                    applied
                        .map(|a| a.uid.clone())
                        .or(before)
                        .unwrap_or_default(),
                )
            })
            .collect();
        items.extend(self.left());
        items
    }

    /// What earlier releases left and is still there.
    pub fn left(&self) -> impl Iterator<Item = InventoryItem> + '_ {
        self.plan
            .removals
            .iter()
            .filter(|r| !self.removed.contains(&r.item.id()))
            .map(|r| InventoryItem {
                uid: r.uid.clone(),
                held: Held::Left,
                ..r.item.clone()
            })
    }

    /// Everything of this release that is in the cluster and is ours, as far
    /// as this run came: what it did not come to adopt is not.
    pub fn reached(&self) -> Vec<InventoryItem> {
        let not_reached: BTreeSet<&ObjectId> = self
            .plan
            .steps
            .iter()
            .filter(|s| s.adoption.is_some() && !self.applied.contains_key(&s.id))
            .map(|s| &s.id)
            .collect();
        let mut items = self.inventory();
        items.retain(|item| !item.uid.is_empty() && !not_reached.contains(&item.id()));
        items
    }

    /// What of the package was there before this run, but for Namespaces and
    /// definitions, and is now as the package has it.
    pub fn found(&self) -> impl Iterator<Item = &Applied> {
        self.applied
            .values()
            .filter(|a| !is_basis(&a.id))
            .filter(|a| !matches!(a.done, Done::Created | Done::Skipped))
    }

    /// UIDs of objects that are only there because this version is, and of
    /// those that it wrote: what the version before needs in their place may
    /// take it. An object whose contents cannot be had again may only where
    /// this run took that liberty too.
    pub async fn replaceable(&self) -> BTreeSet<String> {
        let before: BTreeSet<&str> = self
            .plan
            .active
            .iter()
            .flat_map(|active| &active.inventory)
            .map(|item| item.uid.as_str())
            .collect();
        let (perhaps, _) = self.perhaps_created().await;
        let perhaps = perhaps.into_iter().map(|item| (item.id(), item.uid));
        self.applied
            .values()
            .filter(|a| match a.done {
                Done::Created | Done::Replaced | Done::Configured => true,
                Done::Unchanged => !before.contains(a.uid.as_str()),
                Done::Skipped => false,
            })
            .filter(|a| a.done == Done::Replaced || !plan::is_kept(&a.id, self.rules))
            .map(|a| a.uid.clone())
            .chain(
                perhaps
                    .filter(|(id, _)| !plan::is_kept(id, self.rules))
                    .map(|(_, uid)| uid),
            )
            .filter(|uid| !uid.is_empty())
            .collect()
    }

    /// Objects that this run made.
    pub fn created(&self) -> Vec<InventoryItem> {
        self.applied
            .values()
            .filter(|a| a.done == Done::Created)
            .filter_map(|a| {
                let desired = self.wanted.find(&a.id)?;
                Some(wanted_item(desired, a.uid.clone()))
            })
            .collect()
    }

    /// Objects that this run may have made without hearing of it: those that
    /// are there and ours, and those that nobody can tell of, with the reason.
    pub async fn perhaps_created(&self) -> (Vec<InventoryItem>, Vec<(InventoryItem, String)>) {
        let (mut there, mut unknown) = (Vec::new(), Vec::new());
        let steps = self
            .plan
            .steps
            .iter()
            .filter(|s| s.act == plan::Act::Create && self.doubtful.contains(&s.id));
        for step in steps {
            let desired = &self.wanted.objects[step.wanted];
            let Some(resource) = self.discovery.find(&desired.gvk) else {
                continue;
            };
            let path = resource.path(&step.id.namespace, &step.id.name);
            match self.api.send(&Call::get(path)).await {
                Ok(object) if fields::is_managed(&object) => {
                    there.push(wanted_item(desired, crate::object::uid(&object).to_owned()));
                }
                Ok(_) => {}
                Err(e) if e.is_missing() => {}
                Err(e) => unknown.push((wanted_item(desired, String::new()), e.to_string())),
            }
        }
        (there, unknown)
    }
}

/// What the client's other objects need before anything else.
fn is_basis(id: &ObjectId) -> bool {
    id.is_namespace() || id.is_crd()
}

/// An inventory item of an object of the package.
pub fn wanted_item(desired: &Desired, uid: String) -> InventoryItem {
    InventoryItem {
        api_version: desired.gvk.api_version(),
        kind: desired.id.kind.clone(),
        namespace: desired.id.namespace.clone(),
        name: desired.id.name.clone(),
        uid,
        held: Held::Wanted,
    }
}

/// An inventory item for the order of removal.
pub fn item_of(item: &InventoryItem) -> order::Item {
    order::Item {
        id: item.id(),
        wait_for: Vec::new(),
        defines: None,
    }
}

/// Removes an object that an inventory names.
pub async fn remove(
    api: &Api,
    discovery: &Discovery,
    item: &InventoryItem,
    uid: &str,
) -> Result<Removed, StepError> {
    let id = item.id();
    let gvk = model::object::Gvk::new(&item.api_version, &item.kind);
    match discovery.find(&gvk).or_else(|| discovery.any(&id)) {
        Some(resource) => apply::remove(api, resource, &id, uid).await,
        None if discovery.is_in_doubt(&id) => Err(StepError::Api(ApiError::Unreachable(
            "its kind is not served now".to_owned(),
        ))),
        // With its kind went all its objects.
        None => Ok(Removed::Gone),
    }
}

fn not_removed(id: &ObjectId, why: &str) -> Finding {
    Finding::warning(
        "not-removed",
        Class::Cluster,
        format!("{id} not removed: {why}"),
    )
    .help("The next run tries again")
}

fn draft_of(step: &Step) -> Draft {
    Draft {
        wanted: step.wanted,
        state: State::Missing,
        body: step.body.clone(),
        handover: step.handover,
        adoption: step.adoption,
    }
}

fn failure(id: &ObjectId, error: &StepError) -> Finding {
    Finding::error(
        "not-applied",
        Class::Cluster,
        format!("{id} not applied: {error}"),
    )
    .help("Run it again, or go back with: consign rollback")
}

fn refusal(error: &ApiError) -> Stop {
    Stop::Refused(vec![
        Finding::error(
            "cluster-lost",
            Class::Cluster,
            format!("The cluster does not answer: {error}"),
        )
        .help("See: kubectl cluster-info"),
    ])
}

/// The Secrets that a package's pods read.
pub fn secret_names(objects: &[model::object::Object]) -> Vec<String> {
    needs::secrets(objects).into_keys().collect()
}

//! A whole run: the Lease, the record, the stages, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use package::trust::TrustedPackage;

use crate::api::{Api, ApiError};
use crate::apply::{self, Done};
use crate::connect::Connection;
use crate::desired::{Desired, Wanted};
use crate::discovery::Discovery;
use crate::event::{Event, Tell};
use crate::hold::{Hold, HoldError, Taking};
use crate::holder::Holder;
use crate::object::ObjectId;
use crate::order;
use crate::plan::{self, Act as PlannedAct, OnConflict, Plan};
use crate::read::{self, Question};
use crate::record::{self, Act, Document, InventoryItem, Outcome, Record};
use crate::records;
use crate::script;
use crate::stages::{self, Pace, Stages, Stop, Waiting};
use crate::wait::Waiter;

/// Who runs it.
#[derive(Debug, Clone)]
pub struct Who {
    /// This process.
    pub me: Holder,
    /// The program: `consign 0.1.0`.
    pub tool: String,
}

/// What follows a failure.
#[derive(Debug)]
pub enum OnFailure {
    /// The version before is put back.
    RollBack(Box<TrustedPackage>),
    /// There is none before: what was made is removed.
    Remove,
    /// Everything stays as it is.
    Leave,
}

/// How a run is made.
#[derive(Debug)]
pub struct Orders {
    /// What it does.
    pub act: Act,
    /// Why; kept in the history.
    pub reason: String,
    /// Checks that were left out; kept in the history.
    pub skipped: Vec<String>,
    /// How it goes.
    pub pace: Pace,
    /// How long putting back may take in all.
    pub rollback_timeout: Duration,
    /// How long the Lease holds.
    pub ttl: Duration,
    /// What follows a failure.
    pub on_failure: OnFailure,
}

/// A run, and all it rests on.
pub struct Run<'a> {
    /// The cluster.
    pub connection: &'a Connection,
    /// The package.
    pub package: &'a TrustedPackage,
    /// Its objects.
    pub wanted: &'a Wanted,
    /// What is done.
    pub plan: &'a Plan,
    /// The cluster's kinds.
    pub discovery: &'a Discovery,
    /// What may be taken from others.
    pub rules: &'a plan::Rules,
    /// Who runs it.
    pub who: &'a Who,
    /// How.
    pub orders: &'a Orders,
    /// Whether to stop at the next safe point.
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
}

/// A run that ended well.
#[derive(Debug)]
pub struct Release {
    /// The record's number.
    pub number: u64,
    /// What it says.
    pub document: Document,
}

/// How a run ended otherwise.
#[derive(Debug)]
pub enum RunError {
    /// Refused; nothing was written but Namespaces, definitions, Lease and
    /// record.
    Refused(Vec<Finding>),
    /// It failed, and this version serves again.
    RolledBack {
        /// Why it failed.
        why: Vec<Finding>,
        /// What serves.
        to: String,
    },
    /// It failed, there was nothing before, and what it made is gone.
    Removed {
        /// Why it failed.
        why: Vec<Finding>,
        /// How many objects were removed.
        removed: usize,
        /// What stays.
        stays: Vec<ObjectId>,
    },
    /// It failed, and nothing serves that is known to be good.
    NotServing {
        /// Why it failed, and why nothing could be put back.
        why: Vec<Finding>,
    },
    /// It was asked to stop, and nothing of the package was applied.
    Stopped,
    /// It was interrupted after something was written.
    Interrupted {
        /// What became of the package's objects.
        progress: Vec<Finding>,
    },
}

impl Run<'_> {
    fn client(&self) -> &ClientName {
        &self.package.manifest.client
    }

    fn namespace(&self) -> &Namespace {
        &self.package.manifest.namespace
    }

    /// Runs it.
    pub async fn run(&self, tell: &mut Tell<'_>) -> Result<Release, RunError> {
        let mut applied = BTreeMap::new();
        if (self.stop)() {
            return Err(RunError::Stopped);
        }
        if let Some(own) = self.own_namespace() {
            tell(Event::Writing);
            applied.insert(own.id.clone(), self.make_namespace(own, tell).await?);
        }
        let hold = Hold::take(
            &self.connection.api,
            self.client(),
            self.namespace().as_str(),
            &self.who.me,
            self.orders.ttl,
            self.stop,
            &mut |taking| match taking {
                Taking::Writing => tell(Event::Writing),
                other => tell(Event::Taking(other)),
            },
        )
        .await
        .map_err(|e| not_begun(self.not_held(&e).into_iter().collect(), &applied))?;
        let api = self.connection.api.behind(hold.fence());
        let result = Box::pin(self.held(&api, applied, tell)).await;
        hold.release().await;
        result
    }

    /// The step that makes the client's Namespace, where it is missing.
    fn own_namespace(&self) -> Option<&plan::Step> {
        self.plan.steps.iter().find(|s| {
            s.act == PlannedAct::Create
                && s.id.is_namespace()
                && s.id.name == self.namespace().as_str()
        })
    }

    async fn make_namespace(
        &self,
        step: &plan::Step,
        tell: &mut Tell<'_>,
    ) -> Result<apply::Applied, RunError> {
        let desired = &self.wanted.objects[step.wanted];
        let refused = |why: String| {
            RunError::Refused(vec![
                Finding::error(
                    "namespace-not-made",
                    Class::Cluster,
                    format!("{} not made: {why}", step.id),
                )
                .help(format!(
                    "Have it made with: kubectl create namespace {}",
                    step.id.name
                )),
            ])
        };
        let resource = self
            .discovery
            .find(&desired.gvk)
            .ok_or_else(|| refused("the cluster does not serve Namespaces".to_owned()))?;
        let applied = apply::apply(&self.connection.api, resource, step)
            .await
            .map_err(|e| refused(e.to_string()))?;
        tell(Event::Applied(&applied));
        Ok(applied)
    }

    fn not_held(&self, error: &HoldError) -> Option<Finding> {
        Some(match error {
            HoldError::Stopped => return None,
            HoldError::Held { by, age } => Finding::error(
                "lease-held",
                Class::Conflict,
                format!(
                    "Another run for client {} is on its way: {by}, renewed {age} s ago",
                    self.client()
                ),
            )
            .help("Wait until it is done; one that is dead is taken over when its Lease has not been renewed for a while"),
            HoldError::Api(e) if e.is_conflict() => Finding::error(
                "lease-held",
                Class::Conflict,
                format!("Another run for client {} took the Lease first: {e}", self.client()),
            )
            .help("Run it again"),
            HoldError::Api(e) => Finding::error(
                "lease-failed",
                Class::Cluster,
                format!("Cannot take the Lease of client {}: {e}", self.client()),
            )
            .help("See: kubectl auth can-i create leases.coordination.k8s.io"),
        })
    }

    async fn held(
        &self,
        api: &Api,
        applied: BTreeMap<ObjectId, apply::Applied>,
        tell: &mut Tell<'_>,
    ) -> Result<Release, RunError> {
        let refused = |findings: Vec<Finding>| not_begun(findings, &applied);
        let space = self.namespace().as_str();
        let headings = records::headings(api, self.client(), space)
            .await
            .map_err(refused)?;
        if headings.last().map_or(0, |h| h.number) != self.plan.newest {
            return Err(refused(vec![changed("another run has ended meanwhile")]));
        }
        script::ended(api, self.client(), space, &headings, &self.who.me)
            .await
            .map_err(refused)?;
        self.still_as_planned(api).await.map_err(refused)?;
        if (self.stop)() {
            return Err(refused(Vec::new()));
        }
        for heading in headings.iter().filter(|h| h.outcome == Outcome::Running) {
            // Its Lease is ours and no script runs it, so it is over.
            let _ =
                records::label(api, self.client(), space, heading.number, Outcome::Unknown).await;
        }
        let mut journal = Journal::begin(
            self,
            api,
            self.orders.act,
            self.orders.pace.waiting,
            (self.package, self.wanted),
            self.plan.newest + 1,
        )
        .await
        .map_err(|f| refused(vec![f]))?;
        journal.headings = headings;
        let mut stages = Stages {
            api,
            discovery: self.discovery.clone(),
            namespace: space,
            wanted: self.wanted,
            plan: self.plan,
            rules: self.rules,
            secrets: stages::secret_names(&self.package.objects),
            pace: self.orders.pace,
            since: journal.since,
            stop: self.stop,
            applied,
            removed: std::collections::BTreeSet::new(),
            doubtful: std::collections::BTreeSet::new(),
        };
        match stages.run(tell).await {
            Ok(()) => {
                journal
                    .end(api, Outcome::Active, stages.inventory(), "", tell)
                    .await
            }
            Err(stop) => Box::pin(self.after(api, stop, &stages, journal, tell)).await,
        }
    }

    /// What was confirmed is what is applied: fields of ours, and which object
    /// bears a name, are as they were when the plan was made.
    async fn still_as_planned(&self, api: &Api) -> Result<(), Vec<Finding>> {
        let findings: Vec<Finding> =
            read::changed_since(api, self.discovery, self.plan, self.wanted)
                .await?
                .into_iter()
                .map(|id| changed(&format!("{id} was changed by someone else")))
                .collect();
        if findings.is_empty() {
            Ok(())
        } else {
            Err(findings)
        }
    }

    /// What follows when the stages ended early.
    async fn after(
        &self,
        api: &Api,
        stop: Stop,
        stages: &Stages<'_>,
        journal: Journal<'_>,
        tell: &mut Tell<'_>,
    ) -> Result<Release, RunError> {
        match stop {
            Stop::Refused(findings) => {
                let told = first_words(&findings);
                let mut findings = findings;
                let stays: Vec<String> = stages.applied.keys().map(ToString::to_string).collect();
                if !stays.is_empty() {
                    findings.push(Finding::info(
                        "stays",
                        Class::Cluster,
                        format!("{} was applied and stays", stays.join(", ")),
                    ));
                }
                // Nothing but Namespaces and definitions of the package: this
                // tells it from a run that failed.
                let inventory = stages.created().into_iter().chain(stages.left()).collect();
                let _ = journal
                    .end(api, Outcome::Failed, inventory, &told, tell)
                    .await;
                Err(RunError::Refused(findings))
            }
            Stop::Asked => {
                let _ = journal
                    .end(
                        api,
                        Outcome::Unknown,
                        stages.inventory(),
                        "interrupted",
                        tell,
                    )
                    .await;
                Err(RunError::Interrupted {
                    progress: progress(stages),
                })
            }
            Stop::Fenced => {
                let mut progress = progress(stages);
                progress.insert(
                    0,
                    Finding::error("lease-lost", Class::Conflict, ApiError::Fenced.to_string())
                        .help("Another run may have taken over; see: consign status"),
                );
                Err(RunError::Interrupted { progress })
            }
            Stop::Failed(why) => {
                tell(Event::Failed(&why));
                match &self.orders.on_failure {
                    OnFailure::Leave => {
                        let _ = journal
                            .end(
                                api,
                                Outcome::Failed,
                                stages.inventory(),
                                &first_words(&why),
                                tell,
                            )
                            .await;
                        Err(RunError::NotServing { why })
                    }
                    OnFailure::Remove => self.undo(api, why, stages, journal, tell).await,
                    OnFailure::RollBack(previous) => {
                        Box::pin(self.roll_back(api, why, previous, stages, journal, tell)).await
                    }
                }
            }
        }
    }

    /// A first deploy that failed: what it made goes; Namespace and
    /// definitions stay. So does what was there before, as this run left it.
    async fn undo(
        &self,
        api: &Api,
        mut why: Vec<Finding>,
        stages: &Stages<'_>,
        journal: Journal<'_>,
        tell: &mut Tell<'_>,
    ) -> Result<Release, RunError> {
        let (perhaps, unknown) = stages.perhaps_created().await;
        let (basis, going): (Vec<InventoryItem>, Vec<InventoryItem>) = stages
            .created()
            .into_iter()
            .chain(perhaps)
            .partition(|item| item.id().is_namespace() || item.id().is_crd());
        let mut left = remove_all(api, &stages.discovery, &going, tell).await;
        let removed = going.len() - left.len();
        left.extend(unknown);
        let gone: BTreeSet<ObjectId> = going.iter().map(InventoryItem::id).collect();
        let mut inventory = stages.reached();
        inventory.retain(|item| !gone.contains(&item.id()));
        inventory.extend(left.iter().map(|(item, _)| item.clone()));
        let _ = journal
            .end(api, Outcome::Failed, inventory, &first_words(&why), tell)
            .await;
        let (changed, same): (Vec<&apply::Applied>, Vec<&apply::Applied>) =
            stages.found().partition(|a| {
                // One that runs pods runs this version.
                let runs = |d: &Desired| package::pod_spec::of_kind(&d.gvk).is_some();
                a.done != Done::Unchanged || self.wanted.find(&a.id).is_some_and(runs)
            });
        if left.is_empty() && changed.is_empty() {
            let basis = basis.iter().map(InventoryItem::id);
            return Err(RunError::Removed {
                why,
                removed,
                stays: basis.chain(same.iter().map(|a| a.id.clone())).collect(),
            });
        }
        let mut also = vec![Finding::info(
            "removed",
            Class::Cluster,
            format!("Removed {removed} objects that this run made"),
        )];
        also.extend(changed.into_iter().map(|applied| {
            Finding::error(
                "not-put-back",
                Class::Cluster,
                format!(
                    "{} was there before and stays as {} has it",
                    applied.id, self.package.manifest.version
                ),
            )
            .help("What was in it before is in the state that was captured")
        }));
        also.extend(left.into_iter().map(|(item, error)| {
            Finding::error(
                "not-removed",
                Class::Cluster,
                format!("{} not removed: {error}", item.id()),
            )
            .help(format!(
                "Remove it with: kubectl delete {} -n {}",
                item.id().label(),
                item.namespace
            ))
        }));
        tell(Event::Failed(&also));
        why.extend(also);
        Err(RunError::NotServing { why })
    }

    /// Puts the version before back, and proves that it serves.
    async fn roll_back(
        &self,
        api: &Api,
        mut why: Vec<Finding>,
        previous: &TrustedPackage,
        stages: &Stages<'_>,
        failed: Journal<'_>,
        tell: &mut Tell<'_>,
    ) -> Result<Release, RunError> {
        let to = previous.manifest.version.to_string();
        tell(Event::RollingBack(&to));
        let reason = first_words(&why);
        let number = failed.record.number + 1;
        let record = failed.record.clone();
        // What the failed version made has to be known to be removed.
        let ended = failed
            .end(api, Outcome::Failed, stages.inventory(), &reason, tell)
            .await;
        match Box::pin(self.put_back(api, previous, stages, number, &reason, tell)).await {
            Ok(()) => {
                let _ = records::label(
                    api,
                    self.client(),
                    self.namespace().as_str(),
                    number - 1,
                    Outcome::RolledBack,
                )
                .await;
                Err(RunError::RolledBack { why, to })
            }
            Err(Stop::Fenced | Stop::Asked) => {
                why.push(Finding::error(
                    "rollback-interrupted",
                    Class::Cluster,
                    format!("Putting {to} back was interrupted: what serves is not known"),
                ));
                Err(RunError::Interrupted { progress: why })
            }
            Err(Stop::Refused(more) | Stop::Failed(more)) => {
                let mut also = vec![Finding::error(
                    "rollback-failed",
                    Class::Cluster,
                    format!("Putting {to} back failed too"),
                )];
                let both = format!("{reason}; {}: {}", also[0], first_words(&more));
                also.extend(more);
                tell(Event::Failed(&also));
                if let Ok(Release { mut document, .. }) = ended {
                    document.reason = both;
                    let record = Record { document, ..record };
                    let _ = records::update(api, self.client(), self.namespace(), &record).await;
                }
                why.extend(also);
                Err(RunError::NotServing { why })
            }
        }
    }

    async fn put_back(
        &self,
        api: &Api,
        previous: &TrustedPackage,
        failed: &Stages<'_>,
        number: u64,
        reason: &str,
        tell: &mut Tell<'_>,
    ) -> Result<(), Stop> {
        let wanted = Wanted::of(previous).map_err(Stop::Failed)?;
        // What others own beyond what this run may take stays as it is; what
        // is not fit is put back all the same.
        let skip = [
            crate::health::Check::Nodes,
            crate::health::Check::Quota,
            crate::health::Check::Secrets,
        ]
        .into();
        let rules = plan::Rules {
            choices: self.rules.choices.clone(),
            prune_kinds: self.rules.prune_kinds.clone(),
            replaceable: failed.replaceable().await,
            conflicts: OnConflict::Leave,
        };
        let question = Question {
            package: previous,
            wanted: &wanted,
            rules: &rules,
            skip: &skip,
            expected_cluster: None,
        };
        let connection = Connection {
            api: api.clone(),
            ..self.connection.clone()
        };
        let reading = read::read(&connection, &question)
            .await
            .map_err(Stop::Failed)?;
        for warning in reading.warnings {
            tell(Event::Note(warning));
        }
        let plan = plan::plan(previous, &wanted, reading.drafts, &reading.live, &rules)
            .map_err(Stop::Failed)?;
        let journal = Journal::begin(
            self,
            api,
            Act::AutomaticRollback,
            Waiting::Serve,
            (previous, &wanted),
            number,
        )
        .await
        .map_err(|f| Stop::Failed(vec![f]))?;
        let mut back = Stages {
            api,
            discovery: reading.live.discovery.clone(),
            namespace: self.namespace().as_str(),
            wanted: &wanted,
            plan: &plan,
            rules: &rules,
            secrets: stages::secret_names(&previous.objects),
            pace: Pace {
                timeout: self.orders.rollback_timeout,
                // That it serves again is said of what was proved.
                waiting: Waiting::Serve,
                ..self.orders.pace
            },
            since: journal.since,
            // A second wish to stop ends the program; the first one does not
            // leave a client without a version that serves.
            stop: &|| false,
            applied: BTreeMap::new(),
            removed: std::collections::BTreeSet::new(),
            doubtful: std::collections::BTreeSet::new(),
        };
        let ran = {
            let unsticking = unstick(
                api,
                &reading.live.discovery,
                self.namespace().as_str(),
                &wanted,
                self.orders.rollback_timeout,
            );
            let running = back.run(tell);
            tokio::pin!(running);
            tokio::select! {
                ran = &mut running => ran,
                () = unsticking => running.await,
            }
        };
        let journal = Journal {
            headings: reading.live.headings,
            ..journal
        };
        match ran {
            Ok(()) => {
                let inventory = back.inventory();
                journal
                    .end(api, Outcome::Active, inventory, reason, tell)
                    .await
                    .map(|_| ())
                    .map_err(|_| Stop::Fenced)
            }
            Err(Stop::Failed(more) | Stop::Refused(more)) => {
                let told = first_words(&more);
                let _ = journal
                    .end(api, Outcome::Failed, back.inventory(), &told, tell)
                    .await;
                Err(Stop::Failed(more))
            }
            Err(other) => Err(other),
        }
    }
}

/// The end of a run that has no Lease, for this reason or because it was
/// asked to stop, which is without a reason. A Namespace may be there by now.
fn not_begun(why: Vec<Finding>, applied: &BTreeMap<ObjectId, apply::Applied>) -> RunError {
    let stays = applied.keys().map(|id| {
        Finding::info(
            "stays",
            Class::Cluster,
            format!("{id} was applied and stays"),
        )
    });
    if !why.is_empty() {
        RunError::Refused(why.into_iter().chain(stays).collect())
    } else if applied.is_empty() {
        RunError::Stopped
    } else {
        RunError::Interrupted {
            progress: stays.collect(),
        }
    }
}

fn changed(why: &str) -> Finding {
    Finding::error(
        "changed-meanwhile",
        Class::Conflict,
        format!("The plan is out of date: {why}"),
    )
    .help("Run it again and look at the new plan")
}

/// The first error, for the history.
fn first_words(findings: &[Finding]) -> String {
    findings
        .iter()
        .find(|f| f.is_error())
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// What became of each object of a run that ended early.
fn progress(stages: &Stages<'_>) -> Vec<Finding> {
    let mut applied = Vec::new();
    let mut unknown = Vec::new();
    let mut left = Vec::new();
    for step in &stages.plan.steps {
        let list = if stages.applied.contains_key(&step.id) {
            &mut applied
        } else if stages.doubtful.contains(&step.id) {
            &mut unknown
        } else {
            &mut left
        };
        list.push(step.id.to_string());
    }
    [
        ("Applied", applied),
        ("Not applied", left),
        ("Not known", unknown),
    ]
    .into_iter()
    .map(|(what, list)| {
        let list = if list.is_empty() {
            "none".to_owned()
        } else {
            list.join(", ")
        };
        Finding::info("progress", Class::Cluster, format!("{what}: {list}"))
    })
    .collect()
}

/// Removes objects in order; what could not be removed, and why.
pub async fn remove_all(
    api: &Api,
    discovery: &Discovery,
    items: &[InventoryItem],
    tell: &mut Tell<'_>,
) -> Vec<(InventoryItem, String)> {
    use futures_util::stream::{self, StreamExt as _};
    let ordered: Vec<order::Item> = items.iter().map(stages::item_of).collect();
    let mut left = Vec::new();
    for wave in order::removal_order(&ordered) {
        let results: Vec<_> = stream::iter(wave)
            .map(|at| {
                let item = &items[at];
                async move { (item, stages::remove(api, discovery, item, &item.uid).await) }
            })
            .buffer_unordered(crate::api::CONNECTIONS)
            .collect()
            .await;
        for (item, result) in results {
            match result {
                Ok(_) => tell(Event::Removed(&item.id())),
                Err(e) => left.push((item.clone(), e.to_string())),
            }
        }
    }
    left
}

/// How often it is looked for pods that keep a `StatefulSet` from rolling on.
const UNSTICK_LOOK: Duration = Duration::from_secs(2);

/// Deletes pods of a failed revision for which a `StatefulSet` would wait for
/// ever, until all are well. Best effort: waiting tells what came of it.
async fn unstick(
    api: &Api,
    discovery: &Discovery,
    namespace: &str,
    wanted: &Wanted,
    limit: Duration,
) {
    let targets: Vec<_> = wanted
        .objects
        .iter()
        .filter(|d| d.id.is("apps", "StatefulSet"))
        .collect();
    if targets.is_empty() {
        return;
    }
    let waiter = Waiter {
        api,
        discovery,
        namespace,
        fail_after_restarts: u32::MAX,
        since: None,
        deadline: tokio::time::Instant::now() + limit,
    };
    loop {
        tokio::time::sleep(UNSTICK_LOOK).await;
        // A server that is away for a while is asked again.
        let Ok(stuck) = waiter.stuck(&targets).await else {
            continue;
        };
        if stuck.is_empty() {
            let Ok(states) = waiter.states(&targets).await else {
                continue;
            };
            if states
                .iter()
                .all(|(_, readiness)| matches!(readiness, crate::ready::Readiness::Ready(_)))
            {
                return;
            }
        }
        for (name, uid) in stuck {
            let options = serde_json::json!({"preconditions": {"uid": uid}});
            let call = crate::api::Call::delete(
                format!("/api/v1/namespaces/{namespace}/pods/{name}"),
                &options,
            );
            let _ = api.send(&call).await;
        }
    }
}

/// The record of a run, from its beginning to its end.
struct Journal<'a> {
    client: &'a ClientName,
    namespace: &'a Namespace,
    record: Record,
    since: Option<Timestamp>,
    headings: Vec<record::Heading>,
    act: Act,
}

/// Now, as it stands in records.
fn now() -> String {
    format!("{:.0}", Timestamp::now())
}

impl<'a> Journal<'a> {
    /// Writes down what is intended.
    async fn begin(
        run: &'a Run<'_>,
        api: &Api,
        act: Act,
        waiting: Waiting,
        (package, wanted): (&TrustedPackage, &Wanted),
        number: u64,
    ) -> Result<Self, Finding> {
        let manifest = &package.manifest;
        let git = manifest.consign.as_ref().and_then(|c| c.git.as_ref());
        let mut skipped = run.orders.skipped.clone();
        if waiting == Waiting::None {
            skipped.push("wait".to_owned());
        }
        let record = Record {
            number,
            uid: String::new(),
            created: None,
            document: Document {
                schema: record::SCHEMA,
                client: manifest.client.to_string(),
                version: manifest.version.to_string(),
                digest: package.digest().to_string(),
                commit: git.map(|g| g.commit.clone()).unwrap_or_default(),
                by: run.who.me.user.clone(),
                host: run.who.me.host.clone(),
                tool: run.who.tool.clone(),
                holder: run.who.me.to_string(),
                act,
                from: run.plan.active.as_ref().map(|a| a.version.clone()),
                started: now(),
                ended: None,
                reason: run.orders.reason.clone(),
                outcome: Outcome::Running,
                skipped,
                run: format!(
                    "{}-{}",
                    std::process::id(),
                    Timestamp::now().as_nanosecond()
                ),
                inventory: wanted
                    .objects
                    .iter()
                    .map(|d| stages::wanted_item(d, String::new()))
                    .collect(),
                secrets: Vec::new(),
            },
            package: record::packed(package),
        };
        let client = &run.package.manifest.client;
        let namespace = &run.package.manifest.namespace;
        let map = records::create(api, client, namespace, &record)
            .await
            .map_err(|e| {
                let class = if e.is_conflict() {
                    Class::Conflict
                } else {
                    Class::Cluster
                };
                Finding::error(
                    "record-not-written",
                    class,
                    format!(
                        "Cannot write release record {}: {e}",
                        record::name(client, number)
                    ),
                )
                .help("If another run is on its way, wait until it is done; see: consign status")
            })?;
        Ok(Self {
            client,
            namespace,
            since: crate::object::text(&map, "/metadata/creationTimestamp")
                .parse()
                .ok(),
            record: Record {
                uid: crate::object::uid(&map).to_owned(),
                ..record
            },
            headings: Vec::new(),
            act,
        })
    }

    /// Writes down what came of it.
    async fn end(
        mut self,
        api: &Api,
        outcome: Outcome,
        inventory: Vec<InventoryItem>,
        reason: &str,
        tell: &mut Tell<'_>,
    ) -> Result<Release, RunError> {
        let document = &mut self.record.document;
        document.outcome = outcome;
        document.ended = Some(now());
        document.inventory = inventory;
        if !reason.is_empty() {
            reason.clone_into(&mut document.reason);
        }
        let space = self.namespace.as_str();
        let written = records::update(api, self.client, self.namespace, &self.record).await;
        if let Err(e) = written {
            let finding = Finding::error(
                "record-not-written",
                Class::Cluster,
                format!("Release record {} not updated: {e}", self.record.number),
            )
            .help("See: consign status");
            return Err(RunError::Interrupted {
                progress: vec![finding],
            });
        }
        let mut notes = Vec::new();
        if outcome == Outcome::Active {
            let active: Vec<&record::Heading> = self
                .headings
                .iter()
                .filter(|h| h.outcome == Outcome::Active)
                .collect();
            for heading in &active {
                // What is rolled back from is not gone back to. An earlier one
                // is there when a run was cut off before it came to this.
                let newest = active
                    .last()
                    .is_some_and(|last| last.number == heading.number);
                let becomes = if newest
                    && self.act == Act::Rollback
                    && heading.version != self.record.document.version
                {
                    Outcome::RolledBack
                } else {
                    Outcome::Superseded
                };
                if let Err(e) =
                    records::label(api, self.client, space, heading.number, becomes).await
                {
                    notes.push(e);
                }
            }
        }
        if let Err(e) =
            records::trim(api, self.client, space, &self.headings, self.record.number).await
        {
            notes.push(e);
        }
        for e in notes {
            tell(Event::Note(Finding::warning(
                "records-not-updated",
                Class::Cluster,
                format!("Older release records not updated: {e}"),
            )));
        }
        Ok(Release {
            number: self.record.number,
            document: self.record.document,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_does_not_begin_names_the_namespace_that_it_made() {
        let id = ObjectId::of(&serde_json::json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sh-a"},
        }));
        let applied = apply::Applied {
            id: id.clone(),
            done: Done::Created,
            uid: "1".to_owned(),
        };
        let made = BTreeMap::from([(id, applied)]);
        let told = |findings: Vec<Finding>| {
            findings
                .iter()
                .map(|f| f.code.to_owned())
                .collect::<Vec<_>>()
        };
        let RunError::Refused(findings) = not_begun(vec![changed("why")], &made) else {
            panic!("it is refused");
        };
        assert_eq!(told(findings), ["changed-meanwhile", "stays"]);
        let RunError::Interrupted { progress } = not_begun(Vec::new(), &made) else {
            panic!("something was written");
        };
        assert_eq!(told(progress), ["stays"]);
        assert!(matches!(
            not_begun(Vec::new(), &BTreeMap::new()),
            RunError::Stopped
        ));
    }
}

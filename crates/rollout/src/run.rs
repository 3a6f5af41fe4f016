//! A whole run: the Lease, the record, the stages, and what follows from them.

mod words;

mod journal;

mod undo;

mod back;

use std::collections::BTreeMap;
use std::time::Duration;

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use package::trust::TrustedPackage;

use crate::api::{Api, ApiError};
use crate::apply::{self};
use crate::connect::Connection;
use crate::desired::Wanted;
use crate::discovery::Discovery;
use crate::event::{Event, Tell};
use crate::hold::{Hold, HoldError, Taking};
use crate::holder::Holder;
use crate::object::ObjectId;
use crate::plan::{self, Act as PlannedAct, Plan};
use crate::read::{self};
use crate::record::{Act, Document, Outcome};
use crate::records;
use crate::script;
use crate::stages::{self, Pace, Stages, Stop};
use journal::Journal;
use words::{changed, first_words, not_begun, progress};

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
}

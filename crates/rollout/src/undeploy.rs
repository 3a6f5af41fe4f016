//! Removing what releases brought: what goes and what stays is decided before
//! anything is removed.
//!
//! Source of the rules: `docs/deploying.md` ("Undeploy").

mod removal;
mod survey;

use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};

use crate::api::{Api, ApiError, Call};
use crate::connect::Connection;
use crate::discovery::Discovery;
use crate::event::{Event, Tell};
use crate::hold::{Hold, HoldError, Taking};
use crate::object::{ObjectId, uid};
use crate::order;
use crate::record::{self, Act, Document, Heading, Held, InventoryItem, Outcome, Record};
use crate::records;
use crate::run::Who;
use crate::script;
use crate::stages::Waiting;

use removal::Leaving;

pub use survey::{Data, Fate, Question, survey};

/// An object that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staying {
    /// Which.
    pub item: InventoryItem,
    /// Why.
    pub why: String,
    /// Whether it is still ours: the record goes on naming it then.
    pub claim: Claim,
}

/// Whose an object is that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Ours.
    Ours,
    /// Somebody else's by now.
    Others,
}

/// An object that goes.
#[derive(Debug, Clone)]
pub struct Going {
    /// Which.
    pub item: InventoryItem,
    /// Its place in the order.
    pub order: order::Item,
}

/// A Namespace that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parting {
    /// Its UID.
    pub uid: String,
    /// How far it is.
    pub state: PartingState,
}

/// How far a Namespace is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartingState {
    /// It is as any other.
    Ahead,
    /// It is being deleted already: nothing can be made in it, a Lease no more
    /// than a release.
    Begun,
}

/// What an undeploy will do.
#[derive(Debug)]
pub struct Undeployment {
    /// The number of the newest record; a run that finds another one stops.
    pub newest: u64,
    /// Every record's labels, oldest first.
    pub headings: Vec<Heading>,
    /// The release that is active now.
    pub active: Option<Document>,
    /// What the newest record says.
    pub last: Option<Document>,
    /// What goes.
    pub going: Vec<Going>,
    /// The waves in which it goes: positions in [`Self::going`].
    pub waves: Vec<Vec<usize>>,
    /// What stays.
    pub staying: Vec<Staying>,
    /// Claims that `StatefulSets` made for their pods; they are in no package
    /// and stay.
    pub claims: Vec<String>,
    /// The Namespace, if that is to be deleted at last.
    pub namespace: Option<Parting>,
    /// Worth knowing.
    pub warnings: Vec<Finding>,
    /// The cluster's kinds.
    pub discovery: Discovery,
}

impl Undeployment {
    /// Whether there is nothing left to do, not even in the records.
    pub fn is_done(&self) -> bool {
        self.namespace.is_none() && !self.is_recorded()
    }

    /// Whether a record has to be written: something goes, a release counts as
    /// active, or an undeploy was cut off.
    fn is_recorded(&self) -> bool {
        let cut_off = self
            .last
            .as_ref()
            .is_some_and(|last| last.act == Act::Undeploy && last.outcome != Outcome::Removed);
        !self.going.is_empty() || self.active.is_some() || cut_off
    }

    /// Whether it is done under the Lease.
    fn is_held(&self) -> bool {
        let is_ahead = |parting: &Parting| parting.state == PartingState::Ahead;
        self.is_recorded() || self.namespace.as_ref().is_some_and(is_ahead)
    }

    /// The version that serves until then; that of the run that was cut off,
    /// where this one goes on with it.
    fn from(&self) -> Option<String> {
        let cut_off = self.last.as_ref().filter(|last| last.act == Act::Undeploy);
        let active = self.active.as_ref().map(|a| a.version.clone());
        active.or_else(|| cut_off?.from.clone())
    }

    /// The version and the rest of what is removed, for the record.
    fn subject(&self) -> Option<&Document> {
        self.active.as_ref().or(self.last.as_ref())
    }
}

/// How an undeploy is run.
pub struct Undeploy<'a> {
    /// The cluster.
    pub connection: &'a Connection,
    /// Whose.
    pub client: &'a ClientName,
    /// Where.
    pub namespace: &'a Namespace,
    /// What is done.
    pub plan: &'a Undeployment,
    /// Who runs it.
    pub who: &'a Who,
    /// Why; kept in the history.
    pub reason: &'a str,
    /// How long it may take in all.
    pub timeout: Duration,
    /// Whether it is waited for.
    pub waiting: Waiting,
    /// How long the Lease holds.
    pub ttl: Duration,
    /// Whether to stop at the next safe point.
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
}

/// How an undeploy ended otherwise.
#[derive(Debug)]
pub enum UndeployError {
    /// Refused; nothing was removed.
    Refused(Vec<Finding>),
    /// Some of it is still there.
    Incomplete(Vec<Finding>),
    /// It was interrupted.
    Interrupted(Vec<Finding>),
}

impl Undeploy<'_> {
    /// Runs it. The record's document, if one was written.
    pub async fn run(&self, tell: &mut Tell<'_>) -> Result<Option<Document>, UndeployError> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let space = self.namespace.as_str();
        if !self.plan.is_held() {
            tell(Event::Writing);
            return self
                .delete_namespace(&self.connection.api, deadline, tell)
                .await
                .map(|()| None);
        }
        let hold = Hold::take(
            &self.connection.api,
            self.client,
            space,
            &self.who.me,
            self.ttl,
            self.stop,
            &mut |taking| match taking {
                Taking::Writing => tell(Event::Writing),
                other => tell(Event::Taking(other)),
            },
        )
        .await
        .map_err(|e| UndeployError::Refused(vec![self.not_held(&e)]))?;
        let api = self.connection.api.behind(hold.fence());
        let result = self.held(&api, deadline, tell).await;
        hold.release().await;
        result
    }

    fn not_held(&self, error: &HoldError) -> Finding {
        let client = self.client;
        match error {
            HoldError::Held { by, age } => Finding::error(
                "lease-held",
                Class::Conflict,
                format!("Another run for client {client} is on its way: {by}, renewed {age} s ago"),
            )
            .help("Wait until it is done; one that is dead is taken over when its Lease has not been renewed for a while"),
            HoldError::Stopped => Finding::error(
                "interrupted",
                Class::Cluster,
                "Interrupted before the Lease was taken: nothing was changed",
            )
            .help("Run it again"),
            HoldError::Api(e) => Finding::error(
                "lease-failed",
                if e.is_conflict() { Class::Conflict } else { Class::Cluster },
                format!("Cannot take the Lease of client {client}: {e}"),
            )
            .help("See: kubectl auth can-i create leases.coordination.k8s.io"),
        }
    }

    async fn held(
        &self,
        api: &Api,
        deadline: tokio::time::Instant,
        tell: &mut Tell<'_>,
    ) -> Result<Option<Document>, UndeployError> {
        let space = self.namespace.as_str();
        let headings = records::headings(api, self.client, space)
            .await
            .map_err(UndeployError::Refused)?;
        if headings.last().map_or(0, |h| h.number) != self.plan.newest {
            return Err(UndeployError::Refused(vec![
                Finding::error(
                    "changed-meanwhile",
                    Class::Conflict,
                    "The plan is out of date: another run has ended meanwhile",
                )
                .help("Run it again and look at the new plan"),
            ]));
        }
        if !self.plan.is_recorded() {
            survey::is_alone(api, self.client, self.namespace)
                .await
                .map_err(|f| UndeployError::Refused(vec![f]))?;
            self.delete_namespace(api, deadline, tell).await?;
            return Ok(None);
        }
        script::ended(api, self.client, space, &headings, &self.who.me)
            .await
            .map_err(UndeployError::Refused)?;
        for heading in headings.iter().filter(|h| h.outcome == Outcome::Running) {
            // Its Lease is ours and no script runs it, so it is over.
            let _ = records::label(api, self.client, space, heading.number, Outcome::Unknown).await;
        }
        let mut record = self
            .begin(api)
            .await
            .map_err(|f| UndeployError::Refused(vec![f]))?;
        let leaving = Leaving {
            api,
            plan: self.plan,
            waiting: self.waiting,
            deadline,
            stop: self.stop,
        };
        let gone = match leaving.run(tell).await {
            Ok(gone) => gone,
            Err(removal::Stop::Fenced(gone)) => {
                let mut progress = self.progress(&gone);
                progress.insert(
                    0,
                    Finding::error("lease-lost", Class::Conflict, ApiError::Fenced.to_string())
                        .help("Another run may have taken over; see: consign status"),
                );
                return Err(UndeployError::Interrupted(progress));
            }
            Err(removal::Stop::Asked(gone)) => {
                "interrupted".clone_into(&mut record.document.reason);
                let _ = self
                    .end(api, &mut record, Outcome::Unknown, self.left(&gone))
                    .await;
                return Err(UndeployError::Interrupted(self.progress(&gone)));
            }
            Err(removal::Stop::Failed { gone, why }) => {
                record.document.reason = why.first().map(ToString::to_string).unwrap_or_default();
                let _ = self
                    .end(api, &mut record, Outcome::Failed, self.left(&gone))
                    .await;
                return Err(UndeployError::Incomplete(why));
            }
        };
        // First what was active, so that nothing counts as active that is
        // gone, whatever happens next.
        self.supersede(api, &headings).await?;
        self.end(api, &mut record, Outcome::Removed, self.left(&gone))
            .await?;
        if let Err(e) = records::trim(api, self.client, space, &headings, record.number).await {
            tell(Event::Note(Finding::warning(
                "records-not-updated",
                Class::Cluster,
                format!("Older release records not updated: {e}"),
            )));
        }
        if self.plan.namespace.is_some() {
            survey::is_alone(api, self.client, self.namespace)
                .await
                .map_err(|f| UndeployError::Incomplete(vec![f]))?;
        }
        self.delete_namespace(api, deadline, tell).await?;
        Ok(Some(record.document))
    }

    /// Writes down what is intended.
    async fn begin(&self, api: &Api) -> Result<Record, Finding> {
        let plan = self.plan;
        let subject = plan.subject();
        let of =
            |field: fn(&Document) -> &String| subject.map(|d| field(d).clone()).unwrap_or_default();
        let mut record = Record {
            number: plan.newest + 1,
            uid: String::new(),
            created: None,
            document: Document {
                schema: record::SCHEMA,
                client: self.client.to_string(),
                version: of(|d| &d.version),
                digest: of(|d| &d.digest),
                commit: of(|d| &d.commit),
                by: self.who.me.user.clone(),
                host: self.who.me.host.clone(),
                tool: self.who.tool.clone(),
                holder: self.who.me.to_string(),
                act: Act::Undeploy,
                from: plan.from(),
                started: now(),
                ended: None,
                reason: self.reason.to_owned(),
                outcome: Outcome::Running,
                skipped: Vec::new(),
                run: format!(
                    "{}-{}",
                    std::process::id(),
                    Timestamp::now().as_nanosecond()
                ),
                inventory: self.left(&[]),
                secrets: Vec::new(),
            },
            package: None,
        };
        let map = records::create(api, self.client, self.namespace, &record)
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
                        record::name(self.client, record.number)
                    ),
                )
                .help("If another run is on its way, wait until it is done; see: consign status")
            })?;
        uid(&map).clone_into(&mut record.uid);
        Ok(record)
    }

    /// Writes down what came of it.
    async fn end(
        &self,
        api: &Api,
        record: &mut Record,
        outcome: Outcome,
        inventory: Vec<InventoryItem>,
    ) -> Result<(), UndeployError> {
        record.document.outcome = outcome;
        record.document.ended = Some(now());
        record.document.inventory = inventory;
        records::update(api, self.client, self.namespace, record)
            .await
            .map_err(|e| unrecorded(&e))
    }

    async fn supersede(&self, api: &Api, headings: &[Heading]) -> Result<(), UndeployError> {
        for heading in headings.iter().filter(|h| h.outcome == Outcome::Active) {
            records::label(
                api,
                self.client,
                self.namespace.as_str(),
                heading.number,
                Outcome::Superseded,
            )
            .await
            .map_err(|e| unrecorded(&e))?;
        }
        Ok(())
    }

    /// What the record names of what is there: what stays and is ours, and
    /// what has not gone.
    fn left(&self, gone: &[usize]) -> Vec<InventoryItem> {
        let going = self.plan.going.iter().enumerate();
        let going = going
            .filter(|(at, _)| !gone.contains(at))
            .map(|(_, g)| g.item.clone());
        let staying = self.plan.staying.iter().filter(|s| s.claim == Claim::Ours);
        going
            .chain(staying.map(|s| InventoryItem {
                held: Held::Left,
                ..s.item.clone()
            }))
            .collect()
    }

    fn progress(&self, gone: &[usize]) -> Vec<Finding> {
        let line = |what: &str, is_gone: bool| {
            let list: Vec<String> = self
                .plan
                .going
                .iter()
                .enumerate()
                .filter(|(at, _)| gone.contains(at) == is_gone)
                .map(|(_, going)| going.item.id().to_string())
                .collect();
            let list = if list.is_empty() {
                "none".to_owned()
            } else {
                list.join(", ")
            };
            Finding::info("progress", Class::Cluster, format!("{what}: {list}"))
        };
        vec![
            line("Removed", true),
            line("Not removed, or not known", false),
        ]
    }

    async fn delete_namespace(
        &self,
        api: &Api,
        deadline: tokio::time::Instant,
        tell: &mut Tell<'_>,
    ) -> Result<(), UndeployError> {
        let Some(parting) = &self.plan.namespace else {
            return Ok(());
        };
        let id = ObjectId {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: self.namespace.to_string(),
        };
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        let one = removal::One {
            api,
            path: &path,
            uid: &parting.uid,
        };
        let failed = |why: String| {
            UndeployError::Incomplete(vec![
                Finding::error(
                    "not-removed",
                    Class::Cluster,
                    format!("{id} not removed: {why}"),
                )
                .help(format!(
                    "See: kubectl get namespace {} -o yaml",
                    self.namespace
                )),
            ])
        };
        let mut gone = one
            .delete("Background")
            .await
            .map_err(|e| failed(e.to_string()))?;
        while !gone && self.waiting == Waiting::Serve {
            if tokio::time::Instant::now() >= deadline {
                let why = format!("it is still there after {} s", self.timeout.as_secs());
                return Err(failed(why));
            }
            if (self.stop)() {
                return Err(UndeployError::Interrupted(vec![Finding::info(
                    "progress",
                    Class::Cluster,
                    format!("{id} is being deleted"),
                )]));
            }
            tokio::time::sleep(removal::LOOK).await;
            gone = one
                .left()
                .await
                .map_err(|e| failed(e.to_string()))?
                .is_none();
        }
        tell(Event::Removed(&id));
        Ok(())
    }
}

fn unrecorded(error: &ApiError) -> UndeployError {
    UndeployError::Interrupted(vec![
        Finding::error(
            "record-not-written",
            Class::Cluster,
            format!("Everything is removed, and the release records are not updated: {error}"),
        )
        .help("Run it again"),
    ])
}

/// Now, as it stands in records.
fn now() -> String {
    format!("{:.0}", Timestamp::now())
}

/// The path of a Namespace, read by who may.
async fn namespace(api: &Api, name: &Namespace) -> Result<Option<serde_json::Value>, ApiError> {
    match api
        .send(&Call::get(format!("/api/v1/namespaces/{name}")))
        .await
    {
        Ok(object) => Ok(Some(object)),
        Err(e) if e.is_missing() => Ok(None),
        Err(e) => Err(e),
    }
}

//! The record of a run, as the run goes on.

use jiff::Timestamp;
use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use package::trust::TrustedPackage;

use super::{Release, Run, RunError};
use crate::api::Api;
use crate::desired::Wanted;
use crate::event::{Event, Tell};
use crate::record::{self, Act, Document, InventoryItem, Outcome, Record};
use crate::records;
use crate::stages::{self, Waiting};

/// The record of a run, from its beginning to its end.
pub(super) struct Journal<'a> {
    pub(super) client: &'a ClientName,
    pub(super) namespace: &'a Namespace,
    pub(super) record: Record,
    pub(super) since: Option<Timestamp>,
    pub(super) headings: Vec<record::Heading>,
    pub(super) act: Act,
}

/// Now, as it stands in records.
fn now() -> String {
    format!("{:.0}", Timestamp::now())
}

impl<'a> Journal<'a> {
    /// Writes down what is intended.
    pub(super) async fn begin(
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
    pub(super) async fn end(
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

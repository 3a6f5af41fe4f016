//! How clients stand in a cluster, for who asks: nothing is written, and what
//! this user may not read is said and left out.

mod present;

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use model::finding::{Class, Finding, Severity};
use model::name::{ClientName, Namespace};

use crate::api::{Api, ApiError, Call, METADATA_LIST};
use crate::hold;
use crate::holder::{self, Holder};
use crate::object::{items, label, text};
use crate::processes;
use crate::record::{Heading, LABEL_CLIENT, Outcome, Record, RecordError};
use crate::records;

pub use crate::fields::drift::Drift;
pub use present::{Asked, Health, Identity, Looker, ObjectState, Present, Progress, Release};

/// How many clients are looked at side by side: enough for the connection's
/// slots, few enough that their objects do not pile up.
const AT_ONCE: usize = 8;

/// The clients that have records somewhere in the cluster, each with its
/// namespace; the error is for who may not list them all.
pub async fn known(api: &Api) -> Result<BTreeSet<(ClientName, Namespace)>, ApiError> {
    let target = "/api/v1/configmaps?labelSelector=app.kubernetes.io/managed-by%3Dconsign";
    let list = api.send(&Call::get(target).accept(METADATA_LIST)).await?;
    Ok(items(&list, "/items")
        .iter()
        .filter_map(|map| {
            let client = label(map, LABEL_CLIENT)?.parse().ok()?;
            Heading::read(&client, map)?;
            Some((client, text(map, "/metadata/namespace").parse().ok()?))
        })
        .collect())
}

/// A record in a client's history.
#[derive(Debug)]
pub enum Entry {
    /// It can be read.
    Whole(Box<Record>),
    /// Only its labels can.
    Heading(Heading, RecordError),
}

impl Entry {
    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        match self {
            Self::Whole(record) => record.number,
            Self::Heading(heading, _) => heading.number,
        }
    }
}

/// Every record of a client, newest first.
pub async fn history(
    api: &Api,
    client: &ClientName,
    namespace: &Namespace,
) -> Result<Vec<Entry>, ApiError> {
    let target = format!(
        "/api/v1/namespaces/{namespace}/configmaps?labelSelector={LABEL_CLIENT}%3D{client}"
    );
    let list = api.send(&Call::get(target)).await?;
    let mut found: Vec<Entry> = items(&list, "/items")
        .iter()
        .filter_map(|map| {
            let heading = Heading::read(client, map)?;
            Some(match Record::read(client, map) {
                Ok(record) => Entry::Whole(Box::new(record)),
                Err(e) => Entry::Heading(heading, e),
            })
        })
        .collect();
    found.sort_by_key(|entry| std::cmp::Reverse(entry.number()));
    Ok(found)
}

/// What the records and the Lease say of a client.
#[derive(Debug)]
pub struct Past {
    /// Every record's labels, oldest first.
    pub headings: Vec<Heading>,
    /// The records that matter and can be read: the active one, and all after
    /// it.
    pub records: Vec<Record>,
    /// How the Lease stands; nothing where it may not be read.
    pub lease: Option<holder::Standing>,
    /// What could not be read.
    pub warnings: Vec<Finding>,
}

/// A run that has not ended, or nobody knows how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run<'a> {
    /// It holds the Lease.
    Underway {
        /// Who, as it stands there.
        by: &'a str,
        /// Seconds since the Lease was renewed.
        age: i64,
    },
    /// It was cut off; a run of deploy.sh, which takes no Lease, may still go
    /// on.
    Open,
}

/// Reads of many clients what their records and Leases say, in their order.
pub async fn pasts(
    api: &Api,
    clients: &[(ClientName, Namespace)],
    me: &Holder,
) -> Vec<Result<Past, Vec<Finding>>> {
    stream::iter(clients)
        .map(|(client, namespace)| Past::read(api, client, namespace, me))
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// Looks at the releases of many clients, in their order.
pub async fn presents(asked: &[Asked<'_>]) -> Vec<Present> {
    stream::iter(asked)
        .map(Asked::look)
        .buffered(AT_ONCE)
        .collect()
        .await
}

impl Past {
    /// Reads it.
    pub async fn read(
        api: &Api,
        client: &ClientName,
        namespace: &Namespace,
        me: &Holder,
    ) -> Result<Self, Vec<Finding>> {
        let space = namespace.as_str();
        let headings = records::headings(api, client, space).await?;
        let from = headings
            .iter()
            .rfind(|h| h.outcome == Outcome::Active)
            .or(headings.last())
            .map_or(0, |h| h.number);
        let mut past = Self {
            headings,
            records: Vec::new(),
            lease: None,
            warnings: Vec::new(),
        };
        for heading in past.headings.iter().filter(|h| h.number >= from) {
            match records::one(api, client, space, heading.number).await {
                Ok(record) => past.records.push(record),
                Err(findings) => past.warnings.extend(findings.iter().map(lowered)),
            }
        }
        match hold::look(api, client, space).await {
            Ok(None) => past.lease = Some(holder::Standing::Free),
            Ok(Some(lease)) => {
                past.lease = Some(holder::standing(
                    &lease,
                    me,
                    Timestamp::now(),
                    processes::is_gone,
                ));
            }
            Err(e) => past.warnings.push(unread("the Lease", &e.to_string())),
        }
        Ok(past)
    }

    /// The record of what serves now.
    pub fn active(&self) -> Option<&Record> {
        self.records
            .iter()
            .rfind(|r| r.document.outcome == Outcome::Active)
    }

    /// The newest record, if it can be read.
    pub fn newest(&self) -> Option<&Record> {
        let newest = self.headings.last()?.number;
        self.records.iter().find(|r| r.number == newest)
    }

    /// The run that has not ended.
    pub fn run(&self) -> Option<Run<'_>> {
        if let Some(holder::Standing::Held { by, age }) = &self.lease {
            return Some(Run::Underway { by, age: *age });
        }
        self.headings
            .last()
            .filter(|h| h.outcome.is_open())
            .map(|_| Run::Open)
    }
}

fn lowered(finding: &Finding) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..finding.clone()
    }
}

fn unread(what: &str, why: &str) -> Finding {
    Finding::warning(
        "status-unread",
        Class::Cluster,
        format!("{what} not read: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holder::Standing;

    fn past(outcomes: &[(u64, Outcome)], lease: Standing) -> Past {
        Past {
            headings: outcomes
                .iter()
                .map(|(number, outcome)| Heading {
                    number: *number,
                    version: format!("v1.{number}.0"),
                    outcome: *outcome,
                    holds: crate::record::Holds::Nothing,
                })
                .collect(),
            records: Vec::new(),
            lease: Some(lease),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_run_goes_on_while_its_lease_is_renewed_and_is_open_after_that() {
        let by = "ann@ci pid 7".to_owned();
        let held = Standing::Held {
            by: by.clone(),
            age: 3,
        };
        let running = [(1, Outcome::Active), (2, Outcome::Running)];
        assert_eq!(
            past(&running, held).run(),
            Some(Run::Underway { by: &by, age: 3 })
        );
        for lease in [
            Standing::Free,
            Standing::Orphaned { by: by.clone() },
            Standing::Overdue { by, age: 90 },
        ] {
            assert_eq!(past(&running, lease.clone()).run(), Some(Run::Open));
            assert_eq!(past(&running[..1], lease).run(), None);
        }
    }
}

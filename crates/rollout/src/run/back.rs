//! After a deploy that failed: the version before is put back.

use std::collections::BTreeMap;
use std::time::Duration;

use model::finding::{Class, Finding};
use package::trust::TrustedPackage;

use super::journal::Journal;
use super::words::first_words;
use super::{Release, Run, RunError};
use crate::api::Api;
use crate::connect::Connection;
use crate::desired::Wanted;
use crate::discovery::Discovery;
use crate::event::{Event, Tell};
use crate::plan::{self, OnConflict};
use crate::read::{self, Question};
use crate::record::{Act, Outcome, Record};
use crate::records;
use crate::stages::{self, Pace, Stages, Stop, Waiting};
use crate::wait::Waiter;

/// How often it is looked for pods that keep a `StatefulSet` from rolling on.
const UNSTICK_LOOK: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// Puts the version before back, and proves that it serves.
    pub(super) async fn roll_back(
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

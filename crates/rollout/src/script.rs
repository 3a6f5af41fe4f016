//! Runs of deploy.sh: they take no Lease, so their records and processes have to
//! tell whether one may still be on its way.
//!
//! Source of the rules: `docs/deploying.md` ("deploy.sh").

use jiff::Timestamp;
use model::finding::{Class, Finding};
use model::name::ClientName;

use crate::api::Api;
use crate::holder::Holder;
use crate::processes;
use crate::record::{self, Heading, LABEL_OUTCOME, Outcome, Record};
use crate::records;

/// The seconds in which a script ends or looks at its record again: its limits
/// for applying and for the rollout together.
const LONGEST: i64 = 900 + 300;

/// How a script's run stands whose record says that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is over.
    Ended,
    /// It may run, on another host as seen from here.
    Unknown,
    /// It is this process of this host.
    Runs(u32),
}

/// Judges a record by the server's clock. `gone` tells whether a process that
/// this one would see is there no more.
fn standing(record: &Record, me: &Holder, now: i64, gone: impl Fn(&Holder) -> bool) -> Standing {
    let document = &record.document;
    if document.tool != record::SCRIPT || document.outcome != Outcome::Running {
        return Standing::Ended;
    }
    if let Ok(process) = document.holder.parse::<Holder>()
        && me.shares_processes_with(&process)
    {
        return if gone(&process) {
            Standing::Ended
        } else {
            Standing::Runs(process.pid)
        };
    }
    let is_young = record
        .created
        .is_some_and(|created| now.saturating_sub(created.as_second()) < LONGEST);
    if is_young {
        Standing::Unknown
    } else {
        Standing::Ended
    }
}

/// Refuses while a script of this client may be on its way: it would go on
/// applying its version.
pub async fn ended(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    headings: &[Heading],
    me: &Holder,
) -> Result<(), Vec<Finding>> {
    let running: Vec<u64> = headings
        .iter()
        .filter(|h| h.outcome == Outcome::Running)
        .map(|h| h.number)
        .collect();
    let read = records::several(api, client, namespace, &running).await?;
    let now = Timestamp::now()
        .as_second()
        .saturating_sub(api.clock_ahead());
    let findings: Vec<Finding> = read
        .iter()
        .filter_map(|record| {
            let how = standing(record, me, now, processes::is_gone);
            refusal(record, how, client, namespace)
        })
        .collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

fn refusal(record: &Record, how: Standing, client: &ClientName, space: &str) -> Option<Finding> {
    let name = record::name(client, record.number);
    let (runs, help) = match how {
        Standing::Ended => return None,
        Standing::Runs(pid) => (
            format!("still runs as process {pid}"),
            format!("Wait until it is done, or end it: kill {pid}"),
        ),
        Standing::Unknown => (
            "may still run".to_owned(),
            format!(
                "Wait until it is done. If it is known to have ended, say so: kubectl label \
                 configmap {name} -n {space} --overwrite {LABEL_OUTCOME}={}",
                Outcome::Unknown
            ),
        ),
    };
    let run = &record.document;
    Some(
        Finding::error(
            "script-running",
            Class::Conflict,
            format!(
                "deploy.sh of {} by {}@{}, begun {}, {runs}",
                run.version, run.by, run.host, run.started
            ),
        )
        .help(help),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CREATED: i64 = 1_769_681_730;

    fn me() -> Holder {
        "bob@ci pid 7 started 1 boot b pids 4026531836"
            .parse()
            .unwrap()
    }

    /// A record of a run by this tool and process, made at [`CREATED`].
    fn record(tool: &str, holder: &str, outcome: &str) -> Record {
        let document = json!({"schema": 1, "client": "acme", "version": "v1.1.0", "digest": "",
            "by": "ann", "host": "ci", "tool": tool, "holder": holder,
            "started": "2026-01-29T10:15:30Z", "outcome": "running"});
        let map = json!({
            "metadata": {
                "name": "consign.acme.r2",
                "creationTimestamp": "2026-01-29T10:15:30Z",
                "labels": {LABEL_OUTCOME: outcome},
            },
            "data": {"record.json": document.to_string()},
        });
        Record::read(&"acme".parse().unwrap(), &map).unwrap()
    }

    #[test]
    fn a_script_on_another_host_runs_for_as_long_as_it_may() {
        let theirs = "ann@laptop pid 9 started 4 boot c pids 4026531836";
        for holder in [theirs, "", "somebody"] {
            let judge = |now| {
                standing(&record("deploy.sh", holder, "running"), &me(), now, |_| {
                    true
                })
            };
            assert_eq!(judge(CREATED - 5), Standing::Unknown, "{holder}");
            assert_eq!(judge(CREATED + LONGEST - 1), Standing::Unknown, "{holder}");
            assert_eq!(judge(CREATED + LONGEST), Standing::Ended, "{holder}");
        }
    }

    #[test]
    fn a_script_on_this_host_is_there_or_gone_whatever_its_age() {
        let ours = "ann@ci pid 9 started 4 boot b pids 4026531836";
        for now in [CREATED, CREATED + 10 * LONGEST] {
            let judge = |gone| {
                standing(
                    &record("deploy.sh", ours, "running"),
                    &me(),
                    now,
                    |process| {
                        assert_eq!((process.pid, process.started), (9, 4));
                        gone
                    },
                )
            };
            assert_eq!(judge(true), Standing::Ended);
            assert_eq!(judge(false), Standing::Runs(9));
        }
    }

    #[test]
    fn what_has_ended_or_held_a_lease_is_no_script_that_runs() {
        for (tool, outcome) in [("deploy.sh", "unknown"), ("consign 0.1.0", "running")] {
            let record = record(tool, "", outcome);
            assert_eq!(
                standing(&record, &me(), CREATED, |_| false),
                Standing::Ended
            );
        }
    }

    #[test]
    fn a_refusal_says_whose_run_it_is_and_what_to_do() {
        let client = "acme".parse().unwrap();
        let record = record("deploy.sh", "", "running");
        let told = |how| refusal(&record, how, &client, "sh-acme");
        assert!(told(Standing::Ended).is_none());
        let unknown = told(Standing::Unknown).unwrap();
        assert_eq!(unknown.class, Class::Conflict);
        assert_eq!(
            unknown.to_string(),
            "deploy.sh of v1.1.0 by ann@ci, begun 2026-01-29T10:15:30Z, may still run"
        );
        assert!(format!("{unknown:?}").contains(
            "kubectl label configmap consign.acme.r2 -n sh-acme --overwrite consign.dev/outcome=unknown"
        ));
        assert!(format!("{:?}", told(Standing::Runs(9))).contains("kill 9"));
    }
}

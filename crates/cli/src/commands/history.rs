//! `consign history`.

use jiff::Timestamp;
use model::finding::{Class, Finding};
use rollout::api::ApiError;
use rollout::health;
use rollout::overview::{self, Entry};
use rollout::record::{self, Act, Document};
use serde_json::{Value, json};

use crate::args::cluster;
use crate::outcome::Outcome;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Line, Screen, Tag, line};
use crate::settings::Settings;
use crate::table::{self, Table};

/// A reason longer than this is cut in text.
const REASON_MAX: usize = 60;

/// Lists every release record of a client, newest first.
pub fn run(
    args: &cluster::History,
    hosting: Option<&Hosting>,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let client = &args.client;
    let defaults = Settings::default();
    let settings = hosting.map_or(&defaults, |h| &h.settings);
    let namespace = settings.namespace_of(client).map_err(|f| vec![f])?;
    let session = Session::open(args.target.context.as_deref()).map_err(|f| vec![f])?;
    let connection = &session.connection;
    let entries = session
        .wait(overview::history(&connection.api, client, &namespace))
        .map_err(|e| vec![unreadable(&session, &e)])?;
    let findings: Vec<Finding> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Whole(_) => None,
            Entry::Heading(heading, e) => Some(Finding::warning(
                "record-unreadable",
                Class::Cluster,
                format!(
                    "Release record {}: {e}",
                    record::name(client, heading.number)
                ),
            )),
        })
        .collect();
    if entries.is_empty() {
        screen.report(&[line(
            Tag::Info,
            format!(
                "Nothing was deployed for {client} in namespace {namespace} of context {}",
                connection.context
            ),
        )]);
    } else {
        screen.report(&lines(&entries));
    }
    let releases: Vec<Value> = entries.iter().map(data).collect();
    Ok(Outcome::with(
        findings,
        json!({
            "client": client.as_str(),
            "namespace": namespace.as_str(),
            "context": connection.context,
            "releases": releases,
        }),
    ))
}

fn unreadable(session: &Session, error: &ApiError) -> Finding {
    if error.is_forbidden() {
        return Finding::error(
            "records-unreadable",
            Class::Cluster,
            format!("Cannot read the release records: {error}"),
        )
        .help("See: kubectl get configmaps -l app.kubernetes.io/managed-by=consign");
    }
    health::unreachable(&session.connection, error)
}

fn lines(entries: &[Entry]) -> Vec<Line> {
    let mut table = Table::new(&[
        "RELEASE", "VERSION", "DIGEST", "ACT", "OUTCOME", "FROM", "STARTED", "TOOK", "BY", "TOOL",
        "REASON",
    ]);
    for entry in entries {
        let number = entry.number().to_string();
        match entry {
            Entry::Heading(heading, _) => table.row([
                &number,
                &heading.version,
                "",
                "",
                heading.outcome.as_str(),
                "",
                "",
                "",
                "",
                "",
                "",
            ]),
            Entry::Whole(record) => {
                let document = &record.document;
                table.row([
                    &number,
                    &document.version,
                    &table::short(&document.digest),
                    word(document.act),
                    document.outcome.as_str(),
                    document.from.as_deref().unwrap_or_default(),
                    &document.started,
                    &seconds(document).map(took).unwrap_or_default(),
                    &by(document),
                    &document.tool,
                    &table::cut(&document.reason, REASON_MAX),
                ]);
            }
        }
    }
    table.lines()
}

/// Who ran it, and where.
pub fn by(document: &Document) -> String {
    match (document.by.as_str(), document.host.as_str()) {
        (by, "") => by.to_owned(),
        (by, host) => format!("{by}@{host}"),
    }
}

/// What a run did, in a word.
pub const fn word(act: Act) -> &'static str {
    match act {
        Act::Deploy => "deploy",
        Act::Rollback => "rollback",
        Act::AutomaticRollback => "automatic-rollback",
        Act::Undeploy => "undeploy",
    }
}

/// How long a run took, in seconds; nothing for one that has not ended or
/// whose times are none.
fn seconds(document: &Document) -> Option<i64> {
    let started: Timestamp = document.started.parse().ok()?;
    let ended: Timestamp = document.ended.as_ref()?.parse().ok()?;
    Some(ended.as_second().saturating_sub(started.as_second())).filter(|s| *s >= 0)
}

fn took(seconds: i64) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{}s", seconds % 60),
        _ => format!("{hours}h{minutes}m"),
    }
}

fn data(entry: &Entry) -> Value {
    match entry {
        Entry::Heading(heading, e) => json!({
            "number": heading.number,
            "version": heading.version,
            "outcome": heading.outcome.as_str(),
            "unreadable": e.to_string(),
        }),
        Entry::Whole(record) => {
            let document = &record.document;
            json!({
                "number": record.number,
                "version": document.version,
                "digest": document.digest,
                "commit": document.commit,
                "act": word(document.act),
                "outcome": document.outcome.as_str(),
                "from": document.from,
                "started": document.started,
                "ended": document.ended,
                "seconds": seconds(document),
                "by": document.by,
                "host": document.host,
                "tool": document.tool,
                "reason": document.reason,
                "skipped": document.skipped,
                "objects": document.inventory.len(),
                "package": record.package.is_some(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_took_is_told_in_two_units() {
        assert_eq!(
            [took(0), took(59), took(61), took(3_660)],
            ["0s", "59s", "1m1s", "1h1m"]
        );
    }
}

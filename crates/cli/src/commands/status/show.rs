//! How clients stand, in lines and as data.

use rollout::overview::{Health, Identity, ObjectState, Past, Progress, Run};
use rollout::record::{Act, Outcome as Recorded, Record};
use serde_json::{Value, json};

use super::Standing;
use crate::commands::history::{by, word};
use crate::screen::{Line, Tag, line};
use crate::table::{self, NOTHING, Table};

/// What deploy.sh calls itself in records.
const DEPLOY_SCRIPT: &str = "deploy.sh";

/// A reason longer than this is cut.
const REASON_MAX: usize = 200;

/// More objects than this are counted, not named.
const LEFT_MAX: usize = 5;

/// A table of all, and beneath it what is to be said of each.
pub fn lines(standings: &[Standing], context: &str) -> Vec<Line> {
    if standings.is_empty() {
        return vec![line(
            Tag::Info,
            format!("No clients here, and none that context {context} shows"),
        )];
    }
    let mut table = Table::new(&[
        "CLIENT",
        "NAMESPACE",
        "VERSION",
        "DIGEST",
        "SINCE",
        "BY",
        "HEALTH",
        "DRIFT",
        "RUN",
    ]);
    for standing in standings {
        let document = standing.record().map(|r| &r.document);
        let digest = document
            .map(|d| table::short(&d.digest))
            .unwrap_or_default();
        table.row([
            standing.client.as_str(),
            standing.namespace.as_str(),
            document.map_or("", |d| d.version.as_str()),
            &digest,
            document.map_or("", |d| d.ended.as_deref().unwrap_or(&d.started)),
            &document.map(by).unwrap_or_default(),
            &health(standing),
            &drift(standing),
            run_word(standing),
        ]);
    }
    let mut lines = table.lines();
    for standing in standings {
        lines.extend(remarks(standing));
    }
    lines
}

fn health(standing: &Standing) -> String {
    let objects = &standing.present.objects;
    if standing.past.is_err() {
        return "unknown".to_owned();
    }
    if standing.record().is_none() {
        return NOTHING.to_owned();
    }
    let well = objects.iter().filter(|o| o.health.is_well()).count();
    let word = if well == objects.len() {
        "ready"
    } else {
        "not ready"
    };
    format!("{word} {well}/{}", objects.len())
}

fn drift(standing: &Standing) -> String {
    if standing.record().is_none() {
        return NOTHING.to_owned();
    }
    if standing.active.is_none() {
        return "unknown".to_owned();
    }
    match standing.present.objects.iter().map(|o| o.drift.len()).sum() {
        0 => "none".to_owned(),
        1 => "1 field".to_owned(),
        n => format!("{n} fields"),
    }
}

/// How the run stands that has not ended, in a word.
fn run_word(standing: &Standing) -> &'static str {
    let run = standing.past.as_ref().ok().and_then(Past::run);
    match run {
        None => NOTHING,
        Some(Run::Underway { .. }) => "underway",
        Some(Run::Open) if is_script(standing.open_record()) => "open",
        Some(Run::Open) => "interrupted",
    }
}

/// Whether deploy.sh runs it, or ran it: it takes no Lease that would tell.
fn is_script(record: Option<&Record>) -> bool {
    record.is_some_and(|r| {
        r.document.tool == DEPLOY_SCRIPT && r.document.outcome == Recorded::Running
    })
}

fn remarks(standing: &Standing) -> Vec<Line> {
    let client = &standing.client;
    let mut lines: Vec<Line> = standing
        .present
        .objects
        .iter()
        .flat_map(object_remarks)
        .map(|text| line(Tag::Warn, format!("{client}: {text}")))
        .collect();
    let Ok(past) = &standing.past else {
        return lines;
    };
    if let Some(record) = standing.record() {
        if standing.active.is_none() {
            lines.push(line(
                Tag::Info,
                format!(
                    "{client}: drift is not known: package {client}-{} is neither in the packages directory nor in its record",
                    record.document.version
                ),
            ));
        }
        if record.document.act == Act::AutomaticRollback {
            let reason = table::cut(&record.document.reason, REASON_MAX);
            lines.push(line(
                Tag::Info,
                format!(
                    "{client}: {} was put back automatically: {reason}",
                    record.document.version
                ),
            ));
        }
    }
    if let Some(run) = past.run() {
        lines.push(run_line(standing, run));
    } else if let Some(last) = past.newest().filter(|last| is_worth_a_line(last)) {
        let document = &last.document;
        let reason = match document.reason.as_str() {
            "" => String::new(),
            reason => format!(": {}", table::cut(reason, REASON_MAX)),
        };
        lines.push(line(
            Tag::Info,
            format!(
                "{client}: the last run, {} of {} by {}, begun {}, ended {}{reason}",
                word(document.act),
                document.version,
                by(document),
                document.started,
                document.outcome
            ),
        ));
    }
    lines
}

fn is_worth_a_line(last: &Record) -> bool {
    matches!(
        last.document.outcome,
        Recorded::Failed | Recorded::RolledBack | Recorded::Removed
    )
}

fn object_remarks(object: &ObjectState) -> Vec<String> {
    let mut remarks = Vec::new();
    match &object.health {
        Health::Ready(_) => {}
        Health::Missing => remarks.push(format!("{} is missing", object.id)),
        Health::Failed(why) => remarks.push(format!("{} failed: {why}", object.id)),
        Health::Unread(why) => remarks.push(format!("{} not read: {why}", object.id)),
        Health::Waiting(why) | Health::Doubtful(why) => {
            remarks.push(format!("{}: {why}", object.id));
        }
    }
    if object.identity == Identity::Another {
        remarks.push(format!("{} was made anew by someone else since", object.id));
    }
    for drift in &object.drift {
        let field = if drift.field.is_empty() {
            "all of it"
        } else {
            &drift.field
        };
        let managers = if drift.managers.is_empty() {
            "someone".to_owned()
        } else {
            drift.managers.join(", ")
        };
        remarks.push(format!(
            "{}: {field} was changed since by {managers}",
            object.id
        ));
    }
    remarks
}

fn run_line(standing: &Standing, run: Run<'_>) -> Line {
    let client = &standing.client;
    let record = standing.open_record();
    let what = record.map_or_else(
        || "a run".to_owned(),
        |r| format!("{} of {}", word(r.document.act), r.document.version),
    );
    let progress = standing.present.progress.as_ref();
    let far = progress.map(far).unwrap_or_default();
    match (run, record) {
        (Run::Underway { by, age }, _) => line(
            Tag::Info,
            format!(
                "{client}: {what} is on its way: {by}, renewed {age} s ago{}",
                progress.map(done).unwrap_or_default()
            ),
        ),
        (Run::Open, Some(record)) if is_script(Some(record)) => line(
            Tag::Warn,
            format!(
                "{client}: {what} by {}, begun {}, has not ended{far}; deploy.sh takes no Lease, so it may still run",
                by(&record.document),
                record.document.started
            ),
        ),
        (Run::Open, record) => {
            let who = record.map_or_else(String::new, |r| {
                format!(" by {}, begun {},", by(&r.document), r.document.started)
            });
            line(
                Tag::Warn,
                format!(
                    "{client}: {what}{who} was interrupted{far}; {}",
                    way_out(standing, record)
                ),
            )
        }
    }
}

/// `, with 3 of 5 objects done`.
fn done(progress: &Progress) -> String {
    match progress.total {
        0 => String::new(),
        total => format!(", with {} of {total} objects done", progress.done()),
    }
}

/// `, with 3 of 5 objects done, not Service n/web`.
fn far(progress: &Progress) -> String {
    let done = done(progress);
    if progress.left.is_empty() {
        return done;
    }
    let shown: Vec<String> = progress
        .left
        .iter()
        .take(LEFT_MAX)
        .map(ToString::to_string)
        .collect();
    let more = progress.left.len() - shown.len();
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!("{done}, not {}{more}", shown.join(", "))
}

fn way_out(standing: &Standing, record: Option<&Record>) -> String {
    let client = &standing.client;
    let back = format!("consign rollback --client {client}");
    match record.map(|r| &r.document) {
        Some(d) if d.act == Act::Undeploy => {
            format!("go on with: consign undeploy --client {client}")
        }
        Some(d) => format!(
            "go on with: consign deploy --package {client}@{}, or go back with: {back}",
            d.version
        ),
        None => format!("go back with: {back}"),
    }
}

/// A client for machines.
pub fn data(standing: &Standing) -> Value {
    let objects = &standing.present.objects;
    let active = standing.record().map(|record| {
        let document = &record.document;
        json!({
            "number": record.number,
            "version": document.version,
            "digest": document.digest,
            "since": document.ended.as_ref().unwrap_or(&document.started),
            "act": word(document.act),
            "by": document.by,
            "host": document.host,
            "tool": document.tool,
            "reason": document.reason,
            "package": standing.active.is_some(),
        })
    });
    let last = standing
        .past
        .as_ref()
        .ok()
        .and_then(|past| past.headings.last());
    json!({
        "client": standing.client.as_str(),
        "namespace": standing.namespace.as_str(),
        "readable": standing.past.is_ok(),
        "active": active,
        "healthy": standing.record().map(|_| objects.iter().all(|o| o.health.is_well())),
        "drifted": standing.active.as_ref().map(|_| objects.iter().any(|o| !o.drift.is_empty())),
        "objects": objects.iter().map(object_data).collect::<Vec<_>>(),
        "run": run_data(standing),
        "last": last.map(|h| json!({
            "number": h.number,
            "version": h.version,
            "outcome": h.outcome.as_str(),
        })),
    })
}

fn object_data(object: &ObjectState) -> Value {
    json!({
        "object": object.id.label(),
        "namespace": object.id.namespace,
        "health": object.health.word(),
        "why": object.health.why(),
        "another": object.identity == Identity::Another,
        "drift": object.drift.iter()
            .map(|d| json!({ "field": d.field, "managers": d.managers }))
            .collect::<Vec<_>>(),
    })
}

fn run_data(standing: &Standing) -> Value {
    let Some(run) = standing.past.as_ref().ok().and_then(Past::run) else {
        return Value::Null;
    };
    let (holder, age) = match run {
        Run::Underway { by, age } => (Some(by), Some(age)),
        Run::Open => (None, None),
    };
    let document = standing.open_record().map(|r| &r.document);
    let progress = standing.present.progress.as_ref();
    json!({
        "state": run_word(standing),
        "act": document.map(|d| word(d.act)),
        "version": document.map(|d| &d.version),
        "by": document.map(|d| &d.by),
        "host": document.map(|d| &d.host),
        "started": document.map(|d| &d.started),
        "holder": holder,
        "age": age,
        "done": progress.map(Progress::done),
        "total": progress.map(|p| p.total),
        "left": progress.map(|p| p.left.iter().map(ToString::to_string).collect::<Vec<_>>()),
    })
}

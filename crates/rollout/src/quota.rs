//! Whether a package fits into the quotas of its namespace.
//!
//! A `ResourceQuota` refuses pods one by one, long after the objects that ask
//! for them were taken: what does not fit is told before anything is written.

mod usage;

use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use serde_json::Value;

use crate::desired::Wanted;
use crate::draft::{Draft, State};
use crate::live::Live;
use crate::object::{ObjectId, items, text};

use usage::{ONE, Side, UNPREFIXED, Usage};

/// What the package would exceed.
///
/// Errors are resources of which more is used than there may be once all is
/// made. Warnings are what may go wrong: a rollout that runs more pods for a
/// while, containers without the requests that a quota insists on, and quotas
/// of which it is not known which pods they count.
///
/// Source: Kubernetes' resource quota evaluators.
pub fn exceeded(quotas: &[Value], wanted: &Wanted, drafts: &[Draft], live: &Live) -> Vec<Finding> {
    if quotas.is_empty() {
        return Vec::new();
    }
    let changes: Vec<Change<'_>> = drafts
        .iter()
        .filter_map(|draft| Change::of(draft, wanted, live))
        .collect();
    let mut findings = Vec::new();
    for quota in quotas {
        let namespace = text(quota, "/metadata/namespace");
        let here: Vec<&Change<'_>> = changes
            .iter()
            .filter(|c| c.id.namespace == namespace)
            .collect();
        findings.extend(too_much(quota, &here, live));
        findings.extend(unset(quota, &here));
    }
    findings
}

/// An object that the package makes or changes, and what that takes.
struct Change<'a> {
    id: &'a ObjectId,
    body: &'a Value,
    /// More, or less, once it is done.
    more: Usage,
    /// Perhaps that much beside: for a while, or not at all.
    perhaps: Usage,
    /// Whether its pods are known to be taken as they are.
    pods: Known,
}

/// What is known of pods without having made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Some of this workload run.
    Run,
    /// Nothing.
    Nothing,
}

impl<'a> Change<'a> {
    fn of(draft: &'a Draft, wanted: &'a Wanted, live: &Live) -> Option<Self> {
        let desired = wanted.objects.get(draft.wanted)?;
        let body = &draft.body;
        let mut change = Self {
            id: &desired.id,
            body,
            more: Usage::default(),
            perhaps: Usage::default(),
            pods: Known::Nothing,
        };
        match &draft.state {
            State::Missing => {
                let plural = live.resource(&desired.gvk).map(|r| r.plural.as_str());
                change.more = usage::of(body, plural, None);
                change.perhaps = usage::claims(body, None);
            }
            State::Differs(difference) => {
                let before = live.objects.get(&desired.id)?;
                let scaled = before
                    .pointer("/spec/replicas")
                    .and_then(Value::as_i64)
                    .map(i128::from);
                // It is one object all the while.
                change.more = usage::of(body, None, scaled);
                change.more.add_all(&usage::of(before, None, None), -1);
                change.perhaps = usage::claims(body, scaled);
                change.perhaps.add_all(&usage::claims(before, None), -1);
                let paths = [&difference.values, &difference.not_owned, &difference.extra];
                if paths
                    .into_iter()
                    .flatten()
                    .any(|path| path.starts_with(".spec.template"))
                {
                    change.perhaps.add_all(&surge(body, before, scaled), 1);
                }
                if before
                    .pointer("/status/readyReplicas")
                    .and_then(Value::as_i64)
                    > Some(0)
                {
                    change.pods = Known::Run;
                }
            }
            State::Same | State::Foreign(_) => return None,
        }
        Some(change)
    }
}

/// What a Deployment's pods take beside its old ones while it rolls.
fn surge(body: &Value, before: &Value, scaled: Option<i128>) -> Usage {
    let mut surge = Usage::default();
    let of_both = |pointer: &str| body.pointer(pointer).or_else(|| before.pointer(pointer));
    let is_deployment = usage::group_and_kind(body) == ("apps", "Deployment");
    let recreates = of_both("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate");
    if let Some(spec) = usage::pod_spec(body)
        && is_deployment
        && !recreates
    {
        let pods = usage::pod_count(body, scaled);
        let count = match of_both("/spec/strategy/rollingUpdate/maxSurge") {
            Some(Value::Number(number)) => number.as_i64().map(i128::from),
            Some(Value::String(text)) => percent(text).map(|p| share(pods, p)),
            _ => Some(share(pods, 25)),
        };
        surge.add_all(
            &usage::pod(spec),
            count.unwrap_or(0).clamp(0, i128::from(i32::MAX)),
        );
    }
    surge
}

fn percent(text: &str) -> Option<i128> {
    let number: u32 = text.strip_suffix('%')?.parse().ok()?;
    Some(i128::from(number))
}

/// So many hundredths, rounded up as the controller does.
fn share(count: i128, percent: i128) -> i128 {
    (count * percent + 99) / 100
}

/// Whether a quota counts everything in its namespace, or some pods only.
fn is_scoped(quota: &Value) -> bool {
    !items(quota, "/spec/scopes").is_empty() || quota.pointer("/spec/scopeSelector").is_some()
}

fn too_much(quota: &Value, changes: &[&Change<'_>], live: &Live) -> Vec<Finding> {
    let hard = quota
        .pointer("/status/hard")
        .or_else(|| quota.pointer("/spec/hard"));
    let mut findings = Vec::new();
    for (resource, limit) in hard.and_then(Value::as_object).into_iter().flatten() {
        let of = |usage: &Usage| usage.0.get(resource).copied().unwrap_or(0);
        let used = quota
            .pointer("/status/used")
            .and_then(|used| used.get(resource));
        let (Some(most), Some(now)) = (usage::amount(limit), used.map_or(Some(0), usage::amount))
        else {
            continue;
        };
        let mut needed = bookkeeping(resource, live);
        let mut perhaps = needed;
        let mut by: Vec<(&ObjectId, i128)> = Vec::new();
        for change in changes {
            let (more, beside) = (of(&change.more), of(&change.perhaps));
            needed = needed.saturating_add(more);
            let most = more.saturating_add(beside.max(0));
            perhaps = perhaps.saturating_add(most);
            if most > 0 {
                by.push((change.id, most));
            }
        }
        let told = |more: String| {
            let by = if by.is_empty() {
                "consign's record".to_owned()
            } else {
                names(by.clone())
            };
            format!(
                "ResourceQuota {}: of {resource} there may be {}, {} are used and {more} more needed by {by}",
                text(quota, "/metadata/name"),
                plain(limit),
                used.map_or_else(|| "0".to_owned(), plain),
            )
        };
        // What is too much already is not for this package to correct.
        let over = |more: i128| more > 0 && now.saturating_add(more) > most;
        if over(needed) {
            let message = told(shown(resource, needed));
            findings.push(if is_scoped(quota) {
                Finding::warning("quota-exceeded", Class::Cluster, message)
                    .help("It counts some pods only: if these are among them, have it raised")
            } else {
                Finding::error("quota-exceeded", Class::Cluster, message).help(
                    "Have it raised, or ask for less; go on all the same with --skip-check quota",
                )
            });
        } else if over(perhaps) {
            let message = told(format!("up to {}", shown(resource, perhaps)));
            findings.push(
                Finding::warning("quota-tight", Class::Cluster, message)
                    .help("A rollout may have to go on with fewer pods at a time; claims may be there already"),
            );
        }
    }
    findings
}

/// What consign itself makes in the namespace: a record each time, and one
/// Lease.
fn bookkeeping(resource: &str, live: &Live) -> i128 {
    match resource {
        "configmaps" | "count/configmaps" => ONE,
        "count/leases.coordination.k8s.io" if live.headings.is_empty() => ONE,
        _ => 0,
    }
}

/// How many objects are named in one message.
const NAMED_MAX: usize = 3;

/// The objects, those that need most first.
fn names(mut by: Vec<(&ObjectId, i128)>) -> String {
    by.sort_by_key(|(id, amount)| (-amount, *id));
    let first: Vec<String> = by
        .iter()
        .take(NAMED_MAX)
        .map(|(id, _)| id.to_string())
        .collect();
    let first = first.join(", ");
    match by.len().saturating_sub(NAMED_MAX) {
        0 => first,
        others => format!("{first} and {others} others"),
    }
}

/// Containers that do not say what a quota insists on: their pods are refused,
/// unless a `LimitRange` says it for them.
fn unset(quota: &Value, changes: &[&Change<'_>]) -> Vec<Finding> {
    let hard = quota
        .pointer("/status/hard")
        .or_else(|| quota.pointer("/spec/hard"));
    let mut lacking: BTreeMap<&str, Vec<&ObjectId>> = BTreeMap::new();
    for resource in hard
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|map| map.keys())
    {
        let (side, name) = match resource.split_once('.') {
            Some(("requests", name)) => (Side::Requests, name),
            Some(("limits", name)) => (Side::Limits, name),
            _ => (Side::Requests, resource.as_str()),
        };
        if !UNPREFIXED.contains(&name) || is_scoped(quota) {
            continue;
        }
        for change in changes.iter().filter(|c| c.pods == Known::Nothing) {
            let Some(spec) = usage::pod_spec(change.body) else {
                continue;
            };
            let says = |holder: &Value| usage::named(holder, side).contains_key(name);
            let containers = items(spec, "/containers")
                .iter()
                .chain(items(spec, "/initContainers"));
            if !says(spec) && !containers.into_iter().all(says) {
                lacking.entry(resource).or_default().push(change.id);
            }
        }
    }
    lacking
        .into_iter()
        .map(|(resource, ids)| {
            Finding::warning(
                "quota-unset",
                Class::Cluster,
                format!(
                    "ResourceQuota {} counts {resource}, which not every container names of {}",
                    text(quota, "/metadata/name"),
                    names(ids.into_iter().map(|id| (id, 0)).collect())
                ),
            )
            .help("Name it in resources; without, pods are refused unless a LimitRange fills it in")
        })
        .collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An amount as people write it: `500m`, `3`, `1536Mi`.
fn shown(resource: &str, amount: i128) -> String {
    const THOUSANDTH: i128 = ONE / 1_000;
    if amount % ONE != 0 {
        // A fraction of what nobody can see is rounded up.
        return format!("{}m", (amount + THOUSANDTH - 1) / THOUSANDTH);
    }
    let mut number = amount / ONE;
    let mut unit = "";
    if resource.contains("memory") || resource.contains("storage") {
        for next in ["Ki", "Mi", "Gi", "Ti"] {
            if number == 0 || number % 1024 != 0 {
                break;
            }
            number /= 1024;
            unit = next;
        }
    }
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests;

//! Pods and their containers.

use serde_json::Value;

use super::pull;
use super::status::{Condition, count, is_true};
use crate::object::{items, text, uid};

/// Whether a pod, or anything else, is controlled by an object.
pub(super) fn is_controlled_by(object: &Value, owner: &str) -> bool {
    !owner.is_empty()
        && items(object, "/metadata/ownerReferences")
            .iter()
            .any(|reference| {
                text(reference, "/uid") == owner
                    && reference.get("controller").and_then(Value::as_bool) == Some(true)
            })
}

/// The pods that an object controls and that are not on their way out, by
/// name.
pub(super) fn controlled_by<'a>(pods: &'a [Value], owner: &Value) -> Vec<&'a Value> {
    let mut found: Vec<&Value> = pods
        .iter()
        .filter(|pod| is_controlled_by(pod, uid(owner)) && !is_leaving(pod))
        .collect();
    found.sort_by_key(|pod| name(pod));
    found
}

pub(super) fn name(pod: &Value) -> &str {
    text(pod, "/metadata/name")
}

pub(super) fn is_leaving(pod: &Value) -> bool {
    pod.pointer("/metadata/deletionTimestamp").is_some()
}

/// Whether a pod serves: it is `Ready` and not on its way out.
pub(super) fn is_ready(pod: &Value) -> bool {
    is_true(pod, "Ready") && !is_leaving(pod)
}

/// What the kubelet says of the containers, init containers first, in their
/// order. Those that somebody attached to look inside do not count.
pub(super) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let init = items(pod, "/status/initContainerStatuses");
    init.iter().chain(items(pod, "/status/containerStatuses"))
}

/// Whether a container is as it should be: up and ready, or an init container
/// that did its work.
pub(super) fn is_well(container: &Value) -> bool {
    let ready = container.get("ready").and_then(Value::as_bool) == Some(true);
    let ended = container.pointer("/state/terminated");
    match ended {
        Some(ended) => count(ended, "/exitCode") == 0,
        None => ready && container.pointer("/state/running").is_some(),
    }
}

/// How often a container restarted, and how it ended: `restarted 2 times; last
/// exit code 1 (Error)`.
pub(super) fn restarted(container: &Value) -> String {
    let times = match count(container, "/restartCount") {
        1 => "once".to_owned(),
        restarts => format!("{restarts} times"),
    };
    match ending(container) {
        Some(last) => format!("restarted {times}; last {last}"),
        None => format!("restarted {times}"),
    }
}

/// How a container ended last: `exit code 1 (Error)`.
pub(super) fn ending(container: &Value) -> Option<String> {
    let ended = ["/state/terminated", "/lastState/terminated"]
        .into_iter()
        .find_map(|pointer| container.pointer(pointer))?;
    let mut line = format!("exit code {}", count(ended, "/exitCode"));
    let reason = text(ended, "/reason");
    if !reason.is_empty() {
        line = format!("{line} ({reason})");
    }
    let message = last_line(text(ended, "/message"));
    if !message.is_empty() {
        line = format!("{line}: {message}");
    }
    Some(line)
}

/// The last line of what a program left as its termination message, where the
/// cause mostly stands.
fn last_line(message: &str) -> String {
    /// Room for one sentence; programs may leave 4 KiB.
    const LONGEST: usize = 200;
    let line = message.trim().lines().last().unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// How many of these pods are ready, and what keeps the first that is not:
/// `1 of 2 new pods are ready; web-5d4f-x7k: cannot be scheduled: …`.
pub(super) fn tally(pods: &[&Value], wanted: i64) -> String {
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    with_trouble(format!("{ready} of {wanted} new pods are ready"), pods)
}

/// A line, and what keeps the first of these pods that is not ready.
pub(super) fn with_trouble(line: String, pods: &[&Value]) -> String {
    let trouble = pods
        .iter()
        .filter(|pod| !is_ready(pod))
        .find_map(|pod| trouble(pod).map(|why| format!("{}: {why}", name(pod))));
    match trouble {
        Some(trouble) => format!("{line}; {trouble}"),
        None => line,
    }
}

/// What keeps a pod from being ready, as far as it is worth saying.
pub(super) fn trouble(pod: &Value) -> Option<String> {
    if let Some(scheduled) = Condition::find(pod, "PodScheduled")
        && scheduled.is("False")
    {
        return Some(format!("cannot be scheduled: {}", scheduled.message()));
    }
    if text(pod, "/status/phase") == "Failed" {
        return Some(failed_line(pod));
    }
    containers(pod)
        .filter(|container| !is_well(container))
        .find_map(container_trouble)
        .or_else(|| {
            let ready = Condition::find(pod, "Ready")?;
            (!ready.message().is_empty()).then(|| ready.message().to_owned())
        })
}

fn container_trouble(container: &Value) -> Option<String> {
    let name = text(container, "/name");
    let restarts = count(container, "/restartCount");
    let restarted = match restarts {
        0 => String::new(),
        _ => format!(" ({})", restarted(container)),
    };
    if let Some(waiting) = container.pointer("/state/waiting") {
        let reason = text(waiting, "/reason");
        // What every container goes through says nothing.
        if matches!(reason, "ContainerCreating" | "PodInitializing" | "") && restarts == 0 {
            return None;
        }
        let message = pull::cause(waiting);
        let message = if message.is_empty() || reason == "CrashLoopBackOff" {
            String::new()
        } else {
            format!(": {message}")
        };
        return Some(format!("container {name}: {reason}{restarted}{message}"));
    }
    if container.pointer("/state/running").is_some() {
        return Some(format!("container {name} runs but is not ready{restarted}"));
    }
    ending(container).map(|ending| format!("container {name} ended with {ending}"))
}

/// Why a pod failed as a whole: `Evicted: The node was low on resource: …`.
pub(super) fn failed_line(pod: &Value) -> String {
    let (reason, message) = (text(pod, "/status/reason"), text(pod, "/status/message"));
    let ended = containers(pod)
        .filter(|container| !is_well(container))
        .find_map(|c| {
            ending(c).map(|how| format!("container {} ended with {how}", text(c, "/name")))
        });
    match (reason, message, ended) {
        ("", "", Some(ended)) => ended,
        ("", "", None) => "it failed".to_owned(),
        (reason, "", _) => reason.to_owned(),
        ("", message, _) => message.to_owned(),
        (reason, message, _) => format!("{reason}: {message}"),
    }
}

//! What a pod says of its failure: the last lines of its log, and events.
//! Values of Secrets that it may print are left out.

use crate::api::{Api, Call};
use crate::object::{items, text};
use crate::ready::Failure;

/// How many lines of a log are shown.
const LINES: usize = 10;

/// How much of a log is read, in bytes.
const LOG_MAX: usize = 8 << 10;

/// What the kubelet answers, as if it were the log, where a container's is
/// gone.
const NO_LOG: &str = "unable to retrieve container logs for ";

/// How many events are shown.
const EVENTS: usize = 5;

/// The evidence of a failure, line by line.
pub async fn of(api: &Api, namespace: &str, failure: &Failure, secrets: &[String]) -> Vec<String> {
    let Some(pod) = &failure.pod else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if let Some(container) = &failure.container {
        let log = log(api, namespace, pod, container).await;
        if !log.is_empty() {
            lines.push(format!("last lines of container {container} of pod {pod}:"));
            lines.extend(log.into_iter().map(|line| format!("  {line}")));
        }
    }
    let events = events(api, namespace, pod).await;
    if !events.is_empty() {
        lines.push(format!("events of pod {pod}:"));
        lines.extend(events.into_iter().map(|line| format!("  {line}")));
    }
    if lines.is_empty() {
        return lines;
    }
    // What the preflight did not read, or what has changed since.
    for name in secrets {
        let target = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let _ = api.send(&Call::get(target)).await;
    }
    for line in &mut lines {
        *line = api.known().scrub(line);
    }
    lines
}

async fn log(api: &Api, namespace: &str, pod: &str, container: &str) -> Vec<String> {
    let base = format!(
        "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&tailLines={LINES}&limitBytes={LOG_MAX}"
    );
    // The container that runs now may not have said anything yet.
    let mut text = api
        .text(format!("{base}&previous=true"))
        .await
        .unwrap_or_default();
    if text.trim().is_empty() {
        text = api.text(base).await.unwrap_or_default();
    }
    text.lines()
        .filter(|line| !line.starts_with(NO_LOG))
        .map(str::to_owned)
        .collect()
}

async fn events(api: &Api, namespace: &str, pod: &str) -> Vec<String> {
    let target = format!(
        "/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name%3D{pod}%2Ctype%3DWarning"
    );
    let Ok(list) = api.send(&Call::get(target)).await else {
        return Vec::new();
    };
    let found = items(&list, "/items");
    found[found.len().saturating_sub(EVENTS)..]
        .iter()
        .map(|event| format!("{}: {}", text(event, "/reason"), text(event, "/message")))
        .collect()
}

//! Whether a cluster is fit to be deployed to.

use model::finding::{Class, Finding};
use serde_json::Value;

use crate::api::ApiError;
use crate::connect::Connection;
use crate::object::{items, text};

/// A check of a cluster that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// That a node is Ready.
    Nodes,
    /// That registries still have the images.
    Images,
    /// That quotas leave room.
    Quota,
    /// That the Secrets are there.
    Secrets,
}

/// What the cluster says of itself.
#[derive(Debug)]
pub struct Vitals<'a> {
    /// The server's version, `v1.36.3`.
    pub version: &'a str,
    /// What `/readyz` answers.
    pub ready: &'a Result<Value, ApiError>,
    /// The UID of Namespace kube-system.
    pub cluster: &'a Result<String, ApiError>,
    /// The nodes.
    pub nodes: &'a Result<Value, ApiError>,
    /// Whether the client's Namespace is being deleted.
    pub namespace: Option<&'a Value>,
}

/// What is expected of it.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The context's name, for messages.
    pub context: &'a str,
    /// The UID of Namespace kube-system, where settings pin it.
    pub cluster: Option<&'a str>,
    /// The Kubernetes version that the package was checked against, `1.36`.
    pub kubernetes: Option<&'a str>,
    /// Whether nodes count.
    pub nodes: Nodes,
}

/// Whether nodes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// At least one has to be Ready.
    Counted,
    /// They do not.
    Ignored,
}

/// How many minor versions a server may be away from the one that a package
/// was checked against.
///
/// Source: Kubernetes' version skew policy.
const SKEW: u32 = 1;

/// Judges a cluster.
pub fn judge(vitals: &Vitals<'_>, expected: &Expected<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match vitals.ready {
        Ok(_) => {}
        Err(e) if e.is_forbidden() => findings.push(unchecked("readiness", e)),
        Err(e) => findings.push(
            Finding::error(
                "cluster-not-ready",
                Class::Cluster,
                format!("The cluster is not ready: {e}"),
            )
            .help("See: kubectl get --raw '/readyz?verbose'"),
        ),
    }
    match (expected.cluster, vitals.cluster) {
        (Some(pinned), Ok(found)) if pinned != found => findings.push(
            Finding::error(
                "cluster-unexpected",
                Class::Policy,
                format!(
                    "Context {} leads to cluster {found}, settings expect {pinned}",
                    expected.context
                ),
            )
            .help("Name the right context with --context, or correct contexts in consign.yaml"),
        ),
        (Some(_), Err(e)) => findings.push(
            Finding::error(
                "cluster-unknown",
                Class::Policy,
                format!("Cannot tell which cluster context {} leads to: {e}", expected.context),
            )
            .help("Have this user read Namespace kube-system, or take the cluster out of consign.yaml"),
        ),
        _ => {}
    }
    if expected.nodes == Nodes::Counted {
        match vitals.nodes {
            Ok(list) => findings.extend(nodes(items(list, "/items"))),
            Err(e) => findings.push(unchecked("nodes", e)),
        }
    }
    if let (Some(package), Some(server)) = (
        expected.kubernetes.and_then(minor),
        minor(vitals.version.trim_start_matches('v')),
    ) && package.abs_diff(server) > SKEW
    {
        findings.push(Finding::warning(
            "version-skew",
            Class::Cluster,
            format!(
                "The cluster runs Kubernetes {}, the package was checked against {}",
                vitals.version,
                expected.kubernetes.unwrap_or_default()
            ),
        ));
    }
    if let Some(namespace) = vitals.namespace
        && text(namespace, "/status/phase") == "Terminating"
    {
        findings.push(
            Finding::error(
                "namespace-terminating",
                Class::Cluster,
                format!(
                    "Namespace {} is being deleted",
                    text(namespace, "/metadata/name")
                ),
            )
            .help("Wait until it is gone; kubectl get namespace shows what holds it"),
        );
    }
    findings
}

fn nodes(nodes: &[Value]) -> Option<Finding> {
    let ready = nodes
        .iter()
        .filter(|node| {
            items(node, "/status/conditions")
                .iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
        })
        .count();
    if ready == 0 {
        return Some(
            Finding::error("nodes-not-ready", Class::Cluster, "No node is Ready")
                .help("See: kubectl get nodes; go on all the same with --skip-check nodes"),
        );
    }
    (ready < nodes.len()).then(|| {
        Finding::warning(
            "nodes-not-ready",
            Class::Cluster,
            format!(
                "{} of {} nodes are not Ready",
                nodes.len() - ready,
                nodes.len()
            ),
        )
    })
}

/// Seconds by which clocks may differ: an answer takes a moment, and its time
/// has no fractions.
const CLOCK_MAX: i64 = 30;

/// What is said of a clock that differs from the server's: times in records
/// and the age of Leases mislead then.
pub fn clock(ahead: i64) -> Option<Finding> {
    (ahead.abs() > CLOCK_MAX).then(|| {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        Finding::warning(
            "clock-skew",
            Class::Cluster,
            format!(
                "This machine's clock is {} s {way} the cluster's",
                ahead.abs()
            ),
        )
        .help("Set it right: times in the history and the age of Leases mislead otherwise")
    })
}

/// `PodDisruptionBudgets` that allow no disruption now: a rollout does not ask
/// them, but whoever drains a node meanwhile waits.
pub fn in_the_way<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Vec<Finding> {
    objects
        .into_iter()
        .filter(|o| o["kind"] == "PodDisruptionBudget")
        .filter(|o| {
            o["status"]["disruptionsAllowed"] == 0
                && o["status"]["expectedPods"]
                    .as_i64()
                    .is_some_and(|pods| pods > 0)
        })
        .map(|o| {
            Finding::warning(
                "disruption-budget",
                Class::Cluster,
                format!(
                    "PodDisruptionBudget {} allows no disruption now",
                    text(o, "/metadata/name")
                ),
            )
        })
        .collect()
}

/// What is said of something that this user may not read.
pub fn unchecked(what: &str, error: &ApiError) -> Finding {
    Finding::warning(
        "cluster-unchecked",
        Class::Cluster,
        format!("{what} not checked: {error}"),
    )
}

/// The minor version in `1.36` or `1.36.3`.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

/// What is said when a cluster does not answer as one.
pub fn unreachable(connection: &Connection, error: &ApiError) -> Finding {
    let finding = Finding::error(
        "cluster-unreachable",
        Class::Cluster,
        format!(
            "Cluster not reachable: context {} at {}: {error}",
            connection.context, connection.server
        ),
    );
    if error.is_forbidden() {
        finding.help("Log in again, or name a context of another user with --context")
    } else {
        finding.help("Check kubectl cluster-info and kubectl config current-context, or name another context with --context")
    }
}

//! What an object takes of the resources that quotas count.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::{items, text};
use crate::quantity;

/// A thousand million: quantities are counted in billionths.
pub(super) const ONE: i128 = 1_000_000_000;

/// Resources by their names in a quota, in billionths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage(pub(super) BTreeMap<String, i128>);

impl Usage {
    pub(super) fn add(&mut self, resource: impl Into<String>, amount: i128) {
        let sum = self.0.entry(resource.into()).or_insert(0);
        *sum = sum.saturating_add(amount);
    }

    pub(super) fn add_all(&mut self, other: &Self, times: i128) {
        for (resource, amount) in &other.0 {
            self.add(resource.as_str(), amount.saturating_mul(times));
        }
    }
}

/// The spec of the pods that a workload makes.
pub(super) fn pod_spec(object: &Value) -> Option<&Value> {
    let pointer = match group_and_kind(object) {
        ("", "Pod") => "/spec",
        ("", "ReplicationController")
        | ("apps", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => "/spec/template/spec",
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    object.pointer(pointer)
}

/// How many pods a workload runs at once; where it does not say, `scaled`
/// does.
///
/// The pods of a `DaemonSet` are as many as there are nodes for them, and
/// those of a `CronJob` come and go: neither is counted.
pub(super) fn pod_count(object: &Value, scaled: Option<i128>) -> i128 {
    let number = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_i64)
            .map(i128::from)
    };
    let count = match group_and_kind(object) {
        ("", "Pod") => 1,
        ("", "ReplicationController") | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") => {
            number("/spec/replicas").or(scaled).unwrap_or(1)
        }
        ("batch", "Job") if object.pointer("/spec/suspend") != Some(&Value::Bool(true)) => {
            let most = number("/spec/completions").unwrap_or(i128::MAX);
            number("/spec/parallelism").unwrap_or(1).min(most)
        }
        _ => 0,
    };
    // The server takes no more than an int32 and no less than 0.
    count.clamp(0, i128::from(i32::MAX))
}

/// The group and the kind.
pub(super) fn group_and_kind(object: &Value) -> (&str, &str) {
    let group = text(object, "/apiVersion")
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    (group, text(object, "/kind"))
}

/// What an object takes, itself by its name in paths where that is known, and
/// its pods.
///
/// Source: Kubernetes' resource quota evaluators.
pub(super) fn of(object: &Value, plural: Option<&str>, scaled: Option<i128>) -> Usage {
    let mut usage = Usage::default();
    let (group, kind) = group_and_kind(object);
    match plural {
        // They are counted below, however they come.
        Some("pods") if group.is_empty() => {}
        Some(plural) if group.is_empty() => {
            usage.add(format!("count/{plural}"), ONE);
            usage.add(plural, ONE);
        }
        Some(plural) => usage.add(format!("count/{plural}.{group}"), ONE),
        None => {}
    }
    match (group, kind) {
        ("", "Service") => service(object, &mut usage),
        ("", "PersistentVolumeClaim") => usage.add_all(&storage(object), 1),
        _ => {}
    }
    if let Some(spec) = pod_spec(object) {
        usage.add_all(&pod(spec), pod_count(object, scaled));
    }
    usage
}

/// What the claims of a `StatefulSet` take; they may be there already.
pub(super) fn claims(object: &Value, scaled: Option<i128>) -> Usage {
    let mut usage = Usage::default();
    if group_and_kind(object) == ("apps", "StatefulSet") {
        let count = pod_count(object, scaled);
        for claim in items(object, "/spec/volumeClaimTemplates") {
            usage.add_all(&storage(claim), count);
            usage.add("persistentvolumeclaims", ONE.saturating_mul(count));
            usage.add("count/persistentvolumeclaims", ONE.saturating_mul(count));
        }
    }
    usage
}

fn service(object: &Value, usage: &mut Usage) {
    let ports = i128::try_from(items(object, "/spec/ports").len()).unwrap_or(i128::MAX);
    let node_ports = ONE.saturating_mul(ports);
    match text(object, "/spec/type") {
        "NodePort" => usage.add("services.nodeports", node_ports),
        "LoadBalancer" => {
            usage.add("services.loadbalancers", ONE);
            if object.pointer("/spec/allocateLoadBalancerNodePorts") != Some(&Value::Bool(false)) {
                usage.add("services.nodeports", node_ports);
            }
        }
        _ => {}
    }
}

/// What a claim takes, besides being one.
fn storage(claim: &Value) -> Usage {
    let mut usage = Usage::default();
    let amount = claim
        .pointer("/spec/resources/requests/storage")
        .and_then(amount)
        .unwrap_or(0);
    usage.add("requests.storage", amount);
    let class = text(claim, "/spec/storageClassName");
    if !class.is_empty() {
        let of_class = format!("{class}.storageclass.storage.k8s.io");
        usage.add(format!("{of_class}/requests.storage"), amount);
        usage.add(format!("{of_class}/persistentvolumeclaims"), ONE);
    }
    usage
}

/// What one pod takes.
pub(super) fn pod(spec: &Value) -> Usage {
    let mut usage = Usage::default();
    usage.add("pods", ONE);
    usage.add("count/pods", ONE);
    for (resource, amount) in sum(spec, Side::Requests) {
        if UNPREFIXED.contains(&resource.as_str()) {
            usage.add(resource.as_str(), amount);
        }
        usage.add(format!("requests.{resource}"), amount);
    }
    for (resource, amount) in sum(spec, Side::Limits) {
        usage.add(format!("limits.{resource}"), amount);
    }
    usage
}

/// Requests that quotas also name without saying that they are such.
pub(super) const UNPREFIXED: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// The side of `resources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What is reserved.
    Requests,
    /// What is allowed.
    Limits,
}

impl Side {
    const fn key(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }
}

type Amounts = BTreeMap<String, i128>;

/// What something with `resources` names; a request that it leaves out is its
/// limit.
pub(super) fn named(holder: &Value, side: Side) -> Amounts {
    let mut found = Amounts::new();
    let sides: &[Side] = match side {
        Side::Requests => &[Side::Limits, Side::Requests],
        Side::Limits => &[Side::Limits],
    };
    for side in sides {
        let map = holder.get("resources").and_then(|r| r.get(side.key()));
        for (resource, value) in map.and_then(Value::as_object).into_iter().flatten() {
            if let Some(amount) = amount(value) {
                found.insert(resource.clone(), amount);
            }
        }
    }
    found
}

/// What a pod takes in all: its containers and sidecars together, or one init
/// container with the sidecars before it, whichever is more.
///
/// Source: `k8s.io/component-helpers/resource`, `PodRequests` and `PodLimits`.
fn sum(spec: &Value, side: Side) -> Amounts {
    let (mut running, mut sidecars, mut starting) =
        (Amounts::new(), Amounts::new(), Amounts::new());
    for container in items(spec, "/containers") {
        plus(&mut running, &named(container, side));
    }
    for container in items(spec, "/initContainers") {
        let own = named(container, side);
        let mut now = own.clone();
        plus(&mut now, &sidecars);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            plus(&mut running, &own);
            plus(&mut sidecars, &own);
        }
        at_least(&mut starting, &now);
    }
    at_least(&mut running, &starting);
    // What is said of the pod as a whole decides.
    for (resource, amount) in named(spec, side) {
        running.insert(resource, amount);
    }
    let overhead = spec.get("overhead").and_then(Value::as_object);
    for (resource, value) in overhead.into_iter().flatten() {
        // A pod without a limit has none, whatever its sandbox takes.
        if side == Side::Requests || running.contains_key(resource) {
            plus(
                &mut running,
                &[(resource.clone(), amount(value).unwrap_or(0))].into(),
            );
        }
    }
    running
}

fn plus(into: &mut Amounts, from: &Amounts) {
    for (resource, amount) in from {
        let sum = into.entry(resource.clone()).or_insert(0);
        *sum = sum.saturating_add(*amount);
    }
}

fn at_least(into: &mut Amounts, from: &Amounts) {
    for (resource, amount) in from {
        let most = into.entry(resource.clone()).or_insert(*amount);
        *most = (*most).max(*amount);
    }
}

/// A quantity, which may be written as a number.
pub(super) fn amount(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => quantity::parse(text),
        Value::Number(number) => quantity::parse(&number.to_string()),
        _ => None,
    }
}

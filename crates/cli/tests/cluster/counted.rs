//! How much is asked of the API server, counted on its way: requests, and
//! connections at once.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use testkit::api_proxy::{ApiProxy, Seen};
use testkit::image::Mode;

use crate::recorded::recording;
use crate::stage::{SERVICE, Stage, settings, web};

const MAPS: usize = 40;
const SERVICES: usize = 10;
const DEPLOYMENTS: usize = 10;

/// Namespaces, `ConfigMap`s, Services and Deployments.
const KINDS: usize = 4;

/// Requests that a run may make whatever its size.
const FIXED: usize = 60;

/// Connections that a run may have at once.
const CONNECTIONS: usize = 16;

/// Packages a version whose first `ConfigMap` says which one it is.
fn package(stage: &Stage, version: &str) {
    let image = stage.image("v1.0.0", Mode::Ok);
    let mut text = String::new();
    let mut add = |object: &str, name: &str, number: usize| {
        let own = object.replacen(
            &format!("  name: {name}\n"),
            &format!("  name: {name}-{number}\n"),
            1,
        );
        let _ = write!(text, "---\n{own}");
    };
    for number in 0..MAPS {
        let says = if number == 0 { version } else { "the same" };
        add(&settings(says), "settings", number);
    }
    for number in 0..SERVICES {
        add(SERVICE, "web", number);
    }
    for number in 0..DEPLOYMENTS {
        add(&web(&image, 0), "web", number);
    }
    stage.sources(&[("all.yaml", &text)]).package(version);
}

/// Writes to what is consign's own.
fn is_bookkeeping(stage: &Stage, seen: &Seen) -> bool {
    let space = &stage.namespace;
    let name = format!("consign.{}", stage.client);
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{space}/leases");
    let maps = format!("/api/v1/namespaces/{space}/configmaps");
    if seen.method == "POST" {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let made = body["metadata"]["name"].as_str().unwrap_or_default();
        return seen.path == lease && made == name
            || seen.path == maps && made.starts_with(&format!("{name}.r"));
    }
    seen.path == format!("{lease}/{name}") || seen.path.starts_with(&format!("{maps}/{name}.r"))
}

fn told(requests: &[Seen]) -> String {
    let lines: Vec<String> = requests
        .iter()
        .map(|seen| format!("{} {}?{}", seen.method, seen.path, seen.query))
        .collect();
    lines.join("\n")
}

/// Deploys; as many objects are written, with no more requests than promised.
#[track_caller]
fn writes(stage: &Stage, proxy: &ApiProxy, version: &str, objects: usize) {
    proxy.forget();
    stage.deploy(version, &[]).exits(0);
    let seen = proxy.seen();
    let written: BTreeSet<&str> = seen
        .iter()
        .filter(|s| s.is_write() && !is_bookkeeping(stage, s))
        .map(|s| s.path.as_str())
        .collect();
    assert_eq!(written.len(), objects, "{written:#?}");
    assert!(
        seen.len() <= 2 * objects + FIXED,
        "{} requests for {objects} objects\n{}",
        seen.len(),
        told(&seen)
    );
    let peak = proxy.peak_connections();
    assert!(peak <= CONNECTIONS, "{peak} connections");
}

#[test]
fn requests_are_few_and_so_are_connections() {
    let mut stage = Stage::new("counted");
    package(&stage, "v1.0.0");
    package(&stage, "v1.1.0");
    let proxy = recording(&mut stage);

    let namespace = 1;
    let all = namespace + MAPS + SERVICES + DEPLOYMENTS;
    writes(&stage, &proxy, "v1.0.0", all);
    // The version stands in an annotation of each Deployment.
    writes(&stage, &proxy, "v1.1.0", 1 + DEPLOYMENTS);

    proxy.forget();
    stage.deploy("v1.1.0", &[]).exits(0);
    let seen = proxy.seen();
    assert!(
        seen.len() <= KINDS + FIXED,
        "{} requests\n{}",
        seen.len(),
        told(&seen)
    );
    let others: Vec<Seen> = proxy
        .writes()
        .into_iter()
        .filter(|s| !is_bookkeeping(&stage, s))
        .collect();
    assert!(others.is_empty(), "{}", told(&others));
    let peak = proxy.peak_connections();
    assert!(peak <= CONNECTIONS, "{peak} connections");
}

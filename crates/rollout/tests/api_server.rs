//! What is told from here about a live object, put beside a real API server.
//!
//! What was applied compares as no different, so that an unchanged package
//! costs no request; what others did, and what the package changed, is seen.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "api_server/mutations.rs"]
mod mutations;
#[path = "api_server/rows.rs"]
mod rows;
#[path = "plan/sealed.rs"]
mod sealed;
#[path = "api_server/server.rs"]
mod server;

use std::process::Command;

use model::yaml::{self, Limits};
use rollout::api::{ApiError, Call};
use rollout::fields::{self, MANAGER};
use rollout::object::ObjectId;
use rollout::quantity;
use serde_json::{Value, json};
use testkit::consign::workspace;
use testkit::tools::{self, Tool};

use server::{Server, difference};

const GOOD: &str = include_str!("../../package/tests/api_server/good.yaml");
const ODD: &str = include_str!("api_server/odd.yaml");
const CUSTOM: &str = include_str!("api_server/custom.yaml");

/// Objects of which a comparison from here cannot be sure, and why. They cost
/// a dry run each time.
const UNSURE: [(&str, &str); 10] = [
    (
        "CertificateSigningRequest good",
        "the server writes who asks into it",
    ),
    (
        "CustomResourceDefinition bags.example.com",
        "false is left out in a list of versions",
    ),
    (
        "Deployment odd",
        "an empty prefix of envFrom and an empty path of a probe",
    ),
    (
        "HorizontalPodAutoscaler odd-plain",
        "an empty behavior is filled in",
    ),
    ("Ingress odd", "an empty secretName in tls"),
    ("Node good", "admission adds a taint"),
    ("Pod good", "admission adds tolerations"),
    (
        "ResourceClaimTemplate good",
        "defaults of a kind that is rarely in a package",
    ),
    ("Secret good", "stringData is never shown"),
    (
        "StatefulSet odd-partition",
        "an empty retention policy is filled in",
    ),
];

fn objects(text: &str) -> Vec<Value> {
    yaml::parse_resources(text, &Limits::default())
        .unwrap()
        .into_iter()
        .map(|document| {
            let mut object = yaml::to_json(&document.node).unwrap();
            object.as_object_mut().unwrap().remove("status");
            object
        })
        // It is never stored.
        .filter(|object| object["kind"] != "TokenReview")
        .collect()
}

/// The clients of the example, as kustomize builds them.
fn hosting() -> Vec<Value> {
    let tool = tools::path(Tool::Kustomize).unwrap();
    ["acme-corp", "bigcorp", "test-client", "rogue-client"]
        .iter()
        .flat_map(|client| {
            let path = workspace()
                .join("examples/hosting/k8s/clients")
                .join(client);
            let output = Command::new(&tool).arg("build").arg(path).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            objects(&String::from_utf8(output.stdout).unwrap())
        })
        .collect()
}

/// A server, and everything applied to it.
fn filled() -> (Server, Vec<Value>) {
    let mut server = Server::start();
    let mut all = Vec::new();
    for definition in objects(CUSTOM) {
        server.apply(&definition).unwrap();
        server.wait_established(&definition);
        all.push(definition);
    }
    for mut object in objects(ODD)
        .into_iter()
        .chain(objects(GOOD))
        .chain(hosting())
    {
        // Another one has its name.
        if object["metadata"]["name"] == "good" && object["apiVersion"] == "autoscaling/v1" {
            continue;
        }
        if server.is_namespaced(&object) && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = json!("default");
        }
        server
            .apply(&object)
            .unwrap_or_else(|e| panic!("{}: {e}", ObjectId::of(&object)));
        all.push(object);
    }
    (server, all)
}

fn title(object: &Value) -> String {
    let id = ObjectId::of(object);
    format!("{} {}", id.kind, id.name)
}

fn is_sure(object: &Value) -> bool {
    let title = title(object);
    !UNSURE.iter().any(|(name, _)| *name == title)
}

#[test]
fn what_was_applied_is_no_difference() {
    let (server, all) = filled();
    let mut unsure: Vec<String> = Vec::new();
    for object in &all {
        let difference = server.difference(object);
        if difference.is_none() {
            continue;
        }
        println!("{}: {difference:?}", title(object));
        unsure.push(title(object));
    }
    unsure.sort();
    assert_eq!(unsure, UNSURE.map(|(name, _)| name));
}

/// What a dry run makes of an object; `None` where the server refuses it.
fn tried(server: &Server, object: &Value) -> Option<Value> {
    let target = format!(
        "{}?dryRun=All&force=true&fieldManager={MANAGER}",
        server.path(object)
    );
    match server.send(&Call::apply(target, object)) {
        Ok(after) => Some(after),
        Err(ApiError::Refused(_)) => None,
        Err(e) => panic!("{}: {e}", ObjectId::of(object)),
    }
}

/// What a write would change, times and ownership of others aside.
fn content(object: &Value) -> Value {
    let mut object = object.clone();
    let ours = fields::ours(&object).cloned();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.insert("managedFields".to_owned(), json!(ours));
    // An empty list that is stored as none counts as a change each time.
    metadata.remove("generation");
    object
}

#[test]
fn d9_whatever_changes_in_a_package_is_seen() {
    let (server, all) = filled();
    let (mut seen, mut asked) = (0, 0);
    let mut missed = Vec::new();
    for object in all.iter().filter(|o| is_sure(o)) {
        let live = server.listed(object);
        let same = tried(&server, object).map(|after| content(&after));
        for (what, changed) in mutations::mutations(object) {
            if !difference(&changed, &live).is_none() {
                seen += 1;
                continue;
            }
            asked += 1;
            // Then the server has to see none either.
            let after = tried(&server, &changed).map(|after| content(&after));
            // A null where nothing is becomes owned, and nothing more.
            if after.is_some() && after != same && !what.ends_with("is null") {
                missed.push(format!("{}: {what}", title(object)));
            }
        }
    }
    println!("{seen} changes were seen, of {asked} the server was asked");
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
    assert!(seen > 10 * asked, "{seen} {asked}");
}

#[test]
fn d10_whatever_others_change_of_ours_is_seen() {
    let (server, all) = filled();
    let (mut edited, mut missed) = (0, Vec::new());
    for object in all.iter().filter(|o| is_sure(o)) {
        let live = server.listed(object);
        let target = format!(
            "{}?dryRun=All&fieldManager=kubectl-edit",
            server.path(object)
        );
        for path in mutations::places(object) {
            let at = mutations::pointer(&path);
            let Some(old) = live.pointer(&at) else {
                continue;
            };
            let other = match old {
                Value::String(text) if quantity::parse(text).is_some() => json!("7"),
                Value::String(text) => json!(format!("{text}x")),
                Value::Number(number) => json!(number.as_i64().unwrap_or(0) + 1),
                Value::Bool(value) => json!(!value),
                _ => continue,
            };
            for patch in [
                json!([{"op": "replace", "path": at, "value": other}]),
                json!([{"op": "remove", "path": at}]),
            ] {
                let Ok(after) = server.send(&Call::json_patch(target.as_str(), &patch)) else {
                    continue;
                };
                let is_change = content(&after) != content(&live);
                if is_change && after.pointer(&at) != Some(old) {
                    edited += 1;
                    if difference(object, &after).is_none() {
                        missed.push(format!("{}: {patch}", title(object)));
                    }
                }
            }
        }
    }
    println!("{edited} edits");
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
    assert!(edited > 300, "{edited}");
}

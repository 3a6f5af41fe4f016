//! What is told from here about a live object, put beside a real API server.
//!
//! What was applied compares as no different, so that an unchanged package
//! costs no request; what others did, and what the package changed, is seen.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "api_server/server.rs"]
mod server;

use std::process::Command;

use model::yaml::{self, Limits};
use serde_json::{Value, json};
use testkit::consign::workspace;
use testkit::tools::{self, Tool};

use server::Server;

const GOOD: &str = include_str!("../../package/tests/api_server/good.yaml");

fn objects(text: &str) -> Vec<Value> {
    yaml::parse_resources(text, &Limits::default())
        .unwrap()
        .into_iter()
        .map(|document| yaml::to_json(&document.node).unwrap())
        .collect()
}

#[test]
fn probe() {
    let server = Server::start();
    for mut object in objects(GOOD) {
        object.as_object_mut().unwrap().remove("status");
        if server.is_namespaced(&object) && object["metadata"]["namespace"].is_null() {
            object["metadata"]["namespace"] = json!("default");
        }
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        match server.apply(&object) {
            Err(e) => println!("NOT APPLIED {name}: {e}"),
            Ok(_) => {
                let difference = server.difference(&object);
                if !difference.is_none() {
                    println!("DIFFERS {name}: {difference:?}");
                }
            }
        }
    }
    let tool = tools::path(Tool::Kustomize).unwrap();
    for client in ["acme-corp", "bigcorp", "test-client", "rogue-client"] {
        let path = workspace().join("examples/hosting/k8s/clients").join(client);
        let output = Command::new(&tool).arg("build").arg(path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        for object in objects(&String::from_utf8(output.stdout).unwrap()) {
            let name = format!("{client} {} {}", object["kind"], object["metadata"]["name"]);
            match server.apply(&object) {
                Err(e) => println!("NOT APPLIED {name}: {e}"),
                Ok(_) => {
                    let difference = server.difference(&object);
                    if !difference.is_none() {
                        println!("DIFFERS {name}: {difference:?}");
                    }
                }
            }
        }
    }
}

//! Whether the cluster and this user are fit for a deploy, and the
//! Secrets that pods need.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testkit::api_proxy::{ApiFault, Seen};
use testkit::apiserver::POWERLESS_TOKEN;
use testkit::image::Mode;

use crate::recorded::{nothing_written, recording, small};
use crate::refused::definition;
use crate::stage::{SERVICE, Stage, settings, web};

fn answer(object: &Value) -> ApiFault {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    ApiFault::Answer(200, headers, object.to_string().into_bytes())
}

#[test]
fn d5_unreachable_and_unknown_users_are_told_apart() {
    let mut stage = small("d5");
    // A proxy that is gone leaves an address where nobody listens.
    drop(recording(&mut stage));
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says("Cluster not reachable: context test at http://127.0.0.1:");
    stage.speak_as("nobody-knows-this-token");
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says("Unauthorized")
        .says("Log in again")
        .never_says("nobody-knows-this-token");
}

#[test]
fn d5_who_may_nothing_is_told_all_that_lacks() {
    let mut stage = Stage::new("d5-nobody");
    stage
        .sources(&[
            ("settings.yaml", &settings("one")),
            ("service.yaml", SERVICE),
            ("web.yaml", &web(&stage.image("v1", Mode::Ok), 0)),
        ])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy_as(POWERLESS_TOKEN, |_, _| ApiFault::None);
    let ran = stage.deploy("v1.0.0", &[]).exits(9);
    for what in [
        format!("list, patch, update configmaps in namespace {namespace}"),
        format!("create, delete, get, list, patch deployments.apps in namespace {namespace}"),
        format!("create, delete, get, list, patch services in namespace {namespace}"),
        format!("create, get, update leases.coordination.k8s.io in namespace {namespace}"),
        format!("list pods in namespace {namespace}"),
    ] {
        assert!(ran.stderr.contains(&what), "{what}\n{}", ran.stderr);
    }
    nothing_written(&proxy);
}

#[test]
fn d6_no_ready_node_refuses_and_some_only_warn() {
    let mut stage = small("d6-nodes");
    let proxy = recording(&mut stage);
    let node = |name: &str, ready: &str| json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}});
    let nodes = |list: &[Value]| {
        let list = json!({"kind": "NodeList", "apiVersion": "v1", "items": list});
        move |seen: &Seen, _: u64| match seen.path.as_str() {
            "/api/v1/nodes" => answer(&list),
            _ => ApiFault::None,
        }
    };
    proxy.inject(nodes(&[node("a", "False"), node("b", "Unknown")]));
    stage
        .deploy("v1.0.0", &["--skip-check", "images,quota,secrets"])
        .exits(9)
        .says("No node is Ready");
    nothing_written(&proxy);
    stage.deploy("v1.0.0", &["--skip-check", "nodes"]).exits(0);
    assert_eq!(stage.records()[0]["skipped"], json!(["nodes"]));
    proxy.inject(nodes(&[node("a", "True"), node("b", "Unknown")]));
    stage
        .deploy("v1.0.0", &[])
        .exits(0)
        .says("[WARN] 1 of 2 nodes are not Ready");
}

#[test]
fn d6_a_server_that_is_not_ready_refuses() {
    let mut stage = small("d6-ready");
    let proxy = recording(&mut stage);
    proxy.inject(|seen, _| match seen.path.as_str() {
        "/readyz" => ApiFault::Answer(500, Vec::new(), b"[-]etcd failed".to_vec()),
        _ => ApiFault::None,
    });
    stage
        .deploy("v1.0.0", &["--skip-check", "nodes,images,quota,secrets"])
        .exits(9)
        .says("The cluster is not ready: [-]etcd failed");
    nothing_written(&proxy);
}

#[test]
fn d6_all_that_is_wrong_is_told_at_once() {
    let mut stage = Stage::new("d6-all");
    let gone = format!(
        "{}/web@sha256:{}",
        stage.cluster.registry().host(),
        "3".repeat(64)
    );
    let bad = SERVICE.replace("port: 80,", "port: 70000,");
    stage
        .sources(&[
            ("web.yaml", &reading(&gone, &[("mail", "password")])),
            ("service.yaml", &bad),
            ("settings.yaml", &settings("one")),
        ])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl(&[
            "create",
            "configmap",
            "settings",
            "--from-literal=text=theirs",
        ])
        .exits(0);
    let proxy = recording(&mut stage);
    // The smallest code of all that is wrong.
    stage
        .deploy("v1.0.0", &[])
        .exits(5)
        .says("Secret mail does not exist")
        .says("Image does not exist: ")
        .says("/web: the cluster refuses it")
        .says("/settings exists and is not consign's");
    nothing_written(&proxy);
}

#[test]
fn d6_a_quota_that_would_be_exceeded_refuses() {
    let mut stage = Stage::new("d6-quota");
    let namespace = stage.namespace.clone();
    stage
        .sources(&[("web.yaml", &web(&stage.image("v1", Mode::Ok), 2))])
        .package("v1.0.0");
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl(&["create", "quota", "few", "--hard=pods=1"])
        .exits(0);
    stage.until("counted", || {
        stage.get("resourcequota/few")["status"]["used"]["pods"] == "0"
    });
    let proxy = recording(&mut stage);
    stage
        .deploy(
            "v1.0.0",
            &["--skip-check", "nodes,images,secrets", "--timeout=30s"],
        )
        .exits(9)
        .says(
            "ResourceQuota few: of pods there may be 1, 0 are used and 2 more needed by Deployment",
        )
        .says("--skip-check quota");
    nothing_written(&proxy);
    stage
        .deploy(
            "v1.0.0",
            &["--skip-check", "quota", "--no-wait", "--no-rollback"],
        )
        .exits(0);
}

#[test]
fn d6_an_image_that_its_registry_does_not_have_refuses() {
    let mut stage = Stage::new("d6-image");
    let gone = format!(
        "{}/web@sha256:{}",
        stage.cluster.registry().host(),
        "1".repeat(64)
    );
    // Nobody listens on port 1: not reachable from here is for nodes to know.
    let far = format!("127.0.0.1:1/far@sha256:{}", "2".repeat(64));
    let second = web(&far, 0).replace("name: web", "name: far");
    stage
        .sources(&[("web.yaml", &web(&gone, 0)), ("far.yaml", &second)])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &["--skip-check", "nodes,quota,secrets"])
        .exits(9)
        .says(&format!("Image does not exist: {gone}"))
        .says("[WARN] Image not checked: 127.0.0.1:1/far@");
    nothing_written(&proxy);
    stage
        .deploy("v1.0.0", &["--skip-check", "images", "--no-wait"])
        .exits(0);
}

/// A Deployment of no pods that reads these keys of these Secrets.
fn reading(image: &str, keys: &[(&str, &str)]) -> String {
    let mut text = web(image, 0);
    text.push_str("        env:\n");
    for (at, (name, key)) in keys.iter().enumerate() {
        let _ = write!(
            text,
            "        - name: V{at}\n          valueFrom: {{secretKeyRef: {{name: {name}, key: {key}}}}}\n"
        );
    }
    text
}

#[test]
fn missing_secrets_and_keys_are_told_all_at_once() {
    let mut stage = Stage::new("secrets");
    let keys = [
        ("database", "password"),
        ("database", "user"),
        ("mail", "password"),
    ];
    stage
        .sources(&[("web.yaml", &reading(&stage.image("v1", Mode::Ok), &keys))])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl(&[
            "create",
            "secret",
            "generic",
            "database",
            "--from-literal=user=canary-4711",
        ])
        .exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &["--skip-check", "nodes,images,quota"])
        .exits(9)
        .says("Secret database has no key password")
        .says("Secret mail does not exist (keys needed: password)")
        .never_says("canary");
    nothing_written(&proxy);
    stage
        .deploy("v1.0.0", &["--skip-check", "secrets"])
        .exits(0)
        .says("[WARN] Secret mail does not exist");
    stage
        .kubectl(&[
            "create",
            "secret",
            "generic",
            "mail",
            "--from-literal=password=x",
        ])
        .exits(0);
    stage
        .kubectl(&[
            "patch",
            "secret",
            "database",
            "-p",
            "{\"stringData\":{\"password\":\"x\"}}",
        ])
        .exits(0);
    stage
        .deploy("v1.0.0", &[])
        .exits(0)
        .never_says("Secret database");
}

#[test]
fn a_secret_that_the_package_has_made_is_not_missing() {
    let stage = Stage::new("made");
    let group = "external-secrets.io";
    let definition = definition("externalsecrets", group, "ExternalSecret");
    stage
        .kubectl_apply(&definition, &["--server-side"])
        .exits(0);
    stage
        .kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd/externalsecrets.external-secrets.io",
        ])
        .exits(0);
    let maker = format!(
        "apiVersion: {group}/v1\nkind: ExternalSecret\nmetadata: {{name: mail}}\nspec: {{target: {{name: mail-login}}}}\n"
    );
    let keys = [("mail-login", "password")];
    stage
        .sources(&[
            ("web.yaml", &reading(&stage.image("v1", Mode::Ok), &keys)),
            ("maker.yaml", &maker),
        ])
        .package("v1.0.0");
    stage
        .deploy("v1.0.0", &["--no-wait"])
        .exits(0)
        .never_says("mail-login does not exist");
    stage
        .kubectl(&["delete", "crd", "externalsecrets.external-secrets.io"])
        .exits(0);
}

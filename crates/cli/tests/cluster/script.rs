//! The script of a package against a real cluster, and consign before and
//! after it.

mod door;
mod endings;

use serde_json::Value;
use testkit::image::Mode;

use crate::packaged::{Packaged, named, no_pods, one_pod, text};
use crate::stage::{SERVICE, Stage, settings, web};

/// Field managers of an object, with their operations.
fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .expect("it is there");
    entries
        .iter()
        .filter(|e| e["subresource"] != "status")
        .map(|e| {
            format!(
                "{} {}",
                e["manager"].as_str().unwrap(),
                e["operation"].as_str().unwrap()
            )
        })
        .collect()
}

/// Asserts that these lines stand in this order.
#[track_caller]
fn in_order(said: &str, lines: &[&str]) {
    let mut after = 0;
    for line in lines {
        let at = said[after..].find(line);
        after += at.unwrap_or_else(|| panic!("{line:?} is not there, or not in order:\n{said}"));
    }
}

#[test]
fn the_script_deploys_first_and_consign_goes_on_from_there() {
    let stage = Stage::new("first");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(&stage, "v1.1.0", Mode::Ok, &[]);
    let (client, namespace) = (&stage.client, &stage.namespace);

    let dry = packaged.run("v1.0.0", &["--dry-run"]).exits(0);
    in_order(
        &dry.stdout,
        &[
            &format!("Deploying: {client} v1.0.0\nNamespace: {namespace}\nContext: test\n"),
            &format!("namespace/{namespace} serverside-applied (server dry run)"),
            "[OK] Dry run complete: nothing was changed",
        ],
    );
    assert_eq!(stage.get(&format!("namespace/{namespace}")), Value::Null);
    packaged
        .run("v1.0.0", &["--yes", "--context", "nowhere"])
        .exits(9)
        .says("nowhere");
    packaged.run("v1.0.0", &[]).exits(2).says("--yes");
    assert!(
        packaged.leftovers().is_empty(),
        "{:?}",
        packaged.leftovers()
    );

    let first = packaged
        .run("v1.0.0", &["--yes", "--context=test"])
        .exits(0);
    let heading = format!(
        "==========================================\n\
         Deploying: {client} v1.0.0\nNamespace: {namespace}\nContext: test\n\
         ==========================================\n"
    );
    in_order(
        &first.stdout,
        &[
            "[INFO] Verifying package...",
            "[OK] Package verified: sha256:",
            "[INFO] Checking cluster health...",
            "[OK] Cluster is healthy",
            "[INFO] Capturing current deployment state...",
            "[INFO] State captured to: ",
            &heading,
            "[INFO] Executing deployment...",
            &format!("namespace/{namespace} serverside-applied"),
            "deployment.apps/web serverside-applied",
            "[INFO] Waiting for deployment to stabilize...",
            "deployment.apps/web condition met",
            "[OK] Deployment complete!",
            "[INFO] Current status:",
        ],
    );
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    let left = packaged.leftovers();
    assert_eq!(left.len(), 1, "{left:?}");
    let stamp = left[0]
        .strip_prefix(&format!("deploy-state-{namespace}-"))
        .unwrap();
    let digits = stamp.strip_suffix(".yaml").unwrap();
    assert!(
        digits.len() == 14 && digits.bytes().all(|b| b.is_ascii_digit()),
        "{stamp}"
    );

    let record = &stage.records()[0];
    assert_eq!(
        (&record["act"], &record["from"]),
        (&Value::from("deploy"), &Value::Null)
    );
    for item in record["inventory"].as_array().unwrap() {
        let kind = item["kind"].as_str().unwrap();
        let object = stage.get(&format!("{kind}/{}", item["name"].as_str().unwrap()));
        assert_eq!(item["uid"], object["metadata"]["uid"], "{item}");
    }
    assert_eq!(record["inventory"].as_array().unwrap().len(), 4);

    stage
        .deploy("v1.1.0", &[])
        .exits(0)
        .says("Active: v1.0.0 sha256:")
        .never_says("come into consign's hands");
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
    stage
        .run(["status", "--client", client])
        .exits(0)
        .says("v1.1.0");
    let history = stage.run(["history", "--client", client]).exits(0);
    assert!(
        history.stdout.contains("v1.0.0") && history.stdout.contains("v1.1.0"),
        "{}",
        history.stdout
    );
}

#[test]
fn the_script_and_consign_take_turns() {
    let stage = Stage::new("turns");
    let packaged = Packaged::on(&stage);
    one_pod(
        &stage,
        "v1.0.0",
        Mode::Ok,
        &[("old.yaml", &named("old", "x"))],
    );
    for version in ["v1.1.0", "v1.2.0", "v1.3.0"] {
        one_pod(&stage, version, Mode::Ok, &[]);
    }
    let client = stage.client.as_str();

    stage.deploy("v1.0.0", &[]).exits(0);
    packaged.deploy("v1.1.0").exits(0);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
    let record = &stage.records()[1];
    assert_eq!(
        (&record["tool"], &record["from"]),
        (&Value::from("deploy.sh"), &Value::from("v1.0.0"))
    );
    assert_eq!(record["digest"], packaged.digest("v1.1.0"));
    stage
        .run(["status", "--client", client])
        .exits(0)
        .says(&format!(
            "{client} v1.1.0 is active by the record in context test, but not listed here"
        ));

    // The script leaves what a version before brought; consign knows it still.
    assert_ne!(stage.get("configmap/old"), Value::Null);
    stage.deploy("v1.2.0", &[]).exits(0).says("configmap/old");
    assert_eq!(stage.get("configmap/old"), Value::Null);
    // And what the script did not write down.
    let ended = stage.records()[1]["ended"].as_str().unwrap().to_owned();
    let clients = stage.hosting.read("config/clients.yaml");
    let entry =
        format!("- version: v1.1.0\n        deployed: {ended}\n        status: superseded\n");
    assert!(clients.contains(&entry), "{clients}");
    stage
        .run(["status", "--client", client])
        .exits(0)
        .never_says("by the record");

    packaged.deploy("v1.3.0").exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.3.0"]);
    // Over it, and back to what the script brought.
    stage
        .run(["rollback", "--client", client, "--yes"])
        .exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    stage
        .run(["rollback", "--client", client, "--to", "v1.1.0", "--yes"])
        .exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    // The specification's rollback: the previous package's own script.
    packaged.deploy("v1.0.0").exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    let version = &stage.get("deployment/web")["metadata"]["annotations"]["deployment.version"];
    assert_eq!(version, "v1.0.0");
    assert_eq!(
        stage.outcomes(),
        [
            "v1.0.0 superseded",
            "v1.1.0 superseded",
            "v1.2.0 superseded",
            "v1.3.0 rolled-back",
            "v1.2.0 rolled-back",
            "v1.1.0 superseded",
            "v1.0.0 active"
        ]
    );
    let selector = format!("consign.dev/client={client}");
    let names = stage
        .kubectl(&["get", "configmaps", "-l", &selector, "-o", "name"])
        .exits(0);
    let expected: Vec<String> = (1..=7)
        .map(|n| format!("configmap/consign.{client}.r{n}"))
        .collect();
    assert_eq!(names.stdout.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn d19_what_plain_apply_deployed_is_taken_over_and_no_field_is_left_to_nobody() {
    let stage = Stage::new("plain");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(&stage, "v1.1.0", Mode::Ok, &[]);
    stage
        .cluster
        .kubectl(["create", "namespace", &stage.namespace])
        .unwrap();
    let older = [
        web(&stage.image("v0.9.0", Mode::Ok), 1),
        SERVICE.to_owned(),
        format!("{}  gone: with the next version\n", settings("v0.9.0")),
    ];
    stage.kubectl_apply(&older.join("---\n"), &[]).exits(0);
    let before = stage.get("deployment/web")["metadata"]["uid"].clone();

    packaged
        .run("v1.0.0", &["--yes"])
        .exits(0)
        .says("[INFO] Fields written by kubectl apply before are taken over");
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    assert_eq!(stage.get("deployment/web")["metadata"]["uid"], before);
    let map = stage.get("configmap/settings");
    assert_eq!(map["data"], serde_json::json!({"text": "v1.0.0"}));
    assert_eq!(managers(&map), ["consign Apply"]);

    stage.deploy("v1.1.0", &[]).exits(0).never_says("adopted");
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
}

#[test]
fn d10_fields_of_other_managers_stop_the_script_and_are_named() {
    let stage = Stage::new("others");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    no_pods(&stage, "v1.1.0");
    packaged.deploy("v1.0.0").exits(0);
    let patch = r#"{"data":{"text":"mine"}}"#;
    stage
        .kubectl(&[
            "patch",
            "configmap",
            "settings",
            "--field-manager=mallory",
            "-p",
            patch,
        ])
        .exits(0);
    packaged
        .deploy("v1.1.0")
        .exits(6)
        .says("conflict with \"mallory\"")
        .says(".data.text")
        .says("--take-over MANAGER");
    assert_eq!(text(&stage), "mine");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    // The way that it names.
    stage.deploy("v1.1.0", &["--take-over", "mallory"]).exits(0);
    assert_eq!(text(&stage), "v1.1.0");
}

#[test]
fn where_an_autoscaler_owns_replicas_the_script_stops_and_names_consign() {
    let stage = Stage::new("scaled");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(&stage, "v1.1.0", Mode::Ok, &[]);
    packaged.deploy("v1.0.0").exits(0);
    stage
        .kubectl(&["autoscale", "deployment", "web", "--min=1", "--max=2"])
        .exits(0);
    packaged
        .deploy("v1.1.0")
        .exits(6)
        .says("an autoscaler owns .spec.replicas of Deployment/web")
        .says("consign deploy");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    assert_eq!(text(&stage), "v1.0.0");
    stage
        .deploy("v1.1.0", &[])
        .exits(0)
        .says("handed over to the autoscaler");
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
}

/// A definition of a kind of this client's own, and an object of it.
fn kind_of_its_own(stage: &Stage, size: u32) -> (String, String) {
    let group = format!("{}.example.com", stage.client);
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gadgets.{group}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {{type: integer}}
"
    );
    let object = format!(
        "apiVersion: {group}/v1\nkind: Gadget\nmetadata:\n  name: big\nspec:\n  size: {size}\n"
    );
    (definition, object)
}

#[test]
fn d18_a_kind_and_its_objects_come_in_two_steps() {
    let stage = Stage::new("kinds");
    let packaged = Packaged::on(&stage);
    stage.hosting.write(
        "consign.yaml",
        "policy:\n  cluster-kinds: [CustomResourceDefinition.apiextensions.k8s.io]\n",
    );
    for (version, size) in [("v1.0.0", 1), ("v1.1.0", 2), ("v1.2.0", 3)] {
        let (definition, object) = kind_of_its_own(&stage, size);
        stage
            .sources(&[
                ("kind.yaml", &definition),
                ("big.yaml", &object),
                ("settings.yaml", &settings(version)),
            ])
            .package(version);
    }
    let size = || stage.get("gadgets/big")["spec"]["size"].clone();
    packaged
        .run("v1.0.0", &["--dry-run"])
        .exits(0)
        .says("not shown: the objects whose Namespace or CRD this package brings");
    packaged.deploy("v1.0.0").exits(0);
    assert_eq!(size(), 1);
    assert_eq!(stage.records()[0]["inventory"].as_array().unwrap().len(), 4);
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(size(), 2);
    packaged.deploy("v1.2.0").exits(0);
    assert_eq!(size(), 3);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 superseded", "v1.2.0 active"]
    );
    let crd = format!("gadgets.{}.example.com", stage.client);
    let _ = stage
        .cluster
        .kubectl(["delete", "crd", &crd, "--wait=false"]);
}

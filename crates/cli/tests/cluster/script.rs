//! The script of a package against a real cluster, and consign before and
//! after it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::consign::copy_tree;
use testkit::image::Mode;

use crate::packaged::Packaged;
use crate::stage::{SERVICE, Stage, settings, web};
use crate::terminal::Terminal;

/// Sources with one pod.
fn one_pod(stage: &Stage, version: &str, mode: Mode, more: &[(&str, &str)]) {
    let web = web(&stage.image(version, mode), 1);
    let settings = settings(version);
    let files = [("web.yaml", web.as_str()), ("service.yaml", SERVICE), ("settings.yaml", &settings)];
    let files: Vec<(&str, &str)> = files.into_iter().chain(more.iter().copied()).collect();
    stage.sources(&files).package(version);
}

/// Sources without pods: quick.
fn no_pods(stage: &Stage, version: &str) {
    stage.sources(&[("settings.yaml", &settings(version))]).package(version);
}

fn named(name: &str, text: &str) -> String {
    settings(text).replace("name: settings", &format!("name: {name}"))
}

/// What the ConfigMap says.
fn text(stage: &Stage) -> Value {
    stage.get("configmap/settings")["data"]["text"].clone()
}

/// Field managers of an object, with their operations.
fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().expect("it is there");
    entries
        .iter()
        .filter(|e| e["subresource"] != "status")
        .map(|e| format!("{} {}", e["manager"].as_str().unwrap(), e["operation"].as_str().unwrap()))
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
    packaged.run("v1.0.0", &["--yes", "--context", "nowhere"]).exits(9).says("nowhere");
    packaged.run("v1.0.0", &[]).exits(2).says("--yes");
    assert!(packaged.leftovers().is_empty(), "{:?}", packaged.leftovers());

    let first = packaged.run("v1.0.0", &["--yes", "--context=test"]).exits(0);
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
    let stamp = left[0].strip_prefix(&format!("deploy-state-{namespace}-")).unwrap();
    let digits = stamp.strip_suffix(".yaml").unwrap();
    assert!(digits.len() == 14 && digits.bytes().all(|b| b.is_ascii_digit()), "{stamp}");

    let record = &stage.records()[0];
    assert_eq!((&record["act"], &record["from"]), (&Value::from("deploy"), &Value::Null));
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
    stage.run(["status", "--client", client]).exits(0).says("v1.1.0");
    let history = stage.run(["history", "--client", client]).exits(0);
    assert!(history.stdout.contains("v1.0.0") && history.stdout.contains("v1.1.0"), "{}", history.stdout);
}

#[test]
fn the_script_and_consign_take_turns() {
    let stage = Stage::new("turns");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[("old.yaml", &named("old", "x"))]);
    for version in ["v1.1.0", "v1.2.0", "v1.3.0"] {
        one_pod(&stage, version, Mode::Ok, &[]);
    }
    let client = stage.client.as_str();

    stage.deploy("v1.0.0", &[]).exits(0);
    packaged.deploy("v1.1.0").exits(0);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
    let record = &stage.records()[1];
    assert_eq!((&record["tool"], &record["from"]), (&Value::from("deploy.sh"), &Value::from("v1.0.0")));
    assert_eq!(record["digest"], digest(&packaged, "v1.1.0"));
    stage
        .run(["status", "--client", client])
        .exits(0)
        .says(&format!("{client} v1.1.0 is active by the record in context test, but not listed here"));

    // The script leaves what a version before brought; consign knows it still.
    assert_ne!(stage.get("configmap/old"), Value::Null);
    stage.deploy("v1.2.0", &[]).exits(0).says("configmap/old");
    assert_eq!(stage.get("configmap/old"), Value::Null);
    // And what the script did not write down.
    let ended = stage.records()[1]["ended"].as_str().unwrap().to_owned();
    let clients = stage.hosting.read("config/clients.yaml");
    let entry = format!("- version: v1.1.0\n        deployed: {ended}\n        status: superseded\n");
    assert!(clients.contains(&entry), "{clients}");
    stage.run(["status", "--client", client]).exits(0).never_says("by the record");

    packaged.deploy("v1.3.0").exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.3.0"]);
    // Over it, and back to what the script brought.
    stage.run(["rollback", "--client", client, "--yes"]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    stage.run(["rollback", "--client", client, "--to", "v1.1.0", "--yes"]).exits(0);
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
}

fn digest(packaged: &Packaged, version: &str) -> String {
    let sums = packaged.directory(version).join("checksum.sha256");
    let output = Command::new("sha256sum").arg(sums).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split(' ').next().unwrap())
}

#[test]
fn d19_what_plain_apply_deployed_is_taken_over_and_no_field_is_left_to_nobody() {
    let stage = Stage::new("plain");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(&stage, "v1.1.0", Mode::Ok, &[]);
    stage.cluster.kubectl(["create", "namespace", &stage.namespace]).unwrap();
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
        .kubectl(&["patch", "configmap", "settings", "--field-manager=mallory", "-p", patch])
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
    stage.kubectl(&["autoscale", "deployment", "web", "--min=1", "--max=2"]).exits(0);
    packaged
        .deploy("v1.1.0")
        .exits(6)
        .says("an autoscaler owns .spec.replicas of Deployment/web")
        .says("consign deploy");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    assert_eq!(text(&stage), "v1.0.0");
    stage.deploy("v1.1.0", &[]).exits(0).says("handed over to the autoscaler");
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
}

/// A Lease of this age, in seconds, that holds for so many.
fn lease(stage: &Stage, age: u32, ttl: u32) {
    let ago = format!("-{age} seconds");
    let output = Command::new("date").args(["-u", "-d", &ago, "+%Y-%m-%dT%H:%M:%S.000000Z"]).output().unwrap();
    let time = String::from_utf8(output.stdout).unwrap();
    let text = format!(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: consign.{}\nspec:\n  \
         holderIdentity: ann@laptop\n  leaseDurationSeconds: {ttl}\n  renewTime: {time}",
        stage.client
    );
    let _ = stage.kubectl(&["delete", "lease", "--all"]);
    stage.kubectl_apply(&text, &[]).exits(0);
}

#[test]
fn d13_a_fresh_lease_stops_the_script_and_an_abandoned_one_does_not() {
    let stage = Stage::new("leases");
    let packaged = Packaged::on(&stage);
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        no_pods(&stage, version);
    }
    packaged.deploy("v1.0.0").exits(0);

    lease(&stage, 0, 600);
    packaged
        .deploy("v1.1.0")
        .exits(6)
        .says(&format!("another deployment of {} is running: ann@laptop", stage.client));
    assert_eq!(text(&stage), "v1.0.0");

    lease(&stage, 3600, 60);
    packaged.deploy("v1.1.0").exits(0).never_says("watching");

    lease(&stage, 30, 2);
    packaged.deploy("v1.2.0").exits(0).says("looks abandoned: watching it for 2 seconds");

    // It looks dead by this clock, and is renewed while it is watched.
    lease(&stage, 30, 2);
    packaged.kubectl_that(
        "if [[ \"$*\" == *get\\ lease* && -e $TMPDIR/seen ]]; then : >\"$TMPDIR/again\"; fi\n\
         if [[ \"$*\" == *get\\ lease* ]]; then : >\"$TMPDIR/seen\"; fi",
    );
    let mut child = packaged
        .script("v1.1.0", &["--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("is watched", || stage.hosting.path("tmp/seen").exists());
    let name = format!("consign.{}", stage.client);
    let now = r#"[{"op":"replace","path":"/spec/renewTime","value":"2026-01-01T00:00:00.000000Z"}]"#;
    stage.kubectl(&["patch", "lease", &name, "--type=json", "-p", now]).exits(0);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert!(stage.hosting.path("tmp/again").exists());
    assert_eq!(text(&stage), "v1.2.0");

    // What a run of consign leaves is free at once.
    let _ = stage.kubectl(&["delete", "lease", "--all"]);
    stage.deploy("v1.1.0", &[]).exits(0);
    packaged.deploy("v1.2.0").exits(0).never_says("watching");
}

#[test]
fn d4_the_script_and_consign_take_the_same_answers() {
    let stage = Stage::new("asked");
    let packaged = Packaged::on(&stage);
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        no_pods(&stage, version);
    }
    packaged.deploy("v1.0.0").exits(0);
    let name = format!("{}@v1.1.0", stage.client);
    let script = || {
        let mut command = packaged.script("v1.1.0", &[]);
        let path = format!("{}:/usr/bin:/bin", stage.hosting.path("bin").display());
        command.env("PATH", path);
        command
    };
    for no in ["n\n", "Y\n", "YES\n", "\n", "yy\n"] {
        for command in [script(), stage.command(["deploy", "--package", &name])] {
            let ran = Terminal::of(&command).types(no).ends();
            ran.exits(2).says("Proceed with deployment? (y/N)").says("onfirmed: nothing was changed");
        }
        assert_eq!(text(&stage), "v1.0.0", "{no:?}");
    }
    Terminal::of(&script()).types("y\n").ends().exits(0);
    assert_eq!(text(&stage), "v1.1.0");
    Terminal::of(&stage.command(["deploy", "--package", &format!("{}@v1.2.0", stage.client)]))
        .types(" yes \n")
        .ends()
        .exits(0);
    assert_eq!(text(&stage), "v1.2.0");
    Terminal::of(&script()).types(" yes \n").ends().exits(0);
    assert_eq!(text(&stage), "v1.1.0");
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
            .sources(&[("kind.yaml", &definition), ("big.yaml", &object), ("settings.yaml", &settings(version))])
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
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 superseded", "v1.2.0 active"]);
    let crd = format!("gadgets.{}.example.com", stage.client);
    let _ = stage.cluster.kubectl(["delete", "crd", &crd, "--wait=false"]);
}

#[test]
fn d14_a_rollout_that_fails_is_told_and_recorded_and_consign_goes_on() {
    let stage = Stage::new("fails");
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    let crashing = web(&stage.image("v1.1.0", Mode::Crash), 1)
        .replace("  replicas: 1\n", "  replicas: 1\n  progressDeadlineSeconds: 4\n");
    stage
        .sources(&[("web.yaml", &crashing), ("settings.yaml", &settings("v1.1.0")), ("new.yaml", &named("new", "x"))])
        .package("v1.1.0");
    one_pod(&stage, "v1.2.0", Mode::Ok, &[]);
    let namespace = &stage.namespace;
    packaged.deploy("v1.0.0").exits(0);
    packaged
        .deploy("v1.1.0")
        .exits(11)
        .says("Deployment timeout: deployment.apps/web did not become ready")
        .says("exceeded its progress deadline")
        .says(&format!("kubectl get pods -n {namespace}"))
        .says(&format!("kubectl get events -n {namespace} --sort-by='.lastTimestamp'"))
        .never_says("Deployment complete");
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 failed"]);
    let record = &stage.records()[1];
    assert_eq!(record["reason"], "Deployment timeout: deployment.apps/web did not become ready");
    assert_ne!(record["ended"], Value::Null);
    stage.deploy("v1.2.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    assert_eq!(stage.get("configmap/new"), Value::Null);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 failed", "v1.2.0 active"]);
}

/// A script is ended in the middle of its rollout by this signal; the next
/// command of consign goes on.
fn killed(name: &str, signal: &str, code: Option<i32>, left: &str) {
    let stage = Stage::new(name);
    let packaged = Packaged::on(&stage);
    one_pod(&stage, "v1.0.0", Mode::Ok, &[]);
    one_pod(&stage, "v1.1.0", Mode::Never, &[("mid.yaml", &named("mid", "x"))]);
    one_pod(&stage, "v1.2.0", Mode::Ok, &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    let mut child = packaged
        .script("v1.1.0", &["--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let waits = || {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().any(|child| {
            fs::read_to_string(format!("/proc/{child}/cmdline")).is_ok_and(|line| line.contains("rollout\0status"))
        })
    };
    stage.until("waits for the rollout", waits);
    assert_eq!(stage.outcomes(), ["v1.0.0 active", "v1.1.0 running"]);
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), code);
    if code.is_none() {
        // Nobody was left to end what it had started.
        let _ = Command::new("kill").args(children.split_whitespace()).status();
    } else {
        stage.until("ends what it started", || {
            children
                .split_whitespace()
                .all(|child| !fs::exists(format!("/proc/{child}")).unwrap())
        });
    }
    assert_eq!(stage.outcomes(), ["v1.0.0 active", &format!("v1.1.0 {left}")]);

    stage
        .deploy("v1.2.0", &[])
        .exits(0)
        .says("A run of v1.1.0 by ")
        .says("was cut off; this run goes on from what it left");
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 unknown", "v1.2.0 active"]);
    assert_eq!(stage.get("configmap/mid"), Value::Null);
}

#[test]
fn d12_a_script_goes_on_from_what_another_left() {
    let stage = Stage::new("again");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    no_pods(&stage, "v1.1.0");
    // It is ended once its record is there.
    packaged.kubectl_that(
        "if [[ \"$*\" == *apply*/rest* && \"$*\" != *dry-run* ]]; then\n\
         pid=$PPID script=\n\
         while ((pid > 1)); do\n\
         if [[ $(</proc/$pid/comm) == deploy.sh ]]; then script=$pid; fi\n\
         read -r _ _ _ pid _ </proc/$pid/stat\n\
         done\n\
         kill -KILL $script\n\
         fi",
    );
    packaged.deploy("v1.0.0").exits(128 + 9);
    assert_eq!(stage.outcomes(), ["v1.0.0 running"]);
    packaged.kubectl_that("");
    packaged.deploy("v1.1.0").exits(0);
    assert_eq!(text(&stage), "v1.1.0");
    assert_eq!(stage.outcomes(), ["v1.0.0 unknown", "v1.1.0 active"]);
}

#[test]
fn d12_a_script_that_was_killed_is_gone_on_from() {
    killed("killed", "-KILL", None, "running");
}

#[test]
fn d12_a_script_that_was_told_to_end_says_so_and_is_gone_on_from() {
    killed("ended", "-TERM", Some(12), "unknown");
}

#[test]
fn d25_the_script_runs_from_anywhere_and_deploys_what_it_verified() {
    let stage = Stage::new("anywhere");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    no_pods(&stage, "v1.1.0");
    let marker = stage.hosting.path("marker");
    let evil = stage.hosting.path("evil");
    fs::write(&evil, format!("echo x >'{}'\n", marker.display())).unwrap();

    // Spaces in the path, through a link, from a directory that has a trap.
    let place = stage.hosting.path("a place with spaces");
    let name = format!("{}-v1.0.0", stage.client);
    copy_tree(&packaged.directory("v1.0.0"), &place.join(&name));
    let link = stage.hosting.path("a link");
    symlink(place.join(&name).join("deploy.sh"), &link).unwrap();
    let cwd = stage.hosting.path("manifests");
    fs::create_dir(&cwd).unwrap();
    fs::write(cwd.join("all.yaml"), "kind: Nothing\n").unwrap();
    let mut command = packaged.script_at(&link, &["--yes"]);
    command
        .current_dir(&cwd)
        .env("BASH_ENV", &evil)
        .env("ENV", &evil)
        .env("CDPATH", "/tmp")
        .env("IFS", "/")
        .env("GLOBIGNORE", "*")
        .env("BASH_FUNC_kubectl%%", format!("() {{ echo x >'{}'; }}", marker.display()));
    let ran: testkit::consign::Ran = command.output().unwrap().into();
    ran.exits(0);
    assert_eq!(text(&stage), "v1.0.0");
    assert!(!marker.exists());

    // The package is swapped for another one once kubectl is called.
    let swapped = place.join(format!("{}-v1.1.0", stage.client));
    copy_tree(&packaged.directory("v1.1.0"), &swapped);
    packaged.kubectl_that(&format!(
        "cd '{}'\nfor file in manifests/all.yaml MANIFEST.json checksum.sha256; do\n  \
         /usr/bin/rm -f $file; echo 'text: swapped' >$file\ndone\n\
         /usr/bin/chmod u+w deploy.sh; echo 'echo SWAPPED' >>deploy.sh\ncd /",
        swapped.display()
    ));
    let ran: testkit::consign::Ran = packaged
        .script_at(&swapped.join("deploy.sh"), &["--yes"])
        .output()
        .unwrap()
        .into();
    ran.exits(0).never_says("SWAPPED");
    assert!(fs::read_to_string(swapped.join("deploy.sh")).unwrap().contains("SWAPPED"));
    assert_eq!(text(&stage), "v1.1.0");
    assert_eq!(stage.records()[1]["digest"], digest(&packaged, "v1.1.0"));

    // A package that was changed before is not deployed.
    let changed = place.join(&name).join("manifests/all.yaml");
    fs::set_permissions(&changed, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&changed, fs::read_to_string(&changed).unwrap().replace("v1.0.0", "v6.6.6")).unwrap();
    let ran: testkit::consign::Ran = packaged.script_at(&link, &["--yes"]).output().unwrap().into();
    ran.exits(3).says("ERROR: Package integrity check failed!");
    assert_eq!(text(&stage), "v1.1.0");
    assert_eq!(stage.outcomes().len(), 2);
}

#[test]
fn d26_that_the_script_cannot_vouch_for_itself_is_said_where_it_is_read() {
    let stage = Stage::new("self");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    let script = fs::read_to_string(packaged.directory("v1.0.0").join("deploy.sh")).unwrap();
    let head: String = script.lines().take(10).collect();
    assert!(head.contains("cannot prove that it was not changed itself"), "{head}");
    // What it tells to do finds it.
    let path = packaged.directory("v1.0.0").join("deploy.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&path, script.replace("check_copy\n", "\n")).unwrap();
    stage.deploy("v1.0.0", &[]).exits(3);
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "checksum.sha256"])
        .current_dir(packaged.directory("v1.0.0"))
        .output()
        .unwrap();
    assert!(!sums.status.success());
}

#[test]
fn who_may_work_in_the_namespace_alone_deploys_with_the_script() {
    let stage = Stage::new("lesser");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    stage.cluster.kubectl(["create", "namespace", &stage.namespace]).unwrap();
    let token = stage.cluster.namespace_user(&stage.namespace).unwrap();
    let mut command = packaged.script("v1.0.0", &["--yes"]);
    command.env("KUBECONFIG", stage.cluster.kubeconfig_for(&token).unwrap());
    let ran: testkit::consign::Ran = command.output().unwrap().into();
    ran.exits(0)
        .says(&format!("[WARN] namespace {} stays as it is: ", stage.namespace))
        .says("[WARN] nodes not checked: ");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn d7_a_cluster_that_does_not_answer_is_named_and_nothing_is_waited_for() {
    let stage = Stage::new("dead");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    let dead = stage.hosting.path("tmp/dead");
    fs::write(
        &dead,
        "apiVersion: v1\nkind: Config\n\
         clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]\n\
         users: [{name: u, user: {token: t}}]\n\
         contexts: [{name: upcloud-prod, context: {cluster: c, user: u}}]\n",
    )
    .unwrap();
    let mut command = packaged.script("v1.0.0", &["--yes", "--context", "upcloud-prod"]);
    let script: testkit::consign::Ran = command.env("KUBECONFIG", &dead).output().unwrap().into();
    let mut command = stage.command(stage.deploy_arguments("v1.0.0", &["--context", "upcloud-prod"]));
    let consign: testkit::consign::Ran = command.env("KUBECONFIG", &dead).output().unwrap().into();
    for ran in [script, consign] {
        ran.exits(9)
            .says("luster not reachable")
            .says("upcloud-prod")
            .says("127.0.0.1:1")
            .says("kubectl cluster-info")
            .says("--context");
    }
}

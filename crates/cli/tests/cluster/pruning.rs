//! What a version no longer has, and what is kept of releases.

use serde_json::Value;
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::kinds::definition;
use crate::stage::{Stage, settings, web};

/// A `ConfigMap` of this name, with these annotations.
fn named(name: &str, annotations: &str) -> String {
    settings(name).replace(
        "metadata:\n  name: settings\n",
        &format!("metadata:\n  name: {name}\n  annotations: {{{annotations}}}\n"),
    )
}

/// A version with the usual `ConfigMap`, and more.
fn version(stage: &Stage, version: &str, more: &[(&str, &str)]) {
    let own = settings(version);
    let mut files = vec![("settings.yaml", own.as_str())];
    files.extend(more);
    stage.sources(&files).package(version);
}

fn stays(ran: &Ran, what: &str) -> bool {
    ran.stdout
        .lines()
        .any(|l| l.starts_with(&format!("[INFO] {what} stays: ")))
}

#[test]
fn d20_what_a_version_no_longer_has_is_removed_after_it_serves() {
    let stage = Stage::new("d20");
    let (gone, kept) = (named("gone", ""), named("kept", "consign.dev/prune: keep"));
    version(
        &stage,
        "v1.0.0",
        &[("gone.yaml", &gone), ("kept.yaml", &kept)],
    );
    version(&stage, "v1.1.0", &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    let planned = stage.deploy("v1.1.0", &["--dry-run"]).exits(0);
    assert!(
        planned.stdout.contains("\nprune configmap/gone\n"),
        "{}",
        planned.stdout
    );
    assert!(!stage.get("configmap/gone").is_null());
    let ran = stage.deploy("v1.1.0", &[]).exits(0);
    let place = |text: &str| {
        ran.stdout
            .find(text)
            .unwrap_or_else(|| panic!("{text}\n{}", ran.stdout))
    };
    assert!(place("Waiting for deployment to stabilize") < place("configmap/gone deleted"));
    assert!(stays(&ran, "configmap/kept"), "{}", ran.stdout);
    assert!(stage.get("configmap/gone").is_null());
    assert!(!stage.get("configmap/kept").is_null());
}

#[test]
fn d20_a_version_that_fails_removes_nothing() {
    let stage = Stage::new("d20-failed");
    let web = |version: &str, mode: Mode| web(&stage.image(version, mode), 1);
    let gone = named("gone", "");
    version(
        &stage,
        "v1.0.0",
        &[("gone.yaml", &gone), ("web.yaml", &web("v1.0.0", Mode::Ok))],
    );
    version(
        &stage,
        "v1.1.0",
        &[("web.yaml", &web("v1.1.0", Mode::Crash))],
    );
    stage.deploy("v1.0.0", &[]).exits(0);
    let uid = stage.get("configmap/gone")["metadata"]["uid"].clone();
    stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10);
    assert_eq!(stage.get("configmap/gone")["metadata"]["uid"], uid);
    // Nor does one that does not wait for what it brings.
    stage
        .deploy("v1.1.0", &["--no-wait", "--no-rollback"])
        .exits(0);
    assert_eq!(stage.get("configmap/gone")["metadata"]["uid"], uid);
}

#[test]
fn d20_what_holds_data_or_secrets_stays_unless_settings_say_otherwise() {
    let stage = Stage::new("d20-data");
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n  storageClassName: none\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Mi}}\n";
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: filled}\ntype: Opaque\n";
    version(
        &stage,
        "v1.0.0",
        &[("claim.yaml", claim), ("secret.yaml", secret)],
    );
    version(&stage, "v1.1.0", &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    let ran = stage.deploy("v1.1.0", &[]).exits(0);
    let own = stage.hosting.read("consign.yaml");
    for (label, kind) in [
        ("persistentvolumeclaim/data", "PersistentVolumeClaim"),
        ("secret/filled", "Secret"),
    ] {
        assert!(stays(&ran, label), "{}", ran.stdout);
        assert!(!stage.get(label).is_null());
        stage.hosting.write(
            "consign.yaml",
            format!("{own}rollout:\n  prune: [{kind}]\n"),
        );
        let ran = stage.deploy("v1.1.0", &[]).exits(0);
        let deleted = format!("{label} deleted");
        assert!(ran.stdout.contains(&deleted), "{}", ran.stdout);
        assert!(stage.get(label).is_null());
    }
}

#[test]
fn d20_definitions_and_namespaces_stay() {
    let stage = Stage::new("d20-crd");
    let own = stage.hosting.read("consign.yaml");
    stage.hosting.write(
        "consign.yaml",
        format!("{own}policy:\n  cluster-kinds: [CustomResourceDefinition.apiextensions.k8s.io]\n"),
    );
    let group = format!("{}.example.com", stage.client);
    let definition = definition(&group);
    let tool = format!(
        "apiVersion: {group}/v1\nkind: Tool\nmetadata: {{name: hammer}}\nspec: {{size: 1}}\n"
    );
    version(
        &stage,
        "v1.0.0",
        &[("definition.yaml", &definition), ("tool.yaml", &tool)],
    );
    stage
        .sources_without_namespace(&[("settings.yaml", &settings("v1.1.0"))])
        .package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let uid = stage.get(&format!("namespace/{}", stage.namespace))["metadata"]["uid"].clone();
    let ran = stage.deploy("v1.1.0", &[]);
    let crd = format!("crd/tools.{group}");
    let (kept, tool) = (
        !stage.get(&crd).is_null(),
        stage.get(&format!("tool.{group}/hammer")),
    );
    stage.kubectl(&["delete", &crd, "--wait=false"]).exits(0);
    let ran = ran.exits(0);
    assert!(kept && tool.is_null(), "{}", ran.stdout);
    assert!(
        stays(
            &ran,
            &format!("customresourcedefinition.apiextensions.k8s.io/tools.{group}")
        ),
        "{}",
        ran.stdout
    );
    let namespace = format!("namespace/{}", stage.namespace);
    assert!(stays(&ran, &namespace), "{}", ran.stdout);
    let live = stage.get(&namespace);
    assert_eq!(live["metadata"]["uid"], uid);
    assert_eq!(live["status"]["phase"], "Active");
}

#[test]
fn d20_what_is_not_ours_any_more_is_left_alone() {
    let stage = Stage::new("d20-others");
    let (another, released) = (named("another", ""), named("released", ""));
    version(
        &stage,
        "v1.0.0",
        &[("another.yaml", &another), ("released.yaml", &released)],
    );
    version(&stage, "v1.1.0", &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.kubectl(&["delete", "configmap", "another"]).exits(0);
    stage
        .kubectl(&[
            "create",
            "configmap",
            "another",
            "--from-literal=of=somebody",
        ])
        .exits(0);
    let theirs = stage.get("configmap/another")["metadata"]["uid"].clone();
    // Somebody applies it as his own, and takes it out of our hands.
    stage
        .kubectl_apply(&released, &["--server-side", "--field-manager=somebody"])
        .exits(0);
    let object = stage.get("configmap/released");
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let ours = entries
        .iter()
        .position(|e| e["manager"] == "consign")
        .unwrap();
    let patch = format!(r#"[{{"op": "remove", "path": "/metadata/managedFields/{ours}"}}]"#);
    stage
        .kubectl(&["patch", "configmap/released", "--type=json", "-p", &patch])
        .exits(0);
    let ran = stage.deploy("v1.1.0", &[]).exits(0);
    assert!(!ran.stdout.contains(" deleted"), "{}", ran.stdout);
    assert_eq!(stage.get("configmap/another")["metadata"]["uid"], theirs);
    assert!(!stage.get("configmap/released").is_null());
}

#[test]
fn d20_what_an_older_revision_names_stays_until_that_is_gone() {
    let stage = Stage::new("d20-undo");
    let release = |version: &str, environment: &str| {
        let web = web(&stage.image(version, Mode::Ok), 1)
            .replacen("spec:\n", "spec:\n  revisionHistoryLimit: 1\n", 1)
            .replace(
                "        ports:",
                &format!(
                    "        envFrom: [{{configMapRef: {{name: {environment}}}}}]\n        ports:"
                ),
            );
        stage
            .sources(&[
                ("web.yaml", &web),
                ("environment.yaml", &named(environment, "")),
            ])
            .package(version);
        stage.deploy(version, &[]).exits(0)
    };
    release("v1.0.0", "environment-1");
    let ran = release("v1.1.0", "environment-2");
    assert!(stays(&ran, "configmap/environment-1"), "{}", ran.stdout);
    stage
        .kubectl(&["rollout", "undo", "deployment/web"])
        .exits(0);
    stage
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"])
        .exits(0);
    stage.until("undone", || stage.answers("app=web") == ["v1.0.0"]);
    // By a person's hand, so it is taken back with a word; the revisions that
    // name the first environment go in turn, and then so does that.
    stage
        .sources(&[
            (
                "web.yaml",
                &web(&stage.image("v1.2.0", Mode::Ok), 1)
                    .replacen("spec:\n", "spec:\n  revisionHistoryLimit: 0\n", 1)
                    .replace(
                        "        ports:",
                        "        envFrom: [{configMapRef: {name: environment-2}}]\n        ports:",
                    ),
            ),
            ("environment.yaml", &named("environment-2", "")),
        ])
        .package("v1.2.0");
    let undone = stage.deploy("v1.2.0", &[]).exits(6);
    assert!(undone.stderr.contains("kubectl"), "{}", undone.stderr);
    let managers: Vec<String> = stage.get("deployment/web")["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["manager"].as_str())
        .filter(|manager| manager.starts_with("kubectl"))
        .map(str::to_owned)
        .collect();
    let taking = ["--take-over", managers[0].as_str()];
    stage.deploy("v1.2.0", &taking).exits(0);
    stage.until("forgotten", || {
        stage.get("replicasets")["items"].as_array().map(Vec::len) == Some(1)
    });
    let ran = stage.deploy("v1.2.0", &[]).exits(0);
    assert!(
        ran.stdout.contains("configmap/environment-1 deleted"),
        "{}",
        ran.stdout
    );
    assert!(stage.get("configmap/environment-1").is_null());
}

/// Numbers of the records, and of those that hold their package.
fn kept(stage: &Stage) -> (Vec<u64>, Vec<u64>) {
    let selector = format!("consign.dev/client={}", stage.client);
    let ran = stage
        .kubectl(&["get", "configmaps", "-l", &selector, "-o", "json"])
        .exits(0);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mut all = Vec::new();
    let mut full = Vec::new();
    for map in list["items"].as_array().unwrap() {
        let name = map["metadata"]["name"].as_str().unwrap();
        let number: u64 = name.rsplit_once(".r").unwrap().1.parse().unwrap();
        all.push(number);
        if map["binaryData"]["package.tar.gz"].is_string() {
            full.push(number);
        }
    }
    all.sort_unstable();
    full.sort_unstable();
    (all, full)
}

#[test]
fn the_last_twenty_records_are_kept_and_the_last_three_packages() {
    let stage = Stage::new("records");
    version(&stage, "v1.0.0", &[]);
    version(&stage, "v1.1.0", &[]);
    for number in 1..=23 {
        let version = if number % 2 == 1 { "v1.0.0" } else { "v1.1.0" };
        stage.deploy(version, &[]).exits(0);
        if number == 4 {
            assert_eq!(kept(&stage), ((1..=4).collect(), (2..=4).collect()));
        }
    }
    assert_eq!(kept(&stage), ((4..=23).collect(), (21..=23).collect()));
    assert_eq!(stage.outcomes().last().unwrap(), "v1.0.0 active");
}

#[test]
fn what_served_is_not_lost_among_runs_that_failed() {
    let stage = Stage::new("records-failed");
    let job = |image: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: job, image: '{image}'}}]\n"
        )
    };
    version(&stage, "v1.0.0", &[]);
    stage.deploy("v1.0.0", &[]).exits(0);
    version(
        &stage,
        "v1.1.0",
        &[("job.yaml", &job(&stage.image("v1.1.0", Mode::JobFail)))],
    );
    version(&stage, "v1.2.0", &[("more.yaml", &named("more", ""))]);
    for _ in 0..4 {
        stage.deploy("v1.1.0", &["--no-rollback"]).exits(11);
    }
    std::fs::remove_dir_all(
        stage
            .hosting
            .path(&format!("packages/{}-v1.0.0", stage.client)),
    )
    .unwrap();
    // The package of what served comes from its record, five runs ago.
    let (_, full) = kept(&stage);
    assert!(full.contains(&1), "{full:?}");
    stage.deploy("v1.2.0", &[]).exits(0);
    let (_, full) = kept(&stage);
    assert_eq!(full, [1, 4, 5, 6]);
    stage
        .run(["rollback", "--client", &stage.client, "--yes"])
        .exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "v1.0.0");
}

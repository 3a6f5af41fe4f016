//! `config/clients.yaml` after real deployments: the index of what the
//! cluster's records say.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use testkit::consign::Ran;
use testkit::image::Mode;

use crate::stage::{Stage, settings, web};

const FILE: &str = "config/clients.yaml";

/// Versions without pods.
fn packaged(name: &str, versions: &[&str]) -> Stage {
    let stage = Stage::new(name);
    for version in versions {
        stage
            .sources(&[("settings.yaml", &settings(version))])
            .package(version);
    }
    stage
}

/// The file, with every time that has the form of one replaced by `TIME`, and
/// this client's name by `CLIENT`.
fn file(stage: &Stage) -> String {
    let text = stage.hosting.read(FILE);
    let lines = text
        .lines()
        .map(|line| match line.split_once("deployed: ") {
            Some((head, time)) if is_time(time) => format!("{head}deployed: TIME\n"),
            _ => format!("{line}\n"),
        });
    lines.collect::<String>().replace(&stage.client, "CLIENT")
}

/// `2026-01-29T09:15:30Z`.
fn is_time(text: &str) -> bool {
    text.len() == 20
        && text
            .bytes()
            .zip("0000-00-00T00:00:00Z".bytes())
            .all(|(is, like)| {
                if like == b'0' {
                    is.is_ascii_digit()
                } else {
                    is == like
                }
            })
}

/// The time that the file says of a version.
fn time(stage: &Stage, version: &str) -> String {
    let text = stage.hosting.read(FILE);
    let after = text
        .split(&format!("version: {version}\n"))
        .nth(1)
        .expect("it is listed");
    let line = after
        .lines()
        .find_map(|l| l.trim().strip_prefix("deployed: "));
    line.expect("it has a time").to_owned()
}

#[test]
fn what_is_deployed_is_active_and_what_was_is_superseded() {
    let stage = packaged("track", &["v1.0.0", "v1.1.0"]);
    stage.deploy("v1.0.0", &[]).exits(0);
    assert_eq!(
        file(&stage),
        "clients:
  - name: CLIENT
    namespace: sh-CLIENT
    packages:
      - version: v1.0.0
        deployed: TIME
        status: active
"
    );
    let record = &stage.records()[0];
    assert_eq!(record["ended"], time(&stage, "v1.0.0"));
    let first = time(&stage, "v1.0.0");

    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(
        file(&stage),
        "clients:
  - name: CLIENT
    namespace: sh-CLIENT
    packages:
      - version: v1.0.0
        deployed: TIME
        status: superseded
      - version: v1.1.0
        deployed: TIME
        status: active
"
    );
    // When it was deployed stays as it was.
    assert_eq!(time(&stage, "v1.0.0"), first);
    assert_eq!(stage.records()[1]["ended"], time(&stage, "v1.1.0"));
    // A dry run is no deployment.
    let before = stage.hosting.read(FILE);
    stage
        .run([
            "deploy",
            "--package",
            &format!("{}@v1.0.0", stage.client),
            "--dry-run",
        ])
        .exits(0);
    assert_eq!(stage.hosting.read(FILE), before);
}

#[test]
fn failed_rolled_back_and_superseded_are_told_apart() {
    let stage = Stage::new("fates");
    for (version, mode) in [
        ("v0.9.0", Mode::Crash),
        ("v1.0.0", Mode::Ok),
        ("v1.1.0", Mode::Crash),
        ("v1.2.0", Mode::Ok),
        ("v1.3.0", Mode::Crash),
    ] {
        stage
            .sources(&[("web.yaml", &web(&stage.image(version, mode), 1))])
            .package(version);
    }
    let quick = ["--fail-after-restarts", "1"];
    stage.deploy("v0.9.0", &quick).exits(10);
    stage.deploy("v1.0.0", &quick).exits(0);
    stage.deploy("v1.1.0", &quick).exits(10);
    stage.deploy("v1.2.0", &quick).exits(0);
    stage
        .run(["rollback", "--client", &stage.client, "--yes"])
        .exits(0);
    stage
        .deploy("v1.3.0", &["--fail-after-restarts", "1", "--no-rollback"])
        .exits(11);
    let text = file(&stage);
    let statuses: Vec<(&str, &str)> = text
        .split("version: ")
        .skip(1)
        .map(|entry| {
            let status = entry.split("status: ").nth(1).expect("it has one");
            (
                entry.lines().next().unwrap_or_default(),
                status.lines().next().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        statuses,
        [
            ("v0.9.0", "failed"),
            ("v1.0.0", "active"),
            ("v1.1.0", "rolled-back"),
            ("v1.2.0", "rolled-back"),
            ("v1.3.0", "failed"),
        ],
        "{text}"
    );
}

/// A kubeconfig in which the cluster has two names.
fn two_names(stage: &Stage) -> std::path::PathBuf {
    let text = fs::read_to_string(stage.cluster.kubeconfig()).expect("it can be read");
    let context = "- name: test\n  context:\n    cluster: test\n    user: test\n";
    assert!(text.contains(context), "{text}");
    let both: String = ["prod", "staging"]
        .map(|name| context.replace("name: test", &format!("name: {name}")))
        .concat();
    let path = stage.hosting.path("tmp/two-names");
    fs::write(&path, text.replace(context, &both)).expect("it can be written");
    path
}

#[test]
fn with_several_contexts_each_is_named_and_the_plain_fields_follow_the_primary_one() {
    let stage = packaged("contexts", &["v1.0.0", "v1.1.0", "v1.2.0"]);
    stage.hosting.write(
        "consign.yaml",
        "contexts:\n  prod: {primary: true}\n  staging: {}\n",
    );
    let kubeconfig = two_names(&stage);
    let deploy = |version: &str, context: &str| {
        let mut command = stage.command(stage.deploy_arguments(version, &["--context", context]));
        let ran: Ran = command
            .env("KUBECONFIG", &kubeconfig)
            .output()
            .expect("it starts")
            .into();
        ran.exits(0).says(&format!("Context: {context}"));
    };
    deploy("v1.0.0", "staging");
    assert_eq!(
        file(&stage),
        "clients:
  - name: CLIENT
    namespace: sh-CLIENT
    packages:
      - version: v1.0.0
        contexts:
          staging:
            status: active
            deployed: TIME
"
    );
    deploy("v1.1.0", "prod");
    deploy("v1.2.0", "staging");
    assert_eq!(
        file(&stage),
        "clients:
  - name: CLIENT
    namespace: sh-CLIENT
    packages:
      - version: v1.0.0
        contexts:
          staging:
            status: superseded
            deployed: TIME
      - version: v1.1.0
        deployed: TIME
        status: active
        contexts:
          prod:
            status: active
            deployed: TIME
      - version: v1.2.0
        contexts:
          staging:
            status: active
            deployed: TIME
"
    );
}

#[test]
fn r6_comments_and_unknown_keys_are_kept() {
    let stage = packaged("kept", &["v1.0.0", "v1.1.0"]);
    let client = &stage.client;
    let before = format!(
        "# Who runs what. Ask ops before you edit.
owner: ops  # a key of ours
clients:
  - name: other
    namespace: sh-other
    packages: []  # none yet
  - name: {client}  # the big one
    namespace: sh-{client}
    contact: ann@example.com
    packages:
      - version: v0.9.0
        deployed: 2026-01-15T10:00:00Z  # by hand
        status: active
        ticket: OPS-17
"
    );
    stage.hosting.write(FILE, &before);
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.deploy("v1.1.0", &[]).exits(0);
    let expected = before
        .replace("status: active", "status: superseded")
        .replace(client, "CLIENT");
    let expected = format!(
        "{expected}      - version: v1.0.0
        deployed: TIME
        status: superseded
      - version: v1.1.0
        deployed: TIME
        status: active
"
    );
    assert_eq!(file(&stage), expected);
}

#[test]
fn r7_a_checkout_that_may_not_be_written_is_a_warning() {
    let stage = packaged("readonly", &["v1.0.0"]);
    stage.hosting.write(FILE, "clients: []\n");
    let elsewhere = tempfile::tempdir().expect("a directory can be made");
    let like = stage.command(stage.deploy_arguments("v1.0.0", &[]));
    // The mount is gone with the process.
    let read_only = "mount --bind . . && mount -o remount,bind,ro . && cd . && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &format!("cd \"$0\" && {read_only}")])
        .arg(stage.hosting.path("."))
        .arg(like.get_program())
        .args(like.get_args())
        .env_clear();
    for (name, value) in like.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
        .env("TMPDIR", elsewhere.path())
        .env("XDG_STATE_HOME", elsewhere.path())
        .env("CONSIGN_ROOT", stage.hosting.path("."));
    let ran: Ran = command.output().expect("it starts").into();
    ran.exits(0)
        .says("[OK] Deployment complete!")
        .says("[WARN] deployed, clients.yaml not updated: ");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    assert_eq!(stage.hosting.read(FILE), "clients: []\n");
}

#[test]
fn r7_a_link_in_its_place_is_not_followed() {
    let stage = packaged("linked", &["v1.0.0"]);
    stage
        .hosting
        .write("elsewhere.yaml", "clients: []\n")
        .write("config/keep", "");
    symlink("../elsewhere.yaml", stage.hosting.path(FILE)).expect("a link can be made");
    stage
        .deploy("v1.0.0", &[])
        .exits(0)
        .says("[OK] Deployment complete!")
        .says("[WARN] deployed, clients.yaml not updated: ")
        .says("link");
    assert_eq!(stage.hosting.read("elsewhere.yaml"), "clients: []\n");
    assert!(
        stage
            .hosting
            .path(FILE)
            .symlink_metadata()
            .expect("it is there")
            .is_symlink()
    );
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn r4_two_active_versions_are_told_with_their_line() {
    let stage = packaged("twice", &["v1.0.0"]);
    let client = &stage.client;
    stage.hosting.write(
        FILE,
        format!(
            "clients:
  - name: {client}
    namespace: sh-{client}
    packages:
      - version: v0.8.0
        deployed: 2026-01-15T10:00:00Z
        status: active
      - version: v0.9.0
        deployed: 2026-01-16T10:00:00Z
        status: active
"
        ),
    );
    stage
        .run(["status", "--client", client])
        .exits(0)
        .says(&format!(
            "[WARN] config/clients.yaml:8: {client} v0.9.0 is active, and so is v0.8.0 on line 5; only one can be"
        ));
    stage.deploy("v1.0.0", &[]).exits(0);
    // Only one is, from now on.
    assert_eq!(
        stage.hosting.read(FILE).matches("status: active").count(),
        1,
        "{}",
        file(&stage)
    );
}

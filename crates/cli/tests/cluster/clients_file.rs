//! `config/clients.yaml` when it cannot be read or written: the cluster's
//! record is the truth.

use std::fs;

use testkit::consign::Ran;

use crate::stage::{Stage, settings};

const FILE: &str = "config/clients.yaml";

/// No document that could be one of ours.
const CORRUPT: &str = "clients: [unclosed\n";

fn packaged(name: &str, versions: &[&str]) -> Stage {
    let stage = Stage::new(name);
    for version in versions {
        stage
            .sources(&[("settings.yaml", &settings(version))])
            .package(version);
    }
    stage
}

/// Lines of a run that warn that the file lacks what was done.
fn warned(ran: &Ran) -> Vec<String> {
    let all = ran.stdout.lines().chain(ran.stderr.lines());
    all.filter(|l| l.starts_with("[WARN] deployed, clients.yaml not updated: "))
        .map(str::to_owned)
        .collect()
}

fn names(stage: &Stage, version: &str, status: &str) -> bool {
    let text = stage.hosting.read(FILE);
    let mut lines = text
        .lines()
        .skip_while(|l| !l.contains(&format!("version: {version}")))
        .skip(1);
    lines
        .find(|l| l.contains("status: "))
        .is_some_and(|l| l.contains(&format!("status: {status}")))
}

#[test]
fn b13_a_file_that_cannot_be_read_stops_neither_deploy_nor_rollback() {
    let stage = packaged("b13", &["v1.0.0", "v1.1.0"]);
    stage.hosting.write(FILE, CORRUPT);
    for version in ["v1.0.0", "v1.1.0"] {
        let ran = stage.deploy(version, &[]).exits(0);
        assert_eq!(warned(&ran).len(), 1, "{}{}", ran.stdout, ran.stderr);
    }
    let ran = stage
        .run(["rollback", "--client", &stage.client, "--yes"])
        .exits(0);
    assert!(!warned(&ran).is_empty(), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 rolled-back", "v1.0.0 active"]
    );
    assert_eq!(stage.hosting.read(FILE), CORRUPT);
}

#[test]
fn r10_what_a_corrupt_file_lacks_is_written_by_the_next_command() {
    let stage = packaged("r10-corrupt", &["v1.0.0", "v1.1.0"]);
    stage.hosting.write(FILE, CORRUPT);
    let ran = stage.deploy("v1.0.0", &[]).exits(0);
    assert_eq!(warned(&ran).len(), 1, "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("[OK] Deployment complete!"),
        "{}",
        ran.stdout
    );
    fs::remove_file(stage.hosting.path(FILE)).unwrap();
    let ran = stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(warned(&ran), [""; 0]);
    assert!(
        names(&stage, "v1.0.0", "superseded"),
        "{}",
        stage.hosting.read(FILE)
    );
    assert!(
        names(&stage, "v1.1.0", "active"),
        "{}",
        stage.hosting.read(FILE)
    );
}

#[test]
fn r10_a_file_that_cannot_be_written_fails_where_that_is_asked() {
    let stage = packaged("r10-strict", &["v1.0.0"]);
    // A file where the directory should be: not even root writes there.
    stage.hosting.write("config", "in the way");
    let ran = stage.deploy("v1.0.0", &["--strict-history"]).exits(7);
    assert!(
        ran.stderr
            .contains("[ERROR] deployed, clients.yaml not updated: "),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
    assert_eq!(warned(&stage.deploy("v1.0.0", &[]).exits(0)).len(), 1);
    fs::remove_file(stage.hosting.path("config")).unwrap();
    stage
        .run([
            "rollback",
            "--client",
            &stage.client,
            "--to",
            "v1.0.0",
            "--yes",
        ])
        .exits(0);
    assert!(
        names(&stage, "v1.0.0", "active"),
        "{}",
        stage.hosting.read(FILE)
    );
}

#[test]
fn r10_a_file_that_another_process_holds_is_written_later() {
    let stage = packaged("r10-locked", &["v1.0.0", "v1.1.0"]);
    stage.hosting.write("config/.clients.yaml.lock", "");
    let lock = fs::File::open(stage.hosting.path("config/.clients.yaml.lock")).unwrap();
    lock.lock().unwrap();
    let ran = stage.deploy("v1.0.0", &[]).exits(0);
    assert_eq!(warned(&ran).len(), 1, "{}{}", ran.stdout, ran.stderr);
    drop(lock);
    stage.deploy("v1.1.0", &[]).exits(0);
    assert!(
        names(&stage, "v1.0.0", "superseded"),
        "{}",
        stage.hosting.read(FILE)
    );
    assert!(
        names(&stage, "v1.1.0", "active"),
        "{}",
        stage.hosting.read(FILE)
    );
}

//! tools/deploy-package.sh, from the layout of the specification.

use std::fs;
use std::process::{Command, Stdio};

use testkit::consign::{Ran, copy_tree, workspace};
use testkit::image::Mode;

use crate::stage::{SERVICE, Stage, settings, web};
use crate::terminal::Terminal;

/// A client with one pod, its packages, and the tools beside them.
fn stage(name: &str, versions: &[&str]) -> Stage {
    let stage = Stage::new(name);
    copy_tree(
        &workspace().join("examples/hosting/tools"),
        &stage.hosting.path("tools"),
    );
    for version in versions {
        stage
            .sources(&[
                ("web.yaml", &web(&stage.image(version, Mode::Ok), 1)),
                ("service.yaml", SERVICE),
                ("settings.yaml", &settings(version)),
            ])
            .package(version);
    }
    stage
}

/// The wrapper as the specification runs it: in `tools`, with the package's
/// path from there.
fn wrapper(stage: &Stage, version: &str, more: &[&str]) -> Command {
    let like = stage.command(["--version"]);
    let mut command = Command::new("./deploy-package.sh");
    command
        .args([
            "--package",
            &format!("../packages/{}-{version}", stage.client),
        ])
        .args(more)
        .current_dir(stage.hosting.path("tools"))
        .env_clear();
    for (name, value) in like.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
        .env("NO_COLOR", "1")
        .env("CONSIGN", env!("CARGO_BIN_EXE_consign"))
        .stdin(Stdio::null());
    command
}

fn run(stage: &Stage, version: &str, more: &[&str]) -> Ran {
    wrapper(stage, version, more).output().unwrap().into()
}

/// The specification's lines, with what it cannot know for a `*`.
#[track_caller]
fn says_line_by_line(said: &str, lines: &str) {
    let mut rest = said.lines();
    for line in lines.lines() {
        let fits = |said: &str| match line.split_once('*') {
            Some((head, tail)) => said.starts_with(head) && said.ends_with(tail),
            None => said == line,
        };
        assert!(
            rest.any(fits),
            "{line:?} is not there, or not in order:\n{said}"
        );
    }
}

#[test]
fn the_wrapper_says_what_the_specification_says() {
    let stage = stage("wrapped", &["v1.0.0", "v1.1.0"]);
    let (client, namespace) = (stage.client.as_str(), stage.namespace.as_str());

    let dry = run(&stage, "v1.0.0", &["--dry-run"]).exits(0);
    says_line_by_line(
        &dry.stdout,
        &format!(
            "Deploying: {client} v1.0.0\nNamespace: {namespace}\nContext: test\n[OK] Dry run complete: nothing was changed"
        ),
    );
    assert_eq!(
        stage.get(&format!("namespace/{namespace}")),
        serde_json::Value::Null
    );
    run(&stage, "v1.0.0", &[])
        .exits(2)
        .says("standard input is not a terminal");

    run(&stage, "v1.0.0", &["--force", "--context", "test"]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);

    // Someone at a terminal.
    let asked = Terminal::of(&wrapper(&stage, "v1.1.0", &[]))
        .types("y\n")
        .ends()
        .exits(0);
    says_line_by_line(
        &asked.stdout,
        &format!(
            "[INFO] Capturing current deployment state...
[INFO] State captured to: {}/deploy-state-{namespace}-*.yaml
==========================================
Deploying: {client} v1.1.0
Namespace: {namespace}
Context: test
==========================================
Proceed with deployment? (y/N) *
[INFO] Executing deployment...
deployment.apps/web configured
[INFO] Waiting for deployment to stabilize...
deployment.apps/web condition met
[OK] Deployment complete!",
            stage.hosting.path("tmp").display()
        ),
    );
    for line in ["service/web unchanged", "configmap/settings configured"] {
        assert!(
            asked.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            asked.stdout
        );
    }
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);

    // The specification's rollback: deploying the previous package.
    run(&stage, "v1.0.0", &["--force"]).exits(0);
    let version = [
        "get",
        "deployment",
        "web",
        "-o",
        r"jsonpath={.metadata.annotations.deployment\.version}",
    ];
    assert_eq!(stage.kubectl(&version).exits(0).stdout, "v1.0.0");
}

#[test]
fn skipping_verification_leaves_out_no_check_of_integrity() {
    let stage = stage("unverified", &["v1.0.0", "v1.1.0"]);
    run(&stage, "v1.0.0", &["--skip-verify", "--force"]).exits(0);
    assert_eq!(stage.records()[0]["skipped"], serde_json::json!(["verify"]));
    let all = stage.hosting.path(&format!(
        "packages/{}-v1.1.0/manifests/all.yaml",
        stage.client
    ));
    testkit::consign::make_writable(all.parent().unwrap().parent().unwrap());
    fs::write(
        &all,
        fs::read_to_string(&all)
            .unwrap()
            .replace("replicas: 1", "replicas: 9"),
    )
    .unwrap();
    run(&stage, "v1.1.0", &["--skip-verify", "--force"]).exits(3);
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

//! Fields that others own.

use std::process::Command;

use serde_json::json;
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::gate::{self, Gate};
use crate::recorded::{nothing_written, recording};
use crate::stage::{Stage, settings, web};

/// Two versions of a `ConfigMap`, the first deployed.
pub fn two_settings(name: &str) -> Stage {
    let stage = Stage::new(name);
    stage
        .sources(&[("settings.yaml", &settings("two"))])
        .package("v1.1.0");
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    stage
}

#[test]
fn d10_a_field_of_another_manager_is_not_taken_unless_asked() {
    let mut stage = two_settings("d10");
    stage.deploy("v1.0.0", &[]).exits(0);
    let theirs = settings("theirs");
    stage
        .kubectl_apply(
            &theirs,
            &[
                "--server-side",
                "--field-manager=their-operator",
                "--force-conflicts",
            ],
        )
        .exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.1.0", &[])
        .exits(6)
        .says("/settings: .data.text belongs to manager \"their-operator\"")
        .says("--take-over their-operator");
    stage.deploy("v1.1.0", &["--take-over", "another"]).exits(6);
    nothing_written(&proxy);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "theirs");
    let shown = stage
        .deploy("v1.1.0", &["--take-over", "their-operator", "--dry-run"])
        .exits(0);
    for line in [
        "change configmap/settings",
        "  ~ .data.text: \"theirs\" -> \"two\"",
        "  ! taken from their-operator: .data.text",
    ] {
        assert!(
            shown.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            shown.stdout
        );
    }
    nothing_written(&proxy);
    stage
        .deploy("v1.1.0", &["--take-over", "their-operator"])
        .exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "two");
}

#[test]
fn d10_what_others_took_after_the_plan_is_not_taken_back() {
    let mut stage = Stage::new("d10-later");
    for (version, more) in [("v1.0.0", ""), ("v1.1.0", "  more: ours\n")] {
        let settings = settings(version) + more;
        stage
            .sources(&[("settings.yaml", &settings)])
            .package(version);
    }
    stage.deploy("v1.0.0", &[]).exits(0);
    let patch = |stage: &Stage, manager: &str, data: &str| {
        let (manager, patch) = (
            format!("--field-manager={manager}"),
            format!("{{\"data\": {data}}}"),
        );
        stage
            .kubectl(&["patch", "configmap/settings", &manager, "-p", &patch])
            .exits(0);
    };
    patch(&stage, "told", "{\"text\": \"theirs\"}");
    let gate = Gate::default();
    let _proxy = stage.through_proxy(gate.at(gate::record));
    let take = ["--take-over", "told", "--no-rollback"];
    let run = stage.start(stage.deploy_arguments("v1.1.0", &take));
    stage.until("writes its record", || gate.is_reached());
    patch(&stage, "untold", "{\"more\": \"theirs\"}");
    gate.open();
    let run: Ran = run.wait_with_output().expect("the binary ends").into();
    run.exits(11).says("changed by someone else");
    let data = &stage.get("configmap/settings")["data"];
    assert_eq!(*data, json!({"text": "theirs", "more": "theirs"}));
    // What the plan names is taken though the object went on.
    patch(&stage, "untold", "{\"more\": \"ours\"}");
    let gate = Gate::default();
    let _proxy = stage.through_proxy(gate.at(gate::record));
    let run = stage.start(stage.deploy_arguments("v1.1.0", &take));
    stage.until("writes its record", || gate.is_reached());
    patch(&stage, "untold", "{\"besides\": \"theirs\"}");
    gate.open();
    let run: Ran = run.wait_with_output().expect("the binary ends").into();
    run.exits(0);
    let data = &stage.get("configmap/settings")["data"];
    let all = json!({"text": "v1.1.0", "more": "ours", "besides": "theirs"});
    assert_eq!(*data, all);
}

#[test]
fn d10_every_conflict_is_told_at_once() {
    let mut stage = Stage::new("d10-all");
    let second = |text: &str| settings(text).replace("name: settings", "name: second");
    let files = |text: &str| {
        [
            ("settings.yaml", settings(text)),
            ("second.yaml", second(text)),
        ]
    };
    for (version, text) in [("v1.0.0", "one"), ("v1.1.0", "two")] {
        let files = files(text);
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        stage.sources(&files).package(version);
    }
    stage.deploy("v1.0.0", &[]).exits(0);
    for (manager, text) in [
        ("first-of-them", settings("x")),
        ("second-of-them", second("x")),
    ] {
        let manager = format!("--field-manager={manager}");
        stage
            .kubectl_apply(&text, &["--server-side", &manager, "--force-conflicts"])
            .exits(0);
    }
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.1.0", &[])
        .exits(6)
        .says("/settings: .data.text belongs to manager \"first-of-them\"")
        .says("/second: .data.text belongs to manager \"second-of-them\"");
    nothing_written(&proxy);
}

#[test]
fn d10_what_persons_changed_is_named_and_taken_back() {
    let mut stage = Stage::new("d10-persons");
    stage
        .web("v1.0.0", Mode::Ok)
        .sources(&[("web.yaml", &web(&stage.image("v1.0.0", Mode::Ok), 1))])
        .package("v1.0.0");
    for version in ["v1.1.0", "v1.2.0", "v1.3.0"] {
        stage
            .sources(&[("web.yaml", &web(&stage.image(version, Mode::Ok), 1))])
            .package(version);
    }
    stage.deploy("v1.0.0", &[]).exits(0);

    stage
        .kubectl(&["scale", "deployment/web", "--replicas=2"])
        .exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.1.0", &[])
        .exits(6)
        .says("/web: .spec.replicas belongs to manager \"kubectl\"")
        .says("--take-over kubectl");
    nothing_written(&proxy);
    stage.deploy("v1.1.0", &["--take-over", "kubectl"]).exits(0);
    assert_eq!(stage.get("deployment/web")["spec"]["replicas"], 1);

    // An image pushed by hand, in the editor.
    let image = stage.image("v9.9.9", Mode::Ok);
    let mut edit: Command = stage.cluster.kubectl_command();
    edit.args(["-n", &stage.namespace, "edit", "deployment/web"])
        .env(
            "KUBE_EDITOR",
            format!("sed -i s#image:.*#image:\\ {image}#"),
        );
    Ran::from(edit.output().expect("kubectl can be started")).exits(0);
    proxy.forget();
    stage
        .deploy("v1.2.0", &[])
        .exits(6)
        .says("containers[name=\"web\"].image belongs to manager \"kubectl-edit\"");
    nothing_written(&proxy);
    stage
        .deploy("v1.2.0", &["--take-over", "kubectl-edit"])
        .exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.2.0"]);

    stage
        .kubectl(&["rollout", "undo", "deployment/web"])
        .exits(0);
    proxy.forget();
    let refused = stage.deploy("v1.3.0", &[]).exits(6);
    nothing_written(&proxy);
    let (_, manager) = refused
        .stderr
        .split_once("--take-over ")
        .expect("the flag is named");
    let manager = manager.lines().next().unwrap_or_default();
    stage.deploy("v1.3.0", &["--take-over", manager]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.3.0"]);
}

#[test]
fn d10_the_same_version_again_shows_what_others_changed() {
    let mut stage = two_settings("d10-drift");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .kubectl(&[
            "patch",
            "configmap",
            "settings",
            "--field-manager=by-hand",
            "-p",
            "{\"data\":{\"text\":\"drifted\"}}",
        ])
        .exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(6)
        .says("/settings: .data.text belongs to manager \"by-hand\"");
    nothing_written(&proxy);
    let shown = stage
        .deploy("v1.0.0", &["--take-over", "by-hand", "--dry-run"])
        .exits(0);
    assert!(
        shown
            .stdout
            .contains("  ! changed by others since: all of it"),
        "{}",
        shown.stdout
    );
    stage.deploy("v1.0.0", &["--take-over", "by-hand"]).exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "one");
}

#[test]
fn d10_what_a_version_is_the_first_to_have_is_no_drift() {
    let stage = Stage::new("no-drift");
    let more = settings("one") + "  more: of-it\n";
    stage.sources(&[("settings.yaml", &more)]).package("v1.0.0");
    stage
        .sources(&[("settings.yaml", &settings("two"))])
        .package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage.deploy("v1.1.0", &[]).exits(0);
    // Nobody watches: with drift it would ask for the version's name.
    let client = stage.client.clone();
    stage
        .run(["rollback", "--client", &client, "--yes"])
        .exits(0)
        .never_says("changed by others");
    assert_eq!(stage.get("configmap/settings")["data"]["more"], "of-it");
}

//! What is confirmed is what is applied: what becomes of a plan when the
//! cluster changes while the question stands.

use serde_json::Value;
use testkit::api_proxy::ApiProxy;
use testkit::image::Mode;

use crate::gate;
use crate::recorded::recording;
use crate::stage::{SERVICE, Stage, settings, web};
use crate::terminal::Terminal;

const V1: &str = "v1.0.0";
const V2: &str = "v1.1.0";
const V3: &str = "v1.2.0";

/// A client without pods: its first version is deployed, the others are
/// packaged.
fn staged(name: &str) -> (Stage, ApiProxy) {
    let mut stage = Stage::new(name);
    for version in [V1, V2, V3] {
        stage
            .sources(&[
                ("web.yaml", &web(&stage.image(version, Mode::Ok), 0)),
                ("service.yaml", SERVICE),
                ("settings.yaml", &settings(version)),
            ])
            .package(version);
    }
    stage.deploy(V1, &[]).exits(0);
    let proxy = recording(&mut stage);
    (stage, proxy)
}

/// The question of a deploy of the second version.
fn asks(stage: &Stage) -> Terminal {
    let package = format!("{}@{V2}", stage.client);
    let mut terminal = Terminal::of(&stage.command(["deploy", "--package", &package]));
    terminal.until("Proceed with deployment? (y/N)");
    terminal
}

/// The confirmed plan is refused, saying this; nothing but the Lease was
/// written, which is given back.
#[track_caller]
fn is_out_of_date(stage: &Stage, proxy: &ApiProxy, mut terminal: Terminal, why: &str) {
    terminal
        .types("y\n")
        .ends()
        .exits(6)
        .says(&format!("The plan is out of date: {why}"));
    let others: Vec<_> = proxy
        .writes()
        .into_iter()
        .filter(|seen| !gate::lease(seen))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    let lease = stage.get(&format!("lease/consign.{}", stage.client));
    assert_eq!(lease["spec"]["holderIdentity"], "");
}

#[test]
fn a_field_of_ours_that_was_changed_meanwhile_stops_it() {
    let (stage, proxy) = staged("confirmed-field");
    let terminal = asks(&stage);
    let patch = r#"{"data": {"text": "theirs"}}"#;
    stage
        .kubectl(&["patch", "configmap/settings", "-p", patch])
        .exits(0);
    let why = format!(
        "ConfigMap {}/settings was changed by someone else",
        stage.namespace
    );
    is_out_of_date(&stage, &proxy, terminal, &why);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "theirs");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn another_object_of_the_same_name_stops_it() {
    let (stage, proxy) = staged("confirmed-uid");
    let before = stage.get("configmap/settings");
    let terminal = asks(&stage);
    stage.kubectl(&["delete", "configmap/settings"]).exits(0);
    // The same fields of the same manager: only the UID tells them apart.
    let mut again = before.clone();
    let metadata = again["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["name", "annotations", "labels"].contains(&key.as_str()));
    let as_it_was = ["--server-side", "--field-manager=consign"];
    stage.kubectl_apply(&again.to_string(), &as_it_was).exits(0);
    let now = stage.get("configmap/settings");
    assert_ne!(now["metadata"]["uid"], before["metadata"]["uid"]);
    let fields = |object: &Value| object["metadata"]["managedFields"][0]["fieldsV1"].clone();
    assert_eq!(fields(&now), fields(&before));
    let why = format!(
        "ConfigMap {}/settings was changed by someone else",
        stage.namespace
    );
    is_out_of_date(&stage, &proxy, terminal, &why);
    assert_eq!(stage.get("configmap/settings"), now);
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn an_object_that_is_gone_meanwhile_stops_it() {
    let (stage, proxy) = staged("confirmed-gone");
    let terminal = asks(&stage);
    stage.kubectl(&["delete", "service/web"]).exits(0);
    let why = format!(
        "Service {}/web was changed by someone else",
        stage.namespace
    );
    is_out_of_date(&stage, &proxy, terminal, &why);
    assert!(stage.get("service/web").is_null());
}

#[test]
fn what_is_about_to_be_adopted_and_was_changed_meanwhile_stops_it() {
    let mut stage = Stage::new("confirmed-adopted");
    stage
        .sources(&[("settings.yaml", &settings("ours"))])
        .package(V2);
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage.kubectl_apply(&settings("scripts"), &[]).exits(0);
    let proxy = recording(&mut stage);
    let why = format!("ConfigMap {namespace}/settings was changed by someone else");
    let patch = |stage: &Stage, text: &str| {
        let patch = format!("{{\"data\": {{\"text\": {text:?}}}}}");
        stage
            .kubectl(&["patch", "configmap/settings", "-p", &patch])
            .exits(0);
    };
    // As plain apply left it, and then as somebody else did.
    for (flags, text) in [
        (&[][..], "one"),
        (&["--adopt", "configmap/settings"], "two"),
    ] {
        let package = format!("{}@{V2}", stage.client);
        let mut arguments = vec!["deploy", "--package", package.as_str()];
        arguments.extend(flags);
        let mut terminal = Terminal::of(&stage.command(arguments));
        terminal.until("Proceed with deployment? (y/N)");
        patch(&stage, text);
        is_out_of_date(&stage, &proxy, terminal, &why);
        assert_eq!(stage.get("configmap/settings")["data"]["text"], text);
        proxy.forget();
    }
    stage
        .deploy(V2, &["--adopt", "configmap/settings"])
        .exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "ours");
}

#[test]
fn what_others_write_beside_our_fields_does_not_stop_it() {
    let (stage, _proxy) = staged("confirmed-churn");
    let versions = || {
        ["configmap/settings", "deployment/web"]
            .map(|what| stage.get(what)["metadata"]["resourceVersion"].clone())
    };
    let mut terminal = asks(&stage);
    let before = versions();
    stage
        .kubectl(&["annotate", "configmap/settings", "example.com/note=seen"])
        .exits(0);
    let status = r#"{"status": {"conditions": [{"type": "Churn", "status": "True"}]}}"#;
    stage
        .kubectl(&[
            "patch",
            "deployment/web",
            "--subresource=status",
            "--type=merge",
            "-p",
            status,
        ])
        .exits(0);
    for (now, before) in versions().iter().zip(&before) {
        assert_ne!(now, before);
    }
    terminal.types("y\n").ends().exits(0);
    let settings = stage.get("configmap/settings");
    assert_eq!(settings["data"]["text"], V2);
    assert_eq!(
        settings["metadata"]["annotations"]["example.com/note"],
        "seen"
    );
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.1.0 active"]);
}

#[test]
fn another_run_that_ended_meanwhile_stops_it() {
    let (stage, proxy) = staged("confirmed-run");
    let terminal = asks(&stage);
    let beside = stage
        .command(stage.deploy_arguments(V3, &[]))
        .env("KUBECONFIG", stage.cluster.kubeconfig())
        .output()
        .expect("the binary can be started");
    testkit::consign::Ran::from(beside).exits(0);
    is_out_of_date(&stage, &proxy, terminal, "another run has ended meanwhile");
    assert_eq!(stage.get("configmap/settings")["data"]["text"], V3);
    assert_eq!(stage.outcomes(), ["v1.0.0 superseded", "v1.2.0 active"]);
}

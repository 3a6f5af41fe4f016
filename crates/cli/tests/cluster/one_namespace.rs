//! Users who may work in one namespace alone.

use testkit::api_proxy::ApiFault;
use testkit::image::Mode;

use crate::recorded::{allowing, nothing_written};
use crate::stage::{SERVICE, Stage, settings, web};

/// A client whose namespace exists, and the token of a user who may work in
/// it alone.
fn with_user(stage: Stage) -> (Stage, String) {
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let token = stage
        .cluster
        .namespace_user(&namespace)
        .expect("the user can be made");
    (stage, token)
}

#[test]
fn a_user_of_one_namespace_deploys_upgrades_prunes_and_goes_back() {
    let (mut stage, token) = with_user(Stage::new("user"));
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.0.0", Mode::Ok), 1)),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("one")),
        ])
        .package("v1.0.0");
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.1.0", Mode::Ok), 1)),
            ("settings.yaml", &settings("two")),
        ])
        .package("v1.1.0");
    stage
        .sources(&[("web.yaml", &web(&stage.image("v1.2.0", Mode::Crash), 1))])
        .package("v1.2.0");
    stage.speak_as(&token);
    stage
        .deploy("v1.0.0", &[])
        .exits(0)
        .says("[WARN] nodes not checked")
        .never_says("Cluster not reachable");
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    assert!(stage.get("service/web").is_null());
    stage
        .deploy("v1.2.0", &["--fail-after-restarts", "1"])
        .exits(10);
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    let client = stage.client.clone();
    stage
        .run(["rollback", "--client", &client, "--to", "v1.0.0", "--yes"])
        .exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    assert!(!stage.get("service/web").is_null());
    // An unchanged version is read and left alone.
    stage.deploy("v1.0.0", &[]).exits(0);
}

#[test]
fn a_user_of_one_namespace_is_told_at_once_all_that_lacks() {
    let (mut stage, token) = with_user(allowing("user-lacks", "PriorityClass.scheduling.k8s.io"));
    let class = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: never-made\nvalue: 7\n";
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: few\nspec:\n  hard: {pods: \"9\"}\n";
    stage
        .sources(&[
            ("class.yaml", class),
            ("quota.yaml", quota),
            ("settings.yaml", &settings("one")),
        ])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy_as(&token, |_, _| ApiFault::None);
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says("Not allowed to create, get, list, patch priorityclasses.scheduling.k8s.io")
        .says(&format!(
            "Not allowed to create, patch resourcequotas in namespace {namespace}"
        ))
        .never_says("configmaps in namespace");
    nothing_written(&proxy);
}

#[test]
fn a_user_of_one_namespace_cannot_have_another_made() {
    let (mut stage, token) = with_user(Stage::new("user-makes"));
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy_as(&token, |_, _| ApiFault::None);
    stage.kubectl(&["delete", "namespace", &namespace]).exits(0);
    stage.deploy("v1.0.0", &[]).exits(9);
    nothing_written(&proxy);
}

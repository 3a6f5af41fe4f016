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
        .says("Not allowed to create, delete, get, list, patch priorityclasses.scheduling.k8s.io")
        .says(&format!(
            "Not allowed to create, delete, patch resourcequotas in namespace {namespace}"
        ))
        .never_says("configmaps in namespace");
    nothing_written(&proxy);
}

#[test]
fn a_user_of_one_namespace_cannot_have_another_made() {
    let (_home, token) = with_user(Stage::new("user-home"));
    let mut stage = Stage::new("user-makes");
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy_as(&token, |_, _| ApiFault::None);
    stage
        .deploy("v1.0.0", &[])
        .exits(9)
        .says(&format!(
            "Not allowed to create, delete, get, list, patch, update configmaps in namespace {namespace}"
        ))
        .says(&format!(
            "Not allowed to create, get, update leases.coordination.k8s.io in namespace {namespace}"
        ));
    assert!(stage.get(&format!("namespace/{namespace}")).is_null());
    nothing_written(&proxy);
}

/// The token of a user with these rules in the stage's namespace, as a role
/// has them, and nothing else.
fn with_rules(stage: &Stage, rules: &str) -> String {
    let namespace = &stage.namespace;
    stage
        .kubectl_apply(
            &format!(
                "apiVersion: v1
kind: ServiceAccount
metadata: {{name: least}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: least}}
rules:
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: least}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: least}}
subjects: [{{kind: ServiceAccount, name: least, namespace: {namespace}}}]
"
            ),
            &[],
        )
        .exits(0);
    let token = stage.kubectl(&["create", "token", "least"]).exits(0);
    token.stdout.trim().to_owned()
}

/// What every client takes.
const LEAST: &str = "- {apiGroups: [\"\"], resources: [configmaps], verbs: [get, list, create, patch, update, delete]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}
- {apiGroups: [\"\"], resources: [pods], verbs: [list]}
- {apiGroups: [apps], resources: [replicasets, controllerrevisions], verbs: [list]}
";

#[test]
fn no_more_is_needed_than_what_a_run_asks_for() {
    let mut stage = Stage::new("least");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let deployments = "- {apiGroups: [apps], resources: [deployments], verbs: [get, list, create, patch, delete]}";
    let token = with_rules(&stage, &format!("{LEAST}{deployments}"));
    for version in ["v1.0.0", "v1.1.0"] {
        stage
            .sources(&[
                ("web.yaml", &web(&stage.image(version, Mode::Ok), 1)),
                ("settings.yaml", &settings(version)),
            ])
            .package(version);
    }
    stage
        .sources(&[("settings.yaml", &settings("v1.2.0"))])
        .package("v1.2.0");
    let _proxy = stage.through_proxy_as(&token, |_, _| ApiFault::None);
    for version in ["v1.0.0", "v1.1.0"] {
        stage.deploy(version, &[]).exits(0);
        assert_eq!(stage.answers("app=web"), [version]);
    }
    stage
        .deploy("v1.2.0", &[])
        .exits(0)
        .says("deployment.apps/web deleted");
    assert!(stage.get("deployment/web").is_null());
}

#[test]
fn d5_who_may_not_remove_what_has_to_go_is_told_before() {
    let mut stage = Stage::new("least-prune");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let services =
        "- {apiGroups: [\"\"], resources: [services], verbs: [get, list, create, patch]}";
    let token = with_rules(&stage, &format!("{LEAST}{services}"));
    stage
        .sources(&[
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("one")),
        ])
        .package("v1.0.0");
    stage
        .sources(&[("settings.yaml", &settings("two"))])
        .package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let proxy = stage.through_proxy_as(&token, |_, _| ApiFault::None);
    let lacks = format!("Not allowed to delete services in namespace {namespace}");
    for version in ["v1.0.0", "v1.1.0"] {
        stage.deploy(version, &[]).exits(9).says(&lacks);
    }
    nothing_written(&proxy);
}

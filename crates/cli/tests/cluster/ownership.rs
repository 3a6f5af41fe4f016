//! Whose objects and fields they are: rows D10 and D19, autoscalers, and users
//! of one namespace.

use std::process::Command;

use serde_json::{Value, json};
use testkit::api_proxy::{ApiFault, ApiProxy};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::stage::{SERVICE, Stage, settings, web};

fn recording(stage: &mut Stage) -> ApiProxy {
    stage.through_proxy(|_, _| ApiFault::None)
}

#[track_caller]
fn nothing_written(proxy: &ApiProxy) {
    assert!(proxy.writes().is_empty(), "{:#?}", proxy.writes());
}

/// The managers of an object, those of its status aside.
fn managers(object: &Value) -> Vec<&str> {
    let entries = object["metadata"]["managedFields"].as_array();
    let mut managers: Vec<&str> = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry["subresource"] != "status")
        .filter_map(|entry| entry["manager"].as_str())
        .collect();
    managers.sort_unstable();
    managers.dedup();
    managers
}

/// Two versions of a ConfigMap, the first deployed.
fn two_settings(name: &str) -> Stage {
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

#[test]
fn d19_what_plain_apply_deployed_is_adopted_and_no_field_is_left_owned_by_nobody() {
    let stage = Stage::new("d19");
    // As today's scripts leave a client: a field and an object that later
    // versions do not have, and some that they have.
    let scripts = [
        web(&stage.image("v0.9.0", Mode::Ok), 1).replace(
            "      automountServiceAccountToken: false\n",
            "      automountServiceAccountToken: false\n      terminationGracePeriodSeconds: 3\n",
        ),
        SERVICE.to_owned(),
        settings("scripts") + "  gone: at-once\n  later: gone\n",
    ];
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage.kubectl_apply(&scripts.join("---\n"), &[]).exits(0);
    stage
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"])
        .exits(0);

    let one = settings("one") + "  later: gone\n";
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.0.0", Mode::Ok), 1)),
            ("service.yaml", SERVICE),
            ("settings.yaml", &one),
        ])
        .package("v1.0.0");
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.1.0", Mode::Ok), 1)),
            ("settings.yaml", &settings("two")),
        ])
        .package("v1.1.0");
    let plan = stage.deploy("v1.0.0", &["--dry-run"]).exits(0);
    for line in [
        "change deployment.apps/web (adopted from plain kubectl apply)",
        "change service/web (adopted from plain kubectl apply)",
        "change configmap/settings (adopted from plain kubectl apply)",
        "  - .data.gone: \"…\"",
    ] {
        assert!(
            plan.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            plan.stdout
        );
    }
    // Defaults that plain apply owns come back: that is no change.
    for default in ["dnsPolicy", "sessionAffinity", "annotations:", "protocol"] {
        assert!(!plan.stdout.contains(default), "{default}\n{}", plan.stdout);
    }
    stage.deploy("v1.0.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    for what in ["deployment/web", "service/web", "configmap/settings"] {
        let object = stage.get(what);
        let others: Vec<&str> = managers(&object)
            .into_iter()
            .filter(|m| !["consign", "kube-controller-manager"].contains(m))
            .collect();
        assert!(others.is_empty(), "{what}: {others:?}");
        let last =
            &object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
        assert!(last.is_null(), "{what}: {last}");
    }
    let data = &stage.get("configmap/settings")["data"];
    assert_eq!(*data, json!({"text": "one", "later": "gone"}));
    // Its default again.
    let grace =
        &stage.get("deployment/web")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    assert_eq!(*grace, 30);

    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.1.0"]);
    assert_eq!(
        stage.get("configmap/settings")["data"],
        json!({"text": "two"})
    );
    assert!(stage.get("service/web").is_null());
}

#[test]
fn d19_plain_apply_in_between_takes_nothing_for_good() {
    let stage = two_settings("d19-between");
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .kubectl_apply(&(settings("by script") + "  more: by-script\n"), &[])
        .exits(0);
    stage
        .deploy("v1.1.0", &[])
        .exits(0)
        .says("change configmap/settings (adopted from plain kubectl apply)");
    let object = stage.get("configmap/settings");
    assert_eq!(object["data"], json!({"text": "two"}));
    assert_eq!(managers(&object), ["consign"]);
}

#[test]
fn d19_an_object_of_others_is_not_touched_unless_adopted() {
    let mut stage = Stage::new("d19-foreign");
    let second = settings("one").replace("name: settings", "name: second");
    stage
        .sources(&[
            ("settings.yaml", &settings("one")),
            ("second.yaml", &second),
        ])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl(&[
            "create",
            "configmap",
            "settings",
            "--from-literal=text=theirs",
            "--from-literal=own=theirs",
        ])
        .exits(0);
    stage
        .kubectl_apply(
            &second.replace("one", "theirs"),
            &["--server-side", "--field-manager=their-operator"],
        )
        .exits(0);
    let proxy = recording(&mut stage);
    for flags in [
        &[][..],
        &["--take-over=kubectl-create", "--take-over=their-operator"],
    ] {
        stage
            .deploy("v1.0.0", flags)
            .exits(5)
            .says("/settings exists and is not consign's; it is managed by kubectl-create")
            .says("--adopt configmap/settings")
            .says("/second exists and is not consign's; it is managed by their-operator");
    }
    stage
        .deploy("v1.0.0", &["--adopt", "ConfigMap/settings"])
        .exits(5)
        .says("/second exists")
        .never_says("/settings exists");
    nothing_written(&proxy);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "theirs");
    let both = [
        "--adopt",
        "configmap/settings",
        "--adopt",
        "configmap/second",
    ];
    stage
        .deploy("v1.0.0", &both)
        .exits(0)
        .says("change configmap/settings (adopted)");
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "one");
    assert_eq!(stage.get("configmap/second")["data"]["text"], "one");
    // It is ours by now.
    stage.deploy("v1.0.0", &[]).exits(0);
}

#[test]
fn d19_what_a_person_edited_too_is_adopted_only_when_asked() {
    let mut stage = Stage::new("d19-edited");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl_apply(
            &(settings("scripts") + "  gone: at-once\n  later: gone\n"),
            &[],
        )
        .exits(0);
    let edit = "{\"data\":{\"text\":\"edited\",\"kept\":\"by-edit\"}}";
    stage
        .kubectl(&[
            "patch",
            "configmap",
            "settings",
            "--field-manager=kubectl-edit",
            "-p",
            edit,
        ])
        .exits(0);
    let one = settings("one") + "  later: gone\n";
    stage.sources(&[("settings.yaml", &one)]).package("v1.0.0");
    stage
        .sources(&[("settings.yaml", &settings("two"))])
        .package("v1.1.0");
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(5)
        .says("it is managed by kubectl-client-side-apply, kubectl-edit");
    nothing_written(&proxy);
    stage
        .deploy("v1.0.0", &["--adopt", "configmap/settings"])
        .exits(0);
    let data = stage.get("configmap/settings")["data"].clone();
    assert_eq!(
        data,
        json!({"text": "one", "later": "gone", "kept": "by-edit"})
    );
    stage.deploy("v1.1.0", &[]).exits(0);
    let data = stage.get("configmap/settings")["data"].clone();
    assert_eq!(data, json!({"text": "two", "kept": "by-edit"}));
}

#[test]
fn d19_all_of_others_adopted_at_once() {
    let stage = two_settings("d19-all");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl(&[
            "create",
            "configmap",
            "settings",
            "--from-literal=text=theirs",
        ])
        .exits(0);
    stage.deploy("v1.0.0", &[]).exits(5);
    stage.deploy("v1.0.0", &["--adopt-all"]).exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "one");
    stage.deploy("v1.1.0", &[]).exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "two");
}

#[test]
fn d19_elsewhere_even_plain_apply_is_somebody_elses() {
    let mut stage = Stage::new("d19-elsewhere");
    let text = stage.hosting.read("consign.yaml");
    let allowed = "policy:\n  cluster-kinds: [PriorityClass.scheduling.k8s.io]\n";
    stage.hosting.write("consign.yaml", text + allowed);
    let class = format!(
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: {}\nvalue: 7\n",
        stage.client
    );
    stage.sources(&[("class.yaml", &class)]).package("v1.0.0");
    stage.kubectl_apply(&class, &[]).exits(0);
    let proxy = recording(&mut stage);
    stage
        .deploy("v1.0.0", &[])
        .exits(5)
        .says("it is managed by kubectl-client-side-apply");
    nothing_written(&proxy);
    let name = format!("priorityclass/{}", stage.client);
    stage.deploy("v1.0.0", &["--adopt", &name]).exits(0);
    stage.kubectl(&["delete", &name]).exits(0);
}

const SCALER: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 2
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}
";

#[test]
fn replicas_are_handed_over_to_an_autoscaler_and_never_fall_back() {
    let mut stage = Stage::new("scaler");
    let scaled = |version: &str| web(&stage.image(version, Mode::Ok), 1);
    let (first, second, third) = (scaled("v1.0.0"), scaled("v1.1.0"), scaled("v1.2.0"));
    stage.sources(&[("web.yaml", &first)]).package("v1.0.0");
    stage
        .sources(&[("web.yaml", &second), ("scaler.yaml", SCALER)])
        .package("v1.1.0");
    stage
        .sources(&[("web.yaml", &third), ("scaler.yaml", SCALER)])
        .package("v1.2.0");
    let replicas = |stage: &Stage| stage.get("deployment/web")["spec"]["replicas"].clone();
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .deploy("v1.1.0", &["--dry-run"])
        .exits(0)
        .says("change deployment.apps/web (replicas 1 handed over to the autoscaler)");
    stage.deploy("v1.1.0", &[]).exits(0);
    stage.until("scaled to two", || replicas(&stage) == 2);
    let object = stage.get("deployment/web");
    let ours = object["metadata"]["managedFields"]
        .as_array()
        .and_then(|entries| entries.iter().find(|e| e["manager"] == "consign"))
        .expect("it is ours");
    assert!(ours["fieldsV1"]["f:spec"]["f:replicas"].is_null(), "{ours}");
    let proxy = recording(&mut stage);
    stage.deploy("v1.2.0", &[]).exits(0);
    assert_eq!(replicas(&stage), 2);
    assert_eq!(stage.answers("app=web"), ["v1.2.0", "v1.2.0"]);
    let sent: Vec<Value> = proxy
        .writes()
        .iter()
        .filter(|w| w.path.ends_with("/deployments/web"))
        .map(|w| serde_json::from_slice(&w.body).expect("it is JSON"))
        .collect();
    // More than one where the controllers were faster with the status.
    assert!(!sent.is_empty());
    for body in sent {
        assert!(body["spec"]["replicas"].is_null(), "{body}");
    }
}

#[test]
fn replicas_stay_when_what_plain_apply_deployed_is_adopted_beside_an_autoscaler() {
    let stage = Stage::new("scaler-adopted");
    let image = stage.image("v1", Mode::Ok);
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    stage
        .kubectl_apply(&format!("{}---\n{SCALER}", web(&image, 2)), &[])
        .exits(0);
    stage
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"])
        .exits(0);
    // The very image: nothing but a change of replicas would scale anything.
    stage
        .sources(&[("web.yaml", &web(&image, 1)), ("scaler.yaml", SCALER)])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0).says(
        "change deployment.apps/web (adopted from plain kubectl apply; replicas 2 handed over to the autoscaler)",
    );
    let object = stage.get("deployment/web");
    assert_eq!(object["spec"]["replicas"], 2);
    assert!(!managers(&object).contains(&"kubectl-client-side-apply"));
    let events = stage
        .kubectl(&["get", "events", "-o", "jsonpath={.items[*].message}"])
        .exits(0);
    assert!(events.stdout.contains("from 0 to 2"), "{}", events.stdout);
    events.never_says("from 2 to 1");
}

#[test]
fn replicas_of_the_manifest_are_sent_when_the_workload_is_made() {
    let mut stage = Stage::new("scaler-new");
    stage
        .sources(&[
            ("web.yaml", &web(&stage.image("v1.0.0", Mode::Ok), 2)),
            ("scaler.yaml", SCALER),
        ])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    stage.deploy("v1.0.0", &["--no-wait"]).exits(0);
    let made = proxy
        .writes()
        .into_iter()
        .find(|w| w.path.ends_with("/deployments/web"))
        .expect("it is made");
    let made: Value = serde_json::from_slice(&made.body).expect("it is JSON");
    assert_eq!(made["spec"]["replicas"], 2);
}

/// A client whose namespace exists, and the token of a user who may work in
/// it alone.
fn of_namespace_user(name: &str) -> (Stage, String) {
    let stage = Stage::new(name);
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
    let (mut stage, token) = of_namespace_user("user");
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
    let (mut stage, token) = of_namespace_user("user-lacks");
    let text = stage.hosting.read("consign.yaml");
    let allowed = "policy:\n  cluster-kinds: [PriorityClass.scheduling.k8s.io]\n";
    stage.hosting.write("consign.yaml", text + allowed);
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
    let (mut stage, token) = of_namespace_user("user-makes");
    stage
        .sources(&[("settings.yaml", &settings("one"))])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy_as(&token, |_, _| ApiFault::None);
    stage.kubectl(&["delete", "namespace", &namespace]).exits(0);
    stage.deploy("v1.0.0", &[]).exits(9);
    nothing_written(&proxy);
}

//! Objects that were there before.

use serde_json::{Value, json};
use testkit::image::Mode;

use crate::ownership::two_settings;
use crate::recorded::{allowing, nothing_written, recording};
use crate::stage::{SERVICE, Stage, settings, web};

/// The managers of an object, those of its status aside.
pub fn managers(object: &Value) -> Vec<&str> {
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
    let mut stage = allowing("d19-elsewhere", "PriorityClass.scheduling.k8s.io");
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

/// The `ServiceAccount` that the cluster makes in each namespace.
const DEFAULT_ACCOUNT: &str = "apiVersion: v1
kind: ServiceAccount
metadata:
  name: default
automountServiceAccountToken: false
";

#[test]
fn d19_the_account_that_the_cluster_makes_is_the_one_that_is_meant() {
    let stage = Stage::new("d19-default");
    stage
        .sources(&[("account.yaml", DEFAULT_ACCOUNT)])
        .package("v1.0.0")
        .package("v1.1.0");
    // The controller makes it in a new namespace, before or after us.
    stage.deploy("v1.0.0", &[]).exits(0);
    let account = stage.get("serviceaccount/default");
    assert_eq!(account["automountServiceAccountToken"], false, "{account}");
    stage.deploy("v1.1.0", &[]).exits(0);
    // One that is there already is meant too.
    let other = Stage::new("d19-default");
    other
        .kubectl(&["create", "namespace", &other.namespace])
        .exits(0);
    other.until("has its account", || {
        !other.get("serviceaccount/default").is_null()
    });
    other
        .sources(&[("account.yaml", DEFAULT_ACCOUNT)])
        .package("v1.0.0");
    other.deploy("v1.0.0", &[]).exits(0);
    let account = other.get("serviceaccount/default");
    assert_eq!(account["automountServiceAccountToken"], false, "{account}");
}

//! The proof of serving.

use rollout::ready::{Observed, serves};
use serde_json::{Value, json};

use crate::objects::{NEW, OLD, crashing, pod, replica_set, with, workload};

fn deployment() -> Value {
    with(
        workload("apps/v1", "Deployment"),
        &[(
            "/status",
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
        )],
    )
}

/// The package's own words: no UID, no status, no defaults.
fn expected(kind: &str) -> Value {
    json!({"kind": kind, "spec": {"template": {"spec": {"containers": [{"name": "web", "image": NEW}]}}}})
}

fn proof(object: &Value, pods: &[Value], kind: &str) -> Result<usize, (String, Option<String>)> {
    let sets = [replica_set("old", OLD, 0), replica_set("new", NEW, 2)];
    let observed = Observed {
        replica_sets: &sets,
        pods,
        ..Observed::of(object)
    };
    serves(&observed, &expected(kind))
        .map(|served| served.pods)
        .map_err(|not| (not.why, not.manager))
}

fn new_pods() -> [Value; 2] {
    [
        pod("web-new-a", "uid-new", NEW),
        pod("web-new-b", "uid-new", NEW),
    ]
}

#[test]
fn d14_as_many_ready_pods_of_the_new_revision_as_wanted_serve() {
    assert_eq!(proof(&deployment(), &new_pods(), "Deployment"), Ok(2));
    let [a, b] = new_pods();
    // An old one does not stand in for a new one, nor does one on its way out.
    for second in [
        pod("web-old-a", "uid-old", NEW),
        with(
            b.clone(),
            &[("/metadata/deletionTimestamp", json!("2026-03-01T10:00:00Z"))],
        ),
    ] {
        assert_eq!(
            proof(&deployment(), &[a.clone(), second], "Deployment"),
            Err(("1 of 2 new pods are ready".to_owned(), None))
        );
    }
    let (why, _) = proof(&deployment(), &[a, crashing(b, 1)], "Deployment").unwrap_err();
    assert_eq!(
        why,
        "1 of 2 new pods are ready; web-new-b: container web: CrashLoopBackOff \
         (restarted once; last exit code 1 (Error))"
    );
}

#[test]
fn d15_nothing_serves_before_its_controller_has_seen_it() {
    let unseen = with(deployment(), &[("/status/observedGeneration", json!(1))]);
    let (why, _) = proof(&unseen, &new_pods(), "Deployment").unwrap_err();
    assert_eq!(why, "its controller has not seen this change yet");
}

#[test]
fn d14_injected_containers_are_ignored_and_changed_ones_are_not() {
    let [a, b] = new_pods();
    let injected = with(
        b.clone(),
        &[(
            "/spec/containers",
            json!([{"name": "proxy", "image": "mesh.example/proxy:1"}, {"name": "web", "image": NEW}]),
        )],
    );
    assert_eq!(
        proof(&deployment(), &[a.clone(), injected], "Deployment"),
        Ok(2)
    );

    let changed = with(b.clone(), &[("/spec/containers/0/image", json!(OLD))]);
    let (why, _) = proof(&deployment(), &[a.clone(), changed], "Deployment").unwrap_err();
    assert_eq!(
        why,
        format!("web-new-b: container web has image {OLD}, the package has {NEW}")
    );

    let gone = with(b.clone(), &[("/spec/containers/0/name", json!("other"))]);
    let (why, _) = proof(&deployment(), &[a.clone(), gone], "Deployment").unwrap_err();
    assert_eq!(why, "web-new-b: container web is not there");

    // A mirror of the cluster's own: another name, the same digest.
    let digest = NEW.split_once('@').unwrap().1;
    let mirrored = with(
        b,
        &[(
            "/spec/containers/0/image",
            json!(format!("mirror.example/web:v2@{digest}")),
        )],
    );
    assert_eq!(proof(&deployment(), &[a, mirrored], "Deployment"), Ok(2));
}

#[test]
fn what_the_runtime_reports_does_not_matter() {
    let [a, b] = new_pods();
    let reported = with(
        b,
        &[
            ("/status/containerStatuses/0/image", json!("sha256:3333")),
            (
                "/status/containerStatuses/0/imageID",
                json!("registry.example/web@sha256:4444"),
            ),
        ],
    );
    assert_eq!(proof(&deployment(), &[a, reported], "Deployment"), Ok(2));
}

#[test]
fn b9_who_put_another_version_back_is_named() {
    let owns = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"web\"}": {"f:image": {}},
    }}}}});
    let fields = json!([
        {"manager": "consign", "operation": "Apply", "time": "2026-03-01T10:00:00Z", "fieldsV1": owns},
        {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T10:00:01Z", "fieldsV1": owns},
        {"manager": "argocd-controller", "operation": "Apply", "time": "2026-03-01T10:00:09Z", "fieldsV1": owns},
        {"manager": "kube-controller-manager", "operation": "Update", "time": "2026-03-01T10:00:10Z",
         "fieldsV1": {"f:status": {}}},
    ]);
    let replaced = with(
        deployment(),
        &[
            ("/spec/template/spec/containers/0/image", json!(OLD)),
            ("/metadata/managedFields", fields),
        ],
    );
    let (why, manager) = proof(&replaced, &new_pods(), "Deployment").unwrap_err();
    assert_eq!(
        why,
        format!("its template: container web has image {OLD}, the package has {NEW}")
    );
    assert_eq!(manager.as_deref(), Some("argocd-controller"));

    // Nobody but us: nobody to name.
    let ours = with(
        replaced,
        &[
            ("/metadata/managedFields/1/manager", json!("consign")),
            ("/metadata/managedFields/2/manager", json!("consign")),
        ],
    );
    assert_eq!(proof(&ours, &new_pods(), "Deployment").unwrap_err().1, None);
}

#[test]
fn init_containers_and_image_volumes_count() {
    let spec = |init: &str, volume: &str| {
        json!({
            "containers": [{"name": "web", "image": NEW}],
            "initContainers": [{"name": "prepare", "image": init}],
            "volumes": [{"name": "data", "image": {"reference": volume}}, {"name": "tmp", "emptyDir": {}}],
        })
    };
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "once", "uid": "u"}, "spec": spec(NEW, NEW),
        "status": pod("once", "", NEW)["status"]});
    let check = |live: Value| {
        let live = with(object.clone(), &[("/spec", live)]);
        serves(&Observed::of(&live), &object).map_err(|not| not.why)
    };
    assert_eq!(check(spec(NEW, NEW)).unwrap().pods, 1);
    assert_eq!(
        check(spec(OLD, NEW)).unwrap_err(),
        format!("its template: init container prepare has image {OLD}, the package has {NEW}")
    );
    assert_eq!(
        check(spec(NEW, OLD)).unwrap_err(),
        format!("its template: volume data has image {OLD}, the package has {NEW}")
    );
}

#[test]
fn a_stateful_set_serves_from_its_partition_upwards() {
    let set = |partition: i64| {
        with(
            workload("apps/v1", "StatefulSet"),
            &[
                (
                    "/spec/updateStrategy",
                    json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}),
                ),
                (
                    "/status",
                    json!({"observedGeneration": 2, "updateRevision": "web-new"}),
                ),
            ],
        )
    };
    let member = |name: &str, image: &str, revision: &str| {
        with(
            pod(name, "uid-web", image),
            &[("/metadata/labels/controller-revision-hash", json!(revision))],
        )
    };
    let pods = [
        member("web-0", OLD, "web-old"),
        member("web-1", NEW, "web-new"),
    ];
    assert_eq!(proof(&set(1), &pods, "StatefulSet"), Ok(1));
    assert!(proof(&set(0), &pods, "StatefulSet").is_err());
    let manual = with(
        set(0),
        &[("/spec/updateStrategy", json!({"type": "OnDelete"}))],
    );
    assert_eq!(proof(&manual, &pods, "StatefulSet"), Ok(1));
}

#[test]
fn a_daemon_set_serves_on_every_node_that_wants_it() {
    let set = |strategy: &str, nodes: i64| {
        with(
            workload("apps/v1", "DaemonSet"),
            &[
                (
                    "/metadata/annotations",
                    json!({"deprecated.daemonset.template.generation": "2"}),
                ),
                ("/spec/updateStrategy", json!({"type": strategy})),
                (
                    "/status",
                    json!({"observedGeneration": 2, "desiredNumberScheduled": nodes}),
                ),
            ],
        )
    };
    let on_node = |name: &str, generation: &str| {
        with(
            pod(name, "uid-web", NEW),
            &[(
                "/metadata/labels/pod-template-generation",
                json!(generation),
            )],
        )
    };
    let pods = [on_node("web-a", "2"), on_node("web-b", "1")];
    assert_eq!(proof(&set("RollingUpdate", 1), &pods, "DaemonSet"), Ok(1));
    assert!(proof(&set("RollingUpdate", 2), &pods, "DaemonSet").is_err());
    assert_eq!(proof(&set("OnDelete", 2), &pods, "DaemonSet"), Ok(1));
}

#[test]
fn jobs_serve_when_complete_and_what_has_no_pods_by_being_there() {
    let job = |status: Value| with(workload("batch/v1", "Job"), &[("/status", status)]);
    let complete = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    assert_eq!(proof(&job(complete), &[], "Job"), Ok(1));
    assert_eq!(
        proof(&job(json!({"active": 1})), &[], "Job"),
        Err(("it is not complete".to_owned(), None))
    );
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    assert_eq!(serves(&Observed::of(&map), &map).unwrap().pods, 0);

    let cron = |image: &str| {
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {
            "spec": {"containers": [{"name": "web", "image": image}]}}}}}})
    };
    assert_eq!(
        serves(&Observed::of(&cron(NEW)), &cron(NEW)).unwrap().pods,
        0
    );
    assert!(serves(&Observed::of(&cron(OLD)), &cron(NEW)).is_err());
}

//! In the server's own words: what it refuses, who it says
//! owns what, and what it makes of a plan.

use model::digest::Digest;
use model::finding::{Class, Finding};
use rollout::api::Call;
use rollout::draft::{Adopt, Adoption};
use rollout::fields::{self, LAST_APPLIED};
use rollout::plan::{Act, Plan, Rules, Step};
use serde_json::{Value, json};

use crate::sealed::package;
use crate::server::Server;

fn pod() -> Value {
    let image = format!("example.com/web@{}", Digest::of(b"web"));
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn object(client: &str, api_version: &str, kind: &str, rest: &Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": format!("sh-{client}")}});
    for (key, value) in rest.as_object().unwrap() {
        object[key.as_str()] = value.clone();
    }
    object
}

fn deployment(client: &str, replicas: Option<i64>) -> Value {
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": pod()});
    if let Some(replicas) = replicas {
        spec["replicas"] = json!(replicas);
    }
    object(client, "apps/v1", "Deployment", &json!({"spec": spec}))
}

fn config(client: &str, data: &Value) -> Value {
    object(client, "v1", "ConfigMap", &json!({"data": data}))
}

/// A server with the client's Namespace, which is ours.
fn server(client: &str) -> Server {
    let server = Server::shared();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("sh-{client}")}});
    server.apply(&namespace).unwrap();
    server
}

fn planned(server: &Server, client: &str, objects: &[Value]) -> Result<Plan, Vec<Finding>> {
    let planned = server.plan(&package(client, objects), &Rules::default());
    planned.map(|(plan, _)| plan)
}

/// The step of the one object of a package.
fn step(plan: &Plan) -> &Step {
    &plan.steps[1]
}

fn codes(result: Result<Plan, Vec<Finding>>) -> Vec<(&'static str, String)> {
    result
        .unwrap_err()
        .into_iter()
        .map(|f| (f.code, f.message))
        .collect()
}

/// Runs a package, and sees that nothing is left to do then.
fn run(server: &Server, client: &str, objects: &[Value], rules: &Rules) -> Plan {
    let package = package(client, objects);
    let planned = server.plan(&package, rules).unwrap();
    server.run(&planned);
    let (after, _) = server.plan(&package, &Rules::default()).unwrap();
    assert!(after.is_quiet(), "{:?}", after.steps);
    planned.0
}

#[test]
fn d7_d8_every_object_that_the_server_rejects_is_named_and_nothing_is_written() {
    let mut server = server("rejects");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "gears.example.net"},
        "spec": {"group": "example.net", "scope": "Namespaced", "names": {"plural": "gears", "kind": "Gear"}, "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {"teeth": {"type": "integer"}}}}}}}]}});
    server.apply(&definition).unwrap();
    server.wait_established(&definition);
    let unknown = object(
        "rejects",
        "example.net/v1",
        "Gear",
        &json!({"spec": {"teeth": 1, "tooth": 1}}),
    );
    let mut invalid = deployment("rejects", Some(1));
    invalid["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    let good = object(
        "rejects",
        "v1",
        "Service",
        &json!({"spec": {"ports": [{"port": 80}]}}),
    );
    let said = codes(planned(
        &server,
        "rejects",
        &[unknown, good.clone(), invalid],
    ));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|(code, _)| *code == "object-refused"));
    assert!(
        said[0].1.contains("Gear sh-rejects/x") && said[0].1.contains("tooth"),
        "{said:?}"
    );
    assert!(
        said[1].1.contains("Deployment sh-rejects/x") && said[1].1.contains("selector"),
        "{said:?}"
    );
    // The good one was tried and not made.
    assert_eq!(
        step(&planned(&server, "rejects", &[good]).unwrap()).act,
        Act::Create
    );
}

#[test]
fn b4_kinds_that_are_not_served_any_more_are_refused() {
    let server = server("removed");
    let missing = object("removed", "example.com/v1", "Missing", &json!({}));
    let mut other = missing.clone();
    other["kind"] = json!("Other");
    let said = codes(planned(&server, "removed", &[missing, other]));
    assert_eq!(
        said,
        [
            (
                "kind-not-served",
                "Missing sh-removed/x: the cluster does not serve example.com/v1 Missing"
                    .to_owned()
            ),
            (
                "kind-not-served",
                "Other sh-removed/x: the cluster does not serve example.com/v1 Other".to_owned()
            ),
        ]
    );
}

#[test]
fn d10_what_others_took_is_refused_with_their_names_and_taken_back_when_asked() {
    let (client, server) = ("taken", server("taken"));
    let object = deployment(client, Some(2));
    run(
        &server,
        client,
        std::slice::from_ref(&object),
        &Rules::default(),
    );
    server.scale(&object, 5);
    let image = format!("example.com/other@{}", Digest::of(b"other"));
    let edit = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
    server.edit(&object, "kubectl-edit", &edit);
    let findings = planned(&server, client, std::slice::from_ref(&object)).unwrap_err();
    assert!(
        findings
            .iter()
            .all(|f| f.class == Class::Conflict && f.code == "field-conflict")
    );
    let said: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "Deployment sh-taken/x: .spec.replicas belongs to manager \"kubectl\"",
            "Deployment sh-taken/x: .spec.template.spec.containers[name=\"web\"].image belongs to manager \"kubectl-edit\"",
        ]
    );
    let mut rules = Rules::default();
    rules.choices.take_over = vec!["kubectl".to_owned(), "kubectl-edit".to_owned()];
    let plan = run(&server, client, std::slice::from_ref(&object), &rules);
    let Act::Change(changes) = &step(&plan).act else {
        panic!("{:?}", step(&plan).act)
    };
    assert_eq!(changes.len(), 2, "{changes:?}");
    let live = server.listed(&object);
    assert_eq!(live["spec"]["replicas"], 2);
    assert_eq!(
        fields::owners(&live, &["f:spec", "f:replicas"]),
        ["consign"]
    );
}

#[test]
fn d10_a_field_that_somebody_removed_comes_back() {
    let (client, server) = ("removal", server("removal"));
    let object = config(client, &json!({"a": "1", "b": "2"}));
    run(
        &server,
        client,
        std::slice::from_ref(&object),
        &Rules::default(),
    );
    server.change(&object, "kubectl-edit", &json!({"data": {"a": null}}));
    let plan = run(
        &server,
        client,
        std::slice::from_ref(&object),
        &Rules::default(),
    );
    assert!(matches!(step(&plan).act, Act::Change(_)));
    assert_eq!(server.listed(&object)["data"], object["data"]);
    // What others add is theirs, and stays.
    server.change(&object, "kubectl-edit", &json!({"data": {"c": "3"}}));
    assert!(planned(&server, client, &[object]).unwrap().is_quiet());
}

#[test]
fn d19_what_plain_apply_made_is_adopted_and_nothing_is_owned_by_nobody() {
    let (client, server) = ("adopted", server("adopted"));
    let mut made = config(client, &json!({"kept": "1", "dropped": "2"}));
    made["metadata"]["annotations"] = json!({LAST_APPLIED: "{}", "old": "x"});
    server.make(&made, "kubectl-client-side-apply");
    let object = config(client, &json!({"kept": "1"}));
    let plan = run(
        &server,
        client,
        std::slice::from_ref(&object),
        &Rules::default(),
    );
    assert_eq!(step(&plan).adoption, Some(Adoption::ClientSide));
    let Act::Change(changes) = &step(&plan).act else {
        panic!()
    };
    let mut paths: Vec<&str> = changes.iter().map(|c| c.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, [".data.dropped", ".metadata.annotations"]);
    let live = server.listed(&object);
    assert_eq!(live["data"], json!({"kept": "1"}));
    assert!(live["metadata"].get("annotations").is_none(), "{live}");
    let managers: Vec<&str> = fields::entries(&live).map(|e| e.manager).collect();
    assert_eq!(managers, ["consign"]);
}

#[test]
fn d19_what_others_made_is_refused_until_it_is_named() {
    let (client, server) = ("foreign", server("foreign"));
    let object = config(client, &json!({"a": "1"}));
    server.make(&config(client, &json!({"a": "0", "b": "0"})), "helm");
    let said = codes(planned(&server, client, std::slice::from_ref(&object)));
    assert_eq!(said.len(), 1);
    assert!(
        said[0].0 == "object-foreign" && said[0].1.ends_with("managed by helm"),
        "{said:?}"
    );
    let mut rules = Rules::default();
    rules.choices.adopt = Adopt::Named(rollout::order::parse_references("configmap/x").unwrap());
    run(&server, client, std::slice::from_ref(&object), &rules);
    // What the package does not name is left to its manager.
    assert_eq!(server.listed(&object)["data"], json!({"a": "1", "b": "0"}));
}

#[test]
fn replicas_survive_an_autoscaler_that_comes_with_a_package_without_them() {
    for (client, after) in [("scaled-with", Some(3)), ("scaled-without", None)] {
        let server = server(client);
        let scaler = object(
            client,
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            &json!({"spec": {
            "maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}}}),
        );
        let first = deployment(client, Some(3));
        run(
            &server,
            client,
            std::slice::from_ref(&first),
            &Rules::default(),
        );
        let plan = run(
            &server,
            client,
            &[deployment(client, after), scaler],
            &Rules::default(),
        );
        assert_eq!(step(&plan).handover, Some(3), "{client}");
        let live = server.listed(&first);
        assert_eq!(live["spec"]["replicas"], 3, "{client}");
        assert_eq!(
            fields::owners(&live, &["f:spec", "f:replicas"]),
            ["consign-handover"]
        );
        // The scaler goes, and the package's number counts again.
        let path = server.path(&object(
            client,
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            &json!({}),
        ));
        server.send(&Call::delete(path, &json!({}))).unwrap();
        run(
            &server,
            client,
            &[deployment(client, Some(4))],
            &Rules::default(),
        );
        assert_eq!(server.listed(&first)["spec"]["replicas"], 4, "{client}");
    }
}

/// What cannot be changed: the object, and the change.
#[expect(clippy::too_many_lines, reason = "a table of kinds")]
fn immutable(client: &str) -> Vec<(Value, Value)> {
    let labels = json!({"spec": {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}});
    let selector = json!({"matchLabels": {"app": "web"}});
    let spec = |value: Value| json!({"spec": value});
    let claim = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "a", "resources": {"requests": {"storage": "1Gi"}}});
    let mut job = pod();
    job["spec"]["restartPolicy"] = json!("Never");
    let object =
        |api_version: &str, kind: &str, rest: Value| object(client, api_version, kind, &rest);
    let anywhere = |api_version: &str, kind: &str, rest: Value| {
        let mut object = object(api_version, kind, rest);
        object["metadata"] = json!({"name": "row-d18"});
        object
    };
    let mut pods = pod();
    pods["metadata"] = json!({"name": "x", "namespace": format!("sh-{client}")});
    vec![
        (
            anywhere("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 1})),
            json!({"value": 2}),
        ),
        (
            anywhere(
                "storage.k8s.io/v1",
                "StorageClass",
                json!({"provisioner": "a", "parameters": {"a": "1"}}),
            ),
            json!({"parameters": {"a": "2"}}),
        ),
        (
            anywhere(
                "storage.k8s.io/v1",
                "StorageClass",
                json!({"provisioner": "a"}),
            ),
            json!({"provisioner": "b"}),
        ),
        (
            anywhere(
                "networking.k8s.io/v1",
                "IngressClass",
                json!({"spec": {"controller": "example.com/a"}}),
            ),
            json!({"spec": {"controller": "example.com/b"}}),
        ),
        (
            object("v1", "Pod", pods),
            spec(json!({"hostname": "other"})),
        ),
        (deployment(client, None), labels.clone()),
        (
            object(
                "apps/v1",
                "DaemonSet",
                spec(json!({"selector": selector, "template": pod()})),
            ),
            labels.clone(),
        ),
        (
            object(
                "apps/v1",
                "StatefulSet",
                spec(json!({"serviceName": "a", "selector": selector, "template": pod()})),
            ),
            labels,
        ),
        (
            object(
                "apps/v1",
                "StatefulSet",
                spec(json!({"serviceName": "a", "selector": selector, "template": pod()})),
            ),
            spec(json!({"serviceName": "b"})),
        ),
        (
            object("batch/v1", "Job", spec(json!({"template": job}))),
            spec(json!({"template": {"spec": {"terminationGracePeriodSeconds": 1}}})),
        ),
        (
            object("batch/v1", "Job", spec(json!({"template": job}))),
            spec(json!({"completionMode": "Indexed", "completions": 1})),
        ),
        (
            object(
                "v1",
                "Service",
                spec(json!({"clusterIP": "10.0.0.77", "ports": [{"port": 80}]})),
            ),
            spec(json!({"clusterIP": "10.0.0.78"})),
        ),
        (
            object("v1", "PersistentVolumeClaim", spec(claim)),
            spec(json!({"storageClassName": "b"})),
        ),
        (
            object(
                "v1",
                "ConfigMap",
                json!({"immutable": true, "data": {"a": "1"}}),
            ),
            json!({"data": {"a": "2"}}),
        ),
        (
            object(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"}}),
            ),
            json!({"roleRef": {"name": "b"}}),
        ),
    ]
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[test]
fn d18_immutable_fields_are_known_by_the_servers_words() {
    let (client, server) = ("immutable", server("immutable"));
    for (object, change) in immutable(client) {
        let kind = format!("{} {change}", object["kind"]);
        server.apply(&object).unwrap();
        let mut changed = object.clone();
        merge(&mut changed, &change);
        let findings = planned(&server, client, std::slice::from_ref(&changed)).unwrap_err();
        assert_eq!(findings.len(), 1, "{kind}: {findings:?}");
        assert_eq!(
            (findings[0].code, findings[0].class),
            ("field-immutable", Class::Cluster),
            "{kind}: {findings:?}"
        );
        assert!(
            findings[0].message.len() < 500,
            "{kind}: {}",
            findings[0].message
        );
        if object["kind"] == "PersistentVolumeClaim" {
            // Nobody is here who would let go of it.
            continue;
        }
        changed["metadata"]["annotations"] = json!({"consign.dev/replace": "on-change"});
        let uid = server.listed(&object)["metadata"]["uid"].clone();
        let plan = run(
            &server,
            client,
            std::slice::from_ref(&changed),
            &Rules::default(),
        );
        assert!(
            matches!(step(&plan).act, Act::Replace(_)),
            "{kind}: {:?}",
            step(&plan).act
        );
        assert_ne!(server.listed(&object)["metadata"]["uid"], uid, "{kind}");
        let options =
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
        server
            .send(&Call::delete(server.path(&object), &options))
            .unwrap();
    }
}

#[test]
fn d18_what_the_server_would_not_take_anew_either_is_not_replaced() {
    let (client, server) = ("refused", server("refused"));
    let object = deployment(client, Some(1));
    server.apply(&object).unwrap();
    let mut changed = object.clone();
    changed["metadata"]["annotations"] = json!({"consign.dev/replace": "on-change"});
    changed["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    let said = codes(planned(&server, client, &[changed]));
    assert_eq!(said[0].0, "object-refused", "{said:?}");
}

use model::object::Gvk;
use serde_json::json;

use super::*;
use crate::asks::Asks;
use crate::desired::Desired;
use crate::discovery::Discovery;
use crate::fields::Difference;

fn live() -> Live {
    let resource = |plural: &str, kind: &str| json!({"resource": plural, "scope": "Namespaced", "responseKind": {"kind": kind}});
    let mut discovery = Discovery::default();
    let group = |name: &str, resources: Value| json!({"metadata": {"name": name}, "versions": [{"version": "v1", "resources": resources}]});
    discovery.add(&json!({"items": [
        group("", json!([
            resource("configmaps", "ConfigMap"), resource("services", "Service"), resource("pods", "Pod"),
            resource("persistentvolumeclaims", "PersistentVolumeClaim"), resource("secrets", "Secret"),
        ])),
        group("apps", json!([
            resource("deployments", "Deployment"), resource("statefulsets", "StatefulSet"), resource("daemonsets", "DaemonSet"),
        ])),
        group("batch", json!([resource("jobs", "Job"), resource("cronjobs", "CronJob")])),
        group("example.com", json!([resource("widgets", "Widget")])),
    ]}));
    Live {
        version: String::new(),
        cluster: None,
        discovery,
        namespace: None,
        objects: BTreeMap::new(),
        scaled: std::collections::BTreeSet::new(),
        headings: Vec::new(),
        records: Vec::new(),
        revisions: Vec::new(),
        trials: BTreeMap::new(),
    }
}

/// A package of these objects: `(what is there, what is wanted)`.
struct Case {
    live: Live,
    wanted: Wanted,
    drafts: Vec<Draft>,
}

impl Case {
    fn of(objects: &[(Option<Value>, Value)]) -> Self {
        let mut live = live();
        let mut wanted = Wanted::default();
        let mut drafts = Vec::new();
        for (at, (before, body)) in objects.iter().enumerate() {
            let mut body = body.clone();
            body["metadata"]["namespace"] = json!("sh-a");
            let id = ObjectId::of(&body);
            let mut state = State::Missing;
            if let Some(before) = before {
                live.objects.insert(id.clone(), before.clone());
                let values = vec![".spec.template.metadata.annotations.version".to_owned()];
                state = State::Differs(Difference {
                    values,
                    ..Difference::default()
                });
            }
            wanted.objects.push(Desired {
                gvk: Gvk::new(text(&body, "/apiVersion"), text(&body, "/kind")),
                id,
                value: body.clone(),
                asks: Asks::default(),
                ready_when: None,
            });
            drafts.push(Draft {
                wanted: at,
                state,
                body,
                handover: None,
                adoption: None,
            });
        }
        Self {
            live,
            wanted,
            drafts,
        }
    }

    fn under(&self, quota: &Value) -> Vec<Finding> {
        exceeded(
            std::slice::from_ref(quota),
            &self.wanted,
            &self.drafts,
            &self.live,
        )
    }
}

fn quota(hard: &Value, used: &Value) -> Value {
    json!({"metadata": {"name": "q", "namespace": "sh-a"}, "status": {"hard": hard, "used": used}})
}

fn new(object: Value) -> (Option<Value>, Value) {
    (None, object)
}

fn container(cpu: &str) -> Value {
    json!({"name": "c", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}, "limits": {"cpu": cpu, "memory": "64Mi"}}})
}

fn deployment(replicas: Option<i64>, cpu: &str) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [container(cpu)]}}}});
    if let Some(replicas) = replicas {
        object["spec"]["replicas"] = json!(replicas);
    }
    object
}

/// The amount needed of one resource that is used up.
fn needed(objects: &[(Option<Value>, Value)], resource: &str) -> Option<String> {
    let findings =
        Case::of(objects).under(&quota(&json!({resource: "5"}), &json!({resource: "5"})));
    let told = findings.into_iter().find(|f| f.code == "quota-exceeded")?;
    assert!(told.is_error() && told.class == Class::Cluster, "{told:?}");
    assert!(
        told.help
            .as_ref()
            .is_some_and(|h| h.contains("--skip-check quota"))
    );
    let (_, rest) = told.message.split_once("are used and ")?;
    Some(rest.split(' ').next()?.to_owned())
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn d6_what_is_made_is_counted_by_every_name_that_quotas_have_for_it() {
    let object = |api: &str, kind: &str, spec: Value| json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    let service = |spec: Value| object("v1", "Service", spec);
    let pod = |init: Value, spec: Value| {
        let mut spec = spec;
        spec["initContainers"] = init;
        object("v1", "Pod", spec)
    };
    let two = json!([{"port": 1}, {"port": 2}]);
    let claim =
        json!({"storageClassName": "fast", "resources": {"requests": {"storage": "1536Mi"}}});
    let containers = json!({"containers": [container("1"), container("500m")]});
    let sidecar =
        json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "250m"}}});
    for (object, resource, expected) in [
        (
            object("v1", "ConfigMap", json!({})),
            "count/configmaps",
            Some("2"),
        ),
        (
            object("v1", "ConfigMap", json!({})),
            "configmaps",
            Some("2"),
        ),
        (object("v1", "Secret", json!({})), "configmaps", Some("1")),
        (object("v1", "Secret", json!({})), "secrets", Some("1")),
        (
            object("v1", "Secret", json!({})),
            "count/leases.coordination.k8s.io",
            Some("1"),
        ),
        (
            deployment(Some(3), "1"),
            "count/deployments.apps",
            Some("1"),
        ),
        (deployment(Some(3), "1"), "deployments", None),
        (deployment(Some(3), "1"), "pods", Some("3")),
        (deployment(Some(3), "1"), "count/pods", Some("3")),
        (deployment(None, "1"), "pods", Some("1")),
        (deployment(Some(0), "1"), "pods", None),
        (deployment(Some(3), "500m"), "requests.cpu", Some("1500m")),
        (deployment(Some(3), "500m"), "cpu", Some("1500m")),
        (deployment(Some(3), "1u"), "cpu", Some("1m")),
        (deployment(Some(3), "500m"), "limits.memory", Some("192Mi")),
        (
            deployment(Some(3), "500m"),
            "requests.memory",
            Some("192Mi"),
        ),
        (deployment(Some(3), "500m"), "limits.nvidia.com/gpu", None),
        (
            object("example.com/v1", "Widget", json!({})),
            "count/widgets.example.com",
            Some("1"),
        ),
        (
            object("example.com/v1", "Unknown", json!({})),
            "count/unknowns.example.com",
            None,
        ),
        (service(json!({"ports": two})), "services", Some("1")),
        (service(json!({"ports": two})), "services.nodeports", None),
        (
            service(json!({"type": "NodePort", "ports": two})),
            "services.nodeports",
            Some("2"),
        ),
        (
            service(json!({"type": "NodePort", "ports": two})),
            "services.loadbalancers",
            None,
        ),
        (
            service(json!({"type": "LoadBalancer", "ports": two})),
            "services.nodeports",
            Some("2"),
        ),
        (
            service(json!({"type": "LoadBalancer", "ports": two})),
            "services.loadbalancers",
            Some("1"),
        ),
        (
            service(
                json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": two}),
            ),
            "services.nodeports",
            None,
        ),
        (
            object("v1", "PersistentVolumeClaim", claim.clone()),
            "persistentvolumeclaims",
            Some("1"),
        ),
        (
            object("v1", "PersistentVolumeClaim", claim.clone()),
            "requests.storage",
            Some("1536Mi"),
        ),
        (
            object("v1", "PersistentVolumeClaim", claim.clone()),
            "fast.storageclass.storage.k8s.io/requests.storage",
            Some("1536Mi"),
        ),
        (
            object("v1", "PersistentVolumeClaim", claim),
            "slow.storageclass.storage.k8s.io/requests.storage",
            None,
        ),
        (
            object(
                "batch/v1",
                "Job",
                json!({"parallelism": 4, "completions": 3, "template": {"spec": containers}}),
            ),
            "pods",
            Some("3"),
        ),
        (
            object(
                "batch/v1",
                "Job",
                json!({"parallelism": 4, "template": {"spec": containers}}),
            ),
            "requests.cpu",
            Some("6"),
        ),
        (
            object(
                "batch/v1",
                "Job",
                json!({"suspend": true, "template": {"spec": containers}}),
            ),
            "pods",
            None,
        ),
        (
            object(
                "batch/v1",
                "CronJob",
                json!({"jobTemplate": {"spec": {"template": {"spec": containers}}}}),
            ),
            "pods",
            None,
        ),
        (
            object("batch/v1", "CronJob", json!({})),
            "count/cronjobs.batch",
            Some("1"),
        ),
        (
            object(
                "apps/v1",
                "DaemonSet",
                json!({"template": {"spec": containers}}),
            ),
            "pods",
            None,
        ),
        (object("v1", "Pod", containers.clone()), "pods", Some("1")),
        (
            object("v1", "Pod", containers.clone()),
            "count/pods",
            Some("1"),
        ),
        // The largest of an init container beside the sidecars before it, and all that runs.
        (
            pod(json!([container("1")]), containers.clone()),
            "requests.cpu",
            Some("1500m"),
        ),
        (
            pod(json!([container("2")]), containers.clone()),
            "requests.cpu",
            Some("2"),
        ),
        (
            pod(json!([sidecar, container("2")]), containers.clone()),
            "requests.cpu",
            Some("2250m"),
        ),
        (
            pod(json!([container("2"), sidecar]), containers.clone()),
            "requests.cpu",
            Some("2"),
        ),
        (
            pod(json!([sidecar]), containers.clone()),
            "requests.cpu",
            Some("1750m"),
        ),
        (
            pod(
                json!([]),
                json!({"containers": [container("1")], "overhead": {"cpu": "100m"}}),
            ),
            "requests.cpu",
            Some("1100m"),
        ),
        (
            pod(
                json!([]),
                json!({"containers": [container("1")], "resources": {"requests": {"cpu": "3"}}}),
            ),
            "requests.cpu",
            Some("3"),
        ),
        // A request that is left out is the limit.
        (
            pod(
                json!([]),
                json!({"containers": [{"resources": {"limits": {"cpu": 2}}}]}),
            ),
            "requests.cpu",
            Some("2"),
        ),
        (
            pod(
                json!([]),
                json!({"containers": [{"resources": {"requests": {"cpu": 2}}}]}),
            ),
            "limits.cpu",
            None,
        ),
        // What is not as it should be counts for nothing.
        (
            pod(json!("x"), json!({"containers": {"a": 1}})),
            "requests.cpu",
            None,
        ),
        (
            pod(
                json!([]),
                json!({"containers": [{"resources": {"requests": {"cpu": "much"}}}]}),
            ),
            "requests.cpu",
            None,
        ),
        (deployment(Some(-3), "1"), "pods", None),
        (deployment(Some(i64::MAX), "1"), "pods", Some("2147483647")),
    ] {
        assert_eq!(
            needed(&[new(object.clone())], resource).as_deref(),
            expected,
            "{resource} of {object}"
        );
    }
}

#[test]
fn d6_of_what_is_changed_the_difference_counts() {
    for (before, after, resource, expected) in [
        (
            deployment(Some(2), "1"),
            deployment(Some(3), "1"),
            "pods",
            Some("1"),
        ),
        (
            deployment(Some(3), "1"),
            deployment(Some(2), "1"),
            "pods",
            None,
        ),
        (
            deployment(Some(2), "1"),
            deployment(Some(2), "1500m"),
            "requests.cpu",
            Some("1"),
        ),
        // An autoscaler has scaled it, and the package does not say how far.
        (
            deployment(Some(9), "1"),
            deployment(None, "1"),
            "pods",
            None,
        ),
        (
            deployment(Some(9), "1"),
            deployment(None, "1500m"),
            "requests.cpu",
            Some("4500m"),
        ),
        (
            deployment(Some(2), "1"),
            deployment(Some(3), "1"),
            "count/deployments.apps",
            None,
        ),
    ] {
        let told = needed(&[(Some(before), after.clone())], resource);
        assert_eq!(told.as_deref(), expected, "{resource} of {after}");
    }
    let less = (Some(deployment(Some(5), "1")), deployment(Some(1), "1"));
    let mut more = deployment(Some(3), "1");
    more["metadata"]["name"] = json!("api");
    assert_eq!(needed(&[less.clone(), new(more.clone())], "pods"), None);
    more["spec"]["replicas"] = json!(6);
    assert_eq!(needed(&[less, new(more)], "pods").as_deref(), Some("2"));
}

#[test]
fn d6_what_fits_exactly_fits_and_who_needs_it_is_named() {
    let case = Case::of(&[new(deployment(Some(3), "500m"))]);
    let under = |hard: &str, used: &str| {
        case.under(&quota(
            &json!({"requests.cpu": hard}),
            &json!({"requests.cpu": used}),
        ))
    };
    assert_eq!(under("2", "500m"), []);
    let told = under("2", "501m").remove(0);
    assert_eq!(
        told.message,
        "ResourceQuota q: of requests.cpu there may be 2, 501m are used and 1500m more needed by Deployment sh-a/web"
    );
    let mut many: Vec<_> = (1..=5)
        .map(|n| {
            let mut object = deployment(Some(n), "1");
            object["metadata"]["name"] = json!(format!("d{n}"));
            new(object)
        })
        .collect();
    let full = quota(&json!({"pods": 1}), &json!({"pods": 0}));
    let told = Case::of(&many).under(&full).remove(0).message;
    assert!(told.ends_with("15 more needed by Deployment sh-a/d5, Deployment sh-a/d4, Deployment sh-a/d3 and 2 others"), "{told}");
    many.clear();
    assert_eq!(Case::of(&many).under(&full), []);
}

#[test]
fn what_is_over_already_without_this_package_is_not_its_fault() {
    let case = Case::of(&[(Some(deployment(Some(3), "1")), deployment(Some(3), "1"))]);
    let findings = case.under(&quota(
        &json!({"requests.cpu": "2", "limits.cpu": "2"}),
        &json!({"requests.cpu": "3", "limits.cpu": "3"}),
    ));
    assert!(findings.iter().all(|f| !f.is_error()), "{findings:?}");
}

#[test]
fn d6_a_surge_only_warns() {
    let rolled = |strategy: Value| {
        let mut after = deployment(Some(4), "1");
        if !strategy.is_null() {
            after["spec"]["strategy"] = strategy;
        }
        let case = Case::of(&[(Some(deployment(Some(4), "1")), after)]);
        case.under(&quota(&json!({"pods": "4"}), &json!({"pods": "4"})))
    };
    for (strategy, most) in [
        (Value::Null, "up to 1 more"),
        (json!({"rollingUpdate": {"maxSurge": 3}}), "up to 3 more"),
        (
            json!({"rollingUpdate": {"maxSurge": "30%"}}),
            "up to 2 more",
        ),
        (
            json!({"rollingUpdate": {"maxSurge": "100%"}}),
            "up to 4 more",
        ),
    ] {
        let findings = rolled(strategy.clone());
        let [told] = &findings[..] else {
            panic!("{strategy}: {findings:?}")
        };
        assert!(
            !told.is_error() && told.code == "quota-tight" && told.message.contains(most),
            "{strategy}: {told:?}"
        );
    }
    for strategy in [
        json!({"type": "Recreate"}),
        json!({"rollingUpdate": {"maxSurge": 0}}),
        json!({"rollingUpdate": {"maxSurge": "0%"}}),
        json!({"rollingUpdate": {"maxSurge": "much"}}),
        json!({"rollingUpdate": {"maxSurge": -5}}),
    ] {
        assert_eq!(rolled(strategy.clone()), [], "{strategy}");
    }
}

#[test]
fn claims_of_a_stateful_set_may_be_there_already() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"replicas": 3,
        "template": {"spec": {"containers": []}},
        "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "1Gi"}}}}]}});
    let full = json!({"requests.storage": "1Gi", "persistentvolumeclaims": "2"});
    let findings = Case::of(&[new(set)]).under(&quota(&full, &json!({})));
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings
            .iter()
            .all(|f| f.code == "quota-tight" && !f.is_error())
    );
    assert!(
        findings[0].message.contains("up to 3Gi more")
            && findings[1].message.contains("up to 3 more")
    );
}

#[test]
fn what_a_quota_counts_and_a_container_does_not_name_is_a_warning() {
    let hard = json!({"limits.cpu": "100", "memory": "100Gi", "requests.nvidia.com/gpu": "4", "pods": "100"});
    let said = |object: &Value, before: Option<Value>| -> Vec<String> {
        let findings = Case::of(&[(before, object.clone())]).under(&quota(&hard, &json!({})));
        assert!(
            findings
                .iter()
                .all(|f| f.code == "quota-unset" && !f.is_error()),
            "{findings:?}"
        );
        findings.into_iter().map(|f| f.message).collect()
    };
    let full = deployment(Some(1), "1");
    assert_eq!(said(&full, None), [""; 0]);
    let mut bare = full.clone();
    bare["spec"]["template"]["spec"]["initContainers"] =
        json!([{"name": "i", "resources": {"limits": {"memory": "1Gi"}}}]);
    assert_eq!(
        said(&bare, None),
        [
            "ResourceQuota q counts limits.cpu, which not every container names of Deployment sh-a/web"
        ]
    );
    // Its pods run, so a LimitRange fills it in.
    let mut running = bare.clone();
    running["status"] = json!({"readyReplicas": 1});
    assert_eq!(said(&bare, Some(running)), [""; 0]);
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "dump"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}}});
    assert_eq!(said(&cron, None).len(), 2);
}

#[test]
fn quotas_of_some_pods_only_warn_and_those_of_other_namespaces_say_nothing() {
    let case = Case::of(&[new(deployment(Some(3), "1"))]);
    let full = quota(&json!({"pods": "1"}), &json!({"pods": "1"}));
    for (at, value) in [
        ("scopes", json!(["NotTerminating"])),
        (
            "scopeSelector",
            json!({"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}),
        ),
    ] {
        let mut scoped = full.clone();
        scoped["spec"][at] = value;
        let findings = case.under(&scoped);
        assert_eq!(findings.len(), 1);
        assert!(
            !findings[0].is_error() && findings[0].code == "quota-exceeded",
            "{findings:?}"
        );
    }
    let mut elsewhere = full;
    elsewhere["metadata"]["namespace"] = json!("sh-b");
    assert_eq!(case.under(&elsewhere), []);
}

#[test]
fn a_quota_that_is_not_as_it_should_be_is_passed_over() {
    let case = Case::of(&[new(deployment(Some(3), "1"))]);
    for hard in [
        json!(null),
        json!("all"),
        json!([1]),
        json!({"pods": null}),
        json!({"pods": "many"}),
        json!({"pods": {"a": 1}}),
    ] {
        assert_eq!(case.under(&quota(&hard, &json!({}))), [], "{hard}");
    }
    assert_eq!(
        case.under(&quota(&json!({"pods": "1"}), &json!({"pods": "many"}))),
        []
    );
    assert_eq!(case.under(&json!(7)), []);
    // One that no controller has seen yet.
    let fresh =
        json!({"metadata": {"name": "q", "namespace": "sh-a"}, "spec": {"hard": {"pods": "2"}}});
    assert_eq!(case.under(&fresh).len(), 1);
}

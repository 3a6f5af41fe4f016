use model::finding::{Class, Finding};
use rollout::api::ApiError;
use rollout::health::{Expected, Nodes, Vitals, in_the_way, judge};
use serde_json::{Value, json};

use crate::fixture::refused;

struct Case {
    version: &'static str,
    ready: Result<Value, ApiError>,
    cluster: Result<String, ApiError>,
    nodes: Result<Value, ApiError>,
    namespace: Option<Value>,
    pinned: Option<&'static str>,
    kubernetes: Option<&'static str>,
    counted: Nodes,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            version: "v1.36.3",
            ready: Ok(json!("ok")),
            cluster: Ok("uid".to_owned()),
            nodes: Ok(json!({"items": [node("True")]})),
            namespace: Some(json!({"metadata": {"name": "sh-a"}, "status": {"phase": "Active"}})),
            pinned: None,
            kubernetes: Some("1.36"),
            counted: Nodes::Counted,
        }
    }
}

impl Case {
    fn judged(&self) -> Vec<Finding> {
        let vitals = Vitals {
            version: self.version,
            ready: &self.ready,
            cluster: &self.cluster,
            nodes: &self.nodes,
            namespace: self.namespace.as_ref(),
        };
        let expected = Expected {
            context: "prod",
            cluster: self.pinned,
            kubernetes: self.kubernetes,
            nodes: self.counted,
        };
        judge(&vitals, &expected)
    }

    /// Codes, and whether each stops.
    fn said(&self) -> Vec<(&'static str, bool)> {
        self.judged()
            .iter()
            .map(|f| (f.code, f.is_error()))
            .collect()
    }
}

fn node(ready: &str) -> Value {
    json!({"status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]}})
}

fn forbidden() -> ApiError {
    refused(403, "forbidden", &[])
}

#[test]
fn a_healthy_cluster_says_nothing() {
    assert_eq!(Case::default().judged(), []);
}

#[test]
fn d3_a_cluster_that_is_not_the_pinned_one_or_cannot_be_told_is_refused() {
    let with = |pinned, cluster| Case {
        pinned: Some(pinned),
        cluster,
        ..Case::default()
    };
    assert_eq!(with("uid", Ok("uid".to_owned())).said(), []);
    let case = with("uid", Ok("another".to_owned()));
    assert_eq!(case.said(), [("cluster-unexpected", true)]);
    let finding = case.judged().remove(0);
    assert_eq!(finding.class, Class::Policy);
    assert!(
        ["prod", "another", "uid"]
            .iter()
            .all(|word| finding.message.contains(word)),
        "{}",
        finding.message
    );
    let case = with("uid", Err(forbidden()));
    assert_eq!(case.said(), [("cluster-unknown", true)]);
    assert_eq!(case.judged()[0].class, Class::Policy);
    // Nothing is pinned, so nothing has to be known.
    assert_eq!(
        Case {
            cluster: Err(forbidden()),
            ..Case::default()
        }
        .said(),
        []
    );
}

#[test]
fn d5_what_a_namespace_only_user_may_not_read_is_not_checked() {
    let case = Case {
        ready: Err(forbidden()),
        cluster: Err(forbidden()),
        nodes: Err(forbidden()),
        namespace: Some(Value::Null),
        ..Case::default()
    };
    assert_eq!(
        case.said(),
        [("cluster-unchecked", false), ("cluster-unchecked", false)]
    );
    assert!(
        case.judged()
            .iter()
            .all(|f| f.message.contains("not checked"))
    );
}

#[test]
fn d6_a_cluster_without_a_ready_node_is_refused_and_one_with_some_is_not() {
    let with = |nodes: &[&str]| Case {
        nodes: Ok(json!({"items": nodes.iter().map(|ready| node(ready)).collect::<Vec<_>>()})),
        ..Case::default()
    };
    assert_eq!(
        with(&["False", "Unknown"]).said(),
        [("nodes-not-ready", true)]
    );
    assert_eq!(with(&[]).said(), [("nodes-not-ready", true)]);
    assert_eq!(
        with(&["True", "False", "Unknown"]).said(),
        [("nodes-not-ready", false)]
    );
    assert!(
        with(&["True", "False", "Unknown"]).judged()[0]
            .message
            .contains("2 of 3")
    );
    assert_eq!(
        Case {
            nodes: Ok(json!({"items": "many"})),
            ..Case::default()
        }
        .said(),
        [("nodes-not-ready", true)]
    );
    let left_out = Case {
        counted: Nodes::Ignored,
        ..with(&["False"])
    };
    assert_eq!(left_out.said(), []);
    let help = with(&[]).judged().remove(0).help.unwrap();
    assert!(help.contains("--skip-check nodes"), "{help}");
}

#[test]
fn d6_a_server_that_is_not_ready_is_refused() {
    let case = Case {
        ready: Err(refused(500, "etcd failed", &[])),
        ..Case::default()
    };
    assert_eq!(case.said(), [("cluster-not-ready", true)]);
    assert!(case.judged()[0].message.contains("etcd failed"));
}

#[test]
fn d6_a_namespace_that_goes_is_refused() {
    let namespace = json!({"metadata": {"name": "sh-a"}, "status": {"phase": "Terminating"}});
    let case = Case {
        namespace: Some(namespace),
        ..Case::default()
    };
    assert_eq!(case.said(), [("namespace-terminating", true)]);
    assert_eq!(
        Case {
            namespace: None,
            ..Case::default()
        }
        .said(),
        []
    );
}

#[test]
fn d23_versions_more_than_one_apart_warn() {
    for (version, kubernetes, warns) in [
        ("v1.36.3", Some("1.36"), false),
        ("v1.35.0", Some("1.36"), false),
        ("v1.37.0-alpha.1", Some("1.36"), false),
        ("v1.34.9", Some("1.36"), true),
        ("v1.38.0+k3s1", Some("1.36"), true),
        ("v1.20.0", None, false),
        ("", Some("1.36"), false),
        ("v1", Some("1.36"), false),
        ("vx.y.z", Some("1.36"), false),
        ("v1.99999999999999999999.0", Some("1.36"), false),
        ("v1.36.3", Some("nonsense"), false),
    ] {
        let expected: &[(&str, bool)] = if warns {
            &[("version-skew", false)]
        } else {
            &[]
        };
        assert_eq!(
            Case {
                version,
                kubernetes,
                ..Case::default()
            }
            .said(),
            expected,
            "{version} {kubernetes:?}"
        );
    }
}

#[test]
fn d6_a_budget_in_the_way_only_warns() {
    let budget = |allowed: Value, pods: Value| json!({"kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "status": {"disruptionsAllowed": allowed, "expectedPods": pods}});
    for (object, warns) in [
        (budget(json!(0), json!(2)), true),
        (budget(json!(1), json!(2)), false),
        (budget(json!(0), json!(0)), false),
        (budget(json!("0"), json!("2")), false),
        (json!({"kind": "PodDisruptionBudget"}), false),
        (
            json!({"kind": "Deployment", "status": {"disruptionsAllowed": 0, "expectedPods": 2}}),
            false,
        ),
    ] {
        let findings = in_the_way([&object]);
        assert_eq!(findings.len(), usize::from(warns), "{object}");
        assert!(findings.iter().all(|f| !f.is_error()));
    }
}

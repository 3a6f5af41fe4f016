//! What the schema check says, and where.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;

use model::finding::{Class, Finding, Severity};
use model::object::{Gvk, Object, Origin};
use model::yaml::{Limits, Node, Tag, parse_resources};
use package::schema::{FINDINGS, Release, Schemas, Scope, check, scope};
use proptest::prelude::*;

fn release(text: &str) -> Release {
    Release::parse(text).unwrap()
}

fn objects(text: &str) -> Vec<Object> {
    let documents = parse_resources(text, &Limits::default()).unwrap();
    documents
        .into_iter()
        .map(|document| Object {
            origin: Origin {
                path: "all.yaml".to_owned(),
                document: document.index,
                line: document.line,
            },
            node: document.node,
        })
        .collect()
}

/// `line: message`, and the help in brackets.
fn told(release: Release, text: &str) -> Vec<String> {
    let line = |finding: Finding| {
        let line = finding.place.and_then(|place| place.line).unwrap_or(0);
        let help = finding.help.map(|help| format!(" [{help}]"));
        format!("{line}: {}{}", finding.message, help.unwrap_or_default())
    };
    check(release, &objects(text))
        .into_iter()
        .map(line)
        .collect()
}

#[test]
fn everything_wrong_is_told_with_its_line() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  labels:
    on: true
data:
  port: 80
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: sh-acme
spec:
  replicas: \"2\"
  selector: {}
  template:
    spec:
      containers:
      - name: web
        image: nginx
        imagePullPolice: Always
        imagePullPolicy: Alway
        ports:
        - name: http
        resources:
          limits: {memory: 1 Gi, cpu: 0.5, pods: [1]}
      volumes:
      - name: v
        emptyDir: []
      terminationGracePeriodSeconds: 99999999999999999999
      hostNetwork: 1
      activeDeadlineSeconds: 1.0
      dnsConfig: null
  progressDeadlineSeconds: 3000000000
";
    assert_eq!(
        told(release("1.36"), text),
        [
            "6: ConfigMap a: metadata.labels.on: expected a string, found a boolean",
            "8: ConfigMap a: data.port: expected a string, found a number",
            "16: Deployment sh-acme/web: spec.replicas: expected a whole number, found a string",
            "23: Deployment sh-acme/web: spec.template.spec.containers[0].imagePullPolice: unknown field [did you mean imagePullPolicy?]",
            "24: Deployment sh-acme/web: spec.template.spec.containers[0].imagePullPolicy: \"Alway\" is none of Always, IfNotPresent, Never",
            "26: Deployment sh-acme/web: spec.template.spec.containers[0].ports[0].containerPort: required field is missing",
            "28: Deployment sh-acme/web: spec.template.spec.containers[0].resources.limits.memory: not a quantity such as 500m, 2 or 1Gi",
            "28: Deployment sh-acme/web: spec.template.spec.containers[0].resources.limits.pods: expected a quantity (a number, or a string such as 500Mi), found a list",
            "31: Deployment sh-acme/web: spec.template.spec.volumes[0].emptyDir: expected a map, found a list",
            "32: Deployment sh-acme/web: spec.template.spec.terminationGracePeriodSeconds: not within 64 bits",
            "33: Deployment sh-acme/web: spec.template.spec.hostNetwork: expected a boolean, found a number",
            "36: Deployment sh-acme/web: spec.progressDeadlineSeconds: not within 32 bits",
        ]
    );
}

#[test]
fn findings_are_errors_of_class_usage_in_the_documents_file() {
    let findings = check(
        release("1.36"),
        &objects("{apiVersion: v1, kind: Pod, x: 1}\n"),
    );
    assert!(findings.len() >= 3, "{findings:?}");
    for finding in findings {
        assert_eq!(
            (finding.class, finding.severity),
            (Class::Usage, Severity::Error)
        );
        assert_eq!(finding.place.unwrap().path, "all.yaml");
    }
}

#[test]
fn no_value_that_may_be_a_secret_is_told() {
    let text = "\
apiVersion: v1
kind: Secret
metadata: {name: a}
data: {password: hunter2!, pin: 271828}
stringData: {pin: 314159}
";
    let told = told(release("1.36"), text).join("\n");
    assert_eq!(told.lines().count(), 3, "{told}");
    for secret in ["hunter2", "271828", "314159"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn kinds_that_are_not_served_are_told_with_those_that_are() {
    let kind = |api_version: &str, kind: &str| {
        told(
            release("1.36"),
            &format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n"),
        )
        .join("\n")
    };
    assert_eq!(
        kind("batch/v1beta1", "CronJob"),
        "2: CronJob a: Kubernetes 1.36 has no kind CronJob in batch/v1beta1 [there is CronJob of batch/v1]"
    );
    assert_eq!(
        kind("extensions/v1beta1", "Ingress"),
        "2: Ingress a: Kubernetes 1.36 has no kind Ingress in extensions/v1beta1 [there is Ingress of networking.k8s.io/v1]"
    );
    assert_eq!(
        kind("apps/v1", "Deploymnet"),
        "2: Deploymnet a: Kubernetes 1.36 has no kind Deploymnet in apps/v1 [did you mean Deployment?]"
    );
    assert_eq!(
        kind("v1", "Status"),
        "2: Status a: Kubernetes 1.36 has no kind Status in v1"
    );
    assert_eq!(kind("v1", "\"\""), "2:  a: kind: required field is missing");
    assert_eq!(
        kind("1", "Pod"),
        "1: Pod a: apiVersion: required field is missing"
    );
}

#[test]
fn objects_without_a_schema_are_counted_and_their_metadata_checked() {
    let text = "\
apiVersion: example.com/v1
kind: Thing
metadata: {name: a, labels: {a: 1}}
spec: {whatever: 1}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: b}
---
apiVersion: monitoring.example.net/v1
kind: Monitor
metadata: {name: c}
";
    let findings = check(release("1.36"), &objects(text));
    let last = findings.last().unwrap();
    assert_eq!((last.code, last.severity), ("schema-none", Severity::Info));
    assert_eq!(
        last.message,
        "3 objects have no schema and only their metadata was checked: \
         example.com/v1 Thing, monitoring.example.net/v1 Monitor"
    );
    assert_eq!(
        findings[0].message,
        "Thing a: metadata.labels.a: expected a string, found a number"
    );
    assert_eq!(findings.len(), 2);
}

#[test]
fn members_of_lists_are_checked_where_they_stand() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
  dat: {}
- apiVersion: v1
  kind: Service
  metadata: {name: b}
";
    assert_eq!(
        told(release("1.36"), text),
        [
            "7: ConfigMap a: items[0].dat: unknown field [did you mean data?]",
            "8: Service b: items[1].spec: required field is missing",
        ]
    );
}

#[test]
fn an_object_with_too_much_wrong_is_cut_short() {
    let mut text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n".to_owned();
    for n in 0..FINDINGS * 3 {
        let _ = writeln!(text, "zz{n}: 1");
    }
    let findings = check(release("1.36"), &objects(&text));
    assert_eq!(findings.len(), FINDINGS);
}

const WIDGET: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, maximum: 3}
              color: {type: string, enum: [red, green]}
              token: {type: string, pattern: '^[a-z]+$'}
  - name: v2
    served: false
    storage: false
    schema: {openAPIV3Schema: {type: object}}
";

#[test]
fn custom_resources_are_checked_by_their_definition() {
    let text = format!(
        "{WIDGET}---
apiVersion: example.com/v1
kind: Widget
metadata: {{name: a, labels: []}}
spec:
  colour: red
  color: blue
  token: S3CRET
---
apiVersion: example.com/v1
kind: Widget
metadata: {{name: b}}
spec: {{size: 4}}
---
apiVersion: example.com/v2
kind: Widget
metadata: {{name: c}}
"
    );
    let line = WIDGET.lines().count();
    assert_eq!(
        told(release("1.36"), &text),
        [
            format!(
                "{}: Widget a: metadata.labels: expected a map, found a list",
                line + 4
            ),
            format!(
                "{}: Widget a: spec.colour: unknown field [did you mean color?]",
                line + 6
            ),
            format!(
                "{}: Widget a: spec.color: none of the values its definition allows",
                line + 7
            ),
            format!(
                "{}: Widget a: spec.token: does not match the pattern ^[a-z]+$ of its definition",
                line + 8
            ),
            format!(
                "{}: Widget a: spec.size: required field is missing",
                line + 6
            ),
            format!(
                "{}: Widget b: spec.size: above the maximum its definition sets",
                line + 13
            ),
            format!(
                "{}: Widget c: the definition of Widget does not serve example.com/v2 [it serves example.com/v1]",
                line + 16
            ),
        ]
    );
    let widget = Gvk::new("example.com/v1", "Widget");
    let objects = objects(WIDGET);
    assert_eq!(
        Schemas::new(release("1.36"), &objects).scope(&widget),
        Scope::Cluster
    );
    assert_eq!(scope(release("1.36"), &widget), Scope::Unknown);
}

#[test]
fn a_field_is_known_from_its_release_on() {
    // Golden: what each release of Kubernetes added or took away.
    let pod = |spec: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers: [{{name: a, image: b}}]\n  {spec}\n"
        )
    };
    let thing = |api_version: &str, kind: &str| {
        format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n")
    };
    let cases = [
        (
            pod("hostnameOverride: a"),
            ["1.34", "1.35", "1.36", "1.37"].as_slice(),
        ),
        (pod("workloadRef: {name: a, podGroup: b}"), &["1.35"]),
        (pod("schedulingGroup: {podGroupName: a}"), &["1.36", "1.37"]),
        (
            pod("tolerations: [{operator: Gt}]"),
            &["1.35", "1.36", "1.37"],
        ),
        (
            thing("resource.k8s.io/v1", "DeviceClass"),
            &["1.34", "1.35", "1.36", "1.37"],
        ),
        (thing("resource.k8s.io/v1alpha3", "DeviceClass"), &["1.33"]),
        (
            thing("storage.k8s.io/v1", "VolumeAttributesClass")
                + "driverName: a\nparameters: {a: b}\n",
            &["1.34", "1.35", "1.36", "1.37"],
        ),
        (
            thing(
                "admissionregistration.k8s.io/v1",
                "MutatingAdmissionPolicyBinding",
            ),
            &["1.36", "1.37"],
        ),
    ];
    for (text, known) in cases {
        let takes: Vec<String> = Release::all()
            .filter(|release| told(*release, &text).is_empty())
            .map(|release| release.to_string())
            .collect();
        assert_eq!(takes, known, "{text}");
    }
}

#[test]
fn releases_are_read_as_written() {
    assert_eq!(release("1.36"), release("v1.36.3"));
    for bad in [
        "", "1", "1.20", "2.36", "1.36.x", "1.36.3.4", "1.36-rc1", "1.999", " 1.36", "1.+36",
    ] {
        let finding = Release::parse(bad).unwrap_err();
        assert_eq!(finding.class, Class::Usage, "{bad}");
        assert_eq!(
            finding.help.as_deref(),
            Some("there are schemas for 1.33, 1.34, 1.35, 1.36, 1.37")
        );
    }
}

/// Any scalar, many of them of the names that schemas know.
fn scalar() -> impl Strategy<Value = Node> {
    let tags = [
        Tag::Null,
        Tag::Bool,
        Tag::Int,
        Tag::Float,
        Tag::Str,
        Tag::Timestamp,
        Tag::Binary,
    ];
    let texts = prop_oneof![
        Just("v1".to_owned()),
        Just("true".to_owned()),
        Just("0x7fffffffffffffffffffffffffffffffffffffff".to_owned()),
        Just("-1e400".to_owned()),
        Just(".nan".to_owned()),
        Just("1é".to_owned()),
        ".{0,6}",
    ];
    (texts, prop::sample::select(tags.to_vec())).prop_map(|(text, tag)| Node::scalar(text, tag))
}

fn key() -> impl Strategy<Value = String> {
    let known = [
        "metadata",
        "spec",
        "template",
        "containers",
        "items",
        "status",
        "name",
        "versions",
        "schema",
        "openAPIV3Schema",
        "properties",
        "additionalProperties",
        "type",
        "pattern",
        "enum",
        "required",
        "allOf",
        "not",
        "group",
        "names",
        "kind",
        "served",
        "resources",
        "limits",
        "data",
        "maximum",
        "x-kubernetes-int-or-string",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,4}"]
}

fn tree() -> impl Strategy<Value = Node> {
    scalar().prop_recursive(7, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::seq),
            prop::collection::vec((key(), inner), 0..6).prop_map(|entries| {
                let mut node = Node::map();
                for (key, value) in entries {
                    node.as_map_mut().unwrap().set(&key, value);
                }
                node
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_makes_it_panic(
        mut trees in prop::collection::vec(tree(), 1..4),
        kinds in prop::collection::vec(0_usize..5, 1..4),
    ) {
        let names = [
            ("v1", "Pod"), ("apps/v1", "Deployment"), ("example.com/v1", "Widget"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("v1", "List"),
        ];
        for (tree, kind) in trees.iter_mut().zip(kinds) {
            if let Some(map) = tree.as_map_mut() {
                map.set("apiVersion", Node::str(names[kind].0));
                map.set("kind", Node::str(names[kind].1));
            }
        }
        let mut all = objects(WIDGET);
        all.extend(trees.into_iter().map(|node| Object { node, origin: Origin::default() }));
        for release in Release::all() {
            // The definition, which comes first, stays right whatever follows.
            prop_assert!(!check(release, &all).iter().any(|f| f.message.contains("widgets.example.com")));
        }
    }

    #[test]
    fn nulls_change_nothing(field in "[a-z]{3,8}") {
        // A null is the same as nothing, but for an unknown field.
        let known = ["immutable", "data", "binary"];
        prop_assume!(!known.contains(&field.as_str()));
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: null\nimmutable: null\n{field}: null\n");
        prop_assert_eq!(told(release("1.36"), &text).len(), 1);
    }

    #[test]
    fn any_text_is_a_release_or_a_finding(text in ".{0,8}") {
        if let Ok(release) = Release::parse(&text) {
            prop_assert!(text.contains(&release.to_string()));
        }
    }
}

//! What may not be shipped.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::finding::{Class, Finding, Severity};
use model::object::Gvk;
use package::images::{ImageRules, find};
use package::policy::{self, GroupKind, PolicySettings, Stage};
use package::schema::Scope;

use crate::objects::{lines, objects};

fn settings() -> PolicySettings {
    PolicySettings {
        client: "acme".parse().unwrap(),
        namespace: "sh-acme".parse().unwrap(),
        namespaces: BTreeSet::new(),
        cluster_kinds: BTreeSet::new(),
        registries: Vec::new(),
        stage: Stage::Make,
    }
}

fn scope(gvk: &Gvk) -> Scope {
    match gvk.kind.as_str() {
        "Namespace"
        | "ClusterRole"
        | "ClusterRoleBinding"
        | "CustomResourceDefinition"
        | "MutatingWebhookConfiguration" => Scope::Cluster,
        _ if gvk.group.contains("example.com") => Scope::Unknown,
        _ => Scope::Namespaced,
    }
}

fn check(text: &str) -> Vec<Finding> {
    policy::check(&objects(text), &settings(), &scope)
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|f| f.code).collect()
}

/// A `ConfigMap` that breaks no rule but may be given more.
fn config_map(more: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: sh-acme}}\n{more}\n")
}

#[test]
fn what_a_client_owns_passes() {
    let text = "
apiVersion: v1
kind: Namespace
metadata: {name: sh-acme, labels: {app.kubernetes.io/name: acme}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: sh-acme
  creationTimestamp: null
  annotations: {note: 'Größe: 3 µs'}
status: {replicas: 1}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: 'acme:reader', namespace: sh-acme}
---
apiVersion: v1
kind: Secret
metadata: {name: empty, namespace: sh-acme}
type: Opaque
data: {}
---
apiVersion: admission.example.com/v1
kind: Thing
metadata: {name: t, namespace: sh-acme}
spec: {caBundle: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJPZ0lCQUFKQkFLajM0R2t4RmhEOTB2Y04K}
";
    assert_eq!(check(text), []);
}

#[test]
fn g14_other_namespaces_are_refused() {
    for (namespace, code, class) in [
        ("kube-system", "namespace-foreign", Class::Policy),
        ("sh-bigcorp", "namespace-foreign", Class::Policy),
        (&"a".repeat(64) as &str, "namespace-invalid", Class::Usage),
        ("-a", "namespace-invalid", Class::Usage),
        ("A", "namespace-invalid", Class::Usage),
        ("''", "namespace-missing", Class::Policy),
        ("5", "namespace-missing", Class::Policy),
    ] {
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: {namespace}\n"
        );
        let findings = check(&text);
        assert_eq!(codes(&findings), [code], "{namespace}");
        assert_eq!(findings[0].class, class, "{namespace}");
        let line = findings[0].to_string();
        assert!(line.starts_with("app.yaml:5: Deployment "), "{line}");
        assert!(line.contains("web"), "{line}");
        assert!(findings[0].help.as_deref().unwrap().contains("sh-acme"));
    }
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shared}\n";
    let allowed = PolicySettings {
        namespaces: BTreeSet::from(["shared".parse().unwrap()]),
        ..settings()
    };
    assert_eq!(policy::check(&objects(text), &allowed, &scope), []);
}

#[test]
fn g14_a_client_does_not_live_in_the_clusters_own_namespaces() {
    let reserved = PolicySettings {
        namespace: "kube-system".parse().unwrap(),
        ..settings()
    };
    assert_eq!(
        codes(&policy::check(&[], &reserved, &scope)),
        ["namespace-reserved"]
    );
}

#[test]
fn g15_cluster_scoped_kinds_are_refused() {
    let text = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: 'acme:admin'}
---
apiVersion: v1
kind: Namespace
metadata: {name: sh-bigcorp}
";
    let findings = check(text);
    assert_eq!(
        lines(&findings),
        [
            "app.yaml:3: ClusterRoleBinding acme:admin belongs to the whole cluster, not to client acme",
            "app.yaml:7: Namespace sh-bigcorp (document 2) is not the namespace of client acme, which is sh-acme",
        ]
    );
    assert!(
        findings
            .iter()
            .all(|f| f.class == Class::Policy && f.is_error())
    );
    let kind = |group: &str, kind: &str| GroupKind {
        group: group.to_owned(),
        kind: kind.to_owned(),
    };
    let allowed = PolicySettings {
        cluster_kinds: BTreeSet::from([
            kind("rbac.authorization.k8s.io", "ClusterRoleBinding"),
            kind("", "Namespace"),
        ]),
        ..settings()
    };
    assert_eq!(policy::check(&objects(text), &allowed, &scope), []);
}

#[test]
fn g15_a_list_hides_nothing() {
    let text = "
apiVersion: v1
kind: List
items:
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: admin}
- apiVersion: v1
  kind: List
  items:
  - apiVersion: admissionregistration.k8s.io/v1
    kind: MutatingWebhookConfiguration
    metadata: {name: hook}
- apiVersion: v1
  kind: SecretList
  items:
  - metadata: {name: s, namespace: sh-acme}
    data: {a: YQ==}
";
    assert_eq!(
        lines(&check(text)),
        [
            "app.yaml:6: ClusterRoleBinding admin belongs to the whole cluster, not to client acme",
            "app.yaml:12: MutatingWebhookConfiguration hook belongs to the whole cluster, not to client acme",
            "app.yaml:18: Secret sh-acme/s: data key a holds a value",
        ]
    );
    let odd = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nitems: []\n";
    assert_eq!(codes(&check(odd)), ["object-list"]);
}

#[test]
fn g15_kinds_that_nobody_knows_need_a_namespace_or_leave() {
    let thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n";
    assert_eq!(codes(&check(thing)), ["scope-unknown"]);
    let foreign = thing.replace("name: t", "name: t, namespace: sh-bigcorp");
    assert_eq!(codes(&check(&foreign)), ["namespace-foreign"]);
    let kind = GroupKind {
        group: "example.com".to_owned(),
        kind: "Thing".to_owned(),
    };
    let definition = GroupKind {
        group: "apiextensions.k8s.io".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
    };
    let allowing = |kinds: &[&GroupKind]| PolicySettings {
        cluster_kinds: kinds.iter().map(|k| (*k).clone()).collect(),
        ..settings()
    };
    assert_eq!(
        policy::check(&objects(thing), &allowing(&[&kind]), &scope),
        []
    );
    // What a definition in the package says is known.
    let crd = |scope: &str| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.example.com}}\nspec: {{group: example.com, names: {{kind: Thing}}, scope: {scope}}}\n---\n{thing}"
        )
    };
    let found = |text: &str| policy::check(&objects(text), &allowing(&[&definition]), &scope);
    assert_eq!(codes(&found(&crd("Cluster"))), ["cluster-scoped"]);
    assert_eq!(codes(&found(&crd("Namespaced"))), ["namespace-missing"]);
    assert_eq!(
        codes(&check(&crd("Namespaced"))),
        ["cluster-scoped", "namespace-missing"]
    );
}

#[test]
fn g15_custom_resources_with_pod_templates_are_fine() {
    let text = "
apiVersion: argoproj.example.com/v1
kind: Rollout
metadata: {name: r, namespace: sh-acme}
spec: {template: {spec: {containers: [{name: a, image: 'nginx:1'}]}}}
";
    assert_eq!(check(text), []);
    assert_eq!(find(&objects(text), &ImageRules::default()).images.len(), 1);
}

#[test]
fn g25_the_same_object_twice_is_refused() {
    let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: sh-acme}
---
apiVersion: apps/v1beta1
kind: Deployment
metadata: {name: web, namespace: sh-acme}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: sh-acme}
";
    let findings = check(text);
    assert_eq!(codes(&findings), ["object-duplicate"]);
    assert_eq!(findings[0].class, Class::Policy);
    assert!(
        findings[0].message.contains("first at app.yaml:"),
        "{}",
        findings[0].message
    );
    let verify = PolicySettings {
        stage: Stage::Verify,
        ..settings()
    };
    let findings = policy::check(&objects(text), &verify, &scope);
    assert_eq!(findings[0].class, Class::Integrity);
}

#[test]
fn g28_secret_values_are_refused_and_never_shown() {
    let text = "
apiVersion: v1
kind: Secret
metadata: {name: ge-secrets-abc, namespace: sh-acme}
data:
  redis-password: aHVudGVyMg==
stringData:
  api-token: hunter3
";
    let findings = check(text);
    assert_eq!(
        lines(&findings),
        [
            "app.yaml:6: Secret sh-acme/ge-secrets-abc: data key redis-password holds a value",
            "app.yaml:8: Secret sh-acme/ge-secrets-abc: stringData key api-token holds a value",
        ]
    );
    for finding in &findings {
        assert_eq!(
            (finding.class, finding.code),
            (Class::Policy, "secret-value")
        );
        let shown = format!("{finding:?}");
        assert!(
            !shown.contains("hunter") && !shown.contains("aHVudGVy"),
            "{shown}"
        );
    }
    for data in ["data: aHVudGVyMg==", "data: [a]"] {
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: sh-acme}}\n{data}\n"
        );
        assert_eq!(codes(&check(&text)), ["secret-value"], "{data}");
    }
}

#[test]
fn g28_private_keys_are_refused_wherever_they_are() {
    let marker = "-----BEGIN RSA PRIVATE KEY-----";
    let pem = format!("{marker}\\nMIIBOgIBAAJBAKj34GkxFhD90vcN\\n-----END RSA PRIVATE KEY-----\\n");
    let encoded = STANDARD.encode(pem.replace("\\n", "\n"));
    for (more, path) in [
        (format!("data: {{tls.key: \"{pem}\"}}"), "data[\"tls.key\"]"),
        (format!("data: {{tls.key: {encoded}}}"), "data[\"tls.key\"]"),
        (format!("binaryData: {{k: {encoded}}}"), "binaryData.k"),
        (format!("data: {{\"{pem}\": x}}"), "data"),
        (format!("other: [{{a: \"{pem}\"}}]"), "other[0].a"),
    ] {
        let findings = check(&config_map(&more));
        assert_eq!(codes(&findings), ["private-key"], "{more}");
        assert_eq!(findings[0].class, Class::Policy);
        assert_eq!(
            findings[0].to_string(),
            format!("app.yaml:4: ConfigMap sh-acme/c: {path} holds a private key")
        );
        let shown = format!("{findings:?}");
        assert!(
            !shown.contains("BEGIN") && !shown.contains(&encoded[..12]),
            "{shown}"
        );
    }
    let annotated = format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  namespace: sh-acme\n  annotations:\n    key: \"{pem}\"\n"
    );
    let findings = check(&annotated);
    assert_eq!(codes(&findings), ["private-key"]);
    assert!(findings[0].message.contains("metadata.annotations.key"));
}

#[test]
fn g28_what_looks_like_a_token_is_warned_about() {
    let findings = check(&config_map("data: {aws: AKIAIOSFODNN7EXAMPLE}"));
    assert_eq!(
        lines(&findings),
        ["app.yaml:4: ConfigMap sh-acme/c: data.aws looks like an AWS access key"]
    );
    assert_eq!(findings[0].severity, Severity::Warning);
    assert!(!format!("{findings:?}").contains("AKIA"));
}

#[test]
fn g29_what_a_cluster_wrote_is_refused() {
    let text = "
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: sh-acme
  uid: 6d7d7d5c
  resourceVersion: '12'
  creationTimestamp: '2026-01-29T10:15:30Z'
  managedFields: [{manager: kubectl}]
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{}'
status: {}
";
    let findings = check(text);
    assert_eq!(codes(&findings), ["server-field"; 5]);
    let all = lines(&findings).join("\n");
    for field in [
        "app.yaml:7: Service sh-acme/web: metadata.uid ",
        "app.yaml:8: Service sh-acme/web: metadata.resourceVersion ",
        "metadata.creationTimestamp ",
        "metadata.managedFields ",
        "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration ",
    ] {
        assert!(all.contains(field), "{field}\n{all}");
    }
    assert!(findings.iter().all(|f| f.class == Class::Policy));
}

#[test]
fn g30_hidden_characters_are_refused() {
    for (c, code) in [
        ('\u{202e}', "U+202E"),
        ('\u{2066}', "U+2066"),
        ('\u{200b}', "U+200B"),
        ('\u{e0041}', "U+E0041"),
        ('\u{e000}', "U+E000"),
        ('\u{1b}', "U+001B"),
        ('\u{85}', "U+0085"),
        ('\u{feff}', "U+FEFF"),
    ] {
        let escaped = format!("\\U{:08X}", u32::from(c));
        for field in [
            format!("labels: {{a: \"x{escaped}\"}}"),
            format!("annotations: {{a: \"x{escaped}\"}}"),
            format!("annotations: {{\"a{escaped}\": x}}"),
        ] {
            let text = format!(
                "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: sh-acme\n  {field}\n"
            );
            let findings = check(&text);
            let hidden: Vec<_> = findings
                .iter()
                .filter(|f| f.code == "hidden-character")
                .collect();
            assert_eq!(hidden.len(), 1, "{field}: {findings:?}");
            assert_eq!(hidden[0].class, Class::Policy);
            assert!(
                hidden[0].is_error() && hidden[0].message.contains(code),
                "{field}"
            );
        }
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: \"we{escaped}b\", namespace: sh-acme}}\n"
        );
        assert_eq!(
            codes(&check(&text)),
            ["name-invalid", "hidden-character"],
            "{code}"
        );
    }
}

#[test]
fn g30_files_have_their_own_line_ends_and_joiners() {
    assert_eq!(
        check(&config_map("data: {a: \"x\\r\\ny\\ttab\\r\\n\"}")),
        []
    );
    for lenient in ["\\u200d", "\\uFEFF", "\\uE001", "\\u00AD"] {
        let findings = check(&config_map(&format!("data: {{a: \"x{lenient}y\"}}")));
        assert_eq!(codes(&findings), ["hidden-character"], "{lenient}");
        assert!(!findings[0].is_error(), "{lenient}");
    }
    for strict in [
        "\\u202E",
        "\\u2067",
        "\\e",
        "\\r",
        "\\U000E0041",
        "\\u200d\\u202E",
    ] {
        let findings = check(&config_map(&format!("data: {{a: \"x{strict}y\"}}")));
        assert_eq!(codes(&findings), ["hidden-character"], "{strict}");
        assert!(findings[0].is_error(), "{strict}");
    }
}

#[test]
fn names_are_those_that_kubernetes_takes() {
    for (api, kind, name, fits) in [
        ("v1", "Service", "web", true),
        ("v1", "Service", "0web", false),
        ("v1", "Service", "web.a", false),
        ("apps/v1", "Deployment", "web.a", true),
        ("apps/v1", "Deployment", "Web", false),
        ("apps/v1", "Deployment", "we_b", false),
        ("apps/v1", "Deployment", "w\u{435}b", false),
        ("rbac.authorization.k8s.io/v1", "Role", "system:x", true),
        ("rbac.authorization.k8s.io/v1", "Role", "a/b", false),
    ] {
        let text = format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: '{name}', namespace: sh-acme}}\n"
        );
        let findings = check(&text);
        assert_eq!(findings.is_empty(), fits, "{kind} {name}: {findings:?}");
        assert!(
            findings
                .iter()
                .all(|f| f.code == "name-invalid" && f.class == Class::Usage)
        );
    }
    for metadata in [
        "{namespace: sh-acme}",
        "{namespace: sh-acme, generateName: a-}",
        "{namespace: sh-acme, name: 5}",
    ] {
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {metadata}\n");
        assert_eq!(codes(&check(&text)), ["name-invalid"], "{metadata}");
    }
    for labels in [
        "{labels: {'a b': c}}",
        "{labels: {a: 'b c'}}",
        "{annotations: {'/a': c}}",
    ] {
        let metadata = labels.replacen('{', "{name: a, namespace: sh-acme, ", 1);
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {metadata}\n");
        assert_eq!(codes(&check(&text)), ["label-invalid"], "{labels}");
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for (text, missing) in [
        ("kind: A\nmetadata: {name: a}\n", "apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}\n", "kind"),
        ("apiVersion: v1\nkind: A\n", "metadata"),
        ("apiVersion: v1\nkind: A\nmetadata: a\n", "metadata"),
    ] {
        // The reader of resources refuses some of these before.
        let node = model::yaml::parse(
            text,
            model::yaml::Dialect::V3,
            &model::yaml::Limits::default(),
        );
        let object = model::object::Object {
            node: node.unwrap().unwrap(),
            origin: model::object::Origin::default(),
        };
        let findings = policy::check(&[object], &settings(), &scope);
        assert_eq!(codes(&findings), ["object-incomplete"], "{text}");
        assert!(findings[0].message.contains(missing));
    }
}

#[test]
fn images_come_from_where_they_may() {
    let text = "
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: sh-acme}
spec:
  containers:
  - {name: a, image: nginx}
  - {name: b, image: 'ghcr.io/acme/app:v1'}
  - {name: c, image: 'ghcr.io/acme-evil/app:v1'}
  - {name: d, image: 'ghcr.io/acme-evil/app:v1'}
";
    let objects = objects(text);
    let images = find(&objects, &ImageRules::default()).images;
    let allowed = |registries: &[&str]| PolicySettings {
        registries: registries.iter().map(|r| (*r).to_owned()).collect(),
        ..settings()
    };
    assert_eq!(policy::registries(&objects, &images, &settings()), []);
    let some = allowed(&["docker.io/library", "ghcr.io/acme"]);
    assert_eq!(
        lines(&policy::registries(&objects, &images, &some)),
        [
            "app.yaml:9: image ghcr.io/acme-evil/app:v1 comes from ghcr.io, which client acme may not use"
        ]
    );
    let host = allowed(&["ghcr.io"]);
    assert_eq!(
        lines(&policy::registries(&objects, &images, &host)),
        ["app.yaml:7: image nginx comes from docker.io, which client acme may not use"]
    );
}

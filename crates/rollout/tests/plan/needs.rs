use std::collections::BTreeMap;

use model::finding::Finding;
use model::object::{Object, Origin};
use model::yaml::{self, Limits};
use rollout::needs::{Found, Skip, lacking, secrets};
use serde_json::{Value, json};

fn objects(objects: &[Value]) -> Vec<Object> {
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    let text = text.join("\n---\n");
    yaml::parse_resources(&text, &Limits::default())
        .unwrap()
        .into_iter()
        .map(|document| Object {
            node: document.node,
            origin: Origin::default(),
        })
        .collect()
}

fn pod(container: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}})
}

fn key(secret: &str, key: &str, optional: bool) -> Value {
    json!({"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": optional}}})
}

fn made(api_version: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "db"}, "spec": spec})
}

fn judged(package: &[Value], found: &[(&str, Found)], skip: Skip) -> Vec<Finding> {
    let found: BTreeMap<String, Found> = found
        .iter()
        .map(|(name, found)| ((*name).to_owned(), found.clone()))
        .collect();
    lacking(&secrets(&objects(package)), &found, skip)
}

fn keys(names: &[&str]) -> Found {
    Found::Keys(names.iter().map(|name| (*name).to_owned()).collect())
}

fn said(findings: &[Finding]) -> Vec<(&str, &str, bool)> {
    findings
        .iter()
        .map(|f| (f.code, f.message.as_str(), f.is_error()))
        .collect()
}

#[test]
fn secrets_and_keys_that_lack_are_told_all_at_once_and_by_name_only() {
    let package = [pod(
        &json!({"name": "c", "env": [key("db", "user", false), key("db", "password", false), key("api", "token", false)]}),
    )];
    assert_eq!(
        said(&judged(
            &package,
            &[("db", keys(&["user", "other"])), ("api", Found::Missing)],
            Skip::No
        )),
        [
            (
                "secret-missing",
                "Secret api does not exist (keys needed: token)",
                true
            ),
            ("secret-missing", "Secret db has no key password", true),
        ]
    );
    assert_eq!(
        judged(
            &package,
            &[
                ("db", keys(&["user", "password"])),
                ("api", keys(&["token"]))
            ],
            Skip::No
        ),
        []
    );
    // Who wants to go on without is only warned.
    let skipped = judged(
        &package,
        &[("db", keys(&[])), ("api", Found::Missing)],
        Skip::Yes,
    );
    assert_eq!(skipped.len(), 2);
    assert!(skipped.iter().all(|f| {
        !f.is_error()
            && f.help
                .as_ref()
                .is_some_and(|h| h.contains("--skip-check secrets"))
    }));
    // Who may not look learns nothing, and is told so.
    let unknown = judged(
        &package,
        &[("db", Found::Unknown("forbidden".to_owned()))],
        Skip::No,
    );
    assert_eq!(
        said(&unknown),
        [(
            "secret-unchecked",
            "Secret db not checked: forbidden",
            false
        )]
    );
}

#[test]
fn what_is_optional_may_lack_unless_something_else_requires_it() {
    let optional = [pod(&json!({"name": "c", "env": [key("db", "user", true)]}))];
    for found in [Found::Missing, keys(&[])] {
        assert_eq!(judged(&optional, &[("db", found)], Skip::No), []);
    }
    let both = [pod(
        &json!({"name": "c", "env": [key("db", "user", true), key("db", "password", false)]}),
    )];
    assert_eq!(
        said(&judged(&both, &[("db", keys(&[]))], Skip::No)),
        [("secret-missing", "Secret db has no key password", true)]
    );
    let same = [pod(
        &json!({"name": "c", "env": [key("db", "user", true), key("db", "user", false)]}),
    )];
    assert_eq!(judged(&same, &[("db", keys(&[]))], Skip::No).len(), 1);
    let whole = [pod(
        &json!({"name": "c", "envFrom": [{"secretRef": {"name": "db"}}]}),
    )];
    assert_eq!(judged(&whole, &[("db", keys(&[]))], Skip::No), []);
    assert_eq!(judged(&whole, &[("db", Found::Missing)], Skip::No).len(), 1);
}

#[test]
fn what_pulls_images_or_serves_tls_may_come_later() {
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {"tls": [{"secretName": "tls"}]}});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "imagePullSecrets": [{"name": "pull"}]});
    let findings = judged(
        &[ingress, account],
        &[("tls", Found::Missing), ("pull", Found::Missing)],
        Skip::No,
    );
    assert_eq!(
        said(&findings),
        [
            (
                "secret-missing",
                "Secret pull does not exist (image pull secret)",
                false
            ),
            (
                "secret-missing",
                "Secret tls does not exist (TLS of Ingress web)",
                false
            ),
        ]
    );
}

#[test]
fn what_the_package_brings_or_has_made_is_exempt() {
    let needs = |maker: Option<Value>, secret: &str| {
        let mut package = vec![pod(
            &json!({"name": "c", "envFrom": [{"secretRef": {"name": secret}}]}),
        )];
        package.extend(maker);
        secrets(&objects(&package))
            .into_keys()
            .collect::<Vec<String>>()
    };
    for (maker, secret) in [
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}),
            "db",
        ),
        (
            made(
                "external-secrets.io/v1",
                "ExternalSecret",
                &json!({"target": {"name": "made"}}),
            ),
            "made",
        ),
        (
            made(
                "external-secrets.io/v1beta1",
                "ExternalSecret",
                &json!({"target": {}}),
            ),
            "db",
        ),
        (
            made(
                "external-secrets.io/v1",
                "ExternalSecret",
                &json!({"target": {"name": ""}}),
            ),
            "db",
        ),
        (
            made(
                "secrets.hashicorp.com/v1beta1",
                "VaultStaticSecret",
                &json!({"destination": {"name": "made"}}),
            ),
            "made",
        ),
        (
            made(
                "bitnami.com/v1alpha1",
                "SealedSecret",
                &json!({"template": {"metadata": {"name": "made"}}}),
            ),
            "made",
        ),
        (
            made("bitnami.com/v1alpha1", "SealedSecret", &json!({})),
            "db",
        ),
        (
            made(
                "cert-manager.io/v1",
                "Certificate",
                &json!({"secretName": "made"}),
            ),
            "made",
        ),
    ] {
        assert_eq!(needs(None, secret), [secret]);
        assert_eq!(needs(Some(maker.clone()), secret), [""; 0], "{maker}");
        // In a list, as kubectl takes it.
        let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"name": "l"}, "items": [maker]});
        assert_eq!(needs(Some(list), secret), [""; 0]);
    }
    for maker in [
        made(
            "external-secrets.io/v1",
            "ExternalSecret",
            &json!({"target": {"name": "another"}}),
        ),
        made(
            "example.com/v1",
            "ExternalSecret",
            &json!({"target": {"name": "db"}}),
        ),
        made("example.com/v1", "Secret", &json!({})),
        made("external-secrets.io/v1", "SecretStore", &json!({})),
        made(
            "cert-manager.io/v1",
            "Certificate",
            &json!({"secretName": ["db"]}),
        ),
    ] {
        let is_own_name = maker["spec"]["secretName"].is_array();
        assert_eq!(
            needs(Some(maker.clone()), "db").is_empty(),
            is_own_name,
            "{maker}"
        );
    }
}

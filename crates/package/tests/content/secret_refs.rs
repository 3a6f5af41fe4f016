//! secrets.env.enc, and the paths in it.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::{Class, Finding};
use package::secret_refs::{
    Document, Header, KeyLine, Need, Reader, SecretNeed, Source, VaultMount, VaultPath,
    VaultSettings, derive, parse,
};
use proptest::prelude::*;

use crate::objects::objects;

/// The specification's own example, letter for letter.
const SPECIFICATION: &str = "\
# Secrets Reference for acme-corp v1.2.3
# ============================================
# This file contains references to secrets, not actual values.
# Actual secrets must be retrieved from Vault during deployment.
#
# Generated: 2026-01-29T10:15:30+01:00
# Namespace: sh-acme-corp
#
# Required secrets:
# - ge-secrets (from Vault path: secret/clients/acme-corp)
#
# Vault paths:
VAULT_SECRET_PATH=secret/data/clients/acme-corp
VAULT_NAMESPACE=sh-acme-corp
# Secret keys expected:
# - redis-password
# - anthropic-api-key (if applicable)
# - database-url (if applicable)
# - api-token (if applicable)
#
# To deploy, ensure Vault is unsealed and accessible.
";

fn header() -> Header {
    Header {
        client: "acme-corp".parse().unwrap(),
        version: "v1.2.3".parse().unwrap(),
        namespace: "sh-acme-corp".parse().unwrap(),
        created: "2026-01-29T10:15:30+01:00".to_owned(),
    }
}

fn vault() -> VaultSettings {
    VaultSettings {
        path: "secret/clients/acme-corp".parse().unwrap(),
        mount: "secret".parse().unwrap(),
        primary: "ge-secrets".to_owned(),
        also: BTreeSet::new(),
    }
}

fn pods(keys: &[(&str, Need)], whole: Option<Need>) -> SecretNeed {
    SecretNeed {
        reader: Reader::Pods,
        whole,
        keys: keys.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect(),
    }
}

fn print(needs: &BTreeMap<String, SecretNeed>) -> String {
    Document::new(&header(), needs, &vault())
        .unwrap()
        .to_string()
}

#[test]
fn the_specifications_example_is_read_and_written() {
    let read = parse(SPECIFICATION).unwrap();
    assert_eq!(read.to_string(), SPECIFICATION);
    let text = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        env:
        - {name: A, valueFrom: {secretKeyRef: {name: ge-secrets, key: redis-password}}}
        - {name: B, valueFrom: {secretKeyRef: {name: ge-secrets, key: anthropic-api-key, optional: true}}}
        - {name: C, valueFrom: {secretKeyRef: {name: ge-secrets, key: database-url, optional: true}}}
        - {name: D, valueFrom: {secretKeyRef: {name: ge-secrets, key: api-token, optional: true}}}
";
    // Keys are sorted; the example has its own order.
    let mut want: Vec<&str> = SPECIFICATION.lines().collect();
    want[15..19].sort_unstable();
    let got = print(&derive(&objects(text)));
    assert_eq!(got.lines().collect::<Vec<_>>(), want);
    assert!(got.ends_with("accessible.\n"));
}

#[test]
fn what_the_scripts_write_is_read() {
    let text = "# Secrets Reference for acme-corp v1.2.3\nVAULT_SECRET_PATH=secret/data/clients/acme-corp\nVAULT_NAMESPACE=sh-acme-corp\n";
    let read = parse(text).unwrap();
    assert_eq!(read.paths.len(), 1);
    assert_eq!(read.vault_namespace, Some("sh-acme-corp".parse().unwrap()));
    assert_eq!((read.secrets, read.created), (vec![], None));
}

#[test]
fn every_secret_that_a_pod_reads_is_derived() {
    let text = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: job}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          imagePullSecrets: [{name: regcred}, {name: both}]
          initContainers:
          - name: init
            env:
            - {name: A, valueFrom: {secretKeyRef: {name: db, key: password, optional: true}}}
            - {name: B, value: plain}
            - {name: C, valueFrom: {configMapKeyRef: {name: c, key: c}}}
          containers:
          - name: main
            env:
            - {name: A, valueFrom: {secretKeyRef: {name: db, key: password}}}
            - {name: B, valueFrom: {secretKeyRef: {name: db, key: user, optional: true}}}
            envFrom:
            - secretRef: {name: env}
            - secretRef: {name: maybe, optional: true}
            - configMapRef: {name: c}
          ephemeralContainers:
          - name: debug
            envFrom: [{secretRef: {name: debug}}]
          volumes:
          - {name: a, secret: {secretName: files, items: [{key: a.pem, path: a}]}}
          - {name: b, secret: {secretName: whole, optional: true}}
          - name: c
            projected:
              sources:
              - secret: {name: projected, items: [{key: k, path: k}]}
              - secret: {name: both}
          - {name: d, csi: {driver: d, nodePublishSecretRef: {name: csi}}}
          - {name: e, azureFile: {secretName: azure, shareName: s}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sa}
imagePullSecrets: [{name: sa-pull}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {tls: [{hosts: [a], secretName: web-tls}, {secretName: whole}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: api}
spec: {tls: [{secretName: web-tls}, {hosts: [default]}]}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: r}
spec: {template: {spec: {containers: [{name: a, envFrom: [{secretRef: {name: rollout}}]}]}}}
";
    let required = Some(Need::Required);
    let other = |reader| SecretNeed {
        reader,
        whole: None,
        keys: BTreeMap::new(),
    };
    let tls = BTreeSet::from(["Ingress api".to_owned(), "Ingress web".to_owned()]);
    let want = [
        (
            "db",
            pods(
                &[("password", Need::Required), ("user", Need::Optional)],
                None,
            ),
        ),
        ("env", pods(&[], required)),
        ("maybe", pods(&[], Some(Need::Optional))),
        ("debug", pods(&[], required)),
        ("files", pods(&[("a.pem", Need::Required)], None)),
        ("whole", pods(&[], Some(Need::Optional))),
        ("projected", pods(&[("k", Need::Required)], None)),
        ("both", pods(&[], required)),
        ("csi", pods(&[], required)),
        ("azure", pods(&[], required)),
        ("rollout", pods(&[], required)),
        ("regcred", other(Reader::ImagePull)),
        ("sa-pull", other(Reader::ImagePull)),
        ("web-tls", other(Reader::Tls(tls))),
    ]
    .map(|(name, need)| (name.to_owned(), need));
    assert_eq!(derive(&objects(text)), BTreeMap::from(want));
}

#[test]
fn several_secrets_have_paths_of_their_own() {
    let other = |reader| SecretNeed {
        reader,
        whole: None,
        keys: BTreeMap::new(),
    };
    let tls = BTreeSet::from(["Ingress web".to_owned()]);
    let needs = BTreeMap::from(
        [
            (
                "ge-secrets",
                pods(&[("redis-password", Need::Required)], None),
            ),
            (
                "db",
                pods(
                    &[("password", Need::Required), ("user", Need::Optional)],
                    None,
                ),
            ),
            ("db.a", pods(&[], Some(Need::Optional))),
            ("db-a", pods(&[], Some(Need::Required))),
            ("regcred", other(Reader::ImagePull)),
            ("web-tls", other(Reader::Tls(tls))),
        ]
        .map(|(name, need)| (name.to_owned(), need)),
    );
    let want = "\
# Required secrets:
# - ge-secrets (from Vault path: secret/clients/acme-corp)
# - db (from Vault path: secret/clients/acme-corp/db)
# - db-a (from Vault path: secret/clients/acme-corp/db-a)
# - db.a (from Vault path: secret/clients/acme-corp/db.a)
# - regcred (image pull secret)
# - web-tls (TLS of Ingress web)
#
# Vault paths:
VAULT_SECRET_PATH=secret/data/clients/acme-corp
VAULT_SECRET_PATH_DB=secret/data/clients/acme-corp/db
VAULT_SECRET_PATH_DB_A=secret/data/clients/acme-corp/db-a
VAULT_SECRET_PATH_DB_A_2=secret/data/clients/acme-corp/db.a
VAULT_NAMESPACE=sh-acme-corp
# Secret keys expected:
# - redis-password
# - db/password
# - db/user (if applicable)
# - db-a (all keys)
# - db.a (all keys, if applicable)
#
# To deploy, ensure Vault is unsealed and accessible.
";
    let text = print(&needs);
    assert_eq!(&text[text.find("# Required").unwrap()..], want);

    let also = VaultSettings {
        also: BTreeSet::from(["regcred".to_owned()]),
        ..vault()
    };
    let document = Document::new(&header(), &needs, &also).unwrap();
    let source = |name: &str| {
        let listed = document.secrets.iter().find(|s| s.name == name);
        listed.unwrap().source.clone()
    };
    let path = "secret/clients/acme-corp/regcred".parse().unwrap();
    assert_eq!(source("regcred"), Source::Vault(path));
    assert!(matches!(source("web-tls"), Source::Tls(_)));
}

#[test]
fn the_primary_secret_is_the_one_named_else_the_only_one() {
    let one = BTreeMap::from([("db".to_owned(), pods(&[("password", Need::Required)], None))]);
    let document = Document::new(&header(), &one, &vault()).unwrap();
    assert_eq!(document.secrets[0].source, Source::Vault(vault().path));
    assert_eq!(document.paths.len(), 1);
    let key = KeyLine::Key {
        secret: None,
        key: "password".to_owned(),
        need: Need::Required,
    };
    assert_eq!(document.keys, [key]);

    let mut two = one;
    two.insert("api".to_owned(), pods(&[], Some(Need::Required)));
    let document = Document::new(&header(), &two, &vault()).unwrap();
    assert_eq!(document.paths.len(), 3);
    assert!(
        document
            .keys
            .iter()
            .all(|k| !matches!(k, KeyLine::Key { secret: None, .. }))
    );

    let none = print(&BTreeMap::new());
    assert_eq!(none.matches("# - (none)\n").count(), 2);
    assert_eq!(parse(&none).unwrap().to_string(), none);
}

#[test]
fn names_that_are_values_or_break_out_are_refused() {
    for (name, key) in [
        ("a\nVAULT_X=1", "k"),
        ("A", "k"),
        ("db", "a b"),
        ("db", "a\nb"),
        ("db", "../x"),
        ("db", "dGhpcyBpcyBhIHZhbHVlIHRoYXQ"),
        ("9f86d081884c7d659a2feaa0c55ad015", "k"),
        ("db", "AKIAIOSFODNN7EXAMPLE"),
    ] {
        let needs = BTreeMap::from([(name.to_owned(), pods(&[(key, Need::Required)], None))]);
        let findings = Document::new(&header(), &needs, &vault()).expect_err(key);
        assert!(
            findings
                .iter()
                .all(|f| f.code == "secret-name" && f.class == Class::Policy)
        );
        let shown = format!("{findings:?}");
        for value in ["dGhpcyBp", "9f86d08", "AKIA"] {
            assert!(!shown.contains(value), "{shown}");
        }
    }
    let elsewhere = VaultSettings {
        mount: "kv".parse().unwrap(),
        ..vault()
    };
    assert!(Document::new(&header(), &BTreeMap::new(), &elsewhere).is_err());
}

fn refusal(line: &str) -> Finding {
    let text = SPECIFICATION.replace("VAULT_NAMESPACE=", &format!("{line}\nVAULT_NAMESPACE="));
    let findings = parse(&text).expect_err(line);
    assert_eq!(findings.len(), 1, "{line}: {findings:?}");
    findings[0].clone()
}

#[test]
fn v13_what_is_no_reference_is_refused_and_never_shown() {
    for (line, value, names) in [
        ("REDIS_PASSWORD=hunter2", "hunter2", Some("REDIS_PASSWORD")),
        (
            "VAULT_TOKEN=hvs.CAESIJlWh0hYzPkRZ",
            "hvs.",
            Some("VAULT_TOKEN"),
        ),
        (
            "VAULT_ADDR=http://localhost:8200",
            "localhost",
            Some("VAULT_ADDR"),
        ),
        (
            "VAULT_SECRET_PATH_A=hunter2",
            "hunter2",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_SECRET_PATH_A=secret/../x",
            "../",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_SECRET_PATH_A=secret/%2e%2e/x",
            "%2e",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_SECRET_PATH_A=secret/*",
            "*",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_SECRET_PATH_A=secret/x/",
            "x/",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_SECRET_PATH_A=secret/$(id)",
            "$(",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_SECRET_PATH_A=wJalrXUtnFEMI/K7MDENGbPxRfiCYEXAMPLEKEY",
            "wJal",
            Some("VAULT_SECRET_PATH_A"),
        ),
        (
            "VAULT_B_NAMESPACE=Hunter 2",
            "Hunter",
            Some("VAULT_B_NAMESPACE"),
        ),
        (
            "VAULT_SECRET_PATH=secret/data/other",
            "other",
            Some("VAULT_SECRET_PATH"),
        ),
        ("# redis-password: hunter2", "hunter2", None),
        ("#hunter2", "hunter2", None),
        ("aHVudGVyMg==", "aHVu", None),
        ("JBSWY3DPEHPK3PXP=", "JBSW", None),
        ("redis=hunter2", "hunter2", None),
        (" VAULT_PATH=secret/a", "secret/a", None),
        ("export VAULT_PATH=secret/a", "export", None),
        ("-----BEGIN PRIVATE KEY-----", "BEGIN", None),
        ("# - hunter2", "hunter2", None),
        ("# Generated: hunter2", "hunter2", None),
        ("# Namespace: Hunter", "Hunter", None),
        ("\t", "\t", None),
        ("# - x\r", "\r", None),
    ] {
        let finding = refusal(line);
        assert_eq!(
            (finding.class, finding.code),
            (Class::Policy, "secrets-line")
        );
        let place = finding.place.clone().unwrap();
        assert_eq!(
            (place.path.as_str(), place.line),
            ("secrets.env.enc", Some(14)),
            "{line}"
        );
        let shown = format!("{finding:?}");
        let shown = shown.replace("VAULT_SECRET_PATH", "");
        assert!(!shown.contains(value), "{line}: {shown}");
        if let Some(name) = names {
            assert!(finding.message.starts_with(name), "{}", finding.message);
        }
    }
}

#[test]
fn v13_items_are_names() {
    for item in [
        "hunter 2",
        "s3cr3tp@ssw0rd",
        "redis-password (hunter2)",
        "redis-password = x",
        "a/b/c",
        "A/b",
        "9f86d081884c7d659a2feaa0c55ad015",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "AKIAIOSFODNN7EXAMPLE",
        "",
    ] {
        let text = SPECIFICATION.replace("# - redis-password\n", &format!("# - {item}\n"));
        let findings = parse(&text).expect_err(item);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place.as_ref().unwrap().line, Some(16));
        assert!(item.len() < 3 || !format!("{findings:?}").contains(item));
    }
    for item in [
        "ge-secrets",
        "ge-secrets (from Vault path: hunter2)",
        "ge-secrets (from Vault path: secret/../x)",
        "ge-secrets (hunter2)",
        "ge-secrets (TLS of hunter2)",
        "ge-secrets (TLS of Ingress)",
        "Hunter2 (image pull secret)",
    ] {
        let text = SPECIFICATION.replace(
            "# - ge-secrets (from Vault path: secret/clients/acme-corp)\n",
            &format!("# - {item}\n"),
        );
        let findings = parse(&text).expect_err(item);
        assert_eq!(findings.len(), 1, "{item}");
        assert_eq!(findings[0].place.as_ref().unwrap().line, Some(10));
        assert!(!format!("{findings:?}").contains("unter2"));
    }
    for title in [
        "",
        "# Secrets Reference for acme-corp",
        "# Secrets Reference for ../x v1.2.3",
    ] {
        let text = SPECIFICATION.replacen("# Secrets Reference for acme-corp v1.2.3", title, 1);
        assert_eq!(
            parse(&text).expect_err(title)[0]
                .place
                .as_ref()
                .unwrap()
                .line,
            Some(1)
        );
    }
    assert!(parse("").is_err());
}

#[test]
fn k12_paths_stay_below_their_prefix() {
    let path = |text: &str| text.parse::<VaultPath>();
    for good in ["secret/clients/acme", "kv/a.b/c_d", "a/b"] {
        assert_eq!(path(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "/",
        "secret",
        "/secret/a",
        "secret/a/",
        "secret//a",
        "secret/./a",
        "secret/../a",
        "secret/...",
        "secret/%2e%2e/a",
        "secret/a*",
        "secret/+",
        "secret/a?b",
        "secret/a#b",
        "secret/a b",
        "secret/a\nb",
        "secret/\u{430}",
        "secret\\a",
        "https://v/a",
    ] {
        assert!(path(bad).is_err(), "{bad}");
    }
    let acme = path("secret/clients/acme").unwrap();
    assert!(path("secret/clients/acme/db").unwrap().is_within(&acme));
    assert!(!path("secret/clients/acme-evil").unwrap().is_within(&acme));
    let mount: VaultMount = "team/kv".parse().unwrap();
    assert_eq!(
        path("team/kv/a/b").unwrap().data(&mount).unwrap().as_str(),
        "team/kv/data/a/b"
    );
    assert!(path("team/kvx/a").unwrap().data(&mount).is_err());
}

fn any_need() -> impl Strategy<Value = Need> {
    prop_oneof![Just(Need::Optional), Just(Need::Required)]
}

fn any_needs() -> impl Strategy<Value = BTreeMap<String, SecretNeed>> {
    let name = "[a-z]([a-z0-9.-]{0,6}[a-z0-9])?".prop_filter("no empty label", |n| {
        !n.contains("..") && !n.contains(".-") && !n.contains("-.")
    });
    let tls = prop::collection::btree_set("(Ingress|Gateway) [a-z]{1,4}", 1..3);
    let reader = prop_oneof![
        4 => Just(Reader::Pods),
        1 => Just(Reader::ImagePull),
        1 => tls.prop_map(Reader::Tls),
    ];
    let keys = prop::collection::btree_map("[A-Za-z0-9_.-]{1,8}", any_need(), 0..4).prop_map(
        |mut keys| {
            keys.retain(|k, _| !matches!(k.as_str(), "." | ".."));
            keys
        },
    );
    let need =
        (reader, prop::option::of(any_need()), keys).prop_map(|(reader, whole, keys)| SecretNeed {
            reader,
            whole,
            keys,
        });
    prop::collection::btree_map(
        prop_oneof![8 => name, 1 => Just("ge-secrets".to_owned()), 1 => Just("namespace".to_owned())],
        need,
        0..6,
    )
}

proptest! {
    #[test]
    fn a_document_reads_what_it_prints(needs in any_needs()) {
        let document = Document::new(&header(), &needs, &vault()).unwrap();
        let text = document.to_string();
        prop_assert_eq!(parse(&text), Ok(document), "{}", text);
    }

    #[test]
    fn v13_values_on_any_line_are_refused(
        at in 0usize..20,
        name in "[A-Za-z_]{0,12}",
        sign in prop::sample::select(vec!["=", ": ", " ", ""]),
        value in "[!-~]{0,12}[@$!&*+ ,;'\"][!-~]{1,24}",
        comment in prop::sample::select(vec!["", "# ", "# - ", "#"]),
    ) {
        let line = format!("{comment}{name}{sign}{value}");
        let mut lines: Vec<&str> = SPECIFICATION.lines().collect();
        lines.insert(at, &line);
        let findings = parse(&lines.join("\n")).expect_err(&line);
        let place = findings[0].place.clone().unwrap();
        prop_assert_eq!(place.line, u32::try_from(at + 1).ok());
        for finding in &findings {
            prop_assert!(value.len() < 6 || !finding.message.contains(&value), "{}", finding);
        }
    }

    #[test]
    fn v13_a_changed_value_of_a_path_is_a_path_or_refused(value in "[!-~]{1,30}") {
        let text = SPECIFICATION.replace("=secret/data/clients/acme-corp", &format!("={value}"));
        if let Ok(document) = parse(&text) {
            prop_assert_eq!(document.paths[0].path.as_str(), value.as_str());
            prop_assert!(value.contains('/') && !value.contains(".."));
        }
    }
}

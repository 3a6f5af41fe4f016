//! `consign diff` between two packages: objects, fields, images and Secrets,
//! and what is not told of them.

use serde_json::Value;
use testkit::consign::{Hosting, Ran};

/// A digest that no test reaches for.
fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn web(image: char, password: &str, key: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: registry.example/web:v1@{}
        env:
        - {{name: MODE, value: {password}}}
        - name: FROM
          valueFrom: {{secretKeyRef: {{name: db, key: {key}}}}}
",
        digest(image)
    )
}

fn settings(name: &str, text: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{text: {text}}}\n")
}

/// A repository with two packages of one client, v1.0.0 and v1.1.0.
fn two() -> Hosting {
    let hosting = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    let write = |web: &str, settings: &str| {
        let directory = "k8s/clients/acme";
        hosting.write(
            &format!("{directory}/kustomization.yaml"),
            "namespace: sh-acme\nresources: [web.yaml, settings.yaml]\n",
        );
        hosting.write(
            &format!("{directory}/images.lock"),
            "version: 1\nimages: []\n",
        );
        hosting.write(&format!("{directory}/web.yaml"), web);
        hosting.write(&format!("{directory}/settings.yaml"), settings);
    };
    write(&web('a', "plain", "password"), &settings("one", "same"));
    hosting.package("acme", "v1.0.0").exits(0);
    write(&web('b', "other", "token"), &settings("two", "same"));
    hosting.package("acme", "v1.1.0").exits(0);
    hosting
}

fn diff(hosting: &Hosting, more: &[&str]) -> Ran {
    hosting.run(["diff", "acme@v1.0.0", "acme@v1.1.0"].iter().chain(more))
}

#[test]
fn packages_are_compared_object_by_object_and_field_by_field() {
    let hosting = two();
    let ran = diff(&hosting, &[]).exits(0);
    let container = ".spec.template.spec.containers[name=\"web\"]";
    for line in [
        "- configmap/one".to_owned(),
        "+ configmap/two".to_owned(),
        "~ deployment.apps/web".to_owned(),
        format!(
            "  ~ {container}.image: \"registry.example/web:v1@{}\" -> \"registry.example/web:v1@{}\"",
            digest('a'),
            digest('b')
        ),
        format!("  ~ {container}.env[name=\"MODE\"].value: \"plain\" -> \"other\""),
        format!("- image registry.example/web:v1@{}", digest('a')),
        format!("+ image registry.example/web:v1@{}", digest('b')),
        "- secret db/password".to_owned(),
        "+ secret db/token".to_owned(),
        "[INFO] Objects: 1 added, 1 removed, 1 changed".to_owned(),
    ] {
        assert!(
            ran.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            ran.stdout
        );
    }
}

#[test]
fn the_exit_code_tells_only_when_asked() {
    let hosting = two();
    diff(&hosting, &["--exit-code"]).exits(13);
    let same = ["diff", "acme@v1.0.0", "acme@v1.0.0", "--exit-code"];
    hosting
        .run(same)
        .exits(0)
        .says("[OK] Objects: 0 added, 0 removed, 0 changed");
}

#[test]
fn for_machines_it_is_one_document() {
    let hosting = two();
    let ran = diff(&hosting, &["--format", "json", "--exit-code"]).exits(13);
    let document: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(
        (&document["ok"], &document["code"]),
        (&false.into(), &13.into())
    );
    let data = &document["data"];
    assert_eq!(data["differs"], true);
    assert_eq!(data["a"]["name"], "acme-v1.0.0");
    let acts: Vec<(&str, &str)> = data["objects"]
        .as_array()
        .expect("objects are a list")
        .iter()
        .map(|o| {
            (
                o["object"].as_str().unwrap_or_default(),
                o["act"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        acts,
        [
            ("configmap/one", "removed"),
            ("configmap/two", "added"),
            ("deployment.apps/web", "changed")
        ]
    );
    assert_eq!(data["secrets"]["added"][0], "db/token");
}

#[test]
fn a_damaged_package_is_not_compared() {
    let hosting = two();
    let directory = hosting.path("packages/acme-v1.1.0");
    testkit::consign::make_writable(&directory);
    hosting.write("packages/acme-v1.1.0/manifests/all.yaml", "kind: Nothing\n");
    diff(&hosting, &[]).exits(3).says("manifests/all.yaml");
    let missing = ["diff", "acme@v1.0.0", "acme@v9.9.9"];
    hosting.run(missing).exits(2).says("Package not found");
}

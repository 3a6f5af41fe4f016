//! What may be deployed.

use model::finding::Class;
use package::open::{OpenOptions, Steps};
use package::trust::{Policy, judge};

use crate::fixture::{Broken, package};

const MANIFEST: &str = "MANIFEST.json";
const ALL: &str = "manifests/all.yaml";

/// The package as scripts would have made it: without `consign`.
fn foreign() -> Broken {
    let mut broken = Broken::new();
    let text = broken.text(MANIFEST);
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value.as_object_mut().unwrap().remove("consign");
    broken.forge(MANIFEST, value.to_string());
    broken
}

#[test]
fn a_whole_package_is_trusted_where_nothing_else_is_asked() {
    let package = package();
    let digest = package.digest();
    let trusted = judge(package, &Policy::none()).unwrap();
    assert_eq!(trusted.digest(), digest);
    assert_eq!(trusted.name().to_string(), "acme-corp-v1.2.3");
}

#[test]
fn v11_a_package_of_scripts_that_was_never_pinned_is_refused_with_every_image() {
    let mut broken = foreign();
    let text = broken.text(ALL);
    let floating: String = text
        .lines()
        .map(|line| line.split("@sha256:").next().unwrap().to_owned() + "\n")
        .collect();
    broken.forge(ALL, floating);
    let report = broken.report();
    let findings = judge(report.package.unwrap(), &Policy::none()).unwrap_err();
    assert!(
        findings
            .iter()
            .all(|f| f.class == Class::Policy && f.is_error())
    );
    let said: Vec<_> = findings.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "package acme-corp-v1.2.3 was not made by consign",
            "image not pinned: nginx:1.29-alpine",
            "image not pinned: redis:7-alpine",
            "image not pinned: registry.example.com/acme/api:2.4.1",
        ]
    );
}

#[test]
fn a_pinned_package_of_scripts_is_refused_too() {
    let findings = judge(foreign().report().package.unwrap(), &Policy::none()).unwrap_err();
    let codes: Vec<_> = findings.iter().map(|f| f.code).collect();
    assert_eq!(codes, ["package-foreign"]);
}

#[test]
fn d1_a_skipped_verification_does_not_let_a_floating_image_through() {
    let mut broken = Broken::new();
    let text = broken.text(ALL);
    let at = text.find("nginx:1.29-alpine@sha256:").unwrap() + "nginx:1.29-alpine".len();
    let digest = "@sha256:".len() + 64;
    broken.forge(ALL, format!("{}{}", &text[..at], &text[at + digest..]));
    let options = OpenOptions {
        steps: Steps::Integrity,
        ..OpenOptions::default()
    };
    assert!(!broken.report().passed());
    let findings = judge(
        broken.report_with(&options).package.unwrap(),
        &Policy::none(),
    )
    .unwrap_err();
    assert_eq!(findings[0].code, "image-not-pinned");
    assert_eq!(findings.len(), 1);
    assert!(findings[0].place.as_ref().unwrap().line.is_some());
}

//! What is read, and odd.

use catalog::tracking::{Known, Primary, Status, differences, doubts, parse};
use model::finding::Severity;
use model::version::PackageName;

use crate::ground::{EXAMPLE, after, deploy, said};

fn packages(names: &[&str]) -> Vec<PackageName> {
    names.iter().map(|n| n.parse().unwrap()).collect()
}

#[test]
fn r4_what_cannot_be_right_is_said_with_its_line() {
    let text = "clients:
- name: acme-corp
  packages:
  - version: v1.0.0
    status: active
  - version: v1.1.0
    deployed: yesterday
    status: active
  - version: v1.0.0
    status: actve
  - version: v1.2.0
    contexts:
      staging: {status: active}
  - version: v1.3.0
    contexts:
      staging: {status: active}
      other: {status: active}
- name: acme-corp
- name: beta
  packages:
  - version: v1.0.0
    status: active
";
    let view = parse(text).unwrap();
    let there = packages(&[
        "acme-corp-v1.0.0",
        "acme-corp-v1.1.0",
        "acme-corp-v1.2.0",
        "acme-corp-v1.3.0",
    ]);
    let found = doubts(&view, &there);
    assert!(found.iter().all(|f| f.severity == Severity::Warning));
    assert_eq!(
        said(&found),
        [
            "clients-two-active config/clients.yaml:6: acme-corp v1.1.0 is active, and so is v1.0.0 on line 4; only one can be",
            "clients-time config/clients.yaml:7: `deployed: yesterday`: it is no RFC 3339 time between the years 0 and 9999, such as 2026-01-29T10:15:30Z",
            "clients-duplicate config/clients.yaml:9: acme-corp v1.0.0 is listed twice, first on line 4",
            "clients-status config/clients.yaml:10: `status: actve`: it is none of active, superseded, failed, rolled-back and removed",
            "clients-two-active config/clients.yaml:16: acme-corp v1.3.0 is active in context staging, and so is v1.2.0 on line 11; only one can be",
            "clients-duplicate config/clients.yaml:18: client acme-corp is listed twice, first on line 2",
            "clients-no-package config/clients.yaml:21: beta v1.0.0 is active, but there is no package of it",
        ]
    );
    assert_eq!(
        doubts(&parse(EXAMPLE).unwrap(), &packages(&["acme-corp-v1.2.3"])),
        []
    );
}

#[test]
fn r4_a_deploy_goes_on_and_leaves_one_active() {
    let text = EXAMPLE.replace("superseded", "active");
    let text = after(&text, &deploy("v2.0.0", "2026-02-01T00:00:00Z", "v1.2.3"));
    assert_eq!(text.matches("status: active").count(), 1, "{text}");
    // A client listed twice is one client; what is new goes to the second.
    let twice = format!("{EXAMPLE}  - name: acme-corp\n");
    let text = after(&twice, &deploy("v2.0.0", "2026-02-01T00:00:00Z", "v1.2.3"));
    let view = parse(&text).unwrap();
    assert_eq!(view.clients[0].packages[2].status, Some(Status::Superseded));
    assert_eq!(view.clients[1].packages[0].status, Some(Status::Active));
}

#[test]
fn r9_order_is_that_of_the_list_whatever_the_times() {
    let text = "clients:
- name: acme-corp
  namespace: sh-acme-corp
  packages:
  - version: v3.0.0
    deployed: 2099-01-01T00:00:00+14:00
    status: superseded
  - version: v1.0.0
    deployed: 2026-01-29T10:15:30Z
    status: superseded
  - version: v2.0.0
    deployed: 2026-01-29T10:15:30Z
    status: active
";
    let view = parse(text).unwrap();
    let order = |view: &catalog::tracking::Tracking| -> Vec<String> {
        view.clients[0]
            .packages
            .iter()
            .map(|p| p.version.to_string())
            .collect()
    };
    assert_eq!(order(&view), ["v3.0.0", "v1.0.0", "v2.0.0"]);
    // What the cluster called active is what the file calls so: the change is
    // the next one, though a time in the file is far ahead.
    let text = after(text, &deploy("v4.0.0", "2026-01-29T10:15:30Z", "v2.0.0"));
    let text = after(
        &text,
        &deploy("v3.0.0", "2026-01-29T11:15:30.9+01:00", "v4.0.0"),
    );
    let view = parse(&text).unwrap();
    assert_eq!(order(&view), ["v3.0.0", "v1.0.0", "v2.0.0", "v4.0.0"]);
    assert_eq!(view.clients[0].packages[0].status, Some(Status::Active));
    assert!(
        text.contains("    deployed: 2026-01-29T10:15:30Z\n    status: active\n"),
        "{text}"
    );
}

#[test]
fn r12_where_file_and_record_differ_is_said() {
    let known = |version: &str, status| Known {
        client: "acme-corp".parse().unwrap(),
        context: "prod".parse().unwrap(),
        primary: Primary::Yes,
        version: version.parse().unwrap(),
        status,
    };
    let view = parse(EXAMPLE).unwrap();
    let same = [
        known("v1.1.0", Status::Active),
        known("v1.2.3", Status::Active),
        known("v1.1.0", Status::Superseded),
    ];
    assert_eq!(differences(&view, &same), []);
    let records = [
        known("v1.1.0", Status::Failed),
        known("v2.0.0", Status::Active),
        known("v1.2.3", Status::Superseded),
    ];
    let found = differences(&view, &records);
    assert!(found.iter().all(|f| f.severity == Severity::Warning));
    assert_eq!(
        said(&found),
        [
            "clients-differ config/clients.yaml: acme-corp v2.0.0 is active by the record in context prod, but not listed here",
            "clients-differ config/clients.yaml:9: acme-corp v1.1.0 is failed by the record in context prod, but superseded by this file",
            "clients-differ config/clients.yaml:12: acme-corp v1.2.3 is superseded by the record in context prod, but active by this file",
        ]
    );
    let found = differences(&view, &[known("v1.1.0", Status::Superseded)]);
    assert_eq!(
        said(&found),
        [
            "clients-differ config/clients.yaml:12: acme-corp v1.2.3 is noted as active in context prod, whose cluster has no record of it"
        ]
    );
}

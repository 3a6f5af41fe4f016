//! A change that comes late does not override what is newer.

use catalog::tracking::{Status, apply, parse};

use crate::ground::{EXAMPLE, change, deploy, said};

#[test]
fn r12_an_older_deploy_is_noted_as_history_only() {
    // v1.2.3 is active since 2026-01-29; this was before, and before that v1.0.0.
    let late = deploy("v1.1.5", "2026-01-25T00:00:00Z", "v1.0.0");
    let edited = apply(Some(EXAMPLE), &late).unwrap();
    assert_eq!(
        edited.text,
        format!(
            "{EXAMPLE}      - version: v1.1.5\n        deployed: 2026-01-25T00:00:00Z\n        status: superseded\n"
        )
    );
    assert_eq!(
        said(&edited.notes),
        [
            "clients-newer config/clients.yaml:12: acme-corp v1.1.5 (active at 2026-01-25T00:00:00Z) is older than what is noted for context prod: v1.2.3 active since 2026-01-29T10:15:30Z; that was left as it is"
        ]
    );
    // What is listed already stays.
    let late = deploy("v1.1.0", "2026-01-25T00:00:00Z", "v1.0.0");
    let edited = apply(Some(EXAMPLE), &late).unwrap();
    assert_eq!(edited.text, EXAMPLE);
    assert_eq!(edited.notes.len(), 1);
    // So does a later deploy of the same version.
    let mut late = deploy("v1.2.3", "2026-01-25T00:00:00Z", "v1.1.0");
    late.status = Status::RolledBack;
    assert_eq!(apply(Some(EXAMPLE), &late).unwrap().text, EXAMPLE);
}

#[test]
fn r12_a_newer_deploy_over_an_old_copy_of_the_file_is_noted_and_the_gap_said() {
    let next = deploy("v3.0.0", "2026-03-01T00:00:00Z", "v2.0.0");
    let edited = apply(Some(EXAMPLE), &next).unwrap();
    let view = parse(&edited.text).unwrap();
    assert_eq!(view.clients[0].packages[3].status, Some(Status::Active));
    assert_eq!(view.clients[0].packages[2].status, Some(Status::Superseded));
    assert_eq!(
        said(&edited.notes),
        [
            "clients-gap config/clients.yaml: acme-corp v2.0.0, active in context prod until now, is not listed here"
        ]
    );
}

#[test]
fn a_time_that_is_not_said_is_not_newer() {
    let text = "clients:\n- name: acme-corp\n  namespace: sh-acme-corp\n  packages:\n  - version: v1.0.0\n    status: active\n";
    let first = change("v1.1.0", Status::Active, "2026-02-01T00:00:00Z");
    let view = parse(&apply(Some(text), &first).unwrap().text).unwrap();
    assert_eq!(view.clients[0].packages[0].status, Some(Status::Superseded));
    assert_eq!(view.clients[0].packages[1].status, Some(Status::Active));
}

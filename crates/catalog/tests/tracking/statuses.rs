//! Deploys, failures, rollbacks and removals in the one context there is.

use catalog::tracking::{Status, apply, parse};

use crate::ground::{EXAMPLE, after, change, deploy};

/// The lines that a change took away and added.
fn differs(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let gone = |a: &str, b: &str| {
        let mut left: Vec<&str> = b.lines().collect();
        let mut out = Vec::new();
        for line in a.lines() {
            match left.iter().position(|l| *l == line) {
                Some(at) => drop(left.remove(at)),
                None => out.push(line.trim().to_owned()),
            }
        }
        out
    };
    (gone(before, after), gone(after, before))
}

#[test]
fn a_first_deploy_makes_the_specifications_file() {
    let made = apply(
        None,
        &change("v1.0.0", Status::Active, "2026-01-15T11:00:00+01:00"),
    );
    let made = made.unwrap();
    assert_eq!(made.notes, []);
    assert_eq!(
        made.text,
        "clients:
  - name: acme-corp
    namespace: sh-acme-corp
    packages:
      - version: v1.0.0
        deployed: 2026-01-15T10:00:00Z
        status: active
"
    );
    let same = [
        deploy("v1.1.0", "2026-01-20T14:30:00Z", "v1.0.0"),
        deploy("v1.2.3", "2026-01-29T10:15:30Z", "v1.1.0"),
    ]
    .iter()
    .fold(made.text, |text, change| after(&text, change));
    assert_eq!(format!("# config/clients.yaml\n{same}"), EXAMPLE);
}

#[test]
fn a_deploy_supersedes_the_active_version() {
    let text = after(EXAMPLE, &deploy("v2.0.0", "2026-02-01T00:00:00Z", "v1.2.3"));
    let (gone, new) = differs(EXAMPLE, &text);
    assert!(gone.is_empty(), "{gone:?}");
    let expected = [
        "status: superseded",
        "- version: v2.0.0",
        "deployed: 2026-02-01T00:00:00Z",
    ];
    assert_eq!(new, expected, "{text}");
    let view = parse(&text).unwrap();
    let statuses: Vec<_> = view.clients[0].packages.iter().map(|p| p.status).collect();
    let (old, now) = (Some(Status::Superseded), Some(Status::Active));
    assert_eq!(statuses, [old, old, old, now]);
}

#[test]
fn failed_and_rolled_back_deploys_are_told_apart_and_the_earlier_one_stays() {
    for status in [Status::Failed, Status::RolledBack] {
        let mut it = deploy("v1.3.0", "2026-02-01T00:00:00Z", "v1.2.3");
        it.status = status;
        let text = after(EXAMPLE, &it);
        let expected = format!(
            "{EXAMPLE}      - version: v1.3.0
        deployed: 2026-02-01T00:00:00Z
        status: {status}
"
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn a_rollback_and_a_redeploy_change_their_entries_in_place() {
    let back = after(EXAMPLE, &deploy("v1.1.0", "2026-02-01T00:00:00Z", "v1.2.3"));
    let view = parse(&back).unwrap();
    let said: Vec<String> = view.clients[0]
        .packages
        .iter()
        .map(|p| {
            format!(
                "{} {} {}",
                p.version,
                p.status.unwrap(),
                p.deployed.unwrap()
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "v1.0.0 superseded 2026-01-15T10:00:00Z",
            "v1.1.0 active 2026-02-01T00:00:00Z",
            "v1.2.3 superseded 2026-01-29T10:15:30Z"
        ]
    );
    let again = after(&back, &deploy("v1.1.0", "2026-02-02T00:00:00Z", "v1.1.0"));
    let (gone, new) = differs(&back, &again);
    assert_eq!(gone, ["deployed: 2026-02-01T00:00:00Z"]);
    assert_eq!(new, ["deployed: 2026-02-02T00:00:00Z"]);
}

#[test]
fn what_was_removed_keeps_the_time_of_its_deployment() {
    let mut gone = deploy("v1.2.3", "2026-03-01T00:00:00Z", "v1.2.3");
    gone.status = Status::Removed;
    let text = after(EXAMPLE, &gone);
    assert_eq!(text, EXAMPLE.replace("active", "removed"));
    let view = parse(&text).unwrap();
    let (client, context) = (&gone.client, &gone.context);
    assert!(view.active(client, context, gone.primary).is_none());
}

#[test]
fn the_same_change_twice_is_once() {
    let change = deploy("v2.0.0", "2026-02-01T00:00:00Z", "v1.2.3");
    let once = after(EXAMPLE, &change);
    assert_eq!(after(&once, &change), once);
}

#[test]
fn another_client_is_added_at_the_end() {
    let mut other = change("v0.1.0", Status::Active, "2026-02-01T00:00:00Z");
    other.client = "beta".parse().unwrap();
    other.namespace = "sh-beta".parse().unwrap();
    let text = after(EXAMPLE, &other);
    let expected = format!(
        "{EXAMPLE}  - name: beta
    namespace: sh-beta
    packages:
      - version: v0.1.0
        deployed: 2026-02-01T00:00:00Z
        status: active
"
    );
    assert_eq!(text, expected);
    // The first one's entries go among its own.
    let text = after(&text, &deploy("v2.0.0", "2026-02-01T00:00:00Z", "v1.2.3"));
    let view = parse(&text).unwrap();
    let counts: Vec<_> = view.clients.iter().map(|c| c.packages.len()).collect();
    assert_eq!(counts, [4, 1]);
}

#[test]
fn the_namespace_follows_the_primary_context() {
    let mut moved = deploy("v2.0.0", "2026-02-01T00:00:00Z", "v1.2.3");
    moved.namespace = "sh-acme-2".parse().unwrap();
    let text = after(EXAMPLE, &moved);
    assert!(text.contains("    namespace: sh-acme-2\n"), "{text}");
    let text = after(EXAMPLE, &crate::ground::elsewhere(moved.clone(), "staging"));
    assert!(text.contains("    namespace: sh-acme-corp\n"), "{text}");
    // Where nothing is said, any context tells.
    let bare = EXAMPLE.replace("    namespace: sh-acme-corp\n", "");
    let text = after(&bare, &crate::ground::elsewhere(moved, "staging"));
    assert!(text.ends_with("\n    namespace: sh-acme-2\n"), "{text}");
}

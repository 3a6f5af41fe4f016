//! Several contexts.

use catalog::tracking::{Primary, Status, parse};

use crate::ground::{EXAMPLE, after, change, deploy, elsewhere};

#[test]
fn a_second_context_is_said_by_name_and_the_plain_fields_stay_the_primarys() {
    let staging = elsewhere(
        change("v2.0.0", Status::Active, "2026-02-01T00:00:00Z"),
        "staging",
    );
    let text = after(EXAMPLE, &staging);
    let expected = format!(
        "{EXAMPLE}      - version: v2.0.0
        contexts:
          staging:
            status: active
            deployed: 2026-02-01T00:00:00Z
"
    );
    assert_eq!(text, expected);
    let view = parse(&text).unwrap();
    let active = |context: &str, primary| {
        let context = context.parse().unwrap();
        let found = view.active(&staging.client, &context, primary);
        found.map(|p| p.version.to_string())
    };
    assert_eq!(active("staging", Primary::No).as_deref(), Some("v2.0.0"));
    assert_eq!(active("prod", Primary::Yes).as_deref(), Some("v1.2.3"));
    assert_eq!(active("prod", Primary::No), None);

    // Then it comes to the primary one, which is said both ways from now on.
    let text = after(&text, &deploy("v2.0.0", "2026-02-02T00:00:00Z", "v1.2.3"));
    let expected = format!(
        "{}      - version: v2.0.0
        contexts:
          staging:
            status: active
            deployed: 2026-02-01T00:00:00Z
          prod:
            status: active
            deployed: 2026-02-02T00:00:00Z
        deployed: 2026-02-02T00:00:00Z
        status: active
",
        EXAMPLE.replace("active", "superseded")
    );
    assert_eq!(text, expected);

    // And is superseded in one, and not in the other.
    let text = after(&text, &deploy("v2.1.0", "2026-02-03T00:00:00Z", "v2.0.0"));
    let view = parse(&text).unwrap();
    let package = &view.clients[0].packages[3];
    assert_eq!(package.status, Some(Status::Superseded));
    let statuses: Vec<String> = package
        .contexts
        .iter()
        .map(|c| format!("{} {}", c.context, c.status.unwrap()))
        .collect();
    assert_eq!(statuses, ["staging active", "prod superseded"]);
    let newest = &view.clients[0].packages[4];
    assert_eq!(newest.contexts.len(), 1);
    assert_eq!(newest.status, Some(Status::Active));
}

#[test]
fn a_context_of_a_listed_version_is_added_to_it() {
    let staging = elsewhere(
        change("v1.2.3", Status::Failed, "2026-02-01T00:00:00Z"),
        "staging",
    );
    let text = after(EXAMPLE, &staging);
    let expected = format!(
        "{EXAMPLE}        contexts:
          staging:
            status: failed
            deployed: 2026-02-01T00:00:00Z
"
    );
    assert_eq!(text, expected);
    let again = elsewhere(
        change("v1.2.3", Status::Active, "2026-02-01T01:00:00Z"),
        "staging",
    );
    let text = after(&text, &again);
    assert_eq!(
        text,
        expected
            .replace("status: failed", "status: active")
            .replace("2026-02-01T00:", "2026-02-01T01:")
    );
    let third = elsewhere(
        change("v1.2.3", Status::Active, "2026-02-01T02:00:00Z"),
        "a: b",
    );
    let text = after(&text, &third);
    assert!(
        text.ends_with("          \"a: b\":\n            status: active\n            deployed: 2026-02-01T02:00:00Z\n"),
        "{text}"
    );
}

#[test]
fn what_is_missing_in_a_context_is_filled_in() {
    for (had, what) in [
        ("        contexts:\n", "null"),
        ("        contexts: {}  # none yet\n", "braces"),
        (
            "        contexts:\n          staging:\n",
            "a context that says nothing",
        ),
        (
            "        contexts:\n          staging: {}\n",
            "an empty context",
        ),
        (
            "        contexts:\n          staging:\n            owner: me\n",
            "an owner",
        ),
        (
            "        contexts:\n          staging:\n            status:\n",
            "half a status",
        ),
    ] {
        let staging = elsewhere(
            change("v1.2.3", Status::Active, "2026-02-01T00:00:00Z"),
            "staging",
        );
        let text = after(&format!("{EXAMPLE}{had}"), &staging);
        let view = parse(&text).unwrap_or_else(|e| panic!("{what}: {e:?}\n{text}"));
        let package = &view.clients[0].packages[2];
        let known = package.context(&staging.context).expect(what);
        assert_eq!(
            (known.status, known.deployed),
            (Some(Status::Active), Some(staging.at))
        );
        assert_eq!(text.contains("owner: me"), had.contains("owner: me"));
        assert_eq!(text.contains("# none yet"), had.contains("# none yet"));
    }
}

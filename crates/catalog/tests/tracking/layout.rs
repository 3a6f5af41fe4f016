//! Layouts that people write.

use catalog::tracking::{Status, apply, parse};

use crate::ground::{EXAMPLE, after, change, deploy};

const AT: &str = "2026-02-01T00:00:00Z";

#[test]
fn lists_are_continued_as_they_were_begun() {
    // The specification's text as it reached us: dashes below their keys.
    let flat = "clients:
- name: acme-corp
  namespace: sh-acme-corp
  packages:
  - version: v1.2.3
    deployed: 2026-01-29T10:15:30Z
    status: active
";
    let text = after(flat, &deploy("v2.0.0", AT, "v1.2.3"));
    let expected = format!(
        "{}  - version: v2.0.0
    deployed: {AT}
    status: active
",
        flat.replace("active", "superseded")
    );
    assert_eq!(text, expected);
    let mut other = change("v1.0.0", Status::Active, AT);
    other.client = "beta".parse().unwrap();
    let text = after(flat, &other);
    assert!(
        text.ends_with("- name: beta\n  namespace: sh-acme-corp\n  packages:\n  - version: v1.0.0\n    deployed: 2026-02-01T00:00:00Z\n    status: active\n"),
        "{text}"
    );
    // Wide dashes.
    let wide = "clients:\n    -   name: acme-corp\n        packages:\n            -   version: v1.2.3\n                status: active\n";
    let text = after(wide, &deploy("v2.0.0", AT, "v1.2.3"));
    assert!(
        text.contains(
            "            -   version: v2.0.0\n                deployed: 2026-02-01T00:00:00Z\n"
        ),
        "{text}"
    );
}

#[test]
fn quotes_and_comments_stay_as_they_are() {
    let quoted = "clients: # all of them
- \"name\": 'acme-corp' # the first
  namespace: \"sh-acme-corp\"

  # What they run.
  packages:   # newest last
  - {version: \"v1.2.3\", deployed: '2026-01-29T10:15:30Z', status: \"active\"} # flow
  # v2 comes next

# The end.
";
    let text = after(quoted, &deploy("v2.0.0", AT, "v1.2.3"));
    assert_eq!(
        text,
        "clients: # all of them
- \"name\": 'acme-corp' # the first
  namespace: \"sh-acme-corp\"

  # What they run.
  packages:   # newest last
  - {version: \"v1.2.3\", deployed: '2026-01-29T10:15:30Z', status: \"superseded\"} # flow
  - version: v2.0.0
    deployed: 2026-02-01T00:00:00Z
    status: active
  # v2 comes next

# The end.
"
    );
    let back = after(&text, &deploy("v1.2.3", "2026-02-02T00:00:00Z", "v2.0.0"));
    assert!(
        back.contains("deployed: '2026-02-02T00:00:00Z', status: \"active\"}"),
        "{back}"
    );
}

#[test]
fn nothing_yet_is_begun() {
    for before in [
        "",
        "# ours\n",
        "# ours",
        "---\n# ours\n",
        "clients:\n",
        "clients: []\n",
        "clients: [ ]   # none\n",
        "clients: null\n",
        "clients: ~ # none",
        "owner: me\n",
        "owner: me",
        "clients:\n# ours\nowner: me\n",
        "clients:\n- name: acme-corp\n",
        "clients:\n- name: acme-corp\n  packages:\n  owner: me\n",
        "clients:\n- name: acme-corp\n  packages: []\n",
    ] {
        let text = after(before, &change("v1.0.0", Status::Active, AT));
        let view = parse(&text).unwrap();
        let client = &view.clients[0];
        assert_eq!(client.name.as_str(), "acme-corp", "{text}");
        assert_eq!(client.namespace.as_ref().unwrap().as_str(), "sh-acme-corp");
        assert_eq!(client.packages.len(), 1, "{text}");
        assert_eq!(client.packages[0].status, Some(Status::Active));
        for kept in ["# ours", "# none", "owner: me"] {
            assert_eq!(text.contains(kept), before.contains(kept), "{text}");
        }
        assert!(!text.lines().any(|l| l.ends_with(' ')), "{text:?}");
    }
}

#[test]
fn long_values_and_later_keys_are_stepped_over() {
    let long = "clients:
  - name: acme-corp
    packages:
      - version: v1.2.3
        status: active
        note: |
          several lines

          # this is text, not a comment

        folded: >-
          more of
          them
        words: 'over
          two lines'
    contacts:
      - a@example.com
  - name: beta
groups: [a, b,
  c]
";
    let text = after(long, &deploy("v2.0.0", AT, "v1.2.3"));
    let at = text.find("      - version: v2.0.0\n").unwrap();
    assert!(text[..at].ends_with("two lines'\n"), "{text}");
    assert!(text[at..].contains("    contacts:\n"), "{text}");
}

#[test]
fn windows_line_ends_stay() {
    let windows = EXAMPLE.replace('\n', "\r\n");
    let unix = after(EXAMPLE, &deploy("v2.0.0", AT, "v1.2.3"));
    let text = after(&windows, &deploy("v2.0.0", AT, "v1.2.3"));
    assert_eq!(text, unix.replace('\n', "\r\n"));
    assert_eq!(parse(&windows).unwrap(), parse(EXAMPLE).unwrap());
}

#[test]
fn what_cannot_be_edited_is_refused_by_line_and_never_spoilt() {
    let deploy = deploy("v2.0.0", AT, "v1.2.3");
    for (text, line) in [
        // A list in brackets takes no new item.
        (
            "clients:\n- name: acme-corp\n  packages: [{version: v1.2.3}]\n",
            3,
        ),
        ("clients: [{name: acme-corp, packages: []}]\n", 1),
        ("clients: [{name: acme-corp}]\n", 1),
        ("{clients: []}\n", 1),
        // A status over two lines.
        (
            "clients:\n- name: acme-corp\n  packages:\n  - version: v2.0.0\n    status: >\n      failed\n",
            6,
        ),
        // Dashes on lines of their own.
        (
            "clients:\n- name: acme-corp\n  packages:\n  -\n    version: v1.2.3\n",
            4,
        ),
        // Brackets over several lines.
        ("clients: [\n]\n", 1),
        // Text that a new line would change.
        (
            "clients:\n- name: acme-corp\n  packages:\n  - version: v1.2.3\n    note: |+\n      a\n\n\n",
            2,
        ),
        (
            "clients:\n- name: acme-corp\n  packages:\n  - version: v1.2.3\n    note: |\n      a",
            6,
        ),
    ] {
        let refused = apply(Some(text), &deploy).expect_err(text);
        let place = refused[0].place.as_ref().unwrap();
        assert_eq!(place.line, Some(line), "{refused:?}\n{text}");
        assert_eq!(place.path, "config/clients.yaml");
        assert_eq!(refused[0].class, model::finding::Class::Integrity);
    }
}

//! What is not read at all.

use std::fmt::Write as _;

use catalog::tracking::{BYTES_MAX, NODES_MAX, Status, apply, parse};
use model::finding::Class;

use crate::ground::{EXAMPLE, after, change, elsewhere};

#[test]
fn r5_what_readers_differ_about_is_refused_with_its_line() {
    let head = "clients:\n- name: acme-corp\n";
    for (text, line, word) in [
        ("clients: []\nclients: []\n".to_owned(), 2, "twice"),
        (format!("{head}  name: beta\n"), 3, "twice"),
        (format!("{head}  \"name\": beta\n"), 3, "twice"),
        (format!("{head}  x: {{a: 1, a: 2}}\n"), 3, "twice"),
        (format!("{head}  packages: &p []\n"), 3, "anchor"),
        (format!("{head}- *p\n"), 3, "alias"),
        (format!("{head}  <<: {{namespace: x}}\n"), 3, "merge"),
        (format!("{head}\tpackages: []\n"), 3, "tab"),
        (format!("{head}  packages: []\t# none\n"), 3, "tab"),
        (format!("{head}  packages: !!seq []\n"), 3, "tag"),
        (format!("{head}  x: !secret a\n"), 3, "tag"),
        (format!("{head}---\nclients: []\n"), 4, "second document"),
        (format!("{head}...\n"), 3, "stop there"),
        (format!("%YAML 1.1\n---\n{head}"), 1, "directive"),
        (format!("\u{feff}{head}"), 1, "byte order mark"),
        (format!("{head}\r\n  x: 1\n"), 3, "carriage return"),
        (format!("{head}  x: [\n"), 3, "unclosed"),
        ("clients:\n- name: no\n".to_owned(), 2, "write \"no\""),
        ("clients:\n- name: on\n".to_owned(), 2, "write \"on\""),
        ("clients:\n- name: y\n".to_owned(), 2, "write \"y\""),
        ("clients:\n- name: null\n".to_owned(), 2, "write \"null\""),
        ("clients:\n- name: 0123\n".to_owned(), 2, "write \"0123\""),
        ("clients:\n- name: 1e3\n".to_owned(), 2, "write \"1e3\""),
        ("clients:\n- name:\n".to_owned(), 2, "nothing"),
        ("clients:\n- namespace: x\n".to_owned(), 2, "without `name`"),
        ("clients:\n- name: Acme\n".to_owned(), 2, "'A'"),
        ("clients:\n- name: [acme]\n".to_owned(), 2, "a list"),
        ("clients:\n- acme\n".to_owned(), 2, "must be a map"),
        ("clients: acme\n".to_owned(), 1, "must be a list"),
        ("- acme\n".to_owned(), 1, "must be a map"),
        (format!("{head}  namespace: off\n"), 3, "write \"off\""),
        (
            format!("{head}  packages:\n  - version: 1.0\n"),
            4,
            "write \"1.0\"",
        ),
        (
            format!("{head}  packages:\n  - version: v1\n"),
            4,
            "semantic",
        ),
        (
            format!("{head}  packages:\n  - status: active\n"),
            4,
            "without `version`",
        ),
        (
            format!("{head}  packages:\n  - version: v1.0.0\n    status: [active]\n"),
            5,
            "a list",
        ),
        (
            format!("{head}  packages:\n  - version: v1.0.0\n    contexts: {{on: }}\n"),
            5,
            "write \"on\"",
        ),
    ] {
        let refused = parse(&text).expect_err(&text);
        assert!(
            refused.iter().any(|f| {
                let at = f.place.as_ref().unwrap().line;
                at == Some(line) && f.message.contains(word)
            }),
            "{refused:?}\n{text}"
        );
        assert!(refused.iter().all(|f| f.class == Class::Integrity));
        // Nor is it edited.
        let change = change("v1.0.0", Status::Active, "2026-02-01T00:00:00Z");
        assert_eq!(apply(Some(&text), &change).unwrap_err(), refused);
    }
}

#[test]
fn r5_everything_that_is_wrong_is_said_at_once() {
    let text = "clients:\n- name: no\n- name: yes\n  packages:\n  - version: 1\n";
    let lines: Vec<_> = parse(text)
        .unwrap_err()
        .iter()
        .map(|f| f.place.as_ref().unwrap().line.unwrap())
        .collect();
    assert_eq!(lines, [2, 3, 5]);
}

#[test]
fn r5_bombs_and_a_million_entries_are_refused_quickly() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (one, two) in ('a'..='i').zip('b'..='j') {
        let again = format!("*{one}, ").repeat(9);
        writeln!(bomb, "{two}: &{two} [{again}]").unwrap();
    }
    let deep = format!("clients: {}", "[".repeat(100_000));
    let many = format!("clients:\n{}", "- {}\n".repeat(NODES_MAX));
    let large = format!("# {}\n", "x".repeat(BYTES_MAX));
    for text in [bomb, deep, many, large] {
        let refused = parse(&text).unwrap_err();
        assert!(refused.len() <= 101);
        assert!(
            refused
                .iter()
                .all(|f| f.class == Class::Integrity && f.is_error())
        );
        let placed = |f: &model::finding::Finding| f.place.as_ref().unwrap().line.is_some();
        assert!(refused.iter().all(placed), "{refused:?}");
    }
}

#[test]
fn r5_names_are_quoted_where_they_need_it() {
    for name in [
        "no", "on", "y", "n", "off", "yes", "true", "null", "007", "1e3", "0x1f", "123",
    ] {
        let mut it = change("v1.0.0", Status::Active, "2026-02-01T00:00:00Z");
        it.client = name.parse().unwrap();
        it.namespace = name.parse().unwrap();
        let it = elsewhere(it, name);
        let text = after(EXAMPLE, &it);
        for line in [
            format!("\n  - name: \"{name}\"\n"),
            format!("\n    namespace: \"{name}\"\n"),
            format!("\n          \"{name}\":\n"),
        ] {
            assert!(text.contains(&line), "{text}");
        }
        let view = parse(&text).unwrap();
        assert_eq!(view.clients[1].name, it.client);
        assert_eq!(view.clients[1].packages[0].contexts[0].context, it.context);
    }
}

//! Laws of reading and printing YAML.

use model::yaml::{
    Content, Dialect, Entry, Limits, Map, Node, Tag, YamlErrorKind, emit, emit_all, from_json,
    parse, parse_resources, parse_strict, to_json,
};
use proptest::prelude::*;

/// What a node says, without how and where it was written.
#[derive(Debug, PartialEq)]
enum Said {
    Scalar(Tag, String),
    Seq(Vec<Said>),
    Map(Vec<(String, Said)>),
}

fn said(node: &Node) -> Said {
    match &node.content {
        Content::Scalar(s) => Said::Scalar(s.tag, s.text.clone()),
        Content::Seq(items) => Said::Seq(items.iter().map(said).collect()),
        Content::Map(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.to_owned(), said(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Said::Map(entries)
        }
    }
}

fn limits() -> Limits {
    Limits::default()
}

/// Texts of every kind that kustomize prints: everything but the controls it
/// refuses, and line separators, which it prints raw.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-z]{1,12}",
        1 => "[ -~]{0,6}",
        1 => prop_oneof![
            Just("yes"), Just("~"), Just("null"), Just("0755"), Just("1e3"), Just("1_000"), Just("12:30"),
            Just("2020-01-01"), Just("-"), Just("<<"), Just("="), Just("---"), Just(".inf"), Just(""), Just("0x1F"),
        ]
        .prop_map(str::to_owned),
        1 => "[\\u{20}-\\u{7e}\\u{a1}-\\u{2ff}\\u{4e00}-\\u{4eff}\\u{1f600}-\\u{1f64f}\\u{feff}\\u{200b}]{0,8}",
        1 => "[\\t\\r\\n \\u{1}\\u{1b}a]{0,4}",
    ];
    prop::collection::vec(word, 0..30).prop_flat_map(|words| {
        prop_oneof![Just(" "), Just("\n"), Just(""), Just("  "), Just("\n\n")]
            .prop_map(move |between| words.join(between))
    })
}

fn scalar() -> impl Strategy<Value = Node> {
    prop_oneof![
        5 => text().prop_map(Node::str),
        1 => any::<i64>().prop_map(|n| Node::scalar(n.to_string(), Tag::Int)),
        1 => any::<bool>().prop_map(|b| Node::scalar(b.to_string(), Tag::Bool)),
        1 => Just(Node::null()),
        1 => prop::num::f64::NORMAL.prop_map(|f| from_json(&serde_json::json!(f))),
    ]
}

fn tree() -> impl Strategy<Value = Node> {
    scalar().prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Node::seq),
            prop::collection::btree_map(
                text().prop_filter("a key that is printed", |k| k.len() < 1000 && k != "<<"),
                inner,
                0..6
            )
            .prop_map(|entries| Node::new(Content::Map(Map(entries
                .into_iter()
                .map(|(k, v)| Entry::new(k, v))
                .collect())))),
        ]
    })
}

/// Floats come back in the digits they are printed in.
fn normal(node: &Node) -> Said {
    fn go(said: Said) -> Said {
        match said {
            Said::Scalar(Tag::Int | Tag::Float, text) => Said::Scalar(
                Tag::Float,
                text.parse::<f64>().map_or(text, |f| f.to_string()),
            ),
            Said::Scalar(..) => said,
            Said::Seq(items) => Said::Seq(items.into_iter().map(go).collect()),
            Said::Map(items) => Said::Map(items.into_iter().map(|(k, v)| (k, go(v))).collect()),
        }
    }
    go(said(node))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_as_it_was(node in tree()) {
        let printed = emit(&node).unwrap();
        let read = parse(&printed, Dialect::V3, &limits())
            .unwrap_or_else(|e| panic!("{e}\n{printed}"))
            .unwrap_or_else(Node::null);
        prop_assert_eq!(normal(&read), normal(&node), "{}", printed);
        prop_assert_eq!(emit(&read).unwrap(), printed);
    }

    #[test]
    fn both_dialects_read_the_same_of_what_is_printed(node in tree()) {
        let printed = emit(&node).unwrap();
        let v3 = parse(&printed, Dialect::V3, &limits()).unwrap();
        let v2 = parse(&printed, Dialect::V2, &limits()).unwrap();
        prop_assert_eq!(v3.as_ref().map(normal), v2.as_ref().map(normal));
    }

    #[test]
    fn json_and_back(node in tree()) {
        let json = to_json(&node).unwrap();
        prop_assert_eq!(emit(&from_json(&json)).unwrap(), emit(&node).unwrap());
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn yaml_like_text_never_panics(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \\n\\ta-c0-9.~<_\\\\\\r]|<<: |- |: |\\n  |\\n---\\n|!!int |&a |\\*a|\\u{feff}|\\u{85}){0,60}") {
        everything(&text);
    }
}

fn everything(text: &str) {
    let _ = parse_strict(text, &limits());
    for dialect in [Dialect::V3, Dialect::V2] {
        if let Ok(Some(node)) = parse(text, dialect, &limits()) {
            let _ = to_json(&node);
            let _ = emit(&node);
        }
    }
    if let Ok(documents) = parse_resources(text, &limits()) {
        let _ = emit_all(documents.iter().map(|d| &d.node));
    }
}

fn limit(text: &str) -> String {
    let v3 = parse(text, Dialect::V3, &limits()).expect_err("refused");
    let v2 = parse(text, Dialect::V2, &limits()).expect_err("refused");
    assert_eq!(v3.kind, v2.kind);
    match v3.kind {
        YamlErrorKind::Limit(why) => why,
        other => panic!("not a limit: {other}"),
    }
}

#[test]
fn deep_texts_are_refused() {
    limit(&"[".repeat(20_000));
    limit(&"- ".repeat(20_000));
    limit(&"? ".repeat(20_000));
    limit(&"{a: ".repeat(20_000));
    let blocks: Vec<String> = (0..3000)
        .map(|i| format!("{}a:\n", " ".repeat(i)))
        .collect();
    let blocks = blocks.concat();
    limit(&blocks);
}

#[test]
fn the_deepest_text_is_read_and_printed() {
    let depth = Limits::DEPTH;
    let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let node = parse(&text, Dialect::V3, &limits()).unwrap().unwrap();
    assert_eq!(emit(&node).unwrap(), format!("{}1\n", "- ".repeat(depth)));
    to_json(&node).unwrap();
    limit(&format!("[{text}]"));
}

#[test]
fn laughs_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        text = format!("{text}a{i}: &a{i} [{aliases}]\n");
    }
    assert!(limit(&text).contains("aliases"));
}

#[test]
fn aliases_cannot_deepen_beyond_the_limit() {
    let half = Limits::DEPTH - 10;
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(half), "]".repeat(half));
    assert!(limit(&format!("a: &a {}\nb: {}\n", deep("1"), deep("*a"))).contains("deeper"));
}

#[test]
fn an_anchor_within_itself_is_an_error() {
    for text in ["a: &x [*x]\n", "&x {a: *x}\n", "a: &x\n  b: [{c: *x}]\n"] {
        for dialect in [Dialect::V3, Dialect::V2] {
            let error = parse(text, dialect, &limits()).expect_err("refused");
            assert!(matches!(error.kind, YamlErrorKind::Alias(_)), "{error}");
        }
    }
}

#[test]
fn errors_say_where() {
    let error = parse_resources("a: 1\n---\nb: 2\nc: [x\nd: 1\n", &limits()).expect_err("refused");
    assert_eq!((error.line, error.source_line.as_str()), (5, "d: 1"));
    let documents = parse_resources("a: 1\n---\nb: 2\nb: 3\n", &limits()).unwrap();
    let error = emit(&documents[1].node).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "line 4: key `b` is given twice in one map; delete one"
    );
    assert_eq!((documents[1].index, documents[1].line), (2, 3));
}

#[test]
fn json_dialect() {
    let json = |text: &str| {
        let node = parse(text, Dialect::V2, &limits()).unwrap().unwrap();
        to_json(&node).unwrap().to_string()
    };
    assert_eq!(
        json("namespace: n\non: 1\n"),
        r#"{"namespace":false,"true":1}"#
    );
    assert_eq!(
        json("a: 2020-01-01\nb: 0o17\nc: 0755\nd: 1_0\n"),
        r#"{"a":"2020-01-01","b":15,"c":493,"d":10}"#
    );
    assert_eq!(json("a: 1\na: 2\n"), r#"{"a":2}"#);
    assert_eq!(json("1: a\n1.5: b\n"), r#"{"1":"a","1.5":"b"}"#);
    assert_eq!(
        json("x: &x {a: 1, b: 2}\nz: {a: 3, <<: *x}\n"),
        r#"{"x":{"a":1,"b":2},"z":{"a":1,"b":2}}"#
    );
    for text in ["a: .inf\n", "~: a\n", "a: !!bool x\n", "a: 1\n---\nb: 2\n"] {
        assert!(parse(text, Dialect::V2, &limits()).is_err(), "{text}");
    }
    assert_eq!(parse("# nothing\n", Dialect::V2, &limits()), Ok(None));
    assert!(parse("a: 1\n---\n", Dialect::V2, &limits()).is_ok());
}

#[test]
fn strict_reading_refuses_what_readers_read_differently() {
    for (text, line) in [
        ("a: &x 1\n", 1),
        ("a: 1\nb: *x\n", 2),
        ("a: !!str 1\n", 1),
        ("a: !x 1\n", 1),
        ("<<: {a: 1}\n", 1),
        ("a: 1\na: 2\n", 2),
        ("a:\n  b: 1\n  'b': 2\n", 3),
        ("a: 1\n...\n", 2),
        ("a: 1\n... x\n", 2),
        ("%YAML 1.1\n---\na: 1\n", 1),
        ("--- a\n", 1),
        ("a: 1\n--- # c\nb: 1\n", 2),
        ("\u{feff}a: 1\n", 1),
        ("a: \"\u{85}\"\n", 1),
        ("a: x\u{2028}y\n", 1),
        ("a: \"\u{1b}\"\n", 1),
        ("a: 'x\ty'\n", 1),
        ("a: 1\r\nb: 2\r\n", 1),
        ("? [a]\n: b\n", 1),
        ("a: yes\n", 1),
        ("y: 1\n", 1),
        ("a: On\n", 1),
        ("a: 0644\n", 1),
        ("a: 09\n", 1),
        ("a: 1_000\n", 1),
        ("a: 0x1F\n", 1),
        ("a: 12:30:45\n", 1),
        ("a: ~\n", 1),
        ("a: .inf\n", 1),
        ("a: 1e3\n", 1),
        ("a: +1\n", 1),
        ("a: 2020-01-01\n", 1),
        ("a: 2001-12-14 21:59:43.10 -5\n", 1),
        ("a: [1\n", 1),
    ] {
        let errors = parse_strict(text, &limits()).expect_err(text);
        assert!(
            errors.iter().any(|e| e.line == line),
            "{text:?}: {errors:?}"
        );
    }
    for text in [
        "a: 1\nb: -1.5\nc: true\nd: null\ne: 1.5e+22\nf: \"yes\"\ng: '<<'\nh: {}\ni: []\n",
        "a: |\n  yes\n  --- x\n  ... y\n",
        "a: 1\n---\nb: 1\n",
        "a: 10.0.0.1\nb: 5Gi\nc: v1\nd: 1.2.3\ne: 8080:80/tcp\nf: 5e\n",
        "",
    ] {
        parse_strict(text, &limits()).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
    }
}

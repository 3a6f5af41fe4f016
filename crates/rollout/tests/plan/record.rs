use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::name::ClientName;
use proptest::prelude::*;
use rollout::record::{Heading, Outcome, Record, RecordError};
use serde_json::{Value, json};

fn client() -> ClientName {
    "acme".parse().unwrap()
}

fn read(map: &Value) -> Result<Record, RecordError> {
    Record::read(&client(), map)
}

fn gz(bytes: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

const DOCUMENT: &str = r#"{"schema":1,"client":"acme","version":"v1.0.0","digest":"sha256:00","started":"2026-01-29T10:15:30Z","outcome":"running"}"#;

fn named(rest: &Value) -> Value {
    let mut map = json!({"metadata": {"name": "consign.acme.r3", "uid": "u"}});
    for (key, value) in rest.as_object().unwrap() {
        map[key.as_str()] = value.clone();
    }
    map
}

fn plain(document: &str) -> Value {
    named(&json!({"data": {"record.json": document}}))
}

#[test]
fn the_smallest_document_is_read_and_an_unknown_label_is_an_unknown_outcome() {
    let record = read(&plain(DOCUMENT)).unwrap();
    assert_eq!(
        (record.number, record.document.outcome),
        (3, Outcome::Unknown)
    );
    assert!(
        record.package.is_none()
            && record.bundle().is_none()
            && record.document.inventory.is_empty()
    );
    for (label, outcome) in [
        ("active", Outcome::Active),
        ("Active", Outcome::Unknown),
        ("", Outcome::Unknown),
    ] {
        let mut map = plain(DOCUMENT);
        map["metadata"]["labels"] = json!({"consign.dev/outcome": label});
        assert_eq!(read(&map).unwrap().document.outcome, outcome, "{label}");
    }
    let compressed = named(&json!({"binaryData": {"record.json.gz": gz(DOCUMENT.as_bytes())}}));
    assert_eq!(read(&compressed).unwrap().document, record.document);
}

#[test]
fn documents_that_are_none_are_refused_and_said_to_be() {
    let is_unreadable = |map: &Value| {
        let told = read(map);
        assert!(
            matches!(told, Err(RecordError::Document(_))),
            "{map:.200}: {told:?}"
        );
    };
    for document in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\"x\"",
        "{}",
        "{\"schema\":\"1\"}",
        "{\"schema\":-1}",
        "\u{feff}{}",
    ] {
        is_unreadable(&plain(document));
    }
    for (key, value) in [
        ("schema", json!(-1)),
        ("schema", json!(0.5)),
        ("client", json!(null)),
        ("version", json!(["v1.0.0"])),
        ("outcome", json!("splendid")),
        ("outcome", json!(1)),
        ("act", json!("dance")),
        ("inventory", json!({"a": 1})),
        ("inventory", json!([{"kind": "Pod"}])),
        (
            "inventory",
            json!([{"apiVersion": "v1", "kind": "Pod", "name": 1}]),
        ),
        ("skipped", json!("all")),
    ] {
        let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
        document[key] = value;
        is_unreadable(&plain(&document.to_string()));
    }
    for map in [
        json!({}),
        json!({"data": {"record.json": 7}}),
        json!({"data": "record.json"}),
        json!({"data": {"record.json": null}}),
        json!({"binaryData": {"record.json.gz": "not base64!"}}),
        json!({"binaryData": {"record.json.gz": STANDARD.encode("not gzip")}}),
        json!({"binaryData": {"record.json.gz": {"a": 1}}}),
        json!({"binaryData": {"record.json.gz": gz(b"\xff\xfe")}}),
        json!({"binaryData": []}),
    ] {
        is_unreadable(&named(&map));
    }
}

#[test]
fn a_stream_that_is_cut_or_corrupt_is_no_document_and_no_package() {
    let whole = STANDARD.decode(gz(DOCUMENT.repeat(50).as_bytes())).unwrap();
    for (what, bytes) in [
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("without its end", whole[..whole.len() - 1].to_vec()),
        (
            "other bytes",
            whole
                .iter()
                .enumerate()
                .map(|(at, byte)| {
                    if at == whole.len() / 2 {
                        byte ^ 0xff
                    } else {
                        *byte
                    }
                })
                .collect(),
        ),
        ("empty", Vec::new()),
    ] {
        let map = named(
            &json!({"data": {"record.json": DOCUMENT}, "binaryData": {"package.tar.gz": STANDARD.encode(&bytes)}}),
        );
        assert!(read(&map).unwrap().bundle().is_none(), "{what}");
        let map = named(&json!({"binaryData": {"record.json.gz": STANDARD.encode(&bytes)}}));
        assert!(read(&map).is_err(), "{what}");
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    // 256 MiB of zeroes in a quarter of what a ConfigMap may hold.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..256 {
        encoder.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = STANDARD.encode(encoder.finish().unwrap());
    assert!(bomb.len() < 400 << 10);
    let map =
        named(&json!({"data": {"record.json": DOCUMENT}, "binaryData": {"package.tar.gz": bomb}}));
    assert!(read(&map).unwrap().bundle().is_none());
    let map = named(&json!({"binaryData": {"record.json.gz": bomb}}));
    assert!(matches!(read(&map), Err(RecordError::Document(_))));
}

#[test]
fn numbers_and_nesting_beyond_measure_are_refused() {
    for schema in ["2", "4294967297", "18446744073709551615"] {
        let told = read(&plain(
            &DOCUMENT.replace("\"schema\":1", &format!("\"schema\":{schema}")),
        ));
        assert!(
            matches!(told, Err(RecordError::Newer(_))),
            "{schema}: {told:?}"
        );
    }
    for schema in [
        "1e400",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        let told = read(&plain(
            &DOCUMENT.replace("\"schema\":1", &format!("\"schema\":{schema}")),
        ));
        assert!(told.is_err(), "{schema}: {told:?}");
    }
    let deep = format!(
        "{{\"schema\":1,\"x\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(read(&plain(&deep)).is_err());
    let name = |number: &str| {
        let map = json!({"metadata": {"name": format!("consign.acme.r{number}")}});
        Heading::read(&client(), &map).map(|heading| heading.number)
    };
    assert_eq!(name("18446744073709551615"), Some(u64::MAX));
    for odd in [
        "18446744073709551616",
        "-1",
        "+1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "٣",
        "",
        "0",
        "007",
    ] {
        assert_eq!(name(odd), None, "{odd:?}");
    }
}

#[test]
fn a_client_whose_name_begins_with_anothers_has_records_of_its_own() {
    for name in [
        "consign.acme-eu.r1",
        "consign.acme.r1.r2",
        "consign.acme.eu.r1",
        "consign.acm.r1",
        "Consign.acme.r1",
        "consign.acme",
    ] {
        assert_eq!(
            Heading::read(&client(), &json!({"metadata": {"name": name}})),
            None,
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(text in ".*", key in "[a-z]{1,9}", value in ".{0,20}") {
        let _ = read(&plain(&text));
        let _ = read(&plain(&format!("{{\"schema\":1,\"{key}\":{value}}}")));
        let _ = read(&named(&json!({"binaryData": {"record.json.gz": text, "package.tar.gz": value}})));
    }
}

//! images.lock and images.txt.

use std::collections::BTreeSet;

use model::finding::Class;
use package::images::{ImageLock, Maker, list};

use crate::objects::{DIGEST, lines, lock};

const LOCK: &str = "\
version: 1
images:
- image: \"1.5\"
  digest: sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de
  mediaType: application/vnd.oci.image.index.v1+json
- image: nginx
  digest: sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de
  mediaType: application/vnd.oci.image.index.v1+json
- image: nginx-a:1
  digest: sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de
  mediaType: application/vnd.oci.image.index.v1+json
- image: nginx:1
  digest: sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de
  mediaType: application/vnd.oci.image.index.v1+json
";

#[test]
fn a_lock_has_exact_bytes() {
    let lock = lock(&["nginx:1", "nginx", "1.5", "nginx-a:1"]);
    assert_eq!(lock.print(), LOCK);
    assert_eq!(ImageLock::parse(LOCK, "images.lock"), Ok(lock));
    let empty = ImageLock::default();
    assert_eq!(empty.print(), "version: 1\nimages: []\n");
    assert_eq!(ImageLock::parse(&empty.print(), "images.lock"), Ok(empty));
}

#[test]
fn everything_wrong_with_a_lock_is_said_with_its_line() {
    let text = format!(
        "\
version: 2
images:
- image: nginx:1
  digest: {DIGEST}
  mediaType: application/vnd.oci.image.index.v1+json
  size: 12
- image: nginx:1
  digest: {DIGEST}
  mediaType: application/vnd.oci.image.index.v1+json
- image: redis@{DIGEST}
  digest: sha256:abc
  mediaType: html
- digest: 12
comment: none
"
    );
    let findings = ImageLock::parse(&text, "images.lock").unwrap_err();
    assert!(
        findings
            .iter()
            .all(|f| f.class == Class::Usage && f.is_error())
    );
    let got: BTreeSet<String> = lines(&findings).into_iter().collect();
    assert_eq!(
        got,
        BTreeSet::from(
            [
                "1: version 2 is not known; this program reads 1",
                "6: unknown key size in an entry",
                "7: image nginx:1 is locked twice",
                &format!("10: image redis@{DIGEST} has a digest already and needs no lock"),
                "11: digest sha256:abc: a sha256 digest has 64 hex digits, this one has 3",
                "12: mediaType html is no media type",
                "13: an entry has no image",
                "13: digest is a number, not a string",
                "13: an entry has no mediaType",
                "14: unknown key comment in the file",
            ]
            .map(|l| format!("images.lock:{l}"))
        )
    );
}

#[test]
fn what_is_no_lock_is_refused() {
    for bad in [
        "",
        "[]",
        "images: []",
        "version: 1",
        "version: '1'\nimages: []",
        "version: 1\nimages: {}",
        "version: 1\nimages: []\n---\nversion: 1\nimages: []\n",
        "version: 1\nversion: 1\nimages: []",
        "version: 1\nimages: &a []",
        "version: 1\n<<<<<<< HEAD\nimages: []",
    ] {
        let findings = ImageLock::parse(bad, "images.lock").expect_err(bad);
        assert!(!findings.is_empty(), "{bad}");
        assert!(findings.iter().all(|f| f.class == Class::Usage), "{bad}");
    }
}

#[test]
fn images_txt_is_strict() {
    let good = format!("a:1@{DIGEST}\nb@{DIGEST}\n");
    let images = list::parse(&good, Maker::Consign).unwrap();
    assert_eq!(list::print(&images), good);
    assert_eq!(list::parse("", Maker::Consign).unwrap().len(), 0);
    for (bad, line) in [
        (format!("b@{DIGEST}\na@{DIGEST}\n"), 2),
        (format!("a@{DIGEST}\na@{DIGEST}\n"), 2),
        (format!("a@{DIGEST}"), 1),
        (format!("a@{DIGEST}\n\n"), 2),
        ("\n".to_owned(), 1),
        (format!(" a@{DIGEST}\n"), 1),
        (format!("a@{DIGEST}\r\n"), 1),
        (format!("# x\na@{DIGEST}\n"), 1),
        ("a:1\n".to_owned(), 1),
    ] {
        let findings = list::parse(&bad, Maker::Consign).expect_err(&bad);
        let place = findings[0].place.clone().unwrap();
        assert_eq!(
            (place.path.as_str(), place.line),
            ("images.txt", Some(line)),
            "{bad}"
        );
        assert_eq!(findings[0].class, Class::Integrity);
    }
    let unsorted = format!("b@{DIGEST}\na@{DIGEST}\nb@{DIGEST}\n");
    assert_eq!(list::parse(&unsorted, Maker::Scripts).unwrap().len(), 2);
    assert!(list::parse("a:1\n", Maker::Scripts).is_err());
}

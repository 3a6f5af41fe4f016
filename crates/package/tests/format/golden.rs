//! Packages made long ago, or by others.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::files::{Content, FileTree, Kind, TreeEntry};
use package::open::{BashSyntax, OpenOptions, open};
use package::sealed::FILES;

use crate::fixture::{expected, lines, package};

fn golden(maker: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(maker)
        .join("acme-corp-v1.2.3")
}

/// The package as scripts leave it on disk. Modes are said here, because git
/// and umask decide what a checkout has.
fn tree(maker: &str) -> FileTree {
    let dir = golden(maker);
    let entry = |path: &str, kind, mode, content| TreeEntry {
        path: path.to_owned(),
        exact: true,
        kind,
        mode,
        links: 1,
        size: 0,
        content,
    };
    let mut entries = vec![entry("manifests", Kind::Directory, 0o755, Content::Unread)];
    for path in FILES {
        let bytes = Arc::from(fs::read(dir.join(path)).unwrap());
        let mode = if path == "deploy.sh" { 0o755 } else { 0o644 };
        entries.push(entry(path, Kind::File, mode, Content::Bytes(bytes)));
    }
    FileTree::new("acme-corp-v1.2.3", entries)
}

#[test]
fn x12_format_1_is_these_bytes() {
    let package = package();
    if std::env::var_os("CONSIGN_GOLDEN").is_some_and(|v| v == "write") {
        for file in package.files() {
            let path = golden("format-1").join(file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file.bytes.as_slice()).unwrap();
        }
    }
    let tree = tree("format-1");
    for file in package.files() {
        let frozen = tree.get(file.path).unwrap().bytes().unwrap();
        assert_eq!(
            String::from_utf8_lossy(frozen),
            String::from_utf8_lossy(file.bytes),
            "{}",
            file.path
        );
    }
}

#[test]
fn x12_a_package_of_format_1_verifies_for_ever() {
    let report = open(&tree("format-1"), &OpenOptions::default()).finish(&BashSyntax::Absent);
    assert!(report.passed(), "{:#?}", lines(&report));
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn x12_a_package_made_by_scripts_verifies_and_its_floating_images_are_told() {
    let report = open(&tree("scripts"), &OpenOptions::default()).finish(&BashSyntax::Valid);
    assert!(report.passed(), "{:#?}", lines(&report));
    let lines = lines(&report);
    assert_eq!(
        lines,
        expected(
            "\
==========================================
Verifying package: acme-corp-v1.2.3
==========================================
[PASS] MANIFEST.json exists
[PASS] manifests/all.yaml exists
[PASS] images.txt exists
[PASS] secrets.env.enc exists
[PASS] deploy.sh exists
[PASS] checksum.sha256 exists
[INFO] Verifying checksums...
[PASS] All checksums valid
[INFO] Validating MANIFEST.json...
[PASS] MANIFEST.json is valid JSON
[INFO] Client: acme-corp
[INFO] Version: v1.2.3
[INFO] Namespace: sh-acme-corp
[INFO] Validating Kubernetes manifests...
[PASS] Manifests validate with kubectl
[INFO] Resources: 6
[INFO] Validating images...
[INFO] Images listed: 3
[PASS] All images have pinned digests
[WARN] manifests/all.yaml:44: image not pinned: redis:7-alpine
[WARN] manifests/all.yaml:69: image not pinned: nginx:1.29-alpine
[WARN] manifests/all.yaml:73: image not pinned: registry.example.com/acme/api:2.4.1
[INFO] Validating deploy script...
[PASS] deploy.sh is executable
[PASS] deploy.sh has valid bash syntax
[WARN] deploy.sh was not written by consign
==========================================
[OK] Package verification PASSED
=========================================="
        )
    );
}

#[test]
fn x12_a_changed_byte_of_a_package_made_by_scripts_is_found() {
    let tree = tree("scripts");
    for path in FILES {
        let entries = tree.iter().cloned().map(|mut entry| {
            if entry.path == path {
                let mut bytes = entry.bytes().unwrap().to_vec();
                let last = bytes.len() - 2;
                bytes[last] ^= 1;
                entry.content = Content::Bytes(Arc::from(bytes));
            }
            entry
        });
        let tree = FileTree::new(tree.name.clone(), entries.collect());
        assert!(
            !open(&tree, &OpenOptions::default())
                .finish(&BashSyntax::Valid)
                .passed()
        );
    }
}

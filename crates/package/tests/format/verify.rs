//! Verification, on bytes in memory.

use std::sync::Arc;

use crate::fixture::{Broken, class, expected, lines, package};
use model::digest::Digest;
use model::files::{Content, Errno, FileCause, FileError, Kind, Step};
use model::finding::Class;
use package::open::{BashSyntax, OpenOptions, Steps, open};
use package::report::Tag;
use package::sealed::FILES;

const ALL: &str = "manifests/all.yaml";

fn has(broken: &Broken, line: &str) {
    let lines = lines(&broken.report());
    assert!(lines.iter().any(|l| l == line), "{lines:#?}");
}

fn fails(broken: &Broken, expected: Class, line: &str) {
    let report = broken.report();
    assert!(!report.passed());
    assert_eq!(class(&report), Some(expected), "{:#?}", report.findings);
    has(broken, line);
}

#[test]
fn the_specifications_success_report_letter_for_letter() {
    let report = Broken::new().report();
    assert_eq!(
        lines(&report),
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
[INFO] Validating deploy script...
[PASS] deploy.sh is executable
[PASS] deploy.sh has valid bash syntax
==========================================
[OK] Package verification PASSED
[INFO] Package is ready for deployment
=========================================="
        )
    );
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(report.package.unwrap().digest(), package().digest());
}

#[test]
fn the_specifications_failure_report_letter_for_letter() {
    let mut broken = Broken::new();
    broken.remove("images.txt");
    assert_eq!(
        lines(&broken.report()),
        expected(
            "\
==========================================
Verifying package: acme-corp-v1.2.3
==========================================
[PASS] MANIFEST.json exists
[PASS] manifests/all.yaml exists
[FAIL] images.txt missing
[PASS] secrets.env.enc exists
[PASS] deploy.sh exists
[PASS] checksum.sha256 exists
[INFO] Verifying checksums...
[FAIL] Checksum verification failed
./images.txt: FAILED
==========================================
[ERROR] Package verification FAILED with 2 error(s)
=========================================="
        )
    );
}

#[test]
fn v1_whatever_does_not_belong_is_named() {
    let mut broken = Broken::new();
    let bytes = || Content::Bytes(Arc::new(b"x".to_vec()));
    broken
        .add("manifests/zz.yaml", Kind::File, Content::Unread)
        .add(".hidden", Kind::File, Content::Unread)
        .add("empty", Kind::Directory, Content::Unread)
        .add("checksum.sha256.bak", Kind::File, Content::Unread)
        .add("checksum.sha256.asc", Kind::File, bytes())
        .add("checksum.sha256.0123456789abcdef.sig", Kind::File, bytes());
    let told: Vec<_> = lines(&broken.report())
        .into_iter()
        .filter(|l| l.starts_with("[FAIL]"))
        .collect();
    assert_eq!(
        told,
        [
            "[FAIL] unexpected: .hidden",
            "[FAIL] unexpected: checksum.sha256.bak",
            "[FAIL] unexpected: empty/",
            "[FAIL] unexpected: manifests/zz.yaml",
        ]
    );
    fails(&broken, Class::Integrity, "[PASS] All checksums valid");
}

#[test]
fn v1_a_name_that_is_not_utf8_is_not_taken_for_what_it_looks_like() {
    let mut broken = Broken::new();
    broken.entry("images.txt").exact = false;
    fails(&broken, Class::Integrity, "[FAIL] images.txt missing");
    has(&broken, "[FAIL] unexpected: images.txt");
}

#[test]
fn v2_each_missing_file_is_named() {
    for path in FILES {
        let mut broken = Broken::new();
        broken.remove(path);
        fails(&broken, Class::Integrity, &format!("[FAIL] {path} missing"));
    }
}

#[test]
fn v3_a_flipped_bit_in_any_file_is_found_and_named() {
    for path in FILES {
        let mut broken = Broken::new();
        let mut bytes = broken.bytes(path);
        bytes[10] ^= 1;
        broken.change(path, bytes);
        fails(
            &broken,
            Class::Integrity,
            "[FAIL] Checksum verification failed",
        );
        if path != "checksum.sha256" {
            has(&broken, &format!("./{path}: FAILED"));
        }
    }
}

#[test]
fn v3_both_digests_are_there_for_who_asks_for_more() {
    let mut broken = Broken::new();
    let was = Digest::of(&broken.bytes("images.txt"));
    broken.change("images.txt", b"x");
    let report = broken.report();
    let more: Vec<_> = report
        .lines
        .iter()
        .filter(|l| l.tag == Tag::Verbose)
        .collect();
    let is = Digest::of(b"x");
    assert_eq!(more.len(), 1);
    assert_eq!(
        more[0].text,
        format!("expected {}, got {}", was.hex(), is.hex())
    );
}

#[test]
fn v4_a_file_that_is_not_listed_is_named() {
    let mut broken = Broken::new();
    let list: String = broken
        .text("checksum.sha256")
        .split_inclusive('\n')
        .filter(|l| !l.contains("deploy.sh"))
        .collect();
    broken
        .change("checksum.sha256", list)
        .change("deploy.sh", b"#!/bin/bash\n");
    fails(&broken, Class::Integrity, "unlisted: deploy.sh");
}

#[test]
fn v5_a_list_of_another_syntax_is_refused_with_its_line() {
    let mut broken = Broken::new();
    let list = broken.text("checksum.sha256").replace('\n', "\r\n");
    broken.change("checksum.sha256", list);
    fails(
        &broken,
        Class::Integrity,
        "checksum.sha256:5: the line ends in CR LF",
    );
}

#[test]
fn v5_a_list_in_any_order_is_accepted() {
    let mut broken = Broken::new();
    let text = broken.text("checksum.sha256");
    let mut list: Vec<_> = text.split_inclusive('\n').collect();
    list.reverse();
    broken.change("checksum.sha256", list.concat());
    assert!(broken.report().passed());
}

#[test]
fn v6_a_list_may_not_name_what_is_no_file_of_a_package() {
    for name in ["checksum.sha256", "manifests/zz.yaml", "../../etc/passwd"] {
        let mut broken = Broken::new();
        let list = broken.text("checksum.sha256") + &format!("{}  ./{name}\n", "0".repeat(64));
        broken.change("checksum.sha256", list);
        let report = broken.report();
        assert_eq!(class(&report), Some(Class::Integrity));
        let lines = lines(&report);
        assert!(
            lines.iter().any(|l| l.starts_with("checksum.sha256:6: ")),
            "{lines:#?}"
        );
    }
}

#[test]
fn v7_what_is_no_regular_file_is_refused() {
    for (kind, words) in [
        (Kind::Symlink, "a symbolic link"),
        (Kind::Fifo, "a named pipe"),
        (Kind::Socket, "a socket"),
        (Kind::Directory, "a directory"),
    ] {
        let mut broken = Broken::new();
        let entry = broken.entry("images.txt");
        entry.kind = kind;
        entry.content = Content::Unread;
        let line = format!("[FAIL] images.txt: not a regular file: it is {words}");
        fails(&broken, Class::Integrity, &line);
    }
    let mut broken = Broken::new();
    broken.entry("manifests").kind = Kind::Symlink;
    fails(
        &broken,
        Class::Integrity,
        "[FAIL] manifests: not a directory: it is a symbolic link",
    );
}

#[test]
fn v7_a_hard_link_is_a_warning() {
    let mut broken = Broken::new();
    broken.entry("images.txt").links = 2;
    has(&broken, "[WARN] images.txt has 2 hard links");
    assert!(broken.report().passed());
}

#[test]
fn v8_modes_that_let_others_in_are_refused() {
    for (path, mode, line) in [
        (
            "images.txt",
            0o646,
            "mode: images.txt is world-writable (0646)",
        ),
        (
            "images.txt",
            0o4444,
            "mode: images.txt is set-user-id (4444)",
        ),
        (
            "images.txt",
            0o2444,
            "mode: images.txt is set-group-id (2444)",
        ),
        ("images.txt", 0o1444, "mode: images.txt is sticky (1444)"),
        (
            "manifests",
            0o777,
            "mode: manifests is world-writable (0777)",
        ),
        (
            "deploy.sh",
            0o444,
            "mode: deploy.sh is not executable (0444)",
        ),
    ] {
        let mut broken = Broken::new();
        broken.entry(path).mode = mode;
        fails(&broken, Class::Integrity, &format!("[FAIL] {line}"));
    }
    for (path, mode, line) in [
        (
            "images.txt",
            0o664,
            "mode: images.txt is group-writable (0664)",
        ),
        ("images.txt", 0o755, "mode: images.txt is executable (0755)"),
    ] {
        let mut broken = Broken::new();
        broken.entry(path).mode = mode;
        has(&broken, &format!("[WARN] {line}"));
        assert!(broken.report().passed());
    }
}

#[test]
fn v9_a_renamed_package_is_refused() {
    let mut broken = Broken::new();
    "acme-corp-v9.9.9".clone_into(&mut broken.name);
    fails(
        &broken,
        Class::Integrity,
        "[FAIL] name mismatch: the directory is acme-corp-v9.9.9, MANIFEST.json says acme-corp-v1.2.3",
    );
    let mut broken = Broken::new();
    let manifest = broken.text("MANIFEST.json").replace("v1.2.3", "v1.2.4");
    broken.forge("MANIFEST.json", manifest);
    assert_eq!(class(&broken.report()), Some(Class::Integrity));
    let mut broken = Broken::new();
    let secrets = broken
        .text("secrets.env.enc")
        .replace("acme-corp v1.2.3", "bigcorp v1.2.3");
    broken.forge("secrets.env.enc", secrets);
    assert_eq!(class(&broken.report()), Some(Class::Integrity));
}

#[test]
fn v10_a_manifest_that_is_no_strict_json_is_refused_with_its_line() {
    for (from, to) in [
        ("\"version\"", "\"client\""),
        ("}\n", "}\n{}\n"),
        ("\"objects\": 6", "\"objects\": NaN"),
        ("\"objects\": 6", "\"objects\": 1e400"),
        ("consign 0.1.0", "\\ud800"),
    ] {
        let mut broken = Broken::new();
        let manifest = broken.text("MANIFEST.json");
        let at = manifest.rfind(from).unwrap();
        let manifest = format!("{}{to}{}", &manifest[..at], &manifest[at + from.len()..]);
        broken.forge("MANIFEST.json", manifest);
        fails(
            &broken,
            Class::Integrity,
            "[FAIL] MANIFEST.json is not valid JSON",
        );
        let lines = lines(&broken.report());
        let told = lines
            .iter()
            .find(|l| l.starts_with("MANIFEST.json:"))
            .unwrap();
        assert!(
            told.as_bytes()["MANIFEST.json:".len()].is_ascii_digit(),
            "{told}"
        );
    }
    for head in [&b"\xef\xbb\xbf"[..], b"\xff"] {
        let mut broken = Broken::new();
        let manifest = [head, &broken.bytes("MANIFEST.json")].concat();
        broken.forge("MANIFEST.json", manifest);
        fails(
            &broken,
            Class::Integrity,
            "[FAIL] MANIFEST.json is not valid JSON",
        );
    }
}

#[test]
fn v10_wrong_types_and_values_are_all_told_at_once() {
    let mut broken = Broken::new();
    let manifest = broken
        .text("MANIFEST.json")
        .replace("\"client\": \"acme-corp\"", "\"client\": 7")
        .replace("\"images.txt\"", "\"../images.txt\"")
        .replace("2026-01-29T09:15:30Z", "yesterday")
        .replace("\"source\": \"k8s/clients/acme-corp\",", "");
    broken.forge("MANIFEST.json", manifest);
    for line in [
        "client must be a string, it is a number",
        "files.images must be \"images.txt\", it is \"../images.txt\"",
        "created must be an RFC 3339 time, it is \"yesterday\"",
        "source is missing",
    ] {
        fails(
            &broken,
            Class::Integrity,
            &format!("[FAIL] MANIFEST.json: {line}"),
        );
    }
}

#[test]
fn v10_unknown_keys_warn_at_the_top_and_are_nothing_inside_consign() {
    let mut broken = Broken::new();
    let manifest = broken
        .text("MANIFEST.json")
        .replace("\"format\": 1,", "\"format\": 1, \"colour\": \"blue\",");
    broken.forge("MANIFEST.json", &manifest);
    assert!(broken.report().findings.is_empty());
    broken.forge("MANIFEST.json", manifest.replacen('{', "{\"extra\": 1,", 1));
    has(&broken, "[WARN] MANIFEST.json: unknown key \"extra\"");
    assert!(broken.report().passed());
}

#[test]
fn x12_a_newer_format_is_refused_clearly() {
    let mut broken = Broken::new();
    let manifest = broken
        .text("MANIFEST.json")
        .replace("\"format\": 1,", "\"format\": 2,");
    broken.forge("MANIFEST.json", manifest);
    fails(
        &broken,
        Class::Integrity,
        "[FAIL] MANIFEST.json: package format 2 needs a newer consign (this one reads format 1)",
    );
}

#[test]
fn x12_a_kubernetes_version_without_schemas_is_a_warning() {
    let mut broken = Broken::new();
    let manifest = broken
        .text("MANIFEST.json")
        .replace("\"kubernetes\": \"1.36\"", "\"kubernetes\": \"1.20\"");
    broken.forge("MANIFEST.json", manifest);
    let report = broken.report();
    assert!(report.passed());
    assert_eq!(report.findings[0].code, "schema-release");
}

#[test]
fn v11_images_and_objects_must_agree_both_ways() {
    let mut broken = Broken::new();
    let images = broken.text("images.txt");
    let fewer: String = images.split_inclusive('\n').skip(1).collect();
    broken.forge("images.txt", fewer);
    let report = broken.report();
    assert_eq!(class(&report), Some(Class::Integrity));
    assert!(
        lines(&report)
            .iter()
            .any(|l| l.starts_with("[FAIL] manifests/all.yaml:")
                && l.contains("image not pinned: nginx"))
    );

    let more = images + &format!("zz:1@sha256:{}\n", "0".repeat(64));
    broken.forge("images.txt", more);
    assert!(
        lines(&broken.report())
            .iter()
            .any(|l| l.contains("image not pinned: zz:1"))
    );

    let mut broken = Broken::new();
    let all = broken.text(ALL);
    let at = all.find("@sha256:").unwrap();
    let all = format!("{}{}", &all[..at], &all[at + "@sha256:".len() + 64..]);
    broken.forge(ALL, all);
    assert!(
        lines(&broken.report())
            .iter()
            .any(|l| l.contains("image not pinned: "))
    );
}

#[test]
fn v12_text_that_readers_read_differently_is_refused_with_its_line() {
    for (what, text) in [
        (
            "...",
            "...\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n",
        ),
        (
            "duplicate key",
            "---\napiVersion: v1\nkind: ConfigMap\nkind: ConfigMap\nmetadata:\n  name: x\n",
        ),
        (
            "tag",
            "---\napiVersion: v1\nkind: !!str ConfigMap\nmetadata:\n  name: x\n",
        ),
        (
            "anchor",
            "---\napiVersion: v1\nkind: &a ConfigMap\nmetadata:\n  name: x\n",
        ),
        ("no kind", "---\napiVersion: v1\nmetadata:\n  name: x\n"),
        ("not a map", "---\n- a\n"),
    ] {
        let mut broken = Broken::new();
        let all = broken.text(ALL);
        let before = u32::try_from(all.lines().count()).unwrap();
        broken.forge(ALL, all + text);
        let report = broken.report();
        assert_eq!(class(&report), Some(Class::Integrity), "{what}");
        let place = report
            .findings
            .iter()
            .find_map(|f| f.place.as_ref())
            .unwrap();
        assert_eq!(place.path, ALL, "{what}");
        assert!(place.line.unwrap() > before, "{what}: {place:?}");
        has(&broken, "[FAIL] Manifest validation failed");
    }
}

#[test]
fn g25_the_same_object_twice_is_refused() {
    let mut broken = Broken::new();
    let all = broken.text(ALL);
    let first = all.split("---\n").next().unwrap().to_owned();
    broken.forge(ALL, format!("{all}---\n{first}"));
    assert_eq!(class(&broken.report()), Some(Class::Integrity));
}

#[test]
fn g28_a_secret_value_in_a_forged_package_is_refused_and_not_printed() {
    let mut broken = Broken::new();
    let all = broken.text(ALL)
        + "---\napiVersion: v1\ndata:\n  password: aHVudGVyMg==\nkind: Secret\nmetadata:\n  name: s\n  namespace: sh-acme-corp\n";
    broken.forge(ALL, all);
    let report = broken.report();
    assert!(
        report
            .findings
            .iter()
            .any(|f| f.class == Class::Policy && f.is_error())
    );
    assert!(!lines(&report).concat().contains("aHVudGVyMg"));
}

#[test]
fn v13_anything_but_references_is_refused_without_being_shown() {
    let mut broken = Broken::new();
    let secrets = broken.text("secrets.env.enc") + "REDIS_PASSWORD=hunter2\n";
    broken.forge("secrets.env.enc", secrets);
    let report = broken.report();
    assert_eq!(class(&report), Some(Class::Policy));
    assert!(
        lines(&report)
            .iter()
            .any(|l| l.starts_with("[FAIL] secrets.env.enc:19: "))
    );
    assert!(
        !format!("{report:?}")
            .replace(&format!("{:?}", report.package), "")
            .contains("hunter2")
    );
}

#[test]
fn v14_a_package_is_the_bytes_that_were_judged() {
    let tree = package().tree();
    let report = open(&tree, &OpenOptions::default()).finish(&BashSyntax::Absent);
    let opened = report.package.unwrap();
    for path in FILES {
        assert_eq!(opened.bytes(path), tree.get(path).unwrap().bytes());
    }
}

#[test]
fn v16_what_is_too_large_was_not_read_and_is_refused() {
    let mut broken = Broken::new();
    let cause = FileCause::Large {
        size: 10 << 30,
        max: 64 << 20,
    };
    broken.entry("images.txt").content = Content::Failed(FileError::new("images.txt", cause));
    fails(
        &broken,
        Class::Integrity,
        "[FAIL] images.txt: limit: it has 10737418240 bytes, at most 67108864 are read",
    );
}

#[test]
fn v17_what_cannot_be_read_is_never_called_changed() {
    let mut broken = Broken::new();
    let cause = FileCause::Io {
        step: Step::Read,
        errno: Errno::IO,
    };
    broken.entry("images.txt").content = Content::Failed(FileError::new("images.txt", cause));
    fails(&broken, Class::Io, "./images.txt: FAILED open or read");
    assert!(
        broken
            .report()
            .findings
            .iter()
            .all(|f| f.class == Class::Io)
    );
}

#[test]
fn v17_a_list_that_cannot_be_read_is_no_damage_either() {
    let mut broken = Broken::new();
    let cause = FileCause::Io {
        step: Step::Open,
        errno: Errno::ACCESS,
    };
    broken.entry("checksum.sha256").content =
        Content::Failed(FileError::new("checksum.sha256", cause));
    assert_eq!(class(&broken.report()), Some(Class::Io));
}

#[test]
fn a_customised_script_is_judged_by_bash_and_told() {
    let mut broken = Broken::new();
    broken.forge(
        "deploy.sh",
        "#!/bin/bash\nkubectl apply -f manifests/all.yaml\n",
    );
    let tree = model::files::FileTree::new(broken.name.clone(), broken.entries.clone());
    let open = || open(&tree, &OpenOptions::default());
    assert!(open().script().unwrap().starts_with(b"#!/bin/bash\n"));

    let report = open().finish(&BashSyntax::Valid);
    assert!(report.passed());
    let told = lines(&report);
    assert!(told.contains(&"[PASS] deploy.sh has valid bash syntax".to_owned()));
    assert!(told.contains(
        &"[WARN] deploy.sh is customised: it is not the script of its package format".to_owned()
    ));

    let report = open().finish(&BashSyntax::Invalid("line 2: unexpected EOF".to_owned()));
    assert!(!report.passed());
    assert!(lines(&report).contains(&"[FAIL] deploy.sh has invalid bash syntax".to_owned()));

    let report = open().finish(&BashSyntax::Absent);
    assert!(report.passed());
    assert!(
        lines(&report)
            .iter()
            .any(|l| l.starts_with("[WARN] deploy.sh: bash is not installed"))
    );
}

#[test]
fn skipping_never_skips_checksums_files_manifest_and_secrets() {
    let options = OpenOptions {
        steps: Steps::Integrity,
        ..OpenOptions::default()
    };
    let mut broken = Broken::new();
    let all = broken.text(ALL).replace("replicas: 2", "replikas: 2");
    broken.forge(ALL, all);
    assert!(!broken.report().passed());
    let report = broken.report_with(&options);
    assert!(report.passed(), "{:#?}", report.findings);
    assert_eq!(report.package.unwrap().images.len(), 3);

    let breaks: [fn(&mut Broken) -> &mut Broken; 6] = [
        |b| b.change("images.txt", b"x"),
        |b| b.remove("images.txt"),
        |b| b.add("x", Kind::File, Content::Unread),
        |b| b.forge("MANIFEST.json", b"{}"),
        |b| b.forge("secrets.env.enc", b"PASSWORD=1\n"),
        |b| b.forge(ALL, b"kind: X\n"),
    ];
    for break_it in breaks {
        let mut broken = Broken::new();
        assert!(!break_it(&mut broken).report_with(&options).passed());
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut broken = Broken::new();
    let images = broken.text("images.txt").replace("@sha256:", "@sha512:");
    broken.change("images.txt", images);
    let all = broken.text(ALL).replace("replicas: 2", "replikas: 2");
    broken.change(ALL, all).restamp();
    broken.entry("deploy.sh").mode = 0o444;
    broken.add("zz", Kind::File, Content::Unread);
    let report = broken.report();
    let fails = report.lines.iter().filter(|l| l.tag == Tag::Fail).count();
    let last = lines(&report);
    assert!(fails >= 5, "{last:#?}");
    assert_eq!(
        last[last.len() - 2],
        format!("[ERROR] Package verification FAILED with {fails} error(s)")
    );
}

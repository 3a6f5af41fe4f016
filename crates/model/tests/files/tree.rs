//! Package directories, read once.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use model::files::{Content, Errno, FileCause, Kind, TreeLimits, read_tree};

use crate::ground::{POWERLESS, fifo, is_child, root, write};

fn wanted(path: &str) -> bool {
    matches!(
        path,
        "a" | "d/b" | "fifo" | "link" | "dir" | "socket" | "big"
    )
}

#[test]
fn v1_everything_is_listed_and_only_what_is_wanted_is_read() {
    let t = tempfile::tempdir().unwrap();
    for file in ["a", "d/b", "d/e/f/g", ".hidden", "checksum.sha256.bak"] {
        write(t.path(), file, file);
    }
    std::fs::create_dir(t.path().join("empty")).unwrap();
    let tree = read_tree(&root(t.path()), &TreeLimits::default(), wanted).unwrap();
    let paths: Vec<_> = tree.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            ".hidden",
            "a",
            "checksum.sha256.bak",
            "d",
            "d/b",
            "d/e",
            "d/e/f",
            "d/e/f/g",
            "empty"
        ]
    );
    assert_eq!(tree.get("a").unwrap().bytes(), Some(b"a".as_slice()));
    assert_eq!(tree.get("d/b").unwrap().bytes(), Some(b"d/b".as_slice()));
    assert_eq!(tree.get(".hidden").unwrap().content, Content::Unread);
    assert_eq!(tree.get("empty").unwrap().kind, Kind::Directory);
    assert!(tree.get("none").is_none());
    assert!(tree.cut().is_none());
    assert_eq!(tree.name, t.path().file_name().unwrap().to_str().unwrap());
}

#[test]
fn v7_what_is_no_file_is_told_apart_without_waiting() {
    let t = tempfile::tempdir().unwrap();
    fifo(&t.path().join("fifo"));
    symlink("/etc/passwd", t.path().join("link")).unwrap();
    std::fs::create_dir(t.path().join("dir")).unwrap();
    let _socket = UnixListener::bind(t.path().join("socket")).unwrap();
    write(t.path(), "a", "x");
    std::fs::hard_link(t.path().join("a"), t.path().join("hard")).unwrap();
    let tree = read_tree(&root(t.path()), &TreeLimits::default(), wanted).unwrap();
    for (name, kind) in [
        ("fifo", Kind::Fifo),
        ("link", Kind::Symlink),
        ("dir", Kind::Directory),
        ("socket", Kind::Socket),
    ] {
        let entry = tree.get(name).unwrap();
        assert_eq!(
            (entry.kind, &entry.content),
            (kind, &Content::Unread),
            "{name}"
        );
    }
    assert_eq!(tree.get("a").unwrap().links, 2);
}

#[test]
fn v6_names_that_are_not_utf8_are_escaped_and_marked() {
    let t = tempfile::tempdir().unwrap();
    for name in [b"\xff".as_slice(), b"\\xff", b"a\nb\x1b"] {
        std::fs::write(t.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
    }
    let below = t.path().join(std::ffi::OsStr::from_bytes(b"\xfe"));
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("f"), "").unwrap();
    let tree = read_tree(&root(t.path()), &TreeLimits::default(), |_| true).unwrap();
    let seen: Vec<_> = tree.iter().map(|e| (e.path.as_str(), e.exact)).collect();
    assert_eq!(
        seen,
        [
            (r"\xfe", false),
            (r"\xfe/f", false),
            (r"\xff", true),
            (r"\xff", false),
            ("a\nb\x1b", true),
        ]
    );
    assert!(tree.get(r"\xff").unwrap().bytes().is_some());
    assert!(tree.get(r"\xfe/f").is_none());
}

#[test]
fn v8_modes_are_what_they_are() {
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "a", "x");
    write(t.path(), "d/b", "x");
    for (name, mode) in [("a", 0o6666), ("d", 0o1777), ("", 0o750)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(t.path().join(name), mode).unwrap();
    }
    let tree = read_tree(&root(t.path()), &TreeLimits::default(), wanted).unwrap();
    assert_eq!(tree.get("a").unwrap().mode, 0o6666);
    assert_eq!(tree.get("d").unwrap().mode, 0o1777);
    assert_eq!(tree.mode, 0o750);
}

#[test]
fn v16_limits_are_met_without_reading_on() {
    let t = tempfile::tempdir().unwrap();
    let big = std::fs::File::create(t.path().join("big")).unwrap();
    big.set_len(1 << 40).unwrap();
    for i in 0..50 {
        write(t.path(), &format!("many/{i}"), "");
    }
    write(t.path(), "1/2/3/4/5", "");
    let r = root(t.path());
    let limits = TreeLimits::default();
    let tree = read_tree(&r, &limits, wanted).unwrap();
    let Content::Failed(e) = &tree.get("big").unwrap().content else {
        panic!()
    };
    assert!(matches!(
        e.cause(),
        FileCause::Large {
            max: 0x400_0000,
            ..
        }
    ));

    let entries = 20;
    let tree = read_tree(&r, &TreeLimits { entries, ..limits }, wanted).unwrap();
    assert!(tree.iter().count() <= entries);
    let cut = tree.cut().unwrap();
    assert!(
        matches!(cut.cause(), FileCause::Many { max: 20, .. }),
        "{cut}"
    );

    let depth = 3;
    let tree = read_tree(&r, &TreeLimits { depth, ..limits }, wanted).unwrap();
    assert!(tree.get("1/2/3").is_some() && tree.get("1/2/3/4").is_none());
    assert_eq!(tree.cut().unwrap().path(), "1/2/3");
}

#[test]
fn v14_a_tree_holds_what_was_read_once() {
    let t = tempfile::tempdir().unwrap();
    let (one, two) = (vec![b'1'; 100_000], vec![b'2'; 50_000]);
    write(t.path(), "a", &one);
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for bytes in [&two, &one] {
                    std::fs::write(t.path().join("new"), bytes).unwrap();
                    std::fs::rename(t.path().join("new"), t.path().join("a")).unwrap();
                }
            }
        });
        for _ in 0..500 {
            let tree = read_tree(&root(t.path()), &TreeLimits::default(), wanted).unwrap();
            // Missing for a moment only if a rename fell between listing and opening.
            if let Some(bytes) = tree.get("a").and_then(|e| e.bytes()) {
                assert!(bytes == one || bytes == two);
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn v17_what_cannot_be_read_is_kept_with_its_error() {
    if !is_child(
        "tree::v17_what_cannot_be_read_is_kept_with_its_error",
        POWERLESS,
    ) {
        return;
    }
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "a", "x");
    write(t.path(), "d/b", "x");
    let close = |name, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(t.path().join(name), mode).unwrap();
    };
    close("a", 0o000);
    close("d", 0o000);
    let tree = read_tree(&root(t.path()), &TreeLimits::default(), wanted).unwrap();
    for name in ["a", "d"] {
        let entry = tree.get(name).unwrap();
        assert_eq!((entry.mode, entry.links > 0), (0, true));
        let Content::Failed(e) = &entry.content else {
            panic!("{name}")
        };
        let io = matches!(
            e.cause(),
            FileCause::Io {
                errno: Errno::ACCESS,
                ..
            }
        );
        assert!(io, "{e}");
    }
    close("d", 0o755);
    close("", 0o000);
    assert!(read_tree(&root(t.path()), &TreeLimits::default(), wanted).is_err());
    close("", 0o755);
}

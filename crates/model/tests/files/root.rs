//! Reading below a root.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use model::files::{EntryName, Errno, FileCause, Kind, Root, SYMLINKS_MAX, Step};
use proptest::prelude::*;

use crate::ground::{POWERLESS, fifo, is_child, path, root, write};

#[test]
fn only_regular_files_are_read() {
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "d/file", "x");
    fifo(&t.path().join("fifo"));
    symlink("d/file", t.path().join("link")).unwrap();
    symlink("d", t.path().join("dirlink")).unwrap();
    let _socket = UnixListener::bind(t.path().join("socket")).unwrap();
    let r = root(t.path());
    assert_eq!(r.read(&path("d/file"), 1).unwrap(), b"x");
    for (name, cause) in [
        ("fifo", FileCause::NotFile(Kind::Fifo)),
        ("socket", FileCause::NotFile(Kind::Socket)),
        ("d", FileCause::NotFile(Kind::Directory)),
        ("", FileCause::NotFile(Kind::Directory)),
        ("link", FileCause::Symlink),
        ("dirlink/file", FileCause::Symlink),
        ("none", FileCause::Missing),
        ("d/file/x", FileCause::NotDirectory),
    ] {
        assert_eq!(
            r.read(&path(name), 9).unwrap_err().cause(),
            &cause,
            "{name}"
        );
    }
    let device = root("/dev".as_ref()).read(&path("null"), 9).unwrap_err();
    assert_eq!(device.cause(), &FileCause::NotFile(Kind::CharacterDevice));
}

#[test]
fn v16_a_file_over_the_limit_is_not_read() {
    let t = tempfile::tempdir().unwrap();
    let sparse = std::fs::File::create(t.path().join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    write(t.path(), "ten", "0123456789");
    let r = root(t.path());
    let e = r.read(&path("sparse"), 64 << 20).unwrap_err();
    let (size, max) = (1 << 40, 64 << 20);
    assert_eq!(e.cause(), &FileCause::Large { size, max });
    assert_eq!(r.read(&path("ten"), 10).unwrap().len(), 10);
    assert!(r.read(&path("ten"), 9).is_err());
    write(t.path(), "empty", "");
    assert_eq!(r.read(&path("empty"), 0).unwrap(), b"");
}

#[test]
fn a_file_that_states_no_size_is_read_to_its_end_or_limit() {
    let r = root("/proc".as_ref());
    let all = std::fs::read("/proc/version").unwrap();
    let max = all.len() as u64;
    assert_eq!(r.read(&path("version"), max).unwrap(), all);
    let e = r.read(&path("version"), max - 1).unwrap_err();
    assert!(matches!(e.cause(), FileCause::Large { .. }));
}

#[test]
fn kinds_and_names() {
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "b/file", "");
    write(t.path(), "a", "");
    symlink("nowhere", t.path().join("c")).unwrap();
    let odd = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\n".as_slice());
    std::fs::write(t.path().join(<&std::ffi::OsStr>::clone(&odd)), "").unwrap();
    let r = root(t.path());
    let kinds: Vec<_> = r.list(&path("")).unwrap();
    let shown: Vec<_> = kinds.iter().map(|e| e.name.to_string()).collect();
    assert_eq!(shown, ["a", "b", "c", r"\xff\x0a"]);
    assert_eq!(kinds[3].name.as_str(), None);
    let kinds: Vec<_> = kinds.into_iter().map(|e| e.kind).collect();
    assert_eq!(
        kinds,
        [Kind::File, Kind::Directory, Kind::Symlink, Kind::File]
    );
    assert_eq!(r.kind(&path("c")).unwrap(), Some(Kind::Symlink));
    assert_eq!(r.kind(&path("")).unwrap(), Some(Kind::Directory));
    for none in ["x", "a/x", "b/x/y"] {
        assert_eq!(r.kind(&path(none)).unwrap(), None);
    }
    assert!(r.kind(&path("c/x")).is_err());
    assert!(r.list(&path("a")).is_err());
    let own = root(&t.path().join("b/../b"));
    assert_eq!(own.name().as_str(), Some("b"));
    assert_ne!(root(".".as_ref()).name(), EntryName::clone(&own.name()));
}

#[test]
fn g9_a_root_swapped_for_another_directory_stays_the_first() {
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "one/f", "one");
    write(t.path(), "two/f", "two");
    symlink("one", t.path().join("root")).unwrap();
    let r = root(&t.path().join("root"));
    std::fs::remove_file(t.path().join("root")).unwrap();
    symlink("two", t.path().join("root")).unwrap();
    std::fs::rename(t.path().join("one"), t.path().join("moved")).unwrap();
    assert_eq!(r.read(&path("f"), 9).unwrap(), b"one");
    r.create(&path("g"), b"").unwrap();
    assert!(t.path().join("moved/g").exists());
    let gone = Root::open(&t.path().join("one")).unwrap_err();
    assert!(gone.is_missing());
}

#[test]
fn links_are_followed_as_long_as_they_stay() {
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "a/b/f", "");
    for (target, link) in [
        ("b", "a/l"),
        ("../a/l", "a/back"),
        ("./b//f", "a/dots"),
        ("../../outside", "a/out"),
        ("/etc/passwd", "a/abs"),
        ("loop", "a/loop"),
        ("b/new", "a/dangling"),
    ] {
        symlink(target, t.path().join(link)).unwrap();
    }
    let r = root(t.path());
    for (asked, real) in [
        ("", ""),
        ("a/b/f", "a/b/f"),
        ("a/l/f", "a/b/f"),
        ("a/back/f", "a/b/f"),
        ("a/dots", "a/b/f"),
        ("a/dangling", "a/b/new"),
        ("a/new", "a/new"),
    ] {
        assert_eq!(r.resolve(&path(asked)).unwrap(), path(real), "{asked}");
    }
    let cause = |asked| r.resolve(&path(asked)).unwrap_err().cause().clone();
    let real = "/etc/passwd".to_owned();
    assert_eq!(cause("a/abs"), FileCause::Outside { real });
    assert!(matches!(cause("a/out/x"), FileCause::Outside { .. }));
    assert_eq!(cause("a/loop"), FileCause::Loop);
    assert_eq!(cause("none/x"), FileCause::Missing);
    assert_eq!(cause("a/b/f/x"), FileCause::NotDirectory);
    for i in 0..=SYMLINKS_MAX {
        symlink(format!("n{}", i + 1), t.path().join(format!("n{i}"))).unwrap();
    }
    assert_eq!(cause("n0"), FileCause::Loop);
    assert!(r.resolve(&path("n1")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Where a path leads is where the kernel says it leads, or it is refused.
    #[test]
    fn resolving_is_what_the_kernel_does(
        links in prop::collection::vec(("[ab](/[ab]){0,2}", "(\\.\\./){0,3}[abc](/[ab]){0,2}"), 1..6),
        asked in "[ab](/[abc]){0,3}",
    ) {
        let t = tempfile::tempdir().unwrap();
        let top = t.path().join("top");
        std::fs::create_dir_all(top.join("a/a")).unwrap();
        std::fs::create_dir_all(top.join("b")).unwrap();
        std::fs::write(top.join("a/c"), "").unwrap();
        for (at, target) in links {
            let _ = symlink(target, top.join(at));
        }
        let top = top.canonicalize().unwrap();
        let ours = root(&top).resolve(&path(&asked));
        match std::fs::canonicalize(top.join(&asked)) {
            Ok(real) => match real.strip_prefix(&top) {
                Ok(real) => {
                    // A walk that leaves the root and comes back is refused, too.
                    if let Ok(ours) = ours {
                        prop_assert_eq!(ours.as_str(), real.to_str().unwrap());
                    } else {
                        let outside = matches!(ours.unwrap_err().cause(), FileCause::Outside { .. });
                        prop_assert!(outside);
                    }
                }
                Err(_) => prop_assert!(ours.is_err()),
            },
            // It may lead to what is not there yet.
            Err(_) => prop_assert!(ours.is_err() || !top.join(ours.unwrap().as_str()).exists()),
        }
    }
}

#[test]
fn v17_what_may_not_be_read_is_an_io_error() {
    if !is_child("root::v17_what_may_not_be_read_is_an_io_error", POWERLESS) {
        return;
    }
    let t = tempfile::tempdir().unwrap();
    write(t.path(), "secret", "x");
    write(t.path(), "dir/x", "x");
    for closed in ["secret", "dir"] {
        let mode = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(t.path().join(closed), mode).unwrap();
    }
    let r = root(t.path());
    let denied = |step| FileCause::Io {
        step,
        errno: Errno::ACCESS,
    };
    let e = r.read(&path("secret"), 9).unwrap_err();
    assert_eq!(e.cause(), &denied(Step::Open));
    assert_eq!(
        e.to_string(),
        "secret: cannot open it: Permission denied (os error 13)"
    );
    assert_eq!(
        r.read(&path("dir/x"), 9).unwrap_err().cause(),
        &denied(Step::Open)
    );
    assert_eq!(
        r.list(&path("dir")).unwrap_err().cause(),
        &denied(Step::Open)
    );
    assert!(r.kind(&path("dir/x")).is_err());
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(t.path().join("dir"), mode).unwrap();
}

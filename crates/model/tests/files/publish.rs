//! Packages appear whole or not at all.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use model::files::{Errno, FileMode, PublishError, PublishFile, Step, publish, sweep};
use model::finding::{Class, Finding};

use crate::ground::{POWERLESS, is_child, path, root, write};

const NAME: &str = "acme-v1.2.3";

fn files(text: &[u8]) -> [PublishFile<'_>; 4] {
    let file = |path, mode| PublishFile {
        path,
        bytes: text,
        mode,
    };
    [
        file("manifests/all.yaml", FileMode::Plain),
        file("deploy.sh", FileMode::Executable),
        file("images.txt", FileMode::Plain),
        file("a/b/c", FileMode::Plain),
    ]
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path)
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

fn check_modes() {
    let t = tempfile::tempdir().unwrap();
    publish(&root(t.path()), NAME, &files(b"x")).unwrap();
    let package = t.path().join(NAME);
    for (name, bits) in [
        ("", 0o755),
        ("manifests", 0o755),
        ("a/b", 0o755),
        ("deploy.sh", 0o555),
        ("images.txt", 0o444),
        ("manifests/all.yaml", 0o444),
    ] {
        assert_eq!(mode(&package.join(name)), bits, "{name}");
    }
    assert_eq!(std::fs::read(package.join("a/b/c")).unwrap(), b"x");
    assert_eq!(names(t.path()), [NAME]);
}

#[test]
fn g22_modes_are_exact_under_umask_000() {
    let command = ["sh", "-c", "umask 000; exec \"$0\" \"$@\""];
    if is_child("publish::g22_modes_are_exact_under_umask_000", &command) {
        check_modes();
    }
}

#[test]
fn g22_modes_are_exact_under_umask_077() {
    let command = ["sh", "-c", "umask 077; exec \"$0\" \"$@\""];
    if is_child("publish::g22_modes_are_exact_under_umask_077", &command) {
        check_modes();
    }
}

#[test]
fn g8_nothing_that_is_there_is_replaced() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    let target = t.path().join(NAME);
    let refused = || {
        let e = publish(&r, NAME, &files(b"new")).unwrap_err();
        let name = NAME.to_owned();
        assert_eq!(e, PublishError::AlreadyExists { name });
        assert_eq!(e.to_string(), "acme-v1.2.3 already exists");
        assert_eq!(Finding::from(e).class, Class::Conflict);
        assert_eq!(names(t.path()), [NAME]);
    };
    std::fs::create_dir(&target).unwrap();
    refused();
    assert_eq!(names(&target), [""; 0]);
    std::fs::remove_dir(&target).unwrap();
    std::fs::write(&target, "file").unwrap();
    refused();
    assert_eq!(std::fs::read(&target).unwrap(), b"file");
    std::fs::remove_file(&target).unwrap();
    symlink("nowhere", &target).unwrap();
    refused();
    std::fs::remove_file(&target).unwrap();
    publish(&r, NAME, &files(b"old")).unwrap();
    refused();
    assert_eq!(std::fs::read(target.join("deploy.sh")).unwrap(), b"old");
}

#[test]
fn g6_of_many_writers_exactly_one_wins() {
    for round in 0..20 {
        let t = tempfile::tempdir().unwrap();
        let texts: Vec<_> = (0..8).map(|i| format!("{round} {i}")).collect();
        let won: Vec<_> = std::thread::scope(|s| {
            let dir = t.path();
            let racers: Vec<_> = texts
                .iter()
                .map(|text| s.spawn(move || publish(&root(dir), NAME, &files(text.as_bytes()))))
                .collect();
            racers.into_iter().map(|r| r.join().unwrap()).collect()
        });
        let winner = won.iter().position(Result::is_ok).unwrap();
        for (i, result) in won.into_iter().enumerate() {
            let name = NAME.to_owned();
            let lost = Err(PublishError::AlreadyExists { name });
            assert_eq!(result, if i == winner { Ok(()) } else { lost });
        }
        assert_eq!(names(t.path()), [NAME]);
        for file in files(b"") {
            let bytes = std::fs::read(t.path().join(NAME).join(file.path)).unwrap();
            assert_eq!(bytes, texts[winner].as_bytes());
        }
    }
}

#[test]
fn different_packages_do_not_meet() {
    let t = tempfile::tempdir().unwrap();
    std::thread::scope(|s| {
        for i in 0..8 {
            let dir = t.path();
            s.spawn(move || {
                for j in 0..5 {
                    publish(&root(dir), &format!("c{i}-v{j}"), &files(b"x")).unwrap();
                }
            });
        }
    });
    assert_eq!(names(t.path()).len(), 40);
}

#[test]
fn g1_leftovers_of_the_dead_go_and_those_of_the_living_stay() {
    let t = tempfile::tempdir().unwrap();
    let dead = ".tmp-acme-v1.2.3-4194305-0123456789abcdef";
    let alive = ".tmp-acme-v1.2.3-4194305-fedcba9876543210";
    let file = ".tmp-images.lock-1-0123456789abcdef";
    let not_ours = [
        ".tmp-mine",
        ".tmp-x-1-0123456789abcde",
        ".tmp-x-y-0123456789abcdef",
        "tmp-x-1-0123456789abcdef",
    ];
    for dir in [dead, alive].iter().chain(&not_ours) {
        write(t.path(), &format!("{dir}/manifests/all.yaml"), "x");
    }
    symlink("/etc", t.path().join(dead).join("etc")).unwrap();
    symlink("/etc", t.path().join(".tmp-link-1-0123456789abcdef")).unwrap();
    write(t.path(), file, "x");
    let held = std::fs::File::open(t.path().join(alive)).unwrap();
    held.lock().unwrap();
    assert_eq!(sweep(&root(t.path())).unwrap(), [dead, file]);
    assert!(Path::new("/etc/passwd").exists());
    let mut left = vec![alive, ".tmp-link-1-0123456789abcdef"];
    left.extend(not_ours);
    left.sort_unstable();
    assert_eq!(names(t.path()), left);
    drop(held);
    publish(&root(t.path()), NAME, &files(b"x")).unwrap();
    assert!(!t.path().join(alive).exists() && t.path().join(NAME).exists());
}

#[test]
fn a_sweep_never_takes_what_is_being_published() {
    let t = tempfile::tempdir().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                // It may take what was made and not locked yet; the maker makes another.
                sweep(&root(t.path())).unwrap();
            }
        });
        for i in 0..100 {
            publish(&root(t.path()), &format!("acme-v0.0.{i}"), &files(b"x")).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(names(t.path()).len(), 100);
}

#[test]
fn g9_the_directory_held_is_the_one_written() {
    let t = tempfile::tempdir().unwrap();
    std::fs::create_dir(t.path().join("packages")).unwrap();
    std::fs::create_dir(t.path().join("trap")).unwrap();
    let r = root(&t.path().join("packages"));
    std::fs::rename(t.path().join("packages"), t.path().join("moved")).unwrap();
    symlink("trap", t.path().join("packages")).unwrap();
    publish(&r, NAME, &files(b"x")).unwrap();
    assert_eq!(names(&t.path().join("moved")), [NAME]);
    assert_eq!(names(&t.path().join("trap")), [""; 0]);
}

#[test]
fn g34_names_are_portable_and_unique_in_any_case() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    let file = |path| PublishFile {
        path,
        bytes: b"",
        mode: FileMode::Plain,
    };
    let long = "x".repeat(256);
    for name in [
        "", ".", "..", ".x", "a/b", "é", "a b", "a\nb", "a\\b", "a:b", &long,
    ] {
        let e = publish(&r, name, &[]).unwrap_err();
        assert!(matches!(e, PublishError::Name { .. }), "{name}");
        assert_eq!(Finding::from(e).class, Class::Usage);
    }
    for paths in [
        ["a", "a"],
        ["a", "A"],
        ["m/a", "M/A"],
        ["a//b", "c"],
        ["/a", "c"],
        ["../a", "c"],
        ["a/", "c"],
        ["é", "c"],
    ] {
        let e = publish(&r, NAME, &paths.map(file)).unwrap_err();
        assert!(matches!(e, PublishError::Name { .. }), "{paths:?}");
    }
    publish(&r, "acme-v1.0.0-rc1", &[]).unwrap();
    let e = publish(&r, "acme-v1.0.0-RC1", &[]).unwrap_err();
    assert!(e.to_string().contains("acme-v1.0.0-rc1"), "{e}");
    assert_eq!(Finding::from(e).class, Class::Usage);
    assert_eq!(names(t.path()), ["acme-v1.0.0-rc1"]);
}

#[test]
fn g3_a_directory_that_takes_nothing_says_so() {
    if !is_child(
        "publish::g3_a_directory_that_takes_nothing_says_so",
        POWERLESS,
    ) {
        return;
    }
    let t = tempfile::tempdir().unwrap();
    std::fs::set_permissions(t.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let e = publish(&root(t.path()), NAME, &files(b"x")).unwrap_err();
    let io = PublishError::Io {
        path: NAME.to_owned(),
        step: Step::Create,
        errno: Errno::ACCESS,
    };
    assert_eq!(e, io);
    let text = "cannot create acme-v1.2.3: Permission denied (os error 13)";
    assert_eq!(e.to_string(), text);
    assert_eq!(Finding::from(e).class, Class::Io);
    assert_eq!(names(t.path()), [""; 0]);
}

#[test]
fn g3_an_error_leaves_nothing_behind() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    let file = |path| PublishFile {
        path,
        bytes: b"x",
        mode: FileMode::Plain,
    };
    // A file where a directory is needed.
    let e = publish(&r, NAME, &[file("d/a"), file("a"), file("a/b")]).unwrap_err();
    assert_eq!(
        e.to_string(),
        "cannot create acme-v1.2.3/a: File exists (os error 17)"
    );
    assert_eq!(names(t.path()), [""; 0]);
    // A packages directory that is gone.
    r.make_dirs(&path("gone")).unwrap();
    let gone = r.sub(&path("gone")).unwrap();
    std::fs::remove_dir(t.path().join("gone")).unwrap();
    let e = publish(&gone, NAME, &files(b"x")).unwrap_err();
    assert!(
        matches!(
            e,
            PublishError::Io {
                errno: Errno::NOENT,
                ..
            }
        ),
        "{e}"
    );
}

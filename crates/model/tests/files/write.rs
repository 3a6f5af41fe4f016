//! Single files, whole or not at all.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use model::files::{FileCause, Kind};

use crate::ground::{path, root, write};

#[test]
fn a_file_is_replaced_and_keeps_its_mode() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    write(t.path(), "k8s/images.lock", "old");
    let file = t.path().join("k8s/images.lock");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    r.replace(&path("k8s/images.lock"), b"new").unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"new");
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    r.replace(&path("k8s/fresh"), b"x").unwrap();
    assert_eq!(std::fs::read_dir(t.path().join("k8s")).unwrap().count(), 2);
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    write(t.path(), "target", "x");
    symlink("target", t.path().join("link")).unwrap();
    symlink(".", t.path().join("dir")).unwrap();
    for (name, cause) in [
        ("link", FileCause::NotFile(Kind::Symlink)),
        ("dir/new", FileCause::Symlink),
        ("none/new", FileCause::Missing),
        ("target/new", FileCause::NotDirectory),
        ("", FileCause::NotFile(Kind::Directory)),
    ] {
        let e = r.replace(&path(name), b"y").unwrap_err();
        assert_eq!(e.cause(), &cause, "{name}");
    }
    assert_eq!(std::fs::read(t.path().join("target")).unwrap(), b"x");
}

#[test]
fn a_reader_sees_the_old_or_the_new_file() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    let file = path("f");
    let (old, new) = (vec![b'o'; 30_000], vec![b'n'; 60_000]);
    r.create(&file, &old).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            for _ in 0..30 {
                r.replace(&file, &new).unwrap();
                r.replace(&file, &old).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        while !stop.load(Ordering::Relaxed) {
            let bytes = r.read(&file, 100_000).unwrap();
            assert!(bytes == old || bytes == new);
        }
    });
    assert_eq!(std::fs::read_dir(t.path()).unwrap().count(), 1);
}

#[test]
fn of_many_creators_one_wins() {
    let t = tempfile::tempdir().unwrap();
    let won = std::thread::scope(|s| {
        let dir = t.path();
        let racers: Vec<_> = (0..8_u8)
            .map(|i| s.spawn(move || root(dir).create(&path("f"), &[i])))
            .collect();
        let won: Vec<_> = racers.into_iter().map(|r| r.join().unwrap()).collect();
        for e in won.iter().filter_map(|r| r.as_ref().err()) {
            assert_eq!(e.cause(), &FileCause::Exists);
        }
        won.iter().position(Result::is_ok)
    });
    let bytes = std::fs::read(t.path().join("f")).unwrap();
    assert_eq!(bytes.first().map(|b| usize::from(*b)), won);
    assert_eq!(std::fs::read_dir(t.path()).unwrap().count(), 1);
}

#[test]
fn directories_are_made_once() {
    let t = tempfile::tempdir().unwrap();
    let r = root(t.path());
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| r.make_dirs(&path("a/b/c")).unwrap());
        }
    });
    r.make_dirs(&path("a/b/c/d")).unwrap();
    r.make_dirs(&path("")).unwrap();
    assert!(t.path().join("a/b/c/d").is_dir());
    write(t.path(), "file", "");
    symlink("a", t.path().join("link")).unwrap();
    let cause = |p| r.make_dirs(&path(p)).unwrap_err().cause().clone();
    assert_eq!(cause("file"), FileCause::NotDirectory);
    assert_eq!(cause("file/x"), FileCause::NotDirectory);
    assert_eq!(cause("link"), FileCause::Symlink);
    assert_eq!(cause("link/x"), FileCause::Symlink);
}

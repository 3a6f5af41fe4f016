//! Files and places that are not as usual.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use catalog::index::{self, IndexError, Written};
use catalog::tracking::{FILE, Tracking};
use model::finding::Finding;

use crate::ground::{
    Call, NEW, OLD, POWERLESS, answer, ground, names, next, root, run, said, text, trace,
};

fn update(dir: &Path) -> Result<Written, Vec<String>> {
    let done = index::update(&root(dir), &[next()]);
    done.map(|d| d.written)
        .map_err(|e| said(Vec::<Finding>::from(e)))
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn r7_a_symbolic_link_is_neither_followed_nor_replaced() {
    let dir = ground();
    let dir = dir.path();
    fs::rename(dir.join(FILE), dir.join("elsewhere.yaml")).unwrap();
    symlink("../elsewhere.yaml", dir.join(FILE)).unwrap();
    let expected =
        ["Integrity clients-unreadable config/clients.yaml: a symbolic link is not followed here"];
    assert_eq!(update(dir).unwrap_err(), expected);
    assert_eq!(said(index::read(&root(dir)).unwrap_err().into()), expected);
    assert_eq!(fs::read_to_string(dir.join("elsewhere.yaml")).unwrap(), OLD);
    assert!(fs::symlink_metadata(dir.join(FILE)).unwrap().is_symlink());
    // Nor one above it.
    let dir = ground();
    let dir = dir.path();
    fs::rename(dir.join("config"), dir.join("real")).unwrap();
    symlink("real", dir.join("config")).unwrap();
    assert!(update(dir).unwrap_err()[0].starts_with("Integrity clients-unreadable"));
    assert_eq!(
        fs::read_to_string(dir.join("real/clients.yaml")).unwrap(),
        OLD
    );
    // A dangling one is not filled in.
    let dir = ground();
    let dir = dir.path();
    fs::remove_file(dir.join(FILE)).unwrap();
    symlink("nowhere", dir.join(FILE)).unwrap();
    assert_eq!(update(dir).unwrap_err(), expected);
    assert!(!dir.join("config/nowhere").exists());
}

#[test]
fn r7_anything_but_a_file_is_refused() {
    let dir = ground();
    let dir = dir.path();
    fs::remove_file(dir.join(FILE)).unwrap();
    fs::create_dir(dir.join(FILE)).unwrap();
    assert!(update(dir).unwrap_err()[0].starts_with("Integrity clients-unreadable"));
    fs::remove_dir(dir.join(FILE)).unwrap();
    fs::write(dir.join(FILE), b"clients:\n- name: a\xff\n").unwrap();
    assert_eq!(
        update(dir).unwrap_err(),
        ["Integrity clients-unreadable config/clients.yaml:2: it is not UTF-8"]
    );
    fs::File::create(dir.join(FILE))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert!(update(dir).unwrap_err()[0].starts_with("Integrity clients-unreadable"));
}

#[test]
fn r7_a_file_system_without_locks_is_said() {
    let dir = ground();
    let dir = dir.path();
    for error in ["ENOLCK", "EOPNOTSUPP"] {
        let (out, _) = trace(dir, &[&format!("flock:error={error}")], &["update"]);
        let said = answer(&out);
        assert!(said.starts_with("Err([\"Io clients-no-locks "), "{said}");
        assert_eq!(text(dir), OLD);
    }
}

#[test]
fn r7_where_it_cannot_be_written_that_is_an_answer_of_its_own() {
    let dir = ground();
    let dir = dir.path();
    let config = dir.join("config");
    let refused = |what: &str| {
        let said = answer(&run(POWERLESS, dir, &["update"]));
        assert!(said.starts_with("Err([\"Io clients-read-only config/clients.yaml: config/clients.yaml cannot be written here: "), "{what}: {said}");
        assert_eq!(text(dir), OLD, "{what}");
    };
    chmod(&config, 0o555);
    refused("a read-only directory");
    chmod(&config, 0o755);
    chmod(&dir.join(FILE), 0o444);
    refused("a read-only file");
    chmod(&dir.join(FILE), 0o644);
    assert_eq!(names(&config), ["clients.yaml"]);
    // A file system mounted read-only.
    let (_, calls) = trace(dir, &[], &["update"]);
    let is_lock = |c: &&Call| c.text.contains(".clients.yaml.lock");
    let lock = calls.iter().find(is_lock).unwrap().nth;
    for (call, nth) in [("openat", lock), ("renameat", 1), ("fchmod", 1)] {
        fs::write(dir.join(FILE), OLD).unwrap();
        let (out, _) = trace(
            dir,
            &[&format!("{call}:error=EROFS:when={nth}")],
            &["update"],
        );
        let said = answer(&out);
        assert!(said.starts_with("Err([\"Io clients-read-only "), "{said}");
        assert_eq!(text(dir), OLD);
    }
    // No directory for it, and none can be made.
    fs::remove_dir_all(&config).unwrap();
    chmod(dir, 0o555);
    let said = answer(&run(POWERLESS, dir, &["update"]));
    chmod(dir, 0o755);
    assert!(said.starts_with("Err([\"Io clients-read-only "), "{said}");
    let error = index::update(&root(dir), &[next()]);
    assert!(!matches!(error, Err(IndexError::ReadOnly(_))));
}

#[test]
fn r7_mode_and_owner_are_kept() {
    let dir = ground();
    let dir = dir.path();
    chmod(&dir.join(FILE), 0o664);
    // Only root may give files away.
    let root_user = fs::metadata("/proc/self").unwrap().uid() == 0;
    if root_user {
        std::os::unix::fs::chown(dir.join(FILE), Some(12345), Some(23456)).unwrap();
    }
    let before = fs::metadata(dir.join(FILE)).unwrap();
    assert_eq!(update(dir), Ok(Written::Yes));
    let after = fs::metadata(dir.join(FILE)).unwrap();
    assert_eq!(after.mode(), before.mode());
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    assert_eq!(text(dir), NEW);
}

#[test]
fn r11_a_missing_file_is_made_and_an_empty_one_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert_eq!(index::read(&root(dir)).unwrap(), None);
    assert_eq!(update(dir), Ok(Written::Yes));
    let made = text(dir);
    fs::write(dir.join(FILE), "").unwrap();
    assert_eq!(index::read(&root(dir)).unwrap(), Some(Tracking::default()));
    // What was active before and is lost is said.
    let done = index::update(&root(dir), &[next()]).unwrap();
    assert_eq!(
        said(done.notes),
        [
            "Integrity clients-gap config/clients.yaml: acme-corp v1.0.0, active in context prod until now, is not listed here"
        ]
    );
    assert_eq!(text(dir), made);
}

#[test]
fn r7_a_file_that_may_not_be_read_is_not_taken_for_an_empty_one() {
    let dir = ground();
    let dir = dir.path();
    chmod(&dir.join(FILE), 0o000);
    let said = answer(&run(POWERLESS, dir, &["update"]));
    assert!(
        said.starts_with("Err([\"Io file-io config/clients.yaml: cannot open it"),
        "{said}"
    );
    chmod(&dir.join(FILE), 0o644);
    assert_eq!(text(dir), OLD);
}

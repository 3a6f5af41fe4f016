//! Killed, or refused by the disk, at any call of an update.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use catalog::index::{self, Written};
use catalog::tracking::FILE;

use crate::ground::{Call, NEW, OLD, answer, command, ground, names, next, root, text, trace};

/// The calls of an update that change files.
fn calls(dir: &Path) -> Vec<Call> {
    let (out, calls) = trace(dir, &[], &["update"]);
    assert_eq!(answer(&out), "Ok(Yes)");
    let calls: Vec<Call> = calls.into_iter().filter(Call::changes).collect();
    let count = |name: &str| calls.iter().filter(|c| c.name == name).count();
    // Were any of it to happen elsewhere, the sweeps would prove nothing.
    assert_eq!(count("openat"), 2, "{calls:?}");
    assert_eq!(count("fsync"), 2, "{calls:?}");
    assert_eq!(count("renameat"), 1, "{calls:?}");
    assert_eq!(count("unlinkat"), 1, "{calls:?}");
    calls
}

#[test]
fn r1_killed_at_any_call_the_file_is_the_old_one_or_the_new_one() {
    for before in [Some(OLD), None] {
        let dir = ground();
        let dir = dir.path();
        let reset = || {
            fs::remove_dir_all(dir.join("config")).unwrap();
            if let Some(before) = before {
                fs::create_dir(dir.join("config")).unwrap();
                fs::write(dir.join(FILE), before).unwrap();
            }
        };
        reset();
        let there = || fs::read_to_string(dir.join(FILE)).ok();
        let all = if before.is_some() {
            calls(dir)
        } else {
            let (out, calls) = trace(dir, &[], &["update"]);
            assert!(out.status.success());
            calls.into_iter().filter(Call::changes).collect()
        };
        assert!(all.len() > 8, "{all:?}");
        let new = there();
        assert!(before.is_none() || new.as_deref() == Some(NEW));
        let mut kept = 0;
        for call in all {
            reset();
            let inject = format!("{}:signal=KILL:when={}", call.name, call.nth);
            let (out, _) = trace(dir, &[&inject], &["update"]);
            let after = format!("{inject} at {}", call.text);
            assert_eq!(out.status.signal(), Some(9), "{after}");
            let now = there();
            assert!(
                now.as_deref() == before || now == new,
                "{now:?} after {after}"
            );
            kept += usize::from(now != new);
            // The next one is not held up, does it, and leaves nothing behind.
            let done = index::update(&root(dir), &[next()]).unwrap();
            let expected = if now == new {
                Written::Unchanged
            } else {
                Written::Yes
            };
            assert_eq!(done.written, expected, "{after}");
            assert_eq!(there(), new, "{after}");
            if done.written == Written::Yes {
                assert_eq!(names(&dir.join("config")), ["clients.yaml"], "{after}");
            }
        }
        assert!(kept > 3, "hardly any kill came before the rename: {kept}");
    }
}

#[test]
fn r1_a_disk_that_refuses_leaves_the_old_file_or_the_new_one() {
    let dir = ground();
    let dir = dir.path();
    for call in calls(dir) {
        for error in ["ENOSPC", "EIO"] {
            fs::write(dir.join(FILE), OLD).unwrap();
            let inject = format!("{}:error={error}:when={}", call.name, call.nth);
            let (out, _) = trace(dir, &[&inject], &["update"]);
            let after = format!("{inject} at {}", call.text);
            let (said, now) = (answer(&out), text(dir));
            if said == "Ok(Yes)" {
                // What the new file does not rest on.
                let done = ["flock", "unlinkat", "fchown"];
                assert!(done.contains(&call.name.as_str()), "{after}");
                assert_eq!(now, NEW, "{after}");
            } else {
                assert!(said.starts_with("Err([\"Io "), "{said} {after}");
                // Only the directory's flush comes after the rename.
                let renamed = call.name == "fsync" && call.nth == 2;
                assert_eq!(now, if renamed { NEW } else { OLD }, "{after}");
            }
            let left = names(&dir.join("config"));
            // A lock file that could not be locked or removed stays.
            let locks = matches!(call.name.as_str(), "unlinkat" | "flock");
            assert!(
                left == ["clients.yaml"]
                    || (locks && left == [".clients.yaml.lock", "clients.yaml"]),
                "{left:?} after {after}"
            );
        }
    }
}

#[test]
fn r8_the_lock_goes_with_its_process_and_a_file_alone_is_none() {
    let dir = ground();
    let dir = dir.path();
    let lock = dir.join("config/.clients.yaml.lock");
    let mut holder = command(&[], dir, &["hold"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("answer: held")));
    // While it lives, nobody else goes on.
    let path = "config/.clients.yaml.lock".parse().unwrap();
    let waited = root(dir).lock(&path, Duration::from_millis(50));
    assert!(
        matches!(waited, Err(model::files::LockError::Held { .. })),
        "{waited:?}"
    );
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(lock.exists());
    // Whatever the file says.
    fs::write(&lock, "1\n").unwrap();
    let begun = Instant::now();
    assert_eq!(
        index::update(&root(dir), &[next()]).unwrap().written,
        Written::Yes
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(text(dir), NEW);
    assert_eq!(names(&dir.join("config")), ["clients.yaml"]);
}

#[test]
fn r8_who_waits_too_long_is_told() {
    let dir = ground();
    let dir = dir.path();
    let path = "config/.clients.yaml.lock".parse().unwrap();
    let held = root(dir).lock(&path, Duration::ZERO).unwrap();
    let said = crate::ground::said(index::update(&root(dir), &[next()]).unwrap_err().into());
    assert_eq!(
        said,
        [
            "Conflict clients-locked config/.clients.yaml.lock: another process has held this lock for 10 s"
        ]
    );
    drop(held);
    assert_eq!(text(dir), OLD);
}

//! Deployed, and not noted yet.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use catalog::index;
use catalog::journal::{append, pending, replay};
use catalog::tracking::{Primary, Status};
use model::files::Root;

use crate::ground::{
    Call, NEW, OLD, answer, change, command, ground, names, next, root, run, said, text, trace,
};

/// A root and its journal's directory.
fn journal(dir: &Path) -> (Root, Root) {
    fs::create_dir_all(dir.join("journal")).unwrap();
    (root(dir), root(&dir.join("journal")))
}

fn file(dir: &Path) -> std::path::PathBuf {
    let names = names(&dir.join("journal"));
    assert_eq!(names.len(), 1, "{names:?}");
    dir.join("journal").join(&names[0])
}

#[test]
fn r10_what_could_not_be_noted_is_noted_at_the_next_start() {
    let dir = ground();
    let dir = dir.path();
    let (root, state) = journal(dir);
    assert_eq!(replay(&root, &state).unwrap().changes, []);
    let mut last = change(
        "acme-corp",
        "v1.2.0",
        "2026-01-21T00:00:00Z",
        Some("v1.1.0"),
    );
    last.status = Status::RolledBack;
    let mut other = change("no", "v1.0.0", "2026-01-22T00:00:00Z", None);
    (other.context, other.primary) = ("a \"b\"".parse().unwrap(), Primary::No);
    let kept = [next(), last, other];
    for change in &kept {
        append(&root, &state, change).unwrap();
    }
    assert_eq!(text(dir), OLD);
    assert_eq!(pending(&root, &state).unwrap(), kept);
    let done = replay(&root, &state).unwrap();
    assert_eq!((done.changes, done.notes), (kept.to_vec(), vec![]));
    let noted = text(dir);
    let expected = format!(
        "{NEW}      - version: v1.2.0\n        deployed: 2026-01-21T00:00:00Z\n        status: rolled-back\n  - name: \"no\"\n"
    );
    assert!(noted.starts_with(&expected), "{noted}");
    assert!(names(&dir.join("journal")).is_empty());
    assert_eq!(replay(&root, &state).unwrap().changes, []);
    assert_eq!(text(dir), noted);
}

#[test]
fn r10_a_newer_entry_of_the_same_client_and_context_stays() {
    let dir = ground();
    let dir = dir.path();
    let (root, state) = journal(dir);
    append(&root, &state, &next()).unwrap();
    // Meanwhile another checkout's file came by git: v1.2.0 is active there.
    let newer = change(
        "acme-corp",
        "v1.2.0",
        "2026-01-25T00:00:00Z",
        Some("v1.0.0"),
    );
    index::update(&root, &[newer]).unwrap();
    let done = replay(&root, &state).unwrap();
    assert_eq!(done.changes, [next()]);
    assert_eq!(done.notes.len(), 1);
    assert_eq!(done.notes[0].code, "clients-newer");
    let view = index::read(&root).unwrap().unwrap();
    let statuses: Vec<String> = view.clients[0]
        .packages
        .iter()
        .map(|p| format!("{} {}", p.version, p.status.unwrap()))
        .collect();
    assert_eq!(
        statuses,
        ["v1.0.0 superseded", "v1.2.0 active", "v1.1.0 superseded"]
    );
}

#[test]
fn r10_while_the_file_is_unwritable_the_journal_is_kept() {
    let dir = ground();
    let dir = dir.path();
    let (root, state) = journal(dir);
    append(&root, &state, &next()).unwrap();
    fs::write(dir.join("config/clients.yaml"), "clients: [\n").unwrap();
    assert!(replay(&root, &state).is_err());
    assert_eq!(pending(&root, &state).unwrap(), [next()]);
    fs::write(dir.join("config/clients.yaml"), OLD).unwrap();
    replay(&root, &state).unwrap();
    assert_eq!(text(dir), NEW);
    assert!(names(&dir.join("journal")).is_empty());
}

#[test]
fn r10_a_torn_line_is_told_and_a_later_format_is_left() {
    let dir = ground();
    let dir = dir.path();
    let (root, state) = journal(dir);
    append(&root, &state, &next()).unwrap();
    let file = file(dir);
    let line = fs::read_to_string(&file).unwrap();
    let later = line.replace("\"format\":1", "\"format\":2");
    assert_ne!(later, line);
    fs::write(&file, format!("{later}{line}{}", &line[..40])).unwrap();
    let done = replay(&root, &state).unwrap();
    assert_eq!(done.changes, [next()]);
    assert_eq!(
        said(done.notes),
        [format!(
            "Integrity journal-line {}:3: a change that was kept cannot be read; it is dropped",
            file.file_name().unwrap().display()
        )]
    );
    assert_eq!(text(dir), NEW);
    assert_eq!(fs::read_to_string(&file).unwrap(), later);
    // A line after a torn one is one of its own.
    fs::write(&file, &line[..40]).unwrap();
    append(&root, &state, &next()).unwrap();
    assert_eq!(pending(&root, &state).unwrap(), [next()]);
}

#[test]
fn r10_each_root_has_a_journal_of_its_own() {
    let (one, two) = (ground(), ground());
    let (root_one, state) = journal(one.path());
    let root_two = root(two.path());
    append(&root_one, &state, &next()).unwrap();
    assert_eq!(pending(&root_two, &state).unwrap(), []);
    replay(&root_two, &state).unwrap();
    assert_eq!(text(two.path()), OLD);
    // However it is named.
    let link = two.path().join("link");
    std::os::unix::fs::symlink(one.path(), &link).unwrap();
    assert_eq!(pending(&root(&link), &state).unwrap(), [next()]);
}

#[test]
fn r10_killed_at_any_call_a_replay_is_done_once_in_the_end() {
    let dir = ground();
    let dir = dir.path();
    let (root, state) = journal(dir);
    let reset = || {
        fs::write(dir.join("config/clients.yaml"), OLD).unwrap();
        append(&root, &state, &next()).unwrap();
    };
    reset();
    let (out, calls) = trace(dir, &[], &["replay"]);
    assert_eq!(answer(&out), "Ok(1)");
    let calls: Vec<Call> = calls.into_iter().filter(Call::changes).collect();
    assert!(calls.len() > 10, "{calls:?}");
    for call in calls {
        reset();
        let inject = format!("{}:signal=KILL:when={}", call.name, call.nth);
        let (out, _) = trace(dir, &[&inject], &["replay"]);
        let after = format!("{inject} at {}", call.text);
        assert_eq!(out.status.signal(), Some(9), "{after}");
        let now = text(dir);
        assert!(now == OLD || now == NEW, "{now} after {after}");
        let left = pending(&root, &state).unwrap();
        assert!(
            left == [next()] || (left.is_empty() && now == NEW),
            "{after}"
        );
        assert_eq!(replay(&root, &state).unwrap().notes, [], "{after}");
        assert_eq!(text(dir), NEW, "{after}");
        assert!(pending(&root, &state).unwrap().is_empty(), "{after}");
    }
}

#[test]
fn r10_many_processes_append_and_replay_and_nothing_is_lost() {
    let dir = ground();
    let dir = dir.path();
    let (root, state) = journal(dir);
    let writers = 4;
    std::thread::scope(|s| {
        for n in 0..writers {
            let (root, state) = (&root, &state);
            s.spawn(move || {
                for v in 0..5 {
                    let former = (v > 0).then(|| format!("v0.{}.0", v - 1));
                    let at = format!("2026-02-01T00:00:{v:02}Z");
                    let client = format!("writer-{n}");
                    let it = change(&client, &format!("v0.{v}.0"), &at, former.as_deref());
                    append(root, state, &it).unwrap();
                }
            });
        }
        for _ in 0..2 {
            s.spawn(|| {
                for _ in 0..5 {
                    assert!(answer(&run(&[], dir, &["replay"])).starts_with("Ok("));
                }
            });
        }
    });
    assert!(command(&[], dir, &["replay"]).status().unwrap().success());
    let view = index::read(&root).unwrap().unwrap();
    let counts: Vec<_> = view.clients.iter().map(|c| c.packages.len()).collect();
    assert_eq!(counts, [1, 5, 5, 5, 5]);
    assert!(names(&dir.join("journal")).is_empty());
}

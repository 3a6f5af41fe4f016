//! Repositories made with git itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its ground has failed"
)]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use model::path::RelPath;
use programs::git::{Git, GitState, Head};
use programs::process::Program;

fn program() -> Program {
    Program::find("git", "/usr/bin:/bin:/usr/local/bin".as_ref()).expect("git is installed")
}

fn git(dir: &Path, args: &[&str]) -> String {
    let out = Command::new(program().path())
        .current_dir(dir)
        .args(args)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "A")
        .env("GIT_AUTHOR_EMAIL", "a@example.org")
        .env("GIT_COMMITTER_NAME", "C")
        .env("GIT_COMMITTER_EMAIL", "c@example.org")
        .env("GIT_AUTHOR_DATE", "1600000000 +0500")
        .env("GIT_COMMITTER_DATE", "1700000000 -0130")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    text.trim().to_owned()
}

fn repository(format: &str) -> tempfile::TempDir {
    let t = tempfile::tempdir().unwrap();
    git(t.path(), &["init", "-q", "--object-format", format]);
    std::fs::create_dir_all(t.path().join("site/k8s")).unwrap();
    std::fs::write(t.path().join("site/a.yaml"), "a: 1\n").unwrap();
    std::fs::write(t.path().join("site/k8s/b c.yaml"), "b\0\n").unwrap();
    git(t.path(), &["add", "."]);
    git(
        t.path(),
        &["commit", "-qm", "one\n\ncommitter X <x@y> 5 +0000"],
    );
    t
}

const CLEAN: [(&str, &[u8]); 2] = [("a.yaml", b"a: 1\n"), ("k8s/b c.yaml", b"b\0\n")];

fn inspect(root: &Path, reads: &[(&str, &[u8])]) -> GitState {
    let reads: Vec<(RelPath, &[u8])> = reads
        .iter()
        .map(|(p, b)| (p.parse().unwrap(), *b))
        .collect();
    Git::new(program()).inspect(root, reads.iter().map(|(p, b)| (p, *b)))
}

fn head(root: &Path, reads: &[(&str, &[u8])]) -> Head {
    match inspect(root, reads) {
        GitState::Head(head) => head,
        other => panic!("{other:?}"),
    }
}

fn unknown(state: GitState) -> String {
    match state {
        GitState::Unknown { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn g31_a_clean_tree_of_either_hash() {
    for format in ["sha1", "sha256"] {
        let t = repository(format);
        let found = head(&t.path().join("site"), &CLEAN);
        assert_eq!(found.commit, git(t.path(), &["rev-parse", "HEAD"]));
        assert_eq!(found.committed, 1_700_000_000);
        assert!(!found.is_dirty());
    }
}

#[test]
fn g31_a_dirty_tree_says_which_files() {
    let t = repository("sha1");
    // What differs is what was read, whatever lies there or is staged now.
    let reads: [(&str, &[u8]); 6] = [
        ("a.yaml", b"a: 2\n"),
        ("k8s/b c.yaml", b"b\0\n"),
        ("new.yaml", b""),
        ("k8s", b""),
        ("odd\nname", b""),
        ("odd\rname", b""),
    ];
    let found = head(&t.path().join("site"), &reads);
    let differs: Vec<_> = found.differs.iter().map(RelPath::as_str).collect();
    assert_eq!(
        differs,
        ["a.yaml", "k8s", "new.yaml", "odd\nname", "odd\rname"]
    );
}

#[test]
fn g31_paths_that_look_like_revisions() {
    let t = repository("sha1");
    let commit = git(t.path(), &["rev-parse", "--short", "HEAD"]);
    let names = [
        "a@{1}".to_owned(),
        "x^{tree}".to_owned(),
        "x~1".to_owned(),
        "a:b".to_owned(),
        " lead".to_owned(),
        "trail ".to_owned(),
        "-dash".to_owned(),
        "\"quoted\"".to_owned(),
        "back\\slash".to_owned(),
        "é".to_owned(),
    ];
    for name in &names {
        std::fs::write(t.path().join(name), name).unwrap();
    }
    git(t.path(), &["add", "."]);
    git(t.path(), &["commit", "-qm", "two"]);
    let reads: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), n.as_bytes())).collect();
    assert_eq!(head(t.path(), &reads).differs, []);
    // One that ends as `git describe` would is taken for a commit: it differs.
    let described = format!("v1-0-g{commit}");
    assert!(head(t.path(), &[(&described, b"")]).is_dirty());
}

#[test]
fn g31_detached_shallow_and_worktree() {
    let t = repository("sha1");
    git(t.path(), &["commit", "-q", "--allow-empty", "-m", "two"]);
    git(t.path(), &["checkout", "-q", "--detach"]);
    assert!(!head(&t.path().join("site"), &CLEAN).is_dirty());

    let other = tempfile::tempdir().unwrap();
    let url = format!("file://{}", t.path().display());
    git(
        other.path(),
        &["clone", "-q", "--depth", "1", &url, "shallow"],
    );
    let found = head(&other.path().join("shallow/site"), &CLEAN);
    assert_eq!(found.commit, git(t.path(), &["rev-parse", "HEAD"]));
    assert!(!found.is_dirty());

    let tree = other.path().join("tree");
    git(t.path(), &["worktree", "add", "-q", tree.to_str().unwrap()]);
    assert!(!head(&tree.join("site"), &CLEAN).is_dirty());
}

#[test]
fn g31_submodule_missing() {
    let t = repository("sha1");
    let commit = git(t.path(), &["rev-parse", "HEAD"]);
    let link = format!("160000,{commit},site/sub");
    git(t.path(), &["update-index", "--add", "--cacheinfo", &link]);
    git(t.path(), &["commit", "-qm", "submodule"]);
    let root = t.path().join("site");
    assert!(!head(&root, &CLEAN).is_dirty());
    assert!(head(&root, &[("sub/x.yaml", b"")]).is_dirty());
}

#[test]
fn g31_no_repository_and_no_commit() {
    let t = tempfile::tempdir().unwrap();
    assert_eq!(inspect(t.path(), &[]), GitState::NoRepository);
    git(t.path(), &["init", "-q"]);
    assert_eq!(unknown(inspect(t.path(), &[])), "it has no commit yet");
}

#[test]
fn g31_a_broken_repository_is_unknown() {
    let t = repository("sha1");
    let root = t.path().join("site");
    std::fs::write(t.path().join(".git/HEAD"), "nonsense\n").unwrap();
    unknown(inspect(&root, &CLEAN));
    std::fs::remove_dir_all(t.path().join(".git")).unwrap();
    std::fs::write(t.path().join(".git"), "gitdir: /nowhere\n").unwrap();
    assert!(unknown(inspect(&root, &CLEAN)).contains("/nowhere"));
    unknown(inspect(&t.path().join("none"), &CLEAN));
}

#[test]
fn g31_objects_that_are_gone_are_unknown_or_different() {
    let t = repository("sha1");
    let blob = git(t.path(), &["rev-parse", "HEAD:site/a.yaml"]);
    let (dir, rest) = blob.split_at(2);
    std::fs::remove_file(t.path().join(".git/objects").join(dir).join(rest)).unwrap();
    assert!(head(&t.path().join("site"), &CLEAN).is_dirty());
    let commit = git(t.path(), &["rev-parse", "HEAD"]);
    let (dir, rest) = commit.split_at(2);
    std::fs::remove_file(t.path().join(".git/objects").join(dir).join(rest)).unwrap();
    unknown(inspect(&t.path().join("site"), &CLEAN));
}

/// Another owner: only root may make such a repository, so elsewhere the
/// ownership is made to differ by asking as if for another user.
#[test]
fn g31_another_owner_is_unknown_until_trusted() {
    let t = repository("sha1");
    let root = t.path().join("site");
    if !rustix::process::geteuid().is_root() {
        // Nobody may give files away here: the reverse is tested where tests run as root.
        println!("not root: files cannot be given to another user");
        return;
    }
    for path in [t.path().to_owned(), t.path().join(".git")] {
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
    }
    assert!(unknown(inspect(&root, &CLEAN)).contains("dubious ownership"));
    let home = tempfile::tempdir().unwrap();
    let config = format!(
        "[safe]\n\tdirectory = {}\n",
        t.path().canonicalize().unwrap().display()
    );
    std::fs::write(home.path().join(".gitconfig"), config).unwrap();
    let user = |name: &str| (name == "HOME").then(|| OsString::from(home.path()));
    let trusted = Git::new(program()).user(user).inspect(&root, []);
    assert!(matches!(trusted, GitState::Head(_)), "{trusted:?}");
}

#[test]
fn g31_nothing_named_by_a_configuration_is_run() {
    let t = repository("sha1");
    let mark = t.path().join("ran");
    let script = t.path().join("evil.sh");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let evil = script.to_str().unwrap();
    std::fs::write(
        t.path().join("site/.gitattributes"),
        "* filter=evil diff=evil\n",
    )
    .unwrap();
    for key in [
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.editor",
        "core.askPass",
        "credential.helper",
        "alias.cat-file",
    ] {
        let value = if key == "alias.cat-file" {
            format!("!{evil}")
        } else {
            evil.to_owned()
        };
        git(t.path(), &["config", key, &value]);
    }
    for hook in [
        "post-index-change",
        "reference-transaction",
        "fsmonitor-watchman",
    ] {
        std::fs::copy(&script, t.path().join(".git/hooks").join(hook)).unwrap();
    }
    let blob = git(t.path(), &["rev-parse", "HEAD:site/a.yaml"]);
    let (dir, rest) = blob.split_at(2);
    std::fs::remove_file(t.path().join(".git/objects").join(dir).join(rest)).unwrap();
    // A partial clone whose remote is a program.
    git(t.path(), &["config", "core.repositoryformatversion", "1"]);
    git(t.path(), &["config", "extensions.partialClone", "evil"]);
    git(t.path(), &["config", "remote.evil.promisor", "true"]);
    git(
        t.path(),
        &["config", "remote.evil.url", &format!("ext::{evil}")],
    );
    git(t.path(), &["config", "protocol.ext.allow", "always"]);
    let _ = inspect(&t.path().join("site"), &CLEAN);
    assert!(!mark.exists());
}

//! Step 1: the set of files, their kinds and modes.

use model::files::{Content, FileTree, Kind, TreeEntry};
use model::finding::{Class, Finding};

use super::log::{Log, damage, oddity};
use crate::checksums;
use crate::deploy_script;
use crate::sealed::FILES;

/// The directory that holds the objects.
const MANIFESTS: &str = "manifests";

/// Digits of a key id in a sidecar's name.
const KEY_ID_DIGITS: usize = 16;

/// What may follow the key id in a sidecar's name.
const SIDECAR_ENDINGS: [&str; 3] = [".asc", ".sig", ".sigstore.json"];

/// Whether this is the name of a signature beside `checksum.sha256`:
/// `checksum.sha256.<keyid>.{asc,sig,sigstore.json}` or `checksum.sha256.asc`.
///
/// ```
/// use package::open::is_sidecar;
/// assert!(is_sidecar("checksum.sha256.asc"));
/// assert!(is_sidecar("checksum.sha256.0123456789abcdef.sigstore.json"));
/// assert!(!is_sidecar("checksum.sha256.bak"));
/// ```
pub fn is_sidecar(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(checksums::FILE_NAME) else {
        return false;
    };
    rest == ".asc"
        || rest
            .strip_prefix('.')
            .and_then(|rest| rest.split_at_checked(KEY_ID_DIGITS))
            .is_some_and(|(id, ending)| {
                id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                    && SIDECAR_ENDINGS.contains(&ending)
            })
}

/// Whether verification wants the bytes of this file: what reads a package
/// directory asks this.
pub fn is_wanted(path: &str) -> bool {
    FILES.contains(&path) || is_sidecar(path)
}

pub(super) fn check(tree: &FileTree, log: &mut Log) {
    for path in FILES {
        match tree.get(path) {
            // The directory could not be listed, which is said of it below:
            // whether the file is there nobody knows.
            None if parent_failed(tree, path) => {}
            None => log.fail(
                format!("{path} missing"),
                damage("file-missing", path, "it is missing"),
            ),
            Some(entry) => present(entry, log),
        }
    }
    for entry in tree.iter() {
        if entry.path == MANIFESTS && entry.exact {
            directory(entry, log);
        } else if !(entry.exact && FILES.contains(&entry.path.as_str())) {
            beside(entry, log);
        }
    }
    if let Some(cut) = tree.cut() {
        let finding = Finding::error("tree-limit", Class::Integrity, cut.cause().to_string());
        log.fail(cut.cause().to_string(), finding);
    }
    for entry in tree.iter().filter(|e| e.exact && is_wanted(&e.path)) {
        file_mode(entry, log);
    }
}

/// Whether the operating system refused to list the directory of this file.
pub(super) fn parent_failed(tree: &FileTree, path: &str) -> bool {
    path.rsplit_once('/')
        .and_then(|(parent, _)| tree.get(parent))
        .is_some_and(
            |entry| matches!(&entry.content, Content::Failed(e) if e.class().1 == Class::Io),
        )
}

/// One of the six files.
fn present(entry: &TreeEntry, log: &mut Log) {
    match (entry.kind, &entry.content) {
        (Kind::File, Content::Bytes(_)) => log.pass(format!("{} exists", entry.path)),
        _ => unreadable(entry, log),
    }
}

/// A file that is wanted and whose bytes are not there.
fn unreadable(entry: &TreeEntry, log: &mut Log) {
    let path = &entry.path;
    match &entry.content {
        _ if entry.kind != Kind::File => {
            let why = format!("not a regular file: it is {}", entry.kind);
            log.fail(format!("{path}: {why}"), damage("file-kind", path, why));
        }
        Content::Failed(e) => {
            let (code, class) = e.class();
            let why = e.cause().to_string();
            // That it could not be read says nothing about what it holds.
            let finding = if class == Class::Io {
                Finding::error(code, Class::Io, why.clone())
                    .in_file(path)
                    .help("look at the disk and at the file's owner and mode")
            } else {
                damage(code, path, why.clone())
            };
            log.fail(format!("{path}: {why}"), finding);
        }
        Content::Unread | Content::Bytes(_) => {
            let why = "it was not read";
            log.fail(
                format!("{path}: {why}"),
                Finding::error("file-unread", Class::Io, why).in_file(path),
            );
        }
    }
}

fn directory(entry: &TreeEntry, log: &mut Log) {
    let path = &entry.path;
    if entry.kind != Kind::Directory {
        let why = format!("not a directory: it is {}", entry.kind);
        log.fail(format!("{path}: {why}"), damage("file-kind", path, why));
    } else if let Content::Failed(_) = entry.content {
        unlistable(entry, log);
    } else if entry.mode & 0o002 != 0 {
        mode(entry, "world-writable", log);
    }
}

fn unlistable(entry: &TreeEntry, log: &mut Log) {
    if let Content::Failed(e) = &entry.content {
        let (code, class) = e.class();
        let why = e.cause().to_string();
        let finding = Finding::error(code, class.max(Class::Integrity), why.clone());
        log.fail(
            format!("{}: {why}", entry.path),
            finding.in_file(&entry.path),
        );
    }
}

/// What is neither one of the six files nor their directory.
fn beside(entry: &TreeEntry, log: &mut Log) {
    if entry.exact && is_sidecar(&entry.path) {
        if !matches!(
            (entry.kind, &entry.content),
            (Kind::File, Content::Bytes(_))
        ) {
            unreadable(entry, log);
        }
        return;
    }
    let path = if entry.kind == Kind::Directory {
        format!("{}/", entry.path)
    } else {
        entry.path.clone()
    };
    log.fail(
        format!("unexpected: {path}"),
        damage(
            "file-unexpected",
            &path,
            "unexpected: it does not belong to a package",
        )
        .help("remove it, or take an undamaged copy of the package"),
    );
}

fn file_mode(entry: &TreeEntry, log: &mut Log) {
    if entry.kind != Kind::File {
        return;
    }
    for (bits, what) in [
        (0o4000, "set-user-id"),
        (0o2000, "set-group-id"),
        (0o1000, "sticky"),
        (0o0002, "world-writable"),
    ] {
        if entry.mode & bits != 0 {
            mode(entry, what, log);
        }
    }
    let odd = |what: &str, log: &mut Log| {
        let why = format!("mode: it is {what} ({:04o})", entry.mode);
        log.warn(
            format!("mode: {} is {what} ({:04o})", entry.path, entry.mode),
            oddity("file-mode-odd", &entry.path, why),
        );
    };
    if entry.mode & 0o020 != 0 {
        odd("group-writable", log);
    }
    if entry.mode & 0o111 != 0 && entry.path != deploy_script::FILE_NAME {
        odd("executable", log);
    }
    if entry.links > 1 {
        let why = format!("it has {} hard links", entry.links);
        log.warn(
            format!("{} has {} hard links", entry.path, entry.links),
            oddity("file-links", &entry.path, why),
        );
    }
}

fn mode(entry: &TreeEntry, what: &str, log: &mut Log) {
    let text = format!("mode: {} is {what} ({:04o})", entry.path, entry.mode);
    let why = format!("mode: it is {what} ({:04o})", entry.mode);
    let finding = damage("file-mode", &entry.path, why).help(format!(
        "set the mode a package has: chmod 444 {}",
        entry.path
    ));
    log.fail(text, finding);
}

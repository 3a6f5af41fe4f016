//! Step 2: the checksums.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::digest::Digest;
use model::files::{Content, FileTree, Kind, TreeEntry};
use model::finding::{Class, Finding};

use super::log::{Log, damage};
use super::set::parent_failed;
use crate::checksums::{self, Checksums, PackageDigest};
use crate::report::Tag;
use crate::sealed::FILES;

/// Bytes that were checked, and the digest that names them.
pub(super) struct Checked {
    pub(super) digest: PackageDigest,
    pub(super) files: BTreeMap<&'static str, Arc<Vec<u8>>>,
}

/// Compares every file with its checksum. Nothing is returned unless all six
/// are there and hold.
pub(super) fn check(tree: &FileTree, log: &mut Log) -> Option<Checked> {
    log.info("Verifying checksums...");
    let bytes = |path: &str| tree.get(path).and_then(regular);
    let mut details = Details::default();
    let digest = if let Some(list_bytes) = bytes(checksums::FILE_NAME) {
        let (list, findings) = Checksums::parse(list_bytes);
        for finding in findings {
            details.say(finding.to_string(), Some(finding));
        }
        compare(tree, &list, &mut details);
        Some(PackageDigest::of(list_bytes))
    } else {
        // Step 1 said why.
        details.say(format!("{} was not read", checksums::FILE_NAME), None);
        None
    };
    let files: BTreeMap<_, _> = FILES
        .into_iter()
        .filter_map(|path| Some((path, Arc::clone(bytes(path)?))))
        .collect();
    match digest {
        Some(digest) if details.is_empty() && files.len() == FILES.len() => {
            log.pass("All checksums valid");
            Some(Checked { digest, files })
        }
        _ => {
            log.say(Tag::Fail, "Checksum verification failed");
            log.lines.append(&mut details.lines);
            log.findings.append(&mut details.findings);
            None
        }
    }
}

fn regular(entry: &TreeEntry) -> Option<&Arc<Vec<u8>>> {
    match (&entry.content, entry.kind) {
        (Content::Bytes(bytes), Kind::File) => Some(bytes),
        _ => None,
    }
}

/// What stands below the `[FAIL]` line.
#[derive(Default)]
struct Details {
    lines: Vec<crate::report::Line>,
    findings: Vec<Finding>,
}

impl Details {
    fn say(&mut self, text: impl Into<String>, finding: Option<Finding>) {
        self.lines.push(crate::report::Line::new(Tag::Plain, text));
        self.findings.extend(finding);
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

fn compare(tree: &FileTree, list: &Checksums, details: &mut Details) {
    for entry in list.iter() {
        let path = entry.path.as_str();
        if path == checksums::FILE_NAME || !FILES.contains(&path) {
            let why = format!("{path} is not a file that is listed");
            let finding = Finding::error("checksum-foreign", Class::Integrity, why)
                .at(checksums::FILE_NAME, entry.line);
            details.say(finding.to_string(), Some(finding));
            continue;
        }
        match tree.get(path).map(|found| (found, regular(found))) {
            Some((_, Some(bytes))) => {
                let got = Digest::of(bytes);
                if got != entry.digest {
                    let numbers = format!("expected {}, got {}", entry.digest.hex(), got.hex());
                    let why = format!("its bytes were changed: {numbers}");
                    let finding = damage("checksum-mismatch", path, why);
                    details.say(format!("./{path}: FAILED"), Some(finding));
                    let numbers = crate::report::Line::new(Tag::Verbose, numbers);
                    details.lines.push(numbers);
                }
            }
            // Step 1 said why; `sha256sum -c` says it like this.
            Some((found, None)) if is_io(found) => {
                details.say(format!("./{path}: FAILED open or read"), None);
            }
            None if parent_failed(tree, path) => {
                details.say(format!("./{path}: FAILED open or read"), None);
            }
            _ => details.say(format!("./{path}: FAILED"), None),
        }
    }
    for path in FILES {
        if path != checksums::FILE_NAME && list.get(path).is_none() {
            let finding = damage(
                "checksum-unlisted",
                path,
                "checksum.sha256 does not list it",
            );
            details.say(format!("unlisted: {path}"), Some(finding));
        }
    }
}

fn is_io(entry: &TreeEntry) -> bool {
    matches!(&entry.content, Content::Failed(e) if e.class().1 == Class::Io)
}

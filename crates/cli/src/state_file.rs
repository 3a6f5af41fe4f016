//! The file that a deployment leaves what it found in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Zoned};
use model::finding::{Class, Finding};
use model::name::Namespace;

/// For its owner only: what a cluster runs is nobody else's business.
const MODE: u32 = 0o600;

/// How many names are tried, a second apart, where several deployments fall
/// into one second.
const NAMES_MAX: i64 = 100;

/// Writes it, under the specification's name (section "Step 3: Capture Current
/// State"): `deploy-state-<namespace>-<YYYYmmddHHMMSS>.yaml`, by the clock of
/// the place. A name that is taken, by a link too, is left alone.
pub fn write(
    directory: &Path,
    namespace: &Namespace,
    now: &Zoned,
    text: &str,
) -> Result<PathBuf, Finding> {
    let mut path = PathBuf::new();
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for later in 0..NAMES_MAX {
        let time = now.saturating_add(SignedDuration::from_secs(later));
        let name = format!(
            "deploy-state-{namespace}-{}.yaml",
            time.strftime("%Y%m%d%H%M%S")
        );
        path = directory.join(name);
        match create(&path, text) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = e,
            Err(e) => return Err(unwritten(&path, &e)),
        }
    }
    Err(unwritten(&path, &taken))
}

/// A file that did not exist before, whole or not at all.
fn create(path: &Path, text: &str) -> io::Result<()> {
    // O_CREAT with O_EXCL follows no link (POSIX, open).
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // It is ours, and half of a state is none.
        let _ = fs::remove_file(path);
    }
    written
}

fn unwritten(path: &Path, e: &io::Error) -> Finding {
    Finding::error(
        "state-unwritten",
        Class::Io,
        format!("Cannot capture the state to {}: {e}", path.display()),
    )
    .help("Let TMPDIR name a directory with room that you may write to")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn now() -> Zoned {
        "2026-01-29T10:15:30+01:00[+01:00]".parse().unwrap()
    }

    fn write_to(directory: &Path) -> Result<PathBuf, Finding> {
        write(
            directory,
            &"sh-acme-corp".parse().unwrap(),
            &now(),
            "kind: List\n",
        )
    }

    #[test]
    fn d21_the_specifications_name_for_the_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = write_to(directory.path()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name, "deploy-state-sh-acme-corp-20260129101530.yaml");
        assert_eq!(fs::read_to_string(&path).unwrap(), "kind: List\n");
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o7777,
            0o600
        );
    }

    #[test]
    fn d21_what_lies_in_wait_is_neither_followed_nor_written() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        let trap = |second: u32| {
            directory.path().join(format!(
                "deploy-state-sh-acme-corp-202601291015{second}.yaml"
            ))
        };
        std::os::unix::fs::symlink(&victim, trap(30)).unwrap();
        fs::write(trap(31), "theirs").unwrap();
        assert_eq!(write_to(directory.path()).unwrap(), trap(32));
        assert!(!victim.exists());
        assert_eq!(fs::read_to_string(trap(31)).unwrap(), "theirs");
        for _ in 3..NAMES_MAX {
            write_to(directory.path()).unwrap();
        }
        let finding = write_to(directory.path()).unwrap_err();
        assert_eq!(
            (finding.code, finding.class),
            ("state-unwritten", Class::Io)
        );
    }

    #[test]
    fn where_nothing_can_be_written_that_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let finding = write_to(&directory.path().join("missing")).unwrap_err();
        assert!(
            finding
                .message
                .contains("missing/deploy-state-sh-acme-corp-")
        );
    }
}

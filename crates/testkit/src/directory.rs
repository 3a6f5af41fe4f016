//! Directories that are gone after the test, however it ends.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Removes `$1` when standard input closes without a line.
const GUARD: &str = r#"cd / && { read -r _ || rm -rf --one-file-system -- "$1"; }"#;

/// A directory that is removed when this is dropped or the test is killed.
///
/// ```
/// use testkit::directory::Directory;
/// let directory = Directory::new()?;
/// assert!(directory.path().is_dir());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Directory {
    dir: TempDir,
    guard: Child,
}

impl Directory {
    /// A new one, among the system's temporary ones.
    pub fn new() -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("consign-test-").tempdir()?;
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { dir, guard })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Leaves what happens when the test is killed to somebody else.
    pub(crate) fn unguard(&mut self) -> io::Result<()> {
        if let Some(mut pipe) = self.guard.stdin.take() {
            pipe.write_all(b"\n")?;
        }
        self.guard.wait()?;
        Ok(())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_guard_removes_it_unless_told_otherwise() {
        let mut directory = Directory::new().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        drop(directory.guard.stdin.take());
        directory.guard.wait().unwrap();
        assert!(!directory.path().exists());

        let mut directory = Directory::new().unwrap();
        directory.unguard().unwrap();
        assert!(directory.path().exists());
        let path = directory.path().to_owned();
        drop(directory);
        assert!(!path.exists());
    }
}

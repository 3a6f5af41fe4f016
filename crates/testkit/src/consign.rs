//! The real binary, run hermetically.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The top of this workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is there")
}

/// Copies a directory, links as links.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("directory can be made");
    for entry in fs::read_dir(from).expect("directory can be listed") {
        let entry = entry.expect("entry can be read");
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("kind is known");
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            let link = fs::read_link(entry.path()).expect("link can be read");
            std::os::unix::fs::symlink(link, target).expect("link can be made");
        } else {
            fs::copy(entry.path(), target).expect("file can be copied");
        }
    }
}

/// A copy of the example hosting repository in a directory of its own, outside
/// of any git tree, and the binary to run on it.
pub struct Hosting {
    binary: PathBuf,
    directory: tempfile::TempDir,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; 128 + signal when one ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let status = output.status;
        Self {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Asserts the exit code, and shows everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Asserts that one of the outputs holds this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "nothing says {text:?}\nstdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that neither output holds this text.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "something says {text:?}\nstdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Hosting {
    /// A copy of `examples/hosting`. `binary` is `env!("CARGO_BIN_EXE_consign")`
    /// of the test.
    pub fn example(binary: &str) -> Self {
        let hosting = Self::empty(binary);
        for part in ["consign.yaml", "k8s"] {
            let from = workspace().join("examples/hosting").join(part);
            if from.is_dir() {
                copy_tree(&from, &hosting.path(part));
            } else {
                fs::copy(from, hosting.path(part)).expect("file can be copied");
            }
        }
        hosting
    }

    /// A root with nothing in it but an empty `k8s/clients`.
    pub fn empty(binary: &str) -> Self {
        let directory = tempfile::tempdir().expect("directory can be made");
        fs::create_dir_all(directory.path().join("k8s/clients")).expect("directory can be made");
        Self {
            binary: binary.into(),
            directory,
        }
    }

    /// A path in the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Writes a file in the root, its directories too.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a file has a parent"))
            .expect("directory can be made");
        fs::write(path, text).expect("file can be written");
        self
    }

    /// Reads a text file of the root.
    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).expect("file can be read")
    }

    /// A command that runs the binary in the root, with nothing in its
    /// environment but `PATH`, a home without files, and UTC.
    pub fn command<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, arguments: I) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("no-home"))
            .env("TZ", "UTC");
        command
    }

    /// Runs the binary in the root.
    pub fn run<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, arguments: I) -> Ran {
        self.command(arguments)
            .output()
            .expect("the binary can be started")
            .into()
    }

    /// Packages a client with no network at a fixed time.
    pub fn package(&self, client: &str, version: &str) -> Ran {
        self.run([
            "package",
            "--client",
            client,
            "--version",
            version,
            "--locked",
            "--created",
            "2026-01-29T09:15:30Z",
        ])
    }

    /// Verifies a package of the packages directory.
    pub fn verify(&self, name: &str) -> Ran {
        let mut package = OsString::from("packages/");
        package.push(name);
        self.run([OsStr::new("verify"), &package])
    }
}

/// Makes a published package writable, so that a test can damage it.
pub fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(path).expect("directory can be listed") {
        let path = entry.expect("entry can be read").path();
        let meta = fs::symlink_metadata(&path).expect("file is there");
        if meta.is_dir() {
            make_writable(&path);
        } else if meta.is_file() {
            let mode = meta.permissions().mode() | 0o200;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode can be set");
        }
    }
}

//! What the tests stand on.

use std::path::Path;
use std::process::Command;

use model::files::Root;
use model::path::RelPath;

/// Set in a child that is this test program once more.
const AGAIN: &str = "CONSIGN_TEST_AGAIN";

pub fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

pub fn root(dir: &Path) -> Root {
    Root::open(dir).unwrap()
}

pub fn write(dir: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

pub fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// Runs one test of this program again as a child of `command` (a program and
/// its arguments), and passes on whether it passed. In that child: answers
/// `true`, and the test goes on.
///
/// For what is a whole process's: its umask, its rights.
pub fn is_child(test: &str, command: &[&str]) -> bool {
    if std::env::var_os(AGAIN).is_some() {
        return true;
    }
    let out = Command::new(command[0])
        .args(&command[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(AGAIN, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    false
}

/// The command for [`is_child`] under which modes count for root, too: no
/// capability is left.
pub const POWERLESS: &[&str] = &[
    "setpriv",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
];

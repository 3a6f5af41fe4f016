//! Programs are alone, bounded, and leave nothing behind.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its ground has failed"
)]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use programs::process::{Output, ProcessError, Program, Run, run};

fn shell(script: &str, input: &[u8], deadline: Duration) -> Result<Output, ProcessError> {
    let sh = Program::find("sh", "/usr/bin:/bin".as_ref()).unwrap();
    run(&Run {
        program: &sh,
        args: vec!["-c".into(), script.into()],
        directory: Path::new("/"),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        input,
        deadline,
        output_max: 1 << 20,
    })
}

const LONG: Duration = Duration::from_secs(60);

fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|s| !s.rsplit(") ").next().unwrap().starts_with('Z'))
}

/// Killing is asynchronous: the kernel takes its time to end a process.
fn ends(pid: &str) -> bool {
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !alive(pid)
    })
}

#[test]
fn output_code_and_signal() {
    let out = shell("cat; echo no >&2; exit 3", b"hello", LONG).unwrap();
    assert_eq!(out.code, 3);
    assert_eq!(out.stdout, b"hello");
    assert_eq!(out.stderr, b"no\n");
    assert_eq!(shell("kill -TERM $$", b"", LONG).unwrap().code, 128 + 15);
}

#[test]
fn the_environment_is_what_was_said() {
    let out = shell("env | grep -v -e ^PWD= -e ^SHLVL= -e ^_=", b"", LONG).unwrap();
    assert_eq!(out.stdout, b"PATH=/usr/bin:/bin\n");
}

#[test]
fn more_than_a_pipe_holds_goes_both_ways() {
    let input = vec![b'x'; 900_000];
    let out = shell("tee /dev/stderr", &input, LONG).unwrap();
    assert_eq!(out.stdout.len(), input.len());
    assert_eq!(out.stderr.len(), input.len());
}

#[test]
fn input_that_is_not_read_is_no_error() {
    let out = shell("exec true", &vec![b'x'; 900_000], LONG).unwrap();
    assert_eq!(out.code, 0);
}

#[test]
fn too_much_output_is_refused() {
    let e = shell("exec yes", b"", LONG).unwrap_err();
    assert!(
        matches!(e, ProcessError::Output { max: 1_048_576, .. }),
        "{e}"
    );
}

#[test]
fn x10_a_deadline_ends_the_whole_group() {
    let t = tempfile::tempdir().unwrap();
    let pids = t.path().join("pids");
    let script = format!(
        "sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait",
        pids.display()
    );
    // Long enough for a shell to start on a busy machine; nothing else depends on it.
    let e = shell(&script, b"", Duration::from_secs(3)).unwrap_err();
    assert!(matches!(e, ProcessError::Deadline { .. }), "{e}");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    assert!(pids.lines().all(ends));
}

#[test]
fn x10_what_a_program_leaves_running_is_ended() {
    let out = shell("sleep 1000 & echo $!", b"", LONG).unwrap();
    let pid = String::from_utf8(out.stdout).unwrap();
    assert!(ends(pid.trim()));
}

#[test]
fn only_absolute_directories_are_searched() {
    let t = tempfile::tempdir().unwrap();
    let put = |name: &str, mode| {
        let path = t.path().join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    put("runs", 0o755);
    put("text", 0o644);
    std::fs::create_dir(t.path().join("dir")).unwrap();
    symlink("nowhere", t.path().join("dangling")).unwrap();
    let path = t.path().as_os_str();
    assert_eq!(
        Program::find("runs", path).unwrap().path(),
        t.path().join("runs")
    );
    for name in ["text", "dir", "dangling", "none", "", "../x", "/bin/sh"] {
        assert_eq!(Program::find(name, path), None, "{name}");
    }
    for path in ["", ".", ":", "bin:./usr/bin"] {
        assert_eq!(Program::find("sh", path.as_ref()), None, "{path}");
    }
    assert_eq!(Program::at("bin/sh".into()), None);
}

#[test]
fn a_program_that_cannot_start_says_so() {
    let t = tempfile::tempdir().unwrap();
    let path = t.path().join("broken");
    std::fs::write(&path, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let e = run(&Run {
        program: &Program::at(path).unwrap(),
        args: vec![],
        directory: Path::new("/"),
        environment: vec![],
        input: b"",
        deadline: LONG,
        output_max: 0,
    })
    .unwrap_err();
    assert!(matches!(e, ProcessError::Start { .. }), "{e}");
}

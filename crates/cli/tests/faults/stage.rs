//! A hosting repository, runs of the binary under another program, and what
//! they leave behind.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::consign::{Hosting, Ran};

/// The package that every test makes.
pub const NAME: &str = "test-client-v1.0.0";

/// A package that was there before.
pub const OLD: &str = "test-client-v0.9.0";

/// The time in every package.
pub const CREATED: &str = "2026-01-29T09:15:30Z";

/// The calls by which a program changes what is on disk, opening included.
pub const CHANGING: &str = "mkdir,mkdirat,openat,write,fchmod,fchmodat,fsync,fdatasync,flock,\
                            fadvise64,rename,renameat,renameat2,unlink,unlinkat";

pub fn hosting() -> Hosting {
    Hosting::example(env!("CARGO_BIN_EXE_consign"))
}

pub fn arguments(version: &'static str, created: &'static str) -> [&'static str; 8] {
    [
        "package",
        "--client",
        "test-client",
        "--version",
        version,
        "--locked",
        "--created",
        created,
    ]
}

/// The arguments that make [`NAME`].
pub fn making() -> [&'static str; 8] {
    arguments("v1.0.0", CREATED)
}

/// A command as `hosting` would run it, under another program.
pub fn under<A: AsRef<OsStr>>(hosting: &Hosting, wrapper: &[A], args: &[&str]) -> Command {
    let plain = hosting.command(args);
    let (program, first) = wrapper.split_first().expect("a wrapper is named");
    let mut command = Command::new(program);
    command
        .args(first)
        .arg(plain.get_program())
        .args(plain.get_args())
        .env_clear();
    if let Some(directory) = plain.get_current_dir() {
        command.current_dir(directory);
    }
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

/// Runs it to its end.
pub fn run(command: &mut Command) -> Ran {
    command.output().expect("the program can be started").into()
}

/// A system call that the main thread made.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The how-manieth of its name it was, from 1.
    pub nth: usize,
    /// The line that strace wrote.
    pub text: String,
}

impl Call {
    /// The file descriptor that it is about, where that is its first argument.
    pub fn descriptor(&self) -> Option<i32> {
        self.text.split(['(', ',', ')']).nth(1)?.parse().ok()
    }

    /// What it answered, if a number.
    pub fn answer(&self) -> Option<i32> {
        let answer = self.text.rsplit(" = ").next()?;
        answer.split_whitespace().next()?.parse().ok()
    }

    /// Whether it changes files, or opens one to do so; printing does not.
    pub fn changes(&self) -> bool {
        match self.name.as_str() {
            "openat" => self.text.contains("O_CREAT"),
            "write" => self.descriptor().is_some_and(|fd| fd > 2),
            _ => true,
        }
    }
}

/// Runs the binary under strace; the calls of the main thread, and how it ended.
/// `inject` is strace's own language, empty for nothing.
pub fn trace(hosting: &Hosting, calls: &str, inject: &[&str], args: &[&str]) -> (Ran, Vec<Call>) {
    let log = hosting.path("strace.log");
    let mut wrapper = vec![
        "strace".to_owned(),
        "-o".to_owned(),
        log.display().to_string(),
        "-e".to_owned(),
        format!("trace={calls}"),
    ];
    for inject in inject {
        wrapper.extend(["-e".to_owned(), format!("inject={inject}")]);
    }
    let ran = run(&mut under(hosting, &wrapper, args));
    let text = fs::read_to_string(log).expect("strace has written its log");
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen = Vec::new();
    for line in text.lines() {
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let nth = counts.entry(name).or_default();
        *nth += 1;
        seen.push(Call {
            name: name.to_owned(),
            nth: *nth,
            text: line.to_owned(),
        });
    }
    (ran, seen)
}

/// The calls that change files in a run that makes [`NAME`].
pub fn changing_calls(hosting: &Hosting) -> Vec<Call> {
    let (ran, calls) = trace(hosting, CHANGING, &[], &making());
    ran.exits(0);
    let calls: Vec<Call> = calls.into_iter().filter(Call::changes).collect();
    let count = |name: &str| calls.iter().filter(|c| c.name == name).count();
    // Were publishing to move to another thread, the sweeps would prove nothing.
    assert_eq!(count("renameat2"), 1, "{calls:?}");
    assert_eq!(count("openat"), 6, "{calls:?}");
    calls
}

/// Everything in a directory: modes and bytes by path.
pub type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

pub fn snapshot(directory: &Path) -> Snapshot {
    let mut out = Snapshot::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(path) = todo.pop() {
        let full = directory.join(&path);
        let meta = fs::symlink_metadata(&full).expect("it is there");
        let mut bytes = Vec::new();
        if meta.is_dir() {
            let entries = fs::read_dir(&full).expect("it can be listed");
            todo.extend(entries.map(|e| path.join(e.expect("an entry").file_name())));
        } else if meta.is_file() {
            bytes = fs::read(&full).expect("it can be read");
        }
        out.insert(path, (meta.permissions().mode() & 0o7777, bytes));
    }
    out
}

/// [`NAME`] as it must be.
pub fn reference() -> Snapshot {
    let hosting = hosting();
    hosting.run(making()).exits(0);
    snapshot(&hosting.path("packages").join(NAME))
}

/// The names in a directory, sorted; none if it is not there.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|e| {
            let name = e.expect("an entry").file_name();
            name.into_string().expect("a name that we made")
        })
        .collect();
    names.sort();
    names
}

/// Asserts that [`NAME`] is whole or not there, and that besides it and
/// [`OLD`] there are only temporary names; whether it is there.
#[track_caller]
pub fn check_whole_or_absent(hosting: &Hosting, whole: &Snapshot, after: &str) -> bool {
    let packages = hosting.path("packages");
    let mut there = false;
    for name in names(&packages) {
        if name == NAME {
            there = true;
            assert_eq!(&snapshot(&packages.join(name)), whole, "after {after}");
        } else {
            assert!(
                name == OLD || name.starts_with(".tmp-"),
                "{name} after {after}"
            );
        }
    }
    there
}

/// Removes a package, so that it can be made again.
pub fn remove(hosting: &Hosting, name: &str) {
    let directory = hosting.path("packages").join(name);
    if directory.exists() {
        fs::remove_dir_all(directory).expect("it can be removed");
    }
}

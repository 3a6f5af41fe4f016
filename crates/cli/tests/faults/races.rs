//! Several at once, and directories swapped under a running one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::consign::{Hosting, Ran};

use crate::stage::{
    CREATED, NAME, arguments, check_whole_or_absent, hosting, making, names, reference, remove,
    run, under,
};

/// How many writers race.
const WRITERS: usize = 8;

/// How many rounds are run where `CONSIGN_RACE_ROUNDS` does not say; a
/// benchmark runs a thousand.
const ROUNDS: usize = 5;

/// A time for each writer, so that their packages differ.
const TIMES: [&str; WRITERS] = [
    CREATED,
    "2026-01-01T00:00:01Z",
    "2026-01-01T00:00:02Z",
    "2026-01-01T00:00:03Z",
    "2026-01-01T00:00:04Z",
    "2026-01-01T00:00:05Z",
    "2026-01-01T00:00:06Z",
    "2026-01-01T00:00:07Z",
];

#[test]
fn g6_of_many_writers_exactly_one_wins() {
    let rounds = std::env::var("CONSIGN_RACE_ROUNDS")
        .ok()
        .map_or(ROUNDS, |n| n.parse().expect("a number of rounds"));
    let hosting = hosting();
    for _ in 0..rounds {
        let racers: Vec<_> = TIMES
            .iter()
            .map(|time| {
                hosting
                    .command(arguments("v1.0.0", time))
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("it can be started")
            })
            .collect();
        let ended: Vec<Ran> = racers
            .into_iter()
            .map(|r| r.wait_with_output().expect("it ends").into())
            .collect();
        let won: Vec<usize> = (0..WRITERS).filter(|i| ended[*i].code == 0).collect();
        assert_eq!(won.len(), 1, "{ended:?}");
        for (i, ran) in ended.into_iter().enumerate() {
            if i != won[0] {
                ran.exits(6).says(NAME).says("already exists");
            }
        }
        let manifest = hosting.read(&format!("packages/{NAME}/MANIFEST.json"));
        assert!(manifest.contains(TIMES[won[0]]), "{manifest}");
        hosting.verify(NAME).exits(0);
        assert_eq!(names(&hosting.path("packages")), [NAME]);
        remove(&hosting, NAME);
    }
}

#[test]
fn g8_whatever_has_the_name_stays() {
    let hosting = hosting();
    let target = hosting.path("packages").join(NAME);
    fs::create_dir_all(&target).expect("it can be made");
    hosting.run(making()).exits(6).says("already exists");
    assert_eq!(names(&target), [""; 0]);
    fs::remove_dir(&target).expect("it is empty");
    fs::write(&target, "x").expect("it can be written");
    hosting.run(making()).exits(6);
    fs::remove_file(&target).expect("it is there");
    symlink("nowhere", &target).expect("it can be made");
    hosting.run(making()).exits(6);
    assert!(target.symlink_metadata().is_ok_and(|m| m.is_symlink()));
}

/// Runs the binary until its `nth` call of that name, lets `meanwhile` happen
/// while it stands still, and then lets it go on.
fn stopped_at(hosting: &Hosting, call: &str, args: &[&str], meanwhile: impl FnOnce()) -> Ran {
    let log = hosting.path("strace.log").display().to_string();
    let (name, nth) = call.split_once('#').expect("a call and its number");
    let inject = format!("inject={name}:signal=STOP:when={nth}");
    let trace = format!("trace={name}");
    let wrapper = ["strace", "-o", &log, "-e", &trace, "-e", &inject];
    let child = under(hosting, &wrapper, args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let strace = child.id();
    let stopped = || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        log.contains("--- stopped by SIGSTOP ---")
    };
    while !stopped() && Path::new(&format!("/proc/{strace}/stat")).exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
        let state = fs::read_to_string(format!("/proc/{strace}/stat")).unwrap_or_default();
        if state.contains(") Z") {
            break;
        }
    }
    assert!(stopped(), "it never stood still at {call}");
    meanwhile();
    let children = format!("/proc/{strace}/task/{strace}/children");
    let children = fs::read_to_string(children).expect("strace has a child");
    for pid in children.split_whitespace() {
        Command::new("kill")
            .args(["-CONT", pid])
            .status()
            .expect("it can be told to go on");
    }
    child.wait_with_output().expect("it ends").into()
}

#[test]
fn g9_a_packages_directory_swapped_while_it_is_written_changes_nothing() {
    let whole = reference();
    for call in ["mkdirat#1", "fsync#1", "renameat2#1"] {
        let hosting = hosting();
        let (packages, moved) = (hosting.path("packages"), hosting.path("moved"));
        let trap = hosting.path("trap");
        fs::create_dir(&packages).expect("it can be made");
        fs::create_dir(&trap).expect("it can be made");
        stopped_at(&hosting, call, &making(), || {
            fs::rename(&packages, &moved).expect("it can be moved");
            symlink("trap", &packages).expect("it can be made");
        });
        assert_eq!(names(&trap), [""; 0], "{call}");
        assert_eq!(names(&moved), [NAME], "{call}");
        assert_eq!(crate::stage::snapshot(&moved.join(NAME)), whole, "{call}");
    }
}

#[test]
fn g9_a_packages_directory_may_be_a_link() {
    let whole = reference();
    let hosting = hosting();
    fs::create_dir(hosting.path("elsewhere")).expect("it can be made");
    symlink("elsewhere", hosting.path("packages")).expect("it can be made");
    hosting.run(making()).exits(0);
    assert!(check_whole_or_absent(&hosting, &whole, "a link"));
    assert_eq!(names(&hosting.path("elsewhere")), [NAME]);
}

#[test]
fn g9_a_temporary_directory_taken_away_is_an_error() {
    let hosting = hosting();
    let packages = hosting.path("packages");
    fs::create_dir(&packages).expect("it can be made");
    let ran = stopped_at(&hosting, "fsync#1", &making(), || {
        for name in names(&packages) {
            fs::rename(packages.join(name), hosting.path("stolen")).expect("it can be moved");
        }
    });
    ran.exits(7).never_says("[OK] Package generated");
    assert_eq!(names(&packages), [""; 0]);
}

#[test]
fn v15_a_package_swapped_while_it_is_verified_is_the_first_one() {
    let hosting = hosting();
    hosting.run(making()).exits(0);
    let package = hosting.path("packages").join(NAME);
    let path = format!("packages/{NAME}");
    let ran = stopped_at(&hosting, "getdents64#1", &["verify", &path], || {
        fs::rename(&package, hosting.path("first")).expect("it can be moved");
        fs::create_dir(&package).expect("it can be made");
    });
    ran.exits(0);
    run(&mut hosting.command(["verify", &path])).exits(3);
}

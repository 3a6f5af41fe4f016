//! The same source gives the same package, wherever and by whomever.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use testkit::consign::{Hosting, copy_tree, workspace};

use crate::stage::{
    NAME, Snapshot, arguments, hosting, making, reference, remove, run, snapshot, under,
};

#[track_caller]
fn check(hosting: &Hosting, whole: &Snapshot, how: &str) {
    let package = hosting.path("packages").join(NAME);
    assert_eq!(&snapshot(&package), whole, "{how}");
    remove(hosting, NAME);
}

#[test]
fn g22_the_environment_changes_nothing() {
    let whole = reference();
    let hosting = hosting();
    for (name, value) in [
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", ":/nonsense"),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "C"),
        ("LC_ALL", "nonsense"),
        ("HOME", "/nonexistent"),
        ("HOME", ""),
        ("USER", "someone"),
        ("HOSTNAME", "elsewhere"),
        ("RAYON_NUM_THREADS", "1"),
        ("RAYON_NUM_THREADS", "7"),
        ("TMPDIR", "/nonexistent"),
        ("COLUMNS", "20"),
        ("TERM", "dumb"),
        ("NO_COLOR", "1"),
        ("CLICOLOR_FORCE", "1"),
        ("GIT_DIR", "/nonexistent"),
        ("RUST_BACKTRACE", "full"),
    ] {
        run(hosting.command(making()).env(name, value)).exits(0);
        check(&hosting, &whole, &format!("{name}={value}"));
    }
    run(hosting.command(making()).env_clear()).exits(0);
    check(&hosting, &whole, "nothing at all");
}

#[test]
fn g22_umask_user_and_host_change_nothing() {
    let whole = reference();
    let hosting = hosting();
    let mut wrappers: Vec<Vec<&str>> = ["000", "022", "077", "027"]
        .into_iter()
        .map(|umask| vec!["sh", "-c", "umask $0; exec \"$@\"", umask])
        .collect();
    wrappers.push(vec!["nice", "-n", "10"]);
    let other = ["unshare", "--user", "--map-user=12345", "--map-group=54321"];
    let host = ["unshare", "--uts", "--map-root-user", "sh", "-c"];
    let renamed = ["echo other > /proc/sys/kernel/hostname && exec \"$0\" \"$@\""];
    for wrapper in [other.to_vec(), [host.as_slice(), &renamed].concat()] {
        let probe = Command::new(wrapper[0])
            .args(&wrapper[1..])
            .arg("true")
            .output();
        if probe.is_ok_and(|o| o.status.success()) {
            wrappers.push(wrapper);
        } else {
            println!("this machine has no user namespaces: {wrapper:?} is not tried");
        }
    }
    for wrapper in wrappers {
        run(&mut under(&hosting, &wrapper, &making())).exits(0);
        check(&hosting, &whole, &format!("{wrapper:?}"));
    }
}

#[test]
fn g22_another_user_makes_the_same_package() {
    let whole = reference();
    let hosting = hosting();
    let id = Command::new("id").arg("-u").output().expect("id runs");
    if id.stdout != b"0\n" {
        println!("only root can become another user: namespaces stand for it");
        return;
    }
    let top = hosting.path("");
    for path in snapshot(&top).into_keys() {
        std::os::unix::fs::chown(top.join(path), Some(12_345), Some(12_345)).expect("as root");
    }
    let binary = hosting.path("consign");
    fs::copy(env!("CARGO_BIN_EXE_consign"), &binary).expect("it can be copied");
    let user = [
        "setpriv",
        "--reuid=12345",
        "--regid=12345",
        "--clear-groups",
    ];
    let mut command = Command::new(user[0]);
    command.args(&user[1..]).arg(binary).args(making());
    run(command
        .current_dir(top)
        .env_clear()
        .env("PATH", "/usr/bin:/bin"))
    .exits(0);
    check(&hosting, &whole, "another user");
}

#[test]
fn g22_the_place_changes_nothing() {
    let whole = reference();
    let hosting = hosting();
    let top = hosting.path("");
    let root = top.to_str().expect("a plain path");
    for (cwd, root) in [
        ("/", root),
        (root, "."),
        (root, "./k8s/.."),
        (hosting.path("k8s").to_str().expect("a plain path"), ".."),
    ] {
        let mut args = vec!["--root", root];
        args.extend(making());
        run(hosting.command(args).current_dir(cwd)).exits(0);
        check(&hosting, &whole, &format!("{cwd} {root}"));
    }
    run(hosting
        .command(making())
        .current_dir(hosting.path("k8s/clients")))
    .exits(0);
    check(&hosting, &whole, "found from below");
    let link = tempfile::tempdir().expect("it can be made");
    std::os::unix::fs::symlink(&top, link.path().join("a link")).expect("it can be made");
    run(hosting
        .command(making())
        .current_dir(link.path().join("a link")))
    .exits(0);
    check(&hosting, &whole, "through a link");
}

#[test]
fn g22_times_of_files_change_nothing() {
    let whole = reference();
    let hosting = hosting();
    for seconds in [1, 4_000_000_000] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let top = hosting.path("k8s");
        for path in snapshot(&top).into_keys() {
            let file = File::open(top.join(path)).expect("it can be opened");
            let times = FileTimes::new().set_accessed(time).set_modified(time);
            file.set_times(times).expect("they can be set");
        }
        hosting.run(making()).exits(0);
        check(&hosting, &whole, &format!("mtime {seconds}"));
    }
}

/// A memory file system lists names by when they were made: last first.
#[test]
fn g22_the_order_of_names_in_directories_changes_nothing() {
    let whole = reference();
    let source = workspace().join("examples/hosting/k8s");
    let mut paths: Vec<_> = snapshot(&source).into_keys().collect();
    for reverse in [false, true] {
        let shm = Path::new("/dev/shm");
        let base = if shm.is_dir() {
            shm.to_owned()
        } else {
            std::env::temp_dir()
        };
        let t = tempfile::tempdir_in(base).expect("it can be made");
        if reverse {
            paths.reverse();
        }
        for path in &paths {
            let (from, to) = (source.join(path), t.path().join("k8s").join(path));
            if from.is_dir() {
                fs::create_dir_all(&to).expect("it can be made");
            } else {
                fs::create_dir_all(to.parent().expect("a parent")).expect("it can be made");
                fs::copy(from, to).expect("it can be copied");
            }
        }
        let settings = workspace().join("examples/hosting/consign.yaml");
        fs::copy(settings, t.path().join("consign.yaml")).expect("it can be copied");
        let mut command = Command::new(env!("CARGO_BIN_EXE_consign"));
        run(command.args(making()).current_dir(t.path())).exits(0);
        assert_eq!(snapshot(&t.path().join("packages").join(NAME)), whole);
    }
}

fn git(directory: &Path, args: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_COMMITTER_DATE", "1769678130 +0000")
        .env("GIT_AUTHOR_DATE", "1769678130 +0000")
        .status()
        .expect("git is installed");
    assert!(status.success(), "git {args:?}");
}

const CLOCKS: [&str; 4] = [
    "@1970-01-02 00:00:00",
    "@2037-12-31 23:59:59",
    "@2106-02-08 00:00:00",
    "-400d x1000",
];

#[test]
fn g33_a_given_time_or_a_clean_tree_is_above_the_clock() {
    let whole = reference();
    let hosting = hosting();
    for clock in CLOCKS {
        run(&mut under(&hosting, &["faketime", "-f", clock], &making())).exits(0);
        check(&hosting, &whole, clock);
    }
    git(&hosting.path(""), &["init", "-q"]);
    git(&hosting.path(""), &["add", "k8s", "consign.yaml"]);
    git(&hosting.path(""), &["commit", "-q", "-m", "one"]);
    let clean = &arguments("v1.0.0", "")[..6];
    hosting.run(clean).exits(0).never_says("[WARN]");
    let first = snapshot(&hosting.path("packages").join(NAME));
    let manifest = hosting.read(&format!("packages/{NAME}/MANIFEST.json"));
    assert!(manifest.contains("2026-01-29T09:15:30Z"), "{manifest}");
    assert!(manifest.contains("\"dirty\": false"), "{manifest}");
    remove(&hosting, NAME);
    for clock in CLOCKS {
        run(&mut under(&hosting, &["faketime", "-f", clock], clean)).exits(0);
        check(&hosting, &first, clock);
    }
    // Elsewhere, by a clone: the same bytes.
    let other = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    for part in ["k8s", "consign.yaml", ".git"] {
        let from = hosting.path(part);
        if from.is_dir() {
            copy_tree(&from, &other.path(part));
        } else {
            fs::copy(from, other.path(part)).expect("it can be copied");
        }
    }
    other.run(clean).exits(0);
    check(&other, &first, "a clone");
}

#[test]
fn g31_g33_a_dirty_tree_says_so_and_takes_the_clock() {
    let hosting = hosting();
    git(&hosting.path(""), &["init", "-q"]);
    git(&hosting.path(""), &["add", "k8s", "consign.yaml"]);
    git(&hosting.path(""), &["commit", "-q", "-m", "one"]);
    let changed = "k8s/clients/test-client/nginx.conf";
    hosting.write(changed, format!("{}\n", hosting.read(changed)));
    let args = &arguments("v1.0.0", "")[..6];
    let early = ["faketime", "-f", "@1980-05-06 07:08:09"];
    let ran = run(&mut under(&hosting, &early, args)).exits(0);
    // Which file, and that the clock is before HEAD.
    ran.says("[WARN]").says(changed).says("before HEAD");
    let manifest = hosting.read(&format!("packages/{NAME}/MANIFEST.json"));
    assert!(manifest.contains("1980-05-06T07:08:"), "{manifest}");
    assert!(manifest.contains("\"dirty\": true"), "{manifest}");
    hosting.verify(NAME).exits(0);
}

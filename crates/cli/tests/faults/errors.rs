//! Every call that changes a file, refused.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use crate::stage::{
    CHANGING, Call, NAME, OLD, arguments, changing_calls, check_whole_or_absent, hosting, making,
    names, reference, remove, run, snapshot, trace, under,
};

const REFUSALS: [(&str, &str); 3] = [
    ("ENOSPC", "No space left on device"),
    ("EDQUOT", "Disk quota exceeded"),
    ("EIO", "Input/output error"),
];

/// Calls whose refusal must end the run: all but hints, locks and `mkdir` of
/// what is there already.
fn vital(calls: Vec<Call>) -> Vec<Call> {
    let vital = |c: &Call| !matches!(c.name.as_str(), "fadvise64" | "flock" | "mkdir");
    calls.into_iter().filter(vital).collect()
}

#[test]
fn g3_g4_g5_a_refused_call_leaves_nothing_or_says_what_it_left() {
    let whole = reference();
    let hosting = hosting();
    hosting
        .run(arguments("v0.9.0", "2025-01-01T00:00:00Z"))
        .exits(0);
    let old = snapshot(&hosting.path("packages").join(OLD));
    let calls = vital(changing_calls(&hosting));
    let last = calls.last().expect("there are calls").clone();
    assert_eq!(last.name, "fsync", "the parent is flushed last");
    for call in calls {
        for (errno, text) in REFUSALS {
            remove(&hosting, NAME);
            let inject = format!("{}:error={errno}:when={}", call.name, call.nth);
            let after = format!("{inject} at {}", call.text);
            let (ran, seen) = trace(&hosting, CHANGING, &[&inject], &making());
            let ran = ran.exits(7).says(text).says(NAME);
            let there = check_whole_or_absent(&hosting, &whole, &after);
            if call.text == last.text {
                // Others may have seen it, so it stays.
                assert!(there, "{after}");
                ran.says("durability is not confirmed").says("verify");
            } else {
                assert!(!there, "{after}");
                ran.never_says("[OK] Package generated");
            }
            let left: Vec<String> = names(&hosting.path("packages"));
            assert!(
                left.iter().all(|n| n == NAME || n == OLD),
                "{left:?} {after}"
            );
            assert_eq!(
                snapshot(&hosting.path("packages").join(OLD)),
                old,
                "{after}"
            );
            // A flush that failed is not asked for again.
            let refused = seen.iter().position(|c| c.text.contains("(INJECTED)"));
            let refused = refused.expect("it was refused");
            let again = seen[refused + 1..].iter().any(|c| c.name == "fsync");
            assert!(!again, "{after}");
        }
    }
}

#[test]
fn g3_what_cannot_be_removed_is_left_to_the_next_run() {
    let whole = reference();
    let hosting = hosting();
    fs::create_dir(hosting.path("packages")).expect("it can be made");
    let inject = ["fsync:error=EIO:when=1", "unlinkat:error=EIO"];
    trace(&hosting, CHANGING, &inject, &making()).0.exits(7);
    assert!(!check_whole_or_absent(&hosting, &whole, "both"));
    assert_eq!(names(&hosting.path("packages")).len(), 1);
    hosting.run(making()).exits(0);
    assert_eq!(names(&hosting.path("packages")), [NAME]);
}

#[test]
fn g3_a_packages_directory_that_cannot_be_made() {
    let hosting = hosting();
    let (ran, _) = trace(
        &hosting,
        CHANGING,
        &["mkdirat:error=EROFS:when=1"],
        &making(),
    );
    ran.exits(7).says("Read-only file system");
    assert!(!hosting.path("packages").exists());
    let elsewhere = [&making()[..], &["--output", "elsewhere"]].concat();
    let (ran, _) = trace(
        &hosting,
        CHANGING,
        &["mkdir:error=EROFS:when=1"],
        &elsewhere,
    );
    ran.exits(7).says("Read-only file system");
    assert!(!hosting.path("elsewhere").exists());
    // What was made could not be flushed: nothing is published.
    let (ran, _) = trace(&hosting, CHANGING, &["fsync:error=EIO:when=1"], &making());
    ran.exits(7);
    assert_eq!(names(&hosting.path("packages")), [""; 0]);
}

/// What old kernels, sandboxes and some file systems lack is done without.
#[test]
fn calls_that_are_lacking_are_done_without() {
    let whole = reference();
    for inject in [
        "openat2:error=ENOSYS",
        "openat2:error=EPERM",
        "renameat2:error=ENOSYS",
        "renameat2:error=EINVAL",
        "flock:error=ENOLCK:when=1",
        "flock:error=EBADF:when=1",
        "fadvise64:error=ENOSYS",
    ] {
        let hosting = hosting();
        let calls = format!("{CHANGING},openat2");
        let (ran, seen) = trace(&hosting, &calls, &[inject], &making());
        ran.exits(0);
        assert!(
            seen.iter().any(|c| c.text.contains("(INJECTED)")),
            "{inject}"
        );
        assert!(check_whole_or_absent(&hosting, &whole, inject));
        // G8 holds there, too.
        remove(&hosting, NAME);
        fs::create_dir(hosting.path("packages").join(NAME)).expect("it can be made");
        trace(&hosting, &calls, &[inject], &making()).0.exits(6);
        assert_eq!(names(&hosting.path("packages")), [NAME], "{inject}");
        assert_eq!(names(&hosting.path("packages").join(NAME)), [""; 0]);
    }
}

#[test]
fn g2_everything_is_flushed_before_it_is_named() {
    let hosting = hosting();
    fs::create_dir(hosting.path("packages")).expect("it can be made");
    let calls = changing_calls(&hosting);
    let at = |name: &str| calls.iter().position(|c| c.name == name);
    let renamed = at("renameat2").expect("it is renamed");
    let flushed: Vec<i32> = calls[..renamed]
        .iter()
        .filter(|c| c.name == "fsync")
        .filter_map(Call::descriptor)
        .collect();
    for call in &calls[..renamed] {
        let made = match call.name.as_str() {
            "openat" => call.answer(),
            "fchmod" => call.descriptor(),
            _ => continue,
        };
        let made = made.expect("a descriptor");
        assert!(flushed.contains(&made), "{} is not flushed", call.text);
    }
    // Nothing is written or changed after its flush, nor flushed twice.
    for (i, fd) in flushed.iter().enumerate() {
        assert!(!flushed[i + 1..].contains(fd));
    }
    let first_flush = at("fsync").expect("it is flushed");
    assert!(calls[first_flush..].iter().all(|c| c.name != "write"));
    // The directory that holds the name comes last.
    let last = &calls[renamed + 1..];
    assert_eq!(last.len(), 1, "{last:?}");
    let parent = calls[renamed].descriptor();
    assert_eq!(
        (last[0].name.as_str(), last[0].descriptor()),
        ("fsync", parent)
    );
}

#[test]
fn g32_too_few_descriptors_are_an_io_error() {
    let whole = reference();
    let hosting = hosting();
    let mut codes = Vec::new();
    for most in (4..=24).rev() {
        remove(&hosting, NAME);
        let limit = format!("--nofile={most}:{most}");
        let ran = run(&mut under(&hosting, &["prlimit", &limit], &making()));
        let after = format!("{most} descriptors");
        let there = check_whole_or_absent(&hosting, &whole, &after);
        assert_eq!(there, ran.code == 0, "{after}: {ran:?}");
        if !there && codes.last() == Some(&0) {
            ran.says("Too many open files");
        } else if !there {
            drop(ran);
        } else {
            codes.push(0);
            continue;
        }
        codes.push(7);
        let left = names(&hosting.path("packages"));
        assert_eq!(left, [""; 0], "{after}");
    }
    assert!(codes.contains(&0) && codes.contains(&7), "{codes:?}");
}

#[test]
fn g32_too_little_memory_ends_it_with_nothing_half_done() {
    let whole = reference();
    let hosting = hosting();
    let mut failed = 0;
    for megabytes in [4, 8, 12, 16, 24, 32, 48] {
        remove(&hosting, NAME);
        let limit = format!("--as={}", megabytes << 20);
        let ran = run(&mut under(&hosting, &["prlimit", &limit], &making()));
        let after = format!("{megabytes} MB");
        let there = check_whole_or_absent(&hosting, &whole, &after);
        assert!(there || ran.code != 0, "{after}: {ran:?}");
        failed += usize::from(ran.code != 0);
    }
    assert!(failed > 0);
    hosting.run(making());
    assert_eq!(names(&hosting.path("packages")), [NAME]);
}

fn shell(script: &str) -> Vec<String> {
    ["bash", "-c", script].map(str::to_owned).into()
}

#[test]
fn g32_closed_outputs_change_nothing() {
    let whole = reference();
    let hosting = hosting();
    for script in [
        "exec \"$0\" \"$@\" 2>&-",
        "exec \"$0\" \"$@\" >&-",
        "exec \"$0\" \"$@\" <&- >&- 2>&-",
        "\"$0\" \"$@\" | head -0; exit ${PIPESTATUS[0]}",
        "\"$0\" \"$@\" | head -1; exit ${PIPESTATUS[0]}",
        "\"$0\" \"$@\" 2>&1 | true; exit ${PIPESTATUS[0]}",
    ] {
        remove(&hosting, NAME);
        run(&mut under(&hosting, &shell(script), &making())).exits(0);
        assert!(check_whole_or_absent(&hosting, &whole, script));
        // Nor does what goes wrong when nobody hears of it.
        run(&mut under(&hosting, &shell(script), &making())).exits(6);
    }
}

#[test]
fn x2_a_full_disk_behind_standard_output_is_told() {
    let whole = reference();
    let hosting = hosting();
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let output = hosting.command(making()).stdout(Stdio::from(full)).output();
    let ran: testkit::consign::Ran = output.expect("it can be started").into();
    ran.exits(7).says("No space left on device");
    assert!(check_whole_or_absent(&hosting, &whole, "full"));
}

/// A file system that is full for real, where one may be mounted.
#[test]
fn g3_a_full_file_system() {
    let hosting = hosting();
    fs::create_dir(hosting.path("packages")).expect("it can be made");
    let script = "mount -t tmpfs -o size=64k,mode=755 none packages || exit 99\n\
                  head -c 49152 /dev/zero > packages/ballast\n\
                  \"$0\" \"$@\"; code=$?\n\
                  ls -A packages; exit $code";
    let mut wrapper = vec!["unshare", "--mount", "--map-root-user"];
    let probe = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .status();
    if !probe.is_ok_and(|s| s.success()) {
        println!("this machine lets nobody mount: the injected ENOSPC stands for it");
        return;
    }
    wrapper.extend(["sh", "-c", script]);
    let ran = run(&mut under(&hosting, &wrapper, &making()));
    let ran = ran.exits(7).says("No space left on device");
    assert!(ran.stdout.ends_with("ballast\n"), "{}", ran.stdout);
}

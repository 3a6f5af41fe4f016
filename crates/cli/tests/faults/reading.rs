//! Reading that fails, changes under the reader, or must not reach further.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use testkit::consign::{Hosting, make_writable};

use crate::stage::{Call, NAME, hosting, making, run, trace, under};

fn packaged() -> Hosting {
    let hosting = hosting();
    hosting.run(making()).exits(0);
    hosting
}

const FILES: [&str; 6] = [
    "MANIFEST.json",
    "checksum.sha256",
    "deploy.sh",
    "images.txt",
    "all.yaml",
    "secrets.env.enc",
];

/// The calls that open a file of the package, and that read it.
fn reading(calls: &[Call], file: &str) -> (Call, Call) {
    let quoted = format!("\"{file}\"");
    let opened = calls
        .iter()
        .position(|c| c.name == "openat" && c.text.contains(&quoted))
        .expect("it is opened");
    let fd = calls[opened].answer();
    let read = calls[opened..]
        .iter()
        .find(|c| c.name == "read" && c.descriptor() == fd)
        .expect("it is read");
    (calls[opened].clone(), read.clone())
}

#[test]
fn v17_what_cannot_be_read_is_no_verdict_on_its_bytes() {
    let hosting = packaged();
    let path = format!("packages/{NAME}");
    let verify = ["verify", &path];
    let traced = "openat,read,getdents64";
    let (ran, calls) = trace(&hosting, traced, &[], &verify);
    ran.exits(0);
    for file in FILES {
        let (opened, read) = reading(&calls, file);
        for (call, errno, text) in [
            (&opened, "EACCES", "Permission denied"),
            (&opened, "EIO", "Input/output error"),
            (&read, "EIO", "Input/output error"),
            (&read, "ESTALE", "Stale file handle"),
        ] {
            let inject = format!("{}:error={errno}:when={}", call.name, call.nth);
            let (ran, seen) = trace(&hosting, traced, &[&inject], &verify);
            let refused = seen.iter().find(|c| c.text.contains("(INJECTED)"));
            assert!(refused.is_some(), "{inject} {file}");
            ran.exits(7)
                .says(text)
                .says(file)
                .never_says("its bytes were changed")
                .never_says("All checksums valid");
        }
    }
    let listed = calls.iter().filter(|c| c.name == "getdents64");
    for call in listed {
        let inject = format!("getdents64:error=EIO:when={}", call.nth);
        trace(&hosting, traced, &[&inject], &verify).0.exits(7);
    }
}

#[test]
fn v17_a_source_that_cannot_be_read_is_an_io_error() {
    let hosting = hosting();
    let render = ["render", "--client", "test-client"];
    let traced = "openat2,read";
    let (ran, calls) = trace(&hosting, traced, &[], &render);
    ran.exits(0);
    let opened = |c: &&Call| c.name == "openat2" && c.text.contains("kustomization.yaml\"");
    let opened = calls.iter().rfind(opened).expect("it is opened").clone();
    for (errno, text) in [
        ("EACCES", "Permission denied"),
        ("EIO", "Input/output error"),
    ] {
        let inject = format!("openat2:error={errno}:when={}", opened.nth);
        let (ran, _) = trace(&hosting, traced, &[&inject], &render);
        ran.exits(7).says(text).says("kustomization.yaml");
    }
}

#[test]
fn v14_a_file_that_changes_while_it_is_verified_is_one_or_the_other() {
    let hosting = packaged();
    let package = hosting.path("packages").join(NAME);
    make_writable(&package);
    let good = fs::read(package.join("images.txt")).expect("it is there");
    let stop = AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            let new = hosting.path("new");
            while !stop.load(Ordering::Relaxed) {
                for bytes in [b"evil\n".as_slice(), &good] {
                    fs::write(&new, bytes).expect("it can be written");
                    fs::rename(&new, package.join("images.txt")).expect("it can be moved");
                }
            }
        });
        for _ in 0..30 {
            let ran = hosting.verify(NAME);
            // Its mode is not the published one, which is a warning and no more.
            match ran.code {
                0 => drop(ran.never_says("[FAIL]")),
                3 => drop(ran.says("images.txt").never_says("All checksums valid")),
                code => panic!("{code}: {ran:?}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// Whether a call makes, changes, renames or removes a file.
fn writes(call: &Call) -> bool {
    match call.name.as_str() {
        "openat" | "open" | "openat2" => ["O_WRONLY", "O_RDWR", "O_CREAT"]
            .iter()
            .any(|flag| call.text.contains(flag)),
        _ => true,
    }
}

#[test]
fn v30_verify_writes_nothing_anywhere() {
    let hosting = packaged();
    let path = format!("packages/{NAME}");
    let changing = "open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,\
                    unlinkat,rmdir,symlink,symlinkat,link,linkat,chmod,fchmod,fchmodat,chown,\
                    fchown,fchownat,lchown,truncate,ftruncate,utimensat,mknod,mknodat,setxattr,\
                    fsetxattr,lsetxattr";
    let log = hosting.path("strace.log").display().to_string();
    let trace_all = format!("trace={changing}");
    let wrapper = ["strace", "-f", "-qq", "-o", &log, "-e", &trace_all];
    run(&mut under(&hosting, &wrapper, &["verify", &path])).exits(0);
    let text = fs::read_to_string(&log).expect("strace has written its log");
    let mut seen = 0;
    for line in text.lines() {
        // <pid> <name>(…
        let Some((name, rest)) = line
            .split_once(' ')
            .and_then(|(_, call)| call.trim_start().split_once('('))
        else {
            continue;
        };
        if rest.contains("SIG") || name.starts_with(['<', '+', '-']) {
            continue;
        }
        seen += 1;
        let call = Call {
            name: name.to_owned(),
            nth: 0,
            text: line.to_owned(),
        };
        assert!(!writes(&call), "{line}");
    }
    assert!(seen > 6, "{text}");
}

#[test]
fn v30_a_link_in_place_of_a_package_file_is_not_followed() {
    let hosting = packaged();
    let package = hosting.path("packages").join(NAME);
    fs::remove_file(package.join("images.txt")).expect("it is there");
    symlink("/etc/shadow", package.join("images.txt")).expect("it can be made");
    let path = format!("packages/{NAME}");
    let (ran, calls) = trace(&hosting, "openat,openat2,read", &[], &["verify", &path]);
    ran.exits(3).says("not a regular file");
    assert!(calls.iter().all(|c| !c.text.contains("shadow")));
}

#[test]
fn g20_a_build_starts_nothing_and_reads_no_home_and_no_network() {
    let hosting = hosting();
    let home = hosting.path("no-home");
    fs::create_dir_all(&home).expect("it can be made");
    for (name, text) in [(".gitconfig", ""), (".docker/config.json", "{}")] {
        hosting.write(&format!("no-home/{name}"), text);
    }
    let log = hosting.path("strace.log").display().to_string();
    let traced = "trace=execve,execveat,fork,vfork,socket,connect,openat,openat2,open";
    let wrapper = ["strace", "-f", "-qq", "-o", &log, "-e", traced];
    let render = ["render", "--client", "bigcorp"];
    for args in [render.as_slice(), &making()] {
        run(&mut under(&hosting, &wrapper, args)).exits(0);
        let text = fs::read_to_string(&log).expect("strace has written its log");
        let count = |what: &str| text.lines().filter(|l| l.contains(what)).count();
        assert_eq!(count("execve("), 1, "{text}");
        for never in ["socket(", "connect(", "fork(", "no-home"] {
            assert_eq!(count(never), 0, "{never}: {text}");
        }
    }
}

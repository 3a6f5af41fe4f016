//! How the program speaks: to terminals, to pipes, to machines, and at its end.

#![expect(clippy::unwrap_used, reason = "what cannot be run fails the test")]

use std::fs;
use std::process::{Command, Stdio};

use testkit::consign::{Hosting, Ran};

fn example() -> Hosting {
    Hosting::example(env!("CARGO_BIN_EXE_consign"))
}

fn has_raw(text: &str) -> bool {
    text.chars()
        .any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c))
}

/// The one document on standard output.
fn document(ran: &Ran) -> serde_json::Value {
    let document: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!(document["version"], 1);
    assert_eq!(document["code"], ran.code);
    assert_eq!(document["ok"], ran.code == 0);
    assert!(document["findings"].is_array());
    document
}

#[test]
fn x1_nothing_untrusted_reaches_a_terminal_raw() {
    let hosting = example();
    let evil = "a\u{1b}[2Jb\rc\u{7}d\u{8}e\u{9b}f\u{202e}g";
    hosting.write(
        "k8s/clients/evil/kustomization.yaml",
        format!("resources: [\"{}\"]\n", "x\\e[2J\\r\\a\\u202E.yaml"),
    );
    hosting.write(
        "k8s/clients/keys/kustomization.yaml",
        "\"x\\e[2J\\u202E\": 1\n",
    );
    hosting.package("test-client", "v1.0.0").exits(0);
    let package = hosting.path("packages/test-client-v1.0.0");
    fs::write(package.join(evil), "").unwrap();
    let manifest = package.join("MANIFEST.json");
    fs::remove_file(&manifest).unwrap();
    fs::write(&manifest, "{\"client\": \"x\\u001b[2J\\u202e\"}").unwrap();
    for arguments in [
        vec!["package", "--client", evil, "--version", "v1.0.0"],
        vec!["package", "--client", "acme-corp", "--version", evil],
        vec!["package", "--client", "evil", "--version", "v1.0.0"],
        vec!["package", "--client", "keys", "--version", "v1.0.0"],
        vec!["verify", "-v", "packages/test-client-v1.0.0"],
        vec!["verify", evil],
        vec![evil],
        vec!["render", evil],
        vec!["--root", evil, "client", "list"],
    ] {
        let ran = hosting.run(&arguments);
        assert_ne!(ran.code, 0, "{arguments:?}");
        assert!(!has_raw(&ran.stdout) && !has_raw(&ran.stderr), "{ran:?}");
        let mut json = arguments.clone();
        json.extend(["--format", "json"]);
        let ran = hosting.run(&json);
        assert!(!has_raw(&ran.stdout) && !has_raw(&ran.stderr), "{ran:?}");
    }
}

#[test]
fn x1_file_names_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStrExt as _;
    let hosting = example();
    hosting.package("test-client", "v1.0.0").exits(0);
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    fs::write(hosting.path("packages/test-client-v1.0.0").join(name), "").unwrap();
    hosting
        .verify("test-client-v1.0.0")
        .exits(3)
        .says("unexpected: \\xff\\xfe");
}

#[test]
fn x2_a_closed_pipe_keeps_the_result() {
    let hosting = example();
    for (client, code) in [("acme-corp", 0), ("rogue-client", 5)] {
        let mut child = hosting
            .command([
                "package",
                "--client",
                client,
                "--version",
                "v1.0.0",
                "--locked",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{client}");
    }
    hosting.verify("acme-corp-v1.0.0").exits(0);
}

#[test]
fn x3_the_same_text_without_terminal_locale_and_colour() {
    let hosting = example();
    hosting.package("acme-corp", "v1.2.3").exits(0);
    let run = |variables: &[(&str, &str)], more: &[&str]| {
        let ran: Ran = hosting
            .command(["verify", "packages/acme-corp-v1.2.3"].iter().chain(more))
            .envs(variables.iter().copied())
            .output()
            .unwrap()
            .into();
        ran.exits(0).stdout
    };
    let plain = run(&[], &[]);
    assert!(!plain.contains('\u{1b}'));
    for variables in [
        [("NO_COLOR", "1")],
        [("COLUMNS", "20")],
        [("LANG", "tr_TR.UTF-8")],
        [("LC_ALL", "C")],
        [("TERM", "dumb")],
    ] {
        assert_eq!(run(&variables, &[]), plain);
    }
    let forced = run(&[("CLICOLOR_FORCE", "1")], &[]);
    assert!(forced.contains("\u{1b}[32m[PASS]\u{1b}[0m "));
    assert_eq!(
        run(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]),
        plain
    );
    assert_eq!(run(&[], &["--color", "always"]), forced);
    assert_eq!(
        run(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]),
        plain
    );
}

#[test]
fn x4_out_of_memory_is_a_failure_with_nothing_half_done() {
    let hosting = example();
    let whole = hosting.command([
        "package",
        "--client",
        "acme-corp",
        "--version",
        "v1.0.0",
        "--locked",
    ]);
    let mut failed = 0;
    for megabytes in [4_u32, 8, 16, 24, 32] {
        let status = Command::new("bash")
            .arg("-c")
            .arg(format!("ulimit -v $(({megabytes} * 1024)); exec \"$@\""))
            .arg("bash")
            .arg(whole.get_program())
            .args(whole.get_args())
            .current_dir(hosting.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let there = hosting.path("packages/acme-corp-v1.0.0").exists();
        assert_eq!(status.success(), there, "{megabytes} MB: {status}");
        failed += usize::from(!status.success());
        if there {
            hosting.verify("acme-corp-v1.0.0").exits(0);
            fs::remove_dir_all(hosting.path("packages/acme-corp-v1.0.0")).unwrap();
        }
    }
    assert!(failed > 0, "no limit was felt");
}

#[test]
fn x9_json_is_one_document_whatever_happens() {
    let hosting = example();
    let json = |arguments: &[&str]| {
        let ran = hosting.run(arguments.iter().chain(&["--format", "json"]));
        assert_eq!(ran.stderr, "", "{arguments:?}");
        let document = document(&ran);
        (ran.code, document)
    };
    let (code, made) = json(&[
        "package",
        "--client",
        "acme-corp",
        "--version",
        "v1.2.3",
        "--locked",
    ]);
    assert_eq!(code, 0);
    let digest = made["data"]["packages"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let (code, verified) = json(&["verify", "acme-corp@v1.2.3"]);
    assert_eq!(code, 0);
    assert_eq!(verified["data"]["packages"][0]["digest"], digest);
    for (arguments, expected) in [
        (
            vec![
                "package",
                "--client",
                "acme-corp",
                "--version",
                "v1.2.3",
                "--locked",
            ],
            6,
        ),
        (
            vec!["package", "--client", "acme-corp", "--version", "1.2.3"],
            2,
        ),
        (
            vec!["package", "--client", "nobody", "--version", "v1.0.0"],
            2,
        ),
        (
            vec![
                "package",
                "--client",
                "rogue-client",
                "--version",
                "v1.0.0",
                "--offline",
            ],
            5,
        ),
        (vec!["package"], 2),
        (vec!["nonsense"], 2),
        (vec!["verify", "nowhere"], 2),
        (vec!["render", "nowhere"], 2),
        (vec!["client", "show", "nobody"], 2),
        (vec!["--root", "nowhere", "client", "list"], 2),
    ] {
        let (code, document) = json(&arguments);
        assert_eq!(code, expected, "{arguments:?}: {document:#}");
        let finding = &document["findings"][0];
        assert!(
            finding["code"].is_string() && finding["message"].is_string(),
            "{document:#}"
        );
    }
    for arguments in [
        vec!["client", "list"],
        vec!["client", "show", "acme-corp"],
        vec!["render", "--client", "acme-corp"],
    ] {
        assert_eq!(json(&arguments).0, 0, "{arguments:?}");
    }
}

#[test]
fn x10_a_program_that_hangs_leaves_no_child_behind() {
    use std::os::unix::fs::PermissionsExt as _;
    let hosting = example();
    fs::create_dir(hosting.path(".git")).unwrap();
    let git = hosting.path("bin/git");
    hosting.write(
        "bin/git",
        "#!/bin/bash\necho $$ > \"${0%/*}/pid\"\nsleep 600 &\nwait\n",
    );
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = hosting
        .command([
            "package",
            "--client",
            "acme-corp",
            "--version",
            "v1.0.0",
            "--locked",
        ])
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", hosting.path("bin").display()),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = loop {
        if let Ok(text) = fs::read_to_string(hosting.path("bin/pid"))
            && let Ok(pid) = text.trim().parse::<u32>()
        {
            break pid;
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended without asking git"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    signal("TERM", &child.id().to_string());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    assert!(!hosting.path("packages/acme-corp-v1.0.0").exists());
    // The group of the hanging program goes with whoever started it.
    for _ in 0..200 {
        if !group_is_alive(pid) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    signal("KILL", &format!("-{pid}"));
    panic!("the program is still running");
}

/// Sends a signal to a process, or to a group by its negative number.
fn signal(name: &str, target: &str) {
    let status = Command::new("bash")
        .args(["-c", "kill -\"$1\" -- \"$2\"", "bash", name, target])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Whether a process of this group still runs.
fn group_is_alive(group: u32) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        // After the name in brackets: state, parent, group.
        fs::read_to_string(entry.path().join("stat")).is_ok_and(|stat| {
            stat.rsplit_once(')').is_some_and(|(_, rest)| {
                let mut fields = rest.split_whitespace();
                fields.next() != Some("Z") && fields.nth(1) == Some(&group.to_string())
            })
        })
    })
}

#[test]
fn usage_is_told_in_two_lines_and_every_command_has_an_example() {
    let hosting = example();
    hosting
        .run(["package", "--client", "acme-corp"])
        .exits(2)
        .says("[ERROR] ")
        .says("--version");
    for command in [
        "init",
        "render",
        "lock",
        "package",
        "verify",
        "completions",
        "man",
    ] {
        hosting.run([command, "--help"]).exits(0).says("Example");
    }
    hosting.run(["--help"]).exits(0).says("Example");
    hosting.run(["--version"]).exits(0).says("consign ");
}

#[test]
fn completions_and_manual_pages() {
    let hosting = example();
    for shell in ["bash", "zsh", "fish"] {
        hosting.run(["completions", shell]).exits(0).says("consign");
    }
    hosting.run(["man"]).exits(0).says(".TH consign");
    hosting.run(["man", "--output", "pages"]).exits(0);
    assert!(hosting.path("pages/consign-package.1").is_file());
}

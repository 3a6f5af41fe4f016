//! What stands before the first request: the package, its context, the
//! confirmation.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use testkit::api_proxy::ApiFault;
use testkit::consign::{Ran, copy_tree, make_writable};

use crate::recorded::{nothing_written, recording, small};
use crate::stage::{SERVICE, Stage, settings};
use crate::terminal::Terminal;

/// Every flag that lifts something.
const LENIENT: [&str; 7] = [
    "--skip-verify",
    "--adopt-all",
    "--no-wait",
    "--no-rollback",
    "--skip-check",
    "nodes,images,quota,secrets",
    "--take-over=kubectl",
];

/// Writes a package's checksums anew, as one would who wants a change unseen.
pub fn seal(package: &Path) {
    const SEALED: [&str; 5] = [
        "./MANIFEST.json",
        "./deploy.sh",
        "./images.txt",
        "./manifests/all.yaml",
        "./secrets.env.enc",
    ];
    let out = Command::new("sha256sum")
        .args(SEALED)
        .current_dir(package)
        .output()
        .expect("sha256sum can be started");
    assert!(out.status.success(), "{out:?}");
    fs::write(package.join("checksum.sha256"), out.stdout).expect("file can be written");
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).expect("file can be read");
    fs::write(path, before + text).expect("file can be written");
}

type Damage = fn(&Path);

#[test]
fn d1_a_damaged_package_reaches_no_cluster_whatever_flags_are_given() {
    let mut stage = small("d1");
    let proxy = recording(&mut stage);
    let whole = stage
        .hosting
        .path(&format!("packages/{}-v1.0.0", stage.client));
    let damages: [(&str, Damage); 8] = [
        ("a changed manifest", |p| {
            append(&p.join("manifests/all.yaml"), "\n");
        }),
        ("a changed MANIFEST.json", |p| {
            append(&p.join("MANIFEST.json"), "\n");
        }),
        ("a changed script", |p| append(&p.join("deploy.sh"), "\n")),
        ("a file more", |p| {
            fs::write(p.join("manifests/more.yaml"), "").expect("file can be written");
        }),
        ("a file less", |p| {
            fs::remove_file(p.join("images.txt")).expect("file can be removed");
        }),
        ("a file less, unseen", |p| {
            fs::remove_file(p.join("secrets.env.enc")).expect("file can be removed");
            let sums = fs::read_to_string(p.join("checksum.sha256")).expect("file can be read");
            let sums: Vec<&str> = sums.lines().filter(|l| !l.contains("secrets")).collect();
            fs::write(p.join("checksum.sha256"), sums.join("\n") + "\n")
                .expect("file can be written");
        }),
        ("a link", |p| {
            let path = p.join("manifests/all.yaml");
            fs::rename(&path, p.with_extension("elsewhere")).expect("file can be moved");
            symlink(p.with_extension("elsewhere"), path).expect("link can be made");
        }),
        ("another name for its client", |p| {
            let text = fs::read_to_string(p.join("MANIFEST.json")).expect("file can be read");
            fs::write(
                p.join("MANIFEST.json"),
                text.replacen("v1.0.0", "v1.0.1", 1),
            )
            .expect("file can be written");
            seal(p);
        }),
    ];
    for (what, damage) in damages {
        let package = stage
            .hosting
            .path(&format!("damaged/{}-v1.0.0", stage.client));
        let _ = fs::remove_dir_all(&package);
        copy_tree(&whole, &package);
        make_writable(&package);
        damage(&package);
        let package = package.to_str().expect("a path is text");
        for flags in [&[][..], &LENIENT, &["--resume", "--dry-run"]] {
            let ran = stage.run(
                ["deploy", "--package", package, "--force"]
                    .iter()
                    .chain(flags),
            );
            assert_eq!(
                ran.code, 3,
                "{what} {flags:?}\n{}\n{}",
                ran.stdout, ran.stderr
            );
        }
        assert!(proxy.seen().is_empty(), "{what}: {:?}", proxy.seen());
    }
}

#[test]
fn d1_what_else_verify_finds_stops_it_unless_verify_is_skipped() {
    let mut stage = small("d1-script");
    let package = stage
        .hosting
        .path(&format!("packages/{}-v1.0.0", stage.client));
    make_writable(&package);
    append(&package.join("deploy.sh"), "if then fi\n");
    seal(&package);
    let proxy = recording(&mut stage);
    stage.deploy("v1.0.0", &[]).exits(3).says("deploy.sh");
    assert!(proxy.seen().is_empty());
    stage.deploy("v1.0.0", &["--skip-verify"]).exits(0);
    assert_eq!(stage.records()[0]["skipped"], json!(["verify"]));
}

#[test]
fn dry_run_prints_the_whole_plan_and_writes_nothing() {
    let mut stage = Stage::new("dry");
    stage
        .sources(&[
            ("settings.yaml", &settings("one")),
            ("service.yaml", SERVICE),
        ])
        .package("v1.0.0");
    let proxy = recording(&mut stage);
    let namespace = stage.namespace.clone();
    let package = format!("{}@v1.0.0", stage.client);
    for flags in [&["--dry-run"][..], &["--dry-run", "--yes"]] {
        let ran = stage.run(["deploy", &package].iter().chain(flags)).exits(0);
        for line in [
            &format!("create namespace/{namespace}"),
            "create configmap/settings",
            "create service/web",
            "[INFO] Plan: 3 to create, 0 to change, 0 to replace, 0 to prune, 0 unchanged",
        ] {
            assert!(
                ran.stdout.lines().any(|l| l == line),
                "{line}\n{}",
                ran.stdout
            );
        }
    }
    nothing_written(&proxy);
    stage.deploy("v1.0.0", &[]).exits(0);
    stage
        .sources(&[("settings.yaml", &settings("two"))])
        .package("v1.1.0");
    proxy.forget();
    let ran = stage.deploy("v1.1.0", &["--dry-run"]).exits(0);
    for line in [
        "change configmap/settings",
        "  ~ .data.text: \"one\" -> \"two\"",
        "prune service/web",
    ] {
        assert!(
            ran.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            ran.stdout
        );
    }
    nothing_written(&proxy);
    let clients = stage.hosting.read("config/clients.yaml");
    assert!(!clients.contains("v1.1.0"), "{clients}");
}

#[test]
fn d2_v15_what_was_verified_is_what_is_applied_though_the_directory_is_swapped() {
    let mut stage = small("v15");
    stage
        .sources(&[("settings.yaml", &settings("swapped"))])
        .package("v1.0.1");
    let packages = stage.hosting.path("packages");
    let verified = packages.join(format!("{}-v1.0.0", stage.client));
    let other = packages.join(format!("{}-v1.0.1", stage.client));
    // At the first request, the package has been verified.
    let swap = std::sync::Once::new();
    let _proxy = stage.through_proxy(move |_, _| {
        swap.call_once(|| {
            make_writable(&verified);
            fs::rename(&verified, verified.with_extension("aside"))
                .expect("directory can be moved");
            fs::rename(&other, &verified).expect("directory can be moved");
        });
        ApiFault::None
    });
    stage.deploy("v1.0.0", &[]).exits(0);
    let package = format!("packages/{}-v1.0.0", stage.client);
    let there = stage.hosting.read(&format!("{package}/manifests/all.yaml"));
    assert!(there.contains("swapped"), "{there}");
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "one");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn d2_v15_swapped_for_a_link_while_the_question_stands() {
    let stage = small("v15-asks");
    stage
        .sources(&[("settings.yaml", &settings("swapped"))])
        .package("v1.0.1");
    let packages = stage.hosting.path("packages");
    let package = format!("{}@v1.0.0", stage.client);
    let mut terminal = Terminal::of(&stage.command(["deploy", "--package", &package]));
    terminal.until("Proceed with deployment? (y/N)");
    let verified = packages.join(format!("{}-v1.0.0", stage.client));
    fs::rename(&verified, verified.with_extension("aside")).expect("directory can be moved");
    symlink(packages.join(format!("{}-v1.0.1", stage.client)), &verified)
        .expect("link can be made");
    terminal.types("y\n").ends().exits(0);
    assert_eq!(stage.get("configmap/settings")["data"]["text"], "one");
}

#[test]
fn d3_a_context_that_leads_to_another_cluster_is_refused() {
    let mut stage = small("d3");
    let proxy = recording(&mut stage);
    let found = stage.kubectl(&[
        "get",
        "namespace",
        "kube-system",
        "-o",
        "jsonpath={.metadata.uid}",
    ]);
    let uid = found.exits(0).stdout;
    let plain = stage.hosting.read("consign.yaml");
    let pin = |uid: &str| {
        let text = format!("{plain}contexts: {{test: {{cluster: {uid}}}}}\n");
        stage.hosting.write("consign.yaml", text);
    };
    let other = "11111111-2222-4333-8444-555555555555";
    pin(other);
    for flags in [&[][..], &LENIENT, &["--dry-run"]] {
        stage.deploy("v1.0.0", flags).exits(5).says(&format!(
            "Context test leads to cluster {uid}, settings expect {other}"
        ));
    }
    nothing_written(&proxy);
    pin(&uid);
    stage.deploy("v1.0.0", &[]).exits(0);
    // One that does not say which cluster it is is none of those expected.
    proxy.inject(|seen, _| match seen.path.as_str() {
        "/api/v1/namespaces/kube-system" => ApiFault::status(403, "Forbidden", "not for you"),
        _ => ApiFault::None,
    });
    proxy.forget();
    stage.deploy("v1.0.0", &[]).exits(5);
    nothing_written(&proxy);
}

#[test]
fn d3_a_package_for_another_namespace_than_its_clients_is_refused() {
    let mut stage = small("d3-namespace");
    let lives = |namespace: &str| {
        let text = format!(
            "clients:\n- name: {}\n  namespace: {namespace}\n",
            stage.client
        );
        stage.hosting.write("config/clients.yaml", text);
    };
    lives("somewhere-else");
    let namespace = stage.namespace.clone();
    let client = stage.client.clone();
    let proxy = recording(&mut stage);
    for flags in [&[][..], &LENIENT, &["--dry-run"]] {
        stage.deploy("v1.0.0", flags).exits(5).says(&format!(
            "config/clients.yaml:2: Client {client} lives in namespace somewhere-else, the package is for {namespace}"
        ));
    }
    nothing_written(&proxy);
    let text = stage.hosting.read("config/clients.yaml");
    stage.hosting.write(
        "config/clients.yaml",
        text.replace("somewhere-else", &namespace),
    );
    stage.deploy("v1.0.0", &[]).exits(0);
}

#[test]
fn d3_the_heading_shows_where_it_goes_and_nothing_of_it_moves_the_cursor() {
    let mut stage = small("d3-heading");
    stage
        .sources(&[("settings.yaml", &settings("two"))])
        .package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let proxy = recording(&mut stage);
    let kubeconfig = proxy
        .kubeconfig(&stage.hosting.path("tmp"))
        .expect("kubeconfig can be written");
    let text = fs::read_to_string(&kubeconfig).expect("file can be read");
    let server = text
        .split("server: ")
        .nth(1)
        .and_then(|t| t.split_whitespace().next());
    let server = server.expect("a kubeconfig names a server").to_owned();
    let text = text
        .replace("current-context: test", "current-context: \"te\\e[2Jst\"")
        .replace(
            "contexts:\n- name: test",
            "contexts:\n- name: \"te\\e[2Jst\"",
        );
    fs::write(&kubeconfig, text).expect("file can be written");
    let digests: Vec<String> = ["v1.0.0", "v1.1.0"]
        .iter()
        .map(|version| {
            let package = format!("{}@{version}", stage.client);
            let ran = stage.run(["verify", "--format", "json", &package]).exits(0);
            let at = ran.stdout.find("sha256:").expect("verify tells the digest");
            ran.stdout[at..at + 71].to_owned()
        })
        .collect();
    let ran = stage
        .deploy("v1.1.0", &["--dry-run"])
        .exits(0)
        .never_says("\u{1b}");
    for line in [
        format!("Deploying: {} v1.1.0", stage.client),
        format!("Namespace: {}", stage.namespace),
        "Context: te\\x1b[2Jst".to_owned(),
        format!("Server: {server}"),
        format!("Digest: {}", digests[1]),
        format!("Active: v1.0.0 {}", digests[0]),
    ] {
        assert!(
            ran.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            ran.stdout
        );
    }
}

#[test]
fn d4_y_or_yes_on_a_terminal_confirm_and_nothing_else() {
    let mut stage = small("d4");
    let proxy = recording(&mut stage);
    let package = format!("{}@v1.0.0", stage.client);
    let ask = || Terminal::of(&stage.command(["deploy", "--package", &package]));
    for no in ["n\n", "Y\n", "ｙ\n", "у\n", "\n", "yy\n", "YES\n", "\u{4}"] {
        let ran = ask().types(no).ends().exits(2).says("nothing was changed");
        assert!(
            ran.stdout.contains("Proceed with deployment? (y/N)"),
            "{no:?}\n{}",
            ran.stdout
        );
        nothing_written(&proxy);
    }
    ask().types("y\n").ends().exits(0);
    ask().types("yes\n").ends().exits(0);
    assert_eq!(
        stage.outcomes().last().map(String::as_str),
        Some("v1.0.0 active")
    );
}

#[test]
fn d4_nobody_confirms_what_is_not_shown() {
    let mut stage = small("d4-shown");
    let proxy = recording(&mut stage);
    let package = format!("{}@v1.0.0", stage.client);
    let quiet = stage.command(["--quiet", "deploy", "--package", &package]);
    Terminal::of(&quiet)
        .types("n\n")
        .ends()
        .exits(2)
        .says("Context: test")
        .says(&format!("Namespace: {}", stage.namespace))
        .says("create configmap/settings")
        .never_says("Verifying");
    let json = stage.command(["--format", "json", "deploy", "--package", &package]);
    Terminal::of(&json)
        .ends()
        .exits(2)
        .says("\"not-confirmed\"")
        .never_says("(y/N)");
    nothing_written(&proxy);
}

#[test]
fn d4_without_a_terminal_it_says_how_to_confirm_and_can_be_bound_to_a_package() {
    let mut stage = small("d4-no-tty");
    let proxy = recording(&mut stage);
    let package = format!("{}@v1.0.0", stage.client);
    // Whatever comes by a pipe is not asked for.
    let answers = stage.hosting.path("tmp/answers");
    fs::write(&answers, "y\nyes\n").expect("file can be written");
    for input in [answers.as_path(), Path::new("/dev/null")] {
        let ran = stage
            .command(["deploy", "--package", &package])
            .stdin(fs::File::open(input).expect("file can be opened"))
            .output()
            .expect("the binary can be started");
        Ran::from(ran).exits(2).says("--yes");
    }
    nothing_written(&proxy);
    let none = format!("sha256:{}", "0".repeat(64));
    proxy.forget();
    stage
        .deploy("v1.0.0", &["--expect-digest", &none])
        .exits(3)
        .says(&none);
    assert!(proxy.seen().is_empty());
    let ran = stage.deploy("v1.0.0", &["--dry-run"]).exits(0);
    let digest = ran.stdout.lines().find_map(|l| l.strip_prefix("Digest: "));
    let digest = digest.expect("the heading tells the digest").to_owned();
    stage
        .deploy("v1.0.0", &["--expect-digest", &digest])
        .exits(0);
}

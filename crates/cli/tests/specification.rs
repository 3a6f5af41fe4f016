//! The specification's own command lines and outputs, and what independent
//! programs say of the packages that are made.

#![expect(clippy::unwrap_used, reason = "what cannot be run fails the test")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::apiserver::ApiServer;
use testkit::consign::{Hosting, Ran, workspace};
use testkit::tools::{self, Tool};

const CLIENTS: [&str; 3] = ["acme-corp", "bigcorp", "test-client"];

fn example() -> Hosting {
    Hosting::example(env!("CARGO_BIN_EXE_consign"))
}

/// The example with its wrappers, which run this binary.
fn with_tools() -> Hosting {
    let hosting = example();
    testkit::consign::copy_tree(
        &workspace().join("examples/hosting/tools"),
        &hosting.path("tools"),
    );
    hosting
}

fn tool<A: AsRef<OsStr>>(
    hosting: &Hosting,
    script: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Ran {
    Command::new(hosting.path("tools").join(script))
        .args(arguments)
        .current_dir(hosting.path("tools"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("CONSIGN", env!("CARGO_BIN_EXE_consign"))
        .output()
        .unwrap()
        .into()
}

#[test]
fn package_client_as_the_specification_types_it() {
    let hosting = with_tools();
    let ran = tool(
        &hosting,
        "package-client.sh",
        ["--client", "acme-corp", "--version", "v1.2.3"],
    )
    .exits(0);
    let at = hosting.path("packages/acme-corp-v1.2.3");
    let at = at.canonicalize().unwrap();
    let at = at.display();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let before = [
        "==========================================",
        "Generating package: acme-corp-v1.2.3",
        "==========================================",
        "[INFO] Building manifests from kustomize...",
        "[OK] Manifests generated",
        "[INFO] Extracting container images...",
        "[INFO] Resolving image digests...",
        "[OK] Extracted 3 unique images",
        "[INFO] Generating secrets reference...",
        "[OK] Secrets reference generated",
        "[INFO] Generating deployment script...",
        "[OK] Deployment script generated",
        &format!("[OK] Package generated: {at}"),
        "Package contents:",
    ];
    assert_eq!(lines[..before.len()], before);
    let listed: Vec<&str> = lines[before.len() + 1..before.len() + 7]
        .iter()
        .filter_map(|l| l.split_whitespace().last())
        .collect();
    assert_eq!(
        listed,
        [
            "MANIFEST.json",
            "checksum.sha256",
            "deploy.sh",
            "images.txt",
            "manifests",
            "secrets.env.enc"
        ]
    );
    let manifest = fs::read_to_string(hosting.path("packages/acme-corp-v1.2.3/manifests/all.yaml"));
    for said in [
        format!(
            "[INFO] Manifest size: {} lines",
            manifest.unwrap().lines().count()
        ),
        "[INFO] Images: 3 unique".to_owned(),
        format!("[OK] To deploy: {at}/deploy.sh"),
        format!("[OK] To verify: ./verify-package.sh {at}"),
    ] {
        assert!(lines.contains(&said.as_str()), "{said}\n{}", ran.stdout);
    }

    let elsewhere = hosting.path("elsewhere");
    tool(
        &hosting,
        "package-client.sh",
        [
            OsStr::new("--client"),
            OsStr::new("acme-corp"),
            OsStr::new("--version"),
            OsStr::new("v2.0.0-rc1"),
            OsStr::new("--output"),
            elsewhere.as_os_str(),
        ],
    )
    .exits(0);
    assert!(elsewhere.join("acme-corp-v2.0.0-rc1/deploy.sh").is_file());
    for invalid in ["1.2.3", "v1.2", "latest"] {
        tool(
            &hosting,
            "package-client.sh",
            ["--client", "acme-corp", "--version", invalid],
        )
        .exits(2)
        .says(&format!("[ERROR] Invalid version format: {invalid}"));
    }
}

#[test]
fn verify_package_as_the_specification_prints_it() {
    let hosting = with_tools();
    hosting.package("acme-corp", "v1.2.3").exits(0);
    let verify = || {
        tool(
            &hosting,
            "verify-package.sh",
            ["../packages/acme-corp-v1.2.3"],
        )
    };
    // The specification's example has 6 resources, this client has 8.
    let success = "\
==========================================
Verifying package: acme-corp-v1.2.3
==========================================
[PASS] MANIFEST.json exists
[PASS] manifests/all.yaml exists
[PASS] images.txt exists
[PASS] secrets.env.enc exists
[PASS] deploy.sh exists
[PASS] checksum.sha256 exists
[INFO] Verifying checksums...
[PASS] All checksums valid
[INFO] Validating MANIFEST.json...
[PASS] MANIFEST.json is valid JSON
[INFO] Client: acme-corp
[INFO] Version: v1.2.3
[INFO] Namespace: sh-acme-corp
[INFO] Validating Kubernetes manifests...
[PASS] Manifests validate with kubectl
[INFO] Resources: 8
[INFO] Validating images...
[INFO] Images listed: 3
[PASS] All images have pinned digests
[INFO] Validating deploy script...
[PASS] deploy.sh is executable
[PASS] deploy.sh has valid bash syntax
==========================================
[OK] Package verification PASSED
[INFO] Package is ready for deployment
==========================================
";
    assert_eq!(verify().exits(0).stdout, success);

    fs::remove_file(hosting.path("packages/acme-corp-v1.2.3/images.txt")).unwrap();
    let failure = "\
==========================================
Verifying package: acme-corp-v1.2.3
==========================================
[PASS] MANIFEST.json exists
[PASS] manifests/all.yaml exists
[FAIL] images.txt missing
[PASS] secrets.env.enc exists
[PASS] deploy.sh exists
[PASS] checksum.sha256 exists
[INFO] Verifying checksums...
[FAIL] Checksum verification failed
./images.txt: FAILED
==========================================
[ERROR] Package verification FAILED with 2 error(s)
==========================================
";
    assert_eq!(verify().exits(3).stdout, failure);
}

fn judge(program: &str, arguments: &[&str], package: &Path) {
    let out = Command::new(program)
        .args(arguments)
        .current_dir(package)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(
        out.status.success(),
        "{program}: {}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn sha256sum_jq_bash_and_shellcheck_accept_what_is_made() {
    let hosting = example();
    for client in CLIENTS {
        hosting.package(client, "v1.2.3").exits(0);
        let package = hosting.path(&format!("packages/{client}-v1.2.3"));
        judge(
            "sha256sum",
            &["-c", "--strict", "--quiet", "checksum.sha256"],
            &package,
        );
        judge("jq", &["empty", "MANIFEST.json"], &package);
        judge("bash", &["-n", "deploy.sh"], &package);
        judge("shellcheck", &["deploy.sh"], &package);
        let fields = Command::new("jq")
            .args(["-r", ".client, .version, .namespace", "MANIFEST.json"])
            .current_dir(&package)
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&fields.stdout),
            format!("{client}\nv1.2.3\nsh-{client}\n")
        );
        // The specification's own recipe lists the same files.
        let mut listed: Vec<String> = fs::read_to_string(package.join("checksum.sha256"))
            .unwrap()
            .lines()
            .map(|l| l[66..].to_owned())
            .collect();
        let found = Command::new("find")
            .args([".", "-type", "f", "-not", "-name", "checksum.sha256"])
            .current_dir(&package)
            .output()
            .unwrap();
        let mut there: Vec<String> = String::from_utf8_lossy(&found.stdout)
            .lines()
            .map(str::to_owned)
            .collect();
        listed.sort();
        there.sort();
        assert_eq!(listed, there);
    }
}

/// What a wrapper runs, with what and for which root, is told by a program in
/// consign's place.
#[test]
fn deploy_package_hands_on_what_the_specification_types() {
    let hosting = with_tools();
    let told = hosting.path("tell");
    fs::write(
        &told,
        "#!/bin/sh\nprintf '%s\\n' \"$CONSIGN_ROOT\" \"$@\"\nexit 11\n",
    )
    .unwrap();
    fs::set_permissions(&told, fs::Permissions::from_mode(0o755)).unwrap();
    let flags = [
        "--package",
        "../packages/acme corp-v1.2.3",
        "--context",
        "upcloud-prod",
        "--dry-run",
        "--skip-verify",
        "--force",
    ];
    let ran: Ran = Command::new(hosting.path("tools/deploy-package.sh"))
        .args(flags)
        .current_dir(hosting.path("tools"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("CONSIGN", &told)
        .output()
        .unwrap()
        .into();
    let root = hosting.path(".").canonicalize().unwrap();
    let mut expected = vec![root.to_str().unwrap(), "deploy"];
    expected.extend(flags);
    let ran = ran.exits(11);
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_new_root_has_the_wrappers() {
    let hosting = example();
    let root = hosting.path("new");
    hosting.run(["init", root.to_str().unwrap()]).exits(0);
    for script in [
        "package-client.sh",
        "verify-package.sh",
        "deploy-package.sh",
    ] {
        let made = root.join("tools").join(script);
        let ours = workspace().join("examples/hosting/tools").join(script);
        assert_eq!(fs::read(&made).unwrap(), fs::read(ours).unwrap());
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
}

#[test]
fn the_wrappers_pass_shellcheck() {
    for script in [
        "package-client.sh",
        "verify-package.sh",
        "deploy-package.sh",
    ] {
        judge(
            "shellcheck",
            &[script],
            &workspace().join("examples/hosting/tools"),
        );
    }
    judge("shellcheck", &["x", ".ci/run"], &workspace());
}

#[test]
fn the_api_server_accepts_every_object_under_a_strict_dry_run() {
    let hosting = example();
    let server = ApiServer::shared().unwrap();
    let kubectl = tools::path(Tool::Kubectl).unwrap();
    let run = |arguments: &[&str], input: &str| {
        use std::io::Write as _;
        let mut child = Command::new(&kubectl)
            .args(arguments)
            .env("KUBECONFIG", server.kubeconfig())
            .env("HOME", hosting.path("no-home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(
            out.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    for client in CLIENTS {
        hosting.package(client, "v1.2.3").exits(0);
        let all = hosting.read(&format!("packages/{client}-v1.2.3/manifests/all.yaml"));
        let (namespaces, rest): (Vec<&str>, Vec<&str>) = all
            .split("---\n")
            .partition(|d| d.contains("\nkind: Namespace\n"));
        assert_eq!(namespaces.len(), 1);
        run(&["create", "-f", "-"], namespaces[0]);
        let said = run(
            &[
                "apply",
                "--server-side",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                "-",
            ],
            &rest.join("---\n"),
        );
        assert_eq!(said.lines().count(), rest.len(), "{said}");
    }
}

#[test]
fn what_is_rendered_is_what_kustomize_builds() {
    let hosting = example();
    let kustomize = tools::path(Tool::Kustomize).unwrap();
    for client in CLIENTS {
        let built = Command::new(&kustomize)
            .arg("build")
            .arg(hosting.path(&format!("k8s/clients/{client}")))
            .output()
            .unwrap();
        assert!(built.status.success());
        let built = String::from_utf8(built.stdout).unwrap();
        let rendered = hosting.run(["render", "--client", client]).exits(0).stdout;
        assert_eq!(rendered, built);
        let bare = hosting
            .run(["render".to_owned(), format!("k8s/clients/{client}")])
            .exits(0)
            .stdout;
        assert_eq!(bare, built);
        // A package differs by two edits only: digests, and the annotation.
        hosting.package(client, "v1.2.3").exits(0);
        let packaged = hosting.read(&format!("packages/{client}-v1.2.3/manifests/all.yaml"));
        assert_eq!(without_edits(&packaged), without_edits(&built));
        assert_ne!(packaged, built);
    }
}

/// The lines but for the two edits: images without digests, no version, and no
/// map of annotations that would hold nothing else.
fn without_edits(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("deployment.version: ") {
            continue;
        }
        lines.push(match line.split_once("@sha256:") {
            Some((image, digest)) if digest.len() == 64 => image.to_owned(),
            _ => line.to_owned(),
        });
    }
    let held: Vec<bool> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            line != "  annotations:" || lines.get(at + 1).is_some_and(|l| l.starts_with("    "))
        })
        .collect();
    let mut held = held.into_iter();
    lines.retain(|_| held.next().unwrap_or(true));
    lines
}

#[test]
fn x12_packages_of_format_1_verify_for_ever_and_newer_formats_are_told() {
    // A root of its own: whose registries are allowed is each root's setting.
    let elsewhere = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    let golden = workspace().join("crates/package/tests/golden");
    for maker in ["format-1", "scripts"] {
        let package = golden.join(maker).join("acme-corp-v1.2.3");
        elsewhere
            .run([OsStr::new("verify"), package.as_os_str()])
            .exits(0);
    }

    let hosting = example();
    hosting.package("test-client", "v1.0.0").exits(0);
    let package = hosting.path("packages/test-client-v1.0.0");
    let manifest = fs::read_to_string(package.join("MANIFEST.json"))
        .unwrap()
        .replace("\"format\": 1", "\"format\": 2");
    fs::remove_file(package.join("MANIFEST.json")).unwrap();
    fs::write(package.join("MANIFEST.json"), manifest).unwrap();
    fs::remove_file(package.join("checksum.sha256")).unwrap();
    judge(
        "bash",
        &[
            "-c",
            "find . -type f -not -name checksum.sha256 -exec sha256sum {} \\; > checksum.sha256",
        ],
        &package,
    );
    hosting
        .verify("test-client-v1.0.0")
        .exits(3)
        .says("needs a newer consign");
}

#[test]
fn packages_are_found_by_name_and_many_are_verified_at_once() {
    let hosting = example();
    for client in CLIENTS {
        hosting.package(client, "v1.2.3").exits(0);
    }
    hosting
        .run(["verify", "acme-corp@v1.2.3", "bigcorp-v1.2.3"])
        .exits(0)
        .says("failed: 0");
    hosting
        .run(["verify", "--all"])
        .exits(0)
        .says("Packages verified: 3, failed: 0");
    fs::write(hosting.path("packages/bigcorp-v1.2.3/extra"), "").unwrap();
    let ran = hosting.run(["verify", "--all"]).exits(3);
    let headers: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|l| l.starts_with("Verifying package"))
        .collect();
    assert_eq!(
        headers,
        [
            "Verifying package: acme-corp-v1.2.3",
            "Verifying package: bigcorp-v1.2.3",
            "Verifying package: test-client-v1.2.3"
        ]
    );
    assert!(ran.stdout.contains("unexpected: extra") && ran.stdout.contains("failed: 1"));
    hosting
        .run(["package", "--all", "--version", "v2.0.0", "--offline"])
        .exits(5)
        .says("Packages generated: 3, failed: 1 (rogue-client)");
    for client in CLIENTS {
        hosting.verify(&format!("{client}-v2.0.0")).exits(0);
    }
}

#[test]
fn init_makes_a_root_that_packages_at_once() {
    let hosting = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    hosting.run(["init", "new", "--example"]).exits(0);
    hosting
        .run([
            "--root",
            "new",
            "package",
            "--client",
            "example",
            "--version",
            "v1.0.0",
            "--locked",
        ])
        .exits(0);
    hosting
        .run(["--root", "new", "verify", "example@v1.0.0"])
        .exits(0);
    hosting.write("new/consign.yaml", "kubernetes: \"1.35\"\n");
    hosting
        .run(["init", "new"])
        .exits(0)
        .says("consign.yaml exists, left as it is");
    assert_eq!(hosting.read("new/consign.yaml"), "kubernetes: \"1.35\"\n");
}

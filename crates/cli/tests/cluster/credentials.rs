//! Which cluster is meant and by whom, and what nobody else may learn of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use testkit::api_proxy::{ApiFault, ApiProxy};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::recorded::{recording, small};
use crate::stage::{Stage, web};

fn ran(command: &mut std::process::Command) -> Ran {
    command.output().expect("the binary can be started").into()
}

/// Writes a kubeconfig of the test cluster whose user gets the token from this
/// script.
fn kubeconfig(stage: &Stage, script: &str) -> PathBuf {
    let plugin = stage.hosting.path("tmp/plugin");
    fs::write(&plugin, format!("#!/bin/sh\n{script}\n")).expect("file can be written");
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).expect("mode can be set");
    let authority = stage.hosting.path("tmp/authority.pem");
    fs::write(&authority, stage.cluster.api().authorities()).expect("file can be written");
    let path = stage.hosting.path("tmp/kubeconfig-exec");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "exec",
        "clusters": [{"name": "exec", "cluster": {
            "server": format!("https://{}", stage.cluster.address()),
            "certificate-authority": authority,
        }}],
        "users": [{"name": "exec", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": plugin,
            "interactiveMode": "IfAvailable",
        }}}],
        "contexts": [{"name": "exec", "context": {"cluster": "exec", "user": "exec"}}],
    });
    fs::write(&path, text.to_string()).expect("file can be written");
    path
}

#[test]
fn d23_a_credential_plugin_that_fails_ends_the_run_and_its_words_are_passed_on() {
    let stage = small("d23-plugin");
    let failing = kubeconfig(&stage, "echo 'log in at the portal first' >&2; exit 7");
    ran(stage
        .command(stage.deploy_arguments("v1.0.0", &[]))
        .env("KUBECONFIG", &failing))
    .exits(9)
    .says("Cannot use the context exec")
    .says("log in at the portal first");
    let missing = kubeconfig(&stage, "exit 0");
    fs::remove_file(stage.hosting.path("tmp/plugin")).expect("file can be removed");
    ran(stage
        .command(stage.deploy_arguments("v1.0.0", &[]))
        .env("KUBECONFIG", &missing))
    .exits(9)
    .says("Cannot use the context exec");
    assert!(stage.get("configmap/settings").is_null());
}

#[test]
fn d23_kubeconfig_may_list_several_files() {
    let mut stage = small("d23-list");
    let proxy = recording(&mut stage);
    let dir = stage.hosting.path("tmp");
    let whole = fs::read_to_string(proxy.kubeconfig(&dir).expect("kubeconfig can be written"))
        .expect("file can be read");
    // One names the context, the other what the context names.
    let (head, contexts) = whole.split_at(whole.find("contexts:\n").expect("it has contexts"));
    let clusters = head.replace("current-context: test\n", "");
    let contexts = format!("apiVersion: v1\nkind: Config\ncurrent-context: test\n{contexts}");
    fs::write(dir.join("first"), contexts).expect("file can be written");
    fs::write(dir.join("second"), clusters).expect("file can be written");
    let list = format!("{0}/first:{0}/second", dir.display());
    ran(stage
        .command(stage.deploy_arguments("v1.0.0", &[]))
        .env("KUBECONFIG", list))
    .exits(0);
    assert!(!proxy.writes().is_empty());
    ran(stage
        .command(stage.deploy_arguments("v1.0.0", &["--context", "nowhere"]))
        .env("KUBECONFIG", dir.join("first")))
    .exits(9)
    .says("has no context \"nowhere\"; it has test");
}

#[test]
fn d23_no_kubectl_is_run_whatever_stands_first_in_path() {
    let stage = small("d23-path");
    let bin = stage.hosting.path("tmp/bin");
    fs::create_dir_all(&bin).expect("directory can be made");
    let ran_it = stage.hosting.path("tmp/ran");
    for name in ["kubectl", "helm", "kustomize", "git"] {
        let fake = bin.join(name);
        fs::write(
            &fake,
            format!("#!/bin/sh\necho {name} >> {}\n", ran_it.display()),
        )
        .expect("file can be written");
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).expect("mode can be set");
    }
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    ran(stage
        .command(stage.deploy_arguments("v1.0.0", &[]))
        .env("PATH", path))
    .exits(0);
    assert!(!ran_it.exists(), "{:?}", fs::read_to_string(&ran_it));
}

#[test]
fn d23_a_cluster_more_than_one_minor_version_away_is_a_warning() {
    let mut stage = small("d23-skew");
    let proxy = recording(&mut stage);
    let version = |minor: u32| {
        let body = json!({"major": "1", "minor": minor.to_string(), "gitVersion": format!("v1.{minor}.1")});
        move |seen: &testkit::api_proxy::Seen, _: u64| {
            if seen.path == "/version" {
                let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
                ApiFault::Answer(200, headers, body.to_string().into_bytes())
            } else {
                ApiFault::None
            }
        }
    };
    let manifest = stage
        .hosting
        .read(&format!("packages/{}-v1.0.0/MANIFEST.json", stage.client));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("it is JSON");
    let checked = manifest["consign"]["kubernetes"]
        .as_str()
        .expect("it says against what it was checked");
    let minor: u32 = checked
        .split('.')
        .nth(1)
        .and_then(|m| m.parse().ok())
        .expect("it has a minor version");
    for (away, warns) in [(0, false), (1, false), (2, true)] {
        for server in [minor - away, minor + away] {
            proxy.inject(version(server));
            let told = stage.deploy("v1.0.0", &["--dry-run"]).exits(0);
            let warning = format!(
                "[WARN] The cluster runs Kubernetes v1.{server}.1, the package was checked against"
            );
            assert_eq!(
                told.stderr.contains(&warning),
                warns,
                "{server}\n{}",
                told.stderr
            );
        }
    }
}

/// Command lines of all processes.
fn command_lines() -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}

#[test]
fn d24_x10_no_token_is_ever_in_the_arguments_of_a_process() {
    let stage = Stage::new("d24");
    stage
        .sources(&[("web.yaml", &web(&stage.image("v1.0.0", Mode::Ok), 1))])
        .package("v1.0.0");
    let namespace = stage.namespace.clone();
    stage.kubectl(&["create", "namespace", &namespace]).exits(0);
    let token = stage
        .cluster
        .namespace_user(&namespace)
        .expect("the user can be made");
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    });
    let handed = stage.hosting.path("tmp/token.json");
    fs::write(&handed, answer.to_string()).expect("file can be written");
    let config = kubeconfig(&stage, &format!("cat {}", handed.display()));
    let (over, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (result, seen) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !over.load(Ordering::SeqCst) {
                seen.extend(command_lines());
                looks.fetch_add(1, Ordering::SeqCst);
            }
            seen
        });
        let arguments = stage.deploy_arguments("v1.0.0", &[]);
        let result = ran(stage.command(arguments).env("KUBECONFIG", &config));
        over.store(true, Ordering::SeqCst);
        (result, looking.join().expect("looking does not fail"))
    });
    result.exits(0).never_says(&token);
    let package = format!("{}@v1.0.0", stage.client);
    assert!(
        seen.iter().any(|line| line.contains(&package)),
        "the deploy itself was never seen"
    );
    assert!(
        !seen.iter().any(|line| line.contains(&token)),
        "{} looks",
        looks.load(Ordering::SeqCst)
    );
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
    // Nor did it stay anywhere but where it was handed out.
    let mut places = vec![stage.hosting.path("")];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(place)
            .expect("directory can be listed")
            .flatten()
        {
            if entry.path().is_dir() {
                places.push(entry.path());
            } else if entry.path() != handed {
                let bytes = fs::read(entry.path()).unwrap_or_default();
                assert!(
                    !String::from_utf8_lossy(&bytes).contains(&token),
                    "{}",
                    entry.path().display()
                );
            }
        }
    }
}

/// Where somebody may have left an `.env`.
fn leave(stage: &Stage, place: &Path, evil: &ApiProxy) {
    let kubeconfig = evil
        .kubeconfig(&stage.hosting.path("tmp"))
        .expect("kubeconfig can be written");
    let text = format!(
        "KUBECONFIG={0}\nexport KUBECONFIG={0}\nHTTP_PROXY=http://127.0.0.1:1\nHTTPS_PROXY=http://127.0.0.1:1\nCONSIGN_CONTEXT=evil\nCONSIGN_YES=true\n",
        kubeconfig.display()
    );
    fs::create_dir_all(place).expect("directory can be made");
    for name in [".env", ".envrc", ".env.local"] {
        fs::write(place.join(name), &text).expect("file can be written");
    }
}

#[test]
fn x11_no_env_file_is_read_wherever_it_lies() {
    let mut stage = small("x11");
    let evil = recording(&mut stage);
    let good = recording(&mut stage);
    let here = stage.hosting.path("elsewhere");
    let client = stage.hosting.path(&format!("k8s/clients/{}", stage.client));
    for place in [
        here.as_path(),
        &client,
        &stage.hosting.path(""),
        &stage.hosting.path("packages"),
        &stage.hosting.path("no-home"),
    ] {
        leave(&stage, place, &evil);
    }
    let root = stage.hosting.path("").display().to_string();
    let package = format!("{}@v1.0.0", stage.client);
    let asks = ["--root", &root, "deploy", &package];
    ran(stage
        .command(asks)
        .current_dir(&here)
        .stdin(std::process::Stdio::null()))
    .exits(2);
    ran(stage.command(asks).arg("--yes").current_dir(&here))
        .exits(0)
        .says("Context: test");
    ran(stage.command(asks).arg("--yes").current_dir(&client)).exits(0);
    assert!(evil.seen().is_empty(), "{:?}", evil.seen());
    assert!(!good.writes().is_empty());
}

#[test]
fn x11_a_proxy_that_the_environment_puts_in_between_is_shown_without_its_password() {
    let mut stage = small("x11-proxy");
    let good = recording(&mut stage);
    let arguments = stage.deploy_arguments("v1.0.0", &["--dry-run"]);
    // Nobody listens on port 1.
    ran(stage
        .command(&arguments)
        .env("HTTPS_PROXY", "http://ann:canary@127.0.0.1:1"))
    .exits(9)
    .says(" through http://127.0.0.1:1: ")
    .never_says("canary");
    assert!(good.seen().is_empty());
    ran(stage
        .command(&arguments)
        .env("HTTPS_PROXY", "http://ann:canary@127.0.0.1:1")
        .env("NO_PROXY", "127.0.0.1"))
    .exits(0)
    .never_says("through");
    assert!(!good.seen().is_empty());
}

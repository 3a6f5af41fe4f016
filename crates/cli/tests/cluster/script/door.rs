//! What a script passes before it writes: itself, the cluster, the Lease, and
//! who is asked.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use testkit::consign::{Ran, copy_tree};

use crate::packaged::{Packaged, no_pods, text};
use crate::stage::{Stage, settings};
use crate::terminal::Terminal;

/// A Lease of this age, in seconds, that holds for so many.
fn lease(stage: &Stage, age: u32, ttl: u32) {
    let ago = format!("-{age} seconds");
    let output = Command::new("date")
        .args(["-u", "-d", &ago, "+%Y-%m-%dT%H:%M:%S.000000Z"])
        .output()
        .unwrap();
    let time = String::from_utf8(output.stdout).unwrap();
    let text = format!(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: consign.{}\nspec:\n  \
         holderIdentity: ann@laptop\n  leaseDurationSeconds: {ttl}\n  renewTime: {time}",
        stage.client
    );
    let _ = stage.kubectl(&["delete", "lease", "--all"]);
    stage.kubectl_apply(&text, &[]).exits(0);
}

#[test]
fn d13_a_fresh_lease_stops_the_script_and_an_abandoned_one_does_not() {
    let stage = Stage::new("leases");
    let packaged = Packaged::on(&stage);
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        no_pods(&stage, version);
    }
    packaged.deploy("v1.0.0").exits(0);

    lease(&stage, 0, 600);
    packaged.deploy("v1.1.0").exits(6).says(&format!(
        "another deployment of {} is running: ann@laptop",
        stage.client
    ));
    assert_eq!(text(&stage), "v1.0.0");

    lease(&stage, 3600, 60);
    packaged.deploy("v1.1.0").exits(0).never_says("watching");

    lease(&stage, 30, 2);
    packaged
        .deploy("v1.2.0")
        .exits(0)
        .says("looks abandoned: watching it for 2 seconds");

    // It looks dead by this clock, and is renewed while it is watched.
    lease(&stage, 30, 2);
    packaged.kubectl_that(
        "if [[ \"$*\" == *get\\ lease* && -e $TMPDIR/seen ]]; then : >\"$TMPDIR/again\"; fi\n\
         if [[ \"$*\" == *get\\ lease* ]]; then : >\"$TMPDIR/seen\"; fi",
    );
    let mut child = packaged
        .script("v1.1.0", &["--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("is watched", || stage.hosting.path("tmp/seen").exists());
    let name = format!("consign.{}", stage.client);
    let now =
        r#"[{"op":"replace","path":"/spec/renewTime","value":"2026-01-01T00:00:00.000000Z"}]"#;
    stage
        .kubectl(&["patch", "lease", &name, "--type=json", "-p", now])
        .exits(0);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert!(stage.hosting.path("tmp/again").exists());
    assert_eq!(text(&stage), "v1.2.0");

    // What a run of consign leaves is free at once.
    let _ = stage.kubectl(&["delete", "lease", "--all"]);
    stage.deploy("v1.1.0", &[]).exits(0);
    packaged.deploy("v1.2.0").exits(0).never_says("watching");
}

#[test]
fn d4_the_script_and_consign_take_the_same_answers() {
    let stage = Stage::new("asked");
    let packaged = Packaged::on(&stage);
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        no_pods(&stage, version);
    }
    packaged.deploy("v1.0.0").exits(0);
    let name = format!("{}@v1.1.0", stage.client);
    let script = || {
        let mut command = packaged.script("v1.1.0", &[]);
        let path = format!("{}:/usr/bin:/bin", stage.hosting.path("bin").display());
        command.env("PATH", path);
        command
    };
    for no in ["n\n", "Y\n", "YES\n", "\n", "yy\n"] {
        for command in [script(), stage.command(["deploy", "--package", &name])] {
            let ran = Terminal::of(&command).types(no).ends();
            ran.exits(2)
                .says("Proceed with deployment? (y/N)")
                .says("onfirmed: nothing was changed");
        }
        assert_eq!(text(&stage), "v1.0.0", "{no:?}");
    }
    Terminal::of(&script()).types("y\n").ends().exits(0);
    assert_eq!(text(&stage), "v1.1.0");
    Terminal::of(&stage.command(["deploy", "--package", &format!("{}@v1.2.0", stage.client)]))
        .types(" yes \n")
        .ends()
        .exits(0);
    assert_eq!(text(&stage), "v1.2.0");
    Terminal::of(&script()).types(" yes \n").ends().exits(0);
    assert_eq!(text(&stage), "v1.1.0");
}

#[test]
fn d10_an_edit_while_the_question_stands_is_not_taken_for_what_was_looked_at() {
    let stage = Stage::new("edited");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    stage
        .cluster
        .kubectl(["create", "namespace", &stage.namespace])
        .unwrap();
    stage.kubectl_apply(&settings("v0.9.0"), &[]).exits(0);
    let mut command = packaged.script("v1.0.0", &[]);
    let path = format!("{}:/usr/bin:/bin", stage.hosting.path("bin").display());
    command.env("PATH", path);
    let mut terminal = Terminal::of(&command);
    terminal.until("are taken over").until("(y/N)");
    let edit = r#"{"data":{"text":"mine"}}"#;
    let manager = "--field-manager=kubectl-edit";
    stage
        .kubectl(&["patch", "configmap", "settings", manager, "-p", edit])
        .exits(0);
    terminal
        .types("y\n")
        .ends()
        .exits(6)
        .says("conflict with \"kubectl-edit\"")
        .never_says("Executing deployment");
    assert_eq!(text(&stage), "mine");
    assert!(stage.outcomes().is_empty());
}

#[test]
fn d25_the_script_runs_from_anywhere_and_deploys_what_it_verified() {
    let stage = Stage::new("anywhere");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    no_pods(&stage, "v1.1.0");
    let marker = stage.hosting.path("marker");
    let evil = stage.hosting.path("evil");
    fs::write(&evil, format!("echo x >'{}'\n", marker.display())).unwrap();

    // Spaces in the path, through a link, from a directory that has a trap.
    let place = stage.hosting.path("a place with spaces");
    let name = format!("{}-v1.0.0", stage.client);
    copy_tree(&packaged.directory("v1.0.0"), &place.join(&name));
    let link = stage.hosting.path("a link");
    symlink(place.join(&name).join("deploy.sh"), &link).unwrap();
    let cwd = stage.hosting.path("manifests");
    fs::create_dir(&cwd).unwrap();
    fs::write(cwd.join("all.yaml"), "kind: Nothing\n").unwrap();
    let mut command = packaged.script_at(&link, &["--yes"]);
    command
        .current_dir(&cwd)
        .env("BASH_ENV", &evil)
        .env("ENV", &evil)
        .env("CDPATH", "/tmp")
        .env("IFS", "/")
        .env("GLOBIGNORE", "*")
        .env(
            "BASH_FUNC_kubectl%%",
            format!("() {{ echo x >'{}'; }}", marker.display()),
        );
    let ran: Ran = command.output().unwrap().into();
    ran.exits(0);
    assert_eq!(text(&stage), "v1.0.0");
    assert!(!marker.exists());

    // The package is swapped for another one once kubectl is called.
    let swapped = place.join(format!("{}-v1.1.0", stage.client));
    copy_tree(&packaged.directory("v1.1.0"), &swapped);
    packaged.kubectl_that(&format!(
        "cd '{}'\nfor file in manifests/all.yaml MANIFEST.json checksum.sha256; do\n  \
         /usr/bin/rm -f $file; echo 'text: swapped' >$file\ndone\n\
         /usr/bin/chmod u+w deploy.sh; echo 'echo SWAPPED' >>deploy.sh\ncd /",
        swapped.display()
    ));
    let ran: Ran = packaged
        .script_at(&swapped.join("deploy.sh"), &["--yes"])
        .output()
        .unwrap()
        .into();
    ran.exits(0).never_says("SWAPPED");
    assert!(
        fs::read_to_string(swapped.join("deploy.sh"))
            .unwrap()
            .contains("SWAPPED")
    );
    assert_eq!(text(&stage), "v1.1.0");
    assert_eq!(stage.records()[1]["digest"], packaged.digest("v1.1.0"));

    // A package that was changed before is not deployed.
    let changed = place.join(&name).join("manifests/all.yaml");
    fs::set_permissions(&changed, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(
        &changed,
        fs::read_to_string(&changed)
            .unwrap()
            .replace("v1.0.0", "v6.6.6"),
    )
    .unwrap();
    let ran: Ran = packaged
        .script_at(&link, &["--yes"])
        .output()
        .unwrap()
        .into();
    ran.exits(3).says("ERROR: Package integrity check failed!");
    assert_eq!(text(&stage), "v1.1.0");
    assert_eq!(stage.outcomes().len(), 2);
}

#[test]
fn d26_that_the_script_cannot_vouch_for_itself_is_said_where_it_is_read() {
    let stage = Stage::new("self");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    let script = fs::read_to_string(packaged.directory("v1.0.0").join("deploy.sh")).unwrap();
    let head: String = script.lines().take(10).collect();
    assert!(
        head.contains("cannot prove that it was not changed itself"),
        "{head}"
    );
    // What it tells to do finds it.
    let path = packaged.directory("v1.0.0").join("deploy.sh");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&path, script.replace("check_copy\n", "\n")).unwrap();
    stage.deploy("v1.0.0", &[]).exits(3);
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "checksum.sha256"])
        .current_dir(packaged.directory("v1.0.0"))
        .output()
        .unwrap();
    assert!(!sums.status.success());
}

#[test]
fn who_may_work_in_the_namespace_alone_deploys_with_the_script() {
    let stage = Stage::new("lesser");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    stage
        .cluster
        .kubectl(["create", "namespace", &stage.namespace])
        .unwrap();
    let token = stage.cluster.namespace_user(&stage.namespace).unwrap();
    let mut command = packaged.script("v1.0.0", &["--yes"]);
    command.env("KUBECONFIG", stage.cluster.kubeconfig_for(&token).unwrap());
    let ran: Ran = command.output().unwrap().into();
    ran.exits(0)
        .says(&format!(
            "[WARN] namespace {} stays as it is: ",
            stage.namespace
        ))
        .says("[WARN] nodes not checked: ");
    assert_eq!(stage.outcomes(), ["v1.0.0 active"]);
}

#[test]
fn d7_a_cluster_that_does_not_answer_is_named_and_nothing_is_waited_for() {
    let stage = Stage::new("dead");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    let dead = stage.hosting.path("tmp/dead");
    fs::write(
        &dead,
        "apiVersion: v1\nkind: Config\n\
         clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]\n\
         users: [{name: u, user: {token: t}}]\n\
         contexts: [{name: upcloud-prod, context: {cluster: c, user: u}}]\n",
    )
    .unwrap();
    let mut command = packaged.script("v1.0.0", &["--yes", "--context", "upcloud-prod"]);
    let script: Ran = command.env("KUBECONFIG", &dead).output().unwrap().into();
    let mut command =
        stage.command(stage.deploy_arguments("v1.0.0", &["--context", "upcloud-prod"]));
    let consign: Ran = command.env("KUBECONFIG", &dead).output().unwrap().into();
    for ran in [script, consign] {
        ran.exits(9)
            .says("luster not reachable")
            .says("upcloud-prod")
            .says("127.0.0.1:1")
            .says("kubectl cluster-info")
            .says("--context");
    }
}

#[test]
fn d23_which_kubectl_is_run_is_said_and_its_warnings_are_passed_on() {
    let stage = Stage::new("which");
    let packaged = Packaged::on(&stage);
    no_pods(&stage, "v1.0.0");
    let skew = "WARNING: version difference between client (1.36) and server (1.33) exceeds the supported minor version skew of +/-1";
    packaged.kubectl_that(&format!(
        "if [[ $1 == version ]]; then echo '{skew}' >&2; fi"
    ));
    let path = stage.hosting.path("bin/kubectl").canonicalize().unwrap();
    let mut command = packaged.script("v1.0.0", &["--dry-run"]);
    // A list, as kubectl takes it.
    let list = format!("/nowhere/config:{}", stage.cluster.kubeconfig().display());
    let ran: Ran = command.env("KUBECONFIG", list).output().unwrap().into();
    ran.exits(0)
        .says(&format!("[INFO] kubectl: {}", path.display()))
        .says(&format!("[WARN] {skew}"));
}

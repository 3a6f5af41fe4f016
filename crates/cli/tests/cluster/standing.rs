//! status, history and diff --live: what is told of a client, and that telling
//! changes nothing.

use std::fs;

use serde_json::Value;
use testkit::api_proxy::ApiFault;
use testkit::apiserver::POWERLESS_TOKEN;
use testkit::consign::Ran;
use testkit::image::Mode;
use testkit::tools::{self, Tool};

use crate::stage::Stage;

/// The document that a run printed.
fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).expect("it is JSON")
}

/// The one client of a status.
fn status(stage: &Stage) -> Value {
    let client = stage.client.as_str();
    let ran = stage
        .run(["status", "--client", client, "--format", "json"])
        .exits(0);
    let mut document = document(&ran);
    document["data"]["clients"][0].take()
}

/// The object of this label in a status.
fn object<'a>(status: &'a Value, label: &str) -> &'a Value {
    status["objects"]
        .as_array()
        .expect("objects are a list")
        .iter()
        .find(|o| o["object"] == label)
        .unwrap_or_else(|| panic!("{label} is not in {status:#}"))
}

#[test]
fn what_runs_is_told_and_what_others_changed_of_it() {
    let mut stage = Stage::new("status");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    let client = stage.client.clone();
    stage
        .run(["status", "--client", &client])
        .exits(0)
        .says(&client)
        .says(&stage.namespace.clone());
    assert_eq!(status(&stage)["active"], Value::Null);

    stage.deploy("v1.0.0", &["--reason", "first"]).exits(0);
    let well = stage.run(["status", "--client", &client]).exits(0);
    let row = well.stdout.lines().nth(1).unwrap_or_default().to_owned();
    for cell in [client.as_str(), "v1.0.0", "tester@", "ready 4/4", "none"] {
        assert!(row.contains(cell), "{cell}: {row}");
    }
    let told = status(&stage);
    let digest = &stage.records()[0]["digest"];
    assert_eq!(&told["active"]["digest"], digest);
    assert_eq!(
        (&told["healthy"], &told["drifted"]),
        (&true.into(), &false.into())
    );
    assert_eq!(told["active"]["reason"], "first");
    assert_eq!(told["run"], Value::Null);

    stage
        .kubectl(&["scale", "deployment/web", "--replicas", "3"])
        .exits(0);
    stage.kubectl(&["delete", "configmap/settings"]).exits(0);
    let told = status(&stage);
    assert_eq!(
        (&told["healthy"], &told["drifted"]),
        (&false.into(), &true.into())
    );
    assert_eq!(object(&told, "configmap/settings")["health"], "missing");
    let drift = &object(&told, "deployment.apps/web")["drift"];
    assert_eq!(drift[0]["field"], ".spec.replicas");
    assert_eq!(drift[0]["managers"][0], "kubectl");
    let namespace = stage.namespace.clone();
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    stage
        .run(["status"])
        .exits(0)
        .says(&format!("[WARN] {client}: ConfigMap {namespace}/settings is missing"))
        .says(&format!(
            "[WARN] {client}: Deployment {namespace}/web: .spec.replicas was changed since by kubectl"
        ));
    assert!(
        !proxy.seen().is_empty() && proxy.writes().is_empty(),
        "{:?}",
        proxy.writes()
    );
}

#[test]
fn d12_a_run_is_told_while_it_goes_on_and_after_it_was_killed() {
    let stage = Stage::new("status-d12");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.web("v1.1.0", Mode::Never).package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let mut running = stage
        .command(stage.deploy_arguments("v1.1.0", &[]))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary can be started");
    let annotation = "/metadata/annotations/deployment.version";
    stage.until("applied", || {
        stage.get("deployment/web").pointer(annotation) == Some(&"v1.1.0".into())
    });
    let told = status(&stage);
    assert_eq!(told["run"]["state"], "underway", "{told:#}");
    assert_eq!(told["run"]["version"], "v1.1.0");
    let holder = told["run"]["holder"].as_str().unwrap_or_default();
    assert!(
        holder.contains(&format!("pid {}", running.id())),
        "{holder}"
    );
    assert_eq!(told["active"]["version"], "v1.0.0");

    running.kill().expect("it can be killed");
    running.wait().expect("it ends");
    let told = status(&stage);
    assert_eq!(told["run"]["state"], "interrupted", "{told:#}");
    assert_eq!(
        (&told["run"]["done"], &told["run"]["total"]),
        (&4.into(), &4.into()),
        "{told:#}"
    );
    let client = stage.client.as_str();
    stage
        .run(["status", "--client", client])
        .exits(0)
        .says("was interrupted, with 4 of 4 objects done")
        .says(&format!("consign rollback --client {client}"));
    let arguments = ["rollback", "--client", client, "--to", "v1.0.0", "--yes"];
    stage.run(arguments).exits(0);
    assert_eq!(status(&stage)["run"], Value::Null);
}

#[test]
fn history_tells_every_release_with_its_reason_newest_first() {
    let stage = Stage::new("history");
    let client = stage.client.clone();
    stage
        .run(["history", "--client", &client])
        .exits(0)
        .says("Nothing was deployed");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    let reason = format!("\u{1b}[2J{}", "long ".repeat(30));
    stage.deploy("v1.0.0", &["--reason", &reason]).exits(0);
    stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10);

    let text = stage.run(["history", "--client", &client]).exits(0).stdout;
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 4, "{text}");
    for (row, cells) in rows[1..].iter().zip([
        ["3 ", "v1.0.0", "automatic-rollback", "active"],
        ["2 ", "v1.1.0", "deploy", "rolled-back"],
        ["1 ", "v1.0.0", "deploy", "superseded"],
    ]) {
        assert!(
            cells.iter().all(|cell| row.contains(cell)),
            "{cells:?}: {row}"
        );
    }
    assert!(
        rows[3].ends_with('…') && rows[3].contains("\\x1b[2J"),
        "{}",
        rows[3]
    );
    assert!(!text.contains('\u{1b}'));

    let ran = stage
        .run(["history", "--client", &client, "--format", "json"])
        .exits(0);
    assert!(!ran.stdout.contains('\u{1b}'));
    let releases = document(&ran)["data"]["releases"].clone();
    assert_eq!(releases[2]["reason"], reason.as_str());
    assert_eq!(releases[1]["from"], "v1.0.0");
    assert!(releases[1]["seconds"].is_i64(), "{releases:#}");
}

#[test]
fn what_deploy_sh_did_is_told_the_same_way() {
    let stage = Stage::new("script");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    let package = stage
        .hosting
        .path(&format!("packages/{}-v1.0.0", stage.client));
    let kubectl = tools::path(Tool::Kubectl).expect("kubectl is built");
    let path = std::env::var("PATH").expect("there is a PATH");
    let beside = kubectl
        .parent()
        .expect("a program is in a directory")
        .display();
    let surroundings = stage.command(["unused"]);
    let mut command = std::process::Command::new(package.join("deploy.sh"));
    for (name, value) in surroundings.get_envs().filter_map(|(n, v)| Some((n, v?))) {
        command.env(name, value);
    }
    command.env("PATH", format!("{beside}:{path}")).arg("--yes");
    Ran::from(command.output().expect("the script can be started")).exits(0);
    let told = status(&stage);
    assert_eq!(told["active"]["tool"], "deploy.sh");
    assert_eq!(
        (&told["healthy"], &told["drifted"]),
        (&true.into(), &false.into()),
        "{told:#}"
    );
    let client = stage.client.as_str();
    stage
        .run(["history", "--client", client])
        .exits(0)
        .says("deploy.sh");
}

#[test]
fn b13_the_clusters_record_counts_and_the_file_is_only_warned_of() {
    let stage = Stage::new("b13");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let client = stage.client.as_str();
    let run = || stage.run(["status", "--client", client]).exits(0);
    let file = "config/clients.yaml";
    let text = stage.hosting.read(file);
    assert!(!run().stderr.contains(file));

    stage
        .hosting
        .write(file, text.replace("status: active", "status: superseded"));
    run().says(&format!(
        "[WARN] {file}:5: {client} v1.0.0 is active by the record in context test, but superseded by this file"
    ));
    stage.hosting.write(file, "clients: [");
    let ran = run();
    assert!(
        ran.stderr.contains(&format!("[WARN] {file}:")),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("v1.0.0"), "{}", ran.stdout);
}

#[test]
fn r10_what_could_not_be_noted_is_noted_by_the_next_status() {
    let stage = Stage::new("r10-status");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.hosting.write("config/clients.yaml", "clients: [");
    stage
        .deploy("v1.0.0", &[])
        .exits(0)
        .says("[WARN] deployed, clients.yaml not updated");
    fs::remove_file(stage.hosting.path("config/clients.yaml")).expect("file can be removed");
    stage.run(["status"]).exits(0);
    assert!(
        stage
            .hosting
            .read("config/clients.yaml")
            .contains("status: active")
    );
}

#[test]
fn who_has_one_namespace_sees_that_and_who_has_none_is_told() {
    let mut stage = Stage::new("status-user");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let token = stage
        .cluster
        .namespace_user(&stage.namespace)
        .expect("a user can be made");
    stage.speak_as(&token);
    let told = status(&stage);
    assert_eq!(told["active"]["version"], "v1.0.0");
    assert_eq!(
        (&told["healthy"], &told["drifted"]),
        (&true.into(), &false.into()),
        "{told:#}"
    );
    let client = stage.client.clone();
    stage.run(["status"]).exits(0).says(&client);
    stage
        .run(["history", "--client", &client])
        .exits(0)
        .says("v1.0.0");

    stage.speak_as(POWERLESS_TOKEN);
    let told = status(&stage);
    assert_eq!(told["readable"], false);
    stage
        .run(["history", "--client", &client])
        .exits(9)
        .says("Cannot read the release records");
}

#[test]
fn a_cluster_that_does_not_answer_ends_with_9() {
    let stage = Stage::new("status-away");
    let kubeconfig = stage.hosting.path("tmp/away");
    let text = fs::read_to_string(stage.cluster.kubeconfig()).expect("kubeconfig can be read");
    let address = stage.cluster.address().to_string();
    assert!(text.contains(&address));
    fs::write(&kubeconfig, text.replace(&address, "127.0.0.1:1")).expect("file can be written");
    for arguments in [
        vec!["status"],
        vec!["history", "--client", &stage.client],
        vec!["undeploy", "--client", &stage.client, "--yes"],
    ] {
        let mut command = stage.command(&arguments);
        let output = command.env("KUBECONFIG", &kubeconfig).output();
        Ran::from(output.expect("the binary can be started"))
            .exits(9)
            .says("Cluster not reachable");
    }
}

#[test]
fn a_package_is_compared_with_the_cluster_without_a_write() {
    let mut stage = Stage::new("live");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.web("v1.1.0", Mode::Ok).package("v1.1.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    let diff = |version: &str| {
        let package = format!("{}@{version}", stage.client);
        stage.run(["diff", &package, "--live", "--exit-code"])
    };
    diff("v1.0.0")
        .exits(0)
        .says("[INFO] Plan: 0 to create, 0 to change");
    diff("v1.1.0")
        .exits(13)
        .says("change configmap/settings")
        .says("~ .data.text: \"v1.0.0\" -> \"v1.1.0\"");
    assert!(
        !proxy.seen().is_empty() && proxy.writes().is_empty(),
        "{:?}",
        proxy.writes()
    );

    stage
        .kubectl(&["scale", "deployment/web", "--replicas", "3"])
        .exits(0);
    diff("v1.0.0")
        .exits(13)
        .says("~ .spec.replicas: 3 -> 2")
        .says("--take-over kubectl");
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
}

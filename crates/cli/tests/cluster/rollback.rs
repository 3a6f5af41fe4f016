//! Going back: from where the package comes, what refuses it, and what other
//! hands in the cluster mean for it.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::api_proxy::{ApiFault, ApiProxy};
use testkit::consign::{Hosting, Ran, make_writable};
use testkit::image::Mode;

use crate::stage::{SERVICE, Stage, settings, web};

/// Versions without pods, the last one active.
fn deployed(name: &str, versions: &[&str]) -> Stage {
    let stage = Stage::new(name);
    for version in versions {
        stage
            .sources(&[("settings.yaml", &settings(version))])
            .package(version);
        stage.deploy(version, &[]).exits(0);
    }
    stage
}

/// Goes back without asking.
fn back(stage: &Stage, more: &[&str]) -> Ran {
    let arguments = ["rollback", "--client", &stage.client, "--yes"];
    stage.run(arguments.iter().chain(more))
}

fn text(stage: &Stage) -> String {
    stage.get("configmap/settings")["data"]["text"]
        .as_str()
        .expect("the ConfigMap is there")
        .to_owned()
}

fn remove_package(stage: &Stage, version: &str) {
    let path = stage
        .hosting
        .path(&format!("packages/{}-{version}", stage.client));
    fs::remove_dir_all(path).expect("package can be removed");
}

/// Changes what a release record holds.
fn patch_record(stage: &Stage, number: u32, patch: &str) {
    let name = format!("configmap/consign.{}.r{number}", stage.client);
    stage
        .kubectl(&["patch", &name, "--type=merge", "-p", patch])
        .exits(0);
}

fn recording(stage: &mut Stage) -> ApiProxy {
    stage.through_proxy(|_, _| ApiFault::None)
}

#[test]
fn b1_a_package_that_is_not_here_comes_from_the_record() {
    let stage = deployed("b1", &["v1.0.0", "v1.1.0"]);
    remove_package(&stage, "v1.0.0");
    back(&stage, &[]).exits(0);
    assert_eq!(text(&stage), "v1.0.0");
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 superseded", "v1.1.0 rolled-back", "v1.0.0 active"]
    );
}

#[test]
fn b1_another_machine_needs_no_package_of_its_own() {
    let mut stage = deployed("b1-other", &["v1.0.0", "v1.1.0"]);
    let settings = stage.hosting.read("consign.yaml");
    stage.hosting = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    stage.hosting.write("consign.yaml", settings);
    for directory in ["tmp", "state", "no-home"] {
        fs::create_dir_all(stage.hosting.path(directory)).unwrap();
    }
    back(&stage, &["--to", "v1.0.0"]).exits(0);
    assert_eq!(text(&stage), "v1.0.0");
}

#[test]
fn b1_a_copy_that_is_damaged_or_nowhere_changes_nothing() {
    let mut stage = deployed("b1-damaged", &["v1.0.0", "v1.1.0"]);
    remove_package(&stage, "v1.0.0");
    let other = stage.get(&format!("configmap/consign.{}.r2", stage.client))["binaryData"]["package.tar.gz"]
        .as_str()
        .expect("the record holds its package")
        .to_owned();
    let proxy = recording(&mut stage);
    let garbage = "bm8gYXJjaGl2ZQ==";
    for (package, why) in [
        (
            format!("{garbage:?}"),
            "is not the one that was deployed: the copy in release record 1 is damaged: ",
        ),
        (
            format!("{other:?}"),
            "is not the one that was deployed: the copy in release record 1 is damaged: MANIFEST.json: name mismatch",
        ),
        (
            "null".to_owned(),
            "is neither in the packages directory nor in release record 1",
        ),
    ] {
        patch_record(
            &stage,
            1,
            &format!(r#"{{"binaryData": {{"package.tar.gz": {package}}}}}"#),
        );
        back(&stage, &[]).exits(3).says(why);
        assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
    }
    assert_eq!(text(&stage), "v1.1.0");
}

#[test]
fn b2_a_package_that_does_not_verify_changes_nothing() {
    let mut stage = deployed("b2", &["v1.0.0", "v1.1.0"]);
    let path = stage
        .hosting
        .path(&format!("packages/{}-v1.0.0", stage.client));
    make_writable(&path);
    let manifest = path.join("manifests/all.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("text: v1.0.0", "text: v6.6.6")).unwrap();
    let proxy = recording(&mut stage);
    back(&stage, &[]).exits(3);
    back(&stage, &["--skip-verify"]).exits(3);
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
}

#[test]
fn b2_a_version_that_was_never_here_is_refused() {
    let mut stage = deployed("b2-never", &["v1.0.0"]);
    stage
        .sources(&[("settings.yaml", &settings("v1.1.0"))])
        .package("v1.1.0");
    let proxy = recording(&mut stage);
    let ran = back(&stage, &["--to", "v1.1.0"]).exits(5);
    assert!(
        ran.stderr.contains("v1.1.0 was never deployed here"),
        "{}",
        ran.stderr
    );
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
}

#[test]
fn b3_an_image_that_is_gone_refuses_and_a_registry_out_of_reach_warns() {
    let stage = Stage::new("b3");
    let there = stage.image("v1.0.0", Mode::Ok);
    let (repository, _) = there.split_once('@').unwrap();
    let none = "0".repeat(64);
    // Without pods nothing is pulled, so that it could once be deployed.
    let versions = [
        ("v1.0.0", format!("127.0.0.1:1/web@sha256:{none}")),
        ("v1.1.0", format!("{repository}@sha256:{none}")),
        ("v1.2.0", there.clone()),
    ];
    for (version, image) in &versions {
        stage
            .sources(&[("web.yaml", &web(image, 0))])
            .package(version);
        stage.deploy(version, &["--skip-check", "images"]).exits(0);
    }
    let ran = back(&stage, &[]).exits(9);
    assert!(
        ran.stderr.contains("Image does not exist"),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.outcomes().last().unwrap(), "v1.2.0 active");
    let ran = back(&stage, &["--to", "v1.0.0"]).exits(0);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        all.lines()
            .any(|l| l.starts_with("[WARN] Image not checked")),
        "{all}"
    );
}

#[test]
fn b4_a_version_of_a_kind_that_is_served_no_more_is_refused() {
    let mut stage = Stage::new("b4");
    let group = format!("{}.example.com", stage.client);
    let definition = |alpha: bool| {
        let version = |name: &str, served: bool| {
            format!(
                "  - {{name: {name}, served: {served}, storage: {}, schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}\n",
                name == "v1"
            )
        };
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: tools.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{plural: tools, singular: tool, kind: Tool}}\n  versions:\n{}{}",
            version("v1alpha1", alpha),
            version("v1", true)
        )
    };
    let crd = format!("crd/tools.{group}");
    stage.kubectl_apply(&definition(true), &[]).exits(0);
    stage
        .kubectl(&["wait", "--for=condition=Established", "--timeout=60s", &crd])
        .exits(0);
    for (version, api) in [("v1.0.0", "v1alpha1"), ("v1.1.0", "v1")] {
        let tool = format!(
            "apiVersion: {group}/{api}\nkind: Tool\nmetadata: {{name: hammer}}\nspec: {{of: {version}}}\n"
        );
        stage.sources(&[("tool.yaml", &tool)]).package(version);
        let discovered = || {
            let path = format!("/apis/{group}/{api}");
            stage.kubectl(&["get", "--raw", &path]).code == 0
        };
        stage.until("served", discovered);
        stage.deploy(version, &[]).exits(0);
    }
    stage.kubectl_apply(&definition(false), &[]).exits(0);
    let gone = format!("/apis/{group}/v1alpha1");
    stage.until("no more served", || {
        stage.kubectl(&["get", "--raw", &gone]).code != 0
    });
    let proxy = recording(&mut stage);
    let ran = back(&stage, &[]);
    let writes = proxy.writes();
    stage.kubectl(&["delete", &crd, "--wait=false"]).exits(0);
    let ran = ran.exits(9);
    assert!(
        ran.stderr.contains(&format!(
            "the cluster does not serve {group}/v1alpha1 Tool; it serves {group}/v1"
        )),
        "{}",
        ran.stderr
    );
    assert!(writes.is_empty(), "{writes:?}");
}

#[test]
fn b5_what_the_newer_version_brought_goes_and_data_stays() {
    let stage = deployed("b5", &["v1.0.0"]);
    let extra = settings("extra").replace("name: settings", "name: extra");
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n  storageClassName: none\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Mi}}\n";
    stage
        .sources(&[
            ("settings.yaml", &settings("v1.1.0")),
            ("extra.yaml", &extra),
            ("claim.yaml", claim),
        ])
        .package("v1.1.0");
    stage.deploy("v1.1.0", &[]).exits(0);
    assert!(!stage.get("configmap/extra").is_null());
    let ran = back(&stage, &[]).exits(0);
    assert!(
        ran.stdout.contains("configmap/extra deleted"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("persistentvolumeclaim/data stays"),
        "{}",
        ran.stdout
    );
    assert!(stage.get("configmap/extra").is_null());
    assert!(!stage.get("pvc/data").is_null());
    // What stays is known of still.
    let records = stage.records();
    let kept = records[2]["inventory"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["name"] == "data");
    assert_eq!(kept.expect("it is in the inventory")["held"], "left");
}

/// Puts an image back whenever somebody changes it, as a `GitOps` controller
/// does, under its own name.
fn keep_image(stage: &Stage, image: &str, over: &AtomicBool) {
    let mut client = stage.cluster.connect().expect("the API server answers");
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/web",
        stage.namespace
    );
    let change = serde_json::json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
    while !over.load(Ordering::Relaxed) {
        let answer = client.get(&path).expect("the API server answers");
        let live: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let is = &live["spec"]["template"]["spec"]["containers"][0]["image"];
        if answer.status == 200 && is != image {
            client
                .ask(
                    "PATCH",
                    &format!("{path}?fieldManager=gitops-bot"),
                    "application/strategic-merge-patch+json",
                    change.to_string().as_bytes(),
                )
                .expect("the API server answers");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn b9_a_controller_that_brings_the_bad_version_back_is_named() {
    let stage = Stage::new("b9");
    let source = |version: &str, mode: Mode| {
        stage
            .sources(&[
                ("web.yaml", &web(&stage.image(version, mode), 1)),
                ("service.yaml", SERVICE),
            ])
            .package(version);
    };
    source("v1.0.0", Mode::Ok);
    stage.deploy("v1.0.0", &[]).exits(0);
    source("v1.1.0", Mode::Crash);
    let bad = stage.image("v1.1.0", Mode::Crash);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let bot = scope.spawn(|| {
            // It follows what the run itself brings, and keeps it.
            let image = "/spec/template/spec/containers/0/image";
            while !over.load(Ordering::Relaxed)
                && stage
                    .get("deployment/web")
                    .pointer(image)
                    .is_none_or(|i| *i != *bad)
            {
                thread::sleep(Duration::from_millis(50));
            }
            keep_image(&stage, &bad, &over);
        });
        let ran = stage.deploy("v1.1.0", &["--fail-after-restarts", "1"]);
        over.store(true, Ordering::Relaxed);
        bot.join().unwrap();
        let ran = ran.exits(11);
        let last: Vec<&str> = ran.stderr.lines().rev().take(12).collect();
        assert!(ran.stderr.contains("gitops-bot"), "{last:#?}");
    });
    assert_eq!(
        stage.outcomes(),
        ["v1.0.0 active", "v1.1.0 failed", "v1.0.0 failed"]
    );
    assert!(
        stage.records()[2]["reason"]
            .as_str()
            .unwrap()
            .contains("gitops-bot")
    );
}

#[test]
fn b11_what_others_changed_is_shown_and_needs_a_person_or_a_version() {
    let mut stage = Stage::new("b11");
    for version in ["v1.0.0", "v1.1.0"] {
        stage
            .sources(&[("web.yaml", &web(&stage.image(version, Mode::Ok), 0))])
            .package(version);
        stage.deploy(version, &[]).exits(0);
    }
    let theirs = stage.image("v9.9.9", Mode::Ok);
    stage
        .kubectl(&["set", "image", "deployment/web", &format!("web={theirs}")])
        .exits(0);
    let proxy = recording(&mut stage);
    let refused = back(&stage, &["--to", "v1.0.0"]).exits(6);
    for part in ["kubectl-set", "image", "--take-over kubectl-set"] {
        assert!(refused.stderr.contains(part), "{part}\n{}", refused.stderr);
    }
    let take = ["--take-over", "kubectl-set"];
    let refused = back(&stage, &take).exits(6);
    assert!(refused.stderr.contains("--to"), "{}", refused.stderr);
    let shown = back(&stage, &["--take-over", "kubectl-set", "--dry-run"]).exits(0);
    for part in ["changed by others since", "taken from kubectl-set", "image"] {
        assert!(shown.stdout.contains(part), "{part}\n{}", shown.stdout);
    }
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
    back(&stage, &["--take-over", "kubectl-set", "--to", "v1.0.0"]).exits(0);
    let web = stage.get("deployment/web");
    assert_eq!(
        web["spec"]["template"]["spec"]["containers"][0]["image"],
        stage.image("v1.0.0", Mode::Ok)
    );
}

#[test]
fn b11_a_person_who_scales_is_named() {
    let stage = Stage::new("b11-scale");
    for version in ["v1.0.0", "v1.1.0"] {
        stage
            .sources(&[("web.yaml", &web(&stage.image(version, Mode::Ok), 1))])
            .package(version);
        stage.deploy(version, &[]).exits(0);
    }
    stage
        .kubectl(&["scale", "deployment/web", "--replicas=2"])
        .exits(0);
    let refused = back(&stage, &["--to", "v1.0.0"]).exits(6);
    assert!(
        refused
            .stderr
            .contains(".spec.replicas belongs to manager \"kubectl\""),
        "{}",
        refused.stderr
    );
    back(&stage, &["--to", "v1.0.0", "--take-over", "kubectl"]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0"]);
}

#[test]
fn b12_two_rollbacks_in_a_row_go_further_back() {
    let stage = deployed("b12", &["v1.0.0", "v1.1.0", "v1.2.0"]);
    back(&stage, &[]).exits(0);
    assert_eq!(text(&stage), "v1.1.0");
    back(&stage, &[]).exits(0);
    assert_eq!(text(&stage), "v1.0.0");
    let none = back(&stage, &[]).exits(9);
    assert!(
        none.stderr.contains("no earlier good version"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_deploy_whose_way_back_is_nowhere_is_refused_beforehand() {
    let mut stage = deployed("no-way-back", &["v1.0.0"]);
    stage
        .sources(&[("settings.yaml", &settings("v1.1.0"))])
        .package("v1.1.0");
    remove_package(&stage, "v1.0.0");
    patch_record(&stage, 1, r#"{"binaryData": {"package.tar.gz": null}}"#);
    let proxy = recording(&mut stage);
    let ran = stage.deploy("v1.1.0", &[]).exits(9);
    assert!(
        ran.stderr.contains("v1.0.0 could not be put back"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--no-rollback"), "{}", ran.stderr);
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
    stage.deploy("v1.1.0", &["--no-rollback"]).exits(0);
    assert_eq!(text(&stage), "v1.1.0");
}

//! The whole story: a first version, one that crashes, a better one, and back.

use testkit::image::Mode;

use crate::stage::Stage;

#[test]
fn a_client_is_deployed_breaks_is_put_back_goes_on_and_goes_back() {
    let stage = Stage::new("story");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.web("v1.1.0", Mode::Crash).package("v1.1.0");
    stage.web("v1.1.1", Mode::Ok).package("v1.1.1");

    let first = stage.deploy("v1.0.0", &[]).exits(0);
    let namespace = &stage.namespace;
    for line in [
        "[INFO] Capturing current deployment state...",
        "[INFO] Executing deployment...",
        "deployment.apps/web created",
        "[INFO] Waiting for deployment to stabilize...",
        "deployment.apps/web condition met",
        "[OK] Deployment complete!",
    ] {
        assert!(
            first.stdout.lines().any(|l| l == line),
            "{line}\n{}",
            first.stdout
        );
    }
    assert!(
        first
            .stdout
            .contains(&format!("namespace/{namespace} created"))
    );
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
    let version = &stage.get("deployment/web")["metadata"]["annotations"]["deployment.version"];
    assert_eq!(version, "v1.0.0");

    let broken = stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10);
    assert!(
        broken.stderr.contains("restarted once"),
        "{}",
        broken.stderr
    );
    assert!(
        broken
            .stderr
            .contains("cannot start: crashing as configured"),
        "{}",
        broken.stderr
    );
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);

    stage.deploy("v1.1.1", &[]).exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.1.1", "v1.1.1"]);

    let client = stage.client.as_str();
    stage
        .run([
            "rollback",
            "--client",
            client,
            "--to",
            "v1.0.0",
            "--yes",
            "--reason",
            "it was slow",
        ])
        .exits(0);
    assert_eq!(stage.answers("app=web"), ["v1.0.0", "v1.0.0"]);
    assert_eq!(
        stage.outcomes(),
        [
            "v1.0.0 superseded",
            "v1.1.0 rolled-back",
            "v1.0.0 superseded",
            "v1.1.1 rolled-back",
            "v1.0.0 active"
        ]
    );
    assert_eq!(stage.records()[4]["reason"], "it was slow");
    let clients = stage.hosting.read("config/clients.yaml");
    let entry = clients
        .split("- version: ")
        .find(|e| e.starts_with("v1.0.0\n"));
    let entry = entry.unwrap_or_else(|| panic!("no v1.0.0: {clients}"));
    assert!(entry.contains("status: active\n"), "{clients}");
    assert_eq!(clients.matches("status: active").count(), 1, "{clients}");
}

#[test]
fn b7_rolling_back_to_what_serves_writes_nothing() {
    let mut stage = Stage::new("b7");
    stage.web("v1.0.0", Mode::Ok).package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let proxy = stage.through_proxy(|_, _| testkit::api_proxy::ApiFault::None);
    let client = stage.client.clone();
    stage
        .run(["rollback", "--client", &client, "--to", "v1.0.0", "--yes"])
        .exits(0)
        .says("already active");
    assert!(!proxy.seen().is_empty());
    assert!(proxy.writes().is_empty(), "{:?}", proxy.writes());
}

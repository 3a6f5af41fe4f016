//! The cluster runs pods, and says what becomes of them.

#![expect(clippy::unwrap_used, reason = "the helpers of a test are the test")]

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::apiserver::POWERLESS_TOKEN;
use testkit::cluster::{Cluster, Pod};
use testkit::image::{Image, Mode};

/// How long pods may take on a loaded machine.
const POD_LIMIT: Duration = Duration::from_secs(90);

/// Deploys a pod of an image that does this, under this name.
fn deploy(cluster: &Cluster, name: &str, mode: Mode) {
    let image = Image {
        name,
        tag: "v1.0.0",
        version: "v1.0.0",
        mode,
    };
    let labels = json!({"app": name});
    let object = json!({
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{
                        "name": name,
                        "image": cluster.push(&image).unwrap(),
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
                        "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    }],
                    "volumes": [{"name": "state", "emptyDir": {}}],
                },
            },
        },
    });
    let mut client = cluster.connect().unwrap();
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let body = object.to_string();
    let answer = client.post(path, "application/json", body.as_bytes());
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// Waits for a pod of this name of which this is true.
#[track_caller]
fn wait(cluster: &Cluster, name: &str, is: impl Fn(&Pod) -> bool) -> Pod {
    let started = Instant::now();
    loop {
        let pods = cluster.pods("default", &format!("app={name}")).unwrap();
        if let Some(pod) = pods.iter().find(|pod| is(pod)) {
            return pod.clone();
        }
        let log = || cluster.node().log();
        assert!(started.elapsed() < POD_LIMIT, "{pods:?}\n{}", log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_pod_from_a_digest_serves() {
    let cluster = Cluster::shared().unwrap();
    deploy(cluster, "well", Mode::Ok);
    let ip = wait(cluster, "well", |pod| pod.ready).ip.unwrap();
    assert_eq!(cluster.pod_ips("default", "app=well").unwrap(), [ip]);
    let reply = cluster.ask(ip, "/").unwrap();
    assert_eq!((reply.status, reply.body), (200, b"v1.0.0\n".to_vec()));

    assert!(cluster.ask(ip, "/crash").is_err());
    wait(cluster, "well", |pod| pod.ready && pod.restarts == 1);
}

#[test]
fn a_pod_that_crashes_is_seen_and_heard() {
    let cluster = Cluster::shared().unwrap();
    deploy(cluster, "crashes", Mode::Crash);
    deploy(cluster, "crashes-once", Mode::CrashTimes(1));
    let backs_off = |pod: &Pod| pod.waits_for.as_deref() == Some("CrashLoopBackOff");
    wait(cluster, "crashes", |pod| pod.restarts > 0 && backs_off(pod));
    let logs = cluster.kubectl(["logs", "deployment/crashes"]).unwrap();
    let logs = String::from_utf8_lossy(&logs.stdout);
    assert!(logs.starts_with("cannot start: crashing"), "{logs}");
    wait(cluster, "crashes-once", |pod| {
        pod.ready && pod.restarts == 1
    });
}

#[test]
fn a_pod_is_ready_late_or_never() {
    let cluster = Cluster::shared().unwrap();
    deploy(cluster, "late", Mode::Late(3));
    deploy(cluster, "never", Mode::Never);
    let ip = wait(cluster, "never", |pod| pod.ip.is_some()).ip.unwrap();
    let pod = wait(cluster, "late", |pod| pod.ip.is_some());
    assert!(!pod.ready, "{pod:?}");
    wait(cluster, "late", |pod| pod.ready);
    assert_eq!(cluster.ask(ip, "/").unwrap().status, 200);
    assert_eq!(cluster.ask(ip, "/ready").unwrap().status, 503);
    wait(cluster, "never", |pod| !pod.ready && pod.restarts == 0);
}

#[test]
fn users_may_do_what_they_were_given() {
    let cluster = Cluster::shared().unwrap();
    assert!(
        cluster
            .kubectl(["create", "namespace", "users"])
            .unwrap()
            .status
            .success()
    );
    let token = cluster.namespace_user("users").unwrap();
    let may = |token: &str, namespace: &str| {
        let kubeconfig = cluster.kubeconfig_for(token).unwrap();
        let mut command = cluster.kubectl_command();
        command.env("KUBECONFIG", kubeconfig);
        command.args([
            "create",
            "configmap",
            "--dry-run=server",
            "any",
            "-n",
            namespace,
        ]);
        command.status().unwrap().success()
    };
    assert!(may(&token, "users"));
    assert!(may(&cluster.namespace_user("users").unwrap(), "users"));
    assert!(!may(&token, "default"));
    assert!(!may(POWERLESS_TOKEN, "users"));
}

//! The cluster runs pods, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test's helpers are the test")]

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::cluster::{Cluster, Pod};
use testkit::image::{Image, Mode};

/// How long pods may take on a loaded machine.
const POD_LIMIT: Duration = Duration::from_secs(60);

/// A Deployment of one pod from this image, labelled `app=<name>`.
fn deploy(cluster: &Cluster, name: &str, image: &str) {
    let labels = json!({"app": name});
    let object = json!({
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{
                        "name": name, "image": image,
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1},
                        "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    }],
                    "volumes": [{"name": "state", "emptyDir": {}}],
                },
            },
        },
    })
    .to_string();
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let answer = cluster
        .connect()
        .unwrap()
        .post(path, "application/json", object.as_bytes());
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
}

/// Waits for a pod of this Deployment of which this is true.
#[track_caller]
fn wait(cluster: &Cluster, name: &str, is: impl Fn(&Pod) -> bool) -> Pod {
    let started = Instant::now();
    loop {
        let pods = cluster.pods("default", &format!("app={name}")).unwrap();
        if let Some(pod) = pods.iter().find(|pod| is(pod)) {
            return pod.clone();
        }
        assert!(
            started.elapsed() < POD_LIMIT,
            "{pods:?}\n{}",
            cluster.node().log()
        );
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_pod_from_a_digest_serves() {
    let cluster = Cluster::shared().unwrap();
    let image = Image {
        name: "web",
        tag: "v1.0.0",
        version: "v1.0.0",
        mode: Mode::Ok,
    };
    deploy(cluster, "web", &cluster.push(&image).unwrap());
    let pod = wait(cluster, "web", |pod| pod.ready);
    let reply = cluster.ask(pod.ip.unwrap(), "/").unwrap();
    assert_eq!((reply.status, reply.body), (200, b"v1.0.0\n".to_vec()));
}

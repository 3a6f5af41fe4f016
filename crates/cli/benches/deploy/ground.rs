//! Where it is deployed.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::apiserver::Client;
use testkit::cluster::Cluster;

use crate::files::{self, COUNTS, LABEL, Version};

/// How long a namespace of 500 objects may take to go.
const GONE_LIMIT: Duration = Duration::from_secs(120);

/// Connections of the floor.
const CONNECTIONS: usize = 16;

/// A cluster, in namespaces of the contenders' own.
#[derive(Debug)]
pub struct Ground {
    cluster: Cluster,
}

impl Ground {
    /// Starts a cluster.
    pub fn start() -> Self {
        let cluster = Cluster::start().unwrap();
        Self { cluster }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    fn connect(&self) -> Client {
        self.cluster.connect().unwrap()
    }

    /// Makes a namespace.
    pub fn make(&self, namespace: &str) {
        let body = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace},
        });
        let answer = self
            .connect()
            .post(
                "/api/v1/namespaces",
                "application/json",
                body.to_string().as_bytes(),
            )
            .unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Removes a namespace and waits until all of it is gone, so that nobody
    /// pays for what another left.
    pub fn remove(&self, namespace: &str) {
        let path = format!("/api/v1/namespaces/{namespace}");
        let mut client = self.connect();
        let answer = client
            .ask("DELETE", &path, "application/json", b"")
            .unwrap();
        assert!(answer.status < 300, "{}", answer.body);
        let started = Instant::now();
        while client.get(&path).unwrap().status != 404 {
            assert!(started.elapsed() < GONE_LIMIT, "{namespace} stays");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asserts that all objects are there, and the changed one in this version.
    pub fn check(&self, namespace: &str, version: Version) {
        let mut client = self.connect();
        let mut get = |path: &str| -> Value {
            let answer = client.get(path).unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            serde_json::from_str(&answer.body).unwrap()
        };
        for (root, plural, count) in COUNTS {
            let (name, value) = LABEL;
            let list = get(&format!(
                "{root}/namespaces/{namespace}/{plural}?labelSelector={name}%3D{value}"
            ));
            let found = list["items"].as_array().map_or(0, Vec::len);
            assert_eq!(found, count, "{plural} in {namespace}");
        }
        let object = get(&files::changed_path(namespace));
        assert_eq!(object["data"]["message"], version.message());
    }

    /// The bare server-side patches of these manifests, and nothing else.
    pub fn floor(&self, namespace: &str, manifests: &str) -> Duration {
        let patches: Vec<(String, &str)> = manifests
            .split("---\n")
            .filter(|object| !object.trim().is_empty())
            .map(|object| (patch_path(namespace, object), object))
            .collect();
        assert_eq!(patches.len(), files::ALL);
        let started = Instant::now();
        thread::scope(|scope| {
            for some in patches.chunks(patches.len().div_ceil(CONNECTIONS)) {
                scope.spawn(move || {
                    let mut client = self.connect();
                    for (path, object) in some {
                        let answer = client
                            .ask(
                                "PATCH",
                                path,
                                "application/apply-patch+yaml",
                                object.as_bytes(),
                            )
                            .unwrap();
                        assert!(answer.status < 300, "{}", answer.body);
                    }
                });
            }
        });
        started.elapsed()
    }
}

/// Where a generated object is applied.
fn patch_path(namespace: &str, object: &str) -> String {
    let value = |key: &str| {
        object
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
            .trim()
            .to_owned()
    };
    let (kind, name) = (value("kind:"), value("  name:"));
    let plural = format!("{}s", kind.to_ascii_lowercase());
    let (root, ..) = COUNTS
        .iter()
        .find(|(_, known, _)| *known == plural)
        .unwrap();
    format!("{root}/namespaces/{namespace}/{plural}/{name}?fieldManager=floor")
}

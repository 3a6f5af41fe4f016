//! What is deployed: a client of 500 objects, in two versions.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::registry::{Kind, Registry};

const CONFIG_MAPS: usize = 300;
const SERVICES: usize = 100;
const DEPLOYMENTS: usize = 100;

/// The one object that differs between the versions.
const CHANGED: usize = 150;

/// Bears on every object, so that they can be counted.
pub const LABEL: (&str, &str) = ("bench", "five-hundred");

/// The first version of a client, or the one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// v1.0.0.
    First,
    /// v1.1.0, in which one `ConfigMap` says something else.
    Second,
}

impl Version {
    const ALL: [Self; 2] = [Self::First, Self::Second];

    fn name(self) -> &'static str {
        match self {
            Self::First => "v1.0.0",
            Self::Second => "v1.1.0",
        }
    }

    /// What the changed object says.
    pub fn message(self) -> &'static str {
        match self {
            Self::First => "one",
            Self::Second => "two",
        }
    }
}

/// How many objects of each kind there are, by their plural and the root of
/// their API.
pub const COUNTS: [(&str, &str, usize); 3] = [
    ("/api/v1", "configmaps", CONFIG_MAPS),
    ("/api/v1", "services", SERVICES),
    ("/apis/apps/v1", "deployments", DEPLOYMENTS),
];

/// How many objects there are.
pub const ALL: usize = CONFIG_MAPS + SERVICES + DEPLOYMENTS;

/// How many the second version changes: its annotation is on every Deployment.
pub const OF_CHANGE: usize = 1 + DEPLOYMENTS;

/// The path of the changed object.
pub fn changed_path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps/settings-{CHANGED:03}")
}

/// A client of a hosting repository, packaged in both versions.
#[derive(Debug)]
pub struct Client {
    name: String,
}

impl Client {
    /// Its namespace.
    pub fn namespace(&self) -> String {
        format!("sh-{}", self.name)
    }

    /// The client's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A hosting repository.
#[derive(Debug)]
pub struct Hosting {
    root: PathBuf,
    image: String,
}

impl Hosting {
    /// An empty one in this directory; the image it speaks of is in this
    /// registry.
    pub fn new(root: PathBuf, registry: &Registry) -> Self {
        let digest = registry
            .push("bench/app", "v1", Kind::OciManifest, "bench")
            .unwrap();
        let image = format!("{}/bench/app:v1@{digest}", registry.host());
        fs::create_dir_all(root.join("k8s/clients")).unwrap();
        fs::write(root.join("consign.yaml"), "namespace: sh-{client}\n").unwrap();
        Self { root, image }
    }

    /// The top of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A client, packaged by this binary.
    pub fn client(&self, consign: &str, name: &str) -> Client {
        let client = Client {
            name: name.to_owned(),
        };
        let directory = self.root.join("k8s/clients").join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(
            directory.join("kustomization.yaml"),
            format!(
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
                 namespace: {}\nresources: [objects.yaml]\n",
                client.namespace()
            ),
        )
        .unwrap();
        for version in Version::ALL {
            fs::write(
                directory.join("objects.yaml"),
                objects(version, &self.image),
            )
            .unwrap();
            let output = Command::new(consign)
                .args(["package", "--client", name, "--version", version.name()])
                .arg("--root")
                .arg(&self.root)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        client
    }

    /// The package of a version.
    pub fn package(&self, client: &Client, version: Version) -> PathBuf {
        let name = format!("{}-{}", client.name, version.name());
        self.root.join("packages").join(name)
    }

    /// The manifests of a version's package, for another namespace.
    pub fn manifests(&self, client: &Client, version: Version, namespace: &str) -> String {
        let path = self.package(client, version).join("manifests/all.yaml");
        let text = fs::read_to_string(path).unwrap();
        text.replace(
            &format!("namespace: {}\n", client.namespace()),
            &format!("namespace: {namespace}\n"),
        )
    }
}

fn objects(version: Version, image: &str) -> String {
    let mut all = String::new();
    let label = format!("{}: {}", LABEL.0, LABEL.1);
    for n in 0..CONFIG_MAPS {
        let message = if n == CHANGED {
            version.message()
        } else {
            "same"
        };
        let _ = write!(
            all,
            "---\napiVersion: v1\nkind: ConfigMap\n\
             metadata: {{name: settings-{n:03}, labels: {{{label}}}}}\n\
             data:\n  message: {message}\n  application.properties: |\n"
        );
        for line in 0..20 {
            let _ = writeln!(all, "    part.{n}.setting.{line} = value-{}", n * 31 + line);
        }
    }
    for n in 0..SERVICES {
        let _ = write!(
            all,
            "---\napiVersion: v1\nkind: Service\n\
             metadata: {{name: app-{n:03}, labels: {{{label}}}}}\n\
             spec:\n  selector: {{app: app-{n:03}}}\n\
             \x20 ports: [{{name: http, port: 80, targetPort: 8080}}]\n"
        );
    }
    for n in 0..DEPLOYMENTS {
        let _ = write!(
            all,
            "---\napiVersion: apps/v1\nkind: Deployment\n\
             metadata: {{name: app-{n:03}, labels: {{{label}}}}}\n\
             spec:\n  replicas: 0\n  selector: {{matchLabels: {{app: app-{n:03}}}}}\n\
             \x20 template:\n    metadata: {{labels: {{app: app-{n:03}}}}}\n    spec:\n\
             \x20     automountServiceAccountToken: false\n      containers:\n\
             \x20     - name: app\n        image: {image}\n\
             \x20       ports: [{{name: http, containerPort: 8080}}]\n\
             \x20       env:\n        - {{name: NUMBER, value: \"{n}\"}}\n\
             \x20       envFrom:\n        - configMapRef: {{name: settings-{n:03}}}\n\
             \x20       readinessProbe: {{httpGet: {{path: /healthz, port: http}}}}\n\
             \x20       resources:\n          requests: {{cpu: 10m, memory: 16Mi}}\n\
             \x20         limits: {{memory: 64Mi}}\n"
        );
    }
    all
}

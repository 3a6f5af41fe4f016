//! A client of its own for each test: a hosting repository, a namespace of the
//! shared cluster, and the binary run beside them.

use std::ffi::OsStr;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::api_proxy::{ApiFault, ApiProxy, Seen};
use testkit::cluster::Cluster;
use testkit::consign::{Hosting, Ran};
use testkit::image::{Image, Mode};

/// How long anything in a cluster may take on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// A client, its sources, and the cluster.
pub struct Stage {
    pub cluster: &'static Cluster,
    pub hosting: Hosting,
    pub client: String,
    pub namespace: String,
    kubeconfig: PathBuf,
}

impl Stage {
    /// A client named after a test, with no sources yet. The name is new in
    /// this cluster.
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let cluster = Cluster::shared().expect("the test cluster runs");
        let hosting = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
        let client = format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        hosting.write(
            "consign.yaml",
            format!(
                "registries:\n  plain-http: [\"{}\"]\n",
                cluster.registry().host()
            ),
        );
        for directory in ["tmp", "state", "no-home"] {
            fs::create_dir_all(hosting.path(directory)).expect("directory can be made");
        }
        Self {
            cluster,
            namespace: format!("sh-{client}"),
            kubeconfig: cluster.kubeconfig().to_owned(),
            client,
            hosting,
        }
    }

    /// The reference of a workload image, pinned.
    pub fn image(&self, version: &str, mode: Mode) -> String {
        self.cluster
            .push(&Image {
                name: "web",
                tag: version,
                version,
                mode,
            })
            .expect("image can be pushed")
    }

    /// Writes a client's sources: its Namespace and these files, each with one
    /// or several objects.
    pub fn sources(&self, files: &[(&str, &str)]) -> &Self {
        let namespace = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n",
            self.namespace
        );
        let mut all = vec![("namespace.yaml", namespace.as_str())];
        all.extend(files);
        self.sources_without_namespace(&all)
    }

    /// The same, but for the Namespace.
    pub fn sources_without_namespace(&self, files: &[(&str, &str)]) -> &Self {
        let directory = format!("k8s/clients/{}", self.client);
        let _ = fs::remove_dir_all(self.hosting.path(&directory));
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        self.hosting.write(
            &format!("{directory}/kustomization.yaml"),
            format!(
                "namespace: {}\nresources: [{}]\n",
                self.namespace,
                names.join(", ")
            ),
        );
        for (name, text) in files {
            self.hosting.write(&format!("{directory}/{name}"), text);
        }
        self
    }

    /// Sources with the usual web Deployment of two pods, its Service and a
    /// `ConfigMap` whose text is the version.
    pub fn web(&self, version: &str, mode: Mode) -> &Self {
        self.sources(&[
            ("web.yaml", &web(&self.image(version, mode), 2)),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings(version)),
        ])
    }

    /// Packages the sources as this version.
    pub fn package(&self, version: &str) -> &Self {
        let arguments = [
            "package",
            "--client",
            &self.client,
            "--version",
            version,
            "--offline",
        ];
        self.run(arguments).exits(0);
        self
    }

    /// A command of the binary, with the kubeconfig and directories of its
    /// own.
    pub fn command<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, arguments: I) -> Command {
        let mut command = self.hosting.command(arguments);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("TMPDIR", self.hosting.path("tmp"))
            .env("XDG_STATE_HOME", self.hosting.path("state"))
            .env("USER", "tester");
        command
    }

    /// Runs the binary.
    pub fn run<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, arguments: I) -> Ran {
        self.command(arguments)
            .output()
            .expect("the binary can be started")
            .into()
    }

    /// Starts the binary; its outputs are kept for whoever waits for it.
    pub fn start<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, arguments: I) -> Child {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started")
    }

    /// The arguments that deploy this version without asking.
    pub fn deploy_arguments(&self, version: &str, more: &[&str]) -> Vec<String> {
        let package = format!("{}@{version}", self.client);
        ["deploy", "--package", &package, "--yes"]
            .into_iter()
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    /// Deploys this version without asking.
    pub fn deploy(&self, version: &str, more: &[&str]) -> Ran {
        self.run(self.deploy_arguments(version, more))
    }

    /// Runs kubectl in the client's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> Ran {
        let all = ["-n", &self.namespace]
            .into_iter()
            .chain(arguments.iter().copied());
        self.cluster
            .kubectl(all)
            .expect("kubectl can be started")
            .into()
    }

    /// Applies an object or several as kubectl does, with these further
    /// arguments.
    pub fn kubectl_apply(&self, text: &str, more: &[&str]) -> Ran {
        let file = self.hosting.path("tmp/applied.yaml");
        fs::write(&file, text).expect("file can be written");
        let file = file.to_str().expect("a path is text");
        let arguments: Vec<&str> = ["apply", "-f", file]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        self.kubectl(&arguments)
    }

    /// An object of the namespace; null when there is none.
    pub fn get(&self, what: &str) -> Value {
        let ran = self.kubectl(&[
            "get",
            what,
            "-o",
            "json",
            "--ignore-not-found",
            "--show-managed-fields",
        ]);
        serde_json::from_str(&ran.exits(0).stdout).unwrap_or_default()
    }

    /// The documents of the release records, oldest first, with the labels'
    /// outcomes.
    pub fn records(&self) -> Vec<Value> {
        let selector = format!("consign.dev/client={}", self.client);
        let ran = self
            .kubectl(&["get", "configmaps", "-l", &selector, "-o", "json"])
            .exits(0);
        let list: Value = serde_json::from_str(&ran.stdout).expect("kubectl prints JSON");
        let mut records: Vec<(u64, Value)> = list["items"]
            .as_array()
            .expect("a list has items")
            .iter()
            .map(|map| {
                let name = map["metadata"]["name"].as_str().unwrap_or_default();
                let number = name.rsplit_once(".r").and_then(|(_, n)| n.parse().ok());
                let text = map["data"]["record.json"].as_str().unwrap_or_default();
                let mut document: Value = serde_json::from_str(text).expect("a record is JSON");
                document["outcome"] = map["metadata"]["labels"]["consign.dev/outcome"].clone();
                (number.expect("a record has a number"), document)
            })
            .collect();
        records.sort_by_key(|(number, _)| *number);
        records.into_iter().map(|(_, document)| document).collect()
    }

    /// Versions and outcomes of the release records, oldest first:
    /// `v1.0.0 active`.
    pub fn outcomes(&self) -> Vec<String> {
        self.records()
            .iter()
            .map(|r| {
                format!(
                    "{} {}",
                    r["version"].as_str().unwrap_or_default(),
                    r["outcome"].as_str().unwrap_or_default()
                )
            })
            .collect()
    }

    /// What each Ready pod of a workload answers, sorted.
    pub fn answers(&self, selector: &str) -> Vec<String> {
        let ips = self.ips(selector);
        let mut answers: Vec<String> = ips
            .into_iter()
            .map(|ip| {
                let reply = self.cluster.ask(ip, "/").expect("a Ready pod answers");
                String::from_utf8_lossy(&reply.body).trim().to_owned()
            })
            .collect();
        answers.sort();
        answers
    }

    /// Addresses of the Ready pods of a workload.
    pub fn ips(&self, selector: &str) -> Vec<IpAddr> {
        self.cluster
            .pod_ips(&self.namespace, selector)
            .expect("pods can be listed")
    }

    /// A recording proxy before the API server, and this stage speaking
    /// through it.
    pub fn through_proxy(
        &mut self,
        faults: impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static,
    ) -> ApiProxy {
        self.through_proxy_as(self.cluster.api().token(), faults)
    }

    /// The same for the user of this token.
    pub fn through_proxy_as(
        &mut self,
        token: &str,
        faults: impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static,
    ) -> ApiProxy {
        let proxy = ApiProxy::before(
            self.cluster.address(),
            self.cluster.api().authorities(),
            Some(token.to_owned()),
            faults,
        )
        .expect("the proxy starts");
        self.kubeconfig = proxy
            .kubeconfig(&self.hosting.path("tmp"))
            .expect("kubeconfig can be written");
        proxy
    }

    /// Speaks as the user of this token.
    pub fn speak_as(&mut self, token: &str) {
        self.kubeconfig = self
            .cluster
            .kubeconfig_for(token)
            .expect("kubeconfig can be written");
    }

    /// Waits until something holds.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "{}: never {what}", self.client);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Stage {
    /// Makes room on the node; nobody waits for it.
    fn drop(&mut self) {
        let _ = self.cluster.kubectl([
            "delete",
            "namespace",
            &self.namespace,
            "--wait=false",
            "--ignore-not-found",
        ]);
    }
}

/// The usual Deployment.
pub fn web(image: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {replicas}
  selector:
    matchLabels: {{app: web}}
  template:
    metadata:
      labels: {{app: web}}
    spec:
      automountServiceAccountToken: false
      containers:
      - name: web
        image: {image}
        ports: [{{containerPort: 8080}}]
        readinessProbe:
          httpGet: {{path: /ready, port: 8080}}
          periodSeconds: 1
"
    )
}

/// Its Service.
pub const SERVICE: &str = "apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
";

/// A `ConfigMap` that says this.
pub fn settings(text: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  text: {text:?}\n"
    )
}

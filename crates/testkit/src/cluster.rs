//! A whole cluster of one node: API server, controllers, scheduler, registry,
//! containerd, kubelet. Pods run, from images that are pulled by digest.
//!
//! There is no kube-proxy: pods are asked at addresses of their own, from the
//! host.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use model::digest::Digest;
use serde_json::{Value, json};

use crate::apiserver::{ApiServer, ApiServerError, Client, Company};
use crate::directory::Directory;
use crate::http::{Reply, Request};
use crate::https::Answer;
use crate::image::{Image, ImageError, Mode};
use crate::node::{self, Node, NodeError};
use crate::process::{Process, START_LIMIT, StartError};
use crate::registry::Registry;
use crate::tools::{self, Tool, ToolError};

/// The port on which our images serve.
pub const PORT: u16 = 8080;

/// The image that holds a pod.
const PAUSE: Image = Image {
    name: "pause",
    tag: "3",
    version: "3",
    mode: Mode::Pause,
};

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No API server.
    #[error(transparent)]
    ApiServer(#[from] ApiServerError),
    /// No node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A program is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A program did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The image that holds a pod is missing.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Files or connections failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// All runs, and the node is never ready.
    #[error("the node is not ready: {last}; its log:\n{log}")]
    NotReady {
        /// What is missing.
        last: String,
        /// What its programs wrote last.
        log: String,
    },
}

/// A running cluster; dropping it ends it and everything in it.
///
/// ```no_run
/// use testkit::cluster::Cluster;
/// use testkit::image::{Image, Mode};
/// let cluster = Cluster::shared()?;
/// let image = Image { name: "web", tag: "v1", version: "v1", mode: Mode::Ok };
/// let reference = cluster.push(&image)?;
/// let arguments = ["create", "deployment", "web", "--image", &reference];
/// assert!(cluster.kubectl(arguments)?.status.success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Cluster {
    /// Ended first: the others only take what it says.
    node: Node,
    _controllers: Process,
    _scheduler: Process,
    api: ApiServer,
    registry: Registry,
    kubectl: PathBuf,
}

/// A pod as the API server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its address, once it has one.
    pub ip: Option<IpAddr>,
    /// Whether it is Ready and not about to end.
    pub ready: bool,
    /// How often its containers were started anew, in sum.
    pub restarts: u64,
    /// Why the first container waits, for instance `CrashLoopBackOff`.
    pub waits_for: Option<String>,
}

impl Cluster {
    /// Starts everything and waits until the node takes pods.
    pub fn start() -> Result<Self, ClusterError> {
        node::preflight()?;
        let kubectl = tools::path(Tool::Kubectl)?;
        let kubelet = tools::path(Tool::Kubelet)?;
        let controllers = tools::path(Tool::KubeControllerManager)?;
        let scheduler = tools::path(Tool::KubeScheduler)?;
        let (api, node) = thread::scope(|scope| {
            let node = scope.spawn(|| -> Result<_, ClusterError> {
                let registry = Registry::open()?;
                PAUSE.push(&registry)?;
                let pause = format!("{}/{}:{}", registry.host(), PAUSE.name, PAUSE.tag);
                Ok((Node::start(&kubelet, &pause)?, registry))
            });
            let api = ApiServer::start_in(Company::Cluster);
            (api, node.join())
        });
        let (node, registry) = node.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let api = api?;
        let mut command = beside(&controllers, &api);
        command
            .arg("--service-account-private-key-file")
            .arg(api.accounts_key())
            .arg("--root-ca-file")
            .arg(api.certificate())
            .args(["--kube-api-qps=200", "--kube-api-burst=400"]);
        let controllers = Process::start(&command, Directory::new()?)?;
        let scheduler = Process::start(&beside(&scheduler, &api), Directory::new()?)?;
        node.join(api.kubeconfig(), &api.kubelet_client())?;
        let mut started = Self {
            node,
            _controllers: controllers,
            _scheduler: scheduler,
            api,
            registry,
            kubectl,
        };
        started.wait_node_ready()?;
        Ok(started)
    }

    /// The cluster of this test program: started for who asks first, ended
    /// after the program. A start that failed is not repeated.
    pub fn shared() -> Result<&'static Self, &'static ClusterError> {
        static SHARED: OnceLock<Result<Cluster, ClusterError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    fn wait_node_ready(&mut self) -> Result<(), ClusterError> {
        let started = Instant::now();
        let mut client = self.connect()?;
        loop {
            let last = lacks(&mut client)?;
            if last.is_empty() {
                return Ok(());
            }
            if started.elapsed() > START_LIMIT || !self.node.is_running() {
                let log = self.node.log();
                return Err(ClusterError::NotReady { last, log });
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A kubeconfig file with one context, `test`, of the administrator. It is
    /// gone with the cluster.
    pub fn kubeconfig(&self) -> &Path {
        self.api.kubeconfig()
    }

    /// The same of whoever has this token:
    /// [`POWERLESS_TOKEN`](crate::apiserver::POWERLESS_TOKEN), or one of
    /// [`Self::namespace_user`].
    pub fn kubeconfig_for(&self, token: &str) -> io::Result<PathBuf> {
        self.api.kubeconfig_for(token)
    }

    /// The address of the API server.
    pub fn address(&self) -> SocketAddr {
        self.api.address()
    }

    /// The API server itself.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// The registry that the node pulls from.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// A connection as administrator.
    pub fn connect(&self) -> io::Result<Client> {
        self.api.connect()
    }

    /// Runs kubectl as administrator.
    pub fn kubectl<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> io::Result<Output> {
        self.kubectl_command().args(arguments).output()
    }

    /// kubectl as administrator, to be given arguments and run.
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", self.kubeconfig())
            .env("KUBECACHEDIR", self.node.dir().join("kubectl-cache"));
        command
    }

    /// Pushes an image; gives the reference to it by digest. One after another:
    /// the registry mixes up equal blobs that come at the same time.
    pub fn push(&self, image: &Image) -> Result<String, ImageError> {
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let digest: Digest = image.push(&self.registry)?;
        Ok(format!("{}/{}@{digest}", self.registry.host(), image.name))
    }

    /// A token of the user who may do in this namespace, which must exist,
    /// what the cluster role `admin` says, and nothing elsewhere.
    pub fn namespace_user(&self, namespace: &str) -> io::Result<String> {
        const NAME: &str = "deployer";
        let mut client = self.connect()?;
        let core = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let rbac =
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings");
        post(&mut client, &core, &json!({"metadata": {"name": NAME}}))?;
        let binding = json!({
            "metadata": {"name": NAME},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}],
        });
        post(&mut client, &rbac, &binding)?;
        let request = post(&mut client, &format!("{core}/{NAME}/token"), &json!({}))?;
        request["status"]["token"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| io::Error::other(request.to_string()))
    }

    /// The pods of a namespace that this label selector selects.
    pub fn pods(&self, namespace: &str, selector: &str) -> io::Result<Vec<Pod>> {
        let mut client = self.connect()?;
        let selector = selector.replace('=', "%3D").replace(',', "%2C");
        let list = get(
            &mut client,
            &format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"),
        )?;
        Ok(list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(pod)
            .collect())
    }

    /// The addresses of those of them that are Ready and not about to end.
    pub fn pod_ips(&self, namespace: &str, selector: &str) -> io::Result<Vec<IpAddr>> {
        let pods = self.pods(namespace, selector)?;
        Ok(pods
            .into_iter()
            .filter(|pod| pod.ready)
            .filter_map(|pod| pod.ip)
            .collect())
    }

    /// Asks a pod of one of our images for a path.
    pub fn ask(&self, ip: IpAddr, path: &str) -> io::Result<Reply> {
        Request::new("GET", path).send(SocketAddr::new(ip, PORT))
    }
}

/// A program that works for the API server, and has no server of its own.
fn beside(program: &Path, api: &ApiServer) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--kubeconfig")
        .arg(api.kubeconfig())
        .args(["--leader-elect=false", "--secure-port=0"]);
    command
}

/// What is missing before pods can run; nothing is an empty text.
fn lacks(client: &mut Client) -> io::Result<String> {
    let answer = client.get(&format!("/api/v1/nodes/{}", node::NAME))?;
    if answer.status != 200 {
        return Ok(answer.body);
    }
    let node: Value = serde_json::from_str(&answer.body)?;
    if !is_true(&node, "Ready") {
        return Ok(node["status"]["conditions"].to_string());
    }
    if !node["spec"]["taints"].is_null() {
        return Ok(node["spec"]["taints"].to_string());
    }
    let account = client.get("/api/v1/namespaces/default/serviceaccounts/default")?;
    Ok(if account.status == 200 {
        String::new()
    } else {
        account.body
    })
}

fn is_true(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == condition && one["status"] == "True")
}

fn pod(object: &Value) -> Pod {
    let containers = object["status"]["containerStatuses"].as_array();
    let containers = || containers.into_iter().flatten();
    Pod {
        name: object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        ip: object["status"]["podIP"]
            .as_str()
            .and_then(|ip| ip.parse().ok()),
        ready: is_true(object, "Ready") && object["metadata"]["deletionTimestamp"].is_null(),
        restarts: containers()
            .filter_map(|one| one["restartCount"].as_u64())
            .sum(),
        waits_for: containers()
            .find_map(|one| one["state"]["waiting"]["reason"].as_str())
            .map(str::to_owned),
    }
}

fn get(client: &mut Client, path: &str) -> io::Result<Value> {
    expect(path, &client.get(path)?)
}

fn post(client: &mut Client, path: &str, object: &Value) -> io::Result<Value> {
    let body = object.to_string();
    expect(
        path,
        &client.post(path, "application/json", body.as_bytes())?,
    )
}

/// The object in an answer; one that is there already will do.
fn expect(path: &str, answer: &Answer) -> io::Result<Value> {
    if answer.status >= 300 && answer.status != 409 {
        let said = &answer.body;
        return Err(io::Error::other(format!(
            "{path}: {} {said}",
            answer.status
        )));
    }
    Ok(serde_json::from_str(&answer.body)?)
}

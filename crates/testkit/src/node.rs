//! A node for pods: containerd and a kubelet, as root, in mount and process
//! namespaces of their own.
//!
//! Nothing of it outlives the first process of these namespaces but the
//! bridge between the pods and the host, the control groups, and a directory;
//! those are removed by the janitor of [`crate::process`].

use std::env;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use model::digest::Digest;
use serde_json::json;

use crate::certificate::run;
use crate::directory::Directory;
use crate::process::{Process, StartError, free_address};
use crate::tools;

/// The one node's name.
pub const NAME: &str = "node-1";

/// The socket of containerd, its configuration and what they write, in the
/// node's directory.
const SOCKET: &str = "containerd.sock";

/// What the first process of the namespaces does.
const SCRIPT: &str = include_str!("node.sh");

/// What is left to do after it.
const AFTERMATH: &str = include_str!("node-aftermath.sh");

/// Programs, each with the Debian package that brings it.
const PROGRAMS: [(&str, &str); 8] = [
    ("bash", "bash"),
    ("containerd", "containerd"),
    ("containerd-shim-runc-v2", "containerd"),
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
    ("runc", "runc"),
    ("setsid", "util-linux"),
    ("unshare", "util-linux"),
];

/// Where the plugins lie that connect pods: Debian's place and everybody
/// else's.
const PLUGINS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// Hidden from the node's programs.
const HIDDEN: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// The length of the prefix of a node's addresses: 510 of them.
const PREFIX: u8 = 23;

/// The most lines of a log that are worth showing.
const LOG_LINES: usize = 30;

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Everything that is missing.
    #[error("this machine cannot run containers: {}", .0.join("; "))]
    Machine(Vec<String>),
    /// Every address for pods is in use on this machine.
    #[error("no network is left in 198.18.0.0/15 for the pods")]
    Addresses,
    /// A program did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Files failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A running node; dropping it ends its pods and it.
#[derive(Debug)]
pub struct Node {
    process: Process,
    gateway: Ipv4Addr,
}

/// Everything that this machine lacks for containers, at once.
pub fn preflight() -> Result<(), NodeError> {
    let mut lacks = Vec::new();
    if !rustix::process::geteuid().is_root() {
        lacks.push("the tests do not run as root".to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    for (program, package) in PROGRAMS {
        if !env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
            lacks.push(format!("{program} is not on PATH (Debian: {package})"));
        }
    }
    if plugins().is_none() {
        let places = PLUGINS.join(" or ");
        lacks.push(format!(
            "no bridge plugin in {places} (Debian: containernetworking-plugins)"
        ));
    }
    let groups = ["cgroup.controllers", "memory/cgroup.procs"];
    if !groups
        .iter()
        .any(|file| Path::new("/sys/fs/cgroup").join(file).exists())
    {
        lacks.push("no control groups are mounted at /sys/fs/cgroup".to_owned());
    }
    let places = [
        ("TMPDIR", Some(env::temp_dir())),
        ("CONSIGN_TEST_CACHE", tools::cache().ok()),
    ];
    for (variable, place) in places {
        let place = place.and_then(|place| place.canonicalize().ok());
        if let Some(place) = place
            && HIDDEN.iter().any(|hidden| place.starts_with(hidden))
        {
            let (place, hidden) = (place.display(), HIDDEN.join(", "));
            lacks.push(format!(
                "{place} is below one of {hidden} ({variable} says where else)"
            ));
        }
    }
    if lacks.is_empty() {
        Ok(())
    } else {
        Err(NodeError::Machine(lacks))
    }
}

impl Node {
    /// Starts containerd; the kubelet waits for [`Self::join`]. `pause` is the
    /// image that holds a pod.
    pub fn start(kubelet: &Path, pause: &str) -> Result<Self, NodeError> {
        let dir = Directory::new()?;
        let seed = Digest::of(dir.path().as_os_str().as_encoded_bytes()).to_string();
        // Unique like the directory, and as short as interfaces' names are.
        let id = format!("cns{}", &seed[seed.len() - 8..]);
        let gateway = free_gateway(&seed)?;
        let port = free_address()?.port();
        fs::create_dir(dir.path().join("cni"))?;
        fs::create_dir(dir.path().join("tmp"))?;
        let files = [
            ("containerd.toml", containerd(dir.path(), pause)),
            ("cni/bridge.conflist", network(dir.path(), &id, gateway)),
            (
                "kubelet.json",
                configuration(dir.path(), &id, gateway, port),
            ),
        ];
        for (name, text) in files {
            fs::write(dir.path().join(name), text)?;
        }
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation=private", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc"])
            .args(["bash", "-c", SCRIPT, "node"])
            .arg(dir.path())
            .arg(&id)
            .arg(format!("{gateway}/{PREFIX}"))
            .arg(kubelet)
            .arg(flag("--config", &dir.path().join("kubelet.json")))
            .arg(flag("--kubeconfig", &dir.path().join("kubeconfig")))
            .arg(flag("--root-dir", &dir.path().join("kubelet")))
            .arg(flag("--cert-dir", &dir.path().join("kubelet-pki")))
            .arg(format!("--hostname-override={NAME}"))
            .arg(format!("--node-ip={gateway}"))
            .env("TMPDIR", dir.path().join("tmp"))
            .env("OTEL_TRACES_EXPORTER", "none");
        let aftermath = format!("id={id}\n{AFTERMATH}");
        let process = Process::start_with_aftermath(&command, dir, &aftermath)?;
        Ok(Self { process, gateway })
    }

    /// Starts the kubelet: as the administrator of this kubeconfig, asked by
    /// whoever has this certificate.
    pub fn join(&self, kubeconfig: &Path, client: &Path) -> Result<(), NodeError> {
        let dir = self.process.dir();
        fs::copy(client, dir.join("client.crt"))?;
        // In one step: the script waits for this file.
        let unfinished = dir.join("kubeconfig.unfinished");
        fs::copy(kubeconfig, &unfinished)?;
        fs::rename(unfinished, dir.join("kubeconfig"))?;
        Ok(())
    }

    /// The host's address among the pods.
    pub fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    /// Gone with everything that the node leaves.
    pub fn dir(&self) -> &Path {
        self.process.dir()
    }

    /// Whether both programs still run.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The last lines of what the programs wrote.
    pub fn log(&self) -> String {
        let dir = self.process.dir();
        let mut all = String::new();
        for name in ["log", "containerd.log", "kubelet.log"] {
            let text = fs::read(dir.join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
                all.push_str(line);
                all.push('\n');
            }
        }
        all
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

fn plugins() -> Option<PathBuf> {
    PLUGINS
        .iter()
        .map(PathBuf::from)
        .find(|dir| dir.join("bridge").is_file())
}

/// The first address of a network that no interface has, in 198.18.0.0/15:
/// for tests of network devices (RFC 2544), so nobody reaches anybody by it.
fn free_gateway(seed: &str) -> Result<Ipv4Addr, NodeError> {
    const NETWORKS: u32 = 256;
    let taken = run(Command::new("ip").args(["-4", "-o", "address"]))?;
    let taken = String::from_utf8_lossy(&taken);
    let first = seed
        .bytes()
        .fold(0_u32, |all, byte| all * 31 % 65_521 + u32::from(byte));
    (0..NETWORKS)
        .map(|step| u32::from(Ipv4Addr::new(198, 18, 0, 1)) + (first + step) % NETWORKS * 512)
        .map(Ipv4Addr::from)
        .find(|gateway| !taken.contains(&format!(" {gateway}/")))
        .ok_or(NodeError::Addresses)
}

fn containerd(dir: &Path, pause: &str) -> String {
    let dir = dir.display();
    let plugins = plugins().unwrap_or_default();
    let plugins = plugins.display();
    // The adjustment: a machine need not give us CAP_SYS_RESOURCE, without
    // which every sandbox would die. The snapshots are copies, which work on
    // every filesystem and cost little for images as small as ours.
    format!(
        r#"version = 2
root = "{dir}/containerd-root"
state = "{dir}/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "{dir}/{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
sandbox_image = "{pause}"
stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{dir}/cni"
"#
    )
}

/// No route leads out, nothing is masqueraded: pods are reached by the host.
fn network(dir: &Path, id: &str, gateway: Ipv4Addr) -> String {
    json!({
        "cniVersion": "0.4.0",
        "name": id,
        "plugins": [{
            "type": "bridge",
            "bridge": id,
            "ipam": {
                "type": "host-local",
                "dataDir": dir.join("addresses"),
                "ranges": [[{"subnet": format!("{}/{PREFIX}", network_of(gateway)), "gateway": gateway}]],
            },
        }],
    })
    .to_string()
}

fn network_of(gateway: Ipv4Addr) -> Ipv4Addr {
    let mask = u32::MAX << (32 - u32::from(PREFIX));
    Ipv4Addr::from(u32::from(gateway) & mask)
}

fn configuration(dir: &Path, id: &str, gateway: Ipv4Addr, port: u16) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": gateway,
        "port": port,
        "healthzPort": 0,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": false},
            "x509": {"clientCAFile": dir.join("client.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": format!("unix://{}", dir.join(SOCKET).display()),
        "podLogsDir": dir.join("pod-logs"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{id}"),
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": false,
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "oomScoreAdj": 0,
        "resolvConf": "",
        // Nobody answers there; without it every pod gets a warning.
        "clusterDNS": ["10.0.0.10"],
        "clusterDomain": "cluster.local",
        "maxPods": 250,
        "serializeImagePulls": false,
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "syncFrequency": "5s",
        "fileCheckFrequency": "5s",
        "nodeStatusUpdateFrequency": "2s",
        "volumeStatsAggPeriod": "10m",
        "shutdownGracePeriod": "0s",
    })
    .to_string()
}

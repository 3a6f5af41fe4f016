//! A cluster that outlives its command is found again, and leaves nothing
//! behind when it is ended or killed.

#![expect(clippy::unwrap_used, reason = "the helpers of a test are the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use testkit::tools::{self, Tool};

/// In the environment of every process of the cluster.
const MARK: &str = "CONSIGN_TEST_HELD";

/// How long the kernel and the janitors may take.
const PATIENCE: u32 = 600;

/// Where a cluster is known, and where it keeps its files.
struct Held {
    place: TempDir,
    files: TempDir,
}

impl Held {
    fn command(&self, task: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_test-cluster"));
        command
            .arg(task)
            .arg(self.place.path().join("cluster"))
            .env("TMPDIR", self.files.path())
            .env(MARK, self.files.path());
        command
    }

    fn run(&self, task: &str) -> String {
        let output = self.command(task).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{task}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a pod from the first image that `up` named.
    fn run_pod(&self, environment: &str) {
        let kubectl = |arguments: &[&str]| {
            let output = Command::new(tools::path(Tool::Kubectl).unwrap())
                .args(arguments)
                .env("KUBECONFIG", self.place.path().join("cluster/kubeconfig"))
                .env("KUBECACHEDIR", self.place.path().join("kubectl"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        };
        let image = environment
            .lines()
            .find_map(|line| line.split_once("serves: "));
        let image = format!("--image={}", image.unwrap().1);
        kubectl(&["run", "any", &image]);
        kubectl(&["wait", "pod/any", "--for=condition=Ready", "--timeout=60s"]);
    }

    /// The name of the node's bridge and control groups.
    fn id(&self) -> String {
        let state = fs::read_dir(self.files.path()).unwrap().flatten();
        let network = state
            .map(|entry| entry.path().join("cni/bridge.conflist"))
            .find_map(|file| fs::read_to_string(file).ok())
            .unwrap();
        let network: serde_json::Value = serde_json::from_str(&network).unwrap();
        network["name"].as_str().unwrap().to_owned()
    }

    /// Everything of the cluster that is there now.
    fn traces(&self, id: &str) -> Traces {
        let mark = format!("{MARK}={}", self.files.path().display());
        let processes = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
        let of_ours = |process: &PathBuf| {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let marked = environment
                .split(|byte| *byte == 0)
                .any(|one| one == mark.as_bytes());
            let groups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
            marked || groups.contains(id)
        };
        let mut interfaces = vec![PathBuf::from("/sys/class/net").join(id)];
        let ports = fs::read_dir(interfaces[0].join("brif"));
        interfaces.extend(
            ports
                .into_iter()
                .flatten()
                .flatten()
                .map(|port| port.path()),
        );
        interfaces.retain(|interface| interface.exists());
        Traces {
            processes: processes.filter(of_ours).collect(),
            interfaces,
            groups: directories(Path::new("/sys/fs/cgroup"), id),
            files: fs::read_dir(self.files.path())
                .unwrap()
                .flatten()
                .map(|entry| entry.path())
                .collect(),
        }
    }

    fn assert_gone(&self, id: &str, before: &Traces) {
        let mut left = self.traces(id);
        for _ in 0..PATIENCE {
            if left == Traces::default() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
            left = self.traces(id);
        }
        assert_eq!(left, Traces::default());
        for interface in &before.interfaces {
            let name = interface.file_name().unwrap();
            assert!(
                !Path::new("/sys/class/net").join(name).exists(),
                "{}",
                name.display()
            );
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(
            !mounts.contains(self.files.path().to_str().unwrap()),
            "{mounts}"
        );
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Traces {
    processes: Vec<PathBuf>,
    interfaces: Vec<PathBuf>,
    groups: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// The directories of this name, at any depth.
fn directories(below: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .flat_map(|entry| {
            if entry.file_name() == name {
                vec![entry.path()]
            } else {
                directories(&entry.path(), name)
            }
        })
        .collect()
}

#[test]
fn it_is_found_again_and_leaves_nothing_behind() {
    let held = Held {
        place: TempDir::new().unwrap(),
        files: TempDir::new().unwrap(),
    };
    let environment = held.run("up");
    assert_eq!(held.run("up"), environment);
    held.run_pod(&environment);
    let id = held.id();
    let there = held.traces(&id);
    // Two of the pod, its shim, and the seven programs with who watches them.
    assert!(there.processes.len() > 10, "{there:?}");
    // The bridge and the pod's end of it.
    assert_eq!(there.interfaces.len(), 2, "{there:?}");
    assert!(
        !there.groups.is_empty() && !there.files.is_empty(),
        "{there:?}"
    );

    let holder = there.processes.iter().find(|process| {
        let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        line.split('\0').nth(1) == Some("hold")
    });
    let holder = holder.unwrap().file_name().unwrap();
    assert!(
        Command::new("kill")
            .arg("-KILL")
            .arg(holder)
            .status()
            .unwrap()
            .success()
    );
    held.assert_gone(&id, &there);

    held.run_pod(&held.run("up"));
    let id = held.id();
    let there = held.traces(&id);
    held.run("down");
    assert_eq!(held.traces(&id), Traces::default());
    held.assert_gone(&id, &there);
    held.run("down");
    assert!(!held.place.path().join("cluster").exists());
}

#[test]
fn a_machine_without_containers_is_told_all_that_it_lacks() {
    let place = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_test-cluster"))
        .arg("hold")
        .arg(place.path().join("cluster"))
        .env("PATH", place.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    for lack in [
        "this machine cannot run containers",
        "runc is not",
        "ip is not",
        "iproute2",
    ] {
        assert!(said.contains(lack), "{said}");
    }
}

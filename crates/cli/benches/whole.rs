//! Whole processes, measured side by side: `just bench`.
//!
//! The peers are today's scripts, whose text is not part of this project:
//! `CONSIGN_BASELINE` names the directory that holds package-client.sh and
//! verify-package.sh. Each figure is the median of runs that take turns, so that
//! a drifting machine drifts for both; the ratio is the peer's time over ours.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench speaks to the person who runs it, and stops when it cannot go on"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::apiserver::ApiServer;
use testkit::consign::{copy_tree, workspace};
use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Kind, Registry};

const CONSIGN: &str = env!("CARGO_BIN_EXE_consign");
const RUNS: usize = 15;
const PACKAGES: usize = 1000;
const REPOSITORIES: usize = 50;
const REGISTRY_LATENCY: Duration = Duration::from_millis(30);
/// Bytes of the large file: just under what is read by default.
const LARGE: usize = 60 << 20;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("hosting");
    copy_tree(&workspace().join("examples/hosting"), &root);
    let packages = directory.path().join("packages");
    fs::create_dir(&packages).unwrap();
    let bench = Bench {
        baseline: baseline(),
        directory: directory.path().to_owned(),
        root,
        packages,
    };
    bench.package();
    bench.verify();
    bench.thousand();
    bench.hashing();
    bench.registry();
}

fn baseline() -> Option<PathBuf> {
    let directory = std::env::var_os("CONSIGN_BASELINE")
        .map_or_else(|| workspace().join("../shared/baseline"), PathBuf::from);
    let found = directory.join("package-client.sh").is_file();
    if !found {
        println!("no scripts to measure against in {}", directory.display());
    }
    found.then_some(directory)
}

struct Bench {
    baseline: Option<PathBuf>,
    directory: PathBuf,
    root: PathBuf,
    packages: PathBuf,
}

/// The time of one run; it must succeed.
fn time(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let took = started.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Runs in turns; the medians of both.
fn duel(
    mut ours: impl FnMut(usize) -> Duration,
    mut peer: impl FnMut(usize) -> Duration,
) -> (Duration, Duration) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    // The first run of each only warms up.
    for run in 0..=RUNS {
        a.push(ours(run));
        b.push(peer(run));
    }
    (median(a.split_off(1)), median(b.split_off(1)))
}

fn row(what: &str, ours: Duration, peer: Duration) {
    println!(
        "{what:<52} {:>9.2} ms {:>9.2} ms   {:>6.1} x",
        ours.as_secs_f64() * 1e3,
        peer.as_secs_f64() * 1e3,
        peer.as_secs_f64() / ours.as_secs_f64()
    );
}

impl Bench {
    fn consign(&self) -> Command {
        let mut command = Command::new(CONSIGN);
        command.arg("--root").arg(&self.root);
        command
    }

    fn make(&self, version: &str, output: &Path) -> Command {
        let mut command = self.consign();
        command
            .args(["package", "--client", "acme-corp", "--locked", "--version"])
            .arg(version)
            .arg("--output")
            .arg(output);
        command
    }

    fn script(&self, name: &str) -> Option<Command> {
        let mut command = Command::new("bash");
        command.arg(self.baseline.as_ref()?.join(name));
        Some(command)
    }

    fn package(&self) {
        println!(
            "{:<52} {:>12} {:>12}   {:>8}",
            "", "consign", "script", "ratio"
        );
        let theirs = self.directory.join("theirs");
        fs::create_dir(&theirs).unwrap();
        if self.baseline.is_none() {
            time(&mut self.make("v1.0.0", &self.packages));
            return;
        }
        let (ours, peer) = duel(
            |run| time(&mut self.make(&format!("v1.{run}.0"), &self.packages)),
            |run| {
                let mut script = self.script("package-client.sh").unwrap();
                script
                    .arg("acme-corp")
                    .arg(format!("v1.{run}.0"))
                    .arg(self.root.join("k8s/clients"))
                    .arg(&theirs);
                time(&mut script)
            },
        );
        row("package one client with a lock", ours, peer);
    }

    fn verify(&self) {
        if self.baseline.is_none() {
            return;
        }
        let package = self.packages.join("acme-corp-v1.0.0");
        let ours = |_| time(self.consign().arg("verify").arg(&package));
        let (mine, peer) = duel(ours, |_| {
            time(self.script("verify-package.sh").unwrap().arg(&package))
        });
        row("verify one package", mine, peer);
        let server = ApiServer::shared().unwrap();
        let (mine, peer) = duel(ours, |_| {
            time(
                self.script("verify-package.sh")
                    .unwrap()
                    .arg(&package)
                    .env("KUBECTL_VALIDATE", "1")
                    .env("KUBECONFIG", server.kubeconfig()),
            )
        });
        row("verify one package, the script with kubectl", mine, peer);
    }

    fn thousand(&self) {
        let many = self.directory.join("many");
        fs::create_dir(&many).unwrap();
        for n in 0..PACKAGES {
            time(&mut self.make(&format!("v2.0.{n}"), &many));
        }
        let paths: Vec<PathBuf> = (0..PACKAGES)
            .map(|n| many.join(format!("acme-corp-v2.0.{n}")))
            .collect();
        let mut times = Vec::new();
        let mut memory = 0;
        for _ in 0..5 {
            let started = Instant::now();
            let mut child = self
                .consign()
                .args(["verify", "-q"])
                .args(&paths)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            while child.try_wait().unwrap().is_none() {
                memory = memory.max(peak_memory(child.id()));
                std::thread::sleep(Duration::from_millis(2));
            }
            times.push(started.elapsed());
            assert!(child.wait().unwrap().success());
        }
        println!(
            "verify {PACKAGES} packages: {:.2} s, at most {} MB",
            median(times).as_secs_f64(),
            memory.div_ceil(1024)
        );
    }

    /// A package cannot hold a large file that verifies, so it is the checksums
    /// of damaged ones that are measured: they are taken before all else.
    fn hashing(&self) {
        let cores = std::thread::available_parallelism().unwrap().get();
        let large = vec![b'#'; LARGE];
        let mut paths = Vec::new();
        for n in 0..cores * 2 {
            let version = format!("v3.0.{n}");
            time(&mut self.make(&version, &self.packages));
            let package = self.packages.join(format!("acme-corp-{version}"));
            let file = package.join("secrets.env.enc");
            fs::remove_file(&file).unwrap();
            fs::write(&file, &large).unwrap();
            paths.push(package);
        }
        let read_and_hash = || {
            let started = Instant::now();
            std::thread::scope(|scope| {
                for some in paths.chunks(2) {
                    scope.spawn(move || {
                        for package in some {
                            let bytes = fs::read(package.join("secrets.env.enc")).unwrap();
                            std::hint::black_box(model::digest::Digest::of(&bytes));
                        }
                    });
                }
            });
            started.elapsed()
        };
        let verify = || {
            let started = Instant::now();
            let status = self
                .consign()
                .args(["verify", "-q"])
                .args(&paths)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(3));
            started.elapsed()
        };
        let (ours, bare) = duel(|_| verify(), |_| read_and_hash());
        println!(
            "checksums of {} MB: {:.0} ms; reading and sha2 alone on all cores: {:.0} ms ({:+.0} %)",
            (paths.len() * LARGE) >> 20,
            ours.as_secs_f64() * 1e3,
            bare.as_secs_f64() * 1e3,
            (ours.as_secs_f64() / bare.as_secs_f64() - 1.0) * 100.0
        );
    }

    fn registry(&self) {
        let registry = Registry::open().unwrap();
        let names: Vec<_> = (0..REPOSITORIES).map(|n| format!("team/app-{n}")).collect();
        let pushes: Vec<_> = names
            .iter()
            .flat_map(|name| [(name.as_str(), "v1"), (name.as_str(), "v2")])
            .collect();
        registry.push_many(&pushes, Kind::OciManifest).unwrap();
        let proxy = Proxy::before(registry.address(), |_| Fault::Delay(REGISTRY_LATENCY)).unwrap();
        let client = self.root.join("k8s/clients/many-images");
        fs::create_dir(&client).unwrap();
        fs::write(client.join("kustomization.yaml"), "resources: [pod.yaml]\n").unwrap();
        let mut pod = String::from(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: many}\nspec:\n  containers:\n",
        );
        for (n, (name, tag)) in pushes.iter().enumerate() {
            let _ = writeln!(
                pod,
                "  - {{name: c{n}, image: \"{}/{name}:{tag}\"}}",
                proxy.host()
            );
        }
        fs::write(client.join("pod.yaml"), pod).unwrap();
        let mut times = Vec::new();
        let mut requests = 0;
        for _ in 0..5 {
            proxy.forget();
            times.push(time(self.consign().args([
                "lock",
                "--update",
                "--client",
                "many-images",
            ])));
            requests = proxy.seen().len();
        }
        println!(
            "lock {} images of {REPOSITORIES} repositories, {} ms an answer: {:.2} s, {requests} requests",
            pushes.len(),
            REGISTRY_LATENCY.as_millis(),
            median(times).as_secs_f64()
        );
    }
}

/// The most memory a process had until now, in KiB; 0 once it is gone.
fn peak_memory(pid: u32) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

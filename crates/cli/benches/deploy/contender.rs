//! Who deploys: consign and its peers, each as its users call it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::tools::{self, Tool};

use crate::files::{Client, Hosting, Version};

/// consign, as it was built for this bench.
pub const CONSIGN: &str = env!("CARGO_BIN_EXE_consign");

/// Who deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// `consign deploy`, record, checks and waiting included.
    Consign,
    /// `kapp deploy`, which records and waits too.
    Kapp,
    /// `kubectl apply --server-side`, which does neither.
    Kubectl,
    /// `helm upgrade --install`, which records, and does not wait unless asked.
    Helm,
}

/// What is done, one after the other in one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first version, where nothing is.
    First,
    /// The second version.
    Changed,
    /// The second version again.
    Unchanged,
}

impl Step {
    /// In their order.
    pub const ALL: [Self; 3] = [Self::First, Self::Changed, Self::Unchanged];

    /// What stands above its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::First => "first deploy",
            Self::Changed => "one object changed",
            Self::Unchanged => "nothing changed",
        }
    }

    /// What is there after it.
    pub fn version(self) -> Version {
        match self {
            Self::First => Version::First,
            Self::Changed | Self::Unchanged => Version::Second,
        }
    }
}

impl Contender {
    /// In the order of the table.
    pub const ALL: [Self; 4] = [Self::Consign, Self::Kapp, Self::Kubectl, Self::Helm];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consign => "consign",
            Self::Kapp => "kapp",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
        }
    }

    /// Whether one run takes the better part of a minute.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Kubectl | Self::Helm)
    }

    fn program(self) -> PathBuf {
        match self {
            Self::Consign => CONSIGN.into(),
            Self::Kapp => tools::path(Tool::Kapp).unwrap(),
            Self::Kubectl => tools::path(Tool::Kubectl).unwrap(),
            Self::Helm => tools::path(Tool::Helm).unwrap(),
        }
    }
}

/// A contender with a namespace of its own.
#[derive(Debug)]
pub struct Deployer<'a> {
    /// Who.
    pub contender: Contender,
    /// Where.
    pub namespace: String,
    hosting: &'a Hosting,
    client: &'a Client,
    directory: PathBuf,
    home: PathBuf,
}

impl<'a> Deployer<'a> {
    /// Writes the files that it deploys into a directory of its own. What it
    /// remembers about a server, such as its API, it finds again in `home`.
    pub fn new(
        contender: Contender,
        hosting: &'a Hosting,
        client: &'a Client,
        directory: PathBuf,
        home: &Path,
    ) -> Self {
        let namespace = match contender {
            Contender::Consign => client.namespace(),
            _ => format!("{}-{}", contender.name(), client.name()),
        };
        fs::create_dir_all(directory.join("chart/templates")).unwrap();
        let home = home.join(contender.name());
        fs::create_dir_all(&home).unwrap();
        Self {
            contender,
            namespace,
            hosting,
            client,
            directory,
            home,
        }
    }

    /// The command of a step, its files laid out.
    pub fn command(&self, step: Step, kubeconfig: &Path) -> Command {
        let manifests = self.manifests(step);
        let file = self.directory.join("all.yaml");
        let mut command = Command::new(self.contender.program());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("TMPDIR", &self.directory)
            .env("KUBECONFIG", kubeconfig)
            .current_dir(&self.directory);
        match self.contender {
            Contender::Consign => {
                command
                    .arg("--root")
                    .arg(self.hosting.root())
                    .arg("deploy")
                    .arg("--package")
                    .arg(self.hosting.package(self.client, step.version()))
                    .args(["--context", "test", "--yes"]);
            }
            Contender::Kapp => {
                fs::write(&file, manifests).unwrap();
                command
                    .args(["deploy", "--app", "bench", "--yes", "--namespace"])
                    .arg(&self.namespace)
                    .arg("--file")
                    .arg(&file);
            }
            Contender::Kubectl => {
                fs::write(&file, manifests).unwrap();
                command
                    .args(["apply", "--server-side", "--filename"])
                    .arg(&file);
            }
            Contender::Helm => {
                let chart = self.directory.join("chart");
                fs::write(
                    chart.join("Chart.yaml"),
                    "apiVersion: v2\nname: bench\nversion: 1.0.0\n",
                )
                .unwrap();
                fs::write(chart.join("templates/all.yaml"), manifests).unwrap();
                command
                    .args(["upgrade", "--install", "bench"])
                    .arg(chart)
                    .arg("--namespace")
                    .arg(&self.namespace);
            }
        }
        command
    }

    /// What it is to apply: the very same objects for everyone.
    pub fn manifests(&self, step: Step) -> String {
        self.hosting
            .manifests(self.client, step.version(), &self.namespace)
    }
}

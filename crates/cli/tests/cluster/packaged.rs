//! The script of a package, run as someone would who has nothing else.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::consign::Ran;
use testkit::image::Mode;
use testkit::tools::{self, Tool};

use crate::stage::{SERVICE, Stage, settings, web};

/// The programs that the script may use beside bash and kubectl: those of the
/// GNU coreutils.
const COREUTILS: [&str; 13] = [
    "sha256sum",
    "cat",
    "cp",
    "date",
    "id",
    "mkdir",
    "mktemp",
    "readlink",
    "rm",
    "sleep",
    "timeout",
    "uname",
    "true",
];

/// A client's packages and the way their scripts are run.
pub struct Packaged<'a> {
    stage: &'a Stage,
}

impl<'a> Packaged<'a> {
    /// Of this stage.
    pub fn on(stage: &'a Stage) -> Self {
        let bin = stage.hosting.path("bin");
        fs::create_dir(&bin).unwrap();
        for program in COREUTILS {
            symlink(Path::new("/usr/bin").join(program), bin.join(program)).unwrap();
        }
        symlink("/bin/bash", bin.join("bash")).unwrap();
        symlink(tools::path(Tool::Kubectl).unwrap(), bin.join("kubectl")).unwrap();
        Self { stage }
    }

    /// A version's directory.
    pub fn directory(&self, version: &str) -> PathBuf {
        let name = format!("{}-{version}", self.stage.client);
        self.stage.hosting.path("packages").join(name)
    }

    /// The script of a version, with bash, kubectl and the coreutils, from
    /// another directory, and with nothing of this test's environment.
    pub fn script(&self, version: &str, arguments: &[&str]) -> Command {
        self.script_at(&self.directory(version).join("deploy.sh"), arguments)
    }

    /// The same of a script in any place.
    pub fn script_at(&self, script: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(script);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", self.stage.hosting.path("bin"))
            .env("HOME", self.stage.hosting.path("no-home"))
            .env("TMPDIR", self.stage.hosting.path("tmp"))
            .env("KUBECONFIG", self.stage.cluster.kubeconfig())
            .stdin(Stdio::null())
            .current_dir("/");
        command
    }

    /// Runs it.
    pub fn run(&self, version: &str, arguments: &[&str]) -> Ran {
        self.script(version, arguments).output().unwrap().into()
    }

    /// Runs it without being asked.
    pub fn deploy(&self, version: &str) -> Ran {
        self.run(version, &["--yes"])
    }

    /// The digest of a version, as anyone can take it.
    pub fn digest(&self, version: &str) -> String {
        let sums = self.directory(version).join("checksum.sha256");
        let output = Command::new("sha256sum").arg(sums).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        format!("sha256:{}", text.split(' ').next().unwrap())
    }

    /// Puts a program in kubectl's place that does something first.
    pub fn kubectl_that(&self, does: &str) {
        let path = self.stage.hosting.path("bin/kubectl");
        fs::remove_file(&path).unwrap();
        let kubectl = tools::path(Tool::Kubectl).unwrap();
        fs::write(
            &path,
            format!("#!/bin/bash\n{does}\nexec '{}' \"$@\"\n", kubectl.display()),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What scripts left in the temporary directory.
    pub fn leftovers(&self) -> Vec<String> {
        let entries = fs::read_dir(self.stage.hosting.path("tmp")).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Sources with one pod.
pub fn one_pod(stage: &Stage, version: &str, behaves: Mode, more: &[(&str, &str)]) {
    let (web, settings) = (web(&stage.image(version, behaves), 1), settings(version));
    let mut files = vec![
        ("web.yaml", web.as_str()),
        ("service.yaml", SERVICE),
        ("settings.yaml", &settings),
    ];
    files.extend(more);
    stage.sources(&files).package(version);
}

/// Sources without pods: quick.
pub fn no_pods(stage: &Stage, version: &str) {
    stage
        .sources(&[("settings.yaml", &settings(version))])
        .package(version);
}

/// A settings object of this name.
pub fn named(name: &str, text: &str) -> String {
    settings(text).replace("name: settings", &format!("name: {name}"))
}

/// What the settings say.
pub fn text(stage: &Stage) -> Value {
    stage.get("configmap/settings")["data"]["text"].clone()
}

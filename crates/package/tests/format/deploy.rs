//! The deploy script, run for real: against copies that were tampered with,
//! and against a real API server.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use package::open::OpenOptions;
use package::seal::seal;
use package::sealed::Package;
use tempfile::TempDir;
use testkit::apiserver::ApiServer;
use testkit::tools::{self, Tool};

use crate::fixture::{draft, images, objects, package};

/// A kubectl that writes down that it was called. It stands for a cluster that
/// must not be spoken to; where one is meant to be, the real one is used.
const STUB: &str = "#!/bin/sh\necho \"$@\" >>\"$CALLS\"\nexit 1\n";

/// What is done to a package before its script is run.
type Break<'a> = &'a dyn Fn(&Site);

/// A package on disk and a place to run its script in.
struct Site {
    top: TempDir,
    package: PathBuf,
}

impl Site {
    fn new(package: &Package) -> Self {
        Self::under(package, "with a space")
    }

    fn under(package: &Package, parent: &str) -> Self {
        let top = tempfile::tempdir().unwrap();
        let site = Self {
            package: top.path().join(parent).join(package.name().to_string()),
            top,
        };
        for dir in ["tmp", "bin", "home"] {
            fs::create_dir(site.top.path().join(dir)).unwrap();
        }
        fs::create_dir_all(site.package.join("manifests")).unwrap();
        for file in package.files() {
            let path = site.package.join(file.path);
            fs::write(&path, file.bytes.as_slice()).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).unwrap();
        }
        site.program("kubectl", STUB);
        site
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.top.path().join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The script, with nothing of this test's environment.
    fn script(&self, script: &Path) -> Command {
        let mut command = Command::new(script);
        command
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.top.path().join("bin").display()),
            )
            .env("HOME", self.top.path().join("home"))
            .env("TMPDIR", self.top.path().join("tmp"))
            .env("CALLS", self.top.path().join("calls"))
            .stdin(Stdio::null())
            .current_dir("/");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.script(&self.package.join("deploy.sh"));
        command.args(arguments).output().unwrap()
    }

    fn calls(&self) -> Option<String> {
        fs::read_to_string(self.top.path().join("calls")).ok()
    }

    /// What the script left in the temporary directory.
    fn leftovers(&self) -> Vec<String> {
        let entries = fs::read_dir(self.top.path().join("tmp")).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.package.join(path);
        if path.exists() {
            fs::remove_file(&path).unwrap();
        }
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.package.join(path)).unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn ends(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "\n--- stdout\n{}\n--- stderr\n{}",
        stdout(output),
        stderr(output)
    );
}

#[test]
fn the_script_satisfies_bash_and_shellcheck() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deploy.sh");
    for judge in [&["bash", "-n"][..], &["shellcheck"]] {
        let output = Command::new(judge[0])
            .args(&judge[1..])
            .arg(&script)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            stdout(&output),
            stderr(&output)
        );
    }
}

#[test]
fn d25_a_changed_package_is_refused_before_kubectl_is_called() {
    let restamp = |site: &Site| {
        let output = Command::new("/bin/sh")
            .args(["-c", "find . -type f ! -name checksum.sha256 -exec sha256sum {} + >c && mv -f c checksum.sha256"])
            .current_dir(&site.package)
            .output()
            .unwrap();
        assert!(output.status.success());
    };
    let breaks: [(&str, Break); 13] = [
        ("a changed file", &|s| s.write("images.txt", "x\n")),
        ("a changed manifest", &|s| s.write("MANIFEST.json", "{}\n")),
        ("a changed list of objects", &|s| {
            s.write(
                "manifests/all.yaml",
                s.read("manifests/all.yaml")
                    .replace("replicas: 2", "replicas: 9"),
            );
        }),
        ("a missing file", &|s| {
            fs::remove_file(s.package.join("secrets.env.enc")).unwrap();
        }),
        ("no checksums", &|s| {
            fs::remove_file(s.package.join("checksum.sha256")).unwrap();
        }),
        ("an extra file", &|s| {
            s.write("manifests/zz.yaml", "kind: Namespace\n");
        }),
        ("a hidden file", &|s| s.write(".hidden", "x")),
        ("an extra file that is listed", &|s| {
            s.write("extra", "x");
            restamp(s);
        }),
        ("a file that is not listed", &|s| {
            let list = s.read("checksum.sha256");
            let list: String = list
                .split_inclusive('\n')
                .filter(|l| !l.contains("images"))
                .collect();
            s.write("checksum.sha256", list);
            s.write("images.txt", "x\n");
        }),
        ("a list of another syntax", &|s| {
            s.write(
                "checksum.sha256",
                s.read("checksum.sha256").replace("  ./", " *./"),
            );
        }),
        ("a link instead of a file", &|s| {
            let copy = s.top.path().join("copy");
            fs::copy(s.package.join("images.txt"), &copy).unwrap();
            fs::remove_file(s.package.join("images.txt")).unwrap();
            symlink(copy, s.package.join("images.txt")).unwrap();
        }),
        ("a pipe instead of a file", &|s| {
            fs::remove_file(s.package.join("images.txt")).unwrap();
            let made = Command::new("mkfifo")
                .arg(s.package.join("images.txt"))
                .status();
            assert!(made.unwrap().success());
        }),
        ("a link instead of the directory", &|s| {
            let moved = s.top.path().join("moved");
            fs::rename(s.package.join("manifests"), &moved).unwrap();
            symlink(moved, s.package.join("manifests")).unwrap();
        }),
    ];
    for (what, break_it) in breaks {
        let site = Site::new(&package());
        break_it(&site);
        let output = site.run(&["--yes"]);
        ends(&output, 3);
        assert!(
            stdout(&output).contains("ERROR: Package integrity check failed!"),
            "{what}"
        );
        assert_eq!(site.calls(), None, "{what}: kubectl was called");
        assert!(
            site.leftovers().is_empty(),
            "{what}: {:?}",
            site.leftovers()
        );
    }
}

#[test]
fn g13_values_that_want_to_be_commands_stay_values() {
    for value in [
        "$(touch X)",
        "`touch X`",
        "a; touch X",
        "a' b",
        "--kubeconfig=x",
        "a\\\\",
    ] {
        let site = Site::new(&package());
        let manifest = site
            .read("MANIFEST.json")
            .replace("\"sh-acme-corp\"", &format!("\"{value}\""));
        site.write("MANIFEST.json", manifest);
        let list = Command::new("/bin/sh")
            .args(["-c", "find . -type f ! -name checksum.sha256 -exec sha256sum {} + >c; mv -f c checksum.sha256"])
            .current_dir(&site.package)
            .status();
        assert!(list.unwrap().success());
        let output = site.run(&["--yes"]);
        ends(&output, 3);
        assert_eq!(site.calls(), None);
        assert!(!Path::new("/X").exists() && !site.package.join("X").exists());
    }
}

#[test]
fn d25_the_script_runs_from_anywhere_and_takes_nothing_from_the_environment() {
    let site = Site::new(&package());
    let marker = site.top.path().join("marker");
    let evil = site.top.path().join("evil");
    fs::write(&evil, format!("touch '{}'\n", marker.display())).unwrap();
    let link = site.top.path().join("link");
    symlink(site.package.join("deploy.sh"), &link).unwrap();
    let mut command = site.script(&link);
    command
        .env("BASH_ENV", &evil)
        .env("ENV", &evil)
        .env("CDPATH", "/tmp")
        .env("IFS", "/")
        .env(
            "BASH_FUNC_kubectl%%",
            format!("() {{ touch '{}'; }}", marker.display()),
        )
        .env("GLOBIGNORE", "*")
        .args(["--dry-run"]);
    let output = command.output().unwrap();
    // The stub says no to everything, so there is no cluster.
    ends(&output, 9);
    assert!(stdout(&output).contains("[OK] Package verified: sha256:"));
    assert!(site.calls().is_some());
    assert!(!marker.exists());
    assert!(site.leftovers().is_empty());
}

#[test]
fn d25_a_script_that_grows_while_it_runs_runs_as_it_was() {
    let site = Site::new(&package());
    let script = site.package.join("deploy.sh");
    site.program(
        "kubectl",
        &format!(
            "#!/bin/sh\nchmod u+w '{0}'; echo 'echo REPLACED' >>'{0}'\nexit 1\n",
            script.display()
        ),
    );
    let output = site.run(&["--yes"]);
    ends(&output, 9);
    assert!(fs::read_to_string(&script).unwrap().contains("REPLACED"));
    assert!(!stdout(&output).contains("REPLACED"));
}

#[test]
fn v9_a_renamed_directory_is_not_deployed() {
    let site = Site::new(&package());
    let renamed = site.package.with_file_name("acme-corp-v9.9.9");
    fs::rename(&site.package, &renamed).unwrap();
    let output = site
        .script(&renamed.join("deploy.sh"))
        .arg("--yes")
        .output()
        .unwrap();
    ends(&output, 3);
    assert!(stderr(&output).contains("name mismatch"));
    assert_eq!(site.calls(), None);
}

#[test]
fn arguments_are_told_and_checked() {
    let site = Site::new(&package());
    let help = site.run(&["--help"]);
    ends(&help, 0);
    for flag in ["--dry-run", "--context NAME", "--yes", "--help"] {
        assert!(stdout(&help).contains(flag));
    }
    ends(&site.run(&["--frobnicate"]), 2);
    ends(&site.run(&["--context"]), 2);
    assert_eq!(site.calls(), None);
}

/// Objects that need nothing but an API server.
const SMALL: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: sh-acme-corp
---
apiVersion: v1
data:
  colour: blue
kind: ConfigMap
metadata:
  name: settings
  namespace: sh-acme-corp
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: sh-acme-corp
spec:
  ports:
  - port: 80
  selector:
    app: web
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: sh-acme-corp
spec:
  replicas: 0
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - env:
        - name: SESSION_TOKEN
          value: open-sesame
        image: IMAGE
        name: web
";

fn small(version: &str, colour: &str) -> Package {
    let image = images().into_iter().next().unwrap();
    let text = SMALL
        .replace("IMAGE", &image.to_string())
        .replace("blue", colour);
    let mut draft = draft();
    draft.name = format!("acme-corp-{version}").parse().unwrap();
    draft.secrets_ref = format!("# Secrets Reference for acme-corp {version}\n");
    draft.objects = objects(&text);
    draft.images = [image].into();
    seal(draft, &OpenOptions::default()).unwrap()
}

/// kubectl as the administrator of the test's cluster.
struct Cluster<'a> {
    server: &'a ApiServer,
    kubectl: PathBuf,
}

impl Cluster<'_> {
    fn kubectl(&self, arguments: &[&str]) -> Output {
        Command::new(&self.kubectl)
            .arg(format!(
                "--kubeconfig={}",
                self.server.kubeconfig().display()
            ))
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments);
        ends(&output, 0);
        stdout(&output)
    }

    fn run(&self, site: &Site, arguments: &[&str]) -> Output {
        self.run_past("", site, arguments)
    }

    /// The same with a kubectl that does something of its own first; `$real`
    /// is the other one.
    fn run_past(&self, does: &str, site: &Site, arguments: &[&str]) -> Output {
        let real = self.kubectl.display();
        site.program(
            "kubectl",
            &format!("#!/bin/bash\nreal='{real}'\n{does}\nexec \"$real\" \"$@\"\n"),
        );
        let mut command = site.script(&site.package.join("deploy.sh"));
        command
            .env("KUBECONFIG", self.server.kubeconfig())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Says of every Deployment what a controller would say of one that wants
    /// no pods: the API server alone has nobody who does.
    fn play_controller(&self, done: &AtomicBool) {
        while !done.load(Ordering::Relaxed) {
            let generation = [
                "get",
                "deployment",
                "web",
                "-n",
                "sh-acme-corp",
                "-o",
                "jsonpath={.metadata.generation}",
            ];
            let generation = stdout(&self.kubectl(&generation));
            if !generation.is_empty() {
                let status = format!(
                    r#"{{"status":{{"observedGeneration":{generation},"conditions":[{{"type":"Available","status":"True"}}]}}}}"#
                );
                self.kubectl(&[
                    "patch",
                    "deployment",
                    "web",
                    "-n",
                    "sh-acme-corp",
                    "--subresource=status",
                    "--type=merge",
                    "-p",
                    &status,
                ]);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

#[test]
fn a_package_is_deployed_to_a_real_api_server_and_recorded() {
    let server = ApiServer::shared().unwrap();
    let cluster = Cluster {
        server: &server,
        kubectl: tools::path(Tool::Kubectl).unwrap(),
    };
    let first = small("v1.2.3", "blue");
    let site = Site::new(&first);

    // No node is Ready, or there is none.
    let output = cluster.run(&site, &["--yes"]);
    ends(&output, 9);
    assert!(stderr(&output).contains("no node is Ready"));
    let node = site.top.path().join("node.yaml");
    fs::write(&node, "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n").unwrap();
    cluster.says(&["create", "-f", node.to_str().unwrap()]);
    let ready = r#"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#;
    cluster.says(&[
        "patch",
        "node",
        "n1",
        "--subresource=status",
        "--type=merge",
        "-p",
        ready,
    ]);

    // A dry run changes nothing.
    let output = cluster.run(&site, &["--dry-run"]);
    ends(&output, 0);
    assert!(stdout(&output).contains("namespace/sh-acme-corp serverside-applied (server dry run)"));
    ends(&cluster.kubectl(&["get", "namespace", "sh-acme-corp"]), 1);

    // Nobody there to ask.
    let output = cluster.run(&site, &[]);
    ends(&output, 2);
    assert!(stderr(&output).contains("--yes"));
    ends(&cluster.kubectl(&["get", "namespace", "sh-acme-corp"]), 1);
    assert!(site.leftovers().is_empty());

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| cluster.play_controller(&done));
        let _ends_it = Done(&done);
        deploys(&cluster, &site, &first);
        stops(&cluster);
        meets_others(&cluster);
        looks_again(&cluster);
    });
}

/// Says that it is done when dropped: a test that fails ends too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two versions, one after the other.
fn deploys(cluster: &Cluster, site: &Site, first: &Package) {
    let output = cluster.run(site, &["--yes"]);
    ends(&output, 0);
    let said = stdout(&output);
    let mut after = 0;
    for line in [
        "[INFO] Capturing current deployment state...",
        "[INFO] State captured to: ",
        "==========================================\nDeploying: acme-corp v1.2.3\nNamespace: sh-acme-corp\nContext: ",
        "[INFO] Executing deployment...",
        "deployment.apps/web serverside-applied",
        "[INFO] Waiting for deployment to stabilize...",
        "deployment.apps/web condition met",
        "[OK] Deployment complete!",
    ] {
        let at = said[after..].find(line);
        after += at.unwrap_or_else(|| panic!("{line} is not there, or not in order:\n{said}"));
    }
    let record = record(cluster, 1);
    for (key, value) in [
        ("client", "acme-corp"),
        ("version", "v1.2.3"),
        ("outcome", "active"),
        ("digest", &first.digest().to_string()),
    ] {
        assert_eq!(record[key], value);
    }
    let inventory = record["inventory"].as_array().unwrap();
    assert_eq!(inventory.len(), 4);
    for object in inventory {
        assert_eq!(object["uid"].as_str().unwrap().len(), 36, "{object}");
    }
    let holder: Vec<_> = record["holder"].as_str().unwrap().split(' ').collect();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let [who, "pid", _, "started", started, "boot", at, "pids", pids] = holder[..] else {
        panic!("{holder:?}");
    };
    assert!(who.contains('@') && at == boot.trim(), "{holder:?}");
    assert!(started.parse::<u64>().unwrap() > 0, "{holder:?}");
    let world = fs::read_link("/proc/self/ns/pid").unwrap();
    assert_eq!(world.to_str().unwrap(), format!("pid:[{pids}]"));

    // What is captured of the first version holds no secret value.
    cluster.says(&[
        "create",
        "secret",
        "generic",
        "ge-secrets",
        "-n",
        "sh-acme-corp",
        "--from-literal=password=hunter2",
    ]);
    cluster.says(&[
        "annotate",
        "configmap",
        "settings",
        "-n",
        "sh-acme-corp",
        "kubectl.kubernetes.io/last-applied-configuration={\"a\":\"leaked\"}",
    ]);
    let second = Site::new(&small("v1.2.4", "green"));
    ends(&cluster.run(&second, &["--yes"]), 0);
    let left = second.leftovers();
    assert_eq!(left.len(), 1);
    assert!(left[0].starts_with("deploy-state-sh-acme-corp-2"));
    let state = second.top.path().join("tmp").join(&left[0]);
    assert_eq!(
        fs::metadata(&state).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let state = fs::read_to_string(state).unwrap();
    assert!(state.contains("colour: blue"));
    for secret in [
        "hunter2",
        "aHVudGVyMg",
        "leaked",
        "open-sesame",
        "managedFields",
    ] {
        assert!(!state.contains(secret), "{secret} is in:\n{state}");
    }
    let outcomes = cluster.says(&["get", "configmap", "-n", "sh-acme-corp", "-l", "consign.dev/client=acme-corp", "-o",
        "jsonpath={range .items[*]}{.metadata.name} {.metadata.labels.consign\\.dev/outcome}{\"\\n\"}{end}"]);
    assert_eq!(
        outcomes,
        "consign.acme-corp.r1 superseded\nconsign.acme-corp.r2 active\n"
    );
}

fn record(cluster: &Cluster, number: u32) -> serde_json::Value {
    let name = format!("consign.acme-corp.r{number}");
    let text = cluster.says(&[
        "get",
        "configmap",
        &name,
        "-n",
        "sh-acme-corp",
        "-o",
        "jsonpath={.data.record\\.json}",
    ]);
    serde_json::from_str(&text).unwrap()
}

/// What keeps a third version out.
fn stops(cluster: &Cluster) {
    let third = Site::new(&small("v1.2.5", "red"));
    let colour = [
        "get",
        "configmap",
        "settings",
        "-n",
        "sh-acme-corp",
        "-o",
        "jsonpath={.data.colour}",
    ];
    let stopped = |words: &str| {
        let output = cluster.run(&third, &["--yes"]);
        ends(&output, 6);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert_eq!(cluster.says(&colour), "green");
    };

    let lease = third.top.path().join("lease.yaml");
    let now = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S.000000Z"])
        .output()
        .unwrap();
    fs::write(&lease, format!(
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: consign.acme-corp\nspec:\n  holderIdentity: ann@laptop\n  leaseDurationSeconds: 60\n  renewTime: {}",
        stdout(&now),
    )).unwrap();
    cluster.says(&[
        "create",
        "-n",
        "sh-acme-corp",
        "-f",
        lease.to_str().unwrap(),
    ]);
    stopped("ann@laptop");
    cluster.says(&[
        "delete",
        "-n",
        "sh-acme-corp",
        "-f",
        lease.to_str().unwrap(),
    ]);

    cluster.says(&[
        "autoscale",
        "deployment",
        "web",
        "-n",
        "sh-acme-corp",
        "--min=1",
        "--max=3",
    ]);
    stopped("an autoscaler owns .spec.replicas of Deployment/web");
    cluster.says(&["delete", "hpa", "web", "-n", "sh-acme-corp"]);

    // Someone else's field; then what scripts wrote, which is taken over.
    cluster.says(&[
        "label",
        "configmap",
        "settings",
        "-n",
        "sh-acme-corp",
        "--field-manager=mallory",
        "team=x",
    ]);
    cluster.says(&[
        "patch",
        "configmap",
        "settings",
        "-n",
        "sh-acme-corp",
        "--field-manager=mallory",
        "-p",
        r#"{"data":{"colour":"green"}}"#,
    ]);
    cluster.says(&[
        "patch",
        "configmap",
        "settings",
        "-n",
        "sh-acme-corp",
        "--field-manager=mallory",
        "-p",
        r#"{"data":{"colour":"grey"}}"#,
    ]);
    let output = cluster.run(&third, &["--yes"]);
    ends(&output, 6);
    assert!(
        stderr(&output).contains("conflict with \"mallory\""),
        "{}",
        stderr(&output)
    );
    assert_eq!(cluster.says(&colour), "grey");

    cluster.says(&["delete", "configmap", "settings", "-n", "sh-acme-corp"]);
    let applied = third.top.path().join("applied.yaml");
    fs::write(&applied, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: sh-acme-corp\ndata:\n  colour: brown\n").unwrap();
    cluster.says(&["apply", "-f", applied.to_str().unwrap()]);
    let output = cluster.run(&third, &["--yes"]);
    ends(&output, 0);
    assert!(
        stdout(&output).contains("[INFO] Fields written by kubectl apply before are taken over")
    );
    assert_eq!(cluster.says(&colour), "red");
}

/// Asks what the settings say.
const COLOUR: [&str; 7] = [
    "get",
    "configmap",
    "settings",
    "-n",
    "sh-acme-corp",
    "-o",
    "jsonpath={.data.colour}",
];

/// Another run that begins beside the script stops it.
fn meets_others(cluster: &Cluster) {
    let fourth = Site::new(&small("v1.2.6", "violet"));
    let outcome = |number: u32| {
        let name = format!("consign.acme-corp.r{number}");
        let label = "jsonpath={.metadata.labels.consign\\.dev/outcome}";
        cluster.says(&["get", "configmap", &name, "-n", "sh-acme-corp", "-o", label])
    };
    assert_eq!(outcome(3), "active");

    // Another run begins, or takes this one for dead, once its record is
    // there.
    let newer = "consign.acme-corp.r9";
    let begins = format!(
        "\"$real\" create configmap {newer} -n sh-acme-corp >/dev/null\n\
         \"$real\" label configmap {newer} -n sh-acme-corp consign.dev/client=acme-corp >/dev/null"
    );
    let buries = "\"$real\" label configmap consign.acme-corp.r5 -n sh-acme-corp --overwrite \
                  consign.dev/outcome=unknown >/dev/null";
    let goes = "\"$real\" delete configmap consign.acme-corp.r6 -n sh-acme-corp >/dev/null";
    for (number, does, words) in [
        (4, begins.as_str(), "release 9, began meanwhile"),
        (
            5,
            buries,
            "release 5 of acme-corp was ended by someone else",
        ),
        (6, goes, "release 6 of acme-corp was ended by someone else"),
    ] {
        let past = format!("if [[ $1 == create ]]; then\n\"$real\" \"$@\"\n{does}\nexit 0\nfi");
        let output = cluster.run_past(&past, &fourth, &["--yes"]);
        ends(&output, 6);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert_eq!(cluster.says(&COLOUR), "red");
        if number == 6 {
            let name = "configmap/consign.acme-corp.r6";
            ends(&cluster.kubectl(&["get", name, "-n", "sh-acme-corp"]), 1);
        } else {
            assert_eq!(outcome(number), "unknown");
        }
        let _ = cluster.kubectl(&["delete", "configmap", newer, "-n", "sh-acme-corp"]);
    }
    assert_eq!(outcome(3), "active");

    // The Lease is taken between the last look at it and the record.
    let lease = fourth.top.path().join("lease.yaml");
    fs::write(
        &lease,
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: consign.acme-corp\n\
         spec:\n  holderIdentity: ann@laptop\n  leaseDurationSeconds: 60\n  renewTime: NOW\n",
    )
    .unwrap();
    let takes = format!(
        "if [[ $1 == create ]]; then\n\
         text=$(<'{}') now=$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)\n\
         \"$real\" create -n sh-acme-corp -f - <<<\"${{text/NOW/$now}}\" >/dev/null\nfi",
        lease.display()
    );
    let output = cluster.run_past(&takes, &fourth, &["--yes"]);
    ends(&output, 6);
    assert!(
        stderr(&output).contains("ann@laptop"),
        "{}",
        stderr(&output)
    );
    assert_eq!(cluster.says(&COLOUR), "red");
    assert_eq!(outcome(6), "failed");
    cluster.says(&["delete", "lease", "consign.acme-corp", "-n", "sh-acme-corp"]);
}

/// What changed since the script last looked stops it, and what it cannot read
/// at its end is not forgotten.
fn looks_again(cluster: &Cluster) {
    let fourth = Site::new(&small("v1.2.6", "violet"));

    // Someone edits what is to be taken from kubectl apply, once that was
    // found fit to take.
    cluster.says(&["delete", "configmap", "settings", "-n", "sh-acme-corp"]);
    let applied = fourth.top.path().join("applied.yaml");
    fs::write(&applied, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: sh-acme-corp\ndata:\n  colour: brown\n").unwrap();
    cluster.says(&["apply", "-f", applied.to_str().unwrap()]);
    let edits = r#"if [[ "$*" == *jobs.batch* ]]; then
"$real" patch configmap settings -n sh-acme-corp --field-manager=kubectl-edit -p '{"data":{"colour":"pink"}}' >/dev/null
fi"#;
    let output = cluster.run_past(edits, &fourth, &["--yes"]);
    ends(&output, 6);
    let told = "[INFO] Fields written by kubectl apply before are taken over";
    assert_eq!(stdout(&output).matches(told).count(), 1);
    assert!(
        stderr(&output).contains("conflict with \"kubectl-edit\""),
        "{}",
        stderr(&output)
    );
    assert_eq!(cluster.says(&COLOUR), "pink");
    cluster.says(&["delete", "configmap", "settings", "-n", "sh-acme-corp"]);

    // The end of a run that cannot read what it brought.
    let fails = "if [[ $1 == get && $2 == -f ]]; then echo 'no answer' >&2; exit 1; fi";
    let output = cluster.run_past(fails, &fourth, &["--yes"]);
    ends(&output, 0);
    assert!(
        stderr(&output).contains("[WARN] objects not read, recorded by name: no answer"),
        "{}",
        stderr(&output)
    );
    let record = record(cluster, 7);
    assert_eq!(record["outcome"], "active");
    let names: Vec<_> = record["inventory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| format!("{} {}", o["kind"], o["name"]).replace('"', ""))
        .collect();
    assert_eq!(
        names,
        [
            "Namespace sh-acme-corp",
            "ConfigMap settings",
            "Service web",
            "Deployment web"
        ]
    );
}

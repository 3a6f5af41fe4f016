//! What is secret stays so, and values planted in the cluster
//! that may not be in any byte that consign writes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use testkit::api_proxy::{ApiFault, ApiProxy, Seen};
use testkit::consign::Ran;
use testkit::image::Mode;

use crate::stage::{SERVICE, Stage, settings, web};

/// In a Secret that pods read.
const IN_SECRET: &str = "canary-of-the-secret-5d1f";

/// In a Secret that nothing reads.
const IN_OTHER: &str = "canary-of-another-secret-7be0";

/// In a variable of a Deployment as it is in the cluster.
const IN_VARIABLE: &str = "canary-of-a-variable-93ac";

/// The values, and how Secrets hold them.
const CANARIES: [&str; 6] = [
    IN_SECRET,
    "Y2FuYXJ5LW9mLXRoZS1zZWNyZXQtNWQxZg==",
    IN_OTHER,
    "Y2FuYXJ5LW9mLWFub3RoZXItc2VjcmV0LTdiZTA=",
    IN_VARIABLE,
    "Y2FuYXJ5LW9mLWEtdmFyaWFibGUtOTNhYw==",
];

/// Which of them is in a text.
fn planted(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    CANARIES.into_iter().find(|canary| text.contains(canary))
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("directory can be listed") {
        let path = entry.expect("entry can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// That nothing of it is in what runs printed, in files below the root, in
/// release records, or in what was sent through a proxy.
#[track_caller]
fn nothing_is_told(stage: &Stage, proxy: &ApiProxy, runs: &[&Ran]) {
    for ran in runs {
        for (name, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            assert_eq!(planted(text.as_bytes()), None, "{name}: {text}");
        }
    }
    let mut looked = 0;
    for path in files(&stage.hosting.path("")) {
        looked += 1;
        assert_eq!(
            planted(&fs::read(&path).unwrap()),
            None,
            "{}",
            path.display()
        );
    }
    assert!(looked > 0);
    for record in stage.records() {
        assert_eq!(planted(record.to_string().as_bytes()), None, "{record:#}");
    }
    let seen = proxy.seen();
    assert!(!seen.is_empty());
    for request in seen {
        let target = format!("{} {}?{}", request.method, request.path, request.query);
        assert_eq!(planted(target.as_bytes()), None, "{target}");
        assert_eq!(planted(&request.body), None, "{target}");
    }
}

/// A client whose pods read a Secret, v1.0.0 of it deployed, its Deployment
/// given a secret variable by hand.
fn with_canaries(name: &str) -> Stage {
    let stage = Stage::new(name);
    stage
        .kubectl(&["create", "namespace", &stage.namespace])
        .exits(0);
    for (name, value) in [("db", IN_SECRET), ("other", IN_OTHER)] {
        let literal = format!("--from-literal=value={value}");
        stage
            .kubectl(&["create", "secret", "generic", name, &literal])
            .exits(0);
    }
    stage
        .sources(&[
            (
                "web.yaml",
                &reading(&stage.image("v1.0.0", Mode::Ok), "SOME_VALUE"),
            ),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.0.0")),
        ])
        .package("v1.0.0");
    stage.deploy("v1.0.0", &[]).exits(0);
    let variable = format!("DB_PASSWORD={IN_VARIABLE}");
    stage
        .kubectl(&["set", "env", "deployment/web", &variable])
        .exits(0);
    stage
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"])
        .exits(0);
    stage
}

/// What is told of a client.
fn asked(stage: &Stage, version: &str) -> Vec<Ran> {
    let client = stage.client.as_str();
    let package = format!("{client}@{version}");
    let commands: [&[&str]; 5] = [
        &["status", "--client", client],
        &["--format", "json", "status", "--client", client],
        &["history", "--client", client],
        &["--format", "json", "history", "--client", client],
        &["diff", &package, "--live"],
    ];
    commands
        .into_iter()
        .map(|arguments| stage.run(arguments))
        .collect()
}

/// The usual Deployment, whose container reads the Secret into this variable.
fn reading(image: &str, variable: &str) -> String {
    web(image, 1).replace(
        "        ports:",
        &format!(
            "        env: [{{name: {variable}, valueFrom: {{secretKeyRef: {{name: db, key: value}}}}}}]\n        ports:"
        ),
    )
}

#[test]
fn canaries_of_a_crash_and_its_rollback_are_told_nowhere() {
    let mut stage = with_canaries("canary-crash");
    // The program prints the mode that it does not know, and it is the Secret.
    stage
        .sources(&[
            (
                "web.yaml",
                &reading(&stage.image("v1.1.0", Mode::Ok), "MODE"),
            ),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    let planned = stage.deploy("v1.1.0", &["--dry-run"]).exits(0);
    let ran = stage
        .deploy("v1.1.0", &["--fail-after-restarts", "1"])
        .exits(10);
    assert!(
        ran.stderr.contains("MODE \"(left out)\" is unknown"),
        "{}",
        ran.stderr
    );
    let json = stage.run([
        "--format",
        "json",
        "rollback",
        "--client",
        &stage.client,
        "--to",
        "v1.0.0",
        "--yes",
    ]);
    let asked = asked(&stage, "v1.0.0");
    let mut all = vec![&planned, &ran, &json];
    all.extend(&asked);
    nothing_is_told(&stage, &proxy, &all);
}

#[test]
fn canaries_in_a_last_word_are_told_nowhere() {
    let mut stage = with_canaries("canary-word");
    let last = reading(&stage.image("v1.1.0", Mode::Ok), "MODE").replace(
        "        env:",
        "        terminationMessagePolicy: FallbackToLogsOnError\n        env:",
    );
    stage
        .sources(&[
            ("web.yaml", &last),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let proxy = stage.through_proxy(|_, _| ApiFault::None);
    let flags = ["--fail-after-restarts", "1", "--no-rollback"];
    let ran = stage.deploy("v1.1.0", &flags).exits(11);
    let failure = ran
        .stderr
        .lines()
        .find(|l| l.starts_with("[ERROR]") && l.contains("restarted once"));
    let failure = failure.expect(&ran.stderr);
    assert!(failure.contains("(left out)"), "{failure}");
    let asked = asked(&stage, "v1.1.0");
    assert!(
        asked[0].stdout.contains("exit code 1"),
        "{}",
        asked[0].stdout
    );
    let mut all = vec![&ran];
    all.extend(&asked);
    nothing_is_told(&stage, &proxy, &all);
}

/// Refuses what goes to a path that ends so, with the canaries in every place
/// that a refusal has.
fn refuse(
    end: &'static str,
    trials: bool,
) -> impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static {
    move |seen, _| {
        let trial = seen.parameter("dryRun") == Some("All");
        if seen.method != "PATCH" || !seen.path.ends_with(end) || trial != trials {
            return ApiFault::None;
        }
        let words = format!(
            "it is invalid: data[value]: Invalid value: \"{IN_SECRET}\": {IN_VARIABLE} is too long, spec.template: Invalid value: {{\"env\":[{{\"value\":\"{IN_OTHER}\"}}]}}: field is wrong"
        );
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": words, "reason": "Invalid", "code": 422,
            "details": {"causes": [{"reason": "FieldValueInvalid", "field": "data[value]", "message": words}]},
        });
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        ApiFault::Answer(422, headers, body.to_string().into_bytes())
    }
}

#[test]
fn d22_canaries_in_a_refusal_are_told_nowhere() {
    let mut stage = with_canaries("canary-refusal");
    // The server repeats what it was sent, a variable among it.
    let sent = reading(&stage.image("v1.1.0", Mode::Ok), "SOME_VALUE")
        .replace("env: [", "env: [{name: API_HOST, value: plain-value}, ");
    stage
        .sources(&[
            ("web.yaml", &sent),
            ("service.yaml", SERVICE),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let proxy = stage.through_proxy(refuse("/deployments/web", true));
    let refused = stage.deploy("v1.1.0", &[]).exits(9);
    assert!(refused.stderr.contains("Deployment "), "{}", refused.stderr);
    assert!(refused.stderr.contains("(left out)"), "{}", refused.stderr);
    proxy.inject(refuse("/deployments/web", false));
    let failed = stage.deploy("v1.1.0", &["--no-rollback"]).exits(11);
    assert!(failed.stderr.contains("(left out)"), "{}", failed.stderr);
    let json = stage.run([
        "--format",
        "json",
        "deploy",
        &format!("{}@v1.1.0", stage.client),
        "--yes",
        "--no-rollback",
    ]);
    assert_eq!(json.code, 11);
    nothing_is_told(&stage, &proxy, &[&refused, &failed, &json]);
}

#[test]
fn d22_canaries_in_a_refusal_of_a_secret_are_told_nowhere() {
    let mut stage = with_canaries("canary-of-secret");
    // A Secret of a package holds nothing; this one is filled by others.
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: filled}\ntype: Opaque\n";
    let image = stage.image("v1.1.0", Mode::Ok);
    stage
        .sources(&[
            ("web.yaml", &reading(&image, "SOME_VALUE")),
            ("secret.yaml", secret),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let proxy = stage.through_proxy(refuse("/secrets/filled", true));
    let refused = stage.deploy("v1.1.0", &[]).exits(9);
    assert!(refused.stderr.contains("Secret "), "{}", refused.stderr);
    proxy.inject(|_, _| ApiFault::None);
    stage.deploy("v1.1.0", &[]).exits(0);
    let fill = format!("{{\"stringData\": {{\"value\": \"{IN_OTHER}\"}}}}");
    stage
        .kubectl(&["patch", "secret/filled", "--type=merge", "-p", &fill])
        .exits(0);
    let again = stage.deploy("v1.1.0", &[]).exits(0);
    let text = fs::read_to_string(captured(&stage)).unwrap();
    assert!(text.contains("kind: Secret"), "{text}");
    nothing_is_told(&stage, &proxy, &[&refused, &again]);
}

/// The one file that a run captured the state in.
fn captured(stage: &Stage) -> PathBuf {
    let mut found: Vec<PathBuf> = files(&stage.hosting.path("tmp"))
        .into_iter()
        .filter(|p| {
            p.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("deploy-state-")
        })
        .collect();
    found.sort();
    found.pop().expect("the state is captured")
}

#[test]
fn d21_the_captured_state_is_for_its_owner_and_without_secrets() {
    let stage = with_canaries("d21");
    let last_applied =
        format!("kubectl.kubernetes.io/last-applied-configuration={{\"of\": \"{IN_VARIABLE}\"}}");
    stage
        .kubectl(&["annotate", "deployment/web", &last_applied])
        .exits(0);
    stage
        .sources(&[
            (
                "web.yaml",
                &reading(&stage.image("v1.0.0", Mode::Ok), "SOME_VALUE"),
            ),
            ("settings.yaml", &settings("v1.1.0")),
        ])
        .package("v1.1.0");
    let ran = stage.deploy("v1.1.0", &[]).exits(0);
    let path = captured(&stage);
    let name = path.file_name().unwrap().to_str().unwrap();
    let time = name
        .strip_prefix(&format!("deploy-state-{}-", stage.namespace))
        .and_then(|rest| rest.strip_suffix(".yaml"))
        .expect(name);
    assert!(
        time.len() == 14 && time.bytes().all(|b| b.is_ascii_digit()),
        "{name}"
    );
    assert_eq!(path.parent().unwrap(), stage.hosting.path("tmp"));
    assert_eq!(
        path.metadata().unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert!(
        ran.stdout
            .contains(&format!("[INFO] State captured to: {}", path.display())),
        "{}",
        ran.stdout
    );
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(planted(text.as_bytes()), None, "{text}");
    for absent in ["managedFields", "last-applied-configuration"] {
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
    assert!(
        text.contains("kind: Deployment") && text.contains("name: DB_PASSWORD"),
        "{text}"
    );
    assert!(text.contains("text: v1.0.0"), "{text}");
    // It can be gone back with by hand.
    let applied = stage.kubectl(&["apply", "--dry-run=client", "-f", path.to_str().unwrap()]);
    applied.exits(0);
}

#[test]
fn d21_a_file_in_the_way_is_neither_followed_nor_written_and_an_open_umask_does_not_matter() {
    let stage = Stage::new("d21-umask");
    stage
        .sources(&[("settings.yaml", &settings("v1.0.0"))])
        .package("v1.0.0");
    let directory = stage.hosting.path("tmp");
    let victim = stage.hosting.path("victim");
    // A link under every name that the next minute can bring.
    let now = jiff::Timestamp::now();
    for second in 0..60 {
        let time = now + jiff::SignedDuration::from_secs(second);
        let name = format!(
            "deploy-state-{}-{}.yaml",
            stage.namespace,
            time.strftime("%Y%m%d%H%M%S")
        );
        std::os::unix::fs::symlink(&victim, directory.join(name)).unwrap();
    }
    stage.deploy("v1.0.0", &[]).exits(0);
    assert!(!victim.exists());
    let own: Vec<PathBuf> = files(&directory)
        .into_iter()
        .filter(|p| !p.is_symlink())
        .collect();
    assert_eq!(own.len(), 1, "{own:?}");
    for path in files(&directory) {
        fs::remove_file(path).unwrap();
    }
    let binary = env!("CARGO_BIN_EXE_consign");
    let arguments = stage.deploy_arguments("v1.0.0", &[]).join(" ");
    let mut shell = stage.command([""; 0]);
    let mut open = std::process::Command::new("bash");
    open.args(["-c", &format!("umask 0; exec {binary} {arguments}")])
        .env_clear()
        .envs(
            shell
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir(shell.get_current_dir().unwrap());
    shell = open;
    Ran::from(shell.output().unwrap()).exits(0);
    let mode = captured(&stage).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

//! The README's story, run as it stands there.

use std::process::Command;

use testkit::cluster::Cluster;
use testkit::consign::workspace;
use testkit::image::{Image, Mode};

/// The commands of the story, but for those that build and start what this
/// test brings along.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, story) = readme
        .split_once("```console\n")
        .expect("the README has the story");
    let (story, _) = story.split_once("```").unwrap();
    story
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .filter(|line| !line.contains("/x\" cluster ") && !line.contains("./x cluster "))
        .filter(|line| !line.contains("target/release"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_story_of_the_readme_is_true() {
    let cluster = Cluster::shared().expect("the test cluster runs");
    for (version, mode) in [
        ("v1.0.0", Mode::Ok),
        ("v1.1.0", Mode::Crash),
        ("v1.1.1", Mode::Ok),
    ] {
        let image = Image {
            name: "web",
            tag: version,
            version,
            mode,
        };
        cluster.push(&image).unwrap();
    }
    let home = tempfile::tempdir().unwrap();
    let kubectl = cluster.kubectl_command();
    let programs = [
        env!("CARGO_BIN_EXE_consign"),
        kubectl.get_program().to_str().unwrap(),
    ]
    .map(|program| program.rsplit_once('/').unwrap().0.to_owned())
    .join(":");
    let commands = commands();
    let script: String = commands
        .iter()
        .flat_map(|line| [line.as_str(), "\necho \" [$?]\"\n"])
        .collect();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(workspace())
        .env_clear()
        .env(
            "PATH",
            format!("{programs}:{}", std::env::var("PATH").unwrap()),
        )
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("CONSIGN_CONTEXT", "test")
        .env("REGISTRY", cluster.registry().host())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown = format!("{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let ended: Vec<&str> = said
        .lines()
        .filter_map(|line| line.rsplit_once(" [")?.1.strip_suffix(']'))
        .filter(|code| code.parse::<u32>().is_ok())
        .collect();
    assert_eq!(ended.len(), commands.len(), "{shown}");
    for (command, code) in commands.iter().zip(&ended) {
        let expected = if command.contains("deploy --package demo@v1.1.0") {
            "10"
        } else {
            "0"
        };
        assert_eq!(*code, expected, "{command}\n{shown}");
    }
    let answers: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("v1."))
        .collect();
    assert_eq!(answers, ["v1.0.0", "v1.0.0", "v1.0.0"], "{shown}");
    for told in [
        "cannot start: crashing as configured",
        "Rolling back to v1.0.0...",
        "Rollout of v1.1.0 failed; v1.0.0 is serving again",
        "v1.1.1 is slow",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
}

//! The README's story, run as it stands there.

use std::process::Command;

use testkit::cluster::Cluster;
use testkit::consign::workspace;
use testkit::image::{Image, Mode};

/// The commands of the story, without the cluster's own.
fn commands() -> String {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, story) = readme.split_once("```console\n").expect("the README has the story");
    let (story, _) = story.split_once("```").unwrap();
    story
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .filter(|line| !line.contains("./x cluster up"))
        .map(|line| format!("{line}\necho \"[$?]\"\n"))
        .collect()
}

#[test]
fn the_story_of_the_readme_is_true() {
    let cluster = Cluster::shared().expect("the test cluster runs");
    for (version, mode) in [("v1.0.0", Mode::Ok), ("v1.1.0", Mode::Crash), ("v1.1.1", Mode::Ok)] {
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
    let programs = [env!("CARGO_BIN_EXE_consign"), kubectl.get_program().to_str().unwrap()]
        .map(|program| program.rsplit_once('/').unwrap().0.to_owned())
        .join(":");
    let output = Command::new("bash")
        .args(["-c", &commands()])
        .current_dir(workspace())
        .env_clear()
        .env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap()))
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("REGISTRY", cluster.registry().host())
        .env("STORY", home.path().join("story"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown = format!("{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let ended: Vec<&str> = said
        .lines()
        .filter_map(|line| line.rsplit_once('['))
        .filter_map(|(_, rest)| rest.strip_suffix(']'))
        .filter(|code| code.parse::<u32>().is_ok())
        .collect();
    let failed: Vec<usize> = (0..ended.len()).filter(|at| ended[*at] != "0").collect();
    assert_eq!(ended.len(), commands().matches("echo").count(), "{shown}");
    // The deploy of the version that crashes, and nothing else.
    assert_eq!(failed.len(), 1, "{ended:?}\n{shown}");
    assert_eq!(ended[failed[0]], "10", "{shown}");
    let answers: Vec<&str> = said.lines().filter(|line| line.starts_with("v1.0.0")).collect();
    assert_eq!(answers.len(), 2, "{shown}");
    assert!(said.contains("v1.1.0") && said.contains("rolled-back"), "{shown}");
}

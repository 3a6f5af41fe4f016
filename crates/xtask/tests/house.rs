//! The house holds: crates import downwards only, outside libraries stay in
//! their rooms, and modules name only modules listed above them.

#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each crate and its floor; testkit and xtask stand in the garden.
const FLOORS: &[(&str, u8)] = &[
    ("consign-model", 0),
    ("consign-render", 1),
    ("consign-package", 1),
    ("consign-catalog", 1),
    ("consign-registry", 2),
    ("consign-programs", 2),
    ("consign-rollout", 2),
    ("consign", 3),
];

const GARDEN: &[&str] = &["consign-testkit", "xtask"];

/// Libraries that only these crates may know, beside the garden.
const ROOMS: &[(&str, &[&str])] = &[
    ("clap", &["consign"]),
    ("granit-parser", &["consign-model"]),
    ("http", &["consign-rollout"]),
    ("k8s-openapi", &["consign-rollout"]),
    ("kube", &["consign-rollout"]),
    ("reqwest", &["consign-registry"]),
    ("rustls", &["consign-registry", "consign-rollout"]),
    ("tokio", &["consign-registry", "consign-rollout", "consign"]),
];

/// What floors 0 and 1 never name: the clock, the environment, processes, the
/// network.
const NEVER_BELOW: &[&str] = &[
    "std::env",
    "std::process",
    "std::net",
    "SystemTime",
    "Instant::now",
    "async fn",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
}

/// Packages and their ordinary dependencies, from cargo itself.
fn packages() -> BTreeMap<String, Vec<String>> {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut packages = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let dependencies = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|d| d["kind"].is_null())
            .map(|d| d["name"].as_str().unwrap().to_owned())
            .collect();
        packages.insert(package["name"].as_str().unwrap().to_owned(), dependencies);
    }
    packages
}

#[test]
fn every_crate_has_a_floor_and_imports_downwards() {
    let packages = packages();
    assert!(packages.len() >= FLOORS.len() + GARDEN.len());
    for (name, dependencies) in &packages {
        if GARDEN.contains(&name.as_str()) {
            continue;
        }
        let own = floor(name).unwrap_or_else(|| panic!("{name} has no floor"));
        for dependency in dependencies {
            assert!(
                !GARDEN.contains(&dependency.as_str()),
                "{name} ships {dependency}, which belongs in the garden"
            );
            if let Some(other) = floor(dependency) {
                assert!(
                    other < own,
                    "{name} (floor {own}) imports {dependency} (floor {other})"
                );
            }
        }
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    let packages = packages();
    for (library, rooms) in ROOMS {
        let users: Vec<&str> = packages
            .iter()
            .filter(|(_, dependencies)| dependencies.iter().any(|d| d == library))
            .map(|(name, _)| name.as_str())
            .filter(|name| !GARDEN.contains(name))
            .collect();
        for user in &users {
            assert!(
                rooms.contains(user),
                "{user} uses {library}, which belongs to {rooms:?}"
            );
        }
        for room in *rooms {
            assert!(
                users.contains(room),
                "{room} no longer uses {library}; take it out of the list"
            );
        }
    }
}

fn sources(directory: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// The part of a source that ships: its tests may do as they please, and
/// comments name what they like.
fn shipped(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn floors_0_and_1_know_no_clock_environment_process_or_network() {
    for name in ["model", "render", "package", "catalog"] {
        let mut files = Vec::new();
        sources(
            &workspace().join("crates").join(name).join("src"),
            &mut files,
        );
        assert!(!files.is_empty());
        for file in files {
            let text = shipped(&file);
            for never in NEVER_BELOW {
                // The name of a temporary directory carries its maker's process id.
                let process_id = text.replace("std::process::id()", "");
                assert!(
                    !process_id.contains(never),
                    "{} names {never}",
                    file.display()
                );
            }
        }
    }
}

/// The modules a file lists, in order.
fn listed(root: &Path) -> Vec<String> {
    shipped(root)
        .lines()
        .filter_map(|l| {
            let l = l.trim();
            let l = l
                .strip_prefix("pub ")
                .or_else(|| l.strip_prefix("pub(crate) "))
                .unwrap_or(l);
            Some(l.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
        })
        .collect()
}

#[test]
fn modules_name_only_modules_listed_above_them() {
    let mut checked = 0;
    for entry in std::fs::read_dir(workspace().join("crates")).unwrap() {
        let src = entry.unwrap().path().join("src");
        let root = [src.join("lib.rs"), src.join("main.rs")]
            .into_iter()
            .find(|p| p.exists())
            .unwrap();
        let modules = listed(&root);
        for (at, module) in modules.iter().enumerate() {
            let mut files = Vec::new();
            let file = src.join(format!("{module}.rs"));
            if file.exists() {
                files.push(file);
            }
            if src.join(module).is_dir() {
                sources(&src.join(module), &mut files);
            }
            for file in files {
                let text = shipped(&file);
                for below in &modules[at + 1..] {
                    let names = text
                        .match_indices(&format!("crate::{below}"))
                        .any(|(i, m)| {
                            !text[i + m.len()..]
                                .starts_with(|c: char| c.is_alphanumeric() || c == '_')
                        });
                    assert!(
                        !names,
                        "{} names {below}, which {} lists after {module}",
                        file.display(),
                        root.display()
                    );
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "only {checked} files were looked at");
}

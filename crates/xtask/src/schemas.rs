//! `cargo xtask schemas`: the schemas of the built-in kinds of Kubernetes.
//!
//! From the Go modules `k8s.io/kubernetes`, one for each minor release:
//! fields, types, what is required and the scope of kinds from
//! `api/openapi-spec/swagger.json`; the values a field may take, which that
//! file does not have, from `pkg/generated/openapi/zz_generated.openapi.go`.
//! Both are merged over the releases into two sorted text files, whose form
//! `package::schema` describes.

mod definitions;
mod enums;
mod exceptions;
mod print;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use definitions::Definitions;

/// The releases, oldest first, each by the newest patch that could be had.
pub const RELEASES: [&str; 5] = ["1.33.5", "1.34.1", "1.35.4", "1.36.3", "1.37.2"];

/// The two files, by name.
pub type Files = BTreeMap<&'static str, String>;

/// Writes the files into the package crate, or with `--check` says whether
/// they are what would be written.
pub fn run(args: &[String]) -> Result<(), String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../package/data");
    let check = match args {
        [] => false,
        [arg] if arg == "--check" => true,
        _ => return Err("usage: cargo xtask schemas [--check]".to_owned()),
    };
    let modules = RELEASES
        .iter()
        .map(|release| module(release))
        .collect::<Result<Vec<_>, _>>()?;
    for (name, text) in generate(&modules)? {
        let path = dir.join(name);
        if !check {
            fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            return Err(format!(
                "{} is not what `cargo xtask schemas` writes",
                path.display()
            ));
        }
    }
    Ok(())
}

/// The directory of a release's Go module, fetched if need be.
fn module(release: &str) -> Result<PathBuf, String> {
    let wanted = format!("k8s.io/kubernetes@v{release}");
    let output = Command::new("go")
        .args(["mod", "download", "-json", &wanted])
        .current_dir("/")
        .output()
        .map_err(|e| format!("go: {e}"))?;
    let answer: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("go mod download: {e}"))?;
    match answer["Dir"].as_str() {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => Err(format!("{wanted}: {}", answer["Error"])),
    }
}

/// The files made from these directories of modules, in the order of
/// [`RELEASES`].
pub fn generate(modules: &[PathBuf]) -> Result<Files, String> {
    let mut releases = Vec::new();
    for module in modules {
        let read = |path: &str| {
            let path = module.join(path);
            fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let swagger: Value = serde_json::from_str(&read("api/openapi-spec/swagger.json")?)
            .map_err(|e| format!("{}: {e}", module.display()))?;
        let enums = enums::read(&read("pkg/generated/openapi/zz_generated.openapi.go")?);
        releases.push(Definitions::read(&swagger, &enums)?);
    }
    exceptions::apply(&mut releases)?;
    Ok(print::files(&releases))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where Go keeps modules; the test says so when they are not there.
    fn cached() -> Option<Vec<PathBuf>> {
        let output = Command::new("go")
            .args(["env", "GOMODCACHE"])
            .output()
            .ok()?;
        let cache = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        let dirs: Vec<_> = RELEASES
            .iter()
            .map(|release| cache.join(format!("k8s.io/kubernetes@v{release}")))
            .collect();
        dirs.iter().all(|dir| dir.is_dir()).then_some(dirs)
    }

    #[test]
    fn the_committed_files_are_what_is_generated() {
        let Some(modules) = cached() else {
            eprintln!("the modules k8s.io/kubernetes are not in Go's cache: not compared");
            return;
        };
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../package/data");
        let files = generate(&modules).unwrap();
        assert_eq!(files.len(), 2);
        for (name, text) in files {
            assert!(
                fs::read_to_string(dir.join(name)).unwrap() == text,
                "{name}"
            );
        }
    }
}

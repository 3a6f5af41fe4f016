//! Packages: the directories below `packages`.

use model::files::{FileError, Kind, Root};
use model::name::ClientName;
use model::path::RelPath;
use model::version::PackageName;

/// What a packages directory holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// The packages, by client, then by semver precedence.
    pub names: Vec<PackageName>,
    /// What else lies there, escaped; work in progress (`.tmp-…`) excepted.
    pub odd: Vec<String>,
}

/// What makers and removers of packages name their work in progress; nobody
/// else looks at it.
pub const IN_PROGRESS: &str = ".tmp-";

impl Packages {
    /// The newest package of a client, by semver precedence.
    pub fn newest(&self, client: &ClientName) -> Option<&PackageName> {
        self.names.iter().rfind(|p| p.client == *client)
    }

    /// The packages of a client, oldest version first.
    pub fn of<'a>(&'a self, client: &'a ClientName) -> impl Iterator<Item = &'a PackageName> {
        self.names.iter().filter(move |p| p.client == *client)
    }
}

/// Lists the packages of the directory that `root` holds; nothing of them is
/// opened.
pub fn list(root: &Root) -> Result<Packages, FileError> {
    let mut packages = Packages::default();
    for entry in root.list(&RelPath::root())? {
        if entry.name.as_bytes().starts_with(IN_PROGRESS.as_bytes()) {
            continue;
        }
        match entry.name.as_str().and_then(|name| name.parse().ok()) {
            Some(name) if entry.kind == Kind::Directory => packages.names.push(name),
            _ => packages.odd.push(entry.name.to_string()),
        }
    }
    packages.names.sort();
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_in_version_order_and_strangers_are_told() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b-v1.0.0",
            "a-v1.10.0",
            "a-v1.9.0",
            "a-v1.10.0-rc1",
            ".tmp-a-v2.0.0-1",
            "notes",
        ] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("c-v1.0.0"), "a file").unwrap();
        let found = list(&Root::open(dir.path()).unwrap()).unwrap();
        let names: Vec<String> = found.names.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["a-v1.9.0", "a-v1.10.0-rc1", "a-v1.10.0", "b-v1.0.0"]
        );
        assert_eq!(found.odd, ["c-v1.0.0", "notes"]);
        assert_eq!(
            found.newest(&"a".parse().unwrap()).unwrap().to_string(),
            "a-v1.10.0"
        );
    }
}

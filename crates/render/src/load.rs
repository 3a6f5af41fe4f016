//! Finding and reading what a kustomization names.
//!
//! Two fences stand around every read: the [`Area`], which is what the client
//! may read at all, and kustomize's own restrictor, which keeps the files of a
//! kustomization in or below its directory.

use std::cell::Cell;
use std::sync::Arc;

use model::files::{Area, FileError, Kind};
use model::finding::{Class, Finding};
use model::path::RelPath;
use model::yaml::Limits;

use crate::kustomization::{Kustomization, Line};

/// The names a kustomization may have, in kustomize's order.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Directories within one another. Real trees have five; the stack of any
/// thread holds this many.
const DEPTH_MAX: usize = 64;

/// Kustomizations built in one build, each as often as it is reached: a
/// directory reached twice is built twice, so the number can grow with the
/// power of the depth.
const BUILDS_MAX: usize = 10_000;

/// Bytes parsed in one build, each file as often as it is reached.
const BYTES_MAX: usize = 512 << 20;

/// What begins the list of kustomizations that led somewhere, in a message.
pub const REACHED: &str = " (reached through ";

/// Which files a kustomization may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoadRestrictor {
    /// Those in or below its own directory, symbolic links followed.
    #[default]
    RootOnly,
    /// All in the area.
    Repository,
}

/// Reads for one build, and counts.
#[derive(Debug)]
pub struct Loader<'a> {
    area: &'a Area<'a>,
    restrictor: LoadRestrictor,
    /// For every text that is parsed.
    pub limits: Limits,
    builds: Cell<usize>,
    bytes: Cell<usize>,
}

/// A directory being built, and those that led to it.
#[derive(Debug)]
pub struct Directory<'p> {
    /// The directory, symbolic links followed.
    pub path: RelPath,
    /// Its kustomization.
    pub file: RelPath,
    /// The directory that names it, and the line that does.
    from: Option<(&'p Directory<'p>, u32)>,
}

/// What an entry of `resources` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A file, symbolic links followed.
    File(RelPath),
    /// A directory, symbolic links followed.
    Directory(RelPath),
}

impl Directory<'_> {
    /// Adds where it is, and what led there.
    pub fn locate(&self, finding: Finding, line: u32) -> Finding {
        self.explain(finding.at(self.file.as_str(), line))
    }

    /// Adds what led here to a finding that has its place already.
    pub fn explain(&self, mut finding: Finding) -> Finding {
        let mut at = self.from;
        let mut separator = REACHED;
        while let Some((parent, line)) = at {
            finding.message.push_str(separator);
            finding.message.push_str(parent.file.as_str());
            if line > 0 {
                finding.message.push(':');
                finding.message.push_str(&line.to_string());
            }
            separator = ", ";
            at = parent.from;
        }
        if self.from.is_some() {
            finding.message.push(')');
        }
        finding
    }

    /// A finding about a line of its kustomization.
    pub fn invalid(&self, line: u32, message: impl Into<String>) -> Finding {
        let finding = Finding::error("kustomization-invalid", Class::Usage, message);
        self.locate(finding, line)
    }

    fn depth(&self) -> usize {
        let mut depth = 1;
        let mut at = self;
        while let Some((parent, _)) = at.from {
            depth += 1;
            at = parent;
        }
        depth
    }

    /// Whether it, or one that led to it, is or lies below a directory.
    fn cycles_to(&self, candidate: &RelPath) -> Option<&RelPath> {
        let mut at = Some(self);
        while let Some(directory) = at {
            if directory.path.is_within(candidate) {
                return Some(&directory.path);
            }
            at = directory.from.map(|(parent, _)| parent);
        }
        None
    }
}

impl<'a> Loader<'a> {
    /// For one build.
    pub fn new(area: &'a Area<'a>, restrictor: LoadRestrictor) -> Self {
        Self {
            area,
            restrictor,
            limits: Limits::default(),
            builds: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// The kustomization of the directory the build begins at.
    pub fn root(
        &self,
        path: &RelPath,
    ) -> Result<(Directory<'static>, Kustomization), Vec<Finding>> {
        let real = self.area.real(path).map_err(|e| vec![e.into()])?;
        let file = self.find(&real).map_err(|f| vec![f])?;
        let directory = Directory {
            path: real,
            file,
            from: None,
        };
        let kustomization = self.kustomization(&directory)?;
        Ok((directory, kustomization))
    }

    /// The kustomization of a directory that a line of another one names.
    pub fn enter<'p>(
        &self,
        parent: &'p Directory<'p>,
        path: RelPath,
        line: u32,
    ) -> Result<(Directory<'p>, Kustomization), Vec<Finding>> {
        if let Some(visited) = parent.cycles_to(&path) {
            let message = format!(
                "cycle detected: directory '{path}' contains directory '{visited}', which is being built"
            );
            return Err(vec![parent.invalid(line, message)]);
        }
        if parent.depth() >= DEPTH_MAX {
            let message = format!("limit exceeded: directories {DEPTH_MAX} within one another");
            return Err(vec![parent.invalid(line, message)]);
        }
        let file = self.find(&path).map_err(|f| vec![parent.locate(f, line)])?;
        let directory = Directory {
            path,
            file,
            from: Some((parent, line)),
        };
        let kustomization = self.kustomization(&directory)?;
        Ok((directory, kustomization))
    }

    /// The one kustomization of a directory.
    fn find(&self, directory: &RelPath) -> Result<RelPath, Finding> {
        let mut found = Vec::new();
        for name in NAMES {
            let path = directory.join(name).map_err(|e| {
                Finding::error("kustomization-missing", Class::Usage, e.to_string())
            })?;
            if self.area.kind(&path)? == Some(Kind::File) {
                found.push(path);
            }
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Finding::error(
                "kustomization-missing",
                Class::Usage,
                format!(
                    "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{directory}'"
                ),
            )
            .in_file(directory.to_string())),
            several => {
                let names: Vec<&str> = several.iter().filter_map(RelPath::file_name).collect();
                Err(Finding::error(
                    "kustomization-several",
                    Class::Usage,
                    format!(
                        "Found multiple kustomization files under: {directory} ({})",
                        names.join(", ")
                    ),
                )
                .in_file(directory.to_string())
                .help("keep one of them"))
            }
        }
    }

    fn kustomization(&self, directory: &Directory<'_>) -> Result<Kustomization, Vec<Finding>> {
        let explain = |f: Finding| directory.explain(f);
        let builds = self.builds.get() + 1;
        self.builds.set(builds);
        if builds > BUILDS_MAX {
            let message =
                format!("limit exceeded: more than {BUILDS_MAX} kustomizations in one build");
            return Err(vec![directory.invalid(0, message)]);
        }
        let bytes = self
            .area
            .real(&directory.file)
            .and_then(|real| {
                self.within(directory, &real)?;
                self.area.read(&real)
            })
            .map_err(|e| vec![explain(e.into())])?;
        let text = self
            .text(&directory.file, &bytes)
            .map_err(|f| vec![explain(f)])?;
        Kustomization::parse(text, directory.file.as_str(), &self.limits)
            .map_err(|all| all.into_iter().map(explain).collect())
    }

    /// kustomize's restrictor.
    fn within(&self, directory: &Directory<'_>, real: &RelPath) -> Result<(), FileError> {
        let is_within = real
            .parent()
            .is_some_and(|parent| parent.is_within(&directory.path));
        match self.restrictor {
            LoadRestrictor::RootOnly if !is_within => Err(FileError::new(
                real.to_string(),
                model::files::FileCause::Outside {
                    real: real.to_string(),
                },
            )),
            LoadRestrictor::RootOnly | LoadRestrictor::Repository => Ok(()),
        }
    }

    /// Where a path that a line names leads, if anywhere.
    fn follow(&self, directory: &Directory<'_>, named: &Line) -> Result<RelPath, Finding> {
        let path = &named.text;
        if path.is_empty() {
            return Err(directory.invalid(named.line, "an empty path"));
        }
        let joined = directory.path.join(path).map_err(|e| {
            let message = format!("'{path}' is outside what this client may read: {e}");
            directory.locate(
                Finding::error("file-outside", Class::Policy, message)
                    .help("name files and directories by relative paths that stay below the root"),
                named.line,
            )
        })?;
        self.area
            .real(&joined)
            .map_err(|e| refused(directory, named, e))
    }

    /// What an entry of `resources` or `components` names.
    pub fn named(&self, directory: &Directory<'_>, entry: &Line) -> Result<Named, Finding> {
        if is_url(&entry.text) {
            return Err(remote(directory, entry));
        }
        let real = match self.follow(directory, entry) {
            Err(f) if f.code == "file-missing" && looks_remote(&entry.text) => {
                return Err(remote(directory, entry));
            }
            other => other?,
        };
        match self
            .area
            .kind(&real)
            .map_err(|e| refused(directory, entry, e))?
        {
            Some(Kind::File) => {
                self.restrict(directory, entry, &real)?;
                Ok(Named::File(real))
            }
            Some(Kind::Directory) => Ok(Named::Directory(real)),
            None if looks_remote(&entry.text) => Err(remote(directory, entry)),
            None => Err(missing(directory, entry, &real)),
            Some(other) => {
                let message = format!("'{}' is {other}", entry.text);
                Err(directory.invalid(entry.line, message))
            }
        }
    }

    fn restrict(
        &self,
        directory: &Directory<'_>,
        entry: &Line,
        real: &RelPath,
    ) -> Result<(), Finding> {
        self.within(directory, real).map_err(|_| {
            let message = format!(
                "security; file '{}' is not in or below '{}': it leads to '{real}', outside what this kustomization may read",
                entry.text, directory.path
            );
            directory.locate(
                Finding::error("file-outside", Class::Policy, message).help(
                    "put the file in or below the kustomization's directory, or name its directory in resources",
                ),
                entry.line,
            )
        })
    }

    /// The bytes of a file that a line names, and its real path.
    pub fn read(
        &self,
        directory: &Directory<'_>,
        entry: &Line,
    ) -> Result<(RelPath, Arc<[u8]>), Finding> {
        if entry.text.starts_with("http://") || entry.text.starts_with("https://") {
            return Err(remote(directory, entry));
        }
        let real = self.follow(directory, entry)?;
        match self
            .area
            .kind(&real)
            .map_err(|e| refused(directory, entry, e))?
        {
            None => return Err(missing(directory, entry, &real)),
            Some(Kind::Directory) => {
                let message = format!("'{}' must resolve to a file", entry.text);
                return Err(directory.invalid(entry.line, message));
            }
            Some(_) => {}
        }
        self.restrict(directory, entry, &real)?;
        let bytes = self
            .area
            .read(&real)
            .map_err(|e| refused(directory, entry, e))?;
        Ok((real, bytes))
    }

    /// Bytes as text to be parsed; counted.
    pub fn text<'b>(&self, file: &RelPath, bytes: &'b [u8]) -> Result<&'b str, Finding> {
        let total = self.bytes.get().saturating_add(bytes.len());
        self.bytes.set(total);
        if total > BYTES_MAX {
            return Err(Finding::error(
                "render-limit",
                Class::Usage,
                format!("limit exceeded: more than {BYTES_MAX} bytes parsed in one build"),
            )
            .in_file(file.as_str()));
        }
        std::str::from_utf8(bytes).map_err(|e| {
            let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
            let line = before.split(|b| *b == b'\n').count();
            Finding::error("file-not-utf8", Class::Usage, "the file is not UTF-8 text")
                .at(file.as_str(), u32::try_from(line).unwrap_or(0))
        })
    }
}

fn refused(directory: &Directory<'_>, entry: &Line, error: FileError) -> Finding {
    let text = format!("'{}': {error}", entry.text);
    let mut finding = Finding::from(error);
    finding.message = text;
    directory.locate(finding, entry.line)
}

fn missing(directory: &Directory<'_>, entry: &Line, real: &RelPath) -> Finding {
    let message = format!("'{}': no such file or directory: {real}", entry.text);
    directory.locate(
        Finding::error("file-missing", Class::Usage, message),
        entry.line,
    )
}

fn remote(directory: &Directory<'_>, entry: &Line) -> Finding {
    let message = format!("'{}' is remote: a build reads no network", entry.text);
    directory.locate(
        Finding::error("kustomization-remote", Class::Policy, message)
            .help("copy it below the root and name the copy"),
        entry.line,
    )
}

/// Whether a path can only be remote.
fn is_url(path: &str) -> bool {
    let has_user = path
        .split_once(':')
        .is_some_and(|(host, _)| host.contains('@') && !host.contains('/'));
    path.contains("://") || path.contains("?ref=") || path.starts_with("git::") || has_user
}

/// Whether kustomize would take a path that names nothing here as remote.
fn looks_remote(path: &str) -> bool {
    let hosts = [
        "github.com/",
        "github.com:",
        "gitlab.com/",
        "bitbucket.org/",
    ];
    let path = path.to_ascii_lowercase();
    hosts.iter().any(|host| path.starts_with(host)) || format!("{path}/").contains(".git/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remote() {
        for url in [
            "https://github.com/a/b//c?ref=v1",
            "ssh://git@host/a",
            "git@github.com:a/b",
            "github.com/a/b?ref=main",
            "git::https://x/y",
        ] {
            assert!(is_url(url), "{url}");
        }
        for path in ["../base", "a/b.yaml", "a@b/c:d", "./x"] {
            assert!(!is_url(path), "{path}");
        }
        assert!(looks_remote("github.com/a/b"));
    }
}

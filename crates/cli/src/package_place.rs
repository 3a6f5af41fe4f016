//! Where a package is, and what verification says of it.

use std::path::{Path, PathBuf};

use model::files::{FileTree, Root, TreeLimits, read_tree};
use model::finding::{Class, Finding, Place};
use model::version::PackageName;
use package::open::{self, BashSyntax, OpenOptions, Opening, Steps};
use package::report::{self, Report};
use package::schema::Release;
use programs::bash;
use programs::process::Program;

use crate::args::Verbosity;
use crate::environment::Environment;
use crate::root::Hosting;
use crate::screen::{Line, Tag, line};

/// Where a package is: a directory, `<client>@<version>`, or a name in the
/// packages directory.
pub fn find(package: &Path, hosting: Option<&Hosting>, environment: &Environment) -> PathBuf {
    let here = environment.here.join(package);
    if here.symlink_metadata().is_ok() {
        return here;
    }
    let name = package
        .to_str()
        .and_then(|text| match text.split_once('@') {
            Some((client, version)) => Some(PackageName {
                client: client.parse().ok()?,
                version: version.parse().ok()?,
            }),
            None => text.trim_end_matches('/').parse().ok(),
        });
    match (name, hosting) {
        (Some(name), Some(hosting)) => hosting
            .root
            .path()
            .join(hosting.settings.packages.as_str())
            .join(name.to_string()),
        _ => here,
    }
}

/// Reads a package directory, every byte once.
pub fn read(directory: &Path) -> Result<FileTree, Finding> {
    let root = Root::open(directory).map_err(|e| {
        let (_, class) = e.class();
        Finding::error(
            "package-unreadable",
            class,
            format!("Package not found: {}: {}", directory.display(), e.cause()),
        )
        .help("Give a package's directory, its name, or <client>@<version>")
    })?;
    read_tree(&root, &TreeLimits::default(), open::is_wanted).map_err(Finding::from)
}

/// How a package is verified.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// The Kubernetes version to check against instead of the package's own.
    pub release: Option<Release>,
    /// Which steps are taken.
    pub steps: Steps,
}

/// Opens what was read, by the rules of this root if there is one.
pub fn open(tree: &FileTree, hosting: Option<&Hosting>, how: How) -> Opening {
    let options = OpenOptions {
        kubernetes: how.release,
        steps: how.steps,
        ..hosting.map(Hosting::open_options).unwrap_or_default()
    };
    open::open(tree, &options)
}

/// What bash says about a script that is not consign's own.
fn bash_syntax(script: &[u8], environment: &Environment) -> Result<BashSyntax, Finding> {
    let bash = Program::find("bash", &environment.path);
    let said = bash::check(bash.as_ref(), script).map_err(|e| {
        Finding::error("bash-failed", Class::Io, format!("Cannot ask bash: {e}"))
            .help("See what is wrong with bash on this machine, then run again")
    })?;
    Ok(match said {
        bash::Syntax::Valid => BashSyntax::Valid,
        bash::Syntax::Invalid { line, why } => BashSyntax::Invalid(match line {
            Some(line) => format!("line {line}: {why}"),
            None => why,
        }),
        bash::Syntax::Unchecked => BashSyntax::Absent,
    })
}

/// Reads and verifies a package directory.
pub fn verify(
    directory: &Path,
    hosting: Option<&Hosting>,
    how: How,
    environment: &Environment,
) -> Result<Report, Finding> {
    let tree = read(directory)?;
    verify_tree(&tree, hosting, how, environment)
}

/// Verifies what was read, wherever it came from.
pub fn verify_tree(
    tree: &FileTree,
    hosting: Option<&Hosting>,
    how: How,
    environment: &Environment,
) -> Result<Report, Finding> {
    let opening = open(tree, hosting, how);
    let answer = match opening.script() {
        Some(script) => bash_syntax(script, environment)?,
        None => BashSyntax::Absent,
    };
    Ok(opening.finish(&answer))
}

/// The report's lines as they are printed.
pub fn lines(report: &Report, verbosity: Verbosity) -> Vec<Line> {
    report
        .lines
        .iter()
        .filter_map(|l| {
            let tag = match l.tag {
                report::Tag::Pass => Tag::Pass,
                report::Tag::Fail => Tag::Fail,
                report::Tag::Info => Tag::Info,
                report::Tag::Warn => Tag::Warn,
                report::Tag::Ok => Tag::Ok,
                report::Tag::Error => Tag::Error,
                report::Tag::Plain => return Some(Line::Plain(l.text.clone())),
                report::Tag::Verbose => {
                    return (verbosity == Verbosity::Verbose).then(|| Line::Plain(l.text.clone()));
                }
            };
            Some(line(tag, l.text.clone()))
        })
        .collect()
}

/// A finding of a package, with the package's own path before the file's.
pub fn within(mut finding: Finding, package: &Path) -> Finding {
    let (path, line) = match &finding.place {
        Some(place) => (package.join(&place.path), place.line),
        None => (package.to_owned(), None),
    };
    finding.place = Some(Place {
        path: path.display().to_string(),
        line,
    });
    finding
}

//! `consign verify`.

use std::path::{Path, PathBuf};

use model::files::{FileTree, Root, TreeLimits, read_tree};
use model::finding::{Class, Finding, Place};
use model::version::PackageName;
use package::open::{self, BashSyntax, OpenOptions, Opening};
use package::report::{self, Report};
use package::schema::Release;
use programs::bash;
use programs::process::Program;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::args::{self, Verbosity};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::root::Hosting;
use crate::screen::{Line, Screen, Tag, line};

/// How many packages are looked at before their reports are printed: enough to
/// keep the cores busy, few enough that real ones fit in a hundred megabytes.
const AT_ONCE: usize = 64;

/// Verifies the packages.
pub fn run(
    args: &args::Verify,
    hosting: Result<Hosting, Vec<Finding>>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let release = args
        .kubernetes
        .as_deref()
        .map(Release::parse)
        .transpose()
        .map_err(|f| vec![f])?;
    let packages = if args.all {
        all(hosting.as_ref().map_err(Clone::clone)?)?
    } else {
        args.packages
            .iter()
            .map(|package| place(package, hosting.as_ref().ok(), environment))
            .collect()
    };
    let hosting = hosting.ok();
    let mut outcome = Outcome::done(Value::Null);
    let mut answers = Vec::new();
    let mut failed = 0;
    let progress = screen.progress("Verifying packages", packages.len());
    for some in packages.chunks(AT_ONCE) {
        let verify = |path: &PathBuf| verified(path, hosting.as_ref(), release, environment);
        let results: Vec<Result<Report, Finding>> = match some {
            [one] => vec![verify(one)],
            many => many.par_iter().map(verify).collect(),
        };
        for (path, result) in some.iter().zip(results) {
            progress.step();
            match result {
                Ok(report) => {
                    screen.report(&lines(&report, screen.verbosity()));
                    outcome.exit = outcome.exit.and(Exit::of(&report.findings));
                    failed += usize::from(!report.passed());
                    answers.push(answer(&report, path));
                    outcome
                        .told
                        .extend(report.findings.into_iter().map(|f| within(f, path)));
                }
                Err(finding) => {
                    screen.findings(std::slice::from_ref(&finding));
                    outcome.exit = outcome.exit.and(Exit::of([&finding]));
                    failed += 1;
                    outcome.told.push(finding);
                }
            }
        }
    }
    if packages.len() > 1 {
        let tag = if failed == 0 { Tag::Ok } else { Tag::Error };
        screen.report(&[line(
            tag,
            format!("Packages verified: {}, failed: {failed}", packages.len()),
        )]);
    }
    outcome.data = json!({ "packages": answers });
    Ok(outcome)
}

/// Every package of the packages directory.
fn all(hosting: &Hosting) -> Result<Vec<PathBuf>, Vec<Finding>> {
    let directory = hosting.root.path().join(hosting.settings.packages.as_str());
    let root = Root::open(&directory).map_err(|e| vec![e.into()])?;
    let packages = catalog::packages::list(&root).map_err(|e| vec![e.into()])?;
    Ok(packages
        .names
        .iter()
        .map(|name| directory.join(name.to_string()))
        .collect())
}

/// Where a package is: a directory, `<client>@<version>`, or a name in the
/// packages directory.
fn place(package: &Path, hosting: Option<&Hosting>, environment: &Environment) -> PathBuf {
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

/// Opens what was read, by the rules of this root if there is one.
pub fn open(tree: &FileTree, hosting: Option<&Hosting>, release: Option<Release>) -> Opening {
    let options = OpenOptions {
        kubernetes: release,
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

fn verified(
    directory: &Path,
    hosting: Option<&Hosting>,
    release: Option<Release>,
    environment: &Environment,
) -> Result<Report, Finding> {
    let tree = read(directory)?;
    let opening = open(&tree, hosting, release);
    let answer = match opening.script() {
        Some(script) => bash_syntax(script, environment)?,
        None => BashSyntax::Absent,
    };
    Ok(opening.finish(&answer))
}

fn lines(report: &Report, verbosity: Verbosity) -> Vec<Line> {
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
fn within(mut finding: Finding, package: &Path) -> Finding {
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

fn answer(report: &Report, path: &Path) -> Value {
    let package = report.package.as_ref();
    json!({
        "path": path.display().to_string(),
        "name": report.name,
        "ok": report.passed(),
        "digest": package.map(|p| p.digest().to_string()),
        "client": package.map(|p| p.manifest.client.as_str()),
        "version": package.map(|p| p.manifest.version.to_string()),
        "namespace": package.map(|p| p.manifest.namespace.as_str()),
        "objects": package.map(|p| p.objects.len()),
        "images": package.map(|p| p.images.iter().map(ToString::to_string).collect::<Vec<_>>()),
    })
}

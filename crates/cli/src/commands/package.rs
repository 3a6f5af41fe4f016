//! `consign package`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::files::{FileMode, PublishError, PublishFile, Root, publish, sweep};
use model::finding::{Class, Finding};
use model::version::{PackageName, Version};
use package::open::BashSyntax;
use package::report;
use package::sealed::{Package, SCRIPT_MODE};
use serde_json::{Value, json};

use crate::args::{self, IfExists};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::listing;
use crate::making::{self, Digests, Request};
use crate::outcome::Outcome;
use crate::package_place::{self, How};
use crate::root::Hosting;
use crate::screen::{Line, Screen, Tag, line};
use crate::signals;

/// Makes the packages.
pub fn run(
    args: &args::Package,
    hosting: &Hosting,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let version = version(&args.version);
    let clients = super::chosen(&args.client, args.all, hosting);
    let (version, clients) = match (version, clients) {
        (Ok(version), Ok(clients)) => (version, clients),
        (version, clients) => {
            let mut findings: Vec<Finding> = version.err().into_iter().collect();
            findings.extend(clients.err().into_iter().flatten());
            return Err(findings);
        }
    };
    let output = output(args, hosting, environment);
    let mut outcome = Outcome::done(Value::Null);
    let mut answers = Vec::new();
    let mut failed = Vec::new();
    let all = clients.len();
    let progress = screen.progress("Packaging", all);
    for client in clients {
        let name = PackageName {
            client,
            version: version.clone(),
        };
        let mut job = Job {
            args,
            hosting,
            environment,
            output: &output,
            directory: output.join(name.to_string()),
            name,
            findings: Vec::new(),
        };
        match job.run(screen) {
            Ok(answer) => answers.push(answer),
            Err(errors) => {
                job.findings.extend(errors);
                failed.push(job.name.client.to_string());
            }
        }
        progress.step();
        screen.findings(&job.findings);
        outcome.exit = outcome.exit.and(Exit::of(&job.findings));
        outcome.told.append(&mut job.findings);
    }
    if all > 1 {
        screen.report(&[summary(all, &failed)]);
    }
    outcome.data = json!({ "packages": answers });
    Ok(outcome)
}

/// What became of several clients: a failure among many lines is overlooked.
fn summary(all: usize, failed: &[String]) -> Line {
    if failed.is_empty() {
        return line(Tag::Ok, format!("Packages generated: {all}, failed: 0"));
    }
    let made = all - failed.len();
    let names = failed.join(", ");
    line(
        Tag::Error,
        format!(
            "Packages generated: {made}, failed: {} ({names})",
            failed.len()
        ),
    )
}

fn version(text: &str) -> Result<Version, Finding> {
    text.parse().map_err(|e| {
        Finding::error(
            "version-invalid",
            Class::Usage,
            format!("Invalid version format: {text}: {e}"),
        )
        .help(
            "Use vMAJOR.MINOR.PATCH or vMAJOR.MINOR.PATCH-prerelease, such as v1.2.3 or v2.0.0-rc1",
        )
    })
}

fn output(args: &args::Package, hosting: &Hosting, environment: &Environment) -> PathBuf {
    match &args.output {
        Some(directory) => environment.here.join(directory),
        None => hosting.root.path().join(hosting.settings.packages.as_str()),
    }
}

/// One package to make.
struct Job<'a> {
    args: &'a args::Package,
    hosting: &'a Hosting,
    environment: &'a Environment,
    /// The directory that packages are made in.
    output: &'a Path,
    name: PackageName,
    /// The package's own directory.
    directory: PathBuf,
    /// Warnings, and what went wrong.
    findings: Vec<Finding>,
}

impl Job<'_> {
    fn run(&mut self, screen: &mut Screen) -> Result<Value, Vec<Finding>> {
        screen.report(&[Line::Header(format!("Generating package: {}", self.name))]);
        if self.args.if_exists == IfExists::Fail && self.directory.symlink_metadata().is_ok() {
            return Err(vec![self.exists()]);
        }
        screen.report(self.older().as_slice());
        let request = Request {
            name: self.name.clone(),
            created: self.args.created.as_deref(),
            digests: match (self.args.offline, self.args.locked) {
                (_, true) => Digests::LockOnly,
                (true, false) => Digests::Offline,
                (false, false) => Digests::LockOrRegistry,
            },
            deadline: Duration::from_secs(self.args.deadline),
        };
        let made = making::make(self.hosting, self.environment, &request, &mut |l| {
            screen.report(&[l]);
        })?;
        self.findings.extend(made.warnings);
        let package = made.package;
        let written = if self.args.dry_run {
            Written::DryRun
        } else {
            self.write(&package)?
        };
        screen.report(&self.closing(&package, written));
        Ok(self.answer(&package, written))
    }

    fn closing(&self, package: &Package, written: Written) -> Vec<Line> {
        let directory = self.directory.display();
        let mut lines = Vec::new();
        match written {
            Written::Now => {
                lines.push(line(Tag::Ok, format!("Package generated: {directory}")));
                lines.extend(listing::of(&self.directory).into_iter().map(Line::Plain));
            }
            Written::Before => lines.push(line(
                Tag::Ok,
                format!("Package exists with the same bytes: {directory}"),
            )),
            Written::DryRun => lines.push(line(
                Tag::Info,
                format!("Not written (--dry-run): {directory}"),
            )),
        }
        let height = package
            .bytes("manifests/all.yaml")
            .unwrap_or_default()
            .split(|b| *b == b'\n')
            .count()
            .saturating_sub(1);
        lines.push(line(Tag::Info, format!("Manifest size: {height} lines")));
        lines.push(line(
            Tag::Info,
            format!("Images: {} unique", package.images.len()),
        ));
        lines.push(line(
            Tag::Info,
            format!("Package digest: {}", package.digest()),
        ));
        if written != Written::DryRun {
            lines.push(line(Tag::Ok, format!("To deploy: {directory}/deploy.sh")));
            lines.push(line(
                Tag::Ok,
                format!("To verify: ./verify-package.sh {directory}"),
            ));
        }
        lines
    }

    fn answer(&self, package: &Package, written: Written) -> Value {
        json!({
            "client": package.manifest.client.as_str(),
            "version": package.manifest.version.to_string(),
            "namespace": package.manifest.namespace.as_str(),
            "path": self.directory.display().to_string(),
            "digest": package.digest().to_string(),
            "created": package.manifest.created,
            "objects": package.objects.len(),
            "images": package.images.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "written": written == Written::Now,
        })
    }

    fn exists(&self) -> Finding {
        Finding::error(
            "package-exists",
            Class::Conflict,
            format!(
                "Package {} already exists: {}",
                self.name,
                self.directory.display()
            ),
        )
        .help(
            "Packages never change: give a new version, or --if-exists verify to accept the same bytes",
        )
    }

    /// Says so when a newer version of this client exists: an older line may
    /// get a patch, and a mistyped number should be seen.
    fn older(&self) -> Option<Line> {
        let root = Root::open(self.output).ok()?;
        let packages = catalog::packages::list(&root).ok()?;
        let newest = packages
            .newest(&self.name.client)
            .filter(|newest| newest.version > self.name.version)?;
        Some(line(
            Tag::Info,
            format!(
                "{} is older than the newest package of {}, {}",
                self.name.version, self.name.client, newest.version
            ),
        ))
    }

    fn write(&self, package: &Package) -> Result<Written, Vec<Finding>> {
        self.make_output()?;
        let _finished = signals::hold();
        let root = Root::open(self.output).map_err(|e| vec![e.into()])?;
        sweep(&root).map_err(|e| vec![e.into()])?;
        let files: Vec<PublishFile<'_>> = package
            .files()
            .map(|file| PublishFile {
                path: file.path,
                bytes: file.bytes,
                mode: if file.mode == SCRIPT_MODE {
                    FileMode::Executable
                } else {
                    FileMode::Plain
                },
            })
            .collect();
        match publish(&root, &self.name.to_string(), &files) {
            Ok(()) => Ok(Written::Now),
            Err(PublishError::AlreadyExists { .. }) if self.args.if_exists == IfExists::Verify => {
                self.same(package)?;
                Ok(Written::Before)
            }
            Err(PublishError::AlreadyExists { .. }) => Err(vec![self.exists()]),
            Err(e) => Err(vec![e.into()]),
        }
    }

    /// Makes the directory that packages are made in. Below the root its name is
    /// flushed to disk, so that a first package is as durable as a later one.
    fn make_output(&self) -> Result<(), Vec<Finding>> {
        if self.output.is_dir() {
            return Ok(());
        }
        if self.args.output.is_none() {
            return self
                .hosting
                .root
                .make_dirs(&self.hosting.settings.packages)
                .map_err(|e| vec![e.into()]);
        }
        std::fs::create_dir_all(self.output).map_err(|e| {
            vec![
                Finding::error(
                    "output-unwritable",
                    Class::Io,
                    format!(
                        "Cannot make the output directory {}: {e}",
                        self.output.display()
                    ),
                )
                .help("Give another one with --output"),
            ]
        })
    }

    /// Accepts an existing package of exactly these bytes that verifies.
    fn same(&self, package: &Package) -> Result<(), Vec<Finding>> {
        let tree = package_place::read(&self.directory).map_err(|f| vec![f])?;
        let there = package_place::open(&tree, Some(self.hosting), How::default())
            .finish(&BashSyntax::Absent);
        let what = match there.package.as_ref().map(Package::digest) {
            Some(digest) if digest == package.digest() => return Ok(()),
            Some(digest) => format!("it is {digest}, this one would be {}", package.digest()),
            None => format!("it does not verify: {}", first_failure(&there)),
        };
        Err(vec![
            Finding::error(
                "package-exists",
                Class::Conflict,
                format!(
                    "Package {} already exists with other bytes: {}: {what}",
                    self.name,
                    self.directory.display()
                ),
            )
            .help("Packages never change: give a new version"),
        ])
    }
}

/// What became of a package that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It was published.
    Now,
    /// The same bytes were there.
    Before,
    /// Nothing was to be written.
    DryRun,
}

fn first_failure(report: &report::Report) -> String {
    report
        .findings
        .iter()
        .find(|f| f.is_error())
        .map(ToString::to_string)
        .unwrap_or_default()
}

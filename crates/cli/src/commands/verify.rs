//! `consign verify`.

use std::path::{Path, PathBuf};

use model::files::Root;
use model::finding::Finding;
use package::report::Report;
use package::schema::Release;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::args;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::package_place::{self, How};
use crate::root::Hosting;
use crate::screen::{Screen, Tag, line};

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
            .map(|package| package_place::find(package, hosting.as_ref().ok(), environment))
            .collect()
    };
    let hosting = hosting.ok();
    let how = How {
        release,
        ..How::default()
    };
    let mut outcome = Outcome::done(Value::Null);
    let mut answers = Vec::new();
    let mut failed = 0;
    let progress = screen.progress("Verifying packages", packages.len());
    for some in packages.chunks(AT_ONCE) {
        let verify =
            |path: &PathBuf| package_place::verify(path, hosting.as_ref(), how, environment);
        let results: Vec<Result<Report, Finding>> = match some {
            [one] => vec![verify(one)],
            many => many.par_iter().map(verify).collect(),
        };
        for (path, result) in some.iter().zip(results) {
            progress.step();
            match result {
                Ok(report) => {
                    screen.report(&package_place::lines(&report, screen.verbosity()));
                    outcome.exit = outcome.exit.and(Exit::of(&report.findings));
                    failed += usize::from(!report.passed());
                    answers.push(answer(&report, path));
                    outcome.told.extend(
                        report
                            .findings
                            .into_iter()
                            .map(|f| package_place::within(f, path)),
                    );
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

//! `consign deploy`.

use model::finding::{Class, Finding};
use package::checksums::PackageDigest;
use package::open::Steps;
use package::trust::{self, Policy, TrustedPackage};
use rollout::record::Act;
use serde_json::Value;

use crate::args::cluster;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::package_place::{self, How};
use crate::rolling::{Drift, Resume, Rolling};
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Screen, Tag, line};

/// Deploys a package.
pub fn run(
    args: &cluster::Deploy,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let path = package_place::find(args.package(), hosting, environment);
    screen.report(&[line(Tag::Info, "Verifying package...")]);
    let report = package_place::verify(&path, hosting, how(&args.rollout), environment)
        .map_err(|f| vec![f])?;
    if !report.passed() {
        screen.report(&package_place::lines(&report, screen.verbosity()));
        let told: Vec<Finding> = report
            .findings
            .into_iter()
            .map(|f| package_place::within(f, &path))
            .collect();
        let exit = Exit::of(&told);
        return Ok(Outcome {
            exit,
            findings: vec![
                Finding::error(
                    "package-not-verified",
                    Class::Integrity,
                    "Package verification failed: nothing was changed",
                )
                .help("Take an undamaged copy of the package, or make it again"),
            ],
            told,
            data: Value::Null,
        });
    }
    let package = trusted(report.package, args.rollout.expect_digest)?;
    screen.findings(&report.findings);
    screen.report(&[line(
        Tag::Ok,
        format!("Package verified: {}", package.digest()),
    )]);
    let session =
        Session::open(args.rollout.change.target.context.as_deref()).map_err(|f| vec![f])?;
    let rolling = Rolling {
        package: &package,
        act: Act::Deploy,
        resume: if args.resume {
            Resume::Interrupted
        } else {
            Resume::Any
        },
        drift: Drift::Shown,
        flags: &args.rollout,
        session: &session,
        hosting,
        environment,
    };
    rolling.roll(screen)
}

/// How a package is verified before it is rolled out.
pub fn how(flags: &cluster::Rollout) -> How {
    How {
        release: None,
        steps: if flags.skip_verify {
            Steps::Integrity
        } else {
            Steps::All
        },
    }
}

fn trusted(
    package: Option<package::sealed::Package>,
    expected: Option<PackageDigest>,
) -> Result<TrustedPackage, Vec<Finding>> {
    let Some(package) = package else {
        return Err(vec![
            Finding::error(
                "package-missing",
                Class::Integrity,
                "The package could not be opened",
            )
            .help("See what is wrong with: consign verify"),
        ]);
    };
    is_expected(package.digest(), expected)?;
    trust::judge(package, &Policy::none())
}

/// Whether this is the package that an unattended run was bound to.
pub fn is_expected(
    digest: PackageDigest,
    expected: Option<PackageDigest>,
) -> Result<(), Vec<Finding>> {
    match expected {
        Some(expected) if expected != digest => Err(vec![
            Finding::error(
                "digest-unexpected",
                Class::Integrity,
                format!("The package has digest {digest}, expected {expected}"),
            )
            .help("Deploy the package that was meant, or correct --expect-digest"),
        ]),
        _ => Ok(()),
    }
}

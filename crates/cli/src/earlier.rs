//! Packages of releases that a cluster knows: from the packages directory, else
//! from the release record, in both cases by their digest.

use model::finding::{Class, Finding};
use model::version::PackageName;
use package::bundle;
use package::trust::{self, Policy, TrustedPackage};
use rollout::record::Record;

use crate::environment::Environment;
use crate::package_place::{self, How};
use crate::root::Hosting;

/// The package of a record.
///
/// One that lies in the packages directory has to be whole and the very one;
/// one that does not is taken out of the record. `None`: it is nowhere.
pub fn package(
    record: &Record,
    hosting: Option<&Hosting>,
    how: How,
    environment: &Environment,
) -> Result<Option<TrustedPackage>, Vec<Finding>> {
    let document = &record.document;
    let Some(name) = name(record) else {
        return Ok(None);
    };
    let local = hosting.map(|h| {
        h.root
            .path()
            .join(h.settings.packages.as_str())
            .join(name.to_string())
    });
    let local = local.filter(|path| path.symlink_metadata().is_ok());
    let copy = |why: &str| {
        let why = format!(
            "the copy in release record {} is damaged: {why}",
            record.number
        );
        vec![damaged(&name, &why)]
    };
    let tree = match &local {
        Some(path) => package_place::read(path).map_err(|f| vec![f])?,
        None if record.package.is_none() => return Ok(None),
        None => {
            let bytes = record
                .bundle()
                .ok_or_else(|| copy("it cannot be unpacked"))?;
            bundle::unpack(&name.to_string(), &bytes).map_err(|e| copy(&e.to_string()))?
        }
    };
    let report =
        package_place::verify_tree(&tree, hosting, how, environment).map_err(|f| vec![f])?;
    let Some(package) = report.package else {
        let errors: Vec<Finding> = report
            .findings
            .into_iter()
            .filter(Finding::is_error)
            .collect();
        return Err(match (local, errors.first()) {
            // Nobody can rename or mend what lies in a record.
            (None, Some(first)) => copy(&first.to_string()),
            _ => errors,
        });
    };
    if package.digest().to_string() != document.digest {
        return Err(vec![damaged(
            &name,
            &format!(
                "release record {} has digest {}, the package has {}",
                record.number,
                document.digest,
                package.digest()
            ),
        )]);
    }
    trust::judge(package, &Policy::none()).map(Some)
}

/// The name of a record's package.
pub fn name(record: &Record) -> Option<PackageName> {
    Some(PackageName {
        client: record.document.client.parse().ok()?,
        version: record.document.version.parse().ok()?,
    })
}

fn damaged(name: &PackageName, why: &str) -> Finding {
    Finding::error(
        "package-other",
        Class::Integrity,
        format!("Package {name} is not the one that was deployed: {why}"),
    )
    .help("Bring the package back from backup storage, or name another version with --to")
}

//! Step 3: MANIFEST.json, and whether the directory is named after it.

use model::finding::Severity;
use model::version::PackageName;

use super::log::{Log, damage};
use crate::manifest::{self, Manifest};
use crate::report::Tag;

/// How the three fields of the report are called.
const TOLD: [&str; 3] = ["Client", "Version", "Namespace"];

pub(super) fn check(directory: &str, bytes: &[u8], log: &mut Log) -> Option<Manifest> {
    log.info("Validating MANIFEST.json...");
    let reading = Manifest::read(bytes);
    if !reading.json {
        log.say(Tag::Fail, "MANIFEST.json is not valid JSON");
        for finding in reading.findings {
            log.say(Tag::Plain, finding.to_string());
            log.findings.push(finding);
        }
        return None;
    }
    log.pass("MANIFEST.json is valid JSON");
    for (name, value) in TOLD.iter().zip(&reading.told) {
        if let Some(value) = value {
            log.info(format!("{name}: {value}"));
        }
    }
    let (errors, others): (Vec<_>, Vec<_>) = reading
        .findings
        .into_iter()
        .partition(|f| f.severity == Severity::Error);
    errors.into_iter().chain(others).for_each(|f| log.tell(f));
    let manifest = reading.manifest?;
    named_after(directory, &manifest, log);
    Some(manifest)
}

fn named_after(directory: &str, manifest: &Manifest, log: &mut Log) {
    let told = manifest.name();
    if directory.parse::<PackageName>().as_ref() == Ok(&told) {
        return;
    }
    let why = format!(
        "name mismatch: the directory is {directory}, {} says {told}",
        manifest::FILE_NAME
    );
    let finding = damage("name-mismatch", manifest::FILE_NAME, why.clone()).help(format!(
        "rename the directory to {told}, if that is what it is"
    ));
    log.fail(why, finding);
}

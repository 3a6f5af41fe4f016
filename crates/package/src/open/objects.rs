//! Step 4: the objects of manifests/all.yaml.

use model::finding::{Class, Finding, Severity};
use model::object::{Object, Origin};
use model::yaml::{self, Limits};

use super::log::{DAMAGED, Log, damage};
use super::{OpenOptions, Placement, Steps};
use crate::images::{self, ImageRules};
use crate::lists;
use crate::manifest::{KUBERNETES_DEFAULT, Manifest};
use crate::policy::{self, PolicySettings, Stage};
use crate::report::Tag;
use crate::schema::{self, Release};
use crate::sealed::OBJECTS;

/// Findings that rest on the settings of whoever made the package.
const PLACEMENT: [&str; 4] = [
    "cluster-scoped",
    "scope-unknown",
    "namespace-missing",
    "namespace-foreign",
];

/// Reads and judges the objects. What is returned has at least the form of
/// objects; whether anything is wrong with them is in the log. Nothing is
/// returned when the text could not be read at all.
pub(super) fn check(
    bytes: &[u8],
    manifest: Option<&Manifest>,
    options: &OpenOptions,
    log: &mut Log,
) -> Option<Vec<Object>> {
    log.info("Validating Kubernetes manifests...");
    let (read, mut findings) = read(bytes);
    let is_read = read.is_some();
    let objects = read.unwrap_or_default();
    let release = release(manifest, options, &mut findings);
    if options.steps == Steps::All {
        findings.extend(schema::check(release, &objects).into_iter().map(of_package));
    }
    if let Some(manifest) = manifest {
        findings.extend(judge(&objects, manifest, release, options));
        if let Some(consign) = &manifest.consign
            && is_read
            && consign.objects != objects.len() as u64
        {
            let (told, found) = (consign.objects, objects.len());
            let why = format!("it has {found} objects, MANIFEST.json says {told}");
            findings.push(damage("objects-count", OBJECTS, why));
        }
    }
    let (errors, others): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|f| f.severity == Severity::Error);
    if !errors.is_empty() {
        log.say(Tag::Fail, "Manifest validation failed");
    } else if options.steps == Steps::All {
        log.pass("Manifests validate with kubectl");
    }
    for finding in errors {
        log.say(Tag::Plain, finding.to_string());
        log.findings.push(finding);
    }
    log.info(format!("Resources: {}", objects.len()));
    for finding in others {
        // `[INFO]` lines are about all of the package, not about one place.
        if finding.severity == Severity::Info {
            log.info(finding.message.clone());
            log.findings.push(finding);
        } else {
            log.tell(finding);
        }
    }
    is_read.then_some(objects)
}

/// A document of a package that is not valid is damage, whatever it is where
/// the package is made.
fn of_package(finding: Finding) -> Finding {
    match finding.class {
        Class::Usage => Finding {
            class: Class::Integrity,
            ..finding
        },
        _ => finding,
    }
}

/// The objects that have the form of one, and what is wrong with the text and
/// the others.
pub(super) fn read(bytes: &[u8]) -> (Option<Vec<Object>>, Vec<Finding>) {
    let bad = |line: u32, why: String| {
        Finding::error("objects-yaml", Class::Integrity, why)
            .at(OBJECTS, line)
            .help(DAMAGED)
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let lines = bytes[..e.valid_up_to()].split(|b| *b == b'\n').count();
            let line = u32::try_from(lines).unwrap_or(u32::MAX);
            return (None, vec![bad(line, "a byte that is not UTF-8".to_owned())]);
        }
    };
    let documents = match yaml::parse_strict(text, &Limits::default()) {
        Ok(documents) => documents,
        Err(errors) => {
            let findings = errors
                .into_iter()
                .map(|e| bad(e.line, format!("{} (column {})", e.kind, e.column)));
            return (None, findings.collect());
        }
    };
    let mut findings = Vec::new();
    let mut objects = Vec::with_capacity(documents.len());
    for document in documents {
        let object = Object {
            node: document.node,
            origin: Origin {
                path: OBJECTS.to_owned(),
                document: document.index,
                line: document.line,
            },
        };
        match lacks(&object) {
            Some(key) => {
                let why = format!("document {} has no {key}", document.index);
                findings.push(bad(document.line, why));
            }
            None => objects.push(object),
        }
    }
    (Some(objects), findings)
}

/// What keeps a document from being an object.
fn lacks(object: &Object) -> Option<&'static str> {
    if object.kind().is_empty() {
        Some("kind")
    } else if object.api_version().is_empty() {
        Some("apiVersion")
    } else if object.name().is_empty() && !lists::is_list(object) {
        Some("metadata.name")
    } else {
        None
    }
}

/// The Kubernetes version to check against: what was asked for, else what
/// MANIFEST.json says, else the usual one. A package outlives the schemas of
/// its version, so the nearest one that is known stands in.
fn release(
    manifest: Option<&Manifest>,
    options: &OpenOptions,
    findings: &mut Vec<Finding>,
) -> Release {
    if let Some(release) = options.kubernetes {
        return release;
    }
    let told = manifest
        .and_then(|m| m.consign.as_ref())
        .map_or(KUBERNETES_DEFAULT, |consign| &consign.kubernetes);
    if let Ok(release) = Release::parse(told) {
        return release;
    }
    let nearest = Release::nearest(told);
    let why = format!("no schemas for Kubernetes {told}: checked against {nearest}");
    if options.steps == Steps::All {
        findings.push(Finding::warning("schema-release", Class::Integrity, why).in_file(OBJECTS));
    }
    nearest
}

fn judge(
    objects: &[Object],
    manifest: &Manifest,
    release: Release,
    options: &OpenOptions,
) -> Vec<Finding> {
    let settings = PolicySettings {
        client: manifest.client.clone(),
        namespace: manifest.namespace.clone(),
        namespaces: options.namespaces.clone(),
        cluster_kinds: options.cluster_kinds.clone(),
        registries: options.registries.clone(),
        stage: Stage::Verify,
    };
    let mut findings = policy::check(objects, &settings, &|gvk| schema::scope(release, gvk));
    if !settings.registries.is_empty() {
        let found = images::find(objects, &ImageRules::default());
        findings.extend(policy::registries(objects, &found.images, &settings));
    }
    let is_told = options.placement == Placement::Told || manifest.consign.is_none();
    for finding in &mut findings {
        if is_told && PLACEMENT.contains(&finding.code) {
            finding.severity = Severity::Warning;
        }
    }
    findings.into_iter().map(of_package).collect()
}

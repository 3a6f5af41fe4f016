//! Step 5: images.txt against the objects, and secrets.env.enc.

use std::collections::BTreeSet;

use model::finding::{Class, Finding, Severity};
use model::image::ImageRef;
use model::object::Object;

use super::log::{Log, Ready, damage};
use super::{OpenOptions, Steps};
use crate::images::{self, Maker};
use crate::manifest::Manifest;
use crate::sealed::{IMAGES, SECRETS};
use crate::secret_refs;

/// What the step gave.
pub(super) struct Images {
    pub(super) listed: BTreeSet<ImageRef>,
    /// Whether every image of the objects has its digest.
    pub(super) ready: Ready,
}

pub(super) fn images(
    bytes: &[u8],
    objects: Option<&[Object]>,
    manifest: Option<&Manifest>,
    maker: Maker,
    options: &OpenOptions,
    log: &mut Log,
) -> Images {
    let parsed = text(bytes, IMAGES).and_then(|text| images::list::parse(text, maker));
    if options.steps == Steps::Integrity {
        return Images {
            listed: parsed.unwrap_or_default(),
            ready: Ready::Yes,
        };
    }
    log.info("Validating images...");
    let mut findings = Vec::new();
    let listed = match parsed {
        Ok(listed) => {
            log.info(format!("Images listed: {}", listed.len()));
            if let Some(objects) = objects {
                findings.extend(images::compare(objects, &listed, maker));
            }
            listed
        }
        Err(wrong) => {
            let lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty());
            log.info(format!("Images listed: {}", lines.count()));
            findings.extend(wrong);
            BTreeSet::new()
        }
    };
    if let Some(consign) = manifest.and_then(|m| m.consign.as_ref())
        && findings.is_empty()
        && consign.images != listed.len() as u64
    {
        let (told, found) = (consign.images, listed.len());
        let why = format!("it lists {found} images, MANIFEST.json says {told}");
        findings.push(damage("images-count", IMAGES, why));
    }
    let (errors, others): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|f| f.severity == Severity::Error);
    let ready = if others.iter().any(|f| f.severity == Severity::Warning) && maker == Maker::Scripts
    {
        Ready::No
    } else {
        Ready::Yes
    };
    if errors.is_empty() {
        log.pass("All images have pinned digests");
    }
    errors.into_iter().chain(others).for_each(|f| log.tell(f));
    Images { listed, ready }
}

/// Whether secrets.env.enc is references only, and about this package. It has
/// no line of its own in the report: only what is wrong is said.
pub(super) fn secrets(bytes: &[u8], manifest: Option<&Manifest>, log: &mut Log) {
    match text(bytes, SECRETS).and_then(secret_refs::parse) {
        Err(findings) => findings.into_iter().for_each(|f| log.tell(f)),
        Ok(document) => {
            if let Some(manifest) = manifest {
                about(&document, manifest, log);
            }
        }
    }
}

fn about(document: &secret_refs::Document, manifest: &Manifest, log: &mut Log) {
    let is_same = document.client == manifest.client
        && document.version == manifest.version
        && document
            .namespace
            .as_ref()
            .is_none_or(|told| *told == manifest.namespace);
    if !is_same {
        let why = format!(
            "it is about {} {}, not about this package",
            document.client, document.version
        );
        log.tell(damage("secrets-other", SECRETS, why));
    }
}

fn text<'a>(bytes: &'a [u8], path: &str) -> Result<&'a str, Vec<Finding>> {
    std::str::from_utf8(bytes).map_err(|e| {
        let lines = bytes[..e.valid_up_to()].split(|b| *b == b'\n').count();
        let line = u32::try_from(lines).unwrap_or(u32::MAX);
        vec![
            Finding::error("text-utf8", Class::Integrity, "a byte that is not UTF-8")
                .at(path, line)
                .help(super::log::DAMAGED),
        ]
    })
}

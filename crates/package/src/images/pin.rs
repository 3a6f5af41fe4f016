//! Pinning.

use std::collections::{BTreeMap, BTreeSet};

use model::digest::Digest;
use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::object::Object;

use super::parts::{self, Parts};
use super::{Form, FoundImage, ImageLock, ImageRules, find};
use crate::place;

/// Objects whose images all have a digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Pinned {
    /// The objects.
    pub objects: Vec<Object>,
    /// The set of their images: exactly what [`find()`] finds in them.
    pub images: BTreeSet<ImageRef>,
    /// What looks like an image and was left alone.
    pub warnings: Vec<Finding>,
}

/// Writes digests into the objects.
///
/// `name:tag` becomes `name:tag@sha256:…`, `name` becomes `name@sha256:…`,
/// and what has a digest stays as it is. With `repository` and `tag` or
/// `digest` beside it, the digest goes into `digest` when that key is there,
/// else `tag` becomes `T@sha256:…`. Nothing else changes.
///
/// Findings are of class [`Policy`](Class::Policy), all at once: those of
/// [`find()`], one `image-floating` for each image that is not locked, and
/// one `image-disagrees` where an object's own digest is not the locked one.
///
/// Source of the rule: the specification's "Image Digest Pinning", and package
/// format 1.
pub fn pin(
    mut objects: Vec<Object>,
    rules: &ImageRules,
    lock: &ImageLock,
) -> Result<Pinned, Vec<Finding>> {
    let found = find(&objects, rules);
    let mut findings = found.findings;
    let mut images = BTreeSet::new();
    let mut writes = Vec::new();
    // One finding an image, at the first object that names it.
    let mut floating: BTreeMap<&ImageRef, &FoundImage> = BTreeMap::new();
    for one in &found.images {
        let locked = lock.get(&one.image).map(|l| l.digest);
        match (one.image.digest(), locked) {
            (Some(own), Some(locked)) if own != locked => {
                findings.push(disagrees(&objects, one, locked));
            }
            (Some(_), _) => {
                images.insert(one.image.clone());
            }
            (None, Some(locked)) => {
                images.insert(one.image.pinned(locked));
                writes.push((one, locked));
            }
            (None, None) => {
                floating.entry(&one.image).or_insert(one);
            }
        }
    }
    findings.extend(floating.values().map(|one| floats(&objects, one)));
    if findings.iter().any(Finding::is_error) {
        return Err(findings);
    }
    for (one, digest) in writes {
        write(&mut objects, one, digest);
    }
    Ok(Pinned {
        objects,
        images,
        warnings: findings,
    })
}

fn write(objects: &mut [Object], one: &FoundImage, digest: Digest) {
    let Some(node) = objects
        .get_mut(one.object)
        .and_then(|object| one.path.get_mut(&mut object.node))
    else {
        return;
    };
    match one.form {
        Form::Whole => parts::write(node, &one.image.pinned(digest).to_string()),
        Form::Parts => {
            if let Some(map) = node.as_map_mut() {
                Parts::pin(map, &digest.to_string());
            }
        }
    }
}

fn at(finding: Finding, objects: &[Object], one: &FoundImage) -> Finding {
    match objects.get(one.object) {
        Some(object) => place::at_line(finding, object, one.line),
        None => finding,
    }
}

fn floats(objects: &[Object], one: &FoundImage) -> Finding {
    let finding = Finding::error(
        "image-floating",
        Class::Policy,
        format!("Image digest not resolved: {}", one.image),
    )
    .help(
        "lock it with 'consign lock --client <client>' and package again, or write its digest after it (name:tag@sha256:…)",
    );
    at(finding, objects, one)
}

fn disagrees(objects: &[Object], one: &FoundImage, locked: Digest) -> Finding {
    let holder = objects.get(one.object).map(place::name).unwrap_or_default();
    let part = one
        .part
        .as_deref()
        .map(|p| format!("{p}: "))
        .unwrap_or_default();
    let finding = Finding::error(
        "image-disagrees",
        Class::Policy,
        format!(
            "{holder}: {part}image {} has another digest than images.lock, which says {locked}",
            one.image
        ),
    )
    .help(
        "change the digest, or lock the image again with 'consign lock --client <client> --update'",
    );
    at(finding, objects, one)
}

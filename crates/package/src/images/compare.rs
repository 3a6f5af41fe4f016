//! images.txt against the objects.

use std::collections::BTreeSet;

use model::finding::{Class, Finding, Severity};
use model::image::ImageRef;
use model::object::Object;
use model::yaml::{Content, Node};

use super::find::find;
use super::parts;
use super::{FoundImage, ImageRules, Maker};
use crate::place;

/// Compares the images of all.yaml with images.txt, in both directions.
///
/// Every image that [`find()`] finds without any settings must have a digest
/// and be listed. What is listed must be written somewhere in the objects; it
/// may stand in a field that only the maker's settings cover, which are not
/// part of the package.
///
/// Findings have the code `image-not-pinned` and are of class
/// [`Integrity`](Class::Integrity); for a package of [scripts](Maker::Scripts),
/// whose all.yaml was never pinned, they are warnings, and a listed digest
/// counts for every tag of its repository.
pub fn compare(objects: &[Object], images: &BTreeSet<ImageRef>, maker: Maker) -> Vec<Finding> {
    let found = find(objects, &ImageRules::default());
    let mut out = Vec::new();
    for finding in found.findings {
        if finding.is_error() {
            out.push(Finding {
                code: "image-not-pinned",
                class: Class::Integrity,
                message: format!("image not pinned: {}", finding.message),
                ..finding
            });
        }
    }
    for one in &found.images {
        if let Some(why) = object_to_list(one, images) {
            let finding = Finding::error("image-not-pinned", Class::Integrity, why);
            out.push(match objects.get(one.object) {
                Some(object) => place::at_line(finding, object, one.line),
                None => finding,
            });
        }
    }
    let mut written = found.images.iter().map(|i| i.image.clone()).collect();
    for object in objects {
        collect(&object.node, &mut written);
    }
    for image in images {
        let is_written = written.contains(image)
            || (maker == Maker::Scripts && written.iter().any(|w| is_same(w, image)));
        if !is_written {
            let why = format!("image not pinned: {image} is listed, and no object names it");
            out.push(
                Finding::error("image-not-pinned", Class::Integrity, why)
                    .in_file(super::list::FILE_NAME),
            );
        }
    }
    if maker == Maker::Scripts {
        for finding in &mut out {
            finding.severity = Severity::Warning;
        }
    }
    out
}

fn object_to_list(one: &FoundImage, images: &BTreeSet<ImageRef>) -> Option<String> {
    let image = &one.image;
    if image.digest().is_none() {
        return Some(format!("image not pinned: {image}"));
    }
    (!images.contains(image)).then(|| format!("image not pinned: {image} is not in images.txt"))
}

/// Whether a listed image is the one an object names, as far as scripts tell:
/// `docker inspect` leaves the tag out.
fn is_same(written: &ImageRef, listed: &ImageRef) -> bool {
    written.registry() == listed.registry() && written.repository() == listed.repository()
}

/// Every pinned reference that is written anywhere.
fn collect(node: &Node, out: &mut BTreeSet<ImageRef>) {
    match &node.content {
        Content::Scalar(scalar) => {
            if scalar.text.contains("@sha256:")
                && let Ok(image) = scalar.text.parse()
            {
                out.insert(image);
            }
        }
        Content::Seq(items) => items.iter().for_each(|item| collect(item, out)),
        Content::Map(map) => {
            if let Some(parts) = parts::of(map)
                && let Ok(image) = parts.text(map).parse()
            {
                out.insert(image);
            }
            map.iter().for_each(|(_, value)| collect(value, out));
        }
    }
}

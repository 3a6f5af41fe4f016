//! Whether images come from where they may.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::object::Object;

use super::PolicySettings;
use crate::images::FoundImage;
use crate::place;

/// Images from registries that are not allowed, one finding each, at the first
/// object that names it; code `registry-not-allowed`, class
/// [`Policy`](Class::Policy).
///
/// An allowed `registry.example.com/team` covers every repository below it;
/// Docker Hub is `docker.io`, its official images are below
/// `docker.io/library`.
pub fn registries(
    objects: &[Object],
    images: &[FoundImage],
    settings: &PolicySettings,
) -> Vec<Finding> {
    if settings.registries.is_empty() {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for one in images {
        if is_allowed(&one.image, &settings.registries) || !seen.insert(&one.image) {
            continue;
        }
        let what = format!(
            "image {} comes from {}, which client {} may not use",
            one.image,
            one.image.registry(),
            settings.client
        );
        let finding = Finding::error("registry-not-allowed", Class::Policy, what).help(format!(
            "allowed are {} (policy.registries in consign.yaml)",
            settings.registries.join(", ")
        ));
        out.push(match objects.get(one.object) {
            Some(object) => place::at_line(finding, object, one.line),
            None => finding,
        });
    }
    out
}

fn is_allowed(image: &ImageRef, allowed: &[String]) -> bool {
    let whole = format!("{}/{}", image.registry(), image.repository());
    allowed.iter().any(|one| {
        let one = one.trim_end_matches('/');
        whole
            .strip_prefix(one)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

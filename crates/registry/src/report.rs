//! What went wrong, told once.

use std::collections::BTreeMap;

use model::finding::Finding;
use model::image::ImageRef;

use crate::error::RegistryError;
use crate::resolver::Resolved;

/// How many images one finding names before it counts the rest.
const NAMED_MAX: usize = 5;

/// What went wrong, as findings: one for each image, or one for a registry
/// and all of its images when the registry is what failed. `what` begins each
/// of them: what was to be done and was not.
pub fn findings(
    what: &str,
    answers: &BTreeMap<ImageRef, Result<Resolved, RegistryError>>,
) -> Vec<Finding> {
    let mut groups: Vec<(&RegistryError, Vec<&ImageRef>)> = Vec::new();
    for (image, answer) in answers {
        let Err(error) = answer else { continue };
        match groups
            .iter_mut()
            .find(|(e, _)| *e == error && error.is_about_registry())
        {
            Some((_, images)) => images.push(image),
            None => groups.push((error, vec![image])),
        }
    }
    groups
        .into_iter()
        .map(|(error, images)| {
            let mut named = images
                .iter()
                .take(NAMED_MAX)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            if images.len() > NAMED_MAX {
                named = format!("{named} and {} more", images.len() - NAMED_MAX);
            }
            let message = format!("{what} {named}: {error}");
            Finding::error(error.code(), error.class(), message).help(error.help())
        })
        .collect()
}

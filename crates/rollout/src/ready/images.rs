//! The images in pod specs.

use std::fmt;

use model::image::ImageRef;
use serde_json::Value;

use crate::object::{items, text};

/// An image that a pod spec names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// The list it stands in.
    pub list: List,
    /// The name of the container or volume.
    pub name: &'a str,
    /// The reference.
    pub reference: &'a str,
}

/// The lists of a pod spec that name images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Containers,
    InitContainers,
    Volumes,
}

impl List {
    const ALL: [Self; 3] = [Self::Containers, Self::InitContainers, Self::Volumes];

    /// The list's key, and where in an item the reference is.
    pub(super) fn keys(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Containers => ("containers", &["image"]),
            Self::InitContainers => ("initContainers", &["image"]),
            Self::Volumes => ("volumes", &["image", "reference"]),
        }
    }
}

impl fmt::Display for Image<'_> {
    /// `container app`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = match self.list {
            List::Containers => "container",
            List::InitContainers => "init container",
            List::Volumes => "volume",
        };
        write!(f, "{list} {}", self.name)
    }
}

/// Every image of a pod spec.
pub(super) fn of(spec: &Value) -> Vec<Image<'_>> {
    List::ALL
        .into_iter()
        .flat_map(|list| {
            let (key, reference) = list.keys();
            let pointer = format!("/{}", reference.join("/"));
            items(spec, &format!("/{key}"))
                .iter()
                .map(move |item| Image {
                    list,
                    name: text(item, "/name"),
                    reference: text(item, &pointer),
                })
                .filter(|image| !image.reference.is_empty())
        })
        .collect()
}

/// The first of the expected images that a pod spec does not carry, and what
/// it carries instead; what else it has was injected and is ignored.
pub(super) fn first_other<'e, 's>(
    expected: &[Image<'e>],
    spec: &'s Value,
) -> Option<(Image<'e>, Option<&'s str>)> {
    let present = of(spec);
    expected.iter().find_map(|want| {
        let is = present
            .iter()
            .find(|image| image.list == want.list && image.name == want.name)
            .map(|image| image.reference);
        match is {
            Some(is) if is_same(is, want.reference) => None,
            is => Some((*want, is)),
        }
    })
}

/// Whether two references are the same image: the same text, or the same
/// digest, which a cluster that rewrites references to its mirror keeps.
fn is_same(one: &str, other: &str) -> bool {
    let digest = |text: &str| {
        text.parse::<ImageRef>()
            .ok()
            .and_then(|image| image.digest())
    };
    one == other || (digest(one).is_some() && digest(one) == digest(other))
}

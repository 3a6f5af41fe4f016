//! Objects out of YAML, and what several tests say.

use std::collections::BTreeSet;

use model::finding::Finding;
use model::image::ImageRef;
use model::object::{Object, Origin};
use model::yaml::{self, Limits};
use package::images::{FieldRule, ImageLock, Locked};

pub const DIGEST: &str = "sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de";

pub const OTHER: &str = "sha256:6ab0b6e7381779332f97b8ca76193e45b0756f38d4c0dcda72dbb3c32061ab99";

pub fn image(text: &str) -> ImageRef {
    text.parse().unwrap()
}

pub fn lock(images: &[&str]) -> ImageLock {
    let mut lock = ImageLock::default();
    for one in images {
        let locked = Locked {
            digest: DIGEST.parse().unwrap(),
            media_type: "application/vnd.oci.image.index.v1+json".to_owned(),
        };
        lock.insert(&image(one), locked);
    }
    lock
}

pub fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

pub fn rule(path: &str) -> FieldRule {
    FieldRule {
        group: None,
        kind: None,
        name: None,
        path: path.parse().unwrap(),
    }
}

pub fn emitted(objects: &[Object]) -> String {
    yaml::emit_all(objects.iter().map(|o| &o.node)).unwrap()
}

pub fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(Finding::to_string).collect()
}

/// The documents of a text as the objects of `app.yaml`.
pub fn objects(text: &str) -> Vec<Object> {
    yaml::parse_resources(text, &Limits::default())
        .unwrap()
        .into_iter()
        .map(|document| Object {
            node: document.node,
            origin: Origin {
                path: "app.yaml".to_owned(),
                document: document.index,
                line: document.line,
            },
        })
        .collect()
}

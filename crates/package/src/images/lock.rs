//! images.lock: what each image as written in the objects is pinned to.

use std::collections::BTreeMap;

use model::digest::Digest;
use model::finding::Finding;
use model::image::ImageRef;

/// What an image resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
}

/// Digests of images, by the reference as written in the objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageLock(BTreeMap<ImageRef, Locked>);

impl ImageLock {
    /// Reads images.lock; `path` is where it is, for the findings.
    pub fn parse(_text: &str, _path: &str) -> Result<Self, Vec<Finding>> {
        Ok(Self::default())
    }

    /// The text of images.lock.
    pub fn print(&self) -> String {
        String::new()
    }

    /// What an image as written is locked to.
    pub fn get(&self, image: &ImageRef) -> Option<&Locked> {
        self.0.get(image)
    }

    /// Locks an image; a digest in it is left out.
    pub fn insert(&mut self, image: &ImageRef, locked: Locked) {
        self.0.insert(image.unpinned(), locked);
    }

    /// Images and what they are locked to, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&ImageRef, &Locked)> {
        self.0.iter()
    }
}

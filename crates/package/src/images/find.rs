//! Finding images.

use std::collections::BTreeSet;

use model::finding::Finding;
use model::image::ImageRef;
use model::object::Object;

use super::ImageRules;
use crate::object_path::ObjectPath;

/// How an image is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One string holds the whole reference; the path is the string's.
    Whole,
    /// `repository` with `tag` or `digest` beside it; the path is that of the
    /// map that holds them.
    Parts,
}

/// An image that an object names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// Which of the objects, from 0.
    pub object: usize,
    /// Where in it.
    pub path: ObjectPath,
    /// The container or volume, in words, where it is one (`container web`).
    pub part: Option<String>,
    /// The line in the object's file; 0 where no file holds it.
    pub line: u32,
    /// The image as written.
    pub image: ImageRef,
    /// How it is written.
    pub form: Form,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The images, in the order of the objects.
    pub images: Vec<FoundImage>,
    /// References that are not valid (errors) and what looks like an image in
    /// a field that nothing covers (warnings).
    pub findings: Vec<Finding>,
}

impl Found {
    /// The set of images, as written.
    pub fn set(&self) -> BTreeSet<ImageRef> {
        self.images.iter().map(|i| i.image.clone()).collect()
    }
}

/// Finds every image that the objects name.
pub fn find(_objects: &[Object], _rules: &ImageRules) -> Found {
    Found::default()
}

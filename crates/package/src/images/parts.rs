//! Images written in parts: `repository` with `tag` or `digest` beside it.

use model::yaml::{Map, Node, Tag};

/// How a map spells an image.
///
/// Source of the rule: package format 1. `registry` beside `repository`, as
/// many charts have it, is part of the name; `image` without a tag of its own
/// may stand for `repository`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    /// The key that holds the name.
    name: &'static str,
}

/// The text of a scalar that is not null; numbers count, since `tag: 1.29` is
/// one.
fn scalar<'a>(map: &'a Map, key: &str) -> Option<&'a str> {
    let scalar = map.get(key)?.as_scalar()?;
    (scalar.tag != Tag::Null && !scalar.text.is_empty()).then_some(scalar.text.as_str())
}

fn string<'a>(map: &'a Map, key: &str) -> Option<&'a str> {
    map.get(key)
        .and_then(Node::as_str)
        .filter(|text| !text.is_empty())
}

/// The parts that a map holds, if it spells an image.
pub(super) fn of(map: &Map) -> Option<Parts> {
    let name = if string(map, "repository").is_some() {
        "repository"
    } else if string(map, "image").is_some_and(|i| !has_version(i)) {
        "image"
    } else {
        return None;
    };
    let has_tag = scalar(map, "tag").is_some();
    let has_digest = match name {
        // `digest` may wait to be filled in.
        "repository" => map.get("digest").is_some_and(|d| d.as_scalar().is_some()),
        _ => string(map, "digest").is_some(),
    };
    (has_tag || has_digest).then_some(Parts { name })
}

/// Whether a reference has a tag or digest of its own.
fn has_version(text: &str) -> bool {
    let last = text.rfind('/').map_or(text, |at| &text[at..]);
    last.contains([':', '@'])
}

/// Whether a repository is one of git or of charts, not of images.
pub(super) fn is_elsewhere(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@")
}

impl Parts {
    /// Whether the image is spelt with this key.
    pub(super) fn uses(self, key: &str) -> bool {
        key == self.name || matches!(key, "tag" | "digest" | "registry")
    }

    /// The whole reference as one text.
    pub(super) fn text(self, map: &Map) -> String {
        let mut out = String::new();
        if let Some(registry) = string(map, "registry") {
            out.push_str(registry);
            out.push('/');
        }
        out.push_str(string(map, self.name).unwrap_or_default());
        if let Some(tag) = scalar(map, "tag") {
            out.push(':');
            out.push_str(tag);
        }
        if let Some(digest) = scalar(map, "digest") {
            // A digest in the tag and in `digest` cannot both be written.
            out.push('@');
            out.push_str(digest);
        }
        out
    }

    /// Writes a digest: into `digest` when that key is there, else after the
    /// tag.
    pub(super) fn pin(map: &mut Map, digest: &str) {
        if let Some(node) = map.get_mut("digest") {
            write(node, digest);
        } else if let Some(node) = map.get_mut("tag")
            && let Some(scalar) = node.as_scalar()
        {
            let text = format!("{}@{digest}", scalar.text);
            write(node, &text);
        }
    }
}

/// Writes text into a scalar, which keeps its place and its quotes.
pub(super) fn write(node: &mut Node, text: &str) {
    if let model::yaml::Content::Scalar(scalar) = &mut node.content {
        text.clone_into(&mut scalar.text);
        scalar.tag = Tag::Str;
    }
}

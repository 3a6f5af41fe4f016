//! images.lock: what each image as written in the objects is pinned to.

use std::collections::BTreeMap;

use model::digest::Digest;
use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::yaml::{self, Document, Limits, Map, Node, Tag};

/// The version of the file's form that is read and written.
pub const VERSION: &str = "1";

/// The longest media type: two names of 127 characters and a slash (RFC 6838).
pub const MEDIA_TYPE_MAX: usize = 255;

const HELP_WRITE: &str = "make the file again: consign lock --client <client> --update";

/// What an image resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The digest of the manifest or index.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
}

/// Digests of images, by the reference as written in the objects.
///
/// Source of the form: package format 1 (`images.lock`).
///
/// ```
/// use package::images::ImageLock;
/// let text = "\
/// version: 1
/// images:
/// - image: nginx:1.29-alpine
///   digest: sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de
///   mediaType: application/vnd.oci.image.index.v1+json
/// ";
/// let lock = ImageLock::parse(text, "images.lock").unwrap();
/// assert!(lock.get(&"nginx:1.29-alpine".parse().unwrap()).is_some());
/// assert_eq!(lock.print(), text);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageLock(BTreeMap<ImageRef, Locked>);

impl ImageLock {
    /// Reads images.lock; `path` is where it is, for the findings.
    ///
    /// Strict: one document; `version` and `images`, each entry with exactly
    /// `image`, `digest` and `mediaType`; no image twice and none with a
    /// digest of its own. Order and comments are free.
    ///
    /// Every finding is of class [`Usage`](Class::Usage) and has its line;
    /// codes `lock-yaml`, `lock-version`, `lock-entry` and `lock-duplicate`.
    pub fn parse(text: &str, path: &str) -> Result<Self, Vec<Finding>> {
        let documents = yaml::parse_strict(text, &Limits::default()).map_err(|errors| {
            errors
                .into_iter()
                .map(|e| {
                    Finding::error("lock-yaml", Class::Usage, e.kind.to_string())
                        .at(path, e.line)
                        .help(HELP_WRITE)
                })
                .collect::<Vec<_>>()
        })?;
        let mut reader = Reader {
            path,
            findings: Vec::new(),
        };
        let lock = reader.file(&documents);
        if reader.findings.is_empty() {
            Ok(lock)
        } else {
            Err(reader.findings)
        }
    }

    /// The text of images.lock: `version: 1`, then `images:` and for each
    /// image, sorted by its text's bytes, a list item without indentation
    /// with `image`, `digest` and `mediaType` in that order; `images: []` for
    /// none. An image is in double quotes where YAML would take it for
    /// something else than text. Lines end with a newline, the last one too.
    pub fn print(&self) -> String {
        let mut out = format!("version: {VERSION}\nimages:");
        if self.0.is_empty() {
            out.push_str(" []\n");
            return out;
        }
        out.push('\n');
        let sorted: BTreeMap<String, &Locked> =
            self.0.iter().map(|(i, l)| (i.to_string(), l)).collect();
        for (image, locked) in sorted {
            let quote = if is_plain(&image) { "" } else { "\"" };
            out.extend([
                "- image: ",
                quote,
                &image,
                quote,
                "\n  digest: ",
                &locked.digest.to_string(),
                "\n  mediaType: ",
                &locked.media_type,
                "\n",
            ]);
        }
        out
    }

    /// What an image as written is locked to; a digest in it is not looked at.
    pub fn get(&self, image: &ImageRef) -> Option<&Locked> {
        if image.digest().is_some() {
            self.0.get(&image.unpinned())
        } else {
            self.0.get(image)
        }
    }

    /// Locks an image; a digest in it is left out.
    pub fn insert(&mut self, image: &ImageRef, locked: Locked) {
        self.0.insert(image.unpinned(), locked);
    }

    /// Forgets every image but these.
    pub fn retain(&mut self, keep: impl Fn(&ImageRef) -> bool) {
        self.0.retain(|image, _| keep(image));
    }

    /// Images and what they are locked to, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&ImageRef, &Locked)> {
        self.0.iter()
    }

    /// Whether nothing is locked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many images are locked.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Whether a reference is text for every reader of YAML without quotes. A name
/// that begins with a digit may be a number (`1.5`, `12:30`), one with a
/// bracket is an IPv6 registry.
fn is_plain(image: &str) -> bool {
    image.starts_with(|c: char| c.is_ascii_alphabetic())
        && !matches!(
            image.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
        )
}

/// Whether a text is a media type of a manifest, `type/subtype` (RFC 6838).
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= MEDIA_TYPE_MAX
        && text
            .split_once('/')
            .is_some_and(|(kind, name)| is_name(kind) && is_name(name))
}

struct Reader<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn refuse(&mut self, code: &'static str, line: u32, why: impl Into<String>) {
        self.findings.push(
            Finding::error(code, Class::Usage, why)
                .at(self.path, line)
                .help(HELP_WRITE),
        );
    }

    fn file(&mut self, documents: &[Document]) -> ImageLock {
        let mut lock = ImageLock::default();
        let [document] = documents else {
            let line = documents.get(1).map_or(1, |d| d.line);
            let why = format!(
                "an image lock is one document, here are {}",
                documents.len()
            );
            self.refuse("lock-yaml", line, why);
            return lock;
        };
        let root = &document.node;
        let Some(map) = self.map(root, "the file", &["version", "images"]) else {
            return lock;
        };
        match map.get("version") {
            None => self.refuse("lock-version", root.at.line, "version is missing"),
            Some(node) => match node.as_scalar() {
                Some(s) if s.tag == Tag::Int && s.text == VERSION => {}
                Some(s) => {
                    let why = format!(
                        "version {} is not known; this program reads {VERSION}",
                        s.text
                    );
                    self.refuse("lock-version", node.at.line, why);
                }
                None => {
                    let why = format!("version is {}, not {VERSION}", node.describe());
                    self.refuse("lock-version", node.at.line, why);
                }
            },
        }
        let Some(images) = map.get("images") else {
            self.refuse("lock-entry", root.at.line, "images is missing");
            return lock;
        };
        let Some(items) = images.as_seq() else {
            let why = format!("images is {}, not a list", images.describe());
            self.refuse("lock-entry", images.at.line, why);
            return lock;
        };
        for item in items {
            let Some((image, locked)) = self.entry(item) else {
                continue;
            };
            let again = format!("image {image} is locked twice");
            if lock.0.insert(image, locked).is_some() {
                self.refuse("lock-duplicate", item.at.line, again);
            }
        }
        lock
    }

    /// A map with these keys only.
    fn map<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n Map> {
        let Some(map) = node.as_map() else {
            let why = format!("{what} is {}, not a map", node.describe());
            self.refuse("lock-entry", node.at.line, why);
            return None;
        };
        for entry in &map.0 {
            if !keys.contains(&entry.key.as_str()) {
                let why = format!("unknown key {} in {what}", entry.key);
                self.refuse("lock-entry", entry.at.line, why);
            }
        }
        Some(map)
    }

    fn entry(&mut self, item: &Node) -> Option<(ImageRef, Locked)> {
        let map = self.map(item, "an entry", &["image", "digest", "mediaType"])?;
        let image =
            self.text(item, map, "image")
                .and_then(|(text, line)| match text.parse::<ImageRef>() {
                    Ok(image) if image.digest().is_none() => Some(image),
                    Ok(image) => {
                        let why = format!("image {image} has a digest already and needs no lock");
                        self.refuse("lock-entry", line, why);
                        None
                    }
                    Err(why) => {
                        self.refuse("lock-entry", line, format!("image {text}: {why}"));
                        None
                    }
                });
        let digest = self.text(item, map, "digest").and_then(|(text, line)| {
            text.parse::<Digest>()
                .map_err(|why| self.refuse("lock-entry", line, format!("digest {text}: {why}")))
                .ok()
        });
        let media_type = self.text(item, map, "mediaType").and_then(|(text, line)| {
            if is_media_type(text) {
                return Some(text.to_owned());
            }
            self.refuse(
                "lock-entry",
                line,
                format!("mediaType {text} is no media type"),
            );
            None
        });
        Some((
            image?,
            Locked {
                digest: digest?,
                media_type: media_type?,
            },
        ))
    }

    fn text<'n>(&mut self, item: &Node, map: &'n Map, key: &str) -> Option<(&'n str, u32)> {
        let Some(node) = map.get(key) else {
            self.refuse("lock-entry", item.at.line, format!("an entry has no {key}"));
            return None;
        };
        if let Some(text) = node.as_str() {
            return Some((text, node.at.line));
        }
        let why = format!("{key} is {}, not a string", node.describe());
        self.refuse("lock-entry", node.at.line, why);
        None
    }
}

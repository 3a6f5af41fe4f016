//! A package whose checksums hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::files::{Content, FileTree, Kind, TreeEntry};
use model::image::ImageRef;
use model::object::Object;
use model::version::PackageName;

use crate::checksums::{self, PackageDigest};
use crate::deploy_script;
use crate::manifest::{self, Manifest};

/// Mode of a published file.
pub const FILE_MODE: u32 = 0o444;

/// Mode of the published script.
pub const SCRIPT_MODE: u32 = 0o555;

/// Mode of the published directories.
pub const DIRECTORY_MODE: u32 = 0o755;

/// The objects.
pub const OBJECTS: &str = "manifests/all.yaml";

/// The image references.
pub const IMAGES: &str = "images.txt";

/// Where secrets come from.
pub const SECRETS: &str = "secrets.env.enc";

/// The six files, in the order the specification lists and reports them.
pub const FILES: [&str; 6] = [
    manifest::FILE_NAME,
    OBJECTS,
    IMAGES,
    SECRETS,
    deploy_script::FILE_NAME,
    checksums::FILE_NAME,
];

/// A package whose checksums hold: its own bytes, and what they say. Only
/// [`seal`](crate::seal::seal) and [`open`](crate::open::open) make one.
#[derive(Debug, Clone)]
pub struct Package {
    /// What MANIFEST.json says.
    pub manifest: Manifest,
    /// The objects of manifests/all.yaml, in its order.
    pub objects: Vec<Object>,
    /// The references of images.txt.
    pub images: BTreeSet<ImageRef>,
    digest: PackageDigest,
    files: BTreeMap<&'static str, Arc<Vec<u8>>>,
}

/// A file to publish.
#[derive(Debug, Clone, Copy)]
pub struct PackageFile<'a> {
    /// Where in the package.
    pub path: &'static str,
    /// Its bytes.
    pub bytes: &'a Arc<Vec<u8>>,
    /// Its mode.
    pub mode: u32,
}

impl Package {
    /// The caller has checked `files` against their checksum.sha256, which is
    /// among them.
    pub(crate) fn new(
        manifest: Manifest,
        objects: Vec<Object>,
        images: BTreeSet<ImageRef>,
        digest: PackageDigest,
        files: BTreeMap<&'static str, Arc<Vec<u8>>>,
    ) -> Self {
        Self {
            manifest,
            objects,
            images,
            digest,
            files,
        }
    }

    /// Client and version.
    pub fn name(&self) -> PackageName {
        self.manifest.name()
    }

    /// What names the package everywhere.
    pub fn digest(&self) -> PackageDigest {
        self.digest
    }

    /// The bytes of one of [`FILES`].
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(|bytes| bytes.as_slice())
    }

    /// The package as if it had just been read from its directory.
    pub fn tree(&self) -> FileTree {
        let file = |file: PackageFile<'_>| {
            let content = Content::Bytes(Arc::clone(file.bytes));
            file_entry(file.path, file.bytes.len(), content)
        };
        let entries = self.files().map(file).chain([manifests_entry()]).collect();
        FileTree::new(self.name().to_string(), entries)
    }

    /// The six files, sorted by path bytes.
    pub fn files(&self) -> impl Iterator<Item = PackageFile<'_>> {
        self.files.iter().map(|(path, bytes)| PackageFile {
            path,
            bytes,
            mode: mode(path),
        })
    }
}

/// The mode that one of [`FILES`] is published with.
pub(crate) fn mode(path: &str) -> u32 {
    if path == deploy_script::FILE_NAME {
        SCRIPT_MODE
    } else {
        FILE_MODE
    }
}

/// One of [`FILES`] as if it had just been read.
pub(crate) fn file_entry(path: &str, size: usize, content: Content) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        exact: true,
        kind: Kind::File,
        mode: mode(path),
        links: 1,
        size: size as u64,
        content,
    }
}

/// The directory of the objects as if it had just been listed.
pub(crate) fn manifests_entry() -> TreeEntry {
    TreeEntry {
        path: "manifests".to_owned(),
        exact: true,
        kind: Kind::Directory,
        mode: DIRECTORY_MODE,
        links: 2,
        size: 0,
        content: Content::Unread,
    }
}

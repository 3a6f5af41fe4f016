//! Sealing: objects, images and references become the bytes of a package.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::digest::Digest;
use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::name::Namespace;
use model::object::Object;
use model::version::PackageName;

use crate::checksums::{self, Checksums, PackageDigest};
use crate::deploy_script;
use crate::manifest::{self, Consign, FORMAT, Git, Manifest};

/// Mode of a published file.
pub const FILE_MODE: u32 = 0o444;

/// Mode of the published script.
pub const SCRIPT_MODE: u32 = 0o555;

/// Mode of the published directories.
pub const DIRECTORY_MODE: u32 = 0o755;

/// The six files, in the order the specification lists and reports them.
pub const FILES: [&str; 6] = [
    manifest::FILE_NAME,
    "manifests/all.yaml",
    "images.txt",
    "secrets.env.enc",
    deploy_script::FILE_NAME,
    checksums::FILE_NAME,
];

/// What a package is made of.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Client and version.
    pub name: PackageName,
    /// Where it is deployed to.
    pub namespace: Namespace,
    /// When it is made: RFC 3339 in UTC.
    pub created: String,
    /// What makes it: `consign <version>`.
    pub created_by: String,
    /// The client's directory, relative to the root.
    pub source: String,
    /// The Kubernetes version the objects were checked against, `1.36`.
    pub kubernetes: String,
    /// SHA-256 over the digests of every file read.
    pub source_digest: Digest,
    /// The source's commit.
    pub git: Option<Git>,
    /// The objects, pinned and annotated.
    pub objects: Vec<Object>,
    /// Their images.
    pub images: BTreeSet<ImageRef>,
    /// The text of secrets.env.enc.
    pub secrets_ref: String,
}

/// A package whose checksums hold: its own bytes, and what they say.
#[derive(Debug, Clone)]
pub struct Package {
    /// What MANIFEST.json says.
    pub manifest: Manifest,
    /// The objects of manifests/all.yaml, in its order.
    pub objects: Vec<Object>,
    /// The references of images.txt.
    pub images: BTreeSet<ImageRef>,
    digest: PackageDigest,
    files: BTreeMap<&'static str, Arc<[u8]>>,
}

/// A file to publish.
#[derive(Debug, Clone, Copy)]
pub struct PackageFile<'a> {
    /// Where in the package.
    pub path: &'static str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its mode.
    pub mode: u32,
}

impl Package {
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
        self.files.get(path).map(AsRef::as_ref)
    }

    /// The six files, sorted by path bytes.
    pub fn files(&self) -> impl Iterator<Item = PackageFile<'_>> {
        self.files.iter().map(|(path, bytes)| PackageFile {
            path,
            bytes,
            mode: if *path == deploy_script::FILE_NAME {
                SCRIPT_MODE
            } else {
                FILE_MODE
            },
        })
    }
}

/// Makes a package. Pure: the same draft gives the same bytes.
///
/// Fails where the draft would not pass verification.
pub fn seal(draft: Draft) -> Result<Package, Vec<Finding>> {
    let all = model::yaml::emit_all(draft.objects.iter().map(|object| &object.node))
        .map_err(|e| vec![bug(format!("manifests/all.yaml cannot be written: {e}"))])?;
    let manifest = Manifest {
        client: draft.name.client,
        version: draft.name.version,
        namespace: draft.namespace,
        created: draft.created,
        created_by: draft.created_by,
        source: draft.source,
        consign: Some(Consign {
            format: FORMAT,
            kubernetes: draft.kubernetes,
            source_digest: draft.source_digest,
            git: draft.git,
            objects: draft.objects.len() as u64,
            images: draft.images.len() as u64,
        }),
    };
    let manifest_text = manifest
        .print()
        .map_err(|e| vec![bug(format!("MANIFEST.json cannot be written: {e}"))])?;
    let images: String = draft
        .images
        .iter()
        .map(ToString::to_string)
        .collect::<BTreeSet<_>>()
        .iter()
        .flat_map(|image| [image, "\n"])
        .collect();
    let mut files: BTreeMap<&'static str, Arc<[u8]>> = BTreeMap::new();
    let [
        manifest_path,
        all_path,
        images_path,
        secrets_path,
        script_path,
        checksums_path,
    ] = FILES;
    files.insert(manifest_path, manifest_text.into_bytes().into());
    files.insert(all_path, all.into_bytes().into());
    files.insert(images_path, images.into_bytes().into());
    files.insert(secrets_path, draft.secrets_ref.into_bytes().into());
    files.insert(script_path, deploy_script::TEXT.as_bytes().into());
    let list = Checksums::of(files.iter().map(|(path, bytes)| (*path, bytes.as_ref())))
        .map_err(|e| vec![bug(format!("checksum.sha256 cannot be written: {e}"))])?
        .print();
    let digest = PackageDigest::of(list.as_bytes());
    files.insert(checksums_path, list.into_bytes().into());
    Ok(Package {
        manifest,
        objects: draft.objects,
        images: draft.images,
        digest,
        files,
    })
}

fn bug(why: String) -> Finding {
    Finding::error("seal-failed", Class::Usage, why)
}

//! Sealing: objects, images and references become the bytes of a package.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::digest::Digest;
use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::name::Namespace;
use model::object::Object;
use model::version::PackageName;

use crate::checksums::{Checksums, PackageDigest};
use crate::deploy_script;
use crate::images;
use crate::manifest::{Consign, FORMAT, Git, Manifest};
use crate::open::{BashSyntax, OpenOptions, open};
use crate::sealed::{FILES, Package};

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

/// Makes a package. Pure: the same draft gives the same bytes.
///
/// Before it is handed out it is opened as any other package is, with these
/// options: what would not pass verification is not made.
pub fn seal(draft: Draft, options: &OpenOptions) -> Result<Package, Vec<Finding>> {
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
    let images = images::list::print(&draft.images);
    let mut files: BTreeMap<&'static str, Arc<Vec<u8>>> = BTreeMap::new();
    let [
        manifest_path,
        all_path,
        images_path,
        secrets_path,
        script_path,
        checksums_path,
    ] = FILES;
    files.insert(manifest_path, Arc::new(manifest_text.into_bytes()));
    files.insert(all_path, Arc::new(all.into_bytes()));
    files.insert(images_path, Arc::new(images.into_bytes()));
    files.insert(secrets_path, Arc::new(draft.secrets_ref.into_bytes()));
    files.insert(
        script_path,
        Arc::new(deploy_script::TEXT.as_bytes().to_vec()),
    );
    let list = Checksums::of(files.iter().map(|(path, bytes)| (*path, bytes.as_slice())))
        .map_err(|e| vec![bug(format!("checksum.sha256 cannot be written: {e}"))])?
        .print();
    let digest = PackageDigest::of(list.as_bytes());
    files.insert(checksums_path, Arc::new(list.into_bytes()));
    let package = Package::new(manifest, draft.objects, draft.images, digest, files);
    let report = open(&package.tree(), options).finish(&BashSyntax::Absent);
    let Some(opened) = report.package else {
        return Err(report.findings.into_iter().map(of_source).collect());
    };
    let differing = reread(&package.objects, &opened.objects);
    if differing.is_empty() {
        Ok(opened)
    } else {
        Err(differing)
    }
}

/// What is wrong with a package that was never made is wrong with its source.
fn of_source(finding: Finding) -> Finding {
    if !finding.is_error() {
        return finding;
    }
    Finding {
        class: match finding.class {
            Class::Integrity => Class::Policy,
            class => class,
        },
        help: Some("correct the source, then package again".to_owned()),
        ..finding
    }
}

/// The objects that the text does not give back as they were: what was meant
/// and what every reader reads must be one.
fn reread(meant: &[Object], read: &[Object]) -> Vec<Finding> {
    let json = |object: &Object| model::yaml::to_json(&object.node).ok();
    meant
        .iter()
        .zip(read)
        .filter(|(meant, read)| json(meant).is_none() || json(meant) != json(read))
        .map(|(meant, _)| {
            let why = format!("{meant} cannot be written so that every YAML reader reads it alike");
            Finding::error("object-ambiguous", Class::Policy, why)
                .at(&meant.origin.path, meant.origin.line)
                .help("put the values of this object that look like numbers or dates in quotes")
        })
        .collect()
}

fn bug(why: String) -> Finding {
    Finding::error("seal-failed", Class::Usage, why)
}

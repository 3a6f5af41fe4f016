//! Trust: whether a package that is whole may also be deployed.

use std::collections::BTreeMap;
use std::ops::Deref;

use model::finding::{Class, Finding};
use model::image::ImageRef;

use crate::images::{self, FoundImage, ImageRules};
use crate::manifest;
use crate::place;
use crate::sealed::Package;

/// What a package has to prove beyond its checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy(());

impl Policy {
    /// Nothing: that its bytes are whole is enough.
    pub const fn none() -> Self {
        Self(())
    }
}

/// A package that may be deployed. Only [`judge`] makes one; it reads like the
/// package that it is.
#[derive(Debug, Clone)]
pub struct TrustedPackage(Package);

impl TrustedPackage {
    /// The package, which anyone may have.
    pub fn into_package(self) -> Package {
        self.0
    }
}

impl Deref for TrustedPackage {
    type Target = Package;

    fn deref(&self) -> &Package {
        &self.0
    }
}

/// Judges a package. All that speaks against it is said at once, by findings
/// of class [`Policy`](Class::Policy):
///
/// - `package-foreign`: scripts made it, so MANIFEST.json has no `consign`:
///   neither its format nor the version of Kubernetes that it was checked
///   against is known;
/// - `image-not-pinned`: an object names an image without a digest, in a
///   package of scripts or in one whose images were not verified.
///
/// Source of the rule: package format 1, and the specification's "Image Digest
/// Pinning"; no flag lifts it.
pub fn judge(package: Package, policy: &Policy) -> Result<TrustedPackage, Vec<Finding>> {
    let Policy(()) = policy;
    let mut findings = floating(&package);
    if package.manifest.consign.is_none() {
        let why = format!("package {} was not made by consign", package.name());
        let finding = Finding::error("package-foreign", Class::Policy, why)
            .in_file(manifest::FILE_NAME)
            .help(format!(
                "make it again with: consign package --client {} --version <a new version>",
                package.manifest.client
            ));
        findings.insert(0, finding);
    }
    if findings.is_empty() {
        Ok(TrustedPackage(package))
    } else {
        Err(findings)
    }
}

/// One finding for each image without a digest, at the first object that
/// names it.
fn floating(package: &Package) -> Vec<Finding> {
    let found = images::find(&package.objects, &ImageRules::default());
    let mut first: BTreeMap<&ImageRef, &FoundImage> = BTreeMap::new();
    for one in found.images.iter().filter(|i| i.image.digest().is_none()) {
        first.entry(&one.image).or_insert(one);
    }
    first
        .into_values()
        .map(|one| {
            let why = format!("image not pinned: {}", one.image);
            let finding = Finding::error("image-not-pinned", Class::Policy, why)
                .help("package the client again: consign package pins every image");
            match package.objects.get(one.object) {
                Some(object) => place::at_line(finding, object, one.line),
                None => finding,
            }
        })
        .collect()
}

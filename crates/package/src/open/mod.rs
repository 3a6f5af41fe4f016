//! Opening: the bytes of a directory become a package, or everything that is
//! wrong with them is said.
//!
//! The steps and the words of the report are the specification's (section
//! "Package Verification"). When a checksum does not hold, the report ends
//! there, as in the specification's example: what the files say means nothing.

mod log;

mod identity;
mod objects;
mod references;
mod script;
mod set;
mod sums;

use std::collections::BTreeSet;

use model::files::FileTree;
use model::name::Namespace;

use crate::deploy_script;
use crate::images::Maker;
use crate::manifest;
use crate::policy::GroupKind;
use crate::report::Report;
use crate::schema::Release;
use crate::sealed::{IMAGES, OBJECTS, Package, SECRETS};

use log::{Log, Ready};

pub use set::{is_sidecar, is_wanted};

/// Which steps are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// All six.
    #[default]
    All,
    /// Not the schemas, the images and the script (`--skip-verify`); the set of
    /// files, the checksums, MANIFEST.json, the form of the objects and what
    /// may not be shipped at all are always looked at.
    Integrity,
}

/// How to open. The default is what a machine without settings does.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Which steps are taken.
    pub steps: Steps,
    /// The Kubernetes version to check against instead of MANIFEST.json's.
    pub kubernetes: Option<Release>,
    /// How much weight the allowances below have.
    pub placement: Placement,
    /// Other namespaces that a client may write to.
    pub namespaces: BTreeSet<Namespace>,
    /// Cluster-scoped kinds it may ship beside its own Namespace.
    pub cluster_kinds: BTreeSet<GroupKind>,
    /// Registries that its images may come from; any when empty.
    pub registries: Vec<String>,
}

/// What becomes of objects that lie where the client may not write.
///
/// Allowances are settings, and settings are not part of a package: a machine
/// that has none cannot tell what the maker's said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// They are told as warnings.
    #[default]
    Told,
    /// They are refused, but for packages that scripts made, which are not
    /// deployed by consign anyway.
    Refused,
}

/// What `bash -n` says about a script that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BashSyntax {
    /// It is valid.
    Valid,
    /// It is not; bash's own words. Untrusted text.
    Invalid(String),
    /// bash is not on this machine.
    Absent,
}

/// A package that was opened, all but one question: whether bash can read its
/// script. [`Opening::finish`] gives the report.
#[derive(Debug)]
pub struct Opening {
    name: String,
    log: Log,
    maker: Maker,
    script: Script,
    ready: Ready,
    package: Option<Package>,
}

/// What is still to be said about the script.
#[derive(Debug)]
enum Script {
    /// Nothing: the report ended before.
    Unasked,
    /// It is consign's own.
    Known,
    /// Bash has to say.
    Other(Vec<u8>),
}

impl Opening {
    /// The script that only bash can judge; `None` when there is nothing to
    /// ask.
    pub fn script(&self) -> Option<&[u8]> {
        match &self.script {
            Script::Other(bytes) => Some(bytes),
            Script::Unasked | Script::Known => None,
        }
    }

    /// The report. Where [`Opening::script`] has something to ask, `answer` is
    /// what bash said about it.
    pub fn finish(mut self, answer: &BashSyntax) -> Report {
        match self.script {
            Script::Unasked => {}
            Script::Known => script::known(&mut self.log),
            Script::Other(_) => script::other(answer, self.maker, &mut self.log),
        }
        let passed = self.log.failures() == 0;
        self.log.close(self.ready);
        Report {
            name: self.name,
            lines: self.log.lines,
            findings: self.log.findings,
            package: self.package.filter(|_| passed),
        }
    }
}

/// Opens a package. Pure: it judges the bytes that were read once, and a
/// package is these bytes.
pub fn open(tree: &FileTree, options: &OpenOptions) -> Opening {
    let mut opening = Opening {
        name: tree.name.clone(),
        log: Log::heading(&tree.name),
        maker: Maker::Consign,
        script: Script::Unasked,
        ready: Ready::Yes,
        package: None,
    };
    let log = &mut opening.log;
    set::check(tree, log);
    let Some(checked) = sums::check(tree, log) else {
        return opening;
    };
    let bytes = |path: &str| {
        checked
            .files
            .get(path)
            .map_or(&[][..], |bytes| bytes.as_slice())
    };

    let manifest = identity::check(&tree.name, bytes(manifest::FILE_NAME), log);
    if manifest.as_ref().is_some_and(|m| m.consign.is_none()) {
        opening.maker = Maker::Scripts;
    }
    let objects = objects::check(bytes(OBJECTS), manifest.as_ref(), options, log);
    let images = references::images(
        bytes(IMAGES),
        objects.as_deref(),
        manifest.as_ref(),
        opening.maker,
        options,
        log,
    );
    opening.ready = images.ready;
    references::secrets(bytes(SECRETS), manifest.as_ref(), log);
    match options.steps {
        Steps::Integrity => log.skipped(),
        Steps::All => {
            let path = deploy_script::FILE_NAME;
            let known = script::check(tree.get(path), bytes(path), manifest.as_ref(), log);
            opening.script = if known {
                Script::Known
            } else {
                Script::Other(bytes(path).to_vec())
            };
        }
    }
    opening.package = manifest.zip(objects).map(|(manifest, objects)| {
        Package::new(
            manifest,
            objects,
            images.listed,
            checked.digest,
            checked.files,
        )
    });
    opening
}

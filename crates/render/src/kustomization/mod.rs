//! `kustomization.yaml`: every field of kustomize v5.5.0, typed.
//!
//! Fields that are not built yet, and those that a hermetic build never
//! offers, are refused by name; so is whatever kustomize itself does not know.

mod read;

use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use model::yaml::{Dialect, Limits, parse};

use crate::decode::Decoder;
use crate::selector::Target;
use crate::transform::fieldspec::FieldSpec;

/// What a directory's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Builds its own set of resources.
    #[default]
    Kustomization,
    /// Works on the resources of whoever names it.
    Component,
}

/// A text, and the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The text.
    pub text: String,
    /// The line, from 1.
    pub line: u32,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchEntry {
    /// The line it begins at.
    pub line: u32,
    /// A file that holds it.
    pub path: String,
    /// The patch itself.
    pub patch: String,
    /// Which objects it is for; `None`: those it names.
    pub target: Option<Target>,
    /// Its options.
    pub options: BTreeMap<String, bool>,
}

/// An entry of `labels`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelEntry {
    /// The line it begins at.
    pub line: u32,
    /// The labels.
    pub pairs: BTreeMap<String, String>,
    /// Whether selectors get them too.
    pub include_selectors: bool,
    /// Whether templates get them too.
    pub include_templates: bool,
    /// More fields that get them.
    pub fields: Vec<FieldSpec>,
}

/// An entry of `images`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageEntry {
    /// The line it begins at.
    pub line: u32,
    /// Pattern of the image's name.
    pub name: String,
    /// Its new name.
    pub new_name: String,
    /// What is put behind its tag.
    pub tag_suffix: String,
    /// Its new tag.
    pub new_tag: String,
    /// Its new digest.
    pub digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaEntry {
    /// The line it begins at.
    pub line: u32,
    /// The object's name.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// What generated objects get beside their data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeneratorOptions {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// No digest behind the name.
    pub disable_name_suffix_hash: bool,
    /// `immutable: true`.
    pub immutable: bool,
}

/// Which kind a generator makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generates {
    /// A `ConfigMap`.
    ConfigMap,
    /// A `Secret` of this type (empty: `Opaque`).
    Secret(String),
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratorEntry {
    /// The line it begins at.
    pub line: u32,
    /// What it makes.
    pub generates: Generates,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// `create`, `merge` or `replace`; anything else is `create`.
    pub behavior: String,
    /// Files of `KEY=value` lines.
    pub envs: Vec<Line>,
    /// `KEY=value`.
    pub literals: Vec<Line>,
    /// `path` or `key=path`.
    pub files: Vec<Line>,
    /// Its own options.
    pub options: GeneratorOptions,
}

/// `sortOptions`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SortOptions {
    /// The line it stands on.
    pub line: u32,
    /// `legacy` or `fifo`.
    pub order: String,
    /// Kinds that come first and last, when given.
    pub legacy: Option<(Vec<String>, Vec<String>)>,
}

/// A kustomization.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kustomization {
    /// Kustomization or component.
    pub role: Role,
    /// `namePrefix`.
    pub name_prefix: Line,
    /// `nameSuffix`.
    pub name_suffix: Line,
    /// `namespace`.
    pub namespace: Line,
    /// `commonLabels`.
    pub common_labels: BTreeMap<String, String>,
    /// The line of `commonLabels`.
    pub common_labels_line: u32,
    /// `labels`.
    pub labels: Vec<LabelEntry>,
    /// `commonAnnotations`.
    pub common_annotations: BTreeMap<String, String>,
    /// The line of `commonAnnotations`.
    pub common_annotations_line: u32,
    /// `patchesStrategicMerge`: files or patches.
    pub patches_strategic_merge: Vec<Line>,
    /// `patchesJson6902`.
    pub patches_json6902: Vec<PatchEntry>,
    /// `patches`.
    pub patches: Vec<PatchEntry>,
    /// `images`, then `imageTags`.
    pub images: Vec<ImageEntry>,
    /// `replicas`.
    pub replicas: Vec<ReplicaEntry>,
    /// `sortOptions`.
    pub sort_options: Option<SortOptions>,
    /// `resources`, then `bases`.
    pub resources: Vec<Line>,
    /// `components`.
    pub components: Vec<Line>,
    /// `configMapGenerator`, then `secretGenerator`.
    pub generators: Vec<GeneratorEntry>,
    /// `generatorOptions`.
    pub generator_options: Option<GeneratorOptions>,
    /// What is deprecated, in kustomize's words.
    pub warnings: Vec<String>,
}

impl Kustomization {
    /// Reads the text of `file`.
    pub fn parse(text: &str, file: &str, limits: &Limits) -> Result<Self, Vec<Finding>> {
        let empty = || {
            let message = "kustomization.yaml is empty";
            vec![Finding::error("kustomization-empty", Class::Usage, message).in_file(file)]
        };
        let node = parse(text, Dialect::V2, limits).map_err(|e| {
            let message = format!("invalid Kustomization: {e}");
            vec![Finding::error("kustomization-yaml", Class::Usage, message).at(file, e.line)]
        })?;
        let Some(node) = node else {
            return Err(empty());
        };
        let mut decoder = Decoder::new(file);
        let (kustomization, is_empty) = read::read(&mut decoder, &node);
        let findings = decoder.finish();
        if !findings.is_empty() {
            return Err(findings);
        }
        if is_empty {
            return Err(empty());
        }
        Ok(kustomization)
    }
}

//! The built-in transformers of one kustomization, in their fixed order.

use model::finding::{Class, Finding};

use crate::json6902;
use crate::kustomization::{Kustomization, LabelEntry, Line, PatchEntry};
use crate::load::{Directory, Loader};
use crate::resmap::ResMap;
use crate::selector::Selector;
use crate::source;
use crate::transform::images::ImageEdit;
use crate::transform::labels::Reach;
use crate::transform::namespace::NamespaceEdit;
use crate::transform::patch::{self, Change, PatchError, Remember, Strategic};
use crate::transform::prefix_suffix::End;
use crate::transform::replicas::ReplicaCount;
use crate::transform::{
    TransformError, annotations, defaults, images, labels, namespace, prefix_suffix, replicas,
};

/// A patch, read and ready.
#[derive(Debug)]
enum Ready {
    /// One or several strategic-merge patches; with a selector, exactly one.
    Strategic(Vec<Strategic>, Option<Selector>),
    /// A JSON patch.
    Json(json6902::Patch, Selector, Remember),
}

/// Changes the resources as the kustomization says.
pub fn run(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    kustomization: &Kustomization,
    resources: &mut ResMap,
) -> Result<(), Vec<Finding>> {
    // All patches are read before the first is applied, as a mistake in any
    // of them is to be said whatever the others do.
    let mut findings = Vec::new();
    let merges = collect(
        strategic_merges(loader, directory, &kustomization.patches_strategic_merge),
        &mut findings,
    );
    let patches = read_all(&kustomization.patches, &mut findings, |entry| {
        any(loader, directory, entry)
    });
    let json = read_all(&kustomization.patches_json6902, &mut findings, |entry| {
        json(loader, directory, entry)
    });
    if !findings.is_empty() {
        return Err(findings);
    }
    let stages = Stages {
        directory,
        resources,
    };
    stages.run(kustomization, &merges, &patches, &json)
}

fn collect<T>(read: Result<Vec<T>, Vec<Finding>>, findings: &mut Vec<Finding>) -> Vec<T> {
    read.unwrap_or_else(|wrong| {
        findings.extend(wrong);
        Vec::new()
    })
}

fn read_all<'k>(
    entries: &'k [PatchEntry],
    findings: &mut Vec<Finding>,
    read: impl Fn(&PatchEntry) -> Result<Ready, Vec<Finding>>,
) -> Vec<(&'k PatchEntry, Ready)> {
    let mut ready = Vec::new();
    for entry in entries {
        match read(entry) {
            Ok(patch) => ready.push((entry, patch)),
            Err(wrong) => findings.extend(wrong),
        }
    }
    ready
}

struct Stages<'s, 'p> {
    directory: &'s Directory<'p>,
    resources: &'s mut ResMap,
}

impl Stages<'_, '_> {
    fn run(
        mut self,
        k: &Kustomization,
        merges: &[(u32, Strategic)],
        patches: &[(&PatchEntry, Ready)],
        json: &[(&PatchEntry, Ready)],
    ) -> Result<(), Vec<Finding>> {
        for (line, merge) in merges {
            self.patched(*line, |r| patch::by_identity(r, merge))?;
        }
        for (entry, ready) in patches {
            self.patch(entry.line, ready)?;
        }
        if !k.namespace.text.is_empty() {
            let edit = NamespaceEdit::new(&k.namespace.text);
            self.transformed(k.namespace.line, |r| {
                namespace::move_to(r, &edit, defaults::NAMESPACE)
            })?;
        }
        for (end, affix, specs) in [
            (End::Prefix, &k.name_prefix, defaults::NAME_PREFIX),
            (End::Suffix, &k.name_suffix, defaults::NAME_SUFFIX),
        ] {
            if !affix.text.is_empty() {
                self.transformed(affix.line, |r| {
                    prefix_suffix::rename(r, end, &affix.text, specs)
                })?;
            }
        }
        for entry in &k.labels {
            self.labels(entry)?;
        }
        self.transformed(k.common_labels_line, |r| {
            labels::label(r, &k.common_labels, defaults::COMMON_LABELS)
        })?;
        self.transformed(k.common_annotations_line, |r| {
            annotations::annotate(r, &k.common_annotations, defaults::COMMON_ANNOTATIONS)
        })?;
        for (entry, ready) in json {
            self.patch(entry.line, ready)?;
        }
        for entry in &k.replicas {
            let count = ReplicaCount {
                name: entry.name.clone(),
                count: entry.count,
            };
            self.transformed(entry.line, |r| {
                replicas::scale(r, &count, defaults::REPLICAS)
            })?;
        }
        for entry in &k.images {
            let edit = ImageEdit {
                name: entry.name.clone(),
                new_name: entry.new_name.clone(),
                new_tag: entry.new_tag.clone(),
                digest: entry.digest.clone(),
                tag_suffix: entry.tag_suffix.clone(),
            };
            self.transformed(entry.line, |r| images::reimage(r, &edit, defaults::IMAGES))?;
        }
        Ok(())
    }

    fn transformed(
        &mut self,
        line: u32,
        transform: impl FnOnce(&mut ResMap) -> Result<(), TransformError>,
    ) -> Result<(), Vec<Finding>> {
        transform(self.resources).map_err(|e| vec![self.directory.invalid(line, e.to_string())])
    }

    fn patched(
        &mut self,
        line: u32,
        apply: impl FnOnce(&mut ResMap) -> Result<(), PatchError>,
    ) -> Result<(), Vec<Finding>> {
        apply(self.resources).map_err(|e| {
            let finding = Finding::error("patch-failed", Class::Usage, e.to_string());
            vec![self.directory.locate(finding, line)]
        })
    }

    fn labels(&mut self, entry: &LabelEntry) -> Result<(), Vec<Finding>> {
        let reach = if entry.include_selectors {
            Reach::Selectors
        } else if entry.include_templates {
            Reach::Templates
        } else {
            Reach::Metadata
        };
        let specs = labels::fields_of(
            &entry.fields,
            &[],
            reach,
            defaults::COMMON_LABELS,
            defaults::TEMPLATE_LABELS,
        )
        .map_err(|e| {
            let message = format!("failed to merge labels: {e}");
            vec![self.directory.invalid(entry.line, message)]
        })?;
        self.transformed(entry.line, |r| labels::label(r, &entry.pairs, &specs))
    }

    fn patch(&mut self, line: u32, ready: &Ready) -> Result<(), Vec<Finding>> {
        match ready {
            Ready::Strategic(patches, selector) => patches.iter().try_for_each(|one| {
                self.patched(line, |r| match selector {
                    Some(selector) => patch::by_selector(r, one, selector),
                    None => patch::by_identity(r, one),
                })
            }),
            Ready::Json(json, selector, remember) => {
                self.patched(line, |r| patch::json(r, json, selector, *remember))
            }
        }
    }
}

/// `patchesStrategicMerge`: each entry is a patch, or else a file of patches.
fn strategic_merges(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entries: &[Line],
) -> Result<Vec<(u32, Strategic)>, Vec<Finding>> {
    let mut patches = Vec::new();
    let mut findings = Vec::new();
    for entry in entries {
        let file = directory.file.as_str();
        let inline = source::resources(&entry.text, file, &loader.limits);
        let read = match inline {
            Ok(found) => Ok(found),
            // No path has two lines.
            Err(wrong) if entry.text.trim().contains('\n') => {
                Err(relocate(directory, entry.line, wrong))
            }
            Err(_) => file_patches(loader, directory, entry),
        };
        match read {
            Err(wrong) => findings.extend(wrong),
            Ok(found) => patches.extend(found.into_iter().map(|patch| {
                let strategic = Strategic {
                    patch,
                    name: Change::Kept,
                    kind: Change::Kept,
                };
                (entry.line, strategic)
            })),
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    if let (true, Some(first)) = (patches.is_empty(), entries.first()) {
        return Err(vec![
            directory.invalid(first.line, "patch appears to be empty"),
        ]);
    }
    Ok(patches)
}

/// What is wrong inside a text of the kustomization, told of its line.
fn relocate(directory: &Directory<'_>, line: u32, wrong: Vec<Finding>) -> Vec<Finding> {
    wrong
        .into_iter()
        .map(|f| directory.locate(f, line))
        .collect()
}

fn file_patches(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entry: &Line,
) -> Result<Vec<crate::resource::Resource>, Vec<Finding>> {
    let (path, bytes) = loader.read(directory, entry).map_err(|f| vec![f])?;
    let text = loader
        .text(&path, &bytes)
        .map_err(|f| vec![directory.explain(f)])?;
    source::resources(text, path.as_str(), &loader.limits)
        .map_err(|all| all.into_iter().map(|f| directory.explain(f)).collect())
}

/// An entry of `patches`: a strategic-merge patch if it reads as objects, else
/// a JSON patch.
fn any(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entry: &PatchEntry,
) -> Result<Ready, Vec<Finding>> {
    let inline = entry.patch.trim();
    let wrong = |message: String| vec![directory.invalid(entry.line, message)];
    let (file, source_name, text) = match (inline.is_empty(), entry.path.is_empty()) {
        (true, true) => return Err(wrong("must specify one of patch and path".to_owned())),
        (false, false) => {
            return Err(wrong(
                "patch and path can't be set at the same time".to_owned(),
            ));
        }
        (false, true) => (
            directory.file.clone(),
            // Not its text, which may hold what is not to be shown.
            "[patch: inline]".to_owned(),
            inline.to_owned(),
        ),
        (true, false) => {
            let (path, text) = read_text(loader, directory, entry)?;
            (path, format!("[path: {:?}]", entry.path), text)
        }
    };
    let strategic = source::resources(&text, file.as_str(), &loader.limits);
    let json = json6902::Patch::parse(&text, &loader.limits);
    let selector = entry.target.as_ref().map(Selector::new).transpose();
    let selector = selector.map_err(|e| wrong(e.to_string()))?;
    match (strategic, json) {
        (Ok(_), Ok(_)) => Err(wrong(format!(
            "illegally qualifies as both an SM and JSON patch: {source_name}"
        ))),
        (Err(why), Err(json)) => {
            let why = why.first().map_or("", |f| f.message.as_str());
            Err(wrong(format!(
                "unable to parse SM or JSON patch from {source_name}; as an object: {why}; as a JSON patch: {json}"
            )))
        }
        (Ok(patches), Err(_)) => {
            if selector.is_some() && patches.len() > 1 {
                return Err(wrong(format!(
                    "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {source_name}"
                )));
            }
            let option = |name: &str| match entry.options.get(name) {
                Some(true) => Change::Allowed,
                _ => Change::Kept,
            };
            let patches = patches.into_iter().map(|patch| Strategic {
                patch,
                name: option("allowNameChange"),
                kind: option("allowKindChange"),
            });
            Ok(Ready::Strategic(patches.collect(), selector))
        }
        (Err(_), Ok(json)) => match selector {
            Some(selector) => Ok(Ready::Json(json, selector, Remember::Yes)),
            None => Err(wrong(format!(
                "must specify a target for JSON patch {source_name}"
            ))),
        },
    }
}

/// An entry of `patchesJson6902`.
fn json(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entry: &PatchEntry,
) -> Result<Ready, Vec<Finding>> {
    let wrong = |message: String| vec![directory.invalid(entry.line, message)];
    let target = entry.target.as_ref().filter(|t| !t.name.is_empty());
    let Some(target) = target else {
        return Err(wrong("must specify the target name".to_owned()));
    };
    let text = match (entry.patch.is_empty(), entry.path.is_empty()) {
        (true, true) => return Err(wrong("empty file path and empty jsonOp".to_owned())),
        (false, false) => {
            return Err(wrong(
                "must specify a file path or jsonOp, not both".to_owned(),
            ));
        }
        (false, true) => entry.patch.clone(),
        (true, false) => read_text(loader, directory, entry)?.1,
    };
    let patch = json6902::Patch::parse(&text, &loader.limits).map_err(|e| wrong(e.to_string()))?;
    let selector = Selector::new(target).map_err(|e| wrong(e.to_string()))?;
    Ok(Ready::Json(patch, selector, Remember::No))
}

fn read_text(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entry: &PatchEntry,
) -> Result<(model::path::RelPath, String), Vec<Finding>> {
    let named = Line {
        text: entry.path.clone(),
        line: entry.line,
    };
    let (path, bytes) = loader.read(directory, &named).map_err(|f| vec![f])?;
    let text = loader
        .text(&path, &bytes)
        .map_err(|f| vec![directory.explain(f)])?;
    Ok((path, text.to_owned()))
}

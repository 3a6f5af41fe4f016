//! From a directory to objects, and from objects to text.

use std::collections::HashSet;

use model::files::Area;
use model::finding::{Class, Finding};
use model::object::Object;
use model::path::RelPath;
use model::yaml::emit;

use crate::accumulate::Build;
use crate::kustomization::SortOptions;
use crate::load::{LoadRestrictor, REACHED};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::transform::name_references::NAME_REFERENCES;
use crate::transform::sort::Ranks;
use crate::transform::{finish, follow_names, name_hash, sort};

/// Findings of one build that are shown; nobody reads more at once.
const FINDINGS_MAX: usize = 200;

/// In which order the objects come, unless the kustomization says so itself
/// (`sortOptions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reorder {
    /// By kind, then by name: what the command line of kustomize does.
    #[default]
    Legacy,
    /// As they were named.
    None,
}

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The order of the objects.
    pub reorder: Reorder,
    /// Which files a kustomization may name.
    pub load_restrictor: LoadRestrictor,
}

/// What a build made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rendered {
    /// The objects, in order.
    pub objects: Vec<Object>,
    /// What kustomize would have said on its standard error, line by line.
    pub warnings: Vec<String>,
}

/// Builds the kustomization of a directory.
///
/// The findings of a failure have class `Usage` where the input is not valid,
/// `Policy` where it asks for what is refused (what lies outside the area or
/// the restrictor's fence, the network, other programs, fields that are not
/// built) and `Io` where the disk failed.
pub fn build(
    area: &Area<'_>,
    directory: &RelPath,
    options: &Options,
) -> Result<Rendered, Vec<Finding>> {
    run(area, directory, *options).map_err(shorten)
}

/// A mistake in a shared directory is found as often as the directory is
/// reached: those that are alike but for the way there are told once.
fn shorten(findings: Vec<Finding>) -> Vec<Finding> {
    let mut told = HashSet::new();
    let mut kept: Vec<Finding> = findings
        .into_iter()
        .filter(|f| {
            let message = f.message.split(REACHED).next().unwrap_or_default();
            told.insert((f.place.clone(), f.code, message.to_owned()))
        })
        .collect();
    let more = kept.len().saturating_sub(FINDINGS_MAX);
    if more > 0 {
        kept.truncate(FINDINGS_MAX);
        let message = format!("and {more} more of this kind; they are not shown");
        kept.push(Finding::error("render-more", Class::Usage, message));
    }
    kept
}

fn run(area: &Area<'_>, directory: &RelPath, options: Options) -> Result<Rendered, Vec<Finding>> {
    let mut build = Build::new(area, options.load_restrictor);
    let (mut resources, kustomization, file) = build.root(directory)?;
    name_hash::add(&mut resources).map_err(|f| vec![f])?;
    follow_names::follow(&mut resources, NAME_REFERENCES)?;
    finish::drop_local(&mut resources);
    let wanted = kustomization.sort_options.as_ref();
    order(&mut resources, wanted, options)
        .map_err(|message| vec![sort_wrong(&file, wanted, message)])?;
    finish::normalise_annotations(&mut resources)?;
    let objects = resources.into_vec().into_iter();
    Ok(Rendered {
        objects: objects.map(|Resource { object, .. }| object).collect(),
        warnings: build.into_warnings(),
    })
}

fn sort_wrong(file: &RelPath, options: Option<&SortOptions>, message: String) -> Finding {
    let line = options.map_or(0, |o| o.line);
    Finding::error("kustomization-invalid", Class::Usage, message).at(file.as_str(), line)
}

fn order(
    resources: &mut ResMap,
    wanted: Option<&SortOptions>,
    options: Options,
) -> Result<(), String> {
    let ranks = match wanted {
        None if options.reorder == Reorder::None => None,
        None => Some(Ranks::default()),
        Some(wanted) => match (wanted.order.as_str(), &wanted.legacy) {
            ("legacy", None) => Some(Ranks::default()),
            ("legacy", Some((first, last))) => Some(Ranks::new(first, last)),
            ("fifo", None) => None,
            ("fifo", Some(_)) => {
                return Err("the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'".to_owned());
            }
            _ => {
                return Err(
                    "the field 'sortOptions.order' must be one of [fifo, legacy]".to_owned(),
                );
            }
        },
    };
    if let Some(ranks) = ranks {
        sort::legacy(resources, &ranks);
    }
    Ok(())
}

/// The objects as `kustomize build` prints them: YAML documents with `---`
/// between them.
pub fn print(objects: &[Object]) -> Result<String, Finding> {
    let mut text = String::new();
    for (at, object) in objects.iter().enumerate() {
        if at > 0 {
            text.push_str("---\n");
        }
        let printed = emit(&object.node).map_err(|e| {
            let line = match e.at.line {
                0 => object.origin.line,
                line => line,
            };
            let message = format!("{object}: {}", e.kind);
            Finding::error("resource-yaml", Class::Usage, message)
                .at(object.origin.path.as_str(), line)
        })?;
        text.push_str(&printed);
    }
    Ok(text)
}

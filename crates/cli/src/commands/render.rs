//! `consign render`.

use std::path::{Path, PathBuf};

use model::files::Area;
use model::finding::{Class, Finding};
use model::path::RelPath;
use serde_json::{Value, json};

use crate::args::{self, Format, Reorder};
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::root::{self, Hosting};
use crate::screen::Screen;
use crate::source::{self, Source};

/// Prints what `kustomize build` prints.
pub fn run(
    args: &args::Render,
    asked_root: Option<&Path>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let rendered = match (&args.client, &args.directory) {
        (Some(client), _) => {
            let hosting = Hosting::open(asked_root, &environment.here)?;
            let client = source::client_name(client).map_err(|f| vec![f])?;
            let source = Source::find(&hosting, client)?;
            build(&source.area, &source.directory, &hosting, args.reorder)?
        }
        (None, directory) => {
            let directory = environment
                .here
                .join(directory.as_deref().unwrap_or(Path::new(".")));
            let directory = directory.canonicalize().map_err(|e| {
                vec![
                    Finding::error(
                        "directory-missing",
                        Class::Usage,
                        format!("Cannot open {}: {e}", directory.display()),
                    )
                    .help("Give a directory with a kustomization.yaml"),
                ]
            })?;
            let root = bare_root(asked_root, environment, &directory);
            let hosting = Hosting::at(&root)?;
            let own = below(&root, &directory).map_err(|f| vec![f])?;
            let area = Area::new(&hosting.root, source::denied(&hosting), own.clone());
            build(&area, &own, &hosting, args.reorder)?
        }
    };
    let text = render::print(&rendered.objects).map_err(|f| vec![f])?;
    if screen.format() == Format::Json {
        return Ok(Outcome::done(json!({
            "manifests": text,
            "warnings": rendered.warnings,
        })));
    }
    screen.warnings(&rendered.warnings);
    screen.answer(text.as_bytes());
    Ok(Outcome::done(Value::Null))
}

fn build(
    area: &Area<'_>,
    directory: &RelPath,
    hosting: &Hosting,
    reorder: Reorder,
) -> Result<render::Rendered, Vec<Finding>> {
    let options = render::Options {
        reorder: match reorder {
            Reorder::Legacy => render::Reorder::Legacy,
            Reorder::None => render::Reorder::None,
        },
        ..source::options(hosting.settings.load_restrictor)
    };
    render::build(area, directory, &options)
}

/// The root of a bare directory: `--root`, else the root found from it, else
/// the top of its git tree, else the current directory if it holds it, else
/// itself.
fn bare_root(asked: Option<&Path>, environment: &Environment, directory: &Path) -> PathBuf {
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    if let Some(found) = root::find(asked, &environment.here).filter(|_| asked.is_some()) {
        return real(found);
    }
    if let Some(found) = root::find(None, directory) {
        return found;
    }
    if let Some(top) = directory.ancestors().find(|d| d.join(".git").exists()) {
        return top.to_owned();
    }
    let here = real(environment.here.clone());
    if directory.starts_with(&here) {
        here
    } else {
        directory.to_owned()
    }
}

fn below(root: &Path, directory: &Path) -> Result<RelPath, Finding> {
    let outside = |why: &str| {
        Finding::error(
            "directory-outside",
            Class::Policy,
            format!(
                "{} is not below the root {}: {why}",
                directory.display(),
                root.display()
            ),
        )
        .help("Nothing outside the root is read; give another one with --root")
    };
    directory
        .strip_prefix(root)
        .map_err(|_| outside("it lies elsewhere"))?
        .to_str()
        .ok_or_else(|| outside("its path is not UTF-8"))?
        .parse()
        .map_err(|e: model::path::PathError| outside(&e.to_string()))
}

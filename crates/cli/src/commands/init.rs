//! `consign init`.

use std::path::Path;

use model::files::Root;
use model::finding::{Class, Finding};
use model::path::RelPath;
use serde_json::json;

use crate::args;
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::screen::{Screen, Tag, line};
use crate::settings;

/// A file of a new root: its path, its text, whether it is run.
type Template = (&'static str, &'static str, Run);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    No,
    Yes,
}

const ROOT: &[Template] = &[
    (settings::FILE, include_str!("init/consign.yaml"), Run::No),
    // Packages have a store of their own (specification, "Best Practices").
    (".gitignore", "/packages/\n", Run::No),
    (
        "tools/package-client.sh",
        include_str!("../../../../examples/hosting/tools/package-client.sh"),
        Run::Yes,
    ),
    (
        "tools/verify-package.sh",
        include_str!("../../../../examples/hosting/tools/verify-package.sh"),
        Run::Yes,
    ),
    (
        "tools/deploy-package.sh",
        include_str!("../../../../examples/hosting/tools/deploy-package.sh"),
        Run::Yes,
    ),
];

const EXAMPLE: &[Template] = &[
    (
        "k8s/clients/example/kustomization.yaml",
        include_str!("init/example/kustomization.yaml"),
        Run::No,
    ),
    (
        "k8s/clients/example/namespace.yaml",
        include_str!("init/example/namespace.yaml"),
        Run::No,
    ),
    (
        "k8s/clients/example/web.yaml",
        include_str!("init/example/web.yaml"),
        Run::No,
    ),
    (
        "k8s/clients/example/images.lock",
        include_str!("init/example/images.lock"),
        Run::No,
    ),
];

/// Directories that a root has even when they are empty.
const DIRECTORIES: &[&str] = &["k8s/clients", "packages"];

/// Makes a root; what is there already stays as it is.
pub fn run(
    args: &args::Init,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let directory = environment.here.join(&args.directory);
    std::fs::create_dir_all(&directory).map_err(|e| unwritten(&directory, &e))?;
    let root = Root::open(&directory).map_err(|e| vec![e.into()])?;
    let mut templates: Vec<&Template> = ROOT.iter().collect();
    if args.example {
        templates.extend(EXAMPLE);
    }
    let mut made = Vec::new();
    for (path, text, run) in templates {
        let path: RelPath = path.parse().unwrap_or_default();
        if let Some(parent) = path.parent() {
            root.make_dirs(&parent).map_err(|e| vec![e.into()])?;
        }
        match root.create(&path, text.as_bytes()) {
            Ok(()) => {}
            Err(e) if e.class().1 == Class::Conflict => {
                screen.report(&[line(Tag::Info, format!("{path} exists, left as it is"))]);
                continue;
            }
            Err(e) => return Err(vec![e.into()]),
        }
        if *run == Run::Yes {
            executable(&directory.join(path.as_str()))?;
        }
        screen.report(&[line(Tag::Ok, format!("{path} written"))]);
        made.push(path.as_str().to_owned());
    }
    for path in DIRECTORIES {
        let path: RelPath = path.parse().unwrap_or_default();
        root.make_dirs(&path).map_err(|e| vec![e.into()])?;
    }
    screen.report(&[line(
        Tag::Ok,
        format!("Hosting repository ready: {}", directory.display()),
    )]);
    if args.example {
        screen.report(&[line(
            Tag::Info,
            format!(
                "Try: consign --root {} package --client example --version v1.0.0",
                directory.display()
            ),
        )]);
    }
    Ok(Outcome::done(json!({
        "path": directory.display().to_string(),
        "written": made,
    })))
}

fn executable(path: &Path) -> Result<(), Vec<Finding>> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(|e| unwritten(path, &e))
}

fn unwritten(path: &Path, e: &std::io::Error) -> Vec<Finding> {
    vec![
        Finding::error(
            "root-unwritable",
            Class::Io,
            format!("Cannot write {}: {e}", path.display()),
        )
        .help("Give a directory that you may write to"),
    ]
}

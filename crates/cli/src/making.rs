//! From a client's source to a sealed package, step by step as the
//! specification reports it.

use std::time::Duration;

use jiff::Timestamp;
use model::finding::{Class, Finding, Severity};
use model::object::Object;
use model::version::PackageName;
use package::images::{self, ImageLock};
use package::policy::{self, PolicySettings, Stage};
use package::seal::{self, Draft};
use package::sealed::Package;
use package::secret_refs::VaultPathError;
use package::{annotate, manifest, schema, secret_refs};
use programs::git::GitState;

use crate::created::{self, Head};
use crate::environment::Environment;
use crate::resolve;
use crate::root::Hosting;
use crate::screen::{Line, Tag, line};
use crate::source::{self, Source};

/// What made the package, as MANIFEST.json names it.
pub const CREATED_BY: &str = concat!("consign ", env!("CARGO_PKG_VERSION"));

/// Where digests may come from beside the objects themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// images.lock, and registries for what it lacks.
    LockOrRegistry,
    /// images.lock, which must exist and hold every image (`--locked`).
    LockOnly,
    /// images.lock if there is one; no connection is opened (`--offline`).
    Offline,
}

/// What is to be made.
pub struct Request<'a> {
    /// Client and version.
    pub name: PackageName,
    /// When, as the command line has it.
    pub created: Option<&'a str>,
    /// Where digests may come from.
    pub digests: Digests,
    /// How long all requests to registries together may take.
    pub deadline: Duration,
}

/// A package that was made, and what to say beside it.
pub struct Made {
    /// The package.
    pub package: Package,
    /// Warnings.
    pub warnings: Vec<Finding>,
}

/// Makes a package in memory; `tell` hears each step. Everything wrong with the
/// objects is reported at once.
pub fn make(
    hosting: &Hosting,
    environment: &Environment,
    request: &Request<'_>,
    tell: &mut dyn FnMut(Line),
) -> Result<Made, Vec<Finding>> {
    let client = &request.name.client;
    let source = Source::find(hosting, client.clone())?;
    let namespace = hosting.settings.namespace_of(client).map_err(|f| vec![f])?;
    source.note_settings().map_err(|f| vec![f])?;

    tell(line(Tag::Info, "Building manifests from kustomize..."));
    let rendered = source.render()?;
    if rendered.objects.is_empty() {
        return Err(vec![no_objects(&source)]);
    }
    let mut warnings: Vec<Finding> = rendered.warnings.iter().map(|w| deprecated(w)).collect();
    tell(line(Tag::Ok, "Manifests generated"));

    tell(line(Tag::Info, "Extracting container images..."));
    let found = source.images(&rendered.objects);
    let policy_settings = PolicySettings {
        client: client.clone(),
        namespace: namespace.clone(),
        namespaces: std::collections::BTreeSet::new(),
        cluster_kinds: hosting.settings.cluster_kinds.clone(),
        registries: hosting.settings.allowed_registries.clone(),
        stage: Stage::Make,
    };
    let mut findings = check_objects(hosting, &rendered.objects, &policy_settings);
    findings.extend(policy::registries(
        &rendered.objects,
        &found.images,
        &policy_settings,
    ));
    tell(line(Tag::Info, "Resolving image digests..."));
    let pinned = resolve_lock(&source, &found, environment, request, hosting)
        .and_then(|lock| images::pin(rendered.objects, &hosting.settings.images, &lock));
    let mut pinned = match pinned {
        Ok(pinned) => pinned,
        Err(more) => {
            findings.extend(more);
            return Err(findings);
        }
    };
    if findings.iter().any(Finding::is_error) {
        return Err(findings);
    }
    warnings.append(&mut findings);
    warnings.append(&mut pinned.warnings);
    annotate::annotate(&mut pinned.objects, &request.name.version);
    tell(line(
        Tag::Ok,
        format!("Extracted {} unique images", pinned.images.len()),
    ));

    let (git, head) = git_state(hosting, environment, &source, &mut warnings)?;
    let (time, early) = created::decide(
        request.created,
        environment.source_date_epoch.as_deref(),
        head,
        Timestamp::now,
    )
    .map_err(|f| vec![f])?;
    warnings.extend(early);
    let created = created::print(time);

    tell(line(Tag::Info, "Generating secrets reference..."));
    let secrets_ref = secret_refs::Document::new(
        &secret_refs::Header {
            client: client.clone(),
            version: request.name.version.clone(),
            namespace: namespace.clone(),
            created: created.clone(),
        },
        &secret_refs::derive(&pinned.objects),
        &vault_settings(hosting, client)?,
    )?
    .to_string();
    tell(line(Tag::Ok, "Secrets reference generated"));

    tell(line(Tag::Info, "Generating deployment script..."));
    let draft = Draft {
        name: request.name.clone(),
        namespace,
        created,
        created_by: CREATED_BY.to_owned(),
        source: source.directory.as_str().to_owned(),
        kubernetes: hosting.settings.kubernetes.to_string(),
        source_digest: source.digest(),
        git,
        objects: pinned.objects,
        images: pinned.images,
        secrets_ref,
    };
    let package = seal::seal(draft, &hosting.open_options())?;
    tell(line(Tag::Ok, "Deployment script generated"));
    Ok(Made { package, warnings })
}

/// A package of nothing would, once deployed, take everything away.
fn no_objects(source: &Source<'_>) -> Finding {
    Finding::error(
        "client-empty",
        Class::Usage,
        format!("{} builds no objects", source.directory),
    )
    .help("List the client's manifests under resources in its kustomization.yaml")
}

fn deprecated(warning: &str) -> Finding {
    Finding::warning(
        "kustomization-deprecated",
        Class::Usage,
        warning
            .trim_start_matches("# Warning: ")
            .trim_end()
            .to_owned(),
    )
}

fn check_objects(hosting: &Hosting, objects: &[Object], settings: &PolicySettings) -> Vec<Finding> {
    let release = hosting.settings.kubernetes;
    let mut findings = policy::check(objects, settings, &|gvk| schema::scope(release, gvk));
    findings.extend(
        schema::check(release, objects)
            .into_iter()
            .filter(|f| f.severity != Severity::Info),
    );
    findings
}

fn resolve_lock(
    source: &Source<'_>,
    found: &images::Found,
    environment: &Environment,
    request: &Request<'_>,
    hosting: &Hosting,
) -> Result<ImageLock, Vec<Finding>> {
    let lock = source.lock()?;
    if request.digests == Digests::LockOnly && lock.is_none() {
        return Err(vec![
            Finding::error(
                "lock-missing",
                Class::Policy,
                format!(
                    "{} is missing and --locked insists on it",
                    source.lock_path()
                ),
            )
            .help(format!(
                "Write it with: consign lock --client {}",
                source.client
            )),
        ]);
    }
    let mut lock = lock.unwrap_or_default();
    if request.digests == Digests::LockOrRegistry {
        let floating = source::floating(found, &lock);
        resolve::add(
            &mut lock,
            &floating,
            &hosting.settings,
            environment,
            request.deadline,
        )?;
    }
    Ok(lock)
}

fn git_state(
    hosting: &Hosting,
    environment: &Environment,
    source: &Source<'_>,
    warnings: &mut Vec<Finding>,
) -> Result<(Option<manifest::Git>, Option<Head>), Vec<Finding>> {
    let clean_wanted = hosting.settings.require_clean;
    let Some(git) = environment.git() else {
        refuse_if(clean_wanted, "there is no git on PATH to ask")?;
        return Ok((None, None));
    };
    let files = source.area.reads();
    let links = source.area.links();
    let reads = files
        .iter()
        .map(|(path, file)| (path, file.bytes.as_ref()))
        .chain(links.iter().map(|(path, text)| (path, text.as_slice())));
    match git.inspect(hosting.root.path(), reads) {
        GitState::NoRepository => {
            refuse_if(clean_wanted, "this is not in a git tree")?;
            Ok((None, None))
        }
        GitState::Unknown { reason } => {
            refuse_if(clean_wanted, &reason)?;
            warnings.push(
                Finding::warning(
                    "git-unknown",
                    Class::Policy,
                    format!("git does not say which commit this is: {reason}"),
                )
                .help("The package is made all the same, and names no commit"),
            );
            Ok((None, None))
        }
        GitState::Head(found) => {
            if let Some(first) = found.differs.first() {
                refuse_if(clean_wanted, &format!("{first} differs from HEAD"))?;
                warnings.push(
                    Finding::warning(
                        "git-dirty",
                        Class::Policy,
                        format!(
                            "{} files that were read differ from commit {}, {first} first; the package says so",
                            found.differs.len(),
                            found.commit
                        ),
                    )
                    .help("Commit first for a package that can be made again"),
                );
            }
            let head = Head {
                time: found.committed,
                unchanged: !found.is_dirty(),
            };
            let git = manifest::Git {
                dirty: found.is_dirty(),
                commit: found.commit,
            };
            Ok((Some(git), Some(head)))
        }
    }
}

fn refuse_if(clean_wanted: bool, why: &str) -> Result<(), Vec<Finding>> {
    if clean_wanted {
        return Err(vec![
            Finding::error(
                "git-not-clean",
                Class::Policy,
                format!("the setting policy.require-clean wants a clean git tree: {why}"),
            )
            .help("Commit the changes, then package again"),
        ]);
    }
    Ok(())
}

fn vault_settings(
    hosting: &Hosting,
    client: &model::name::ClientName,
) -> Result<secret_refs::VaultSettings, Vec<Finding>> {
    let settings = &hosting.settings;
    let path = settings.vault_path_of(client);
    Ok(secret_refs::VaultSettings {
        path: path.parse().map_err(|e: VaultPathError| {
            vec![
                Finding::error(
                    "setting-invalid",
                    Class::Usage,
                    format!("setting vault.path is {path:?} for {client}: {e}"),
                )
                .in_file(crate::settings::FILE),
            ]
        })?,
        mount: settings.vault_mount.clone(),
        primary: settings.primary_secret.clone(),
        also: std::collections::BTreeSet::new(),
    })
}

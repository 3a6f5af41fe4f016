//! config/clients.yaml after a run: the cluster's record is the truth, the
//! file its index.

use catalog::index::{self, IndexError};
use catalog::journal;
use catalog::tracking::{Change, FILE, Primary, Status};
use model::files::Root;
use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::version::Version;
use package::manifest::Manifest;

use crate::environment::Environment;
use crate::root::Hosting;
use crate::settings::Rank;

/// What became of a version.
#[derive(Debug)]
pub struct Became<'a> {
    /// Whose.
    pub client: &'a ClientName,
    /// Where.
    pub namespace: &'a Namespace,
    /// Which.
    pub version: &'a Version,
    /// In which context.
    pub context: &'a str,
    /// What.
    pub status: Status,
    /// When, in RFC 3339.
    pub at: &'a str,
    /// What was active before.
    pub former: Option<Version>,
}

/// Whether a run fails when the file cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// It does not: the cluster's record stands.
    Lenient,
    /// It does.
    Strict,
}

/// Where changes are kept that could not be written.
const STATE: &str = "consign";

/// Writes down what became of a version; what could not be written is kept for
/// the next run.
pub fn note(
    became: &Became<'_>,
    hosting: &Hosting,
    environment: &Environment,
    strictness: Strictness,
) -> Vec<Finding> {
    let change = match change(became, hosting) {
        Ok(change) => change,
        Err(why) => return vec![unwritten(&why, strictness)],
    };
    let error = match index::update(&hosting.root, std::slice::from_ref(&change)) {
        Ok(updated) => return updated.notes,
        Err(error) => error,
    };
    let why = match &error {
        IndexError::Wrong(findings) => findings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    };
    let mut findings = vec![unwritten(&why, strictness)];
    if matches!(error, IndexError::ReadOnly(_)) {
        return findings;
    }
    let kept = state(environment)
        .ok_or_else(|| "no directory for it".to_owned())
        .and_then(|directory| {
            journal::append(&hosting.root, &directory, &change).map_err(|e| e.to_string())
        });
    if let Err(why) = kept {
        findings.push(Finding::warning(
            "journal-not-written",
            Class::Io,
            format!("The change is not kept for later either: {why}"),
        ));
    }
    findings
}

/// Refuses a package for another namespace than the one that the file says
/// its client lives in: what runs there would be left behind. A file that
/// cannot be read says nothing.
pub fn expected_namespace(
    manifest: &Manifest,
    context: &str,
    hosting: &Hosting,
) -> Option<Finding> {
    if primary(context, hosting) == Primary::No {
        return None;
    }
    let tracking = index::read(&hosting.root).ok()??;
    let client = tracking
        .clients
        .iter()
        .find(|c| c.name == manifest.client)?;
    let expected = client.namespace.as_ref()?;
    (*expected != manifest.namespace).then(|| {
        Finding::error(
            "namespace-unexpected",
            Class::Policy,
            format!(
                "Client {} lives in namespace {expected}, the package is for {}",
                manifest.client, manifest.namespace
            ),
        )
        .at(FILE, client.line)
        .help(
            "If it is to move, undeploy it there and correct its namespace in config/clients.yaml",
        )
    })
}

/// Writes what earlier runs could not.
pub fn catch_up(hosting: &Hosting, environment: &Environment) -> Vec<Finding> {
    let Some(directory) = state(environment) else {
        return Vec::new();
    };
    match journal::replay(&hosting.root, &directory) {
        Ok(replayed) => replayed.notes,
        Err(e) => vec![Finding::warning(
            "journal-not-replayed",
            Class::Io,
            format!("config/clients.yaml still lacks what earlier runs did: {e}"),
        )],
    }
}

/// Whether the plain fields of the file follow this context: where none is
/// the primary one, they follow all.
pub fn primary(context: &str, hosting: &Hosting) -> Primary {
    match hosting.settings.context(context) {
        Some(context) if context.rank == Rank::Primary => Primary::Yes,
        _ if hosting
            .settings
            .contexts
            .iter()
            .all(|c| c.rank != Rank::Primary) =>
        {
            Primary::Yes
        }
        _ => Primary::No,
    }
}

fn change(became: &Became<'_>, hosting: &Hosting) -> Result<Change, String> {
    Ok(Change {
        client: became.client.clone(),
        namespace: became.namespace.clone(),
        version: became.version.clone(),
        context: became
            .context
            .parse()
            .map_err(|e| format!("context {:?}: {e}", became.context))?,
        primary: primary(became.context, hosting),
        status: became.status,
        at: became
            .at
            .parse()
            .map_err(|e| format!("time {:?}: {e}", became.at))?,
        former: became.former.clone(),
    })
}

fn unwritten(why: &str, strictness: Strictness) -> Finding {
    let text = format!("deployed, clients.yaml not updated: {why}");
    match strictness {
        Strictness::Lenient => Finding::warning("clients-not-updated", Class::Io, text),
        Strictness::Strict => Finding::error("clients-not-updated", Class::Io, text)
            .help("The cluster's record stands; see: consign status"),
    }
}

/// The directory for what the next run needs; made if it is missing.
fn state(environment: &Environment) -> Option<Root> {
    let directory = environment.state.as_ref()?.join(STATE);
    std::fs::create_dir_all(&directory).ok()?;
    Root::open(&directory).ok()
}

//! Where the file and the clusters' records differ.

use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use model::name::ClientName;
use model::version::Version;

use super::FILE;
use super::change::Primary;
use super::context::ContextName;
use super::status::Status;
use super::view::{Package, Tracking};

/// What a cluster's record says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose package.
    pub client: ClientName,
    /// In which context.
    pub context: ContextName,
    /// Whether the file's plain fields follow that context.
    pub primary: Primary,
    /// Which version.
    pub version: Version,
    /// What became of it.
    pub status: Status,
}

/// Where the file says something else than the clusters' records, as warnings
/// with lines. The record is the truth and the file its index; nothing is
/// changed here.
///
/// `records` are in the order they were made; of several about one version the
/// last one counts. Versions that the file lists and no record knows are fine
/// (records are kept for a time only), unless the file calls one active.
pub fn differences(view: &Tracking, records: &[Known]) -> Vec<Finding> {
    let mut last: BTreeMap<(&ClientName, &ContextName, &Version), &Known> = BTreeMap::new();
    let mut places: BTreeMap<(&ClientName, &ContextName), Primary> = BTreeMap::new();
    for known in records {
        let place = (&known.client, &known.context);
        last.insert((place.0, place.1, &known.version), known);
        places.insert(place, known.primary);
    }
    let mut out = Vec::new();
    for known in last.values() {
        let said = view
            .packages_of(&known.client)
            .filter(|p| p.version == known.version)
            .filter_map(|p| Some((p, p.status_in(&known.context, known.primary)?)))
            .last();
        if said.is_none_or(|(_, status)| status != known.status) {
            out.push(differs(known, said));
        }
    }
    for ((client, context), primary) in places {
        let Some(active) = view.active(client, context, primary) else {
            continue;
        };
        if !last.contains_key(&(client, context, &active.version)) {
            let message = format!(
                "{client} {} is noted as active in context {context}, whose cluster has no record of it",
                active.version
            );
            out.push(warning(message).at(FILE, active.line));
        }
    }
    out.sort_by_key(|f| f.place.as_ref().and_then(|p| p.line));
    out
}

fn differs(known: &Known, said: Option<(&Package, Status)>) -> Finding {
    let Known {
        client,
        context,
        version,
        status,
        ..
    } = known;
    let record = format!("{client} {version} is {status} by the record in context {context}");
    match said {
        Some((package, said)) => {
            warning(format!("{record}, but {said} by this file")).at(FILE, package.line)
        }
        None => warning(format!("{record}, but not listed here")).in_file(FILE),
    }
}

fn warning(message: String) -> Finding {
    Finding::warning("clients-differ", Class::Conflict, message)
        .help("the cluster's record counts; bring the file up to date")
}

//! Which clients there are to show, from the repository and the cluster.

use std::collections::BTreeSet;

use catalog::index::{self, IndexError};
use catalog::tracking::{self, Tracking};
use catalog::{clients, packages};
use model::files::Root;
use model::finding::{Class, Finding, Severity};
use model::name::{ClientName, Namespace};
use model::version::PackageName;
use rollout::overview;

use crate::args::cluster;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::settings::Settings;

/// What config/clients.yaml says; one that cannot be read is a warning, for
/// the clusters' records count.
pub fn tracking(hosting: Option<&Hosting>, warnings: &mut Vec<Finding>) -> Option<Tracking> {
    let hosting = hosting?;
    match index::read(&hosting.root) {
        Ok(tracking) => {
            let tracking = tracking?;
            warnings.extend(tracking::doubts(&tracking, &package_names(hosting)));
            Some(tracking)
        }
        Err(e) => {
            let findings: Vec<Finding> = match e {
                IndexError::Wrong(findings) => findings,
                other => other.into(),
            };
            warnings.extend(findings.into_iter().map(|finding| Finding {
                severity: Severity::Warning,
                ..finding
            }));
            None
        }
    }
}

fn package_names(hosting: &Hosting) -> Vec<PackageName> {
    let directory = hosting.root.path().join(hosting.settings.packages.as_str());
    Root::open(&directory)
        .and_then(|root| packages::list(&root))
        .map(|packages| packages.names)
        .unwrap_or_default()
}

/// The clients to show, each with its namespace: those of the repository, those
/// of config/clients.yaml, and those that have records in the cluster.
pub fn clients(
    args: &cluster::Status,
    hosting: Option<&Hosting>,
    settings: &Settings,
    tracking: Option<&Tracking>,
    session: &Session,
    warnings: &mut Vec<Finding>,
) -> Result<Vec<(ClientName, Namespace)>, Vec<Finding>> {
    let mut found: BTreeSet<(ClientName, Namespace)> =
        match session.wait(overview::known(&session.connection.api)) {
            Ok(known) => known,
            Err(e) => {
                if args.client.is_none() {
                    warnings.push(Finding::info(
                        "clients-incomplete",
                        Class::Cluster,
                        format!("Only clients of this repository are shown: {e}"),
                    ));
                }
                BTreeSet::new()
            }
        };
    let listed = tracking.into_iter().flat_map(|t| &t.clients);
    let mut named: Vec<(ClientName, Option<Namespace>)> = listed
        .map(|client| (client.name.clone(), client.namespace.clone()))
        .collect();
    if let Some(hosting) = hosting {
        let there = clients::list(&hosting.root, &settings.clients).map_err(|e| vec![e.into()])?;
        named.extend(there.names.into_iter().map(|name| (name, None)));
    }
    named.extend(args.client.iter().map(|name| (name.clone(), None)));
    for (client, namespace) in named {
        if found.iter().any(|(known, _)| *known == client) {
            continue;
        }
        let namespace = match namespace {
            Some(namespace) => namespace,
            None => settings.namespace_of(&client).map_err(|f| vec![f])?,
        };
        found.insert((client, namespace));
    }
    Ok(found
        .into_iter()
        .filter(|(client, _)| args.client.as_ref().is_none_or(|wanted| wanted == client))
        .collect())
}

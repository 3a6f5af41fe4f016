//! `consign status`.

mod gather;
mod show;

use catalog::tracking::{self, ContextName, Known, Status, Tracking};
use model::finding::{Class, Finding, Severity};
use model::name::{ClientName, Namespace};
use rollout::desired::Wanted;
use rollout::discovery::Discovery;
use rollout::health;
use rollout::overview::{self, Asked, Looker, Past, Present, Release};
use rollout::record::{Outcome as Recorded, Record};
use serde_json::json;

use crate::args::cluster;
use crate::earlier;
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::package_place::How;
use crate::rolling;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::Screen;
use crate::settings::Settings;
use crate::tracked;

use package::open::Steps;

/// A client and what is known of it.
pub struct Standing {
    /// Which.
    pub client: ClientName,
    /// Where.
    pub namespace: Namespace,
    /// What its records and Lease say; why they could not be read.
    pub past: Result<Past, Vec<Finding>>,
    /// The objects of the active package, if that is at hand.
    pub active: Option<Wanted>,
    /// The objects of the package whose run has not ended, if that is at hand.
    pub open: Option<Wanted>,
    /// What the cluster has.
    pub present: Present,
}

/// Shows how every client stands.
pub fn run(
    args: &cluster::Status,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let defaults = Settings::default();
    let settings = hosting.map_or(&defaults, |h| &h.settings);
    let mut warnings = hosting.map_or_else(Vec::new, |h| tracked::catch_up(h, environment));
    let session = Session::open(args.target.context.as_deref()).map_err(|f| vec![f])?;
    let connection = &session.connection;
    let api = &connection.api;
    let discovery = session
        .wait(Discovery::read(api))
        .map_err(|e| vec![health::unreachable(connection, &e)])?;
    let tracking = gather::tracking(hosting, &mut warnings);
    let clients = gather::clients(
        args,
        hosting,
        settings,
        tracking.as_ref(),
        &session,
        &mut warnings,
    )?;
    let me = rolling::holder(environment);
    let pasts = session.wait(overview::pasts(api, &clients, &me));
    let mut standings: Vec<Standing> = clients
        .into_iter()
        .zip(pasts)
        .map(|((client, namespace), past)| Standing {
            client,
            namespace,
            past,
            active: None,
            open: None,
            present: Present::default(),
        })
        .collect();
    for standing in &mut standings {
        standing.find_packages(hosting, environment, &mut warnings);
    }
    let asked: Vec<Asked<'_>> = standings
        .iter()
        .map(|standing| standing.asked(api, &discovery, settings.rollout.fail_after_restarts))
        .collect();
    let presents = session.wait(overview::presents(&asked));
    for (standing, present) in standings.iter_mut().zip(presents) {
        standing.present = present;
        warnings.extend(standing.warnings());
    }
    if let (Some(tracking), Some(hosting)) = (&tracking, hosting) {
        warnings.extend(differing(
            &standings,
            tracking,
            hosting,
            &connection.context,
        ));
    }
    screen.report(&show::lines(&standings, &connection.context));
    Ok(Outcome::with(
        warnings,
        json!({
            "context": connection.context,
            "server": connection.server,
            "clients": standings.iter().map(show::data).collect::<Vec<_>>(),
        }),
    ))
}

impl Standing {
    /// The record of what serves.
    pub fn record(&self) -> Option<&Record> {
        self.past.as_ref().ok()?.active()
    }

    /// The record of the run that has not ended.
    pub fn open_record(&self) -> Option<&Record> {
        let past = self.past.as_ref().ok()?;
        past.newest().filter(|r| r.document.outcome.is_open())
    }

    /// Opens the packages that the cluster is compared with.
    fn find_packages(
        &mut self,
        hosting: Option<&Hosting>,
        environment: &Environment,
        warnings: &mut Vec<Finding>,
    ) {
        let mut find = |record: Option<&Record>| {
            let how = How {
                release: None,
                steps: Steps::Integrity,
            };
            let found = earlier::package(record?, hosting, how, environment);
            match found.and_then(|package| package.map(|p| Wanted::of(&p)).transpose()) {
                Ok(wanted) => wanted,
                Err(findings) => {
                    warnings.extend(findings.into_iter().take(1).map(lowered));
                    None
                }
            }
        };
        let (active, open) = (find(self.record()), find(self.open_record()));
        (self.active, self.open) = (active, open);
    }

    fn asked<'a>(
        &'a self,
        api: &'a rollout::api::Api,
        discovery: &'a Discovery,
        fail_after_restarts: u32,
    ) -> Asked<'a> {
        let release = |record: Option<&'a Record>, wanted: &'a Option<Wanted>| {
            record.map(|record| Release {
                record,
                wanted: wanted.as_ref(),
            })
        };
        Asked {
            looker: Looker {
                api,
                discovery,
                namespace: self.namespace.as_str(),
                fail_after_restarts,
            },
            active: release(self.record(), &self.active),
            open: release(self.open_record(), &self.open),
        }
    }

    /// What could not be read of it.
    fn warnings(&self) -> Vec<Finding> {
        let past = match &self.past {
            Ok(past) => past.warnings.clone(),
            Err(findings) => findings.iter().cloned().map(lowered).collect(),
        };
        let present = self.present.warnings.iter().cloned();
        past.into_iter()
            .chain(present)
            .map(|mut finding| {
                finding.message = format!("{}: {}", self.client, finding.message);
                finding
            })
            .collect()
    }
}

/// What is an error elsewhere and does not keep a status from being shown.
fn lowered(finding: Finding) -> Finding {
    Finding {
        severity: Severity::Warning,
        ..finding
    }
}

/// Where config/clients.yaml says something else than the records.
fn differing(
    standings: &[Standing],
    tracking: &Tracking,
    hosting: &Hosting,
    context: &str,
) -> Vec<Finding> {
    let primary = tracked::primary(context, hosting);
    let Ok(context) = context.parse::<ContextName>() else {
        return Vec::new();
    };
    let mut known = Vec::new();
    let mut findings = Vec::new();
    for standing in standings {
        let Ok(past) = &standing.past else {
            continue;
        };
        let before = known.len();
        known.extend(past.headings.iter().filter_map(|heading| {
            Some(Known {
                client: standing.client.clone(),
                context: context.clone(),
                primary,
                version: heading.version.parse().ok()?,
                status: status(heading.outcome)?,
            })
        }));
        if known.len() == before
            && let Some(active) = tracking.active(&standing.client, &context, primary)
        {
            let why = format!(
                "{} {} is noted as active in context {context}, whose cluster has no record of it",
                standing.client, active.version
            );
            findings.push(
                Finding::warning("clients-differ", Class::Conflict, why)
                    .at(tracking::FILE, active.line)
                    .help("the cluster's record counts; bring the file up to date"),
            );
        }
    }
    let clients: Vec<&ClientName> = known.iter().map(|k| &k.client).collect();
    let view = Tracking {
        clients: tracking
            .clients
            .iter()
            .filter(|c| clients.contains(&&c.name))
            .cloned()
            .collect(),
        warnings: Vec::new(),
    };
    findings.extend(tracking::differences(&view, &known));
    findings
}

/// What the file calls what a record says; nothing of a run that has not
/// ended.
fn status(outcome: Recorded) -> Option<Status> {
    match outcome {
        Recorded::Active => Some(Status::Active),
        Recorded::Superseded => Some(Status::Superseded),
        Recorded::Failed => Some(Status::Failed),
        Recorded::RolledBack => Some(Status::RolledBack),
        Recorded::Removed => Some(Status::Removed),
        Recorded::Running | Recorded::Unknown => None,
    }
}

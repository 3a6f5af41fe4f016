//! `consign rollback`.

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::version::Version;
use rollout::api::Api;
use rollout::record::{Act, Document, Heading, Held, InventoryItem, Outcome as Recorded, Record};
use rollout::records;
use serde_json::json;

use super::deploy;
use crate::args::cluster;
use crate::earlier;
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::rolling::{Drift, Resume, Rolling};
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Screen, Tag, line};
use crate::settings::Settings;
use crate::tracked;

/// Rolls a client back.
pub fn run(
    args: &cluster::Rollback,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let client = &args.client;
    let defaults = Settings::default();
    let settings = hosting.map_or(&defaults, |h| &h.settings);
    let namespace = settings.namespace_of(client).map_err(|f| vec![f])?;
    let session =
        Session::open(args.rollout.change.target.context.as_deref()).map_err(|f| vec![f])?;
    let api = &session.connection.api;
    let headings = session.wait(headings(api, client, &namespace, args.to.as_ref()))?;
    let unfinished = match cut_off(&headings) {
        None => None,
        Some(number) => {
            let last = session.wait(records::one(api, client, namespace.as_str(), number))?;
            Some(number).filter(|_| last.document.act == Act::Rollback)
        }
    };
    let target = match target(&headings, args.to.as_ref(), unfinished).map_err(|f| vec![f])? {
        Target::Active(version) => {
            if let Some(hosting) = hosting {
                screen.findings(&tracked::catch_up(hosting, environment));
            }
            screen.report(&[line(
                Tag::Ok,
                format!("{client} {version} is already active: nothing was changed"),
            )]);
            return Ok(Outcome::done(json!({
                "client": client.as_str(),
                "version": version,
                "already_active": true,
            })));
        }
        Target::Record(number) => number,
    };
    let record = session.wait(records::one(api, client, namespace.as_str(), target))?;
    let package = package(args, &record, hosting, environment, screen)?;
    same_namespace(&package.manifest.namespace, &namespace)?;
    let rolling = Rolling {
        package: &package,
        act: Act::Rollback,
        resume: Resume::Any,
        drift: if args.to.is_some() {
            Drift::Shown
        } else {
            Drift::Confirmed
        },
        flags: &args.rollout,
        session: &session,
        hosting,
        environment,
    };
    rolling.roll(screen)
}

/// The labels of every record that counts, oldest first, with what the records
/// tell beyond them.
async fn headings(
    api: &Api,
    client: &ClientName,
    namespace: &Namespace,
    to: Option<&Version>,
) -> Result<Vec<Heading>, Vec<Finding>> {
    let space = namespace.as_str();
    let mut headings = records::headings(api, client, space).await?;
    if let Some(version) = to.map(ToString::to_string) {
        let mut failed = Vec::new();
        for (before, after) in headings.iter().zip(&headings[1.min(headings.len())..]) {
            if before.version == version && before.outcome == Recorded::RolledBack {
                let after = records::one(api, client, space, after.number).await?;
                if is_put_back_after(before, &after) {
                    failed.push(before.number);
                }
            }
        }
        for heading in &mut headings {
            if failed.contains(&heading.number) {
                heading.outcome = Recorded::Failed;
            }
        }
    }
    while let Some(last) = headings.last()
        && last.outcome == Recorded::Failed
        && was_refused(
            &records::one(api, client, space, last.number)
                .await?
                .document,
        )
    {
        headings.pop();
    }
    Ok(headings)
}

/// Whether a version was put back by itself because the one of this record did
/// not serve, which then never did: by hand it is gone back from what did.
fn is_put_back_after(failed: &Heading, next: &Record) -> bool {
    next.number == failed.number + 1 && next.document.act == Act::AutomaticRollback
}

/// Whether nothing of a package but Namespaces and definitions was applied, so
/// that what served before serves.
fn was_refused(document: &Document) -> bool {
    document.act != Act::Undeploy
        && document
            .inventory
            .iter()
            .filter(|item| item.held == Held::Wanted)
            .map(InventoryItem::id)
            .all(|id| id.is_namespace() || id.is_crd())
}

/// What is gone back to.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// It serves already.
    Active(String),
    /// The version of this record.
    Record(u64),
}

/// The newest active record, where an earlier one still counts as active too:
/// its run was cut off when all but that was done.
fn cut_off_late(headings: &[Heading]) -> Option<u64> {
    let mut active = headings
        .iter()
        .rev()
        .filter(|h| h.outcome == Recorded::Active);
    let newest = active.next()?;
    active.next().map(|_| newest.number)
}

/// The record of a run that was cut off, early or late.
fn cut_off(headings: &[Heading]) -> Option<u64> {
    let last = headings.last()?;
    if last.outcome.is_open() {
        Some(last.number)
    } else {
        cut_off_late(headings)
    }
}

/// The newest good version but the active one, or the one asked for: it has to
/// have served here. A rollback that is `unfinished` is done again.
fn target(
    headings: &[Heading],
    to: Option<&Version>,
    unfinished: Option<u64>,
) -> Result<Target, Finding> {
    let active = headings.iter().rfind(|h| h.outcome == Recorded::Active);
    if let Some(version) = to {
        return named(headings, active, &version.to_string());
    }
    if let Some(number) = unfinished {
        return Ok(Target::Record(number));
    }
    // A version that was gone back from is good again only once it has been
    // brought back for good.
    let good = |h: &&Heading| {
        let newest = headings.iter().rfind(|other| other.version == h.version);
        h.outcome.was_good() && newest.is_none_or(|newest| newest.outcome != Recorded::RolledBack)
    };
    // A run that was cut off is gone back from to what served before.
    let cut = headings
        .last()
        .is_some_and(|h| h.outcome.is_open() || h.outcome == Recorded::Failed);
    let current = if cut {
        None
    } else {
        active.map(|a| a.version.as_str())
    };
    headings
        .iter()
        .rev()
        .find(|h| good(h) && Some(h.version.as_str()) != current)
        .map(|h| Target::Record(h.number))
        .ok_or_else(|| {
            Finding::error(
                "nothing-to-roll-back-to",
                Class::Cluster,
                "There is no earlier good version to go back to",
            )
            .help("See what was with: consign history")
        })
}

/// The version that was asked for.
fn named(headings: &[Heading], active: Option<&Heading>, version: &str) -> Result<Target, Finding> {
    // A run that was cut off, or that failed, may have left anything.
    let settled = cut_off_late(headings).is_none()
        && headings
            .last()
            .is_some_and(|h| !h.outcome.is_open() && h.outcome != Recorded::Failed);
    if settled && active.is_some_and(|a| a.version == version) {
        return Ok(Target::Active(version.to_owned()));
    }
    headings
        .iter()
        .rfind(|h| {
            h.version == version && (h.outcome.was_good() || h.outcome == Recorded::RolledBack)
        })
        .map(|h| Target::Record(h.number))
        .ok_or_else(|| {
            Finding::error(
                "never-deployed",
                Class::Policy,
                format!("{version} was never deployed here, as far as the release records go"),
            )
            .help(
                "See what was with: consign history; bring in another version with: consign deploy",
            )
        })
}

fn package(
    args: &cluster::Rollback,
    record: &Record,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<package::trust::TrustedPackage, Vec<Finding>> {
    screen.report(&[line(Tag::Info, "Verifying package...")]);
    let how = deploy::how(&args.rollout);
    let Some(package) = earlier::package(record, hosting, how, environment)? else {
        return Err(vec![
            Finding::error(
                "package-nowhere",
                Class::Integrity,
                format!(
                    "Package {}-{} is neither in the packages directory nor in release record {}",
                    record.document.client, record.document.version, record.number
                ),
            )
            .help("Bring it back from backup storage, or name another version with --to"),
        ]);
    };
    deploy::is_expected(package.digest(), args.rollout.expect_digest)?;
    screen.report(&[line(
        Tag::Ok,
        format!("Package verified: {}", package.digest()),
    )]);
    Ok(package)
}

fn same_namespace(package: &Namespace, expected: &Namespace) -> Result<(), Vec<Finding>> {
    if package == expected {
        return Ok(());
    }
    Err(vec![
        Finding::error(
            "namespace-unexpected",
            Class::Policy,
            format!("The package is for namespace {package}, settings expect {expected}"),
        )
        .help("Correct the setting namespace in consign.yaml"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(list: &[(&str, Recorded)]) -> Vec<Heading> {
        list.iter()
            .enumerate()
            .map(|(at, (version, outcome))| Heading {
                number: at as u64 + 1,
                version: (*version).to_owned(),
                outcome: *outcome,
                holds: rollout::record::Holds::Nothing,
            })
            .collect()
    }

    #[test]
    fn b12_two_rollbacks_in_a_row_go_further_back() {
        use Recorded::{Active, RolledBack, Superseded};
        let first = headings(&[
            ("v1.0.0", Superseded),
            ("v1.1.0", Superseded),
            ("v1.2.0", Active),
        ]);
        assert_eq!(target(&first, None, None).unwrap(), Target::Record(2));
        let after = headings(&[
            ("v1.0.0", Superseded),
            ("v1.1.0", Superseded),
            ("v1.2.0", RolledBack),
            ("v1.1.0", Active),
        ]);
        assert_eq!(target(&after, None, None).unwrap(), Target::Record(1));
        let last = headings(&[
            ("v1.0.0", Superseded),
            ("v1.1.0", Superseded),
            ("v1.2.0", RolledBack),
            ("v1.1.0", RolledBack),
            ("v1.0.0", Active),
        ]);
        assert_eq!(
            target(&last, None, None).unwrap_err().code,
            "nothing-to-roll-back-to"
        );
    }

    #[test]
    fn b2_what_was_never_good_here_is_refused() {
        use Recorded::{Active, Failed, Superseded};
        let list = headings(&[
            ("v1.0.0", Superseded),
            ("v1.1.0", Failed),
            ("v1.2.0", Active),
        ]);
        let to = |text: &str| target(&list, Some(&text.parse().unwrap()), None);
        assert_eq!(to("v1.0.0").unwrap(), Target::Record(1));
        assert_eq!(to("v1.2.0").unwrap(), Target::Active("v1.2.0".into()));
        assert_eq!(to("v1.1.0").unwrap_err().code, "never-deployed");
        assert_eq!(to("v9.0.0").unwrap_err().class, Class::Policy);
        assert_eq!(
            target(&[], None, None).unwrap_err().code,
            "nothing-to-roll-back-to"
        );
    }

    fn record(number: u64, act: Act, kinds: &[(&str, Held)]) -> Record {
        let inventory: Vec<serde_json::Value> = kinds
            .iter()
            .map(|(kind, held)| {
                let group = if *kind == "CustomResourceDefinition" {
                    "apiextensions.k8s.io/v1"
                } else {
                    "v1"
                };
                json!({"apiVersion": group, "kind": kind, "name": "a", "held": held})
            })
            .collect();
        let document = json!({
            "schema": 1, "client": "acme", "version": "v1.1.0", "digest": "", "act": act,
            "started": "", "outcome": "failed", "inventory": inventory,
        });
        let client = "acme".parse().unwrap();
        let map = json!({
            "metadata": {"name": rollout::record::name(&client, number)},
            "data": {"record.json": document.to_string()},
        });
        Record::read(&client, &map).unwrap()
    }

    #[test]
    fn b2_a_version_that_was_put_back_from_by_itself_never_served() {
        let failed = &headings(&[("v1.1.0", Recorded::RolledBack)])[0];
        let next = |number, act| is_put_back_after(failed, &record(number, act, &[]));
        assert!(next(2, Act::AutomaticRollback));
        assert!(!next(2, Act::Rollback));
        assert!(!next(3, Act::AutomaticRollback));
    }

    #[test]
    fn a_refused_run_is_told_from_one_that_failed_by_what_it_left() {
        let refused = |act, kinds: &[(&str, Held)]| was_refused(&record(1, act, kinds).document);
        let basis = [
            ("Namespace", Held::Wanted),
            ("CustomResourceDefinition", Held::Wanted),
            ("ConfigMap", Held::Left),
        ];
        assert!(refused(Act::Deploy, &[]));
        assert!(refused(Act::Deploy, &basis));
        assert!(!refused(Act::Undeploy, &basis));
        assert!(!refused(Act::Deploy, &[("ConfigMap", Held::Wanted)]));
    }

    #[test]
    fn a_run_that_was_cut_off_or_failed_is_gone_back_from_to_what_served() {
        use Recorded::{Active, Failed, Running, Unknown};
        for ended in [Running, Unknown, Failed] {
            let list = headings(&[("v1.0.0", Active), ("v1.1.0", ended)]);
            let to = "v1.0.0".parse().unwrap();
            assert_eq!(target(&list, None, None).unwrap(), Target::Record(1));
            assert_eq!(target(&list, Some(&to), None).unwrap(), Target::Record(1));
        }
    }

    #[test]
    fn b6_a_rollback_that_was_cut_off_late_is_done_again() {
        use Recorded::{Active, Superseded};
        let list = headings(&[
            ("v1.0.0", Superseded),
            ("v1.1.0", Active),
            ("v1.0.0", Active),
        ]);
        assert_eq!(cut_off_late(&list), Some(3));
        assert_eq!(target(&list, None, Some(3)).unwrap(), Target::Record(3));
        // A deploy that was cut off there is gone back from.
        assert_eq!(target(&list, None, None).unwrap(), Target::Record(2));
        let to = "v1.0.0".parse().unwrap();
        assert_eq!(target(&list, Some(&to), None).unwrap(), Target::Record(3));
        assert_eq!(cut_off_late(&list[..2]), None);
        let early = headings(&[
            ("v1.0.0", Superseded),
            ("v1.1.0", Active),
            ("v1.0.0", Recorded::Running),
        ]);
        assert_eq!(
            (cut_off(&early), cut_off(&list), cut_off(&list[..2])),
            (Some(3), Some(3), None)
        );
    }
}

//! A package beside the cluster: the plan that a deploy would have.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::{Class, Finding};
use package::sealed::Package;
use package::trust::{self, Policy};
use rollout::desired::Wanted;
use rollout::fields;
use rollout::health::Check;
use rollout::live::{Live, Trial};
use rollout::plan::{self, Rules};
use rollout::read::{self, Question};
use serde_json::json;

use crate::args::cluster;
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Line, Screen};
use crate::settings::Settings;
use crate::telling;
use crate::tracked;

/// Compares a package with what the cluster has. The server tries what differs
/// and writes nothing.
pub fn run(
    args: &cluster::Diff,
    package: Package,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let defaults = Settings::default();
    let settings = hosting.map_or(&defaults, |h| &h.settings);
    let mut warnings = hosting.map_or_else(Vec::new, |h| tracked::catch_up(h, environment));
    let package = trust::judge(package, &Policy::none())?;
    let wanted = Wanted::of(&package)?;
    let session = Session::open(args.target.context.as_deref()).map_err(|f| vec![f])?;
    let connection = &session.connection;
    let mut rules = Rules {
        prune_kinds: settings
            .rollout
            .prune
            .iter()
            .map(|k| k.kind.clone())
            .collect(),
        ..Rules::default()
    };
    // Whether it could be deployed now is another question.
    let skip = [Check::Nodes, Check::Images, Check::Quota, Check::Secrets].into();
    let read = |rules: &Rules| {
        let question = Question {
            package: &package,
            wanted: &wanted,
            rules,
            skip: &skip,
            expected_cluster: settings
                .context(&connection.context)
                .and_then(|c| c.cluster.as_deref()),
        };
        session.wait(read::read(connection, &question))
    };
    let mut reading = read(&rules)?;
    let managers = in_the_way(&reading.live);
    if !managers.is_empty() {
        // What others changed is what is asked about: the server tells what
        // it would be without.
        warnings.extend(managers.iter().map(|manager| taken(manager)));
        rules.choices.take_over = managers.into_iter().collect();
        reading = read(&rules)?;
    }
    let plan = plan::plan(&package, &wanted, reading.drafts, &reading.live, &rules)?;
    warnings.extend(reading.warnings);
    warnings.extend(plan.warnings.clone());
    let active = plan.active.as_ref().map_or_else(
        || "nothing".to_owned(),
        |a| format!("{} {}", a.version, a.digest),
    );
    screen.report(&[
        Line::Plain(format!("--- context {} with {active}", connection.context)),
        Line::Plain(format!("+++ {} {}", package.name(), package.digest())),
    ]);
    screen.report(&telling::plan_lines(&plan));
    let differs = !plan.is_quiet();
    let data = json!({
        "package": super::package_data(&package),
        "context": connection.context,
        "server": connection.server,
        "active": plan.active.as_ref().map(|a| &a.version),
        "differs": differs,
        "plan": telling::plan_data(&plan),
    });
    Ok(Outcome {
        findings: warnings,
        ..super::ended(args, differs, data)
    })
}

/// The managers that own fields which the package has.
fn in_the_way(live: &Live) -> BTreeSet<String> {
    live.trials
        .values()
        .filter_map(|trial| match trial {
            Trial::Conflicts { refusal, .. } => Some(plan::conflicts(refusal)),
            _ => None,
        })
        .flat_map(BTreeMap::into_keys)
        .filter(|manager| manager != fields::HANDOVER && manager != fields::CLIENT_SIDE_APPLY)
        .collect()
}

fn taken(manager: &str) -> Finding {
    Finding::warning(
        "field-conflict",
        Class::Conflict,
        format!("Fields that the package has belong to manager {manager:?}"),
    )
    .help(format!(
        "A deploy changes them only with --take-over {manager}"
    ))
}

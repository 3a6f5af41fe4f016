//! A package beside the cluster: the plan that a deploy would have.

use model::finding::Finding;
use package::sealed::Package;
use package::trust::{self, Policy};
use rollout::desired::Wanted;
use rollout::health::Check;
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
    let rules = Rules {
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
    let question = Question {
        package: &package,
        wanted: &wanted,
        rules: &rules,
        skip: &skip,
        expected_cluster: settings
            .context(&connection.context)
            .and_then(|c| c.cluster.as_deref()),
    };
    let reading = session.wait(read::read(connection, &question))?;
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

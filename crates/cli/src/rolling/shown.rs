//! What is said of a run before it begins, to people and to machines.

use package::report::RULE;
use rollout::plan::{Direction, Plan};
use rollout::run::Release;
use serde_json::{Value, json};

use super::{Rolling, interrupted};
use crate::screen::{Line, Tag, line};
use crate::telling;

impl Rolling<'_> {
    /// The specification's heading, with all that tells one deployment from
    /// another.
    pub(super) fn heading(&self, plan: &Plan) -> Vec<Line> {
        let manifest = &self.package.manifest;
        let connection = &self.session.connection;
        let row = |text: String| Line::Plain(text);
        let active = plan.active.as_ref().map_or_else(
            || "none".to_owned(),
            |a| format!("{} {}", a.version, a.digest),
        );
        let mut lines = vec![
            row(RULE.to_owned()),
            row(format!(
                "Deploying: {} {}",
                manifest.client, manifest.version
            )),
            row(format!("Namespace: {}", manifest.namespace)),
            row(format!("Context: {}", connection.context)),
            row(format!("Server: {}", connection.server)),
            row(format!("Digest: {}", self.package.digest())),
            row(format!("Active: {active}")),
            row(RULE.to_owned()),
        ];
        if plan.direction == Direction::Down {
            lines.push(line(
                Tag::Info,
                "This is a rollback: the active version is higher",
            ));
        }
        if let Some(cut) = &plan.interrupted {
            let far = format!(
                " after it had written {} of its {} objects",
                plan.written,
                cut.inventory.len()
            );
            lines.push(line(Tag::Warn, interrupted(cut, &far)));
        }
        lines
    }

    pub(super) fn data(&self, plan: &Plan, release: Option<&Release>) -> Value {
        let manifest = &self.package.manifest;
        json!({
            "client": manifest.client.as_str(),
            "version": manifest.version.to_string(),
            "digest": self.package.digest().to_string(),
            "namespace": manifest.namespace.as_str(),
            "context": self.session.connection.context,
            "server": self.session.connection.server,
            "from": plan.active.as_ref().map(|a| &a.version),
            "release": release.map(|r| r.number),
            "plan": telling::plan_data(plan),
        })
    }
}

//! What a run leaves in config/clients.yaml.

use catalog::tracking::Status;
use model::finding::Finding;
use model::version::Version;
use rollout::plan::Plan;
use rollout::record::{self, Act, Document};

use super::Rolling;
use crate::tracked::{self, Became, Strictness};

impl Rolling<'_> {
    pub(super) fn note_now(&self, status: Status, plan: &Plan) -> Vec<Finding> {
        let at = crate::created::print(jiff::Timestamp::now());
        self.note_at(status, &at, plan)
    }

    pub(super) fn note(&self, status: Status, document: &Document, plan: &Plan) -> Vec<Finding> {
        let at = document
            .ended
            .clone()
            .unwrap_or_else(|| document.started.clone());
        let mut notes = self.note_at(status, &at, plan);
        // What a person went back from is no version to go back to.
        if self.act == Act::Rollback
            && let (Some(hosting), Some(from)) = (self.hosting, plan.active.as_ref())
            && from.version != document.version
            && let Ok(version) = from.version.parse()
        {
            let manifest = &self.package.manifest;
            notes.extend(tracked::note(
                &Became {
                    client: &manifest.client,
                    namespace: &manifest.namespace,
                    version: &version,
                    context: &self.session.connection.context,
                    status: Status::RolledBack,
                    at: &at,
                    former: Some(manifest.version.clone()),
                },
                hosting,
                self.environment,
                Strictness::Lenient,
            ));
        }
        notes
    }

    pub(super) fn note_at(&self, status: Status, at: &str, plan: &Plan) -> Vec<Finding> {
        let Some(hosting) = self.hosting else {
            return Vec::new();
        };
        let manifest = &self.package.manifest;
        let strictness = if self.flags.change.strict_history {
            Strictness::Strict
        } else {
            Strictness::Lenient
        };
        let note = |version: &Version, status, at: &str, former: Option<&str>| {
            tracked::note(
                &Became {
                    client: &manifest.client,
                    namespace: &manifest.namespace,
                    version,
                    context: &self.session.connection.context,
                    status,
                    at,
                    former: former.and_then(|f| f.parse().ok()),
                },
                hosting,
                self.environment,
                strictness,
            )
        };
        let active = plan.active.as_ref();
        let mut notes = Vec::new();
        // The script in a package knows nothing of this file.
        if let Some(active) = active.filter(|a| a.tool == record::SCRIPT)
            && let Ok(version) = active.version.parse::<Version>()
            && version != manifest.version
        {
            let at = active.ended.as_ref().unwrap_or(&active.started);
            notes.extend(note(&version, Status::Active, at, active.from.as_deref()));
        }
        notes.extend(note(
            &manifest.version,
            status,
            at,
            active.map(|a| a.version.as_str()),
        ));
        notes
    }
}

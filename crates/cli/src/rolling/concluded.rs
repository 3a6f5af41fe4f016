//! How a run ends, in words and in an exit code.

use std::path::Path;

use catalog::tracking::Status;
use model::finding::{Class, Finding};
use rollout::plan::{Act as PlannedAct, Plan, Step};
use rollout::run::{Release, RunError};

use super::Rolling;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::screen::{Line, Screen, Tag, line};

impl Rolling<'_> {
    pub(super) fn conclude(
        &self,
        result: Result<Release, RunError>,
        plan: &Plan,
        state: &Path,
        states: &[String],
        screen: &mut Screen,
    ) -> Outcome {
        let manifest = &self.package.manifest;
        let version = &manifest.version;
        let history = format!("See: consign history --client {}", manifest.client);
        match result {
            Ok(release) => {
                let notes = self.note(Status::Active, &release.document, plan);
                screen.report(&[line(Tag::Ok, "Deployment complete!")]);
                screen.report(&self.status(states));
                screen.report(&[line(
                    Tag::Info,
                    format!(
                        "Release {}: {} {version} is active in {}",
                        release.number, manifest.client, manifest.namespace
                    ),
                )]);
                Outcome::with(notes, self.data(plan, Some(&release)))
            }
            Err(RunError::Refused(findings)) => Outcome::with(findings, self.data(plan, None)),
            Err(RunError::RolledBack { why, to }) => {
                let notes = self.note_now(Status::RolledBack, plan);
                let finding = Finding::error(
                    "rolled-back",
                    Class::Cluster,
                    format!("Rollout of {version} failed; {to} is serving again"),
                );
                self.failed(Exit::RolledBack, finding.help(history), why, notes, plan)
            }
            Err(RunError::Removed {
                why,
                removed,
                stays,
            }) => {
                let notes = self.note_now(Status::Failed, plan);
                let stays: Vec<String> = stays.iter().map(ToString::to_string).collect();
                let stay = if stays.is_empty() {
                    String::new()
                } else {
                    format!("; {} stays", stays.join(", "))
                };
                let finding = Finding::error(
                    "removed",
                    Class::Cluster,
                    format!(
                        "Rollout of {version} failed; nothing to roll back to; removed {removed} objects{stay}"
                    ),
                );
                self.failed(Exit::RolledBack, finding.help(history), why, notes, plan)
            }
            Err(RunError::NotServing { why }) => {
                let notes = self.note_now(Status::Failed, plan);
                let finding = Finding::error(
                    "not-serving",
                    Class::Cluster,
                    format!("Rollout of {version} failed, and no earlier version was put back"),
                )
                .help(self.by_hand(plan, state));
                self.failed(Exit::NotServing, finding, why, notes, plan)
            }
            Err(RunError::Stopped) => self.stopped(Exit::Interrupted, plan),
            Err(RunError::Interrupted { progress }) => {
                let finding = Finding::error(
                    "interrupted",
                    Class::Cluster,
                    format!("Interrupted after the first change to the cluster; how far {version} got is told above"),
                )
                .help(format!(
                    "Go on with the same command, or go back with: consign rollback --client {}",
                    manifest.client
                ));
                screen.findings(&progress);
                self.failed(Exit::Interrupted, finding, progress, Vec::new(), plan)
            }
        }
    }

    /// The very commands that are left when nothing was put back.
    pub(super) fn by_hand(&self, plan: &Plan, state: &Path) -> String {
        let manifest = &self.package.manifest;
        let mut ways = vec![match &plan.active {
            Some(active) if active.version != manifest.version.to_string() => format!(
                "Go back with: consign rollback --client {} --to {}",
                manifest.client, active.version
            ),
            Some(_) => format!(
                "Go back with: consign rollback --client {}",
                manifest.client
            ),
            None => format!(
                "Remove what it made with: consign undeploy --client {}",
                manifest.client
            ),
        }];
        // What this run did not roll would be undone to a version of before.
        let rolled = |step: &&Step| {
            step.id.group == "apps"
                && matches!(&step.act, PlannedAct::Change(changes)
                    if changes.iter().any(|c| c.path.starts_with(".spec.template")))
        };
        ways.extend(plan.steps.iter().filter(rolled).map(|s| {
            format!(
                "kubectl rollout undo {}/{} -n {}",
                s.id.kind.to_ascii_lowercase(),
                s.id.name,
                s.id.namespace
            )
        }));
        format!(
            "{}; what was there before the run is in {}",
            ways.join("; or by hand: "),
            state.display()
        )
    }

    /// It was asked to stop in time.
    pub(super) fn stopped(&self, exit: Exit, plan: &Plan) -> Outcome {
        let finding = Finding::error(
            "interrupted",
            Class::Cluster,
            format!(
                "Interrupted: nothing of {} was applied",
                self.package.manifest.version
            ),
        );
        self.failed(
            exit,
            finding.help("Run it again"),
            Vec::new(),
            Vec::new(),
            plan,
        )
    }

    pub(super) fn failed(
        &self,
        exit: Exit,
        finding: Finding,
        told: Vec<Finding>,
        notes: Vec<Finding>,
        plan: &Plan,
    ) -> Outcome {
        let mut findings = notes;
        findings.push(finding);
        Outcome {
            exit,
            findings,
            told,
            data: self.data(plan, None),
        }
    }

    /// How what was deployed is now: the specification's last step.
    fn status(&self, states: &[String]) -> Vec<Line> {
        if self.flags.change.no_wait {
            let unproved = "Not waited for: nothing proves yet that it serves";
            return vec![line(Tag::Warn, unproved)];
        }
        if states.is_empty() {
            return Vec::new();
        }
        let states = states.iter().map(|state| Line::Plain(state.clone()));
        std::iter::once(line(Tag::Info, "Current status:"))
            .chain(states)
            .collect()
    }
}

//! From a trusted package to a release: what deploy and rollback share.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use catalog::tracking::Status;
use jiff::Zoned;
use model::finding::{Class, Finding};
use model::version::Version;
use package::open::Steps;
use package::report::RULE;
use package::trust::TrustedPackage;
use rollout::desired::Wanted;
use rollout::draft::{Adopt, Choices};
use rollout::event::Event;
use rollout::health::Check;
use rollout::holder::Holder;
use rollout::live::Live;
use rollout::order::Reference;
use rollout::plan::{self, Act as PlannedAct, Direction, Plan, Step};
use rollout::read::{self, Question, Reading};
use rollout::record::{self, Act, Document};
use rollout::run::{OnFailure, Orders, Release, Run, RunError, Who};
use rollout::stages::{Pace, Waiting};
use rollout::state;
use serde_json::{Value, json};

use crate::args::cluster;
use crate::earlier;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::images_there;
use crate::outcome::Outcome;
use crate::package_place::How;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Line, Screen, Tag, Wanted as Answer, line};
use crate::settings::Settings;
use crate::signals::{self, Interrupts};
use crate::state_file;
use crate::telling::{self, Teller};
use crate::tracked::{self, Became, Strictness};

/// How long registries may take to say whether they have the images.
const IMAGES_LIMIT: Duration = Duration::from_secs(10);

/// How soon it is said that a signal was heard.
const HEARD_LOOK: Duration = Duration::from_millis(100);

/// How this program names itself in records.
pub const TOOL: &str = concat!("consign ", env!("CARGO_PKG_VERSION"));

/// What is to be rolled out.
pub struct Rolling<'a> {
    /// The package.
    pub package: &'a TrustedPackage,
    /// Whether it is a deploy or a rollback.
    pub act: Act,
    /// Go on with this very package only if its run was cut off.
    pub resume: Resume,
    /// Refuse to act on a plan with drift that nobody sees.
    pub drift: Drift,
    /// The flags.
    pub flags: &'a cluster::Rollout,
    /// The cluster.
    pub session: &'a Session,
    /// The repository, if there is one.
    pub hosting: Option<&'a Hosting>,
    /// The surroundings.
    pub environment: &'a Environment,
}

/// Whether a run has to be one that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It may be any.
    Any,
    /// It has to be that one.
    Interrupted,
}

/// What drift means for a run that nobody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The plan shows it, and it goes on.
    Shown,
    /// It has to be confirmed by someone.
    Confirmed,
}

impl Rolling<'_> {
    /// Rolls it out.
    pub fn roll(&self, screen: &mut Screen) -> Result<Outcome, Vec<Finding>> {
        let defaults = Settings::default();
        let settings = self.hosting.map_or(&defaults, |h| &h.settings);
        if let Some(hosting) = self.hosting {
            screen.findings(&tracked::catch_up(hosting, self.environment));
            let context = &self.session.connection.context;
            if let Some(finding) =
                tracked::expected_namespace(&self.package.manifest, context, hosting)
            {
                return Err(vec![finding]);
            }
        }
        let wanted = Wanted::of(self.package)?;
        let rules = self.rules(settings);
        let skip = self.skipped_checks();
        screen.report(&[line(Tag::Info, "Checking cluster health...")]);
        let context = &self.session.connection.context;
        let question = Question {
            package: self.package,
            wanted: &wanted,
            rules: &rules,
            skip: &skip,
            expected_cluster: settings.context(context).and_then(|c| c.cluster.as_deref()),
        };
        let (reading, images) = self.look(&question, settings);
        let Reading {
            live,
            drafts,
            warnings,
        } = match reading {
            Ok(reading) => reading,
            Err(mut findings) => {
                findings.extend(images);
                return Err(findings);
            }
        };
        let plan = match plan::plan(self.package, &wanted, drafts, &live, &rules) {
            Ok(plan) if !images.iter().any(Finding::is_error) => plan,
            planned => {
                let mut findings = warnings;
                findings.extend(images);
                findings.extend(planned.err().unwrap_or_default());
                return Err(findings);
            }
        };
        screen.findings(&warnings);
        screen.findings(&images);
        screen.findings(&plan.warnings);
        screen.report(&[line(Tag::Ok, "Cluster is healthy")]);
        self.may_go_on(&plan)?;
        let on_failure = self.on_failure(&live)?;
        if self.flags.change.dry_run {
            screen.report(&self.heading(&plan));
            screen.report(&telling::plan_lines(&plan));
            screen.report(&[line(Tag::Ok, "Dry run complete: nothing was changed")]);
            return Ok(Outcome::done(self.data(&plan, None)));
        }
        let state = self.capture(&live, screen)?;
        if self.flags.change.yes {
            screen.report(&self.heading(&plan));
            screen.report(&telling::plan_lines(&plan));
        } else {
            screen.subject(&self.heading(&plan));
            screen.subject(&telling::plan_lines(&plan));
            screen
                .ask("Proceed with deployment? (y/N)", Answer::Yes)
                .map_err(|f| vec![f])?;
        }
        let orders = self.orders(settings, on_failure);
        let interrupts = signals::cluster_run();
        let result = {
            let who = self.who();
            let stop = || interrupts.asked();
            let run = Run {
                connection: &self.session.connection,
                package: self.package,
                wanted: &wanted,
                plan: &plan,
                discovery: &live.discovery,
                rules: &rules,
                who: &who,
                orders: &orders,
                stop: &stop,
            };
            self.carry_out(&run, &interrupts, screen)
        };
        if let Err(RunError::Stopped) = result {
            return Ok(self.stopped(interrupts.exit().unwrap_or(Exit::Interrupted), &plan));
        }
        Ok(self.conclude(result, &plan, &state, screen))
    }

    /// Reads the cluster, and asks registries for the images meanwhile.
    fn look(
        &self,
        question: &Question<'_>,
        settings: &Settings,
    ) -> (Result<Reading, Vec<Finding>>, Vec<Finding>) {
        std::thread::scope(|scope| {
            let images = scope.spawn(|| {
                if self.flags.skip_check.contains(&cluster::Check::Images) {
                    return Vec::new();
                }
                images_there::check(
                    &self.package.images,
                    settings,
                    self.environment,
                    IMAGES_LIMIT,
                )
            });
            let reading = self
                .session
                .wait(read::read(&self.session.connection, question));
            (reading, images.join().unwrap_or_default())
        })
    }

    /// Runs it, telling what happens and that a signal was heard.
    fn carry_out(
        &self,
        run: &Run<'_>,
        interrupts: &Interrupts,
        screen: &mut Screen,
    ) -> Result<Release, RunError> {
        let teller = Mutex::new(Teller::new(screen));
        let told = || teller.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tell = |event: Event<'_>| {
            if matches!(event, Event::Writing) {
                interrupts.wrote();
            }
            told().tell(&event);
        };
        self.session.wait(async {
            let heard = async {
                while !interrupts.asked() {
                    tokio::time::sleep(HEARD_LOOK).await;
                }
            };
            let mut running = std::pin::pin!(run.run(&mut tell));
            tokio::select! {
                result = &mut running => return result,
                () = heard => told().stopping(),
            }
            running.await
        })
    }

    fn rules(&self, settings: &Settings) -> plan::Rules {
        let adopt = if self.flags.adopt_all {
            Adopt::All
        } else {
            Adopt::Named(
                self.flags
                    .adopt
                    .iter()
                    .map(|a| Reference {
                        kind: a.kind.to_ascii_lowercase(),
                        group: a.group.clone(),
                        name: a.name.clone(),
                    })
                    .collect(),
            )
        };
        plan::Rules {
            choices: Choices {
                take_over: self.flags.take_over.clone(),
                adopt,
            },
            prune_kinds: settings
                .rollout
                .prune
                .iter()
                .map(|k| k.kind.clone())
                .collect(),
        }
    }

    fn skipped_checks(&self) -> BTreeSet<Check> {
        self.flags
            .skip_check
            .iter()
            .map(|check| match check {
                cluster::Check::Nodes => Check::Nodes,
                cluster::Check::Images => Check::Images,
                cluster::Check::Quota => Check::Quota,
                cluster::Check::Secrets => Check::Secrets,
            })
            .collect()
    }

    /// What a plan may be refused for before anyone is asked.
    fn may_go_on(&self, plan: &Plan) -> Result<(), Vec<Finding>> {
        let digest = self.package.digest().to_string();
        if self.resume == Resume::Interrupted
            && plan.interrupted.as_ref().is_none_or(|i| i.digest != digest)
        {
            let why = match &plan.interrupted {
                None => "no run was cut off".to_owned(),
                Some(other) => format!("the run that was cut off is that of {}", other.version),
            };
            return Err(vec![
                Finding::error(
                    "nothing-to-resume",
                    Class::Conflict,
                    format!("Nothing to resume: {why}"),
                )
                .help("Leave out --resume to deploy this package"),
            ]);
        }
        let drifted: Vec<String> = plan.drifted().map(|s| s.id.to_string()).collect();
        if self.drift == Drift::Confirmed
            && self.flags.change.yes
            && !self.flags.change.dry_run
            && !drifted.is_empty()
        {
            return Err(vec![
                Finding::error(
                    "drift",
                    Class::Conflict,
                    format!(
                        "The cluster runs something else than the history says: {}",
                        drifted.join(", ")
                    ),
                )
                .help("Look at the plan with --dry-run, then name the version with --to"),
            ]);
        }
        Ok(())
    }

    /// What follows a failure; refused when nothing could be put back.
    fn on_failure(&self, live: &Live) -> Result<OnFailure, Vec<Finding>> {
        if self.flags.no_rollback {
            return Ok(OnFailure::Leave);
        }
        let Some(active) = live.active() else {
            return Ok(OnFailure::Remove);
        };
        if active.document.digest == self.package.digest().to_string() {
            // Putting the same thing back would change nothing.
            return Ok(OnFailure::Leave);
        }
        let how = How {
            release: None,
            steps: Steps::Integrity,
        };
        let help = "Bring that package back, or go without a way back: --no-rollback";
        let none = |why: String| {
            vec![
                Finding::error(
                    "no-way-back",
                    Class::Cluster,
                    format!(
                        "If this fails, {} could not be put back: {why}",
                        active.document.version
                    ),
                )
                .help(help),
            ]
        };
        match earlier::package(active, self.hosting, how, self.environment) {
            Ok(Some(package)) => Ok(OnFailure::RollBack(Box::new(package))),
            Ok(None) => Err(none(
                "its package is neither in the packages directory nor in the release record"
                    .to_owned(),
            )),
            Err(findings) => Err(none(
                findings
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; "),
            )),
        }
    }

    fn capture(&self, live: &Live, screen: &mut Screen) -> Result<PathBuf, Vec<Finding>> {
        screen.report(&[line(Tag::Info, "Capturing current deployment state...")]);
        let text = state::capture(live).map_err(|e| {
            vec![
                Finding::error(
                    "state-not-captured",
                    Class::Cluster,
                    format!("The current state cannot be written down: {e}"),
                )
                .help("See: kubectl get all"),
            ]
        })?;
        let namespace = &self.package.manifest.namespace;
        let path = state_file::write(&self.environment.temporary, namespace, &Zoned::now(), &text)
            .map_err(|f| vec![f])?;
        screen.report(&[line(
            Tag::Info,
            format!("State captured to: {}", path.display()),
        )]);
        Ok(path)
    }

    /// The specification's heading, with all that tells one deployment from
    /// another.
    fn heading(&self, plan: &Plan) -> Vec<Line> {
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

    fn orders(&self, settings: &Settings, on_failure: OnFailure) -> Orders {
        let change = &self.flags.change;
        let mut skipped: Vec<String> = self
            .flags
            .skip_check
            .iter()
            .map(|check| format!("{check:?}").to_lowercase())
            .collect();
        if self.flags.skip_verify {
            skipped.push("verify".to_owned());
        }
        Orders {
            act: self.act,
            reason: change.reason.clone().unwrap_or_default(),
            skipped,
            pace: Pace {
                timeout: change
                    .timeout
                    .unwrap_or(settings.rollout.timeout)
                    .duration(),
                fail_after_restarts: self
                    .flags
                    .fail_after_restarts
                    .unwrap_or(settings.rollout.fail_after_restarts),
                waiting: if change.no_wait {
                    Waiting::None
                } else {
                    Waiting::Serve
                },
            },
            rollback_timeout: settings.rollout.rollback_timeout.duration(),
            ttl: settings.rollout.lease_ttl.duration(),
            on_failure,
        }
    }

    fn who(&self) -> Who {
        Who {
            me: holder(self.environment),
            tool: TOOL.to_owned(),
        }
    }

    fn conclude(
        &self,
        result: Result<Release, RunError>,
        plan: &Plan,
        state: &Path,
        screen: &mut Screen,
    ) -> Outcome {
        let manifest = &self.package.manifest;
        let version = &manifest.version;
        let history = format!("See: consign history --client {}", manifest.client);
        match result {
            Ok(release) => {
                let notes = self.note(Status::Active, &release.document, plan);
                screen.report(&[line(Tag::Ok, "Deployment complete!")]);
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
    fn by_hand(&self, plan: &Plan, state: &Path) -> String {
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
    fn stopped(&self, exit: Exit, plan: &Plan) -> Outcome {
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

    fn failed(
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

    fn note_now(&self, status: Status, plan: &Plan) -> Vec<Finding> {
        let at = crate::created::print(jiff::Timestamp::now());
        self.note_at(status, &at, plan)
    }

    fn note(&self, status: Status, document: &Document, plan: &Plan) -> Vec<Finding> {
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

    fn note_at(&self, status: Status, at: &str, plan: &Plan) -> Vec<Finding> {
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

    fn data(&self, plan: &Plan, release: Option<&Release>) -> Value {
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

/// This process, as a Lease names it.
pub fn holder(environment: &Environment) -> Holder {
    let process = environment.process();
    Holder {
        user: process.user,
        host: process.host,
        pid: process.pid,
        started: process.started,
        boot: process.boot,
        pid_namespace: process.pid_namespace,
    }
}

/// What is said of a run that was cut off, this far.
pub fn interrupted(cut: &Document, far: &str) -> String {
    format!(
        "A run of {} by {}@{}, begun {}, was cut off{far}; this run goes on from what it left",
        cut.version, cut.by, cut.host, cut.started
    )
}

//! From a trusted package to a release: what deploy and rollback share.

mod asked;
mod noted;
mod shown;

mod concluded;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Zoned;
use model::finding::{Class, Finding};
use package::open::Steps;
use package::trust::TrustedPackage;
use rollout::desired::Wanted;
use rollout::event::Event;
use rollout::holder::Holder;
use rollout::live::Live;
use rollout::plan::{self, Plan};
use rollout::read::{self, Question, Reading};
use rollout::record::{Act, Document};
use rollout::run::{OnFailure, Release, Run, RunError};
use rollout::state;

use crate::args::cluster;
use crate::earlier;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::images_there;
use crate::outcome::Outcome;
use crate::package_place::How;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Screen, Tag, Wanted as Answer, line};
use crate::settings::Settings;
use crate::signals::{self, Interrupts};
use crate::state_file;
use crate::telling::{self, Teller};
use crate::tracked;

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
        let (result, states) = {
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
        Ok(self.conclude(result, &plan, &state, &states, screen))
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
    ) -> (Result<Release, RunError>, Vec<String>) {
        let teller = Mutex::new(Teller::new(screen));
        let told = || teller.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tell = |event: Event<'_>| {
            if matches!(event, Event::Writing) {
                interrupts.wrote();
            }
            told().tell(&event);
        };
        let result = self.session.wait(async {
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
        });
        (result, told().states())
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

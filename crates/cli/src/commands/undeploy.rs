//! `consign undeploy`.

use std::collections::BTreeSet;

use catalog::tracking::Status;
use model::finding::{Class, Finding};
use model::name::Namespace;
use model::version::Version;
use package::report::RULE;
use rollout::event::Event;
use rollout::record::{Act, Document, Outcome as Recorded};
use rollout::run::Who;
use rollout::stages::Waiting;
use rollout::undeploy::{self, Data, Fate, Question, Undeploy, UndeployError, Undeployment};
use rollout::wait::Watched;
use serde_json::{Value, json};

use crate::args::cluster;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::rolling;
use crate::root::Hosting;
use crate::runtime::Session;
use crate::screen::{Line, Screen, Tag, Wanted, line};
use crate::settings::Settings;
use crate::signals::{self, Interrupts};
use crate::telling::Teller;
use crate::tracked::{self, Became, Strictness};

/// An undeploy, and all it rests on.
struct Undeploying<'a> {
    args: &'a cluster::Undeploy,
    namespace: Namespace,
    session: &'a Session,
    hosting: Option<&'a Hosting>,
    environment: &'a Environment,
    settings: &'a Settings,
}

/// Removes what releases of a client brought.
pub fn run(
    args: &cluster::Undeploy,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let defaults = Settings::default();
    let settings = hosting.map_or(&defaults, |h| &h.settings);
    if let Some(hosting) = hosting {
        screen.findings(&tracked::catch_up(hosting, environment));
    }
    let session = Session::open(args.change.target.context.as_deref()).map_err(|f| vec![f])?;
    let undeploying = Undeploying {
        args,
        namespace: settings.namespace_of(&args.client).map_err(|f| vec![f])?,
        session: &session,
        hosting,
        environment,
        settings,
    };
    undeploying.run(screen)
}

impl Undeploying<'_> {
    fn run(&self, screen: &mut Screen) -> Result<Outcome, Vec<Finding>> {
        let connection = &self.session.connection;
        let question = Question {
            client: &self.args.client,
            namespace: &self.namespace,
            data: if self.args.keep_data {
                Data::Keep
            } else {
                Data::Remove
            },
            fate: if self.args.delete_namespace {
                Fate::Delete
            } else {
                Fate::Stay
            },
            expected_cluster: self
                .settings
                .context(&connection.context)
                .and_then(|c| c.cluster.as_deref()),
        };
        let plan = self.session.wait(undeploy::survey(connection, &question))?;
        screen.findings(&plan.warnings);
        if plan.is_done() {
            return Ok(self.nothing(&plan, screen));
        }
        let mut lines = self.heading(&plan);
        lines.extend(plan_lines(&plan, &self.namespace));
        if self.args.change.yes || self.args.change.dry_run {
            screen.report(&lines);
        } else {
            screen.subject(&lines);
        }
        if self.args.change.dry_run {
            screen.report(&[line(Tag::Ok, "Dry run complete: nothing was changed")]);
            return Ok(Outcome::done(self.data(&plan, None)));
        }
        if !self.args.change.yes {
            self.ask(&plan, screen).map_err(|f| vec![f])?;
        }
        let interrupts = signals::cluster_run();
        let result = self.carry_out(&plan, &interrupts, screen);
        let mut outcome = self.conclude(result, &plan, screen);
        // A signal that came before the first write is told by the exit.
        if let (Exit::Cluster, Some(exit)) = (outcome.exit, interrupts.exit()) {
            outcome.exit = exit;
        }
        Ok(outcome)
    }

    fn ask(&self, plan: &Undeployment, screen: &mut Screen) -> Result<(), Finding> {
        if plan.namespace.is_some() {
            let client = self.args.client.as_str();
            let question = format!(
                "Namespace {} will be deleted with all that is in it. Type {client} to proceed:",
                self.namespace
            );
            return screen.ask(&question, Wanted::Word(client));
        }
        screen.ask("Proceed with removal? (y/N)", Wanted::Yes)
    }

    fn carry_out(
        &self,
        plan: &Undeployment,
        interrupts: &Interrupts,
        screen: &mut Screen,
    ) -> Result<Option<Document>, UndeployError> {
        let change = &self.args.change;
        let who = Who {
            me: rolling::holder(self.environment),
            tool: rolling::TOOL.to_owned(),
        };
        let stop = || interrupts.asked();
        let undeploy = Undeploy {
            connection: &self.session.connection,
            client: &self.args.client,
            namespace: &self.namespace,
            plan,
            who: &who,
            reason: change.reason.as_deref().unwrap_or_default(),
            timeout: change
                .timeout
                .unwrap_or(self.settings.rollout.timeout)
                .duration(),
            waiting: if change.no_wait {
                Waiting::None
            } else {
                Waiting::Serve
            },
            ttl: self.settings.rollout.lease_ttl.duration(),
            stop: &stop,
        };
        let mut watch = screen.watch();
        let mut watched = BTreeSet::new();
        let mut teller = Teller::new(screen);
        self.session
            .wait(undeploy.run(&mut |event: Event<'_>| match &event {
                Event::Writing => interrupts.wrote(),
                Event::Watched(id, Watched::Waiting(why)) => {
                    watched.insert(id.label());
                    watch.set(&id.label(), why);
                }
                Event::Removed(id) => {
                    if watched.remove(&id.label()) {
                        watch.done(&id.label(), "gone");
                    }
                    teller.tell(&event);
                }
                _ => teller.tell(&event),
            }))
    }

    /// There is nothing left: the file is brought in line with the record of
    /// who removed it.
    fn nothing(&self, plan: &Undeployment, screen: &mut Screen) -> Outcome {
        screen.report(&[line(
            Tag::Ok,
            format!(
                "Nothing of {} is deployed in namespace {}: nothing was changed",
                self.args.client, self.namespace
            ),
        )]);
        let removed = plan
            .last
            .as_ref()
            .filter(|last| last.act == Act::Undeploy && last.outcome == Recorded::Removed);
        let notes = match removed {
            Some(document) if !self.args.change.dry_run => self.note(document),
            _ => Vec::new(),
        };
        Outcome::with(notes, self.data(plan, None))
    }

    fn heading(&self, plan: &Undeployment) -> Vec<Line> {
        let connection = &self.session.connection;
        let active = plan.active.as_ref().map_or_else(
            || "none".to_owned(),
            |a| format!("{} {}", a.version, a.digest),
        );
        let mut lines = vec![
            Line::Plain(RULE.to_owned()),
            Line::Plain(format!("Removing: {}", self.args.client)),
            Line::Plain(format!("Namespace: {}", self.namespace)),
            Line::Plain(format!("Context: {}", connection.context)),
            Line::Plain(format!("Server: {}", connection.server)),
            Line::Plain(format!("Active: {active}")),
            Line::Plain(RULE.to_owned()),
        ];
        if let Some(cut) = plan.last.as_ref().filter(|last| last.outcome.is_open()) {
            lines.push(line(Tag::Warn, rolling::interrupted(cut, "")));
        }
        lines
    }

    fn conclude(
        &self,
        result: Result<Option<Document>, UndeployError>,
        plan: &Undeployment,
        screen: &mut Screen,
    ) -> Outcome {
        let client = &self.args.client;
        let again = format!("Run it again: consign undeploy --client {client}");
        match result {
            Ok(document) => {
                let notes = document.as_ref().map_or_else(Vec::new, |d| self.note(d));
                let what = match document.as_ref().and_then(|d| d.from.as_deref()) {
                    Some(version) => format!("{client} {version}"),
                    None => client.to_string(),
                };
                screen.report(&[line(
                    Tag::Ok,
                    format!("Removal complete: {what} is gone from {}", self.namespace),
                )]);
                Outcome::with(notes, self.data(plan, document.as_ref()))
            }
            Err(UndeployError::Refused(findings)) => Outcome::with(findings, self.data(plan, None)),
            Err(UndeployError::Incomplete(why)) => {
                let finding = Finding::error(
                    "not-removed",
                    Class::Cluster,
                    format!(
                        "Not all of {client} could be removed from {}",
                        self.namespace
                    ),
                );
                screen.findings(&why);
                self.failed(Exit::NotServing, finding.help(again), why, plan)
            }
            Err(UndeployError::Interrupted(progress)) => {
                let finding = Finding::error(
                    "interrupted",
                    Class::Cluster,
                    "Interrupted after the first change to the cluster; how far it got is told above",
                );
                screen.findings(&progress);
                self.failed(Exit::Interrupted, finding.help(again), progress, plan)
            }
        }
    }

    fn failed(
        &self,
        exit: Exit,
        finding: Finding,
        told: Vec<Finding>,
        plan: &Undeployment,
    ) -> Outcome {
        Outcome {
            exit,
            findings: vec![finding],
            told,
            data: self.data(plan, None),
        }
    }

    /// Notes in config/clients.yaml that the version is removed.
    fn note(&self, document: &Document) -> Vec<Finding> {
        let (Some(hosting), Some(version)) = (self.hosting, document.from.as_ref()) else {
            return Vec::new();
        };
        let Ok(version) = version.parse::<Version>() else {
            return Vec::new();
        };
        tracked::note(
            &Became {
                client: &self.args.client,
                namespace: &self.namespace,
                version: &version,
                context: &self.session.connection.context,
                status: Status::Removed,
                at: document.ended.as_deref().unwrap_or(&document.started),
                former: Some(version.clone()),
            },
            hosting,
            self.environment,
            if self.args.change.strict_history {
                Strictness::Strict
            } else {
                Strictness::Lenient
            },
        )
    }

    fn data(&self, plan: &Undeployment, document: Option<&Document>) -> Value {
        let connection = &self.session.connection;
        let label = |item: &rollout::record::InventoryItem| item.id().label();
        json!({
            "client": self.args.client.as_str(),
            "namespace": self.namespace.as_str(),
            "context": connection.context,
            "server": connection.server,
            "version": plan.active.as_ref().map(|a| &a.version),
            "digest": plan.active.as_ref().map(|a| &a.digest),
            "deletes": plan.going.iter().map(|g| label(&g.item)).collect::<Vec<_>>(),
            "keeps": plan.staying.iter()
                .map(|s| json!({ "object": label(&s.item), "why": s.why }))
                .collect::<Vec<_>>(),
            "claims": plan.claims,
            "deletes_namespace": plan.namespace.is_some(),
            "removed": document.and_then(|d| d.from.as_deref()),
        })
    }
}

/// What goes, in its order, and what stays.
fn plan_lines(plan: &Undeployment, namespace: &Namespace) -> Vec<Line> {
    let mut lines: Vec<Line> = plan
        .waves
        .iter()
        .flatten()
        .filter_map(|at| plan.going.get(*at))
        .map(|going| Line::Plain(format!("delete {}", going.item.id().label())))
        .collect();
    lines.extend(staying(plan));
    if plan.namespace.is_some() {
        lines.push(Line::Plain(format!("delete namespace/{namespace}")));
        lines.push(line(
            Tag::Warn,
            format!("With namespace/{namespace} goes all that is in it, its release records too"),
        ));
    }
    let kept = staying(plan).len();
    let deleted = plan.going.len() + usize::from(plan.namespace.is_some());
    lines.push(line(
        Tag::Info,
        format!("Plan: {deleted} to delete, {kept} to keep"),
    ));
    lines
}

fn staying(plan: &Undeployment) -> Vec<Line> {
    if plan.namespace.is_some() {
        return Vec::new();
    }
    let claims = plan.claims.iter().map(|name| {
        format!("keep persistentvolumeclaim/{name} (a StatefulSet made it; no package has it)")
    });
    plan.staying
        .iter()
        .map(|s| format!("keep {} ({})", s.item.id().label(), s.why))
        .chain(claims)
        .map(Line::Plain)
        .collect()
}

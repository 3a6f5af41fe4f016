//! Plans and runs in words.

use std::collections::BTreeMap;

use rollout::apply::Done;
use rollout::diff::Change;
use rollout::draft::Adoption;
use rollout::event::Event;
use rollout::hold::Taking;
use rollout::plan::{Act, Plan, Step};
use rollout::ready::Weight;
use rollout::wait::Watched;
use serde_json::{Value, json};

use crate::screen::{Line, Screen, Tag, Watch, finding_lines, line};

/// A value longer than this is cut in a plan.
const VALUE_MAX: usize = 100;

/// More fields of one object than this are counted, not shown.
const FIELDS_MAX: usize = 40;

/// A plan, object by object.
pub fn plan_lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for step in &plan.steps {
        let word = word(&step.act);
        *counts.entry(word).or_default() += 1;
        if step.act == Act::Unchanged {
            continue;
        }
        lines.push(Line::Plain(format!(
            "{word} {}{}",
            step.id.label(),
            remark(step)
        )));
        lines.extend(details(step));
    }
    for removal in &plan.removals {
        let label = removal.item.id().label();
        match &removal.stays {
            None => {
                *counts.entry("prune").or_default() += 1;
                lines.push(Line::Plain(format!("prune {label}")));
            }
            Some(why) => lines.push(Line::Plain(format!("keep {label} ({why})"))),
        }
    }
    let count = |word: &str| counts.get(word).copied().unwrap_or(0);
    lines.push(line(
        Tag::Info,
        format!(
            "Plan: {} to create, {} to change, {} to replace, {} to prune, {} unchanged",
            count("create"),
            count("change"),
            count("replace"),
            count("prune"),
            count("unchanged"),
        ),
    ));
    lines
}

/// A plan for machines.
pub fn plan_data(plan: &Plan) -> Value {
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "object": step.id.label(),
                "namespace": step.id.namespace,
                "act": word(&step.act),
                "fields": match &step.act {
                    Act::Change(changes) => changes.iter().map(field_data).collect(),
                    _ => Vec::new(),
                },
                "adopts": step.adoption.is_some(),
                "takes": step.takes,
                "drift": step.drift,
            })
        })
        .collect();
    let removals: Vec<Value> = plan
        .removals
        .iter()
        .map(|removal| {
            json!({
                "object": removal.item.id().label(),
                "act": if removal.stays.is_some() { "keep" } else { "prune" },
                "why": removal.stays,
            })
        })
        .collect();
    json!({ "steps": steps, "removals": removals })
}

/// A field that differs, for machines.
pub fn field_data(change: &Change) -> Value {
    json!({ "path": change.path, "before": change.before, "after": change.after })
}

const fn word(act: &Act) -> &'static str {
    match act {
        Act::Create => "create",
        Act::Change(_) => "change",
        Act::Replace(_) => "replace",
        Act::Unchanged => "unchanged",
        Act::Skip => "skip",
    }
}

fn remark(step: &Step) -> String {
    let mut remarks = Vec::new();
    match step.adoption {
        Some(Adoption::ClientSide) => {
            remarks.push("adopted from plain kubectl apply".to_owned());
        }
        Some(Adoption::Asked) => remarks.push("adopted".to_owned()),
        None => {}
    }
    if let Some(replicas) = step.handover {
        remarks.push(format!("replicas {replicas} handed over to the autoscaler"));
    }
    match &step.act {
        Act::Replace(fields) => remarks.push(format!("{fields} cannot be changed")),
        Act::Skip => remarks.push("this user may not change it".to_owned()),
        Act::Change(changes) if changes.is_empty() && remarks.is_empty() => {
            remarks.push("fields come into consign's hands".to_owned());
        }
        _ => {}
    }
    if remarks.is_empty() {
        String::new()
    } else {
        format!(" ({})", remarks.join("; "))
    }
}

fn details(step: &Step) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Act::Change(changes) = &step.act {
        for change in changes.iter().take(FIELDS_MAX) {
            lines.push(Line::Plain(change_line(change)));
        }
        if changes.len() > FIELDS_MAX {
            lines.push(Line::Plain(format!(
                "  and {} more fields",
                changes.len() - FIELDS_MAX
            )));
        }
    }
    for (manager, fields) in &step.takes {
        lines.push(Line::Plain(format!(
            "  ! taken from {manager}: {}",
            fields.join(", ")
        )));
    }
    for field in &step.drift {
        lines.push(Line::Plain(format!("  ! changed by others since: {field}")));
    }
    lines
}

/// A field that differs, in one line.
pub fn change_line(change: &Change) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            format!("  ~ {}: {} -> {}", change.path, shown(before), shown(after))
        }
        (None, Some(after)) => format!("  + {}: {}", change.path, shown(after)),
        (Some(before), None) => format!("  - {}: {}", change.path, shown(before)),
        (None, None) => format!("  ~ {}", change.path),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_MAX {
        return text;
    }
    let cut: String = text.chars().take(VALUE_MAX).collect();
    format!("{cut}…")
}

/// Tells a run as it goes on: the specification's lines on standard output,
/// waiting on standard error.
pub struct Teller<'a> {
    screen: &'a mut Screen,
    watch: Option<Watch>,
    /// Objects whose readiness is worth a line: those that run something.
    met: Vec<String>,
    /// How they are, once all serve.
    states: Vec<String>,
    /// It failed, and the version before is put back: that is not stopped.
    goes_back: bool,
}

impl<'a> Teller<'a> {
    /// On this screen.
    pub fn new(screen: &'a mut Screen) -> Self {
        Self {
            screen,
            watch: None,
            met: Vec::new(),
            states: Vec::new(),
            goes_back: false,
        }
    }

    /// How everything that runs something was when it was proved to serve.
    pub fn states(&mut self) -> Vec<String> {
        std::mem::take(&mut self.states)
    }

    /// Tells of an event.
    pub fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Taking(Taking::Watching { by, for_ }) => self.screen.say(&[line(
                Tag::Info,
                format!(
                    "The Lease of {by} looks abandoned: watching it for {} seconds...",
                    for_.as_secs()
                ),
            )]),
            Event::Taking(Taking::TakenOver { by }) => {
                self.report(&[line(
                    Tag::Warn,
                    format!("Taking over from {by}, which is gone"),
                )]);
            }
            Event::Writing | Event::Taking(Taking::Writing) => {}
            Event::Executing => self.report(&[line(Tag::Info, "Executing deployment...")]),
            Event::Applied(applied) => {
                let mut lines = vec![Line::Plain(format!(
                    "{} {}",
                    applied.id.label(),
                    applied.done.word()
                ))];
                if applied.done == Done::Skipped {
                    lines.push(line(
                        Tag::Warn,
                        format!("{}: this user may not change it", applied.id),
                    ));
                }
                self.report(&lines);
            }
            Event::Stabilizing => {
                self.report(&[line(Tag::Info, "Waiting for deployment to stabilize...")]);
                self.watch = Some(self.screen.watch());
            }
            Event::Watched(id, Watched::Waiting(why)) => {
                if let Some(watch) = &mut self.watch {
                    watch.set(&id.label(), why);
                }
            }
            Event::Watched(id, Watched::Ready(told)) => {
                if let Some(watch) = &mut self.watch {
                    watch.done(&id.label(), &told.line);
                }
                if told.weight == Weight::Warning {
                    self.report(&[line(Tag::Warn, format!("{id}: {}", told.line))]);
                } else if is_workload(&id.group, &id.kind) {
                    self.met.push(format!("{} condition met", id.label()));
                    self.states.push(format!("{}: {}", id.label(), told.line));
                }
            }
            Event::Serving(_) => {
                self.watch = None;
                let lines: Vec<Line> = self.met.drain(..).map(Line::Plain).collect();
                self.report(&lines);
            }
            Event::Removed(id) => self.report(&[Line::Plain(format!("{} deleted", id.label()))]),
            Event::Stays(id, why) => {
                self.report(&[line(Tag::Info, format!("{} stays: {why}", id.label()))]);
            }
            Event::Failed(findings) => {
                self.watch = None;
                self.met.clear();
                self.states.clear();
                let lines: Vec<Line> = findings.iter().flat_map(finding_lines).collect();
                self.screen.say(&lines);
            }
            Event::RollingBack(to) => {
                self.goes_back = true;
                self.report(&[line(Tag::Info, format!("Rolling back to {to}..."))]);
            }
            Event::Note(finding) => self.screen.findings(std::slice::from_ref(finding)),
        }
    }

    /// Tells that a signal was heard.
    pub fn stopping(&mut self) {
        self.watch = None;
        let what = if self.goes_back {
            "putting the version before back to its end"
        } else {
            "stopping at the next safe point"
        };
        self.screen.say(&[line(
            Tag::Warn,
            format!("Interrupted: {what}; once more ends it at once"),
        )]);
    }

    /// The watch draws on the terminal: it is put away before anything is
    /// printed.
    fn report(&mut self, lines: &[Line]) {
        self.screen.report(lines);
    }
}

fn is_workload(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job") | ("", "Pod")
    )
}

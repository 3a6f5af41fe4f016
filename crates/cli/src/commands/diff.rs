//! `consign diff`.

mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::finding::{Class, Finding};
use model::yaml;
use package::lists;
use package::open::Steps;
use package::sealed::Package;
use package::secret_refs::{self, Need, SecretNeed};
use rollout::diff::{self, Change};
use rollout::object::ObjectId;
use serde_json::{Value, json};

use crate::args::cluster;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::package_place::{self, How};
use crate::root::Hosting;
use crate::screen::{Line, Screen, Tag, line};
use crate::telling;

/// Compares a package with another one, or with the cluster.
pub fn run(
    args: &cluster::Diff,
    hosting: Option<&Hosting>,
    environment: &Environment,
    screen: &mut Screen,
) -> Result<Outcome, Vec<Finding>> {
    let a = open(&args.a, hosting, environment);
    let Some(b) = args.b.as_deref().filter(|_| !args.live) else {
        return live::run(args, a?, hosting, environment, screen);
    };
    let (a, b) = both(a, open(b, hosting, environment))?;
    let difference = difference(&a, &b)?;
    screen.report(&difference.lines(&a, &b));
    let data = json!({
        "a": package_data(&a),
        "b": package_data(&b),
        "differs": difference.differs(),
        "objects": difference.objects.iter().map(object_data).collect::<Vec<_>>(),
        "images": { "added": difference.images.added, "removed": difference.images.removed },
        "secrets": { "added": difference.secrets.added, "removed": difference.secrets.removed },
    });
    Ok(ended(args, difference.differs(), data))
}

/// How a comparison ends.
fn ended(args: &cluster::Diff, differs: bool, data: Value) -> Outcome {
    Outcome {
        exit: if differs && args.exit_code {
            Exit::Differs
        } else {
            Exit::Done
        },
        ..Outcome::done(data)
    }
}

/// What is wrong with either, all at once.
fn both(
    a: Result<Package, Vec<Finding>>,
    b: Result<Package, Vec<Finding>>,
) -> Result<(Package, Package), Vec<Finding>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err([a.err(), b.err()].into_iter().flatten().flatten().collect()),
    }
}

/// Opens a package whose bytes are whole.
fn open(
    named: &Path,
    hosting: Option<&Hosting>,
    environment: &Environment,
) -> Result<Package, Vec<Finding>> {
    let how = How {
        release: None,
        steps: Steps::Integrity,
    };
    let path = package_place::find(named, hosting, environment);
    let report = package_place::verify(&path, hosting, how, environment).map_err(|f| vec![f])?;
    report.package.ok_or_else(|| {
        let errors = report.findings.into_iter().filter(Finding::is_error);
        errors.map(|f| package_place::within(f, &path)).collect()
    })
}

/// What differs between two packages.
#[derive(Debug)]
struct Difference {
    objects: Vec<Differing>,
    images: Sets,
    secrets: Sets,
}

/// An object that differs.
#[derive(Debug)]
struct Differing {
    id: ObjectId,
    how: HowItDiffers,
}

/// How an object differs.
#[derive(Debug)]
enum HowItDiffers {
    /// The second package alone has it.
    Added,
    /// The first package alone has it.
    Removed,
    /// Both have it.
    Changed(Vec<Change>),
}

/// What one set has and the other has not.
#[derive(Debug, Default)]
struct Sets {
    added: Vec<String>,
    removed: Vec<String>,
}

impl Sets {
    fn between(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Self {
        Self {
            added: after.difference(before).cloned().collect(),
            removed: before.difference(after).cloned().collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    fn lines(&self, what: &str) -> Vec<Line> {
        let removed = self.removed.iter().map(|one| format!("- {what} {one}"));
        let added = self.added.iter().map(|one| format!("+ {what} {one}"));
        removed.chain(added).map(Line::Plain).collect()
    }
}

fn difference(a: &Package, b: &Package) -> Result<Difference, Vec<Finding>> {
    let (before, after) = (objects(a)?, objects(b)?);
    let ids: BTreeSet<&ObjectId> = before.keys().chain(after.keys()).collect();
    let differing = ids.into_iter().filter_map(|id| {
        let how = match (before.get(id), after.get(id)) {
            (Some(_), None) => HowItDiffers::Removed,
            (None, Some(_)) => HowItDiffers::Added,
            (Some(before), Some(after)) => {
                let changes = diff::changes(before, after);
                if changes.is_empty() {
                    return None;
                }
                HowItDiffers::Changed(changes)
            }
            (None, None) => return None,
        };
        Some(Differing {
            id: id.clone(),
            how,
        })
    });
    Ok(Difference {
        objects: differing.collect(),
        images: Sets::between(&images(a), &images(b)),
        secrets: Sets::between(&secrets(a), &secrets(b)),
    })
}

/// A package's objects, lists opened.
fn objects(package: &Package) -> Result<BTreeMap<ObjectId, Value>, Vec<Finding>> {
    let mut found = BTreeMap::new();
    let mut findings = Vec::new();
    for object in lists::flatten(&package.objects) {
        match yaml::to_json(&object.node) {
            Ok(value) => {
                found.insert(ObjectId::of(&value), value);
            }
            Err(e) => findings.push(Finding::error(
                "object-unreadable",
                Class::Usage,
                format!("{}: {object}: {e}", package.name()),
            )),
        }
    }
    if findings.is_empty() {
        Ok(found)
    } else {
        Err(findings)
    }
}

fn images(package: &Package) -> BTreeSet<String> {
    package.images.iter().map(ToString::to_string).collect()
}

/// The Secrets that a package's pods read, key by key.
fn secrets(package: &Package) -> BTreeSet<String> {
    secret_refs::derive(&package.objects)
        .into_iter()
        .flat_map(|(name, need)| references(&name, &need))
        .collect()
}

fn references(name: &str, need: &SecretNeed) -> Vec<String> {
    let optional = |need: Need| {
        if need == Need::Optional {
            " (optional)"
        } else {
            ""
        }
    };
    let whole = need.whole.map(|need| format!("{name}{}", optional(need)));
    let keys = need
        .keys
        .iter()
        .map(|(key, need)| format!("{name}/{key}{}", optional(*need)));
    let all: Vec<String> = whole.into_iter().chain(keys).collect();
    if all.is_empty() {
        vec![name.to_owned()]
    } else {
        all
    }
}

impl Difference {
    fn differs(&self) -> bool {
        !(self.objects.is_empty() && self.images.is_empty() && self.secrets.is_empty())
    }

    fn lines(&self, a: &Package, b: &Package) -> Vec<Line> {
        let mut lines = vec![
            Line::Plain(format!("--- {} {}", a.name(), a.digest())),
            Line::Plain(format!("+++ {} {}", b.name(), b.digest())),
        ];
        for differing in &self.objects {
            let label = differing.id.label();
            match &differing.how {
                HowItDiffers::Added => lines.push(Line::Plain(format!("+ {label}"))),
                HowItDiffers::Removed => lines.push(Line::Plain(format!("- {label}"))),
                HowItDiffers::Changed(changes) => {
                    lines.push(Line::Plain(format!("~ {label}")));
                    lines.extend(changes.iter().map(|c| Line::Plain(telling::change_line(c))));
                }
            }
        }
        lines.extend(self.images.lines("image"));
        lines.extend(self.secrets.lines("secret"));
        let count =
            |is: fn(&HowItDiffers) -> bool| self.objects.iter().filter(|d| is(&d.how)).count();
        let summary = format!(
            "Objects: {} added, {} removed, {} changed",
            count(|how| matches!(how, HowItDiffers::Added)),
            count(|how| matches!(how, HowItDiffers::Removed)),
            count(|how| matches!(how, HowItDiffers::Changed(_))),
        );
        let tag = if self.differs() { Tag::Info } else { Tag::Ok };
        lines.push(line(tag, summary));
        lines
    }
}

fn package_data(package: &Package) -> Value {
    json!({ "name": package.name().to_string(), "digest": package.digest().to_string() })
}

fn object_data(differing: &Differing) -> Value {
    let (word, fields) = match &differing.how {
        HowItDiffers::Added => ("added", Vec::new()),
        HowItDiffers::Removed => ("removed", Vec::new()),
        HowItDiffers::Changed(changes) => {
            ("changed", changes.iter().map(telling::field_data).collect())
        }
    };
    json!({
        "object": differing.id.label(),
        "namespace": differing.id.namespace,
        "act": word,
        "fields": fields,
    })
}

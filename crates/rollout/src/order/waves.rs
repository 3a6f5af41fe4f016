//! The waves in which a package's objects are applied.

use std::fmt;

use model::text::nearest;

use super::class::Class;
use super::graph::Graph;
use super::schedule::{Problem, schedule};
use super::{Item, Reference};
use crate::object::ObjectId;

/// Objects that are applied together, in any order, after those of the waves
/// before. Numbers are indices into the items.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wave {
    /// What is applied.
    pub members: Vec<usize>,
    /// What must be ready before the next wave begins: of this wave and the
    /// ones before, what an object of the next wave depends on. An object is a
    /// gate at most once.
    pub gates: Vec<usize>,
}

/// A reference to an object that is not in the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownReference {
    /// Who has it.
    pub item: ObjectId,
    /// What it says.
    pub reference: Reference,
    /// What was probably meant.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            item,
            reference,
            nearest,
        } = self;
        write!(
            f,
            "{item} waits for {reference}, which is not in the package"
        )?;
        match nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

/// Why there is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// References to objects that are not in the package: all of them.
    #[error("{}", lines(.0))]
    Unknown(Vec<UnknownReference>),
    /// Objects that wait for each other; the last is the first again.
    #[error("objects wait for each other: {}", circle(.0))]
    Cycle(Vec<ObjectId>),
}

fn lines(unknown: &[UnknownReference]) -> String {
    let lines: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn circle(objects: &[ObjectId]) -> String {
    let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
    names.join(" waits for ")
}

/// The order of a package's objects, in as few waves as can be.
///
/// Hard, and waited for: an object after its Namespace, a custom resource
/// after its definition, anything after what it asks to wait for. Soft, after
/// having been applied only, and given up where a hard edge says otherwise:
/// bindings after roles, volumes after storage classes, webhooks after
/// everything, and all that is not rbac, storage or pod-related (what pods
/// mount, run as or are limited by) after those. Volumes are not waited for:
/// pods wait for them, and what provisions them may be in the package.
///
/// The waves are the same whatever order the items come in, and so are their
/// members, by class and name.
pub fn waves(items: &[Item]) -> Result<Vec<Wave>, OrderError> {
    let graph = Graph::new(items);
    let mut unknown = Vec::new();
    let before: Vec<Vec<usize>> = (0..items.len())
        .map(|index| {
            let mut before: Vec<usize> = graph.grounds(index).collect();
            for reference in &items[index].wait_for {
                let found = graph.resolve(index, reference);
                if found.is_empty() {
                    unknown.push(UnknownReference {
                        item: items[index].id.clone(),
                        reference: reference.clone(),
                        nearest: None,
                    });
                }
                before.extend(found);
            }
            before
        })
        .collect();
    if !unknown.is_empty() {
        unknown.sort_by(|a, b| (&a.item, &a.reference).cmp(&(&b.item, &b.reference)));
        suggest(items, &mut unknown);
        return Err(OrderError::Unknown(unknown));
    }

    let class: Vec<usize> = items
        .iter()
        .map(|item| Class::of(&item.id) as usize)
        .collect();
    let plan = schedule(&Problem {
        before: &before,
        class: &class,
        classes: Class::ALL.len(),
        after: &|class| {
            Class::ALL[class]
                .after()
                .iter()
                .map(|c| *c as usize)
                .collect()
        },
    });
    if !plan.stuck.is_empty() {
        return Err(OrderError::Cycle(cycle(items, &before, &plan.stuck)));
    }
    let by_name =
        |a: &usize, b: &usize| (class[*a], &items[*a].id, *a).cmp(&(class[*b], &items[*b].id, *b));
    let mut waves: Vec<Wave> = Vec::new();
    let mut gated = vec![false; items.len()];
    for mut members in plan.waves {
        members.sort_by(by_name);
        if let Some(previous) = waves.last_mut() {
            previous.gates = members
                .iter()
                .flat_map(|member| &before[*member])
                .copied()
                .filter(|gate| !std::mem::replace(&mut gated[*gate], true))
                .collect();
            previous.gates.sort_by(by_name);
        }
        waves.push(Wave {
            members,
            gates: Vec::new(),
        });
    }
    Ok(waves)
}

fn suggest(items: &[Item], unknown: &mut [UnknownReference]) {
    /// More than one reads; each is compared with every object.
    const MOST: usize = 20;
    let mut known: Vec<String> = items
        .iter()
        .map(|item| format!("{}/{}", item.id.kind.to_lowercase(), item.id.name))
        .collect();
    known.sort_unstable();
    for entry in unknown.iter_mut().take(MOST) {
        let word = format!("{}/{}", entry.reference.kind, entry.reference.name);
        entry.nearest = nearest(&word, known.iter().map(String::as_str)).map(str::to_owned);
    }
}

/// One cycle among objects each of which has one before it that is stuck too.
fn cycle(items: &[Item], before: &[Vec<usize>], stuck: &[usize]) -> Vec<ObjectId> {
    let mut is_stuck = vec![false; items.len()];
    for object in stuck {
        is_stuck[*object] = true;
    }
    let least = |objects: &mut dyn Iterator<Item = usize>| {
        objects
            .filter(|object| is_stuck[*object])
            .min_by_key(|object| &items[*object].id)
    };
    let mut trail: Vec<usize> = Vec::new();
    let mut next = least(&mut stuck.iter().copied());
    let mut seen = vec![false; items.len()];
    while let Some(object) = next {
        trail.push(object);
        if std::mem::replace(&mut seen[object], true) {
            break;
        }
        next = least(&mut before[object].iter().copied());
    }
    let from = trail
        .last()
        .and_then(|last| trail.iter().position(|object| object == last))
        .unwrap_or_default();
    trail[from..]
        .iter()
        .map(|object| items[*object].id.clone())
        .collect()
}

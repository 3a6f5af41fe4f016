//! From a change to edits of the tree.

use std::cmp::Reverse;

use model::finding::{Class, Finding};
use model::yaml::{Map, Node, Tag};

use super::FILE;
use super::change::{Change, Primary};
use super::op::{Op, Path, Step};
use super::status::Status;
use super::time::Time;
use super::view::{Package, Tracking};

/// What a change comes to.
pub(super) struct Plan {
    pub ops: Vec<Op>,
    /// Where the file holds something newer, which was left alone, and where it
    /// lacks what was there before.
    pub notes: Vec<Finding>,
}

/// The edits that a change needs in a tree.
pub(super) fn plan(tree: Option<&Node>, view: &Tracking, change: &Change) -> Plan {
    let newer = newer(view, change);
    let target = target(view, change);
    let mut planner = Planner {
        tree,
        change,
        ops: Vec::new(),
    };
    let known = target.is_some_and(|(.., p)| status_in(p, change).is_some());
    match &newer {
        Some(_) if known => {}
        Some(_) if change.status == Status::Active => {
            planner.put(view, target, Status::Superseded);
        }
        Some(_) => planner.put(view, target, change.status),
        None => {
            if change.status == Status::Active {
                planner.supersede(view, target);
            }
            planner.put(view, target, change.status);
        }
    }
    // What is added at one place is added from the inside out.
    planner.ops.sort_by_key(|op| Reverse(op.path().len()));
    let notes = newer.map(|p| older(p, change)).into_iter();
    Plan {
        ops: planner.ops,
        notes: notes.chain(gap(view, change)).collect(),
    }
}

fn status_in(package: &Package, change: &Change) -> Option<Status> {
    package.status_in(&change.context, change.primary)
}

fn deployed_in(package: &Package, change: &Change) -> Option<Time> {
    package.deployed_in(&change.context, change.primary)
}

/// Where a package is: client's index, package's index, and itself.
type Found<'v> = (usize, usize, &'v Package);

/// The packages of the change's client, in the order written.
fn packages<'v>(view: &'v Tracking, change: &Change) -> impl DoubleEndedIterator<Item = Found<'v>> {
    let own = view.clients.iter().enumerate();
    own.filter(|(_, c)| c.name == change.client)
        .flat_map(|(i, c)| c.packages.iter().enumerate().map(move |(j, p)| (i, j, p)))
}

/// The entry that a change is about: of several, the last.
fn target<'v>(view: &'v Tracking, change: &Change) -> Option<Found<'v>> {
    packages(view, change).rfind(|(.., p)| p.version == change.version)
}

/// What the file knows that happened after the change.
///
/// What the cluster's record called active before tells most: if the file
/// agrees, the change is the next one, whatever the clocks say. Else times
/// decide, and a time that is not said is not later.
fn newer<'v>(view: &'v Tracking, change: &Change) -> Option<&'v Package> {
    let active = view.active(&change.client, &change.context, change.primary);
    if active.map(|p| &p.version) == change.former.as_ref() {
        return None;
    }
    let same = target(view, change).map(|(.., p)| p);
    let later = |p: &&Package| deployed_in(p, change).is_some_and(|t| t > change.at);
    active.into_iter().chain(same).find(later)
}

fn older(newer: &Package, change: &Change) -> Finding {
    let Change {
        client, version, ..
    } = change;
    let said = match (status_in(newer, change), deployed_in(newer, change)) {
        (Some(status), Some(time)) => format!("{status} since {time}"),
        _ => "later".to_owned(),
    };
    let message = format!(
        "{client} {version} ({} at {}) is older than what is noted for context {}: {} {said}; that was left as it is",
        change.status, change.at, change.context, newer.version,
    );
    Finding::warning("clients-newer", Class::Conflict, message).at(FILE, newer.line)
}

/// A version that was active before and is not listed: the file is an old copy,
/// or was lost.
fn gap(view: &Tracking, change: &Change) -> Option<Finding> {
    let former = change.former.as_ref()?;
    if *former == change.version || packages(view, change).any(|(.., p)| p.version == *former) {
        return None;
    }
    let Change {
        client, context, ..
    } = change;
    let message =
        format!("{client} {former}, active in context {context} until now, is not listed here");
    let finding = Finding::warning("clients-gap", Class::Integrity, message).in_file(FILE);
    Some(
        finding.help("an old copy of the file may have been put back; the cluster's record counts"),
    )
}

struct Planner<'a> {
    tree: Option<&'a Node>,
    change: &'a Change,
    ops: Vec<Op>,
}

impl Planner<'_> {
    /// Every other version that is active there gives way.
    fn supersede(&mut self, view: &Tracking, target: Option<Found<'_>>) {
        let change = self.change;
        let value = Node::str(Status::Superseded.as_str());
        for (i, j, package) in packages(view, change) {
            if target.is_some_and(|(a, b, _)| (a, b) == (i, j)) {
                continue;
            }
            let path = package_path(i, j);
            if change.primary == Primary::Yes && package.status == Some(Status::Active) {
                self.field(&path, "status", value.clone());
            }
            let named = package.context(&change.context);
            if named.is_some_and(|c| c.status == Some(Status::Active)) {
                let path = context_path(&path, change);
                self.field(&path, "status", value.clone());
            }
        }
    }

    /// Notes the change's version with a status.
    fn put(&mut self, view: &Tracking, target: Option<Found<'_>>, status: Status) {
        let change = self.change;
        let named = change.primary == Primary::No
            || packages(view, change).any(|(.., p)| !p.contexts.is_empty());
        let client = view
            .clients
            .iter()
            .rposition(|c| c.name == change.client)
            .map(|i| (i, &view.clients[i]));
        let Some((index, client)) = client else {
            self.add_client(new_package(change, status, named));
            return;
        };
        if let Some((i, j, package)) = target {
            let path = package_path(i, j);
            if change.primary == Primary::Yes {
                self.fields(&path, package.status, package.deployed, status);
            }
            if named {
                self.put_in_context(&path, package, status);
            }
        } else {
            let path = client_path(index);
            self.add(path, "packages", new_package(change, status, named));
        }
        let follows = change.primary == Primary::Yes || client.namespace.is_none();
        if follows && client.namespace.as_ref() != Some(&change.namespace) {
            let value = Node::str(change.namespace.as_str());
            self.field(&client_path(index), "namespace", value);
        }
    }

    fn put_in_context(&mut self, package_path: &Path, package: &Package, status: Status) {
        let change = self.change;
        let name = change.context.as_str();
        if let Some(known) = package.context(&change.context) {
            let path = context_path(package_path, change);
            self.fields(&path, known.status, known.deployed, status);
            return;
        }
        let deployed = deployed_in(package, change);
        let value = in_context(status, when(change, status, deployed));
        let contexts = below(package_path, "contexts");
        if self.node(&contexts).is_some() {
            let (at, key) = (contexts, name.to_owned());
            self.ops.push(Op::Key { at, key, value });
        } else {
            self.field(package_path, "contexts", map([(name, value)]));
        }
    }

    /// The two fields of a map: a package's or a context's.
    fn fields(&mut self, at: &Path, was: Option<Status>, when: Option<Time>, status: Status) {
        let time = self::when(self.change, status, when);
        if when != Some(time) {
            self.field(at, "deployed", self::time(time));
        }
        if was != Some(status) {
            self.field(at, "status", Node::str(status.as_str()));
        }
    }

    /// Sets a key of a map, adding it if it is not there.
    fn field(&mut self, at: &Path, key: &str, value: Node) {
        let path = below(at, key);
        self.ops.push(if self.node(&path).is_some() {
            Op::Set { at: path, value }
        } else {
            let (at, key) = (at.clone(), key.to_owned());
            Op::Key { at, key, value }
        });
    }

    fn add_client(&mut self, package: Node) {
        let client = map([
            ("name", Node::str(self.change.client.as_str())),
            ("namespace", Node::str(self.change.namespace.as_str())),
            ("packages", Node::seq(vec![package])),
        ]);
        self.add(Vec::new(), "clients", client);
    }

    /// Adds an item to the list of a key, adding that if it is not there.
    fn add(&mut self, at: Path, key: &str, value: Node) {
        let path = below(&at, key);
        self.ops.push(if self.node(&path).is_some() {
            Op::Item { at: path, value }
        } else {
            let (key, value) = (key.to_owned(), Node::seq(vec![value]));
            Op::Key { at, key, value }
        });
    }

    fn node(&self, path: &Path) -> Option<&Node> {
        path.iter().try_fold(self.tree?, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Item(index) => node.as_seq()?.get(*index),
        })
    }
}

fn new_package(change: &Change, status: Status, named: bool) -> Node {
    let mut package = map([("version", Node::str(change.version.to_string()))]);
    if let Some(map) = package.as_map_mut() {
        if change.primary == Primary::Yes {
            map.set("deployed", time(change.at));
            map.set("status", Node::str(status.as_str()));
        }
        if named {
            let context = self::map([(change.context.as_str(), in_context(status, change.at))]);
            map.set("contexts", context);
        }
    }
    package
}

fn in_context(status: Status, deployed: Time) -> Node {
    map([
        ("status", Node::str(status.as_str())),
        ("deployed", time(deployed)),
    ])
}

/// The time to note: what has served and ends was deployed when it was.
fn when(change: &Change, status: Status, was: Option<Time>) -> Time {
    let ends = matches!(status, Status::Removed | Status::Superseded);
    was.filter(|_| ends).unwrap_or(change.at)
}

fn time(time: Time) -> Node {
    Node::scalar(time.to_string(), Tag::Timestamp)
}

fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    let mut map = Map::default();
    for (key, value) in entries {
        map.set(key, value);
    }
    Node::new(model::yaml::Content::Map(map))
}

fn client_path(client: usize) -> Path {
    vec![Step::Key("clients".to_owned()), Step::Item(client)]
}

fn package_path(client: usize, package: usize) -> Path {
    let mut path = below(&client_path(client), "packages");
    path.push(Step::Item(package));
    path
}

fn context_path(package: &Path, change: &Change) -> Path {
    below(&below(package, "contexts"), change.context.as_str())
}

fn below(path: &Path, key: &str) -> Path {
    let mut path = path.clone();
    path.push(Step::Key(key.to_owned()));
    path
}

//! References to renamed objects get the new name.
//!
//! Source of the rule: kustomize v5.5.0, `api/filters/nameref` and
//! `api/internal/accumulator/namereferencetransformer.go`.

use std::collections::{BTreeSet, HashMap};

use model::finding::{Class, Finding};
use model::yaml::{Content, Node};

use super::fieldspec::{FieldSpec, Leaf, set_text};
use super::name_references::Referrers;
use crate::resmap::ResMap;
use crate::resource::{Resource, Scope, text};

/// A kind that is looked for: empty parts fit any.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    group: &'a str,
    version: &'a str,
    kind: &'a str,
}

/// What is known of a resource that may be referred to.
#[derive(Debug)]
struct Candidate {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    scope: Scope,
    original_scope: Scope,
    previous_kinds: Vec<String>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// Every resource that was renamed or moved, by each name it had.
#[derive(Debug)]
struct Candidates {
    all: Vec<Candidate>,
    by_previous_name: HashMap<String, Vec<usize>>,
    /// Positions by the namespace they began in.
    by_original_namespace: HashMap<String, Vec<usize>>,
}

/// Sets every reference of the table's fields to the name its target has now.
pub fn follow(resources: &mut ResMap, table: &[Referrers]) -> Result<(), Vec<Finding>> {
    let candidates = Candidates::of(resources.all());
    if candidates.by_previous_name.is_empty() {
        return check_bindings(resources.all());
    }
    let mut by_kind: HashMap<&str, Vec<(Wanted<'_>, &FieldSpec)>> = HashMap::new();
    for referrers in table {
        let wanted = Wanted {
            group: referrers.group,
            version: referrers.version,
            kind: referrers.kind,
        };
        for field in referrers.fields {
            by_kind
                .entry(field.kind.as_ref())
                .or_default()
                .push((wanted, field));
        }
    }
    let mut findings = Vec::new();
    for (at, resource) in resources.all_mut().iter_mut().enumerate() {
        let original = resource.original_id().gvk;
        let Some(fields) = by_kind.get(original.kind.as_str()) else {
            continue;
        };
        let fields = fields.iter().filter(|(_, field)| field.fits(&original));
        let mut referrer = None;
        for (wanted, field) in fields {
            let referrer = match &mut referrer {
                Some(referrer) => referrer,
                None => match Referrer::of(at, resource, &candidates) {
                    Ok(new) => referrer.insert(new),
                    Err(why) => {
                        findings.push(wrong(resource, &why));
                        break;
                    }
                },
            };
            if let Err(why) = referrer.update(resource, *wanted, field) {
                findings.push(wrong(resource, &why));
                break;
            }
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// What kustomize refuses even where nothing was renamed.
fn check_bindings(resources: &[Resource]) -> Result<(), Vec<Finding>> {
    let check = |r: &Resource| bound_namespaces(r).err().map(|why| wrong(r, &why));
    let findings: Vec<Finding> = resources.iter().filter_map(check).collect();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings)
    }
}

/// Namespaces of the service accounts that a `RoleBinding` binds.
fn bound_namespaces(resource: &Resource) -> Result<BTreeSet<String>, String> {
    let mut bound = BTreeSet::new();
    let subjects = match resource.kind() {
        "RoleBinding" => resource.node().get("subjects").and_then(Node::as_seq),
        _ => None,
    };
    for subject in subjects.unwrap_or_default() {
        let Some(namespace) = subject.get("namespace") else {
            continue;
        };
        if text(subject.get("kind")) == "ServiceAccount" {
            let Some(namespace) = namespace.as_str() else {
                return Err(
                    "Invalid Input: the namespace of a subject is blank; name one or take the key out"
                        .to_owned(),
                );
            };
            bound.insert(namespace.to_owned());
        }
    }
    Ok(bound)
}

fn wrong(resource: &Resource, why: &str) -> Finding {
    let origin = &resource.object.origin;
    let message = format!("{}: {why}", resource.describe());
    Finding::error("name-reference", Class::Usage, message).at(origin.path.as_str(), origin.line)
}

impl Candidates {
    fn of(resources: &[Resource]) -> Self {
        let mut all = Vec::with_capacity(resources.len());
        let mut by_previous_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut by_original_namespace: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, resource) in resources.iter().enumerate() {
            let id = resource.id();
            let original_scope = resource
                .previous
                .first()
                .map_or_else(|| id.scope.clone(), |p| p.scope.clone());
            let names: BTreeSet<&str> = resource.previous.iter().map(|p| p.name.as_str()).collect();
            for name in names {
                by_previous_name
                    .entry(name.to_owned())
                    .or_default()
                    .push(at);
            }
            if let Scope::Namespace(namespace) = &original_scope {
                by_original_namespace
                    .entry(namespace.clone())
                    .or_default()
                    .push(at);
            }
            all.push(Candidate {
                previous_kinds: resource.previous.iter().map(|p| p.kind.clone()).collect(),
                namespace: resource.namespace().to_owned(),
                group: id.gvk.group,
                version: id.gvk.version,
                kind: id.gvk.kind,
                name: id.name,
                scope: id.scope,
                original_scope,
                prefixes: resource.prefixes.clone(),
                suffixes: resource.suffixes.clone(),
            });
        }
        Self {
            all,
            by_previous_name,
            by_original_namespace,
        }
    }
}

impl Candidate {
    fn was(&self, wanted: Wanted<'_>) -> bool {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        fits(wanted.group, &self.group)
            && fits(wanted.version, &self.version)
            && self.previous_kinds.iter().any(|k| fits(wanted.kind, k))
    }
}

/// Which kind of reference a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// The name alone.
    Name,
    /// Name and namespace.
    Both,
}

/// A resource that may refer to others.
#[derive(Debug)]
struct Referrer<'c> {
    at: usize,
    candidates: &'c Candidates,
    /// Namespaces of the service accounts that a `RoleBinding` binds.
    bound: BTreeSet<String>,
}

impl<'c> Referrer<'c> {
    fn of(at: usize, resource: &Resource, candidates: &'c Candidates) -> Result<Self, String> {
        Ok(Self {
            at,
            candidates,
            bound: bound_namespaces(resource)?,
        })
    }

    fn me(&self) -> Option<&'c Candidate> {
        self.candidates.all.get(self.at)
    }

    /// Whether the referrer could mean this one at all.
    fn sees(&self, other: &Candidate) -> bool {
        self.me().is_some_and(|me| {
            me.scope == Scope::Cluster
                || other.scope == Scope::Cluster
                || other.scope == me.scope
                || self.bound.contains(&other.namespace)
        })
    }

    fn update(
        &self,
        resource: &mut Resource,
        wanted: Wanted<'_>,
        field: &FieldSpec,
    ) -> Result<(), String> {
        let role = role_of(resource, field);
        let role = role.as_ref().map(|(group, kind)| Wanted {
            group,
            version: "",
            kind,
        });
        let mut failed = None;
        let visited = field.visit(resource.node_mut(), Leaf::Never, &mut |node| {
            if failed.is_none() {
                failed = self.set(node, wanted, role).err();
            }
            Ok(())
        });
        visited.map_err(|e| format!("updating name reference in '{}': {e}", field.path))?;
        match failed {
            None => Ok(()),
            Some(why) => Err(format!(
                "updating name reference in '{}': {why}",
                field.path
            )),
        }
    }

    fn set(
        &self,
        node: &mut Node,
        wanted: Wanted<'_>,
        role: Option<Wanted<'_>>,
    ) -> Result<(), String> {
        if node.is_null() {
            return Ok(());
        }
        match &mut node.content {
            Content::Scalar(_) => self.set_name(node, wanted, role),
            Content::Map(_) => self.set_both(node, wanted, role),
            Content::Seq(items) => items.iter_mut().try_for_each(|item| match item.content {
                Content::Seq(_) => Err("expected a string or a map, found a list".to_owned()),
                _ => self.set(item, wanted, role),
            }),
        }
    }

    fn set_name(
        &self,
        node: &mut Node,
        wanted: Wanted<'_>,
        role: Option<Wanted<'_>>,
    ) -> Result<(), String> {
        let name = text(Some(node)).to_owned();
        let Some(target) = self.select(&name, wanted, role, Takes::Name, None)? else {
            return Ok(());
        };
        if target.name == name {
            return Ok(());
        }
        set_text(node, &target.name).map_err(|e| e.to_string())
    }

    fn set_both(
        &self,
        node: &mut Node,
        wanted: Wanted<'_>,
        role: Option<Wanted<'_>>,
    ) -> Result<(), String> {
        let Some(name) = node.get("name") else {
            return Err("the map has no field 'name'".to_owned());
        };
        let name = raw(name);
        let namespace = node.get("namespace").map(raw);
        let target = self.select(&name, wanted, role, Takes::Both, namespace.as_deref())?;
        let Some(target) = target else {
            return Ok(());
        };
        if target.name == name && target.namespace.is_empty() {
            return Ok(());
        }
        set_key(node, "name", &target.name)?;
        if target.namespace.is_empty() {
            return Ok(());
        }
        set_key(node, "namespace", &target.namespace)
    }

    /// The one resource that a name means, if any.
    fn select(
        &self,
        name: &str,
        wanted: Wanted<'_>,
        role: Option<Wanted<'_>>,
        takes: Takes,
        namespace: Option<&str>,
    ) -> Result<Option<&'c Candidate>, String> {
        let Some(me) = self.me() else {
            return Ok(None);
        };
        let mut found: Vec<&'c Candidate> = self
            .candidates
            .by_previous_name
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|at| self.candidates.all.get(*at))
            .filter(|c| c.was(wanted) && role.is_none_or(|role| c.was(role)))
            .filter(|c| self.sees(c))
            .filter(|c| {
                me.scope == Scope::Cluster
                    || c.scope == Scope::Cluster
                    || c.kind == "ServiceAccount"
                    || c.scope == me.scope
            })
            .collect();
        if let Some(namespace) = namespace
            && !found.is_empty()
        {
            let is_original = self.knows_original(namespace);
            found.retain(|c| {
                let scope = if is_original {
                    &c.original_scope
                } else {
                    &c.scope
                };
                matches!(scope, Scope::Namespace(n) if n == namespace)
            });
        }
        if let [one] = found.as_slice() {
            return Ok(Some(one));
        }
        found.retain(|c| same_affixes(me, c, Empty::FitsAll));
        if found.len() > 1 {
            found.retain(|c| same_affixes(me, c, Empty::FitsEmpty));
        }
        let Some(first) = found.first() else {
            return Ok(None);
        };
        let alike = found.iter().all(|c| {
            c.name == first.name && (takes == Takes::Name || c.namespace == first.namespace)
        });
        if alike {
            return Ok(Some(first));
        }
        let names: Vec<String> = found
            .iter()
            .map(|c| format!("{} {}/{}", c.kind, c.namespace, c.name))
            .collect();
        Err(format!(
            "found multiple possible referrals: {}",
            names.join(", ")
        ))
    }

    /// Whether something the referrer sees began in this namespace.
    fn knows_original(&self, namespace: &str) -> bool {
        self.candidates
            .by_original_namespace
            .get(namespace)
            .into_iter()
            .flatten()
            .filter_map(|at| self.candidates.all.get(*at))
            .any(|c| self.sees(c))
    }
}

/// Group and kind of the role that a binding refers to, when that is what the
/// field is for.
fn role_of(resource: &Resource, field: &FieldSpec) -> Option<(String, String)> {
    if !field.path.ends_with("roleRef/name") {
        return None;
    }
    let role = resource.node().get("roleRef")?;
    Some((raw(role.get("apiGroup")?), raw(role.get("kind")?)))
}

/// A scalar's text, null as it is written.
fn raw(node: &Node) -> String {
    node.as_scalar()
        .map_or_else(String::new, |s| s.text.clone())
}

fn set_key(map: &mut Node, key: &str, value: &str) -> Result<(), String> {
    if map.get(key).is_none()
        && let Some(entries) = map.as_map_mut()
    {
        entries.set(key, Node::str(""));
    }
    match map.get_mut(key) {
        Some(node) => set_text(node, value).map_err(|e| e.to_string()),
        None => Ok(()),
    }
}

/// What a list of prefixes or suffixes without entries fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    FitsAll,
    FitsEmpty,
}

fn same_affixes(a: &Candidate, b: &Candidate, empty: Empty) -> bool {
    same_ending(&a.prefixes, &b.prefixes, empty) && same_ending(&a.suffixes, &b.suffixes, empty)
}

/// Whether one list is the end of the other.
fn same_ending(a: &[String], b: &[String], empty: Empty) -> bool {
    if a.is_empty() || b.is_empty() {
        return empty == Empty::FitsAll || a.len() == b.len();
    }
    a.ends_with(b) || b.ends_with(a)
}

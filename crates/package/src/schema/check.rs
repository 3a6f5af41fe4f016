//! The check of a set of objects.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::object::{Gvk, Object};
use model::text::nearest;
use model::yaml::Node;

use super::builtin;
use super::custom::{self, Custom, Structural};
use super::data::{self, Kind, Type};
use super::release::{Release, Scope};
use super::walk::{Walk, Wrong};
use crate::lists;
use crate::object_path::ObjectPath;

/// Everything wrong with the objects, in their order, each with its document's
/// path and the line of the offending field.
///
/// Findings are of class [`Usage`](model::finding::Class::Usage): a document
/// is not valid. The last finding is of severity
/// [`Info`](model::finding::Severity::Info), code `schema-none`, and counts
/// the objects that no schema is known for, if there are any. No message
/// holds a value of the objects but that of a field which takes one of a few
/// names.
///
/// ```
/// use model::object::{Object, Origin};
/// use model::yaml::{Node, Tag};
/// use package::schema::{Release, check};
/// let mut node = Node::map();
/// let map = node.as_map_mut().unwrap();
/// map.set("apiVersion", Node::str("v1"));
/// map.set("kind", Node::str("ConfigMap"));
/// let mut metadata = Node::map();
/// metadata.as_map_mut().unwrap().set("name", Node::str("a"));
/// map.set("metadata", metadata);
/// map.set("imutable", Node::scalar("true", Tag::Bool));
/// let objects = [Object { node, origin: Origin::default() }];
/// let findings = check(Release::parse("1.36").unwrap(), &objects);
/// assert_eq!(findings[0].message, "ConfigMap a: imutable: unknown field");
/// assert_eq!(findings[0].help.as_deref(), Some("did you mean immutable?"));
/// ```
pub fn check(release: Release, objects: &[Object]) -> Vec<Finding> {
    Schemas::new(release, objects).check(objects)
}

/// Whether objects of a built-in kind live in a namespace.
///
/// ```
/// use model::object::Gvk;
/// use package::schema::{Release, Scope, scope};
/// let release = Release::parse("1.36").unwrap();
/// assert_eq!(scope(release, &Gvk::new("v1", "Namespace")), Scope::Cluster);
/// assert_eq!(scope(release, &Gvk::new("apps/v1", "Deployment")), Scope::Namespaced);
/// assert_eq!(scope(release, &Gvk::new("example.com/v1", "Thing")), Scope::Unknown);
/// ```
pub fn scope(release: Release, gvk: &Gvk) -> Scope {
    Kind::find(release, &gvk.api_version(), &gvk.kind).map_or(Scope::Unknown, |kind| kind.scope)
}

/// The schemas of a release, and those that a set of objects brings along.
#[derive(Debug)]
pub struct Schemas<'a> {
    release: Release,
    custom: Vec<Custom<'a>>,
}

/// Whether an object's kind has a schema.
#[derive(PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

impl<'a> Schemas<'a> {
    /// Those of a release and of the `CustomResourceDefinition`s among these
    /// objects.
    pub fn new(release: Release, objects: &'a [Object]) -> Self {
        Self {
            release,
            custom: objects.iter().filter_map(Custom::of).collect(),
        }
    }

    /// As [`scope`], for custom resources too.
    pub fn scope(&self, gvk: &Gvk) -> Scope {
        match scope(self.release, gvk) {
            Scope::Unknown => self
                .custom(gvk)
                .map_or(Scope::Unknown, |custom| custom.scope),
            known => known,
        }
    }

    /// As [`check`].
    pub fn check(&self, objects: &[Object]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut unknown = Unknown::default();
        for member in objects.iter().flat_map(lists::members) {
            if self.object(&member.object, &member.path, &mut findings) == Known::No {
                unknown.add(&member.object);
            }
        }
        findings.extend(unknown.finding());
        findings
    }

    fn custom(&self, gvk: &Gvk) -> Option<&Custom<'a>> {
        self.custom
            .iter()
            .find(|custom| custom.group == gvk.group && custom.kind == gvk.kind)
    }

    fn object(&self, object: &Object, base: &ObjectPath, findings: &mut Vec<Finding>) -> Known {
        let mut walk = Walk::new(object, base);
        let (api_version, kind) = (object.api_version(), object.kind());
        let mut known = Known::Yes;
        let fields;
        let metadata = custom::metadata(self.release);
        if object.node.as_map().is_none() {
            walk.wrong_type(&object.node, "a map");
        } else if api_version.is_empty() || kind.is_empty() {
            let missing = if kind.is_empty() {
                "kind"
            } else {
                "apiVersion"
            };
            let at = object
                .node
                .get(missing)
                .map_or(object.node.at, |node| node.at);
            walk.key(missing, |walk| walk.wrong(at, &Wrong::Required));
        } else if let Some(found) = Kind::find(self.release, api_version, kind) {
            fields = found.fields(self.release);
            builtin::root(&mut walk, &object.node, &fields);
            named(&mut walk, object);
        } else {
            let gvk = object.gvk();
            match self.custom(&gvk) {
                Some(custom) => {
                    known = resource(&mut walk, object, &gvk, custom, &metadata);
                }
                None if data::is_builtin_group(&gvk.group) => {
                    let text = format!(
                        "Kubernetes {} has no kind {kind} in {api_version}",
                        self.release
                    );
                    walk.wrong_object(&text, self.near(&gvk));
                }
                None => {
                    known = Known::No;
                    metadata_of(&mut walk, object, &metadata);
                }
            }
        }
        findings.append(&mut walk.into_findings());
        known
    }

    /// What was probably meant by a kind there is not.
    fn near(&self, gvk: &Gvk) -> Option<String> {
        let served: BTreeSet<_> = Kind::all(self.release)
            .filter(|(_, kind)| kind.eq_ignore_ascii_case(&gvk.kind))
            .map(|(api_version, kind)| format!("{kind} of {api_version}"))
            .collect();
        if !served.is_empty() {
            return Some(format!(
                "there is {}",
                served.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
        let api_version = gvk.api_version();
        let kinds = Kind::all(self.release)
            .filter(|(of, _)| *of == api_version)
            .map(|(_, kind)| kind);
        nearest(&gvk.kind, kinds).map(|kind| format!("did you mean {kind}?"))
    }
}

/// A custom resource.
fn resource<'w>(
    walk: &mut Walk<'w>,
    object: &'w Object,
    gvk: &Gvk,
    custom: &'w Custom<'_>,
    metadata: &'w Type,
) -> Known {
    let Some(version) = custom
        .versions
        .iter()
        .find(|v| v.name == gvk.version && v.served)
    else {
        let served = custom.versions.iter().filter(|v| v.served);
        let served: Vec<_> = served
            .map(|v| format!("{}/{}", gvk.group, v.name))
            .collect();
        let text = format!(
            "the definition of {} does not serve {}",
            gvk.kind,
            gvk.api_version()
        );
        walk.wrong_object(&text, Some(format!("it serves {}", served.join(", "))));
        return Known::Yes;
    };
    let Some(schema) = version.schema else {
        metadata_of(walk, object, metadata);
        return Known::No;
    };
    Structural::new(version, metadata).root(walk, &object.node, schema);
    named(walk, object);
    Known::Yes
}

/// The metadata of an object whose schema is not known.
fn metadata_of<'w>(walk: &mut Walk<'w>, object: &'w Object, metadata: &'w Type) {
    if let Some(node) = object.node.get("metadata").filter(|node| !node.is_null()) {
        walk.key("metadata", |walk| builtin::fields(walk, node, metadata));
    }
    named(walk, object);
}

/// Every object has a name; the schemas do not say so.
fn named(walk: &mut Walk, object: &Object) {
    let metadata = object.node.get("metadata").filter(|node| !node.is_null());
    let has = |key: &str| {
        metadata
            .and_then(|m| m.get(key))
            .is_some_and(|name| !name.is_null() && name.as_str() != Some(""))
    };
    if metadata.is_none_or(|m| m.as_map().is_some()) && !has("name") && !has("generateName") {
        let at = metadata.map_or(object.node.at, |node: &Node| node.at);
        walk.key("metadata", |walk| {
            walk.key("name", |walk| walk.wrong(at, &Wrong::Required));
        });
    }
}

/// Objects no schema is known for.
#[derive(Default)]
struct Unknown {
    count: usize,
    kinds: BTreeSet<String>,
}

impl Unknown {
    fn add(&mut self, object: &Object) {
        self.count += 1;
        self.kinds
            .insert(format!("{} {}", object.api_version(), object.kind()));
    }

    fn finding(self) -> Option<Finding> {
        let objects = match self.count {
            0 => return None,
            1 => "1 object has".to_owned(),
            n => format!("{n} objects have"),
        };
        let kinds: Vec<_> = self.kinds.into_iter().collect();
        let text = format!(
            "{objects} no schema and only their metadata was checked: {}",
            kinds.join(", ")
        );
        Some(Finding::info("schema-none", Class::Usage, text))
    }
}

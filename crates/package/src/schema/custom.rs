//! Custom resources, by the structural schema of their definition.
//!
//! Unknown fields are refused where the server would prune them. CEL rules,
//! list types and most text formats are left to the server.

use std::collections::HashMap;

use model::object::Object;
use model::text::nearest;
use model::yaml::{Content, Map, Node, Scalar, Tag};
use regex::{Regex, RegexBuilder};

use super::builtin;
use super::data::Type;
use super::release::{Release, Scope};
use super::scalar;
use super::walk::{Rules, Walk, Wrong};

/// How large a compiled pattern may get, in bytes: patterns come with the
/// objects, and a few characters can ask for a lot of memory.
const PATTERN_BYTES: usize = 1 << 20;

/// A kind a `CustomResourceDefinition` defines.
#[derive(Debug)]
pub(super) struct Custom<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub scope: Scope,
    pub versions: Vec<Version<'a>>,
}

/// One version of it.
#[derive(Debug)]
pub(super) struct Version<'a> {
    pub name: &'a str,
    pub served: bool,
    pub schema: Option<&'a Node>,
    /// Whether `status` is a subresource, and so dropped on creation.
    pub status: bool,
}

impl<'a> Custom<'a> {
    /// The kind an object defines, if it is such a definition.
    pub fn of(object: &'a Object) -> Option<Self> {
        if object.kind() != "CustomResourceDefinition"
            || object.api_version() != "apiextensions.k8s.io/v1"
        {
            return None;
        }
        let spec = object.node.get("spec")?;
        let versions = spec
            .get("versions")?
            .as_seq()?
            .iter()
            .filter_map(|version| {
                Some(Version {
                    name: version.get("name")?.as_str()?,
                    served: version.get("served").and_then(truth) == Some(true),
                    schema: version
                        .at_path(&["schema", "openAPIV3Schema"])
                        .filter(|s| !s.is_null()),
                    status: version
                        .at_path(&["subresources", "status"])
                        .is_some_and(|s| !s.is_null()),
                })
            });
        Some(Self {
            group: spec.get("group")?.as_str()?,
            kind: spec.at_path(&["names", "kind"])?.as_str()?,
            scope: match spec.get("scope")?.as_str()? {
                "Namespaced" => Scope::Namespaced,
                _ => Scope::Cluster,
            },
            versions: versions.collect(),
        })
    }
}

fn truth(node: &Node) -> Option<bool> {
    let scalar = node.as_scalar().filter(|s| s.tag == Tag::Bool)?;
    Some(scalar.text.eq_ignore_ascii_case("true"))
}

/// Walks custom resources of one version.
pub(super) struct Structural<'a> {
    metadata: &'a Type,
    status: bool,
    patterns: HashMap<&'a str, Option<Regex>>,
}

/// Whether a map is an object of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Embedded,
    Inside,
    /// In an `allOf` and the like: only its rules hold.
    Junctor,
}

impl<'a> Structural<'a> {
    /// A walker for a version; `metadata` is the type of every `metadata`.
    pub fn new(version: &Version, metadata: &'a Type) -> Self {
        Self {
            metadata,
            status: version.status,
            patterns: HashMap::new(),
        }
    }

    /// Walks an object from its root.
    pub fn root(&mut self, walk: &mut Walk<'a>, node: &'a Node, schema: &'a Node) {
        self.value(walk, node, schema, Place::Root);
    }

    fn value(&mut self, walk: &mut Walk<'a>, node: &'a Node, schema: &'a Node, place: Place) {
        if walk.is_full() {
            return;
        }
        let flag = |name: &str| schema.get(name).and_then(truth) == Some(true);
        if node.is_null() {
            if !flag("nullable") && place != Place::Junctor && walk.rules == Rules::All {
                walk.wrong_type(node, "a value");
            }
            return;
        }
        if let Some(expected) = misfit(node, schema) {
            // Of a status only the unknown fields matter.
            if walk.rules == Rules::All {
                walk.wrong_type(node, expected);
            }
            return;
        }
        match &node.content {
            Content::Map(map) => self.map(walk, node, map, schema, place),
            Content::Seq(items) => {
                if let Some(item) = schema.get("items") {
                    let place = if place == Place::Junctor {
                        place
                    } else {
                        Place::Inside
                    };
                    for (index, node) in items.iter().enumerate() {
                        walk.index(index, |walk| self.value(walk, node, item, place));
                    }
                }
            }
            Content::Scalar(_) => {}
        }
        if walk.rules == Rules::All {
            self.rules(walk, node, schema);
        }
    }

    fn map(
        &mut self,
        walk: &mut Walk<'a>,
        node: &'a Node,
        map: &'a Map,
        schema: &'a Node,
        place: Place,
    ) {
        let flag = |name: &str| schema.get(name).and_then(truth) == Some(true);
        let place = if place == Place::Inside && flag("x-kubernetes-embedded-resource") {
            Place::Embedded
        } else {
            place
        };
        let is_object = matches!(place, Place::Root | Place::Embedded);
        let properties = schema.get("properties").and_then(Node::as_map);
        let others = schema
            .get("additionalProperties")
            .filter(|s| s.as_map().is_some());
        let open = place == Place::Junctor
            || flag("x-kubernetes-preserve-unknown-fields")
            || schema.get("additionalProperties").and_then(truth) == Some(true);
        let inside = if place == Place::Junctor {
            place
        } else {
            Place::Inside
        };
        for entry in &map.0 {
            let (key, value) = (&*entry.key, &entry.value);
            if is_object && matches!(key, "apiVersion" | "kind" | "metadata") {
                walk.key(key, |walk| match key {
                    "metadata" if !value.is_null() => builtin::fields(walk, value, self.metadata),
                    "metadata" => {}
                    _ if builtin::text(value).is_none() => walk.wrong_type(value, "a string"),
                    _ => {}
                });
                continue;
            }
            let property = properties.and_then(|all| all.get(key));
            match property.or(others) {
                Some(schema) => walk.key(key, |walk| {
                    let rules = walk.rules;
                    if place == Place::Root && key == "status" && self.status {
                        walk.rules = Rules::Shape;
                    }
                    if !dropped(value, schema) {
                        self.value(walk, value, schema, inside);
                    }
                    walk.rules = rules;
                }),
                None if open => {}
                None => walk.key(key, |walk| {
                    let known = properties
                        .into_iter()
                        .flat_map(|all| all.iter().map(|(k, _)| k));
                    walk.wrong(
                        entry.at,
                        &Wrong::UnknownField {
                            near: nearest(key, known),
                        },
                    );
                }),
            }
        }
        if walk.rules == Rules::Shape {
            return;
        }
        let required = schema
            .get("required")
            .and_then(Node::as_seq)
            .unwrap_or_default();
        let own: &[&str] = if place == Place::Embedded {
            &["apiVersion", "kind"]
        } else {
            &[]
        };
        for name in required
            .iter()
            .filter_map(Node::as_str)
            .chain(own.iter().copied())
        {
            let property = properties.and_then(|all| all.get(name));
            let missing = match (map.get(name), property) {
                (None, Some(schema)) => schema.get("default").is_none(),
                (None, None) => true,
                (Some(value), Some(schema)) => {
                    dropped(value, schema) && schema.get("default").is_none()
                }
                (Some(_), None) => false,
            };
            if missing {
                walk.key(name, |walk| walk.wrong(node.at, &Wrong::Required));
            }
        }
    }

    /// The rules on values.
    fn rules(&mut self, walk: &mut Walk<'a>, node: &'a Node, schema: &'a Node) {
        if let Some(values) = schema.get("enum").and_then(Node::as_seq)
            && !values.iter().any(|value| same(value, node))
        {
            refuse(walk, node, "none of the values its definition allows");
        }
        match &node.content {
            Content::Map(map) => counted(
                walk,
                node,
                schema,
                map.len(),
                ["minProperties", "maxProperties"],
                "keys",
            ),
            Content::Seq(items) => counted(
                walk,
                node,
                schema,
                items.len(),
                ["minItems", "maxItems"],
                "items",
            ),
            Content::Scalar(scalar) => self.scalar(walk, node, scalar, schema),
        }
        for all in list(schema, "allOf") {
            self.value(walk, node, all, Place::Junctor);
        }
        let any = list(schema, "anyOf");
        if !any.is_empty() && self.matching(walk, node, any) == 0 {
            refuse(
                walk,
                node,
                "matches none of the alternatives (anyOf) of its definition",
            );
        }
        let one = list(schema, "oneOf");
        if !one.is_empty() && self.matching(walk, node, one) != 1 {
            refuse(
                walk,
                node,
                "matches not exactly one of the alternatives (oneOf) of its definition",
            );
        }
        if let Some(not) = schema.get("not").filter(|s| s.as_map().is_some())
            && self.matching(walk, node, std::slice::from_ref(not)) == 1
        {
            refuse(walk, node, "matches what its definition excludes (not)");
        }
    }

    fn matching(&mut self, walk: &mut Walk<'a>, node: &'a Node, schemas: &'a [Node]) -> usize {
        schemas
            .iter()
            .filter(|schema| walk.attempt(|walk| self.value(walk, node, schema, Place::Junctor)))
            .count()
    }

    fn scalar(
        &mut self,
        walk: &mut Walk<'a>,
        node: &'a Node,
        scalar: &'a Scalar,
        schema: &'a Node,
    ) {
        if let Some(number) = scalar::number(scalar) {
            let bound = |name: &str| {
                schema
                    .get(name)
                    .and_then(Node::as_scalar)
                    .and_then(scalar::number)
            };
            let strict = |name: &str| schema.get(name).and_then(truth) == Some(true);
            let low = bound("minimum")
                .is_some_and(|min| number < min || strict("exclusiveMinimum") && number <= min);
            let high = bound("maximum")
                .is_some_and(|max| number > max || strict("exclusiveMaximum") && number >= max);
            if low {
                refuse(walk, node, "below the minimum its definition sets");
            }
            if high {
                refuse(walk, node, "above the maximum its definition sets");
            }
            let whole = |factor: f64| (number / factor).fract() == 0.0;
            if bound("multipleOf").is_some_and(|factor| factor > 0.0 && !whole(factor)) {
                refuse(walk, node, "no multiple of the number its definition sets");
            }
        }
        let Some(text) = builtin::text(node) else {
            return;
        };
        counted(
            walk,
            node,
            schema,
            text.chars().count(),
            ["minLength", "maxLength"],
            "characters",
        );
        if let Some(pattern) = schema.get("pattern").and_then(Node::as_str) {
            let compiled = self.patterns.entry(pattern).or_insert_with(|| {
                RegexBuilder::new(pattern)
                    .size_limit(PATTERN_BYTES)
                    .build()
                    .ok()
            });
            // A pattern that we cannot read is the server's business.
            if compiled.as_ref().is_some_and(|regex| !regex.is_match(text)) {
                refuse(
                    walk,
                    node,
                    &format!("does not match the pattern {pattern} of its definition"),
                );
            }
        }
        if schema.get("format").and_then(Node::as_str) == Some("date-time")
            && !scalar::is_time(text)
        {
            walk.wrong(
                node.at,
                &Wrong::Format("not a time such as 2006-01-02T15:04:05Z".to_owned()),
            );
        }
    }
}

/// The metadata type of a release, kept for the whole run of the program.
pub(super) fn metadata(release: Release) -> std::sync::Arc<Type> {
    Type::metadata(release)
}

/// Whether the server drops a null before it looks at it.
fn dropped(value: &Node, schema: &Node) -> bool {
    value.is_null() && schema.get("nullable").and_then(truth) != Some(true)
}

fn list<'a>(schema: &'a Node, name: &str) -> &'a [Node] {
    schema.get(name).and_then(Node::as_seq).unwrap_or_default()
}

fn refuse(walk: &mut Walk, node: &Node, why: &str) {
    walk.wrong(node.at, &Wrong::Value(why.to_owned()));
}

fn counted(
    walk: &mut Walk,
    node: &Node,
    schema: &Node,
    count: usize,
    [min, max]: [&str; 2],
    what: &str,
) {
    let bound = |name: &str| {
        schema
            .get(name)
            .and_then(Node::as_scalar)
            .and_then(scalar::whole)
    };
    let count = i128::try_from(count).unwrap_or(i128::MAX);
    if let Some(least) = bound(min).filter(|least| count < *least) {
        refuse(
            walk,
            node,
            &format!("has {count} {what}, its definition asks for {least} or more"),
        );
    }
    if let Some(most) = bound(max).filter(|most| count > *most) {
        refuse(
            walk,
            node,
            &format!("has {count} {what}, its definition allows {most}"),
        );
    }
}

/// What was expected, if a value is not of the type its schema says.
fn misfit(node: &Node, schema: &Node) -> Option<&'static str> {
    let scalar = node.as_scalar();
    let whole = scalar.and_then(scalar::whole).is_some();
    let either = schema.get("x-kubernetes-int-or-string").and_then(truth) == Some(true);
    if either && !whole && builtin::text(node).is_none() {
        return Some("a whole number or a string");
    }
    let (fits, expected) = match schema.get("type")?.as_str()? {
        "object" => (node.as_map().is_some(), "a map"),
        "array" => (node.as_seq().is_some(), "a list"),
        "string" => (builtin::text(node).is_some(), "a string"),
        "integer" => (whole, "a whole number"),
        "number" => (scalar.and_then(scalar::number).is_some(), "a number"),
        "boolean" => (scalar.is_some_and(|s| s.tag == Tag::Bool), "a boolean"),
        _ => return None,
    };
    (!fits).then_some(expected)
}

/// Whether two nodes are the same JSON.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.content, &b.content) {
        (Content::Map(a), Content::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|b| same(value, b)))
        }
        (Content::Seq(a), Content::Seq(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Content::Scalar(left), Content::Scalar(right)) => {
            match (scalar::number(left), scalar::number(right)) {
                (Some(left), Some(right)) => left.total_cmp(&right).is_eq(),
                (None, None) => match (builtin::text(a), builtin::text(b)) {
                    (Some(left), Some(right)) => left == right,
                    (None, None) => truth(a) == truth(b) && a.is_null() == b.is_null(),
                    _ => false,
                },
                _ => false,
            }
        }
        _ => false,
    }
}

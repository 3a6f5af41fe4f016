//! Finding images.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::image::ImageRef;
use model::object::Object;
use model::yaml::{Map, Node};

use super::ImageRules;
use super::parts::{self, Parts};
use crate::lists;
use crate::object_path::{ObjectPath, Trail};
use crate::place;
use crate::pod_spec::{self, CONTAINER_LISTS, Evidence};

/// Fields of custom resources that hold a pod template whatever is in them.
pub const POD_TEMPLATE_FIELDS: [&str; 3] = ["podTemplate", "podTemplateSpec", "podSpec"];

/// Lists of containers beside those of a pod spec, in the custom resources of
/// Argo Workflows and Tekton: their items' images are images.
pub const MORE_CONTAINER_LISTS: [&str; 2] = ["sidecars", "steps"];

/// Single containers, in those of Argo Workflows.
pub const CONTAINER_FIELDS: [&str; 2] = ["container", "script"];

/// How operators are told which images to run: environment variables with
/// this prefix. They are pinned when settings say so.
pub const RELATED_IMAGE_PREFIX: &str = "RELATED_IMAGE_";

const HELP_INVALID: &str =
    "write it as [registry/]name[:tag][@sha256:<64 lower-case hex digits>], the name in lower case";

const HELP_UNCOVERED: &str = "if it is one, add the field to images.include in consign.yaml so that it is pinned; else to images.exclude";

/// How an image is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One string holds the whole reference; the path is the string's.
    Whole,
    /// `repository` with `tag` or `digest` beside it; the path is that of the
    /// map that holds them.
    Parts,
}

/// An image that an object names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// Which of the objects, from 0.
    pub object: usize,
    /// Where in it.
    pub path: ObjectPath,
    /// The container or volume, in words, where it is one (`container web`).
    pub part: Option<String>,
    /// The line in the object's file; 0 where no file holds it.
    pub line: u32,
    /// The image as written.
    pub image: ImageRef,
    /// How it is written.
    pub form: Form,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The images, in the order of the objects.
    pub images: Vec<FoundImage>,
    /// References that are not valid (errors) and what looks like an image in
    /// a field that nothing covers (warnings).
    pub findings: Vec<Finding>,
}

impl Found {
    /// The set of images, as written.
    pub fn set(&self) -> BTreeSet<ImageRef> {
        self.images.iter().map(|i| i.image.clone()).collect()
    }
}

/// Finds every image that the objects name.
///
/// In built-in kinds: the image of each container, init container and
/// ephemeral container, and `volumes[].image.reference`. In custom resources:
/// the same wherever a map is shaped like a pod spec; `image` strings and
/// `repository` with `tag` or `digest` under [`POD_TEMPLATE_FIELDS`] and under
/// a `template` whose `spec` is a pod spec; those of
/// [`MORE_CONTAINER_LISTS`] and [`CONTAINER_FIELDS`]; and what `rules`
/// include. `metadata` and `status` hold none. `CustomResourceDefinition`s,
/// `ConfigMap`s and `Secret`s are left alone unless `rules` include fields of
/// theirs. Lists are opened.
///
/// Findings are of class [`Policy`](Class::Policy): errors `image-invalid` and
/// `image-missing`, warnings `image-uncovered` and `image-template`.
///
/// Source of the rule: the specification's "Image Digest Pinning", which means
/// every image, and package format 1, which says where they are.
pub fn find(objects: &[Object], rules: &ImageRules) -> Found {
    let mut found = Found::default();
    for (index, object) in objects.iter().enumerate() {
        for member in lists::members(object) {
            Search {
                index,
                object: &member.object,
                prefix: &member.path,
                rules,
                native: pod_spec::of_kind(&member.object.gvk()),
                found: &mut found,
            }
            .run();
        }
    }
    found
}

/// What an `image` string means where we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// Nothing: the schema there is known (`volumes[].rbd.image` is none).
    Known,
    /// Perhaps an image: worth a warning.
    Custom,
    /// An image: we are in a pod template.
    Template,
}

struct Search<'a, 'o> {
    index: usize,
    object: &'o Object,
    prefix: &'a ObjectPath,
    rules: &'a ImageRules,
    native: Option<&'static [&'static str]>,
    found: &'a mut Found,
}

/// Whether kinds of this group come from custom resource definitions. Groups
/// below `k8s.io` are the project's own, and none of their kinds that we do
/// not know holds an image.
fn is_custom(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// Whether a text is filled in by a template engine or controller later.
fn is_templated(text: &str) -> bool {
    text.contains("$(") || text.contains("${") || text.contains("{{")
}

impl<'o> Search<'_, 'o> {
    fn run(&mut self) {
        let gvk = self.object.gvk();
        let opaque = pod_spec::is_opaque(&gvk);
        if opaque && self.rules.include.is_empty() {
            return;
        }
        let field = if is_custom(&gvk.group) && !opaque {
            Field::Custom
        } else {
            Field::Known
        };
        let Some(map) = self.object.node.as_map() else {
            return;
        };
        let mut trail = Trail::default();
        for (key, value) in map.iter() {
            if !matches!(key, "metadata" | "status") {
                trail.enter_key(key);
                self.walk(&mut trail, value, field, opaque);
                trail.leave();
            }
        }
    }

    fn walk(&mut self, trail: &mut Trail<'o>, node: &'o Node, field: Field, opaque: bool) {
        if let Some(items) = node.as_seq() {
            for (index, item) in items.iter().enumerate() {
                trail.enter_item(index);
                if let Some(text) = item.as_str() {
                    self.leaf(trail, "", item, text, field);
                } else {
                    self.walk(trail, item, field, opaque);
                }
                trail.leave();
            }
            return;
        }
        let Some(map) = node.as_map() else {
            return;
        };
        let pod = match self.native {
            Some(keys) => trail.is(keys).then_some(Evidence::Kind),
            None => (!opaque && pod_spec::is_shaped(node)).then_some(Evidence::Shape),
        };
        let parts = self.parts(trail, node, map, field);
        self.related(trail, map);
        for (key, value) in map.iter() {
            trail.enter_key(key);
            match pod {
                Some(evidence) if CONTAINER_LISTS.contains(&key) => {
                    self.containers(trail, key, value, evidence);
                }
                Some(evidence) if key == "volumes" => self.volumes(trail, value, evidence),
                _ if field == Field::Custom && MORE_CONTAINER_LISTS.contains(&key) => {
                    self.more_containers(trail, value, field);
                }
                _ => {
                    if let Some(text) = value.as_str() {
                        if !parts.is_some_and(|p| p.uses(key)) {
                            self.leaf(trail, key, value, text, field);
                        }
                    } else {
                        self.walk(trail, value, inner(field, key, value), opaque);
                    }
                }
            }
            trail.leave();
        }
    }

    /// The containers of a pod spec.
    fn containers(&mut self, trail: &mut Trail<'o>, list: &str, node: &'o Node, by: Evidence) {
        let what = match list {
            "initContainers" => "init container",
            "ephemeralContainers" => "ephemeral container",
            _ => "container",
        };
        for (index, item) in node.as_seq().unwrap_or_default().iter().enumerate() {
            let name = item
                .get("name")
                .and_then(Node::as_str)
                .unwrap_or("without a name");
            let part = format!("{what} {name}");
            trail.enter_item(index);
            self.slot(trail, item, "image", &part, by);
            self.rest(trail, item, "image");
            trail.leave();
        }
    }

    /// The image volumes of a pod spec.
    fn volumes(&mut self, trail: &mut Trail<'o>, node: &'o Node, by: Evidence) {
        for (index, item) in node.as_seq().unwrap_or_default().iter().enumerate() {
            let name = item
                .get("name")
                .and_then(Node::as_str)
                .unwrap_or("without a name");
            trail.enter_item(index);
            if let Some(image) = item.get("image").filter(|i| i.as_map().is_some()) {
                trail.enter_key("image");
                self.slot(trail, image, "reference", &format!("volume {name}"), by);
                trail.leave();
            }
            self.rest(trail, item, "image");
            trail.leave();
        }
    }

    /// What else is in a container or volume: only `rules` find images there.
    fn rest(&mut self, trail: &mut Trail<'o>, item: &'o Node, done: &str) {
        let Some(map) = item.as_map() else { return };
        for (key, value) in map.iter().filter(|(key, _)| *key != done) {
            trail.enter_key(key);
            match value.as_str() {
                Some(text) => self.leaf(trail, key, value, text, Field::Known),
                None => self.walk(trail, value, Field::Known, true),
            }
            trail.leave();
        }
    }

    /// Steps and sidecars of custom resources, whose `image` is one.
    fn more_containers(&mut self, trail: &mut Trail<'o>, node: &'o Node, field: Field) {
        for (index, item) in node.as_seq().unwrap_or_default().iter().enumerate() {
            trail.enter_item(index);
            let image = item.get("image").and_then(Node::as_str);
            let field = if image.is_some() {
                Field::Template
            } else {
                field
            };
            self.walk(trail, item, field, false);
            trail.leave();
        }
    }

    /// The field of a pod spec that holds an image.
    fn slot(
        &mut self,
        trail: &mut Trail<'o>,
        holder: &'o Node,
        key: &'static str,
        part: &str,
        by: Evidence,
    ) {
        let value = holder.get(key);
        let missing = value.is_none_or(|v| v.is_null() || v.as_str() == Some(""));
        trail.enter_key(key);
        match value {
            Some(value) if !missing => {
                if let Some(text) = value.as_str() {
                    self.take(trail, value, text, Some(part), by);
                } else {
                    let why = format!("its image is {}, not a string", value.describe());
                    self.refuse("image-invalid", Some(part), &why, value);
                }
            }
            // A custom resource's controller may fill it in; the API server
            // takes no pod without one.
            _ if by == Evidence::Kind => {
                let at = value.unwrap_or(holder);
                self.refuse("image-missing", Some(part), "it has no image", at);
            }
            _ => {}
        }
        trail.leave();
    }

    /// A string that is no field of a pod spec.
    fn leaf(&mut self, trail: &Trail<'o>, key: &str, node: &'o Node, text: &str, field: Field) {
        if !self.rules.include.is_empty() || !self.rules.exclude.is_empty() {
            let path = trail.path();
            if self.rules.excludes(self.object, &path) {
                return;
            }
            if self.rules.includes(self.object, &path) {
                self.take(trail, node, text, None, Evidence::Shape);
                return;
            }
        }
        match field {
            Field::Template if key == "image" && !text.is_empty() => {
                self.take(trail, node, text, None, Evidence::Shape);
            }
            Field::Custom | Field::Template if looks_like_image(key, text) => {
                self.uncovered(trail, node, text);
            }
            _ => {}
        }
    }

    /// `repository` with `tag` or `digest`; the parts, so that they are not
    /// looked at again, when it is an image or may be one.
    fn parts(
        &mut self,
        trail: &Trail<'o>,
        node: &'o Node,
        map: &'o Map,
        field: Field,
    ) -> Option<Parts> {
        let parts = parts::of(map)?;
        let path = trail.path();
        let text = parts.text(map);
        let included = self.rules.includes(self.object, &path);
        if self.rules.excludes(self.object, &path) {
            return Some(parts);
        }
        if included || (field == Field::Template && !parts::is_elsewhere(&text)) {
            match text.parse() {
                Ok(image) => self.push(trail, node, None, image, Form::Parts),
                Err(why) => self.invalid(None, &text, &why.to_string(), node, Evidence::Shape),
            }
        } else if field == Field::Custom && text.parse::<ImageRef>().is_ok() {
            self.uncovered(trail, node, &text);
        } else {
            return None;
        }
        Some(parts)
    }

    /// An environment variable that tells an operator what to run.
    fn related(&mut self, trail: &mut Trail<'o>, map: &'o Map) {
        let text = |key| map.get(key).and_then(Node::as_str);
        let (Some(name), Some(value)) = (text("name"), text("value")) else {
            return;
        };
        if !name.starts_with(RELATED_IMAGE_PREFIX) || value.parse::<ImageRef>().is_err() {
            return;
        }
        trail.enter_key("value");
        let path = trail.path();
        trail.leave();
        if !self.rules.includes(self.object, &path)
            && !self.rules.excludes(self.object, &path)
            && let Some(node) = map.get("value")
        {
            self.warn_uncovered(&path, node, value);
        }
    }

    fn take(
        &mut self,
        trail: &Trail<'o>,
        node: &'o Node,
        text: &str,
        part: Option<&str>,
        by: Evidence,
    ) {
        match text.parse() {
            Ok(image) => self.push(trail, node, part, image, Form::Whole),
            Err(why) => self.invalid(part, text, &why.to_string(), node, by),
        }
    }

    fn push(
        &mut self,
        trail: &Trail<'o>,
        node: &Node,
        part: Option<&str>,
        image: ImageRef,
        form: Form,
    ) {
        self.found.images.push(FoundImage {
            object: self.index,
            path: self.prefix.join(&trail.path()),
            part: part.map(str::to_owned),
            line: if node.at.line > 0 {
                node.at.line
            } else {
                self.object.origin.line
            },
            image,
            form,
        });
    }

    fn invalid(&mut self, part: Option<&str>, text: &str, why: &str, node: &Node, by: Evidence) {
        if by == Evidence::Shape && is_templated(text) {
            let what = format!(
                "{}: {}{text} is filled in later and cannot be pinned",
                place::name(self.object),
                part.map(|p| format!("{p}: ")).unwrap_or_default(),
            );
            let finding = Finding::warning("image-template", Class::Policy, what);
            self.found
                .findings
                .push(place::at(finding, self.object, Some(node)));
            return;
        }
        let why = format!("image {text} is not a valid reference: {why}");
        self.refuse("image-invalid", part, &why, node);
    }

    fn refuse(&mut self, code: &'static str, part: Option<&str>, why: &str, node: &Node) {
        let part = part.map(|p| format!("{p}: ")).unwrap_or_default();
        let what = format!("{}: {part}{why}", place::name(self.object));
        let finding = Finding::error(code, Class::Policy, what).help(HELP_INVALID);
        self.found
            .findings
            .push(place::at(finding, self.object, Some(node)));
    }

    fn uncovered(&mut self, trail: &Trail<'o>, node: &Node, text: &str) {
        self.warn_uncovered(&trail.path(), node, text);
    }

    fn warn_uncovered(&mut self, path: &ObjectPath, node: &Node, text: &str) {
        // What has a digest is pinned, whoever covers it.
        if text.parse::<ImageRef>().is_ok_and(|i| i.digest().is_some()) {
            return;
        }
        let what = format!(
            "{}: {} looks like an image and is not pinned: {text}",
            place::name(self.object),
            self.prefix.join(path),
        );
        let finding = Finding::warning("image-uncovered", Class::Policy, what).help(HELP_UNCOVERED);
        self.found
            .findings
            .push(place::at(finding, self.object, Some(node)));
    }
}

/// What strings below a key of a custom resource mean.
fn inner(field: Field, key: &str, value: &Node) -> Field {
    let is_template = POD_TEMPLATE_FIELDS.contains(&key)
        || (key == "template" && value.get("spec").is_some_and(pod_spec::is_shaped))
        || (CONTAINER_FIELDS.contains(&key) && value.get("image").and_then(Node::as_str).is_some());
    match field {
        Field::Custom if is_template => Field::Template,
        field => field,
    }
}

/// Whether a string in a custom resource may be an image, by its key and its
/// text.
fn looks_like_image(key: &str, text: &str) -> bool {
    let key_fits = match key {
        "image" => true,
        "imageName" | "baseImage" => text.contains(['/', ':', '@']),
        key => key.ends_with("Image") && text.contains(['/', ':', '@']),
    };
    key_fits && text.parse::<ImageRef>().is_ok()
}

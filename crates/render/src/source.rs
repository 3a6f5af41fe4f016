//! From a text of YAML or JSON to resources.
//!
//! The rules are kustomize's (`kyaml/kio/byteio_reader.go` and
//! `api/resource/factory.go`): empty documents count for nothing, kinds that
//! end in `List` are lists when they have items, and every object needs a kind
//! and a name.

use std::collections::VecDeque;

use model::finding::{Class, Finding};
use model::object::{Object, Origin};
use model::yaml::{Content, Limits, Node, Tag, from_json, parse_resources, to_json};

use crate::resource::{Resource, text};

/// The resources of a text that `file` holds. The items of lists come after
/// everything else.
pub fn resources(text: &str, file: &str, limits: &Limits) -> Result<Vec<Resource>, Vec<Finding>> {
    let documents = parse_resources(text, limits).map_err(|e| {
        let message = format!("MalformedYAMLError: {e} in File: {file}");
        vec![Finding::error("resource-yaml", Class::Usage, message).at(file, e.line)]
    })?;
    let mut pending: VecDeque<(Node, Origin)> = documents
        .into_iter()
        .map(|d| {
            let origin = Origin {
                path: file.to_owned(),
                document: d.index,
                line: d.line,
            };
            (d.node, origin)
        })
        .collect();
    // The items of a file's only list are taken as they are; those of others
    // kustomize turns into JSON and back.
    let mut as_written = pending.len() == 1
        && pending
            .front()
            .is_some_and(|(node, _)| matches!(text_of(node, "kind"), "List" | "ResourceList"));
    let mut found = Vec::new();
    let mut findings = Vec::new();
    while let Some((node, origin)) = pending.pop_front() {
        if is_empty(&node) {
            continue;
        }
        if let Err(finding) = check(&node, &origin) {
            findings.push(finding);
            continue;
        }
        if !text_of(&node, "kind").ends_with("List") || node.get("items").is_none() {
            found.push(Resource::new(Object { node, origin }));
            continue;
        }
        let as_written = std::mem::take(&mut as_written);
        match items(node) {
            Ok(items) => pending.extend(items.into_iter().map(|mut item| {
                if !as_written {
                    through_json(&mut item);
                }
                let line = if item.at.line > 0 {
                    item.at.line
                } else {
                    origin.line
                };
                let origin = Origin {
                    line,
                    ..origin.clone()
                };
                (item, origin)
            })),
            Err(message) => findings.push(invalid(&origin, message)),
        }
    }
    if findings.is_empty() {
        Ok(found)
    } else {
        Err(findings)
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.content {
        Content::Map(map) => map.is_empty(),
        Content::Seq(items) => items.is_empty(),
        Content::Scalar(s) => node.is_null() || s.text.is_empty(),
    }
}

fn text_of<'n>(node: &'n Node, key: &str) -> &'n str {
    text(node.get(key))
}

fn invalid(origin: &Origin, message: impl Into<String>) -> Finding {
    Finding::error("resource-invalid", Class::Usage, message).at(origin.path.as_str(), origin.line)
}

fn check(node: &Node, origin: &Origin) -> Result<(), Finding> {
    if node.as_map().is_none() {
        let message = format!("an object must be a map, not {}", node.describe());
        return Err(invalid(origin, message));
    }
    let kind = text_of(node, "kind");
    let name = text(node.at_path(&["metadata", "name"]));
    if kind.is_empty() {
        let message = format!("missing kind in object '{name}'");
        return Err(invalid(origin, message));
    }
    if name.is_empty() && !kind.ends_with("List") {
        let message = format!("missing metadata.name in object of kind {kind}");
        return Err(invalid(origin, message));
    }
    Ok(())
}

/// Leaves in every scalar what JSON would keep of it.
fn through_json(node: &mut Node) {
    match &mut node.content {
        Content::Seq(items) => items.iter_mut().for_each(through_json),
        Content::Map(map) => map.iter_mut().for_each(|(_, value)| through_json(value)),
        Content::Scalar(scalar) if scalar.tag != Tag::Str => {
            // What JSON cannot hold is told when the object is printed.
            if let Ok(json) = to_json(node) {
                node.content = from_json(&json).content;
            }
        }
        Content::Scalar(_) => {}
    }
}

fn items(mut list: Node) -> Result<Vec<Node>, String> {
    let kind = text_of(&list, "kind").to_owned();
    let items = list.as_map_mut().and_then(|map| map.remove("items"));
    let Some(items) = items.filter(|items| !items.is_null()) else {
        return Ok(Vec::new());
    };
    let found = items.describe();
    match items.content {
        Content::Seq(items) => Ok(items),
        _ => Err(format!("expected a list in {kind}/items, found {found}")),
    }
}

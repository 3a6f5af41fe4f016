//! Whether objects are whole, and named as the API server takes it.

use model::finding::{Class, Finding};
use model::object::Object;
use model::yaml::Node;

use crate::{names, place};

/// Whether an object has what makes it one; says what is missing.
pub(super) fn is_complete(object: &Object, out: &mut Vec<Finding>) -> bool {
    let mut missing = Vec::new();
    if object.api_version().is_empty() {
        missing.push("apiVersion");
    }
    if object.kind().is_empty() {
        missing.push("kind");
    }
    if object.node.get("metadata").and_then(Node::as_map).is_none() {
        missing.push("metadata");
    }
    if missing.is_empty() {
        return true;
    }
    let what = format!("{} has no {}", place::name(object), missing.join(", no "));
    let finding = Finding::error("object-incomplete", Class::Usage, what);
    out.push(place::at(finding, object, Some(&object.node)));
    false
}

pub(super) fn check(object: &Object, out: &mut Vec<Finding>) {
    name(object, out);
    keys(object, "labels", out);
    keys(object, "annotations", out);
}

fn name(object: &Object, out: &mut Vec<Finding>) {
    let metadata = object.node.get("metadata");
    let node = metadata.and_then(|m| m.get("name"));
    let name = object.name();
    let why = if name.is_empty() {
        match node.filter(|n| !n.is_null() && n.as_str().is_none()) {
            Some(node) => format!("its name is {}, not a string", node.describe()),
            None if metadata.is_some_and(|m| m.get("generateName").is_some()) => {
                "generateName makes another object at each deployment; give it a name".to_owned()
            }
            None => "it has no name".to_owned(),
        }
    } else {
        match rule(object) {
            Rule::Subdomain if !names::is_subdomain(name) => format!(
                "the name is not lower-case letters, digits, '-' and '.', at most {}, with a letter or digit at both ends",
                names::SUBDOMAIN_MAX
            ),
            Rule::Label if !names::is_label(name) => format!(
                "the name is not lower-case letters, digits and '-', at most {}, with a letter or digit at both ends",
                names::LABEL_MAX
            ),
            Rule::LetterLabel if !names::is_letter_label(name) => format!(
                "the name is not lower-case letters, digits and '-', at most {}, a letter first and a letter or digit last",
                names::LABEL_MAX
            ),
            Rule::PathSegment if !names::is_path_segment(name) => {
                "the name holds '/' or '%', or is '.' or '..'".to_owned()
            }
            _ => return,
        }
    };
    let what = format!("{}: {why}", place::name(object));
    let finding = Finding::error("name-invalid", Class::Usage, what);
    out.push(place::at(finding, object, node.or(metadata)));
}

enum Rule {
    Subdomain,
    Label,
    LetterLabel,
    PathSegment,
}

/// How objects of a kind are named. Source: the validation of each kind in
/// Kubernetes; custom resources are named by subdomains.
fn rule(object: &Object) -> Rule {
    let gvk = object.gvk();
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Namespace") => Rule::Label,
        // Later releases take a digit first, earlier ones do not.
        ("", "Service") => Rule::LetterLabel,
        ("rbac.authorization.k8s.io", _) => Rule::PathSegment,
        _ => Rule::Subdomain,
    }
}

fn keys(object: &Object, field: &str, out: &mut Vec<Finding>) {
    let Some(map) = object
        .node
        .at_path(&["metadata", field])
        .and_then(Node::as_map)
    else {
        return;
    };
    let singular = field.trim_end_matches('s');
    for entry in &map.0 {
        let why = if !names::is_label_key(&entry.key) {
            "the key is not an optional DNS subdomain and '/', then letters, digits, '.', '_' and '-'"
        } else if field == "labels"
            && entry
                .value
                .as_str()
                .is_some_and(|v| !names::is_label_value(v))
        {
            "the value is not letters, digits, '.', '_' and '-', at most 63, with a letter or digit at both ends"
        } else {
            continue;
        };
        let what = format!("{}: {singular} {}: {why}", place::name(object), entry.key);
        let finding = Finding::error("label-invalid", Class::Usage, what);
        out.push(place::at_line(finding, object, entry.at.line));
    }
}

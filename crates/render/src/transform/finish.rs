//! What is done to the result before it is shown.

use model::finding::{Class, Finding};
use model::yaml::Node;

use crate::resmap::ResMap;
use crate::resource::Resource;

/// The annotation that keeps an object from the output, unless it says
/// `false`.
const LOCAL: &str = "config.kubernetes.io/local-config";

/// Annotations in which kustomize keeps its own memory; it takes them out at
/// the end, whoever wrote them.
const INTERNAL: &[&str] = &[
    "alpha.config.kubernetes.io/transformations",
    "config.k8s.io/id",
    "config.kubernetes.io/index",
    "config.kubernetes.io/origin",
    "config.kubernetes.io/path",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/suffixes",
];

/// Takes out the objects that are for this build only.
pub fn drop_local(resources: &mut ResMap) {
    resources.retain(|resource| {
        resource
            .meta_map("annotations")
            .get(LOCAL)
            .is_none_or(|value| value == "false")
    });
}

/// Writes the annotations of every object anew, as kustomize does when it
/// takes its own out: values become text, an empty map goes away. Of a list
/// kustomize makes a map, pair by pair; here that is an error.
pub fn normalise_annotations(resources: &mut ResMap) -> Result<(), Vec<Finding>> {
    let findings: Vec<Finding> = resources.all().iter().filter_map(listed).collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    for resource in resources.all_mut() {
        resource.give_metadata();
        let mut annotations = resource.meta_map("annotations");
        annotations.retain(|key, _| !INTERNAL.contains(&key.as_str()));
        resource.set_meta_map("annotations", &annotations);
    }
    Ok(())
}

fn listed(resource: &Resource) -> Option<Finding> {
    let annotations = resource.node().at_path(&["metadata", "annotations"])?;
    annotations.as_seq().filter(|items| !items.is_empty())?;
    let message = format!(
        "{}: metadata.annotations must be a map, not {}",
        resource.describe(),
        Node::describe(annotations)
    );
    let origin = &resource.object.origin;
    Some(
        Finding::error("resource-invalid", Class::Usage, message)
            .at(origin.path.as_str(), origin.line),
    )
}

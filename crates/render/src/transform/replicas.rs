//! `replicas`.

use crate::resmap::ResMap;
use crate::resource::Resource;

use super::error::TransformError;
use super::fieldspec::{FieldSpec, Leaf, set_text};

/// An entry of `replicas`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaCount {
    /// The name, current or previous, of what is scaled.
    pub name: String,
    /// To how many.
    pub count: i64,
}

/// Sets the count in every field that `specs` names, of every object of that
/// name. That there is none is an error.
pub fn scale(
    resources: &mut ResMap,
    replicas: &ReplicaCount,
    specs: &[FieldSpec],
) -> Result<(), TransformError> {
    let count = replicas.count.to_string();
    let mut found = false;
    for spec in specs {
        for resource in resources.all_mut() {
            if !is_named(resource, &replicas.name, spec) {
                continue;
            }
            found = true;
            if spec.fits(&resource.gvk()) {
                spec.visit(resource.node_mut(), Leaf::Scalar, &mut |node| {
                    set_text(node, &count)
                })
                .map_err(|e| TransformError::spec(resource, spec, e))?;
            }
        }
    }
    if found {
        Ok(())
    } else {
        Err(TransformError::NoReplicas(replicas.name.clone()))
    }
}

/// Whether the resource is or was of that name and of a kind that fits.
fn is_named(resource: &Resource, name: &str, spec: &FieldSpec) -> bool {
    (resource.name() == name && spec.fits(&resource.gvk()))
        || resource
            .previous_ids()
            .any(|id| id.name == name && spec.fits(&id.gvk))
}

//! One setter over many fields of one resource.

use model::yaml::Node;

use crate::resource::Resource;

use super::error::TransformError;
use super::fieldspec::{FieldError, FieldSpec, Leaf};

/// Calls `set` on every field of the resource that the specifications name.
pub(super) fn apply(
    resource: &mut Resource,
    specs: &[FieldSpec],
    leaf: Leaf,
    set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>,
) -> Result<(), TransformError> {
    let gvk = resource.gvk();
    for spec in specs.iter().filter(|s| s.fits(&gvk)) {
        spec.visit(resource.node_mut(), leaf, set)
            .map_err(|e| TransformError::spec(resource, spec, e))?;
    }
    Ok(())
}

//! `commonAnnotations`.

use std::collections::BTreeMap;

use crate::resmap::ResMap;

use super::apply::put;
use super::error::TransformError;
use super::fieldspec::FieldSpec;

/// Puts annotations on every object, and on the templates that `specs` names.
pub fn annotate(
    resources: &mut ResMap,
    annotations: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), TransformError> {
    if annotations.is_empty() {
        return Ok(());
    }
    for resource in resources.all_mut() {
        put(resource, specs, annotations)?;
    }
    Ok(())
}

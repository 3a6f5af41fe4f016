//! `commonAnnotations`.

use std::collections::BTreeMap;

use model::yaml::Tag;

use crate::resmap::ResMap;

use super::apply::apply;
use super::error::TransformError;
use super::fieldspec::{FieldSpec, Leaf, set_entry};

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
        apply(resource, specs, Leaf::Map, &mut |node| {
            annotations
                .iter()
                .try_for_each(|(key, value)| set_entry(node, key, value, Tag::Str))
        })?;
    }
    Ok(())
}

//! `labels` and `commonLabels`.

use std::collections::BTreeMap;

use crate::resmap::ResMap;

use super::apply::put;
use super::error::TransformError;
use super::fieldspec::{Create, FieldSpec, SpecConflict, merge};

/// How far labels reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// The object's own labels.
    #[default]
    Metadata,
    /// Also those of pod, job and volume claim templates (`includeTemplates`).
    Templates,
    /// Also selectors (`includeSelectors`).
    Selectors,
}

/// The fields an entry of `labels` sets: its own `fields`, then those
/// configured for every entry, then those of its reach.
pub fn fields_of(
    own: &[FieldSpec],
    configured: &[FieldSpec],
    reach: Reach,
    common_labels: &[FieldSpec],
    template_labels: &[FieldSpec],
) -> Result<Vec<FieldSpec>, SpecConflict> {
    const METADATA: FieldSpec = FieldSpec::any("metadata/labels", Create::Yes);
    let mut all = own.to_vec();
    merge(&mut all, configured)?;
    match reach {
        Reach::Selectors => merge(&mut all, common_labels)?,
        Reach::Templates => {
            merge(&mut all, template_labels)?;
            merge(&mut all, &[METADATA])?;
        }
        Reach::Metadata => merge(&mut all, &[METADATA])?,
    }
    Ok(all)
}

/// Puts labels into every field that `specs` names.
pub fn label(
    resources: &mut ResMap,
    labels: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), TransformError> {
    if labels.is_empty() {
        return Ok(());
    }
    for resource in resources.all_mut() {
        put(resource, specs, labels)?;
    }
    Ok(())
}

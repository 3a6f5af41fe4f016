//! One setter over many fields of one resource.

use std::collections::BTreeMap;

use model::yaml::{Node, Tag};

use crate::resource::Resource;
use crate::shared::Share;

use super::error::TransformError;
use super::fieldspec::{FieldError, FieldSpec, Leaf, set_shared};

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

/// Puts entries into every map that the specifications name. A value that is
/// new in several of them is one from then on.
pub(super) fn put(
    resource: &mut Resource,
    specs: &[FieldSpec],
    entries: &BTreeMap<String, String>,
) -> Result<(), TransformError> {
    let mut share = Share::fresh(resource.node());
    for (key, value) in entries {
        let mut overwritten = Vec::new();
        apply(resource, specs, Leaf::Map, &mut |node| {
            overwritten.extend(set_shared(node, key, value, share)?.filter(|s| *s != share));
            Ok(())
        })?;
        overwritten.sort_unstable();
        overwritten.dedup();
        for old in overwritten {
            let content = Node::scalar(value, Tag::Str).content;
            old.spread(resource.node_mut(), &content);
        }
        share = share.next();
    }
    Ok(())
}

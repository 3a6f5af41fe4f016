//! `namePrefix` and `nameSuffix`.

use model::object::Gvk;

use crate::resmap::ResMap;

use super::error::TransformError;
use super::fieldspec::{FieldSpec, Leaf, scalar_of, set_text};

/// Which end of a name grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The beginning.
    Prefix,
    /// The end.
    Suffix,
}

/// Where the name of an object is.
const NAME: &str = "metadata/name";

/// Puts `affix` to that end of the fields `specs` names, and remembers names
/// that change so. Definitions of kinds and APIs keep theirs, and so does
/// every kind that is called Namespace.
pub fn rename(
    resources: &mut ResMap,
    end: End,
    affix: &str,
    specs: &[FieldSpec],
) -> Result<(), TransformError> {
    for resource in resources.all_mut() {
        let original = resource.original_id().gvk;
        if keeps_its_name(&original) {
            continue;
        }
        for spec in specs.iter().filter(|s| s.fits(&original)) {
            if spec.path == NAME {
                match end {
                    End::Prefix => resource.add_prefix(affix),
                    End::Suffix => resource.add_suffix(affix),
                }
                if !affix.is_empty() {
                    resource.remember();
                }
            }
            if !spec.fits(&resource.gvk()) {
                continue;
            }
            spec.visit(resource.node_mut(), Leaf::Scalar, &mut |node| {
                let old = &scalar_of(node)?.text;
                let new = match end {
                    End::Prefix => format!("{affix}{old}"),
                    End::Suffix => format!("{old}{affix}"),
                };
                set_text(node, &new)
            })
            .map_err(|e| TransformError::spec(resource, spec, e))?;
        }
    }
    Ok(())
}

fn keeps_its_name(gvk: &Gvk) -> bool {
    match gvk.kind.as_str() {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => gvk.group == "apiregistration.k8s.io",
        _ => false,
    }
}

//! Where pod specs stand in objects.

use model::object::Object;

use crate::object_path::ObjectPath;

/// Where the pod spec of an object stands, by its kind, and of custom
/// resources where they have one.
pub fn locate(_object: &Object) -> Vec<ObjectPath> {
    Vec::new()
}

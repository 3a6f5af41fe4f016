//! Whether an object was copied out of a cluster.

use model::finding::{Class, Finding};
use model::object::Object;
use model::yaml::Node;

use crate::place;

/// What `kubectl apply` keeps of the object it was given, secrets included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Fields of `metadata` that only the API server writes.
const FIELDS: [&str; 7] = [
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

const HELP: &str = "take it out of the source; a cluster wrote it, and nothing is stripped here";

/// A field that is null is as if it were not there: generators write
/// `creationTimestamp: null`. `status` is tolerated.
pub(super) fn check(object: &Object, out: &mut Vec<Finding>) {
    let Some(metadata) = object.node.get("metadata") else {
        return;
    };
    let mut refuse = |field: &str, node: &Node| {
        let what = format!(
            "{}: metadata.{field} comes from a cluster",
            place::name(object)
        );
        let finding = Finding::error("server-field", Class::Policy, what).help(HELP);
        out.push(place::at(finding, object, Some(node)));
    };
    for field in FIELDS {
        if let Some(node) = metadata.get(field).filter(|n| !n.is_null()) {
            refuse(field, node);
        }
    }
    if let Some(node) = metadata.at_path(&["annotations", LAST_APPLIED]) {
        refuse(&format!("annotations.{LAST_APPLIED}"), node);
    }
}

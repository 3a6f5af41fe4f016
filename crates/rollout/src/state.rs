//! What was there before a run, as a file to go back by hand with.
//!
//! Source of the rule: specification, "Step 3: Capture Current State".

use model::yaml::{self, EmitError};

use crate::live::Live;
use crate::redact;

/// The objects of the package and of releases before, as they are in the
/// cluster, without what may be secret.
pub fn capture(live: &Live) -> Result<String, EmitError> {
    let nodes: Vec<yaml::Node> = live
        .objects
        .values()
        .map(|object| yaml::from_json(&redact::object(object.clone())))
        .collect();
    yaml::emit_all(nodes.iter())
}

//! The version, written on workload controllers.

use model::object::{Gvk, Object};
use model::version::Version;
use model::yaml::Node;

use crate::lists;
use crate::object_path::ObjectPath;

/// The annotation that says which version a controller belongs to.
pub const VERSION_ANNOTATION: &str = "deployment.version";

/// Whether objects of this kind are workload controllers, which carry the
/// annotation: `Deployment`, `StatefulSet`, `DaemonSet`, `Job` and `CronJob`.
///
/// ```
/// use model::object::Gvk;
/// use package::annotate::is_controller;
/// assert!(is_controller(&Gvk::new("apps/v1", "Deployment")));
/// assert!(!is_controller(&Gvk::new("v1", "Pod")));
/// ```
pub fn is_controller(gvk: &Gvk) -> bool {
    matches!(
        (gvk.group.as_str(), gvk.kind.as_str()),
        (
            "apps" | "extensions",
            "Deployment" | "StatefulSet" | "DaemonSet"
        ) | ("batch", "Job" | "CronJob")
    )
}

/// Writes `deployment.version: vX.Y.Z` on every workload controller: on the
/// object and not on its pod template, so that nothing restarts for it. An
/// annotation of that name that is there already is replaced.
///
/// Source of the rule: the specification's "Verify Rollback" reads it there;
/// package format 1.
pub fn annotate(objects: &mut [Object], version: &Version) {
    let version = version.to_string();
    for object in objects {
        let controllers: Vec<ObjectPath> = lists::members(object)
            .into_iter()
            .filter(|member| is_controller(&member.object.gvk()))
            .map(|member| member.path)
            .collect();
        for path in controllers {
            if let Some(metadata) = path
                .get_mut(&mut object.node)
                .and_then(|node| node.get_mut("metadata"))
            {
                write(metadata, &version);
            }
        }
    }
}

/// A `metadata` or `annotations` that is no map is left for the schema check.
fn write(metadata: &mut Node, version: &str) {
    let Some(map) = metadata.as_map_mut() else {
        return;
    };
    if map.get("annotations").is_none_or(Node::is_null) {
        map.set("annotations", Node::map());
    }
    if let Some(annotations) = map.get_mut("annotations").and_then(Node::as_map_mut) {
        annotations.set(VERSION_ANNOTATION, Node::str(version));
    }
}

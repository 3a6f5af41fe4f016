//! Where pod specs stand in objects.

use model::object::{Gvk, Object};
use model::yaml::Node;

use crate::lists;
use crate::object_path::{ObjectPath, Trail};

/// The lists of containers in a pod spec.
pub const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// How we know that a map is a pod spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The object is of a built-in kind that has one there.
    Kind,
    /// It is shaped like one, in an object of another kind.
    Shape,
}

/// A pod spec in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where it stands.
    pub path: ObjectPath,
    /// How we know.
    pub evidence: Evidence,
}

/// Where the pod spec of a built-in kind stands, outermost key first; `None`
/// for kinds that have none. All versions of a group agree.
///
/// ```
/// use model::object::Gvk;
/// use package::pod_spec::of_kind;
/// assert_eq!(
///     of_kind(&Gvk::new("batch/v1", "CronJob")),
///     Some(["spec", "jobTemplate", "spec", "template", "spec"].as_slice())
/// );
/// assert_eq!(of_kind(&Gvk::new("argoproj.io/v1alpha1", "Rollout")), None);
/// ```
pub fn of_kind(gvk: &Gvk) -> Option<&'static [&'static str]> {
    Some(match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => &["spec"],
        ("", "PodTemplate") => &["template", "spec"],
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job") => &["spec", "template", "spec"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => return None,
    })
}

/// Whether trees of this kind hold other people's text and schemas, in which
/// nothing is a pod spec or an image unless settings say so.
pub fn is_opaque(gvk: &Gvk) -> bool {
    matches!(
        (gvk.group.as_str(), gvk.kind.as_str()),
        ("", "ConfigMap" | "Secret") | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

/// Whether a map is shaped like a pod spec: one of [`CONTAINER_LISTS`] is a
/// list of maps that have a name or an image.
pub fn is_shaped(node: &Node) -> bool {
    let container = |item: &Node| {
        item.as_map().is_some()
            && (item.get("image").is_some() || item.get("name").and_then(Node::as_str).is_some())
    };
    CONTAINER_LISTS.iter().any(|list| {
        node.get(list)
            .and_then(Node::as_seq)
            .is_some_and(|items| !items.is_empty() && items.iter().all(container))
    })
}

/// Every pod spec of an object: by its kind where that is built in, by shape
/// in other kinds (`spec.template.spec` of a Rollout, `podTemplate.spec`, the
/// `spec` of a Prometheus), anywhere but in `metadata` and `status`. Lists are
/// opened.
pub fn locate(object: &Object) -> Vec<Place> {
    lists::members(object)
        .into_iter()
        .flat_map(|member| locate_in(&member.path, &member.object))
        .collect()
}

/// The pod specs of one member of a list, or of an object that is none;
/// `path` is where the member stands.
pub(crate) fn locate_in(path: &ObjectPath, object: &Object) -> Vec<Place> {
    let gvk = object.gvk();
    let mut out = Vec::new();
    if let Some(keys) = of_kind(&gvk) {
        if object.node.at_path(keys).is_some() {
            out.push(Place {
                path: path.keys(keys),
                evidence: Evidence::Kind,
            });
        }
    } else if !is_opaque(&gvk)
        && let Some(map) = object.node.as_map()
    {
        let mut trail = Trail::default();
        for (key, value) in map.iter() {
            if !matches!(key, "metadata" | "status") {
                trail.enter_key(key);
                search(&mut trail, value, &mut |trail| {
                    out.push(Place {
                        path: path.join(&trail.path()),
                        evidence: Evidence::Shape,
                    });
                });
                trail.leave();
            }
        }
    }
    out
}

fn search<'a>(trail: &mut Trail<'a>, node: &'a Node, found: &mut dyn FnMut(&Trail<'a>)) {
    if let Some(map) = node.as_map() {
        if is_shaped(node) {
            found(trail);
        }
        for (key, value) in map.iter() {
            if value.as_scalar().is_none() {
                trail.enter_key(key);
                search(trail, value, found);
                trail.leave();
            }
        }
    } else if let Some(items) = node.as_seq() {
        for (index, item) in items.iter().enumerate() {
            if item.as_scalar().is_none() {
                trail.enter_item(index);
                search(trail, item, found);
                trail.leave();
            }
        }
    }
}

/// Shows every pod spec of an object.
pub fn visit<'a>(object: &'a Object, mut see: impl FnMut(&Place, &'a Node)) {
    for place in locate(object) {
        if let Some(node) = place.path.get(&object.node) {
            see(&place, node);
        }
    }
}

/// Shows every pod spec of an object, to change.
pub fn visit_mut(object: &mut Object, mut see: impl FnMut(&Place, &mut Node)) {
    for place in locate(object) {
        if let Some(node) = place.path.get_mut(&mut object.node) {
            see(&place, node);
        }
    }
}

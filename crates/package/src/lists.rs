//! Lists of objects that stand as one object.

use model::object::Object;
use model::yaml::Node;

use crate::object_path::ObjectPath;

/// The members of an object: itself, or what it lists, with the path from it.
///
/// `kubectl` takes whatever has an `items` list for a list, whatever its kind,
/// and gives members of a typed list that name neither `apiVersion` nor `kind`
/// those of the list. What it would apply is what we look at. Lists in lists
/// are opened too.
///
/// Source of the rule: the unstructured decoder of apimachinery.
pub fn members(object: &Object) -> Vec<(ObjectPath, Object)> {
    let mut out = Vec::new();
    open(ObjectPath::root(), object, &mut out);
    out
}

/// Every object, lists opened; what is listed has the line of its item.
pub fn flatten(objects: &[Object]) -> Vec<Object> {
    objects
        .iter()
        .flat_map(members)
        .map(|(_, object)| object)
        .collect()
}

/// Whether the object is taken for a list.
pub fn is_list(object: &Object) -> bool {
    object.node.get("items").and_then(Node::as_seq).is_some()
}

fn open(path: ObjectPath, object: &Object, out: &mut Vec<(ObjectPath, Object)>) {
    let Some(items) = object.node.get("items").and_then(Node::as_seq) else {
        out.push((path, object.clone()));
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let mut member = Object {
            node: item.clone(),
            origin: object.origin.clone(),
        };
        if item.at.line > 0 {
            member.origin.line = item.at.line;
        }
        if member.kind().is_empty()
            && member.api_version().is_empty()
            && let Some(kind) = object.kind().strip_suffix("List").filter(|k| !k.is_empty())
            && let Some(map) = member.node.as_map_mut()
        {
            map.set("apiVersion", Node::str(object.api_version()));
            map.set("kind", Node::str(kind));
        }
        open(path.key("items").index(index), &member, out);
    }
}

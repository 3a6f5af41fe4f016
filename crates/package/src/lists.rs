//! Lists of objects that stand as one object.

use std::borrow::Cow;

use model::object::Object;
use model::yaml::Node;

use crate::object_path::ObjectPath;

/// An object that stands for itself or in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Member<'a> {
    /// Where it stands in the object that was looked at; the root for an
    /// object that is no list.
    pub path: ObjectPath,
    /// The object, with the line of its item.
    pub object: Cow<'a, Object>,
}

/// The members of an object: itself, or what it lists.
///
/// `kubectl` takes whatever has an `items` list for a list, whatever its kind,
/// and gives members of a typed list that name neither `apiVersion` nor `kind`
/// those of the list. What it would apply is what we look at. Lists in lists
/// are opened too.
///
/// Source of the rule: the unstructured decoder of apimachinery.
pub fn members(object: &Object) -> Vec<Member<'_>> {
    let mut out = Vec::with_capacity(1);
    open(ObjectPath::root(), Cow::Borrowed(object), &mut out);
    out
}

/// Every object, lists opened; what is listed has the line of its item.
pub fn flatten(objects: &[Object]) -> Vec<Cow<'_, Object>> {
    objects
        .iter()
        .flat_map(members)
        .map(|member| member.object)
        .collect()
}

/// Whether the object is taken for a list.
pub fn is_list(object: &Object) -> bool {
    items(&object.node).is_some()
}

fn items(node: &Node) -> Option<&[Node]> {
    node.get("items").and_then(Node::as_seq)
}

fn open<'a>(path: ObjectPath, object: Cow<'a, Object>, out: &mut Vec<Member<'a>>) {
    let Some(listed) = items(&object.node) else {
        out.push(Member { path, object });
        return;
    };
    let path = path.key("items");
    for (index, item) in listed.iter().enumerate() {
        let member = member(&object, item);
        open(path.index(index), Cow::Owned(member), out);
    }
}

fn member(list: &Object, item: &Node) -> Object {
    let mut member = Object {
        node: item.clone(),
        origin: list.origin.clone(),
    };
    if item.at.line > 0 {
        member.origin.line = item.at.line;
    }
    if member.kind().is_empty()
        && member.api_version().is_empty()
        && let Some(kind) = list.kind().strip_suffix("List").filter(|k| !k.is_empty())
        && let Some(map) = member.node.as_map_mut()
    {
        map.set("apiVersion", Node::str(list.api_version()));
        map.set("kind", Node::str(kind));
    }
    member
}

//! Good objects, broken one place at a time.

use std::fmt;

use model::object::{Object, Origin};
use model::yaml::{Content, Limits, Node, Tag, parse_resources};
use package::object_path::ObjectPath;

/// An object with one thing changed.
pub struct Broken {
    pub object: Object,
    /// What was done.
    pub how: &'static str,
    at: ObjectPath,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, how, at } = self;
        write!(f, "{} {object}: {at}: {how}", object.api_version())
    }
}

/// The objects of a text.
pub fn objects(text: &str) -> Vec<Object> {
    let documents = parse_resources(text, &Limits::default()).unwrap();
    documents
        .into_iter()
        .map(|document| Object {
            origin: Origin {
                path: "good.yaml".to_owned(),
                document: document.index,
                line: document.line,
            },
            node: document.node,
        })
        .collect()
}

/// Every way to break an object that is tried.
pub fn all(object: &Object) -> Vec<Broken> {
    let mut breaks = Breaks {
        object,
        all: Vec::new(),
    };
    breaks.node(&ObjectPath::root(), &object.node);
    breaks.all
}

struct Breaks<'a> {
    object: &'a Object,
    all: Vec<Broken>,
}

/// The values that are put in place of others, and whether also of those of
/// the same kind: text for text breaks no schema but that of an enum, and many
/// a rule, which the server's answer tells apart.
fn values() -> [(&'static str, Node, bool); 8] {
    [
        ("null", Node::null(), false),
        ("a number", Node::scalar("7", Tag::Int), false),
        ("a fraction", Node::scalar("1.5", Tag::Float), true),
        ("a huge number", Node::scalar("99999999999", Tag::Int), true),
        ("a boolean", Node::scalar("true", Tag::Bool), false),
        ("some text", Node::str("no-such-value"), true),
        ("an empty list", Node::seq(Vec::new()), false),
        ("an empty map", Node::map(), false),
    ]
}

impl Breaks<'_> {
    fn node(&mut self, path: &ObjectPath, node: &Node) {
        match &node.content {
            Content::Map(map) => {
                self.change(path, "an unknown field", |node| {
                    let map = node.as_map_mut().unwrap();
                    map.set("noSuchField", Node::str("x"));
                });
                for (key, value) in map.iter() {
                    let root = path.steps().is_empty();
                    if root && matches!(key, "apiVersion" | "kind") {
                        continue;
                    }
                    // Without a namespace the request names another path.
                    if path.to_string() == "metadata" && key == "namespace" {
                        continue;
                    }
                    self.change(path, "without a field", |node| {
                        node.as_map_mut().unwrap().remove(key);
                    });
                    self.values(&path.key(key), value);
                    self.node(&path.key(key), value);
                }
            }
            Content::Seq(items) => {
                self.change(path, "a null item more", |node| {
                    node.as_seq_mut().unwrap().push(Node::null());
                });
                if let Some(first) = items.first() {
                    let mut map = Node::map();
                    map.as_map_mut().unwrap().set("0", first.clone());
                    self.change(path, "a map in its place", |node| *node = map);
                }
                for (index, item) in items.iter().enumerate() {
                    self.values(&path.index(index), item);
                    self.node(&path.index(index), item);
                }
            }
            Content::Scalar(_) => {}
        }
    }

    fn values(&mut self, path: &ObjectPath, old: &Node) {
        for (how, value, also_alike) in values() {
            if value.describe() == old.describe() && !also_alike {
                continue;
            }
            self.change(path, how, |node| *node = value);
        }
    }

    fn change(&mut self, at: &ObjectPath, how: &'static str, change: impl FnOnce(&mut Node)) {
        let mut object = self.object.clone();
        change(at.get_mut(&mut object.node).unwrap());
        self.all.push(Broken {
            object,
            how,
            at: at.clone(),
        });
    }
}

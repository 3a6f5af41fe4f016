//! Where something stands inside an object.

use std::fmt;

use model::yaml::Node;

/// One step down a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into the value of this key.
    Key(String),
    /// Into this item, from 0.
    Index(usize),
}

/// A path from an object's root to one of its nodes, printed as
/// `spec.template.spec.containers[0].image`.
///
/// ```
/// use model::yaml::Node;
/// use package::object_path::ObjectPath;
/// let mut node = Node::map();
/// node.as_map_mut().unwrap().set("items", Node::seq(vec![Node::str("x")]));
/// let path = ObjectPath::root().key("items").index(0);
/// assert_eq!(path.to_string(), "items[0]");
/// assert_eq!(path.get(&node).and_then(Node::as_str), Some("x"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectPath(Vec<Step>);

impl ObjectPath {
    /// The object itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// This path and one item more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// This path and these keys more.
    #[must_use]
    pub fn keys(&self, keys: &[&str]) -> Self {
        keys.iter().fold(self.clone(), |path, key| path.key(key))
    }

    /// This path followed by another.
    #[must_use]
    pub fn join(&self, tail: &Self) -> Self {
        let mut steps = self.0.clone();
        steps.extend(tail.0.iter().cloned());
        Self(steps)
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path without its last step; `None` for the object itself.
    pub fn parent(&self) -> Option<Self> {
        let (_, head) = self.0.split_last()?;
        Some(Self(head.to_vec()))
    }

    /// The node there.
    pub fn get<'a>(&self, root: &'a Node) -> Option<&'a Node> {
        self.0.iter().try_fold(root, |node, step| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.as_seq()?.get(*index),
        })
    }

    /// The node there, to change.
    pub fn get_mut<'a>(&self, root: &'a mut Node) -> Option<&'a mut Node> {
        self.0.iter().try_fold(root, |node, step| match step {
            Step::Key(key) => node.get_mut(key),
            Step::Index(index) => node.as_seq_mut()?.get_mut(*index),
        })
    }
}

impl fmt::Display for ObjectPath {
    /// Keys joined by `.`, items in brackets; a key that holds a `.` or a
    /// bracket stands in quotes. Never empty: the object itself is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if key.is_empty() || key.contains(['.', '[', ']', '"']) => {
                    write!(f, "[{key:?}]")?;
                }
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A path that is being walked: borrows its keys, and becomes an
/// [`ObjectPath`] only where something is found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail<'a>(Vec<Stride<'a>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stride<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Trail<'a> {
    /// Goes into a key's value; [`Trail::leave`] goes back.
    pub(crate) fn enter_key(&mut self, key: &'a str) {
        self.0.push(Stride::Key(key));
    }

    /// Goes into an item.
    pub(crate) fn enter_item(&mut self, index: usize) {
        self.0.push(Stride::Index(index));
    }

    /// Goes back one step.
    pub(crate) fn leave(&mut self) {
        self.0.pop();
    }

    /// Whether it is these keys.
    pub(crate) fn is(&self, keys: &[&str]) -> bool {
        self.0.len() == keys.len()
            && self
                .0
                .iter()
                .zip(keys)
                .all(|(step, key)| *step == Stride::Key(key))
    }

    /// The path.
    pub(crate) fn path(&self) -> ObjectPath {
        ObjectPath(
            self.0
                .iter()
                .map(|step| match step {
                    Stride::Key(key) => Step::Key((*key).to_owned()),
                    Stride::Index(index) => Step::Index(*index),
                })
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_people_write_them() {
        let path = ObjectPath::root()
            .keys(&["metadata", "annotations", "deployment.version"])
            .index(2)
            .key("a");
        assert_eq!(
            path.to_string(),
            r#"metadata.annotations["deployment.version"][2].a"#
        );
        assert_eq!(ObjectPath::root().to_string(), ".");
    }

    #[test]
    fn a_path_leads_to_its_node_and_nowhere_else() {
        let mut node = Node::map();
        node.as_map_mut()
            .unwrap()
            .set("a", Node::seq(vec![Node::str("x"), Node::map()]));
        let path = ObjectPath::root().key("a").index(1);
        assert_eq!(path.get(&node), Some(&Node::map()));
        *path.get_mut(&mut node).unwrap() = Node::str("y");
        assert_eq!(path.get(&node).and_then(Node::as_str), Some("y"));
        assert!(path.index(0).get(&node).is_none());
        assert!(ObjectPath::root().key("b").get(&node).is_none());
        assert_eq!(path.parent(), Some(ObjectPath::root().key("a")));
    }

    #[test]
    fn a_trail_is_the_path_it_went() {
        let mut trail = Trail::default();
        trail.enter_key("a");
        trail.enter_key("b");
        assert!(trail.is(&["a", "b"]));
        trail.leave();
        trail.enter_item(3);
        assert_eq!(trail.path(), ObjectPath::root().key("a").index(3));
        assert!(!trail.is(&["a", "b"]));
    }
}

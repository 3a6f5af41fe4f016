//! Edits of a tree, before anything is known of its text.

use model::yaml::{Content, Node};

/// A way down one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// The way from the root to a node.
pub(super) type Path = Vec<Step>;

/// One edit. Whatever it names was there before all edits of a change, so the
/// order of edits is only that of what they add at one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// Gives the scalar at a path another value.
    Set { at: Path, value: Node },
    /// Adds a key at the end of the mapping at a path, which may be null.
    Key { at: Path, key: String, value: Node },
    /// Adds an item at the end of the list at a path, which may be null.
    Item { at: Path, value: Node },
}

impl Op {
    pub fn path(&self) -> &Path {
        match self {
            Self::Set { at, .. } | Self::Key { at, .. } | Self::Item { at, .. } => at,
        }
    }

    /// Does it to a tree; `None` if there is nothing of that path.
    pub fn apply(&self, root: &mut Node) -> Option<()> {
        let node = self.path().iter().try_fold(root, |node, step| match step {
            Step::Key(key) => node.get_mut(key),
            Step::Item(index) => node.as_seq_mut()?.get_mut(*index),
        })?;
        match self {
            Self::Set { value, .. } => node.content = value.content.clone(),
            Self::Key { key, value, .. } => {
                if node.is_null() {
                    *node = Node::map();
                }
                node.as_map_mut()?.set(key, value.clone());
            }
            Self::Item { value, .. } => {
                if node.is_null() {
                    *node = Node::seq(Vec::new());
                }
                node.as_seq_mut()?.push(value.clone());
            }
        }
        Some(())
    }
}

/// Whether two trees say the same: the same texts, of the same kind, in the
/// same order. A time is a text here.
pub(super) fn say_the_same(one: &Node, two: &Node) -> bool {
    use model::yaml::Tag;
    let kind = |tag| if tag == Tag::Timestamp { Tag::Str } else { tag };
    match (&one.content, &two.content) {
        (Content::Scalar(a), Content::Scalar(b)) => a.text == b.text && kind(a.tag) == kind(b.tag),
        (Content::Seq(a), Content::Seq(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| say_the_same(a, b))
        }
        (Content::Map(a), Content::Map(b)) => {
            a.len() == b.len()
                && a.0.iter().zip(&b.0).all(|(a, b)| {
                    a.key == b.key && a.tag == b.tag && say_the_same(&a.value, &b.value)
                })
        }
        _ => false,
    }
}

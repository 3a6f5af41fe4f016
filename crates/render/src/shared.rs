//! Values that kustomize holds once though they are seen in several places.
//!
//! A transformer of kustomize that creates the same label (or annotation) in
//! several fields of an object puts one node in all of them. Whatever changes
//! one of them later in place, a transformer or a strategic merge of an
//! overlay, changes all. Output is to be equal byte for byte, so this is kept:
//! such values bear a mark, equal for those that are one.
//!
//! The mark is the place of the value. A node that no text holds is at line 0,
//! where a column says nothing, so it is free for the number.
//!
//! Source of the rule: kustomize v5.5.0, `api/filters/filtersutil/setters.go`
//! and `kyaml/yaml/fns.go`.

use model::yaml::{Content, Mark, Node};

/// A number that values have in common which are one to kustomize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// The first of numbers that nothing in this tree bears.
    pub fn fresh(tree: &Node) -> Self {
        fn highest(node: &Node) -> u32 {
            let below = match &node.content {
                Content::Scalar(_) => 0,
                Content::Seq(items) => items.iter().map(highest).max().unwrap_or(0),
                Content::Map(map) => map.iter().map(|(_, n)| highest(n)).max().unwrap_or(0),
            };
            below.max(Share::of(node.at).map_or(0, |s| s.0))
        }
        Self(highest(tree).saturating_add(1))
    }

    /// The next number.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number a place says, if it is a mark.
    pub fn of(at: Mark) -> Option<Self> {
        (at.line == 0 && at.column > 0).then_some(Self(at.column))
    }

    /// The mark.
    pub fn mark(self) -> Mark {
        Mark {
            line: 0,
            column: self.0,
        }
    }

    /// Gives every value that bears the number this content.
    pub fn spread(self, tree: &mut Node, content: &Content) {
        if Self::of(tree.at) == Some(self) {
            tree.content = content.clone();
            return;
        }
        each_child(tree, &mut |child| self.spread(child, content));
    }
}

/// Takes all marks off: from here on each value is its own.
pub fn separate(tree: &mut Node) {
    if Share::of(tree.at).is_some() {
        tree.at = Mark::default();
    }
    each_child(tree, &mut separate);
}

fn each_child(node: &mut Node, change: &mut dyn FnMut(&mut Node)) {
    match &mut node.content {
        Content::Scalar(_) => {}
        Content::Seq(items) => items.iter_mut().for_each(change),
        Content::Map(map) => map.iter_mut().for_each(|(_, child)| change(child)),
    }
}

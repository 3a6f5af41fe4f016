//! What aliases stand for, and how far they may expand a text.

use std::collections::HashMap;

use super::error::YamlErrorKind;
use super::node::{Content, Node};

/// Nodes that aliases may add before the ratio counts; go-yaml's number.
const FREE: usize = 100_000;

/// How many times the nodes of the text aliases may add beyond [`FREE`];
/// go-yaml's number.
const RATIO: usize = 10;

/// How large a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub nodes: usize,
    /// Mappings and sequences within one another; 0 for a scalar.
    pub depth: usize,
}

impl Size {
    pub const SCALAR: Self = Self { nodes: 1, depth: 0 };

    /// A collection of nothing yet.
    pub const COLLECTION: Self = Self { nodes: 1, depth: 1 };

    pub fn hold(&mut self, child: Self) {
        self.nodes += child.nodes;
        self.depth = self.depth.max(child.depth + 1);
    }
}

/// The anchored nodes of a document.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    known: HashMap<usize, (Node, Size)>,
    expanded: usize,
}

impl Anchors {
    pub fn define(&mut self, id: usize, node: &Node, size: Size) {
        self.known.insert(id, (node.clone(), size));
    }

    /// A copy of what an alias stands for. `parsed` is how many nodes the
    /// text itself has so far.
    pub fn expand(&mut self, id: usize, parsed: usize) -> Result<(Node, Size), YamlErrorKind> {
        let Some((node, size)) = self.known.get(&id) else {
            return Err(YamlErrorKind::Alias(
                "an alias within the node it stands for; it would never end".to_owned(),
            ));
        };
        self.expanded = self.expanded.saturating_add(size.nodes);
        if self.expanded > FREE && self.expanded / RATIO > parsed {
            return Err(YamlErrorKind::Limit(
                "aliases expand the text more than tenfold; write the nodes out".to_owned(),
            ));
        }
        Ok((node.clone(), *size))
    }

    /// Whether what an alias stands for is a mapping or a list of them.
    pub fn can_merge(node: &Node) -> bool {
        match &node.content {
            Content::Map(_) => true,
            Content::Seq(items) => items.iter().all(|i| i.as_map().is_some()),
            Content::Scalar(_) => false,
        }
    }
}

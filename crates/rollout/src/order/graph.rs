//! The hard edges: what must be ready before an object is applied.

use std::collections::HashMap;

use super::{Item, Reference};

/// The objects of a package, to be found by what others say of them.
pub(super) struct Graph<'a> {
    items: &'a [Item],
    namespaces: HashMap<&'a str, usize>,
    definitions: HashMap<(&'a str, &'a str), usize>,
    /// By kind in lower case, and name.
    named: HashMap<(String, &'a str), Vec<usize>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(items: &'a [Item]) -> Self {
        let mut graph = Self {
            items,
            namespaces: HashMap::new(),
            definitions: HashMap::new(),
            named: HashMap::new(),
        };
        for (index, item) in items.iter().enumerate() {
            if item.id.is_namespace() {
                graph.namespaces.insert(&item.id.name, index);
            }
            if let Some((group, kind)) = &item.defines {
                graph.definitions.insert((group, kind), index);
            }
            graph
                .named
                .entry((item.id.kind.to_ascii_lowercase(), &item.id.name))
                .or_default()
                .push(index);
        }
        graph
    }

    /// The Namespace and the definition that an object needs, of those in the
    /// package.
    pub(super) fn grounds(&self, index: usize) -> impl Iterator<Item = usize> {
        let id = &self.items[index].id;
        let namespace = self.namespaces.get(id.namespace.as_str());
        let definition = self.definitions.get(&(id.group.as_str(), id.kind.as_str()));
        namespace.into_iter().chain(definition).copied()
    }

    /// The objects that a reference means: those in the namespace of the
    /// object that has it, else those in no namespace, else those in any; none
    /// if there are none.
    pub(super) fn resolve(&self, index: usize, reference: &Reference) -> Vec<usize> {
        let key = (reference.kind.clone(), reference.name.as_str());
        let all: Vec<usize> = self
            .named
            .get(&key)
            .into_iter()
            .flatten()
            .copied()
            .filter(|found| reference.means(&self.items[*found].id))
            .collect();
        let within = |namespace: &str| -> Vec<usize> {
            all.iter()
                .copied()
                .filter(|found| self.items[*found].id.namespace == namespace)
                .collect()
        };
        [within(&self.items[index].id.namespace), within("")]
            .into_iter()
            .find(|found| !found.is_empty())
            .unwrap_or(all)
    }
}

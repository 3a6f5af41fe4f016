//! An ordered set of resources with unique identities, and lookups in it that
//! do not walk it.

use std::collections::{BTreeMap, HashMap};

use model::yaml::{Map, Node};

use crate::resource::{Behavior, NameHash, ResId, Resource, text, text_map};

/// Why a resource cannot be put in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResMapError {
    /// Its identity is taken.
    #[error("may not add resource with an already registered id: {0}")]
    Taken(ResId),
    /// A generated object has `create` behavior and its identity is taken.
    #[error("{0} exists; behavior must be merge or replace")]
    Exists(ResId),
    /// A generated object is to be merged into one that is not there.
    #[error("{0} does not exist; cannot merge or replace")]
    Missing(ResId),
    /// Several resources answer to an identity where one is wanted.
    #[error("several objects answer to {0}")]
    Several(ResId),
}

#[derive(Debug, Clone, Default)]
struct Index {
    /// Positions by current identity, ascending.
    current: HashMap<ResId, Vec<usize>>,
    /// Positions by any identity, current or previous, ascending, each once.
    any: HashMap<ResId, Vec<usize>>,
}

impl Index {
    fn of(items: &[Resource]) -> Self {
        let mut index = Self::default();
        for (at, resource) in items.iter().enumerate() {
            index.add(at, resource);
        }
        index
    }

    fn add(&mut self, at: usize, resource: &Resource) {
        for id in resource.ids() {
            insert(self.any.entry(id).or_default(), at);
        }
        insert(self.current.entry(resource.id()).or_default(), at);
    }

    fn remove(&mut self, at: usize, resource: &Resource) {
        for id in resource.ids() {
            if let Some(all) = self.any.get_mut(&id) {
                all.retain(|&other| other != at);
            }
        }
        if let Some(all) = self.current.get_mut(&resource.id()) {
            all.retain(|&other| other != at);
        }
    }
}

/// New data over old, as text whatever it was.
fn merge_data(new: &mut Resource, old: &Resource) {
    for key in ["data", "binaryData"] {
        let mut merged = data(old, key);
        merged.extend(data(new, key));
        if let Some(map) = new.node_mut().as_map_mut() {
            if merged.is_empty() {
                map.remove(key);
            } else {
                map.set(key, text_map(&merged));
            }
        }
    }
}

fn data(resource: &Resource, key: &str) -> BTreeMap<String, String> {
    let map = resource.node().get(key).and_then(Node::as_map);
    map.into_iter()
        .flat_map(Map::iter)
        .map(|(key, value)| (key.to_owned(), text(Some(value)).to_owned()))
        .collect()
}

/// Keeps the positions ascending and unique.
fn insert(all: &mut Vec<usize>, at: usize) {
    if let Err(place) = all.binary_search(&at) {
        all.insert(place, at);
    }
}

/// Resources in the order they came.
///
/// The index is built when first asked for and kept up to date by every
/// change of one resource; a change of many ([`ResMap::all_mut`]) drops it.
#[derive(Debug, Clone, Default)]
pub struct ResMap {
    items: Vec<Resource>,
    index: Option<Index>,
}

impl ResMap {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All, in order.
    pub fn all(&self) -> &[Resource] {
        &self.items
    }

    /// All, to change. Drops the index: to change one, use [`ResMap::change`].
    pub fn all_mut(&mut self) -> &mut [Resource] {
        self.index = None;
        &mut self.items
    }

    /// All, taken out.
    pub fn into_vec(self) -> Vec<Resource> {
        self.items
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn index(&mut self) -> &mut Index {
        self.index.get_or_insert_with(|| Index::of(&self.items))
    }

    /// The positions of those whose current identity this is.
    pub fn by_current_id(&mut self, id: &ResId) -> Vec<usize> {
        self.index().current.get(id).cloned().unwrap_or_default()
    }

    /// The positions of those whose identity this is or was.
    pub fn by_any_id(&mut self, id: &ResId) -> Vec<usize> {
        self.index().any.get(id).cloned().unwrap_or_default()
    }

    /// The resource at a position.
    pub fn get(&self, at: usize) -> Option<&Resource> {
        self.items.get(at)
    }

    /// Changes the resource at a position; nothing happens past the end.
    pub fn change<T>(&mut self, at: usize, change: impl FnOnce(&mut Resource) -> T) -> Option<T> {
        let resource = self.items.get_mut(at)?;
        if let Some(index) = &mut self.index {
            index.remove(at, resource);
        }
        let result = change(resource);
        if let Some(index) = &mut self.index {
            index.add(at, resource);
        }
        Some(result)
    }

    /// Puts one at the end; its identity must be free.
    pub fn append(&mut self, resource: Resource) -> Result<(), ResMapError> {
        let id = resource.id();
        if !self.by_current_id(&id).is_empty() {
            return Err(ResMapError::Taken(id));
        }
        let at = self.items.len();
        self.index().add(at, &resource);
        self.items.push(resource);
        Ok(())
    }

    /// Puts all of another set at the end.
    pub fn append_all(&mut self, other: Self) -> Result<(), ResMapError> {
        if self.items.is_empty() {
            *self = other;
            return Ok(());
        }
        other.items.into_iter().try_for_each(|r| self.append(r))
    }

    /// Puts a generated one in, or over the one it is to change.
    ///
    /// Metadata is merged, name and namespace stay as they were; the digest
    /// behind the name stays only if both ask for it.
    pub fn absorb(&mut self, mut new: Resource) -> Result<(), ResMapError> {
        let id = new.id();
        let found = self.by_any_id(&id);
        let at = match (found.as_slice(), new.behavior) {
            ([], Behavior::Create) => return self.append(new),
            ([], Behavior::Merge | Behavior::Replace) => return Err(ResMapError::Missing(id)),
            ([_], Behavior::Create) => return Err(ResMapError::Exists(id)),
            ([at], Behavior::Merge | Behavior::Replace) => *at,
            _ => return Err(ResMapError::Several(id)),
        };
        self.change(at, |old| {
            if new.behavior == Behavior::Merge {
                merge_data(&mut new, old);
            }
            for key in ["labels", "annotations"] {
                let mut merged = old.meta_map(key);
                merged.extend(new.meta_map(key));
                new.set_meta_map(key, &merged);
            }
            new.set_name(old.name());
            new.set_namespace(old.namespace());
            if old.name_hash == NameHash::No {
                new.name_hash = NameHash::No;
            }
            new.previous = std::mem::take(&mut old.previous);
            new.prefixes = std::mem::take(&mut old.prefixes);
            new.suffixes = std::mem::take(&mut old.suffixes);
            new.generated = old.generated;
            new.behavior = old.behavior;
            new.object.origin = std::mem::take(&mut old.object.origin);
            *old = new;
        });
        Ok(())
    }

    /// Keeps only those that pass.
    pub fn retain(&mut self, keep: impl FnMut(&Resource) -> bool) {
        let before = self.items.len();
        self.items.retain(keep);
        if self.items.len() != before {
            self.index = None;
        }
    }

    /// Takes out those of which nothing is left, at these positions.
    pub fn drop_empty(&mut self, positions: &[usize]) {
        let is_empty = |at: &usize| self.items.get(*at).is_some_and(Resource::is_empty);
        if positions.iter().any(is_empty) {
            self.retain(|r| !r.is_empty());
        }
    }

    /// The positions of those that pass.
    pub fn positions(&self, mut wanted: impl FnMut(&Resource) -> bool) -> Vec<usize> {
        let all = self.items.iter().enumerate();
        all.filter(|(_, r)| wanted(r)).map(|(at, _)| at).collect()
    }

    /// Puts them in the order of their keys.
    pub fn sort_by_cached_key<K: Ord>(&mut self, key: impl FnMut(&Resource) -> K) {
        self.index = None;
        self.items.sort_by_cached_key(key);
    }
}

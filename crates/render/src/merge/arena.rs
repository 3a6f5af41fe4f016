//! Two trees in one place.
//!
//! kustomize merges nodes it holds by pointer, and what comes out rests on
//! it: a node that is in both lists is changed in both. Numbers in a table
//! stand for those pointers.

use std::collections::HashMap;

use model::yaml::{Content, Entry, Map, Mark, Node, Scalar, Style, Tag};

use crate::shared::Share;

/// A node of an [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(usize);

#[derive(Debug, Clone)]
pub(super) enum Item {
    Scalar(Scalar),
    Seq(Vec<Id>),
    Map(Vec<Key>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub name: String,
    pub tag: Tag,
    pub at: Mark,
    pub value: Id,
}

#[derive(Debug, Default)]
pub(super) struct Arena {
    items: Vec<(Item, Mark)>,
    /// Values that are one already before the merge.
    shared: HashMap<Share, Id>,
}

impl Arena {
    pub fn add(&mut self, node: Node) -> Id {
        let share = Share::of(node.at);
        if let Some(id) = share.and_then(|share| self.shared.get(&share)) {
            return *id;
        }
        let item = match node.content {
            Content::Scalar(scalar) => Item::Scalar(scalar),
            Content::Seq(items) => Item::Seq(items.into_iter().map(|n| self.add(n)).collect()),
            Content::Map(map) => Item::Map(
                map.0
                    .into_iter()
                    .map(|entry| Key {
                        name: entry.key,
                        tag: entry.tag,
                        at: entry.at,
                        value: self.add(entry.value),
                    })
                    .collect(),
            ),
        };
        let id = self.push(item, node.at);
        if let Some(share) = share {
            self.shared.insert(share, id);
        }
        id
    }

    pub fn push(&mut self, item: Item, at: Mark) -> Id {
        self.items.push((item, at));
        Id(self.items.len() - 1)
    }

    pub fn scalar(&mut self, text: &str) -> Id {
        let scalar = Scalar {
            text: text.to_owned(),
            tag: Tag::Str,
            style: Style::Plain,
        };
        self.push(Item::Scalar(scalar), Mark::default())
    }

    pub fn node(&self, id: Id) -> Node {
        let (item, at) = &self.items[id.0];
        let content = match item {
            Item::Scalar(scalar) => Content::Scalar(scalar.clone()),
            Item::Seq(items) => Content::Seq(items.iter().map(|i| self.node(*i)).collect()),
            Item::Map(keys) => Content::Map(Map(keys
                .iter()
                .map(|key| Entry {
                    key: key.name.clone(),
                    tag: key.tag,
                    at: key.at,
                    value: self.node(key.value),
                })
                .collect())),
        };
        Node { content, at: *at }
    }

    pub fn item(&self, id: Id) -> &Item {
        &self.items[id.0].0
    }

    pub fn item_mut(&mut self, id: Id) -> &mut Item {
        &mut self.items[id.0].0
    }

    pub fn at(&self, id: Id) -> Mark {
        self.items[id.0].1
    }

    pub fn is_null(&self, id: Id) -> bool {
        matches!(self.item(id), Item::Scalar(s) if s.tag == Tag::Null)
    }

    pub fn is_empty_map(&self, id: Id) -> bool {
        matches!(self.item(id), Item::Map(keys) if keys.is_empty())
    }

    pub fn is_map(&self, id: Id) -> bool {
        matches!(self.item(id), Item::Map(_))
    }

    /// The text of a scalar; nothing of anything else.
    pub fn text(&self, id: Id) -> &str {
        match self.item(id) {
            Item::Scalar(scalar) => &scalar.text,
            _ => "",
        }
    }

    pub fn field(&self, id: Id, name: &str) -> Option<Id> {
        match self.item(id) {
            Item::Map(keys) => keys.iter().find(|k| k.name == name).map(|k| k.value),
            _ => None,
        }
    }

    pub fn names(&self, id: Id) -> Vec<String> {
        match self.item(id) {
            Item::Map(keys) => keys.iter().map(|k| k.name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    pub fn elements(&self, id: Id) -> &[Id] {
        match self.item(id) {
            Item::Seq(items) => items,
            _ => &[],
        }
    }

    /// Takes a field out.
    pub fn clear(&mut self, id: Id, name: &str) {
        if let Item::Map(keys) = self.item_mut(id)
            && let Some(place) = keys.iter().position(|k| k.name == name)
        {
            keys.remove(place);
        }
    }

    /// Puts a value where a field is, with the style that is there, or at the
    /// end. A number or boolean in the place of a quoted scalar becomes text.
    pub fn set(&mut self, id: Id, name: &str, value: Id) {
        if let Some(old) = self.field(id, name) {
            self.overwrite(old, value);
            return;
        }
        let at = self.at(value);
        if let Item::Map(keys) = self.item_mut(id) {
            keys.push(Key {
                name: name.to_owned(),
                tag: Tag::Str,
                at,
                value,
            });
        }
    }

    fn overwrite(&mut self, old: Id, value: Id) {
        if old == value {
            return;
        }
        let (mut item, at) = self.items[value.0].clone();
        if let (Item::Scalar(new), Item::Scalar(old)) = (&mut item, self.item(old)) {
            // The style of a null says something of its own.
            if old.tag != Tag::Null {
                new.style = old.style;
                let quoted = new.style != Style::Plain;
                if quoted && !matches!(new.tag, Tag::Binary | Tag::Null) {
                    new.tag = Tag::Str;
                }
            }
        }
        let slot = &mut self.items[old.0];
        let at = Share::of(slot.1).map_or(at, Share::mark);
        *slot = (item, at);
    }
}

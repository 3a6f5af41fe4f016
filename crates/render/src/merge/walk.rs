//! The walk over target and patch.

use std::collections::BTreeSet;

use super::MergeError;
use super::arena::{Arena, Id, Item};
use super::directive::{self, Directive};
use super::list;
use super::schema::Type;

pub(super) struct Walk {
    pub arena: Arena,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Map,
    Seq,
    Scalar,
}

impl Kind {
    fn named(self) -> &'static str {
        match self {
            Self::Map => "a map",
            Self::Seq => "a list",
            Self::Scalar => "a scalar",
        }
    }
}

fn kind(arena: &Arena, id: Id) -> Kind {
    match arena.item(id) {
        Item::Map(_) => Kind::Map,
        Item::Seq(_) => Kind::Seq,
        Item::Scalar(_) => Kind::Scalar,
    }
}

pub(super) fn kind_error(arena: &Arena, id: Id, expected: &'static str) -> MergeError {
    MergeError::WrongKind {
        at: arena.at(id),
        expected,
        found: kind(arena, id).named(),
    }
}

impl Walk {
    /// What becomes of a node under a patch: nothing, itself, or the patch.
    /// `keys`: what elements merge by, if this is a list that merges.
    /// `holds`: the type of the node, or of its elements.
    pub fn walk(
        &mut self,
        dest: Option<Id>,
        patch: Option<Id>,
        keys: Option<&[&'static str]>,
        holds: Option<&'static str>,
    ) -> Result<Option<Id>, MergeError> {
        let present = |id: &Id| !self.arena.is_null(*id);
        let nodes: Vec<Id> = dest.into_iter().chain(patch).filter(present).collect();
        let kinds = nodes.first().map(|id| kind(&self.arena, *id));
        if let Some(expected) = kinds
            && let Some(wrong) = nodes.iter().find(|id| kind(&self.arena, **id) != expected)
        {
            return Err(kind_error(&self.arena, *wrong, expected.named()));
        }
        match kinds {
            None | Some(Kind::Map) => self.map(dest, patch, holds),
            Some(Kind::Scalar) => Ok(patch.or(dest)),
            Some(Kind::Seq) => match keys {
                None => Ok(patch.or(dest)),
                Some(keys) => self.list(dest, patch, keys, holds),
            },
        }
    }

    fn map(
        &mut self,
        dest: Option<Id>,
        patch: Option<Id>,
        holds: Option<&'static str>,
    ) -> Result<Option<Id>, MergeError> {
        let schema = holds
            .and_then(Type::named)
            .or_else(|| self.own_type(dest))
            .or_else(|| self.own_type(patch));
        let dest = match dest.filter(|id| !self.arena.is_null(*id)) {
            None => {
                if directive::take(&mut self.arena, patch) == Ok(Directive::Delete) {
                    return Ok(None);
                }
                if patch.is_none() {
                    // A null that says so stays; nothing at all goes.
                    return Ok(dest.filter(|id| !self.arena.text(*id).is_empty()));
                }
                patch
            }
            Some(_) if patch.is_some_and(|id| self.arena.is_null(id)) => return Ok(None),
            Some(dest) => match directive::take(&mut self.arena, patch)? {
                Directive::Delete => None,
                Directive::Replace => patch,
                Directive::Merge => Some(dest),
            },
        };
        let Some(dest) = dest else {
            return Ok(None);
        };
        let names: BTreeSet<String> = [Some(dest), patch]
            .into_iter()
            .flatten()
            .flat_map(|id| self.arena.names(id))
            .collect();
        for name in names {
            let field = schema.and_then(|schema| schema.field(&name));
            let old = self.arena.field(dest, &name);
            let new = patch.and_then(|patch| self.arena.field(patch, &name));
            let keys = field.and_then(|field| field.merges_by.as_deref());
            let holds = field.and_then(|field| field.holds);
            let value = self.walk(old, new, keys, holds)?;
            // Only what the target says itself may stay null.
            let stays = |id: &Id| !self.arena.is_null(*id) || (new.is_none() && old == Some(*id));
            match value.filter(stays) {
                None => self.arena.clear(dest, &name),
                Some(value) => self.arena.set(dest, &name, value),
            }
        }
        Ok(Some(dest))
    }

    fn list(
        &mut self,
        dest: Option<Id>,
        patch: Option<Id>,
        keys: &[&'static str],
        holds: Option<&'static str>,
    ) -> Result<Option<Id>, MergeError> {
        let dest = match dest.filter(|id| !self.arena.is_null(*id)) {
            None => patch,
            Some(_) if patch.is_some_and(|id| self.arena.is_null(id)) => return Ok(None),
            Some(dest) => match directive::take(&mut self.arena, patch)? {
                Directive::Delete => None,
                Directive::Replace => patch,
                Directive::Merge => Some(dest),
            },
        };
        match dest {
            None => Ok(None),
            Some(dest) => list::merge(self, dest, patch, keys, holds),
        }
    }

    fn own_type(&self, id: Option<Id>) -> Option<Type> {
        let id = id?;
        let api_version = self.arena.field(id, "apiVersion")?;
        let kind = self.arena.field(id, "kind")?;
        Type::of_kind(self.arena.text(api_version), self.arena.text(kind))
    }
}

//! Which lists of Kubernetes objects merge by a key.
//!
//! `schema.txt` holds what kustomize v5.5.0 knows of it, from the API
//! description of Kubernetes v1.21.2: first `apiVersion/Kind = type`, then
//! `type: field>type list*keys>type`. Fields that lead to no such list are
//! left out, and so are lists that are replaced.

use std::collections::HashMap;
use std::sync::OnceLock;

static TEXT: &str = include_str!("schema.txt");

/// A type of the API description.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type(&'static HashMap<&'static str, Field>);

/// What is known of a field.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    /// Its type, or that of its elements.
    pub holds: Option<&'static str>,
    /// The keys its elements merge by, none for a set of scalars; nothing if
    /// it is no list that merges.
    pub merges_by: Option<Vec<&'static str>>,
}

struct Tables {
    kinds: HashMap<&'static str, &'static str>,
    types: HashMap<&'static str, HashMap<&'static str, Field>>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables = Tables {
            kinds: HashMap::new(),
            types: HashMap::new(),
        };
        for line in TEXT.lines() {
            if let Some((kind, name)) = line.split_once(" = ") {
                tables.kinds.insert(kind, name);
            } else if let Some((name, fields)) = line.split_once(": ") {
                let fields = fields.split(' ').map(field).collect();
                tables.types.insert(name, fields);
            }
        }
        tables
    })
}

fn field(text: &'static str) -> (&'static str, Field) {
    let (left, holds) = match text.split_once('>') {
        Some((left, holds)) => (left, Some(holds)),
        None => (text, None),
    };
    let (name, merges_by) = match left.split_once('*') {
        Some((name, "")) => (name, Some(Vec::new())),
        Some((name, keys)) => (name, Some(keys.split(',').collect())),
        None => (left, None),
    };
    (name, Field { holds, merges_by })
}

impl Type {
    /// The type of objects of a kind.
    pub fn of_kind(api_version: &str, kind: &str) -> Option<Self> {
        let name = tables()
            .kinds
            .get(format!("{api_version}/{kind}").as_str())?;
        Self::named(name)
    }

    pub fn named(name: &str) -> Option<Self> {
        tables().types.get(name).map(Self)
    }

    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_every_type_is_there() {
        let tables = tables();
        assert_eq!(
            tables.kinds.len() + tables.types.len(),
            TEXT.lines().count()
        );
        let names = tables
            .types
            .values()
            .flat_map(|f| f.values())
            .filter_map(|f| f.holds);
        for name in names.chain(tables.kinds.values().copied()) {
            assert!(Type::named(name).is_some(), "{name}");
        }
    }
}

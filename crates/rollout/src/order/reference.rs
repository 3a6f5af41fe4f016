//! Objects as users name them: `kind/name` or `kind.group/name`.

use std::fmt;

use crate::object::ObjectId;

/// Another object of the package, as an annotation names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The kind, in lower case.
    pub kind: String,
    /// The API group, if it is said.
    pub group: Option<String>,
    /// The name.
    pub name: String,
}

/// Why a list of references cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing before, between or after commas.
    #[error("{text:?} has an empty entry, expected kind/name[,kind/name…]")]
    Empty {
        /// The whole list.
        text: String,
    },
    /// An entry of another shape.
    #[error("{text:?} is not kind/name or kind.group/name")]
    Shape {
        /// The entry.
        text: String,
    },
}

impl Reference {
    /// Whether it means an object, whatever namespace that is in.
    pub fn means(&self, id: &ObjectId) -> bool {
        self.name == id.name
            && self.kind.eq_ignore_ascii_case(&id.kind)
            && self.group.as_ref().is_none_or(|group| *group == id.group)
    }
}

impl fmt::Display for Reference {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(group) = &self.group {
            write!(f, ".{group}")?;
        }
        write!(f, "/{}", self.name)
    }
}

/// Reads `kind/name[,kind/name…]`; the case of the kind does not count, and a
/// group may follow it, as `kubectl` has it.
///
/// ```
/// use rollout::order::parse_references;
/// let found = parse_references("Job/migrate, deployment.apps/web")?;
/// assert_eq!(found[1].group.as_deref(), Some("apps"));
/// assert!(parse_references("migrate").is_err());
/// # Ok::<(), rollout::order::ReferenceError>(())
/// ```
pub fn parse_references(text: &str) -> Result<Vec<Reference>, ReferenceError> {
    text.split(',')
        .map(|entry| {
            let entry = entry.trim();
            if entry.is_empty() {
                return Err(ReferenceError::Empty {
                    text: text.to_owned(),
                });
            }
            read(entry).ok_or_else(|| ReferenceError::Shape {
                text: entry.to_owned(),
            })
        })
        .collect()
}

fn read(entry: &str) -> Option<Reference> {
    let (kind, name) = entry.split_once('/')?;
    let (kind, group) = match kind.split_once('.') {
        Some((kind, group)) => (kind, Some(group)),
        None => (kind, None),
    };
    let whole = |part: &str| !part.is_empty() && !part.contains(['/', ' ']);
    (whole(kind) && whole(name) && group.is_none_or(whole)).then(|| Reference {
        kind: kind.to_ascii_lowercase(),
        group: group.map(str::to_owned),
        name: name.to_owned(),
    })
}

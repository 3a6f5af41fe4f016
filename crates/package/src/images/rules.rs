//! Which fields of custom resources hold images, beyond pod templates.

use std::fmt;
use std::str::FromStr;

use model::object::Object;
use model::yaml::Node;

use crate::object_path::{ObjectPath, Step};

/// A pattern of paths in an object: keys joined by `.`, where `*` in a key
/// stands for any characters and `**` alone for any number of steps; `[]`
/// after a key stands for any item, `[name=RELATED_IMAGE_*]` for the items
/// whose key `name` has a value like that.
///
/// ```
/// use package::images::FieldPattern;
/// assert!("spec.image".parse::<FieldPattern>().is_ok());
/// assert!("spec.env[name=RELATED_IMAGE_*].value".parse::<FieldPattern>().is_ok());
/// assert!("**.image".parse::<FieldPattern>().is_ok());
/// assert!("spec..image".parse::<FieldPattern>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPattern {
    text: String,
    steps: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    Key(String),
    Item,
    ItemWhere { key: String, value: String },
}

/// Why a text is no pattern of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldPatternError {
    /// A key between two dots, or the whole, is empty.
    #[error("a path is keys joined by '.', none of them empty")]
    Empty,
    /// A bracket is not closed, or holds neither nothing nor `key=value`.
    #[error("brackets hold nothing (any item) or key=value")]
    Bracket,
}

/// Fields of some objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRule {
    /// The API group; any when `None`.
    pub group: Option<String>,
    /// The kind; any when `None`.
    pub kind: Option<String>,
    /// The object's name; any when `None`.
    pub name: Option<String>,
    /// The fields; for `repository` with `tag` or `digest`, the map that holds
    /// them.
    pub path: FieldPattern,
}

/// What settings say about images in custom resources. The default covers pod
/// templates only, which no rule can leave out: what runs in a pod is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageRules {
    /// Fields that hold images.
    pub include: Vec<FieldRule>,
    /// Fields that look like images and are none; they win over `include`.
    pub exclude: Vec<FieldRule>,
}

impl FromStr for FieldPattern {
    type Err = FieldPatternError;

    fn from_str(text: &str) -> Result<Self, FieldPatternError> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            match &rest[..end] {
                "" => return Err(FieldPatternError::Empty),
                "**" => steps.push(Pattern::Any),
                key => steps.push(Pattern::Key(key.to_owned())),
            }
            rest = &rest[end..];
            while let Some(inner) = rest.strip_prefix('[') {
                let (inner, after) = inner.split_once(']').ok_or(FieldPatternError::Bracket)?;
                steps.push(match inner.split_once('=') {
                    None if inner.is_empty() => Pattern::Item,
                    Some((key, value)) if !key.is_empty() => Pattern::ItemWhere {
                        key: key.to_owned(),
                        value: value.to_owned(),
                    },
                    _ => return Err(FieldPatternError::Bracket),
                });
                rest = after;
            }
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix('.').ok_or(FieldPatternError::Bracket)?;
        }
        Ok(Self {
            text: text.to_owned(),
            steps,
        })
    }
}

impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FieldPattern {
    /// Whether a path below `root` is one of these.
    pub fn matches(&self, root: &Node, path: &ObjectPath) -> bool {
        matches(&self.steps, root, path.steps())
    }
}

fn matches(patterns: &[Pattern], node: &Node, steps: &[Step]) -> bool {
    let Some((pattern, later)) = patterns.split_first() else {
        return steps.is_empty();
    };
    let next = || -> Option<(&Step, &Node, &[Step])> {
        let (step, rest) = steps.split_first()?;
        let node = match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => node.as_seq()?.get(*index),
        };
        Some((step, node?, rest))
    };
    if *pattern == Pattern::Any {
        return matches(later, node, steps)
            || next().is_some_and(|(_, node, rest)| matches(patterns, node, rest));
    }
    let Some((step, node, rest)) = next() else {
        return false;
    };
    let fits = match (pattern, step) {
        (Pattern::Key(glob), Step::Key(key)) => is_like(glob, key),
        (Pattern::Item, Step::Index(_)) => true,
        (Pattern::ItemWhere { key, value }, Step::Index(_)) => node
            .get(key)
            .and_then(Node::as_str)
            .is_some_and(|text| is_like(value, text)),
        _ => false,
    };
    fits && matches(later, node, rest)
}

/// Whether a text is like a pattern in which `*` stands for any characters.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    // The pieces between stars are taken leftmost, which leaves most for the
    // next; the last one must end the text.
    let mut pieces: Vec<&str> = tail.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    let mut rest = rest;
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

impl FieldRule {
    fn covers(&self, object: &Object, path: &ObjectPath) -> bool {
        let fits = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|w| w == got);
        fits(&self.kind, object.kind())
            && fits(&self.name, object.name())
            && fits(&self.group, &object.gvk().group)
            && self.path.matches(&object.node, path)
    }
}

impl ImageRules {
    /// Whether settings say that a field holds an image.
    pub fn includes(&self, object: &Object, path: &ObjectPath) -> bool {
        self.include.iter().any(|r| r.covers(object, path))
    }

    /// Whether settings say that a field holds none.
    pub fn excludes(&self, object: &Object, path: &ObjectPath) -> bool {
        self.exclude.iter().any(|r| r.covers(object, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (Node, ObjectPath) {
        let mut env = Node::map();
        let map = env.as_map_mut().unwrap();
        map.set("name", Node::str("RELATED_IMAGE_WEB"));
        map.set("value", Node::str("nginx"));
        let mut spec = Node::map();
        spec.as_map_mut().unwrap().set("env", Node::seq(vec![env]));
        let mut root = Node::map();
        root.as_map_mut().unwrap().set("spec", spec);
        let path = ObjectPath::root()
            .keys(&["spec", "env"])
            .index(0)
            .key("value");
        (root, path)
    }

    #[test]
    fn patterns_match_paths() {
        let (root, path) = tree();
        for yes in [
            "spec.env[].value",
            "spec.env[name=RELATED_IMAGE_*].value",
            "spec.env[name=*].value",
            "**.value",
            "**.env[].value",
            "s*c.*v[].value",
            "**",
            "spec.**.value",
        ] {
            assert!(
                yes.parse::<FieldPattern>().unwrap().matches(&root, &path),
                "{yes}"
            );
        }
        for no in [
            "spec.env.value",
            "spec.env[].name",
            "spec.env[name=OTHER_*].value",
            "spec.env[]",
            "spec.*",
            "env[].value",
        ] {
            assert!(
                !no.parse::<FieldPattern>().unwrap().matches(&root, &path),
                "{no}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "[]"] {
            assert_eq!(
                bad.parse::<FieldPattern>(),
                Err(FieldPatternError::Empty),
                "{bad}"
            );
        }
        for bad in ["a[", "a[b]", "a[=c]", "a[]b"] {
            assert_eq!(
                bad.parse::<FieldPattern>(),
                Err(FieldPatternError::Bracket),
                "{bad}"
            );
        }
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, like) in [
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("*ab*ab", "ab", false),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }
}

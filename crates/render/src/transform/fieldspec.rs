//! Field specifications: which field of which kinds a transformer touches.

use std::borrow::Cow;
use std::fmt;

use model::object::Gvk;
use model::yaml::{Content, Dialect, Entry, Limits, Map, Node, Scalar, Style, Tag, parse};

use crate::shared::Share;

/// A field of the objects of some kinds.
///
/// An empty group, version or kind fits any. The path is keys joined by `/`;
/// `\/` is a slash inside a key. Lists on the way are crossed, each item taking
/// the rest of the path, and a key that ends in `[]` says that a list is there.
///
/// Source of the rule: kustomize v5.5.0, `api/filters/fieldspec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpec {
    /// The API group, or any.
    pub group: Cow<'static, str>,
    /// The version, or any.
    pub version: Cow<'static, str>,
    /// The kind, or any.
    pub kind: Cow<'static, str>,
    /// The keys, joined by `/`.
    pub path: Cow<'static, str>,
    /// Whether missing keys are made.
    pub create: Create,
}

/// Whether what a path names is made where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// Missing fields are left missing.
    No,
    /// Missing fields are made.
    Yes,
}

/// What is made at the end of a path that creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    /// Nothing: this transformer never creates, whatever the specification says.
    Never,
    /// A scalar, empty until set.
    Scalar,
    /// A map.
    Map,
}

/// Why a field could not be reached or set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The path has an empty key.
    #[error("the path has an empty key")]
    EmptyKey,
    /// The path has a key that is an index, an item's condition or a wildcard;
    /// such are not allowed in field specifications.
    #[error("the path has '{0}', which no field specification may have")]
    Index(String),
    /// There is something else than the path or the transformer needs.
    #[error("expected {expected}, found {found}")]
    Wrong {
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
}

/// Two specifications of one field disagree on whether it may be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conflicting fieldspecs: '{0}' is listed both with and without create")]
pub struct SpecConflict(pub String);

impl FieldSpec {
    /// A field of every kind.
    pub const fn any(path: &'static str, create: Create) -> Self {
        Self::new("", "", "", path, create)
    }

    /// A field of one kind of whatever group and version.
    pub const fn of(kind: &'static str, path: &'static str, create: Create) -> Self {
        Self::new("", "", kind, path, create)
    }

    /// A field of a kind of a group and version.
    pub const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        path: &'static str,
        create: Create,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            path: Cow::Borrowed(path),
            create,
        }
    }

    /// Whether objects of this kind have the field.
    pub fn fits(&self, gvk: &Gvk) -> bool {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        fits(&self.kind, &gvk.kind)
            && fits(&self.group, &gvk.group)
            && fits(&self.version, &gvk.version)
    }

    /// Calls `set` on the field wherever the path leads to in this object,
    /// whose kind is known to fit.
    ///
    /// A key whose value is null ends the path there, unless it may be made.
    pub fn visit(
        &self,
        object: &mut Node,
        leaf: Leaf,
        set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>,
    ) -> Result<(), FieldError> {
        let make = match self.create {
            Create::No => Leaf::Never,
            Create::Yes => leaf,
        };
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        step(object, Some(path), make, set)
    }
}

fn step(
    node: &mut Node,
    path: Option<&str>,
    make: Leaf,
    set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>,
) -> Result<(), FieldError> {
    let Some(path) = path else {
        return set(node);
    };
    if node.is_null() {
        return Ok(());
    }
    let found = node.describe();
    match &mut node.content {
        Content::Seq(items) => items
            .iter_mut()
            .try_for_each(|item| step(item, Some(path), make, set)),
        Content::Map(map) => enter(map, path, make, set),
        Content::Scalar(_) => Err(FieldError::Wrong {
            expected: "a map or a list",
            found,
        }),
    }
}

fn enter(
    map: &mut Map,
    path: &str,
    make: Leaf,
    set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>,
) -> Result<(), FieldError> {
    let (key, rest) = first_key(path);
    let (key, is_list) = match key.strip_suffix("[]") {
        Some(key) => (key, true),
        None => (key.as_ref(), false),
    };
    if key.is_empty() {
        return Err(FieldError::EmptyKey);
    }
    if is_index(key) {
        return Err(FieldError::Index(key.to_owned()));
    }
    // What takes the place of null, and, if it is no list, of nothing at all.
    let blank = match (make, is_list, rest) {
        (_, true, _) => Some(Node::seq(Vec::new())),
        (Leaf::Never, false, _) => None,
        (Leaf::Scalar, false, None) => Some(Node::str("")),
        (Leaf::Map, false, None) | (_, false, Some(_)) => Some(Node::map()),
    };
    match (map.get_mut(key), blank) {
        (Some(value), Some(blank)) if value.is_null() => {
            value.content = blank.content;
            step(value, rest, make, set)
        }
        (Some(value), _) => step(value, rest, make, set),
        (None, Some(mut blank)) if !is_list => {
            step(&mut blank, rest, make, set)?;
            map.0.push(new_entry(key, blank));
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// The first key of a path, its escapes undone, and what follows it.
fn first_key(path: &str) -> (Cow<'_, str>, Option<&str>) {
    let mut key = Cow::Borrowed("");
    let mut rest = path;
    loop {
        let (head, tail) = match rest.split_once('/') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest, None),
        };
        let (part, escaped) = match (head.strip_suffix('\\'), tail) {
            (Some(part), Some(_)) => (part, true),
            _ => (head, false),
        };
        if key.is_empty() && !escaped {
            key = Cow::Borrowed(part);
        } else {
            key.to_mut().push_str(part);
        }
        match tail {
            Some(tail) if escaped => {
                key.to_mut().push('/');
                rest = tail;
            }
            _ => return (key, tail),
        }
    }
}

/// Whether kustomize's path reader takes this for something else than a key.
fn is_index(key: &str) -> bool {
    let digits = key.strip_prefix(['+', '-']).unwrap_or(key);
    key == "-"
        || key == "*"
        || (key.starts_with('[') && key.ends_with(']'))
        || (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Sets a key of a map. A null is left as it is, as kustomize does.
pub fn set_entry(node: &mut Node, key: &str, value: &str, tag: Tag) -> Result<(), FieldError> {
    if node.is_null() {
        return Ok(());
    }
    let found = node.describe();
    let Some(map) = node.as_map_mut() else {
        return Err(FieldError::Wrong {
            expected: "a map",
            found,
        });
    };
    let value = Node::scalar(value, tag);
    match map.get_mut(key) {
        Some(old) => old.content = value.content,
        None => map.0.push(new_entry(key, value)),
    }
    Ok(())
}

/// Sets a key of a map to text, as [`set_entry`] does. A new value bears the
/// mark of `share`; the number an old one bears is handed back.
pub fn set_shared(
    node: &mut Node,
    key: &str,
    value: &str,
    share: Share,
) -> Result<Option<Share>, FieldError> {
    let old = node.get(key).map(|old| old.at);
    set_entry(node, key, value, Tag::Str)?;
    match (old, node.get_mut(key)) {
        (None, Some(new)) => {
            new.at = share.mark();
            Ok(None)
        }
        (old, _) => Ok(old.and_then(Share::of)),
    }
}

/// A new key is plain text, so that a label called `true` is no text at all
/// and fails when printed, as with kustomize.
fn new_entry(key: &str, value: Node) -> Entry {
    Entry {
        tag: plain_tag(key),
        ..Entry::new(key, value)
    }
}

/// Sets a key of a map if it is missing, null or empty text.
pub fn set_entry_if_empty(
    node: &mut Node,
    key: &str,
    value: &str,
    tag: Tag,
) -> Result<(), FieldError> {
    match node.get(key).map(scalar_of) {
        Some(Ok(s)) if s.tag != Tag::Null && !s.text.is_empty() => Ok(()),
        _ => set_entry(node, key, value, tag),
    }
}

/// Replaces a scalar (or null) by this text, as what `tag` says.
pub fn set_scalar(node: &mut Node, text: &str, tag: Tag) -> Result<(), FieldError> {
    scalar_of(node)?;
    node.content = Content::Scalar(Scalar {
        text: text.to_owned(),
        tag,
        style: Style::Plain,
    });
    Ok(())
}

/// Replaces the text of a scalar (or null). One that was in quotes stays text;
/// a plain one becomes whatever the new text reads as: the name `e5` with the
/// prefix `1` is a number, as with kustomize.
pub fn set_text(node: &mut Node, text: &str) -> Result<(), FieldError> {
    let old = scalar_of(node)?;
    let (tag, style) = match (old.tag, old.style) {
        // Nothing within braces stays that.
        (Tag::Null, style) if text.is_empty() => (Tag::Null, style),
        (Tag::Null, _) | (_, Style::Plain) => (plain_tag(text), Style::Plain),
        (_, style) => (Tag::Str, style),
    };
    node.content = Content::Scalar(Scalar {
        text: text.to_owned(),
        tag,
        style,
    });
    Ok(())
}

/// What unquoted text is to a reader of resources.
fn plain_tag(text: &str) -> Tag {
    // Only these can begin something that is not text; names seldom do.
    let may_differ = |c: char| !c.is_ascii_alphabetic() || "tTfFnNyYoO".contains(c);
    if !text.chars().next().is_none_or(may_differ) {
        return Tag::Str;
    }
    match parse(text, Dialect::V3, &Limits::default()) {
        Ok(None) => Tag::Null,
        Ok(Some(node)) => node.as_scalar().map_or(Tag::Str, |s| s.tag),
        Err(_) => Tag::Str,
    }
}

/// The scalar of a node, or that there is none.
pub fn scalar_of(node: &Node) -> Result<&Scalar, FieldError> {
    node.as_scalar().ok_or_else(|| FieldError::Wrong {
        expected: "a scalar",
        found: node.describe(),
    })
}

/// Adds specifications that are not there yet. One that is there with the
/// other [`Create`] is an error.
pub fn merge(into: &mut Vec<FieldSpec>, more: &[FieldSpec]) -> Result<(), SpecConflict> {
    for spec in more {
        let fits = |want: &str, have: &str| want.is_empty() || want == have;
        let same = into.iter().find(|have| {
            have.path == spec.path
                && fits(&spec.kind, &have.kind)
                && fits(&spec.group, &have.group)
                && fits(&spec.version, &have.version)
        });
        match same {
            None => into.push(spec.clone()),
            Some(have) if have.create == spec.create => {}
            Some(_) => return Err(SpecConflict(spec.to_string())),
        }
    }
    Ok(())
}

impl fmt::Display for FieldSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.kind.is_empty() {
            write!(f, "{} ", self.kind)?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Node)]) -> Node {
        let mut map = Map::default();
        for (key, value) in entries {
            map.set(key, value.clone());
        }
        Node::new(Content::Map(map))
    }

    fn put(spec: &FieldSpec, node: &mut Node) -> Result<(), FieldError> {
        spec.visit(node, Leaf::Map, &mut |n| set_entry(n, "k", "v", Tag::Str))
    }

    #[test]
    fn keys_are_split_at_slashes_that_are_not_escaped() {
        let keys = |path| {
            let mut keys = Vec::new();
            let mut rest = Some(path);
            while let Some(path) = rest {
                let (key, after) = first_key(path);
                keys.push(key.into_owned());
                rest = after;
            }
            keys
        };
        assert_eq!(keys("a/b/c"), ["a", "b", "c"]);
        assert_eq!(keys(r"a/b\/c/d"), ["a", "b/c", "d"]);
        assert_eq!(keys(r"x.io\/a\/b"), ["x.io/a/b"]);
        assert_eq!(keys(r"a\"), [r"a\"]);
        assert_eq!(keys("a//b"), ["a", "", "b"]);
    }

    #[test]
    fn lists_are_crossed_and_never_made() {
        let spec = FieldSpec::any("items/labels", Create::Yes);
        let mut node = map(&[(
            "items",
            Node::seq(vec![Node::map(), Node::null(), Node::map()]),
        )]);
        put(&spec, &mut node).unwrap();
        let items = node.get("items").and_then(Node::as_seq).unwrap();
        assert_eq!(
            items[0].at_path(&["labels", "k"]).and_then(Node::as_str),
            Some("v")
        );
        assert!(items[1].is_null());
        assert_eq!(items[0], items[2]);

        let mut empty = Node::map();
        put(&FieldSpec::any("items[]/labels", Create::Yes), &mut empty).unwrap();
        assert_eq!(empty, Node::map());
    }

    #[test]
    fn null_is_replaced_only_where_something_may_be_made() {
        let before = map(&[("a", Node::null())]);
        let mut node = before.clone();
        put(&FieldSpec::any("a/b", Create::No), &mut node).unwrap();
        assert_eq!(node, before);
        put(&FieldSpec::any("a", Create::No), &mut node).unwrap();
        assert_eq!(node, before);
        put(&FieldSpec::any("a[]/b", Create::No), &mut node).unwrap();
        assert_eq!(node, map(&[("a", Node::seq(Vec::new()))]));
        let mut node = before;
        put(&FieldSpec::any("a/b", Create::Yes), &mut node).unwrap();
        assert!(node.at_path(&["a", "b", "k"]).is_some());
    }

    #[test]
    fn what_is_in_the_way_is_an_error() {
        let mut node = map(&[("a", Node::str("x"))]);
        let wrong = |expected, found| Err(FieldError::Wrong { expected, found });
        assert_eq!(
            put(&FieldSpec::any("a/b", Create::Yes), &mut node),
            wrong("a map or a list", "a string")
        );
        assert_eq!(
            put(&FieldSpec::any("a", Create::Yes), &mut node),
            wrong("a map", "a string")
        );
        assert_eq!(
            put(&FieldSpec::any("a//b", Create::Yes), &mut Node::map()),
            Err(FieldError::EmptyKey)
        );
        assert_eq!(
            put(&FieldSpec::any("[]", Create::Yes), &mut node),
            Err(FieldError::EmptyKey)
        );
        for index in ["0", "-", "*", "[a=b]"] {
            assert_eq!(
                put(
                    &FieldSpec {
                        path: index.to_owned().into(),
                        ..FieldSpec::any("", Create::Yes)
                    },
                    &mut node
                ),
                Err(FieldError::Index(index.to_owned()))
            );
        }
    }

    #[test]
    fn specifications_merge_unless_they_disagree() {
        let mut all = vec![FieldSpec::of("Deployment", "a", Create::Yes)];
        merge(&mut all, &[FieldSpec::any("a", Create::Yes)]).unwrap();
        assert_eq!(all.len(), 1);
        merge(&mut all, &[FieldSpec::of("Service", "a", Create::No)]).unwrap();
        assert_eq!(all.len(), 2);
        let other = FieldSpec::of("Deployment", "a", Create::No);
        assert_eq!(
            merge(&mut all, &[other]),
            Err(SpecConflict("Deployment a".to_owned()))
        );
    }
}

//! The schemas of the built-in kinds, as they come with the program.
//!
//! Two sorted texts, made by `cargo xtask schemas`, are searched where they
//! lie: nothing is read at start-up, and a type is read once, when the first
//! object needs it.
//!
//! `kinds.txt` has a line for a kind: `apiVersion`, kind, releases, scope and
//! type. `types.txt` has a line for the name of a type, followed by one for
//! each field, indented by a space: name, `!` when required, releases, type.
//! Releases are `@35-` (from 1.35 on), `@-34` or `@35-36`; nothing means all
//! of them, or all that the type is in. A type is the name of another, one of
//! the words of [`Shape`], values in JSON quotes with `|` between them; `[]`
//! before it is a list of it, `{}` a map to it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use super::release::{Release, Scope};

const KINDS: &str = include_str!("../../data/kinds.txt");
const TYPES: &str = include_str!("../../data/types.txt");

/// What a value must be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Text.
    Text,
    /// Text, one of these.
    Enum(Vec<String>),
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Double,
    /// A boolean.
    Bool,
    /// Base64.
    Base64,
    /// An amount, such as `500Mi` or `2`.
    Quantity,
    /// A time of RFC 3339.
    Time,
    /// The same with six digits of fraction.
    MicroTime,
    /// A whole number or text.
    IntOrString,
    /// Anything.
    Any,
    /// Of a CRD: a schema or a boolean.
    SchemaOrBool(Link),
    /// Of a CRD: a schema or a list of them.
    SchemaOrList(Link),
    /// Of a CRD: a schema or a list of names.
    SchemaOrStrings(Link),
    /// Items of this shape.
    List(Box<Shape>),
    /// Keys of any name, values of this shape.
    Map(Box<Shape>),
    /// Fields of a type.
    Fields(Link),
}

/// A type by name, read when it is first needed.
#[derive(Debug)]
pub(super) struct Link {
    release: Release,
    name: &'static str,
    target: OnceLock<Arc<Type>>,
}

/// The types read so far.
type Types = HashMap<(Release, &'static str), Arc<Type>>;

/// The fields of a type, sorted by name.
#[derive(Debug, Default)]
pub(super) struct Type {
    fields: Vec<Field>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub name: &'static str,
    pub required: bool,
    pub shape: Shape,
}

/// A kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Whether its objects live in a namespace.
    pub scope: Scope,
    /// Its type.
    name: &'static str,
}

impl Kind {
    /// A kind of a release.
    pub fn find(release: Release, api_version: &str, kind: &str) -> Option<Self> {
        let key = format!("{api_version} {kind}");
        let mut at = lower_bound(KINDS, &key, |line| !line.is_empty(), kind_key);
        while let Some((line, rest)) = at.split_once('\n') {
            at = rest;
            if kind_key(line) != key {
                return None;
            }
            let mut words = line[key.len()..].split_ascii_whitespace().peekable();
            if includes(words.next_if(|w| w.starts_with('@')), release) {
                let scope = match words.next()? {
                    "Namespaced" => Scope::Namespaced,
                    _ => Scope::Cluster,
                };
                let name = words.next()?;
                return Some(Self { scope, name });
            }
        }
        None
    }

    /// All kinds of a release: `apiVersion` and kind.
    pub fn all(release: Release) -> impl Iterator<Item = (&'static str, &'static str)> {
        KINDS.lines().filter_map(move |line| {
            let mut words = line.split_ascii_whitespace();
            let names = (words.next()?, words.next()?);
            let releases = words.next().filter(|w| w.starts_with('@'));
            includes(releases, release).then_some(names)
        })
    }

    /// Its type.
    pub fn fields(self, release: Release) -> Arc<Type> {
        Type::load(release, self.name)
    }
}

/// Whether a group is one that some release serves or once served itself, so
/// that no custom resource can be in it.
pub(super) fn is_builtin_group(group: &str) -> bool {
    // Served once, gone before the first of the releases.
    const GONE: [&str; 2] = ["extensions", "auditregistration.k8s.io"];
    GONE.contains(&group)
        || KINDS.lines().any(|line| {
            let api_version = line.split(' ').next().unwrap_or_default();
            api_version.rsplit_once('/').map_or("", |(group, _)| group) == group
        })
}

impl Link {
    fn new(release: Release, name: &'static str) -> Self {
        Self {
            release,
            name,
            target: OnceLock::new(),
        }
    }

    /// The type.
    pub fn fields(&self) -> &Type {
        self.target
            .get_or_init(|| Type::load(self.release, self.name))
    }
}

impl Type {
    /// A type by name; without fields if there is no such type, which the
    /// tests rule out.
    pub fn load(release: Release, name: &'static str) -> Arc<Self> {
        static READ: LazyLock<Mutex<Types>> = LazyLock::new(Mutex::default);
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read
            .entry((release, name))
            .or_insert_with(|| Arc::new(Self::read(release, name).unwrap_or_default()));
        Arc::clone(found)
    }

    /// The type of every object's `metadata`.
    pub fn metadata(release: Release) -> Arc<Self> {
        Self::load(release, "meta.v1.ObjectMeta")
    }

    fn read(release: Release, name: &str) -> Option<Self> {
        let at = lower_bound(TYPES, name, |line| !line.starts_with(' '), |line| line);
        let mut lines = at.lines();
        if lines.next() != Some(name) {
            return None;
        }
        let fields = lines
            .map_while(|line| line.strip_prefix(' '))
            .filter_map(|line| Field::read(release, line))
            .collect();
        Some(Self { fields })
    }

    /// A field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self
            .fields
            .binary_search_by(|field| field.name.cmp(name))
            .ok()?;
        self.fields.get(at)
    }

    /// All fields, sorted by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Field {
    /// From a line, if the release has the field.
    fn read(release: Release, line: &'static str) -> Option<Self> {
        let (name, rest) = line.split_once(' ')?;
        let (releases, shape) = match rest.split_once(' ') {
            Some((releases, shape)) if releases.starts_with('@') => (Some(releases), shape),
            _ => (None, rest),
        };
        if !includes(releases, release) {
            return None;
        }
        Some(Self {
            name: name.strip_suffix('!').unwrap_or(name),
            required: name.ends_with('!'),
            shape: Shape::read(release, shape),
        })
    }
}

impl Shape {
    fn read(release: Release, text: &'static str) -> Self {
        const SCHEMA: &str = "apiextensions.v1.JSONSchemaProps";
        if let Some(item) = text.strip_prefix("[]") {
            return Self::List(Box::new(Self::read(release, item)));
        }
        if let Some(value) = text.strip_prefix("{}") {
            return Self::Map(Box::new(Self::read(release, value)));
        }
        match text {
            "string" => Self::Text,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "double" => Self::Double,
            "bool" => Self::Bool,
            "base64" => Self::Base64,
            "quantity" => Self::Quantity,
            "time" => Self::Time,
            "micro-time" => Self::MicroTime,
            "int-or-string" => Self::IntOrString,
            "any" => Self::Any,
            "schema-or-bool" => Self::SchemaOrBool(Link::new(release, SCHEMA)),
            "schema-or-list" => Self::SchemaOrList(Link::new(release, SCHEMA)),
            "schema-or-strings" => Self::SchemaOrStrings(Link::new(release, SCHEMA)),
            values if values.starts_with('"') => Self::Enum(
                values
                    .split('|')
                    .map(|value| value.trim_matches('"').to_owned())
                    .collect(),
            ),
            name => Self::Fields(Link::new(release, name)),
        }
    }
}

/// Whether a range of releases has this one.
fn includes(range: Option<&str>, release: Release) -> bool {
    let Some((from, to)) = range.and_then(|r| r.strip_prefix('@')?.split_once('-')) else {
        return true;
    };
    let minor = release.minor();
    from.parse().map_or(true, |from: u8| from <= minor)
        && to.parse().map_or(true, |to: u8| minor <= to)
}

fn kind_key(line: &str) -> &str {
    let mut spaces = line.match_indices(' ').map(|(at, _)| at);
    line.get(..spaces.nth(1).unwrap_or(line.len()))
        .unwrap_or(line)
}

/// The text from the first line on that is a head and whose key is not before
/// this one. The heads are sorted by key, and the first line is one; the text
/// is ASCII.
fn lower_bound<'t>(
    text: &'t str,
    key: &str,
    is_head: impl Fn(&str) -> bool,
    key_of: impl Fn(&str) -> &str,
) -> &'t str {
    let line_at = |at: usize| text[at..].split('\n').next().unwrap_or_default();
    let next = |at: usize| text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
    let (mut low, mut high) = (0, text.len());
    // Invariant: heads before `low` have a smaller key; the head at `high`,
    // if there is one, has not.
    while low < high {
        let middle = low + (high - low) / 2;
        let mut head = text[..middle].rfind('\n').map_or(0, |n| n + 1);
        while head > low && !is_head(line_at(head)) {
            head = text[..head - 1].rfind('\n').map_or(0, |n| n + 1);
        }
        if key_of(line_at(head)) < key {
            low = next(head);
            while low < high && !is_head(line_at(low)) {
                low = next(low);
            }
        } else {
            high = head;
        }
    }
    &text[low..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(shape: &Shape) -> Option<&Link> {
        match shape {
            Shape::List(inner) | Shape::Map(inner) => links(inner),
            Shape::Fields(link)
            | Shape::SchemaOrBool(link)
            | Shape::SchemaOrList(link)
            | Shape::SchemaOrStrings(link) => Some(link),
            _ => None,
        }
    }

    #[test]
    fn every_kind_of_every_release_loads_whole() {
        for release in Release::all() {
            let mut types = std::collections::BTreeSet::new();
            let mut kinds = 0;
            for (api_version, name) in Kind::all(release) {
                kinds += 1;
                let kind = Kind::find(release, api_version, name).unwrap();
                let mut wanted = vec![kind.name];
                while let Some(name) = wanted.pop() {
                    if types.insert(name) {
                        let read = Type::read(release, name);
                        let read = read.unwrap_or_else(|| panic!("{release} has no {name}"));
                        assert!(read.fields.is_sorted_by(|a, b| a.name < b.name), "{name}");
                        wanted.extend(
                            read.fields
                                .iter()
                                .filter_map(|f| links(&f.shape))
                                .map(|l| l.name),
                        );
                    }
                }
            }
            assert!(
                kinds >= 70 && types.len() >= 500,
                "{release}: {kinds} {}",
                types.len()
            );
        }
    }

    #[test]
    fn every_line_is_found() {
        assert!(KINDS.is_ascii() && TYPES.is_ascii());
        for line in KINDS.lines() {
            let mut words = line.split(' ');
            let (api_version, kind) = (words.next().unwrap(), words.next().unwrap());
            let found = Release::all().any(|r| Kind::find(r, api_version, kind).is_some());
            assert!(found, "{line}");
        }
        for name in TYPES.lines().filter(|line| !line.starts_with(' ')) {
            let release = Release::all().last().unwrap();
            assert!(Type::read(release, name).is_some(), "{name}");
        }
    }

    #[test]
    fn names_that_are_not_there_are_not_found() {
        let release = Release::parse("1.36").unwrap();
        for (api_version, kind) in [
            ("", ""),
            ("v1", ""),
            ("v1", "Po"),
            ("v1", "Podd"),
            ("zz/v9", "Z"),
            ("apps/v1", "deployment"),
            ("\u{e9}", "x"),
        ] {
            assert!(
                Kind::find(release, api_version, kind).is_none(),
                "{api_version} {kind}"
            );
        }
        for name in [
            "",
            "core.v1.Po",
            "core.v1.Podd",
            "zz",
            " name string",
            "\u{e9}",
        ] {
            assert!(Type::read(release, name).is_none(), "{name}");
        }
    }
}

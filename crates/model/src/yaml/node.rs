//! The tree.

/// Where a node begins in its text: line and column, both from 1. Nodes that
/// no text holds are at line 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// What a scalar is, after resolving its text or its explicit tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool,
    /// An integer.
    Int,
    /// A floating-point number.
    Float,
    /// Text.
    Str,
    /// A date or time (go-yaml v3 reads unquoted ones as such).
    Timestamp,
    /// Base64 text tagged `!!binary`.
    Binary,
    /// The merge key `<<`; never left in a composed tree.
    Merge,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Without quotes.
    #[default]
    Plain,
    /// In single quotes.
    Single,
    /// In double quotes.
    Double,
    /// A literal block (`|`).
    Literal,
    /// A folded block (`>`).
    Folded,
}

/// A scalar: its text as read (quotes and escapes undone), and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text.
    pub text: String,
    /// What it is.
    pub tag: Tag,
    /// How it was written.
    pub style: Style,
}

/// A key and its value. Keys are always scalars. A mapping read from text may
/// hold the same key twice, and keys that are not strings: kustomize notices
/// only when it prints, and so do [`emit`](super::emit) and
/// [`to_json`](super::to_json).
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// What the key is; only [`Tag::Str`] can be printed.
    pub tag: Tag,
    /// Where the key begins.
    pub at: Mark,
    /// The value.
    pub value: Node,
}

impl Entry {
    /// An entry that no text holds, under a key that is a string.
    pub fn new(key: impl Into<String>, value: Node) -> Self {
        Self {
            key: key.into(),
            tag: Tag::Str,
            at: Mark::default(),
            value,
        }
    }
}

/// A mapping, in the order written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map(pub Vec<Entry>);

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    Seq(Vec<Node>),
    /// A mapping.
    Map(Map),
}

/// A node of a YAML tree.
///
/// ```
/// use model::yaml::Node;
/// let mut n = Node::map();
/// n.as_map_mut().unwrap().set("a", Node::str("x"));
/// assert_eq!(n.get("a").and_then(Node::as_str), Some("x"));
/// assert!(n.get("b").is_none());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it holds.
    pub content: Content,
    /// Where it begins.
    pub at: Mark,
}

impl Node {
    /// A node that no text holds.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            at: Mark::default(),
        }
    }

    /// Text.
    pub fn str(text: impl Into<String>) -> Self {
        Self::scalar(text, Tag::Str)
    }

    /// A plain scalar of this tag.
    pub fn scalar(text: impl Into<String>, tag: Tag) -> Self {
        Self::new(Content::Scalar(Scalar {
            text: text.into(),
            tag,
            style: Style::Plain,
        }))
    }

    /// `null`.
    pub fn null() -> Self {
        Self::scalar("null", Tag::Null)
    }

    /// An empty mapping.
    pub fn map() -> Self {
        Self::new(Content::Map(Map::default()))
    }

    /// A sequence.
    pub fn seq(items: Vec<Self>) -> Self {
        Self::new(Content::Seq(items))
    }

    /// The scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(s) => Some(s),
            _ => None,
        }
    }

    /// The text of a scalar that is text.
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar()
            .filter(|s| s.tag == Tag::Str)
            .map(|s| s.text.as_str())
    }

    /// The items, if it is a sequence.
    pub fn as_seq(&self) -> Option<&[Self]> {
        match &self.content {
            Content::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The items, to change, if it is a sequence.
    pub fn as_seq_mut(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.content {
            Content::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match &self.content {
            Content::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The mapping, to change, if it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.content {
            Content::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.as_scalar().is_some_and(|s| s.tag == Tag::Null)
    }

    /// The value of a key, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key)
    }

    /// The value below these keys.
    pub fn at_path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value below these keys, to change.
    pub fn at_path_mut(&mut self, keys: &[&str]) -> Option<&mut Self> {
        keys.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// What kind of node it is, in words, for messages.
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Seq(_) => "a list",
            Content::Map(_) => "a map",
            Content::Scalar(s) => match s.tag {
                Tag::Null => "null",
                Tag::Bool => "a boolean",
                Tag::Int | Tag::Float => "a number",
                Tag::Timestamp => "a date",
                Tag::Str | Tag::Binary | Tag::Merge => "a string",
            },
        }
    }
}

impl Map {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0
            .iter_mut()
            .find(|e| e.key == key)
            .map(|e| &mut e.value)
    }

    /// Sets a key, in its place if it is there, else at the end.
    pub fn set(&mut self, key: &str, value: Node) {
        match self.get_mut(key) {
            Some(old) => *old = value,
            None => self.0.push(Entry::new(key, value)),
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.0.iter().position(|e| e.key == key)?;
        Some(self.0.remove(at).value)
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|e| (e.key.as_str(), &e.value))
    }

    /// Keys and values, to change, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        self.0.iter_mut().map(|e| (e.key.as_str(), &mut e.value))
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

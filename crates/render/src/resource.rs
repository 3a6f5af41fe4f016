//! Resources: objects on their way through the build, with what the build
//! remembers of them.
//!
//! Where kustomize keeps its memory in annotations of the object itself, it is
//! kept beside the object here.

use std::collections::BTreeMap;
use std::fmt;

use model::object::{Gvk, Object};
use model::yaml::{Content, Entry, Map, Node};

use crate::scope;

/// The name kustomize gives to "no namespace at all" when a pattern is
/// matched against the namespace of a cluster-scoped object.
const NOT_A_NAMESPACE: &str = "_non_namespaceable_";

/// Where an object lives, once "no namespace" and `default` are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In the cluster, in no namespace.
    Cluster,
    /// In this namespace; never empty.
    Namespace(String),
}

impl Scope {
    /// Of an object of this kind that names this namespace (or none: empty).
    pub fn new(gvk: &Gvk, namespace: &str) -> Self {
        if scope::is_cluster_scoped(gvk) {
            Self::Cluster
        } else if namespace.is_empty() {
            Self::Namespace("default".to_owned())
        } else {
            Self::Namespace(namespace.to_owned())
        }
    }

    /// As patterns see it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Cluster => NOT_A_NAMESPACE,
            Self::Namespace(name) => name,
        }
    }
}

/// What makes an object itself: kind, name and where it lives. Two objects of
/// one build never have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResId {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// The name.
    pub name: String,
    /// Where it lives.
    pub scope: Scope,
}

impl ResId {
    /// Of a kind, a name and a namespace (empty: none).
    pub fn new(gvk: Gvk, name: &str, namespace: &str) -> Self {
        Self {
            scope: Scope::new(&gvk, namespace),
            gvk,
            name: name.to_owned(),
        }
    }
}

impl fmt::Display for ResId {
    /// `Kind.version.group/name.namespace`, empty parts in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |text: &str, none: &'static str| {
            if text.is_empty() {
                none.to_owned()
            } else {
                text.to_owned()
            }
        };
        write!(
            f,
            "{}.{}.{}/{}.{}",
            or(&self.gvk.kind, "[noKind]"),
            or(&self.gvk.version, "[noVer]"),
            or(&self.gvk.group, "[noGrp]"),
            or(&self.name, "[noName]"),
            match &self.scope {
                Scope::Cluster => "[noNs]",
                Scope::Namespace(ns) => ns,
            }
        )
    }
}

/// An identity a resource had before; its group and version are always the
/// current ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousId {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// Where it lived.
    pub scope: Scope,
}

/// What a generated object does to one that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behavior {
    /// There must be none.
    #[default]
    Create,
    /// It takes its place.
    Replace,
    /// Its data is put over the other's.
    Merge,
}

/// Whether a digest of the content is put behind the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameHash {
    /// No.
    #[default]
    No,
    /// Yes, at the end of the build.
    Yes,
}

/// Whether a generator made an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Generated {
    /// No, it was read.
    #[default]
    No,
    /// Yes.
    Yes,
}

/// An object and what the build remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The object.
    pub object: Object,
    /// The identities it had, oldest first.
    pub previous: Vec<PreviousId>,
    /// The prefixes it got, innermost first.
    pub prefixes: Vec<String>,
    /// The suffixes it got, innermost first.
    pub suffixes: Vec<String>,
    /// Whether a generator made it.
    pub generated: Generated,
    /// What it does to one that is there already, when generated.
    pub behavior: Behavior,
    /// Whether its name gets a digest.
    pub name_hash: NameHash,
}

impl Resource {
    /// Of an object as it was read.
    pub fn new(object: Object) -> Self {
        Self {
            object,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            generated: Generated::No,
            behavior: Behavior::Create,
            name_hash: NameHash::No,
        }
    }

    /// The tree.
    pub fn node(&self) -> &Node {
        &self.object.node
    }

    /// The tree, to change. A change of kind, name or namespace is to be
    /// preceded by [`Resource::remember`] where kustomize remembers.
    pub fn node_mut(&mut self) -> &mut Node {
        &mut self.object.node
    }

    /// `kind`, whatever scalar it is; empty when missing.
    pub fn kind(&self) -> &str {
        text(self.node().get("kind"))
    }

    /// `apiVersion`, whatever scalar it is; empty when missing.
    pub fn api_version(&self) -> &str {
        text(self.node().get("apiVersion"))
    }

    /// `metadata.name`, whatever scalar it is (kustomize takes the text of a
    /// number too); empty when missing.
    pub fn name(&self) -> &str {
        text(self.node().at_path(&["metadata", "name"]))
    }

    /// `metadata.namespace`, likewise.
    pub fn namespace(&self) -> &str {
        text(self.node().at_path(&["metadata", "namespace"]))
    }

    /// Group, version and kind. The group ends at the *first* slash, as
    /// kustomize reads it.
    pub fn gvk(&self) -> Gvk {
        let api_version = self.api_version();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: self.kind().to_owned(),
        }
    }

    /// The identity it has now.
    pub fn id(&self) -> ResId {
        ResId::new(self.gvk(), self.name(), self.namespace())
    }

    /// The identities it had before, oldest first.
    pub fn previous_ids(&self) -> impl Iterator<Item = ResId> + '_ {
        let gvk = self.gvk();
        self.previous.iter().map(move |p| ResId {
            gvk: Gvk {
                kind: p.kind.clone(),
                ..gvk.clone()
            },
            name: p.name.clone(),
            scope: p.scope.clone(),
        })
    }

    /// Every identity it has or had.
    pub fn ids(&self) -> Vec<ResId> {
        self.previous_ids().chain([self.id()]).collect()
    }

    /// The identity it began with.
    pub fn original_id(&self) -> ResId {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// Remembers the identity it has now, before it changes.
    pub fn remember(&mut self) {
        let id = self.id();
        self.previous.push(PreviousId {
            kind: id.gvk.kind,
            name: id.name,
            scope: id.scope,
        });
        self.give_metadata();
    }

    /// Makes `metadata` when it is missing (only lists may be without), as
    /// kustomize does to write its memory.
    pub fn give_metadata(&mut self) {
        if let Some(map) = self.node_mut().as_map_mut()
            && map.get("metadata").is_none()
        {
            map.set("metadata", Node::map());
        }
    }

    /// Forgets everything but what it is now.
    pub fn forget(&mut self) {
        self.previous.clear();
        self.prefixes.clear();
        self.suffixes.clear();
        self.generated = Generated::No;
        self.behavior = Behavior::Create;
        self.name_hash = NameHash::No;
    }

    /// Remembers a prefix (an empty one is none).
    pub fn add_prefix(&mut self, prefix: &str) {
        if !prefix.is_empty() {
            self.prefixes.push(prefix.to_owned());
        }
    }

    /// Remembers a suffix (an empty one is none).
    pub fn add_suffix(&mut self, suffix: &str) {
        if !suffix.is_empty() {
            self.suffixes.push(suffix.to_owned());
        }
    }

    /// Sets `metadata.name`.
    pub fn set_name(&mut self, name: &str) {
        self.set_meta("name", Node::str(name));
    }

    /// Sets `metadata.namespace`; an empty one takes the key out.
    pub fn set_namespace(&mut self, namespace: &str) {
        if namespace.is_empty() {
            if let Some(meta) = self
                .node_mut()
                .get_mut("metadata")
                .and_then(Node::as_map_mut)
            {
                meta.remove("namespace");
            }
        } else {
            self.set_meta("namespace", Node::str(namespace));
        }
    }

    /// The labels or the annotations, as text, whatever scalars they are.
    pub fn meta_map(&self, key: &str) -> BTreeMap<String, String> {
        raw_map(self.node().at_path(&["metadata", key]))
    }

    /// Writes the labels or the annotations, all as text and sorted; none of
    /// them take the key out.
    pub fn set_meta_map(&mut self, key: &str, entries: &BTreeMap<String, String>) {
        if entries.is_empty() {
            if let Some(meta) = self
                .node_mut()
                .get_mut("metadata")
                .and_then(Node::as_map_mut)
            {
                meta.remove(key);
            }
        } else {
            self.set_meta(key, text_map(entries));
        }
    }

    /// Sets a key of `metadata`, which is made when missing.
    pub fn set_meta(&mut self, key: &str, value: Node) {
        let node = self.node_mut();
        if node.get("metadata").is_none_or(|m| m.as_map().is_none())
            && let Some(map) = node.as_map_mut()
        {
            map.set("metadata", Node::map());
        }
        if let Some(meta) = node.get_mut("metadata").and_then(Node::as_map_mut) {
            meta.set(key, value);
        }
    }

    /// Whether nothing is left of it: a patch can delete a whole object.
    pub fn is_empty(&self) -> bool {
        match &self.node().content {
            Content::Map(map) => map.is_empty(),
            Content::Seq(items) => items.is_empty(),
            Content::Scalar(s) => self.node().is_null() || s.text.is_empty(),
        }
    }

    /// For messages: the identity, and the file and line it comes from.
    pub fn describe(&self) -> String {
        self.object.to_string()
    }
}

/// The scalars of a map as text, null as it is written.
pub fn raw_map(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.and_then(Node::as_map).into_iter().flat_map(Map::iter);
    entries
        .map(|(key, value)| {
            let text = value.as_scalar().map_or("", |s| s.text.as_str());
            (key.to_owned(), text.to_owned())
        })
        .collect()
}

/// A map of texts.
pub fn text_map(entries: &BTreeMap<String, String>) -> Node {
    let entries = entries
        .iter()
        .map(|(key, value)| Entry::new(key.as_str(), Node::str(value.as_str())));
    Node::new(Content::Map(Map(entries.collect())))
}

/// The text of any scalar but null; empty for everything else.
pub fn text(node: Option<&Node>) -> &str {
    node.filter(|n| !n.is_null())
        .and_then(Node::as_scalar)
        .map_or("", |s| s.text.as_str())
}

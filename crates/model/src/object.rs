//! Kubernetes objects.

use std::fmt;

use crate::yaml::Node;

/// A kind with its API group and version; the group of the core API is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// The API group.
    pub group: String,
    /// The version in it.
    pub version: String,
    /// The kind.
    pub kind: String,
}

impl Gvk {
    /// From `apiVersion` and `kind`.
    ///
    /// ```
    /// let g = model::object::Gvk::new("apps/v1", "Deployment");
    /// assert_eq!((g.group.as_str(), g.version.as_str()), ("apps", "v1"));
    /// assert_eq!(g.api_version(), "apps/v1");
    /// ```
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// The `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// Where an object comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The file, relative to the root; empty where no file holds it.
    pub path: String,
    /// Which document of the file, from 1.
    pub document: u32,
    /// The line its document begins at, from 1; 0 where no file holds it.
    pub line: u32,
}

/// An object: a mapping with `apiVersion`, `kind` and `metadata`, and where it
/// comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The tree.
    pub node: Node,
    /// Where it comes from.
    pub origin: Origin,
}

impl Object {
    fn text(&self, keys: &[&str]) -> &str {
        self.node
            .at_path(keys)
            .and_then(Node::as_str)
            .unwrap_or_default()
    }

    /// `apiVersion`; empty when missing.
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// `kind`; empty when missing.
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// `metadata.name`; empty when missing.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// `metadata.namespace`; empty when missing.
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk::new(self.api_version(), self.kind())
    }
}

impl fmt::Display for Object {
    /// `Kind namespace/name`, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind())?;
        if !self.namespace().is_empty() {
            write!(f, "{}/", self.namespace())?;
        }
        f.write_str(self.name())
    }
}

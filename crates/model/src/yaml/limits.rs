//! Which rules apply, and how much is read.

/// Whose rules say what a plain scalar is, and what happens to a key that
/// comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// go-yaml v3, with which kustomize reads resources and strategic-merge
    /// patches: `yes` is text, `0755` and `0o755` are octal, an unquoted date
    /// is a time. A key that comes twice is kept twice; printing refuses it.
    V3,
    /// go-yaml v2 behind sigs.k8s.io/yaml, with which kustomize reads
    /// kustomization files, JSON 6902 patches and transformer configurations:
    /// YAML 1.1 booleans, dates are text. The tree is what the JSON made from
    /// it would be: the last of two equal keys wins, every key is a string.
    V2,
}

/// How much of a text is read before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Mappings and sequences within one another.
    pub depth: usize,
    /// Nodes of one text, aliases expanded.
    pub nodes: usize,
    /// Documents of one text.
    pub documents: usize,
}

impl Limits {
    /// Three times the largest object etcd takes, times a hundred: no file of
    /// manifests is larger, and a tree of this size stays below 4 GiB.
    pub const BYTES: usize = 64 << 20;
    /// Kubernetes' own schemas nest 20 deep, custom ones 40; composing,
    /// printing and dropping 250 levels fits any thread's stack.
    pub const DEPTH: usize = 250;
    /// The densest text of [`Self::BYTES`] bytes is refused before it takes
    /// a gigabyte; 5000 large deployments have a million nodes.
    pub const NODES: usize = 8_000_000;
    /// One file of 5000 resources is usual for an operator's custom
    /// resources; twenty times that is not.
    pub const DOCUMENTS: usize = 100_000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: Self::BYTES,
            depth: Self::DEPTH,
            nodes: Self::NODES,
            documents: Self::DOCUMENTS,
        }
    }
}

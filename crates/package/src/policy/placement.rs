//! Whether objects stay where the client may write.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use model::name::Namespace;
use model::object::{Gvk, Object};
use model::yaml::Node;

use super::{GroupKind, PolicySettings};
use crate::place;
use crate::schema::Scope;

/// Namespaces of the cluster itself begin with this (the Kubernetes project
/// reserves it).
const RESERVED: &str = "kube-";

pub(super) struct Placement<'a> {
    settings: &'a PolicySettings,
    scope: &'a dyn Fn(&Gvk) -> Scope,
    defined: BTreeMap<GroupKind, Scope>,
}

impl<'a> Placement<'a> {
    pub(super) fn new(
        objects: &[Cow<'_, Object>],
        settings: &'a PolicySettings,
        scope: &'a dyn Fn(&Gvk) -> Scope,
    ) -> Self {
        Self {
            settings,
            scope,
            defined: objects.iter().filter_map(|o| definition(o)).collect(),
        }
    }

    fn scope_of(&self, gvk: &Gvk) -> Scope {
        match (self.scope)(gvk) {
            Scope::Unknown => self
                .defined
                .get(&gvk.into())
                .copied()
                .unwrap_or(Scope::Unknown),
            known => known,
        }
    }

    /// Whether the client's own namespace is one that a client may have.
    pub(super) fn own(&self, out: &mut Vec<Finding>) {
        let namespace = &self.settings.namespace;
        if namespace.as_str().starts_with(RESERVED) {
            let what = format!(
                "the namespace of client {} is {namespace}, which belongs to the cluster",
                self.settings.client
            );
            out.push(
                Finding::error("namespace-reserved", Class::Policy, what)
                    .help("give the client a namespace of its own (namespace in consign.yaml)"),
            );
        }
    }

    pub(super) fn check(&self, object: &Object, out: &mut Vec<Finding>) {
        let gvk = object.gvk();
        let is_allowed = self.settings.cluster_kinds.contains(&GroupKind::from(&gvk));
        match self.scope_of(&gvk) {
            Scope::Cluster => {
                let is_own = gvk.group.is_empty()
                    && gvk.kind == "Namespace"
                    && object.name() == self.settings.namespace.as_str();
                if !is_own && !is_allowed {
                    out.push(self.cluster(object, &gvk));
                }
            }
            Scope::Unknown if object.namespace().is_empty() => {
                if !is_allowed {
                    out.push(self.unknown(object, &gvk));
                }
            }
            Scope::Namespaced | Scope::Unknown => self.namespaced(object, out),
        }
    }

    fn cluster(&self, object: &Object, gvk: &Gvk) -> Finding {
        let (what, help) = if gvk.group.is_empty() && gvk.kind == "Namespace" {
            (
                format!(
                    "{} is not the namespace of client {}, which is {}",
                    place::name(object),
                    self.settings.client,
                    self.settings.namespace
                ),
                format!("name it {}, or take it out", self.settings.namespace),
            )
        } else {
            (
                format!(
                    "{} belongs to the whole cluster, not to client {}",
                    place::name(object),
                    self.settings.client
                ),
                format!("take it out, or allow {} {}", spelled(gvk), WHERE_ALLOWED),
            )
        };
        let finding = Finding::error("cluster-scoped", Class::Policy, what).help(help);
        place::at(finding, object, object.node.get("kind"))
    }

    fn unknown(&self, object: &Object, gvk: &Gvk) -> Finding {
        let what = format!(
            "{}: kind {} is not known and the object names no namespace, so it may belong to the whole cluster",
            place::name(object),
            spelled(gvk)
        );
        let help = format!(
            "set namespace: {} if it lives in a namespace, else allow {} {}",
            self.settings.namespace,
            spelled(gvk),
            WHERE_ALLOWED
        );
        let finding = Finding::error("scope-unknown", Class::Policy, what).help(help);
        place::at(finding, object, object.node.get("kind"))
    }

    fn namespaced(&self, object: &Object, out: &mut Vec<Finding>) {
        let namespace = object.namespace();
        let own = &self.settings.namespace;
        let node = object.node.at_path(&["metadata", "namespace"]);
        if namespace.is_empty() {
            let what = match node.filter(|n| !n.is_null() && n.as_str().is_none()) {
                Some(node) => format!(
                    "{}: its namespace is {}",
                    place::name(object),
                    node.describe()
                ),
                None => format!("{} names no namespace", place::name(object)),
            };
            let finding = Finding::error("namespace-missing", Class::Policy, what)
                .help(format!("write 'namespace: {own}' in kustomization.yaml"));
            out.push(place::at(finding, object, node));
            return;
        }
        let finding = match namespace.parse::<Namespace>() {
            Err(why) => Finding::error(
                "namespace-invalid",
                Class::Usage,
                format!(
                    "{}: namespace {namespace} is not allowed: {why}",
                    place::name(object)
                ),
            ),
            Ok(named) if named == *own || self.settings.namespaces.contains(&named) => return,
            Ok(_) => Finding::error(
                "namespace-foreign",
                Class::Policy,
                format!(
                    "{} is in namespace {namespace}; client {} may write to {own}",
                    place::name(object),
                    self.settings.client
                ),
            ),
        };
        let finding = finding.help(format!("write 'namespace: {own}' in kustomization.yaml"));
        out.push(place::at(finding, object, node));
    }
}

const WHERE_ALLOWED: &str = "under policy.cluster-kinds in consign.yaml";

/// `Kind.group`, as `kubectl` takes it.
fn spelled(gvk: &Gvk) -> String {
    if gvk.group.is_empty() {
        gvk.kind.clone()
    } else {
        format!("{}.{}", gvk.kind, gvk.group)
    }
}

/// The kind that a custom resource definition defines, and its scope.
fn definition(object: &Object) -> Option<(GroupKind, Scope)> {
    let gvk = object.gvk();
    if gvk.group != "apiextensions.k8s.io" || gvk.kind != "CustomResourceDefinition" {
        return None;
    }
    let text = |keys: &[&str]| object.node.at_path(keys).and_then(Node::as_str);
    let kind = GroupKind {
        group: text(&["spec", "group"])?.to_owned(),
        kind: text(&["spec", "names", "kind"])?.to_owned(),
    };
    let scope = match text(&["spec", "scope"])? {
        "Namespaced" => Scope::Namespaced,
        "Cluster" => Scope::Cluster,
        _ => return None,
    };
    Some((kind, scope))
}

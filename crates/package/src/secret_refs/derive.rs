//! Which Secrets the objects read.

use std::collections::{BTreeMap, BTreeSet};

use model::object::Object;
use model::yaml::{Node, Tag};

use crate::lists;
use crate::pod_spec::{self, CONTAINER_LISTS};

/// Volumes that the kubelet mounts with a Secret, and the keys below which
/// its name stands. It reads them whole.
///
/// Source: the `Volume` type of Kubernetes' core API.
const VOLUME_SECRETS: [(&str, &[&str]); 10] = [
    ("azureFile", &["secretName"]),
    ("cephfs", &["secretRef", "name"]),
    ("cinder", &["secretRef", "name"]),
    ("csi", &["nodePublishSecretRef", "name"]),
    ("flexVolume", &["secretRef", "name"]),
    ("iscsi", &["secretRef", "name"]),
    ("rbd", &["secretRef", "name"]),
    ("scaleIO", &["secretRef", "name"]),
    ("storageos", &["secretRef", "name"]),
    ("secret", &["secretName"]),
];

/// Whether something works without a Secret or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Every reference is optional.
    Optional,
    /// At least one is not.
    Required,
}

/// Who reads a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// Pods, besides pulling their images.
    Pods,
    /// The kubelet alone, which pulls images with it.
    ImagePull,
    /// What serves TLS with it: `Ingress web`.
    Tls(BTreeSet<String>),
}

/// What is read of one Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretNeed {
    /// Who reads it; pods come before the kubelet, and that before Ingresses,
    /// where several do.
    pub reader: Reader,
    /// Set when it is read whole.
    pub whole: Option<Need>,
    /// The keys that are read by name.
    pub keys: BTreeMap<String, Need>,
}

impl SecretNeed {
    fn new(reader: Reader) -> Self {
        Self {
            reader,
            whole: None,
            keys: BTreeMap::new(),
        }
    }

    fn whole(&mut self, need: Need) {
        self.whole = self.whole.max(Some(need));
    }

    fn key(&mut self, key: &str, need: Need) {
        let known = self.keys.entry(key.to_owned()).or_insert(need);
        *known = need.max(*known);
    }

    /// Whether nothing stops without it.
    pub fn need(&self) -> Need {
        let keys = self.keys.values().copied().max();
        keys.max(self.whole).unwrap_or(Need::Required)
    }
}

/// Every Secret that the objects read, by name.
///
/// Of every pod spec (custom resources' too): `env`, `envFrom`, Secret and
/// projected volumes, volumes that are mounted with a Secret, and
/// `imagePullSecrets`; those of `ServiceAccount`s; the TLS Secrets of
/// `Ingress`es and of Gateway listeners. Lists are opened.
///
/// Source of the rule: package format 1 ("secrets.env.enc").
pub fn derive(objects: &[Object]) -> BTreeMap<String, SecretNeed> {
    let mut needs = Needs::default();
    for object in objects {
        for member in lists::members(object) {
            let node = &member.object.node;
            let gvk = member.object.gvk();
            match (gvk.group.as_str(), gvk.kind.as_str()) {
                ("", "ServiceAccount") => needs.pulls(node),
                ("networking.k8s.io" | "extensions", "Ingress") => {
                    let by = format!("Ingress {}", member.object.name());
                    for tls in items(node.at_path(&["spec", "tls"])) {
                        needs.tls(text(tls, &["secretName"]), &by);
                    }
                }
                ("gateway.networking.k8s.io", "Gateway") => {
                    let by = format!("Gateway {}", member.object.name());
                    for listener in items(node.at_path(&["spec", "listeners"])) {
                        let refs = listener.at_path(&["tls", "certificateRefs"]);
                        for one in items(refs) {
                            if matches!(text(one, &["kind"]), None | Some("Secret"))
                                && text(one, &["namespace"]).is_none()
                            {
                                needs.tls(text(one, &["name"]), &by);
                            }
                        }
                    }
                }
                _ => {}
            }
            pod_spec::visit(&member.object, |_, spec| needs.pod_spec(spec));
        }
    }
    needs.finish()
}

/// The items of a list; none where there is no list.
fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::as_seq).unwrap_or_default()
}

/// Text that is not empty.
fn text<'a>(node: &'a Node, keys: &[&str]) -> Option<&'a str> {
    node.at_path(keys)
        .and_then(Node::as_str)
        .filter(|text| !text.is_empty())
}

fn need(node: &Node) -> Need {
    let optional = node
        .get("optional")
        .and_then(Node::as_scalar)
        .is_some_and(|s| s.tag == Tag::Bool && s.text.eq_ignore_ascii_case("true"));
    if optional {
        Need::Optional
    } else {
        Need::Required
    }
}

#[derive(Default)]
struct Needs {
    pods: BTreeMap<String, SecretNeed>,
    pulls: BTreeSet<String>,
    tls: BTreeMap<String, BTreeSet<String>>,
}

impl Needs {
    fn pod(&mut self, name: &str) -> &mut SecretNeed {
        self.pods
            .entry(name.to_owned())
            .or_insert_with(|| SecretNeed::new(Reader::Pods))
    }

    fn tls(&mut self, name: Option<&str>, by: &str) {
        if let Some(name) = name {
            self.tls
                .entry(name.to_owned())
                .or_default()
                .insert(by.to_owned());
        }
    }

    fn pulls(&mut self, spec: &Node) {
        let names = items(spec.get("imagePullSecrets"))
            .iter()
            .filter_map(|one| text(one, &["name"]));
        self.pulls.extend(names.map(str::to_owned));
    }

    fn pod_spec(&mut self, spec: &Node) {
        self.pulls(spec);
        for list in CONTAINER_LISTS {
            for container in items(spec.get(list)) {
                self.container(container);
            }
        }
        for volume in items(spec.get("volumes")) {
            self.volume(volume);
        }
    }

    fn container(&mut self, container: &Node) {
        for env in items(container.get("env")) {
            let Some(reference) = env.at_path(&["valueFrom", "secretKeyRef"]) else {
                continue;
            };
            if let (Some(name), Some(key)) = (text(reference, &["name"]), text(reference, &["key"]))
            {
                self.pod(name).key(key, need(reference));
            }
        }
        for from in items(container.get("envFrom")) {
            if let Some(reference) = from.get("secretRef")
                && let Some(name) = text(reference, &["name"])
            {
                self.pod(name).whole(need(reference));
            }
        }
    }

    fn volume(&mut self, volume: &Node) {
        for (kind, path) in VOLUME_SECRETS {
            let Some(source) = volume.get(kind) else {
                continue;
            };
            let Some(name) = text(source, path) else {
                continue;
            };
            if kind == "secret" {
                self.files(name, source);
            } else {
                self.pod(name).whole(Need::Required);
            }
        }
        for source in items(volume.at_path(&["projected", "sources"])) {
            if let Some(secret) = source.get("secret")
                && let Some(name) = text(secret, &["name"])
            {
                self.files(name, secret);
            }
        }
    }

    /// A Secret as files: the keys that `items` name, or all.
    fn files(&mut self, name: &str, source: &Node) {
        let wanted = items(source.get("items"));
        let need = need(source);
        let secret = self.pod(name);
        if wanted.is_empty() {
            secret.whole(need);
        }
        for key in wanted.iter().filter_map(|item| text(item, &["key"])) {
            secret.key(key, need);
        }
    }

    fn finish(self) -> BTreeMap<String, SecretNeed> {
        let mut out = self.pods;
        for name in self.pulls {
            out.entry(name)
                .or_insert_with(|| SecretNeed::new(Reader::ImagePull));
        }
        for (name, by) in self.tls {
            out.entry(name)
                .or_insert_with(|| SecretNeed::new(Reader::Tls(by)));
        }
        out
    }
}

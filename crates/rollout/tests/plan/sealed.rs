//! Packages of whatever objects a test needs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::digest::Digest;
use model::image::ImageRef;
use model::object::{Object, Origin};
use model::yaml::{self, Limits};
use package::open::OpenOptions;
use package::seal::{self, seal};
use package::trust::{self, Policy, TrustedPackage};
use serde_json::{Value, json};

const SECRETS: &str = "# Secrets Reference for CLIENT v1.2.0
# ============================================
# This file contains references to secrets, not actual values.
# Actual secrets must be retrieved from Vault during deployment.
#
# Generated: 2026-01-29T09:15:30Z
# Namespace: sh-CLIENT
#
# Required secrets:
#
# Vault paths:
VAULT_SECRET_PATH=secret/data/clients/CLIENT
VAULT_NAMESPACE=sh-CLIENT
# Secret keys expected:
#
# To deploy, ensure Vault is unsealed and accessible.
";

/// Version v1.2.0 of a client, with its Namespace `sh-<client>` and these objects.
pub fn package(client: &str, objects: &[Value]) -> TrustedPackage {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("sh-{client}")}});
    let mut text = String::new();
    let mut images: BTreeSet<ImageRef> = BTreeSet::new();
    for object in [namespace].iter().chain(objects) {
        let _ = writeln!(text, "---\n{object}");
        let containers = ["/spec/containers", "/spec/template/spec/containers"]
            .iter()
            .filter_map(|pointer| object.pointer(pointer)?.as_array());
        for container in containers.flatten() {
            images.insert(container["image"].as_str().unwrap().parse().unwrap());
        }
    }
    let objects = yaml::parse_resources(&text, &Limits::default())
        .unwrap()
        .into_iter()
        .map(|document| Object {
            node: document.node,
            origin: Origin::default(),
        })
        .collect();
    let draft = seal::Draft {
        name: format!("{client}-v1.2.0").parse().unwrap(),
        namespace: format!("sh-{client}").parse().unwrap(),
        created: "2026-01-29T09:15:30Z".to_owned(),
        created_by: "consign 0.1.0".to_owned(),
        source: format!("k8s/clients/{client}"),
        kubernetes: "1.36".to_owned(),
        source_digest: Digest::of(b"source"),
        git: None,
        objects,
        images,
        secrets_ref: SECRETS.replace("CLIENT", client),
    };
    trust::judge(
        seal(draft, &OpenOptions::default()).unwrap(),
        &Policy::none(),
    )
    .unwrap()
}

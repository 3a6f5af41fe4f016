//! The Secrets that a package's pods need, and whether the cluster has them.
//! Names alone are told; values are looked at by nobody.

use std::collections::{BTreeMap, BTreeSet};

use model::finding::{Class, Finding};
use model::object::Object;
use package::lists;
use package::secret_refs::{self, Need, Reader, SecretNeed};

/// Kinds that make a Secret, and where its name stands; their own name where
/// nothing stands there.
///
/// Source: the custom resources of External Secrets, the Vault Secrets
/// Operator, Sealed Secrets and cert-manager.
const MAKERS: [(&str, &str, &[&str]); 5] = [
    (
        "external-secrets.io",
        "ExternalSecret",
        &["spec", "target", "name"],
    ),
    (
        "secrets.hashicorp.com",
        "VaultStaticSecret",
        &["spec", "destination", "name"],
    ),
    (
        "secrets.hashicorp.com",
        "VaultDynamicSecret",
        &["spec", "destination", "name"],
    ),
    (
        "bitnami.com",
        "SealedSecret",
        &["spec", "template", "metadata", "name"],
    ),
    ("cert-manager.io", "Certificate", &["spec", "secretName"]),
];

/// The Secrets that have to be there already: those that the package neither
/// brings nor has made.
pub fn secrets(objects: &[Object]) -> BTreeMap<String, SecretNeed> {
    let mut needs = secret_refs::derive(objects);
    for object in lists::flatten(objects) {
        let gvk = object.gvk();
        if gvk.group.is_empty() && gvk.kind == "Secret" {
            needs.remove(object.name());
        }
        for (group, kind, path) in MAKERS {
            if gvk.group == group && gvk.kind == kind {
                let named = object
                    .node
                    .at_path(path)
                    .and_then(|n| n.as_str())
                    .filter(|n| !n.is_empty());
                needs.remove(named.unwrap_or(object.name()));
            }
        }
    }
    needs
}

/// What the cluster has of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is not there.
    Missing,
    /// It has these keys.
    Keys(BTreeSet<String>),
    /// This user may not look.
    Unknown(String),
}

/// What lacks: pods stop without it, so it is an error; for Ingresses and
/// image pulls it is a warning, because others may bring those Secrets or do
/// without.
pub fn lacking(
    needs: &BTreeMap<String, SecretNeed>,
    found: &BTreeMap<String, Found>,
    skip: Skip,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, need) in needs {
        let make = |why: String| {
            let stops = need.reader == Reader::Pods && skip == Skip::No;
            let finding = if stops {
                Finding::error("secret-missing", Class::Cluster, why)
            } else {
                Finding::warning("secret-missing", Class::Cluster, why)
            };
            finding.help("Create it from Vault as secrets.env.enc says, or go on without: --skip-check secrets")
        };
        match found.get(name) {
            Some(Found::Unknown(why)) => findings.push(Finding::warning(
                "secret-unchecked",
                Class::Cluster,
                format!("Secret {name} not checked: {why}"),
            )),
            Some(Found::Missing) if need.need() == Need::Required => {
                findings.push(make(format!(
                    "Secret {name} does not exist{}",
                    for_whom(need)
                )));
            }
            Some(Found::Missing) | None => {}
            Some(Found::Keys(keys)) => {
                let lacks: Vec<&str> = need
                    .keys
                    .iter()
                    .filter(|(key, need)| **need == Need::Required && !keys.contains(*key))
                    .map(|(key, _)| key.as_str())
                    .collect();
                if !lacks.is_empty() {
                    findings.push(make(format!(
                        "Secret {name} has no key {}",
                        lacks.join(", ")
                    )));
                }
            }
        }
    }
    findings
}

/// Whether the user wants to go on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// No: what lacks stops the run.
    No,
    /// Yes: it is a warning.
    Yes,
}

fn for_whom(need: &SecretNeed) -> String {
    match &need.reader {
        Reader::Pods if need.keys.is_empty() => String::new(),
        Reader::Pods => {
            let keys: Vec<&str> = need.keys.keys().map(String::as_str).collect();
            format!(" (keys needed: {})", keys.join(", "))
        }
        Reader::ImagePull => " (image pull secret)".to_owned(),
        Reader::Tls(by) => {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            format!(" (TLS of {})", by.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use model::object::Origin;
    use model::yaml::{self, Limits};

    use super::*;

    fn objects(text: &str) -> Vec<Object> {
        yaml::parse_resources(text, &Limits::default())
            .unwrap()
            .into_iter()
            .map(|document| Object {
                node: document.node,
                origin: Origin::default(),
            })
            .collect()
    }

    #[test]
    fn what_the_package_brings_or_has_made_need_not_be_there() {
        let pod = "apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: web
    envFrom:
    - secretRef: {name: brought}
    - secretRef: {name: external}
    - secretRef: {name: own-name}
    - secretRef: {name: vault}
    - secretRef: {name: dynamic}
    - secretRef: {name: sealed}
    - secretRef: {name: certificate}
    - secretRef: {name: wanted}
";
        let makers = "
---
apiVersion: v1
kind: Secret
metadata: {name: brought}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: x}
spec: {target: {name: external}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: own-name}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata: {name: x}
spec: {destination: {name: vault}}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultDynamicSecret
metadata: {name: x}
spec: {destination: {name: dynamic}}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: x}
spec: {secretName: certificate}
";
        let lone: Vec<String> = secrets(&objects(pod)).into_keys().collect();
        assert_eq!(lone.len(), 8);
        let with: Vec<String> = secrets(&objects(&format!("{pod}{makers}")))
            .into_keys()
            .collect();
        assert_eq!(with, ["wanted"]);
        // Another group's kind of that name makes nothing.
        let other = makers.replace("cert-manager.io", "example.com");
        let with: Vec<String> = secrets(&objects(&format!("{pod}{other}")))
            .into_keys()
            .collect();
        assert_eq!(with, ["certificate", "wanted"]);
    }
}

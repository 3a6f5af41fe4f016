//! Which kinds a cluster serves, and at which paths.

use std::collections::{BTreeMap, BTreeSet};

use model::object::Gvk;
use serde_json::Value;

use crate::api::{Api, ApiError, Call};
use crate::object::{ObjectId, items, text};

/// A kind that the cluster serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// Its name in paths.
    pub plural: String,
    /// Where its objects live.
    pub scope: Scope,
    /// What can be done with it.
    pub verbs: Vec<String>,
}

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In none.
    Cluster,
}

impl Resource {
    /// The path of its objects in a namespace, or of all where it has none.
    pub fn collection(&self, namespace: &str) -> String {
        let base = if self.gvk.group.is_empty() {
            format!("/api/{}", self.gvk.version)
        } else {
            format!("/apis/{}/{}", self.gvk.group, self.gvk.version)
        };
        match self.scope {
            Scope::Namespaced => format!("{base}/namespaces/{namespace}/{}", self.plural),
            Scope::Cluster => format!("{base}/{}", self.plural),
        }
    }

    /// The path of one object.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), escaped(name))
    }
}

/// A name in a path: RBAC allows any character in some of them.
fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Every kind of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    resources: BTreeMap<(String, String), Vec<Resource>>,
    /// Groups of which all that is served is known.
    complete: BTreeSet<String>,
}

/// The media type of discovery in two requests.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

impl Discovery {
    /// Asks the cluster: two requests.
    pub async fn read(api: &Api) -> Result<Self, ApiError> {
        let core = Call::get("/api").accept(AGGREGATED);
        let rest = Call::get("/apis").accept(AGGREGATED);
        let (core, rest) = tokio::try_join!(api.send(&core), api.send(&rest))?;
        let mut found = Self::default();
        for document in [core, rest] {
            if text(&document, "/kind") != "APIGroupDiscoveryList" {
                return Err(ApiError::Nonsense(
                    "it does not speak aggregated discovery (Kubernetes 1.30 or newer does)"
                        .to_owned(),
                ));
            }
            found.add(&document);
        }
        Ok(found)
    }

    /// Takes in a document of aggregated discovery.
    pub fn add(&mut self, document: &Value) {
        for group in items(document, "/items") {
            // A server behind this one that does not answer is told as stale.
            let is_stale = |version: &Value| text(version, "/freshness") == "Stale";
            if !items(group, "/versions").iter().any(is_stale) {
                self.complete
                    .insert(text(group, "/metadata/name").to_owned());
            }
            for version in items(group, "/versions") {
                for resource in items(version, "/resources") {
                    let gvk = Gvk {
                        group: text(group, "/metadata/name").to_owned(),
                        version: text(version, "/version").to_owned(),
                        kind: text(resource, "/responseKind/kind").to_owned(),
                    };
                    let key = (gvk.group.clone(), gvk.kind.clone());
                    self.resources.entry(key).or_default().push(Resource {
                        gvk,
                        plural: text(resource, "/resource").to_owned(),
                        scope: if text(resource, "/scope") == "Namespaced" {
                            Scope::Namespaced
                        } else {
                            Scope::Cluster
                        },
                        verbs: items(resource, "/verbs")
                            .iter()
                            .filter_map(|v| v.as_str().map(str::to_owned))
                            .collect(),
                    });
                }
            }
        }
    }

    /// A kind in this version, if the cluster serves it.
    pub fn find(&self, gvk: &Gvk) -> Option<&Resource> {
        self.resources
            .get(&(gvk.group.clone(), gvk.kind.clone()))?
            .iter()
            .find(|r| r.gvk.version == gvk.version)
    }

    /// The kind of an object in whichever version the cluster prefers.
    pub fn any(&self, id: &ObjectId) -> Option<&Resource> {
        self.resources
            .get(&(id.group.clone(), id.kind.clone()))?
            .first()
    }

    /// Whether an object may be there though its kind is not served: its group
    /// is missing, or a server behind this one does not answer.
    pub fn is_in_doubt(&self, id: &ObjectId) -> bool {
        self.any(id).is_none() && !self.complete.contains(&id.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_hold_whatever_a_name_holds() {
        let mut found = Discovery::default();
        found.add(&json!({"items": [{"metadata": {"name": "rbac.authorization.k8s.io"}, "versions": [
            {"version": "v1", "resources": [{"resource": "roles", "scope": "Namespaced", "verbs": ["get"],
                "responseKind": {"kind": "Role"}}]}]}]}));
        let role = found
            .find(&Gvk::new("rbac.authorization.k8s.io/v1", "Role"))
            .unwrap();
        assert_eq!(
            role.path("sh-a", "a/../b%"),
            "/apis/rbac.authorization.k8s.io/v1/namespaces/sh-a/roles/a%2F..%2Fb%25"
        );
        assert!(
            found
                .find(&Gvk::new("rbac.authorization.k8s.io/v2", "Role"))
                .is_none()
        );
    }

    #[test]
    fn an_object_is_in_doubt_while_the_server_of_its_group_does_not_answer() {
        let mut found = Discovery::default();
        found.add(&json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current"}]},
            {"metadata": {"name": "metrics.example.com"}, "versions": [
                {"version": "v2", "freshness": "Current"}, {"version": "v1", "freshness": "Stale"}]},
        ]}));
        let doubt = |api_version: &str| {
            found.is_in_doubt(&ObjectId::of(&json!({
                "apiVersion": api_version, "kind": "Thing", "metadata": {"name": "a"},
            })))
        };
        assert!(!doubt("apps/v1"));
        assert!(doubt("metrics.example.com/v1"));
        assert!(doubt("gone.example.com/v1"));
    }
}

//! Which kinds live in no namespace.
//!
//! Known kinds only, from the API description of Kubernetes v1.21.2 that
//! kustomize v5.5.0 carries: whatever it does not know, custom kinds included,
//! counts as living in a namespace.

use model::object::Gvk;

/// `apiVersion/Kind` of every cluster-scoped kind, sorted.
const CLUSTER: &[&str] = &[
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io/v1beta1/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/v1beta1/ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1/CustomResourceDefinition",
    "apiextensions.k8s.io/v1beta1/CustomResourceDefinition",
    "apiregistration.k8s.io/v1/APIService",
    "apiregistration.k8s.io/v1beta1/APIService",
    "certificates.k8s.io/v1/CertificateSigningRequest",
    "certificates.k8s.io/v1beta1/CertificateSigningRequest",
    "flowcontrol.apiserver.k8s.io/v1beta1/FlowSchema",
    "flowcontrol.apiserver.k8s.io/v1beta1/PriorityLevelConfiguration",
    "networking.k8s.io/v1/IngressClass",
    "networking.k8s.io/v1beta1/IngressClass",
    "node.k8s.io/v1/RuntimeClass",
    "node.k8s.io/v1beta1/RuntimeClass",
    "policy/v1beta1/PodSecurityPolicy",
    "rbac.authorization.k8s.io/v1/ClusterRole",
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
    "rbac.authorization.k8s.io/v1beta1/ClusterRole",
    "rbac.authorization.k8s.io/v1beta1/ClusterRoleBinding",
    "scheduling.k8s.io/v1/PriorityClass",
    "scheduling.k8s.io/v1beta1/PriorityClass",
    "storage.k8s.io/v1/CSIDriver",
    "storage.k8s.io/v1/CSINode",
    "storage.k8s.io/v1/StorageClass",
    "storage.k8s.io/v1/VolumeAttachment",
    "storage.k8s.io/v1beta1/CSIDriver",
    "storage.k8s.io/v1beta1/CSINode",
    "storage.k8s.io/v1beta1/StorageClass",
    "storage.k8s.io/v1beta1/VolumeAttachment",
    "v1/ComponentStatus",
    "v1/Namespace",
    "v1/Node",
    "v1/NodeProxyOptions",
    "v1/PersistentVolume",
];

/// Whether objects of this kind certainly live in no namespace.
pub fn is_cluster_scoped(gvk: &Gvk) -> bool {
    CLUSTER
        .binary_search_by(|known| {
            let ours = [gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()];
            let ours = ours.iter().skip(usize::from(gvk.group.is_empty()));
            known.split('/').cmp(ours.copied())
        })
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_as_it_is_searched() {
        assert!(CLUSTER.is_sorted_by_key(|k| k.split('/').collect::<Vec<_>>()));
        for known in CLUSTER {
            let (api_version, kind) = known.rsplit_once('/').unwrap_or_default();
            assert!(is_cluster_scoped(&Gvk::new(api_version, kind)), "{known}");
        }
    }

    #[test]
    fn what_is_unknown_lives_in_a_namespace() {
        assert!(!is_cluster_scoped(&Gvk::new("apps/v1", "Deployment")));
        assert!(!is_cluster_scoped(&Gvk::new("v1", "ConfigMap")));
        assert!(!is_cluster_scoped(&Gvk::new("", "")));
        assert!(!is_cluster_scoped(&Gvk::new(
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy"
        )));
    }
}

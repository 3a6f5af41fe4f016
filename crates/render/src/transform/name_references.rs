//! The fields that hold names of other objects.
//!
//! Source of the rule: the default configuration of kustomize v5.5.0, in its
//! order.

use super::fieldspec::Create::No;
use super::fieldspec::FieldSpec;

/// Objects of a kind, and the fields that name them.
///
/// An empty group or version fits any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referrers {
    /// The group of what is named.
    pub group: &'static str,
    /// The version of what is named.
    pub version: &'static str,
    /// The kind of what is named.
    pub kind: &'static str,
    /// The fields that name it.
    pub fields: &'static [FieldSpec],
}

const fn f(kind: &'static str, path: &'static str) -> FieldSpec {
    FieldSpec::of(kind, path, No)
}

/// Every kind that is named in known fields.
pub const NAME_REFERENCES: &[Referrers] = &[
    Referrers {
        group: "",
        version: "",
        kind: "Deployment",
        fields: &[f("HorizontalPodAutoscaler", "spec/scaleTargetRef/name")],
    },
    Referrers {
        group: "",
        version: "",
        kind: "ReplicationController",
        fields: &[f("HorizontalPodAutoscaler", "spec/scaleTargetRef/name")],
    },
    Referrers {
        group: "",
        version: "",
        kind: "ReplicaSet",
        fields: &[f("HorizontalPodAutoscaler", "spec/scaleTargetRef/name")],
    },
    Referrers {
        group: "",
        version: "",
        kind: "StatefulSet",
        fields: &[f("HorizontalPodAutoscaler", "spec/scaleTargetRef/name")],
    },
    Referrers {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        fields: &[
            FieldSpec::new("", "v1", "Pod", "spec/volumes/configMap/name", No),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/containers/env/valueFrom/configMapKeyRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/initContainers/env/valueFrom/configMapKeyRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/containers/envFrom/configMapRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/initContainers/envFrom/configMapRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/volumes/projected/sources/configMap/name",
                No,
            ),
            f("PodTemplate", "template/spec/volumes/configMap/name"),
            f(
                "PodTemplate",
                "template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/volumes/projected/sources/configMap/name",
            ),
            f("Deployment", "spec/template/spec/volumes/configMap/name"),
            f(
                "Deployment",
                "spec/template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/volumes/projected/sources/configMap/name",
            ),
            f("ReplicaSet", "spec/template/spec/volumes/configMap/name"),
            f(
                "ReplicaSet",
                "spec/template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/volumes/projected/sources/configMap/name",
            ),
            f("DaemonSet", "spec/template/spec/volumes/configMap/name"),
            f(
                "DaemonSet",
                "spec/template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/volumes/projected/sources/configMap/name",
            ),
            f("StatefulSet", "spec/template/spec/volumes/configMap/name"),
            f(
                "StatefulSet",
                "spec/template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/volumes/projected/sources/configMap/name",
            ),
            f("Job", "spec/template/spec/volumes/configMap/name"),
            f(
                "Job",
                "spec/template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/volumes/projected/sources/configMap/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/volumes/configMap/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/volumes/projected/sources/configMap/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/containers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/initContainers/env/valueFrom/configMapKeyRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/containers/envFrom/configMapRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/initContainers/envFrom/configMapRef/name",
            ),
            f("Node", "spec/configSource/configMap"),
            f("Role", "rules/resourceNames"),
            f("ClusterRole", "rules/resourceNames"),
            f(
                "Ingress",
                "metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap",
            ),
        ],
    },
    Referrers {
        group: "",
        version: "v1",
        kind: "Secret",
        fields: &[
            FieldSpec::new("", "v1", "Pod", "spec/volumes/secret/secretName", No),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/containers/env/valueFrom/secretKeyRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/initContainers/env/valueFrom/secretKeyRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/containers/envFrom/secretRef/name",
                No,
            ),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/initContainers/envFrom/secretRef/name",
                No,
            ),
            FieldSpec::new("", "v1", "Pod", "spec/imagePullSecrets/name", No),
            FieldSpec::new(
                "",
                "v1",
                "Pod",
                "spec/volumes/projected/sources/secret/name",
                No,
            ),
            f("PodTemplate", "template/spec/volumes/secret/secretName"),
            f(
                "PodTemplate",
                "template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "PodTemplate",
                "template/spec/initContainers/envFrom/secretRef/name",
            ),
            f("PodTemplate", "template/spec/imagePullSecrets/name"),
            f(
                "PodTemplate",
                "template/spec/volumes/projected/sources/secret/name",
            ),
            f("Deployment", "spec/template/spec/volumes/secret/secretName"),
            f(
                "Deployment",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "Deployment",
                "spec/template/spec/initContainers/envFrom/secretRef/name",
            ),
            f("Deployment", "spec/template/spec/imagePullSecrets/name"),
            f(
                "Deployment",
                "spec/template/spec/volumes/projected/sources/secret/name",
            ),
            f("ReplicaSet", "spec/template/spec/volumes/secret/secretName"),
            f(
                "ReplicaSet",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "ReplicaSet",
                "spec/template/spec/initContainers/envFrom/secretRef/name",
            ),
            f("ReplicaSet", "spec/template/spec/imagePullSecrets/name"),
            f(
                "ReplicaSet",
                "spec/template/spec/volumes/projected/sources/secret/name",
            ),
            f("DaemonSet", "spec/template/spec/volumes/secret/secretName"),
            f(
                "DaemonSet",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/initContainers/envFrom/secretRef/name",
            ),
            f("DaemonSet", "spec/template/spec/imagePullSecrets/name"),
            f(
                "DaemonSet",
                "spec/template/spec/volumes/projected/sources/secret/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/volumes/secret/secretName",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "StatefulSet",
                "spec/template/spec/initContainers/envFrom/secretRef/name",
            ),
            f("StatefulSet", "spec/template/spec/imagePullSecrets/name"),
            f(
                "StatefulSet",
                "spec/template/spec/volumes/projected/sources/secret/name",
            ),
            f("Job", "spec/template/spec/volumes/secret/secretName"),
            f(
                "Job",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "Job",
                "spec/template/spec/initContainers/envFrom/secretRef/name",
            ),
            f("Job", "spec/template/spec/imagePullSecrets/name"),
            f(
                "Job",
                "spec/template/spec/volumes/projected/sources/secret/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/volumes/secret/secretName",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/volumes/projected/sources/secret/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/initContainers/env/valueFrom/secretKeyRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/containers/envFrom/secretRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/initContainers/envFrom/secretRef/name",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/imagePullSecrets/name",
            ),
            f("Ingress", "spec/tls/secretName"),
            f(
                "Ingress",
                "metadata/annotations/ingress.kubernetes.io\\/auth-secret",
            ),
            f(
                "Ingress",
                "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-secret",
            ),
            f(
                "Ingress",
                "metadata/annotations/nginx.ingress.kubernetes.io\\/auth-tls-secret",
            ),
            f("Ingress", "spec/tls/secretName"),
            f("ServiceAccount", "imagePullSecrets/name"),
            f("StorageClass", "parameters/secretName"),
            f("StorageClass", "parameters/adminSecretName"),
            f("StorageClass", "parameters/userSecretName"),
            f("StorageClass", "parameters/secretRef"),
            f("Role", "rules/resourceNames"),
            f("ClusterRole", "rules/resourceNames"),
            FieldSpec::new(
                "serving.knative.dev",
                "v1",
                "Service",
                "spec/template/spec/containers/env/valueFrom/secretKeyRef/name",
                No,
            ),
            f("PersistentVolume", "spec/azureFile/secretName"),
        ],
    },
    Referrers {
        group: "",
        version: "v1",
        kind: "Service",
        fields: &[
            FieldSpec::new("apps", "", "StatefulSet", "spec/serviceName", No),
            f("Ingress", "spec/rules/http/paths/backend/serviceName"),
            f("Ingress", "spec/backend/serviceName"),
            f("Ingress", "spec/rules/http/paths/backend/service/name"),
            f("Ingress", "spec/defaultBackend/service/name"),
            FieldSpec::new(
                "apiregistration.k8s.io",
                "",
                "APIService",
                "spec/service/name",
                No,
            ),
            FieldSpec::new(
                "admissionregistration.k8s.io",
                "",
                "ValidatingWebhookConfiguration",
                "webhooks/clientConfig/service",
                No,
            ),
            FieldSpec::new(
                "admissionregistration.k8s.io",
                "",
                "MutatingWebhookConfiguration",
                "webhooks/clientConfig/service",
                No,
            ),
        ],
    },
    Referrers {
        group: "rbac.authorization.k8s.io",
        version: "",
        kind: "Role",
        fields: &[FieldSpec::new(
            "rbac.authorization.k8s.io",
            "",
            "RoleBinding",
            "roleRef/name",
            No,
        )],
    },
    Referrers {
        group: "rbac.authorization.k8s.io",
        version: "",
        kind: "ClusterRole",
        fields: &[
            FieldSpec::new(
                "rbac.authorization.k8s.io",
                "",
                "RoleBinding",
                "roleRef/name",
                No,
            ),
            FieldSpec::new(
                "rbac.authorization.k8s.io",
                "",
                "ClusterRoleBinding",
                "roleRef/name",
                No,
            ),
        ],
    },
    Referrers {
        group: "",
        version: "v1",
        kind: "ServiceAccount",
        fields: &[
            FieldSpec::new(
                "rbac.authorization.k8s.io",
                "",
                "RoleBinding",
                "subjects",
                No,
            ),
            FieldSpec::new(
                "rbac.authorization.k8s.io",
                "",
                "ClusterRoleBinding",
                "subjects",
                No,
            ),
            f("Pod", "spec/serviceAccountName"),
            f("StatefulSet", "spec/template/spec/serviceAccountName"),
            f("Deployment", "spec/template/spec/serviceAccountName"),
            f(
                "ReplicationController",
                "spec/template/spec/serviceAccountName",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/serviceAccountName",
            ),
            f("Job", "spec/template/spec/serviceAccountName"),
            f("DaemonSet", "spec/template/spec/serviceAccountName"),
        ],
    },
    Referrers {
        group: "",
        version: "v1",
        kind: "PersistentVolumeClaim",
        fields: &[
            f("Pod", "spec/volumes/persistentVolumeClaim/claimName"),
            f(
                "StatefulSet",
                "spec/template/spec/volumes/persistentVolumeClaim/claimName",
            ),
            f(
                "Deployment",
                "spec/template/spec/volumes/persistentVolumeClaim/claimName",
            ),
            f(
                "ReplicationController",
                "spec/template/spec/volumes/persistentVolumeClaim/claimName",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/volumes/persistentVolumeClaim/claimName",
            ),
            f(
                "Job",
                "spec/template/spec/volumes/persistentVolumeClaim/claimName",
            ),
            f(
                "DaemonSet",
                "spec/template/spec/volumes/persistentVolumeClaim/claimName",
            ),
        ],
    },
    Referrers {
        group: "",
        version: "v1",
        kind: "PersistentVolume",
        fields: &[
            f("PersistentVolumeClaim", "spec/volumeName"),
            f("ClusterRole", "rules/resourceNames"),
        ],
    },
    Referrers {
        group: "storage.k8s.io",
        version: "v1",
        kind: "StorageClass",
        fields: &[
            f("PersistentVolume", "spec/storageClassName"),
            f("PersistentVolumeClaim", "spec/storageClassName"),
            f(
                "StatefulSet",
                "spec/volumeClaimTemplates/spec/storageClassName",
            ),
        ],
    },
    Referrers {
        group: "scheduling.k8s.io",
        version: "v1",
        kind: "PriorityClass",
        fields: &[
            f("Pod", "spec/priorityClassName"),
            f("StatefulSet", "spec/template/spec/priorityClassName"),
            f("Deployment", "spec/template/spec/priorityClassName"),
            f(
                "ReplicationController",
                "spec/template/spec/priorityClassName",
            ),
            f(
                "CronJob",
                "spec/jobTemplate/spec/template/spec/priorityClassName",
            ),
            f("Job", "spec/template/spec/priorityClassName"),
            f("DaemonSet", "spec/template/spec/priorityClassName"),
        ],
    },
    Referrers {
        group: "networking.k8s.io/v1",
        version: "v1",
        kind: "IngressClass",
        fields: &[f("Ingress", "spec/ingressClassName")],
    },
    Referrers {
        group: "admissionregistration.k8s.io",
        version: "",
        kind: "ValidatingAdmissionPolicy",
        fields: &[FieldSpec::new(
            "admissionregistration.k8s.io",
            "",
            "ValidatingAdmissionPolicyBinding",
            "spec/policyName",
            No,
        )],
    },
];

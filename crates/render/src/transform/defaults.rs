//! The fields that transformers touch unless configured otherwise.
//!
//! Source of the rule: the default configuration of kustomize v5.5.0, in its
//! order.

use super::fieldspec::Create::{No, Yes};
use super::fieldspec::FieldSpec;

/// Where a name prefix goes.
pub const NAME_PREFIX: &[FieldSpec] = &[FieldSpec::any("metadata/name", No)];

/// Where a name suffix goes.
pub const NAME_SUFFIX: &[FieldSpec] = &[FieldSpec::any("metadata/name", No)];

/// Where `commonLabels` and labels with `includeSelectors` go.
pub const COMMON_LABELS: &[FieldSpec] = &[
    FieldSpec::new("", "v1", "Service", "spec/selector", Yes),
    FieldSpec::new("", "v1", "ReplicationController", "spec/selector", Yes),
    FieldSpec::of("Deployment", "spec/selector/matchLabels", Yes),
    FieldSpec::new(
        "apps",
        "",
        "Deployment",
        "spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "Deployment",
        "spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "Deployment",
        "spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "Deployment",
        "spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "Deployment",
        "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::of("ReplicaSet", "spec/selector/matchLabels", Yes),
    FieldSpec::of("DaemonSet", "spec/selector/matchLabels", Yes),
    FieldSpec::new("apps", "", "StatefulSet", "spec/selector/matchLabels", Yes),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
        No,
    ),
    FieldSpec::new("batch", "", "Job", "spec/selector/matchLabels", No),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/spec/selector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "policy",
        "",
        "PodDisruptionBudget",
        "spec/selector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "networking.k8s.io",
        "",
        "NetworkPolicy",
        "spec/podSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "networking.k8s.io",
        "",
        "NetworkPolicy",
        "spec/ingress/from/podSelector/matchLabels",
        No,
    ),
    FieldSpec::new(
        "networking.k8s.io",
        "",
        "NetworkPolicy",
        "spec/egress/to/podSelector/matchLabels",
        No,
    ),
    FieldSpec::any("metadata/labels", Yes),
    FieldSpec::new(
        "",
        "v1",
        "ReplicationController",
        "spec/template/metadata/labels",
        Yes,
    ),
    FieldSpec::of("Deployment", "spec/template/metadata/labels", Yes),
    FieldSpec::of("ReplicaSet", "spec/template/metadata/labels", Yes),
    FieldSpec::of("DaemonSet", "spec/template/metadata/labels", Yes),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/metadata/labels",
        Yes,
    ),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/volumeClaimTemplates[]/metadata/labels",
        Yes,
    ),
    FieldSpec::new("batch", "", "Job", "spec/template/metadata/labels", Yes),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/metadata/labels",
        Yes,
    ),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/spec/template/metadata/labels",
        Yes,
    ),
];

/// Where labels with `includeTemplates` go.
pub const TEMPLATE_LABELS: &[FieldSpec] = &[
    FieldSpec::any("metadata/labels", Yes),
    FieldSpec::new(
        "",
        "v1",
        "ReplicationController",
        "spec/template/metadata/labels",
        Yes,
    ),
    FieldSpec::of("Deployment", "spec/template/metadata/labels", Yes),
    FieldSpec::of("ReplicaSet", "spec/template/metadata/labels", Yes),
    FieldSpec::of("DaemonSet", "spec/template/metadata/labels", Yes),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/template/metadata/labels",
        Yes,
    ),
    FieldSpec::new(
        "apps",
        "",
        "StatefulSet",
        "spec/volumeClaimTemplates[]/metadata/labels",
        Yes,
    ),
    FieldSpec::new("batch", "", "Job", "spec/template/metadata/labels", Yes),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/metadata/labels",
        Yes,
    ),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/spec/template/metadata/labels",
        Yes,
    ),
];

/// Where `commonAnnotations` go.
pub const COMMON_ANNOTATIONS: &[FieldSpec] = &[
    FieldSpec::any("metadata/annotations", Yes),
    FieldSpec::new(
        "",
        "v1",
        "ReplicationController",
        "spec/template/metadata/annotations",
        Yes,
    ),
    FieldSpec::of("Deployment", "spec/template/metadata/annotations", Yes),
    FieldSpec::of("ReplicaSet", "spec/template/metadata/annotations", Yes),
    FieldSpec::of("DaemonSet", "spec/template/metadata/annotations", Yes),
    FieldSpec::of("StatefulSet", "spec/template/metadata/annotations", Yes),
    FieldSpec::new(
        "batch",
        "",
        "Job",
        "spec/template/metadata/annotations",
        Yes,
    ),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/metadata/annotations",
        Yes,
    ),
    FieldSpec::new(
        "batch",
        "",
        "CronJob",
        "spec/jobTemplate/spec/template/metadata/annotations",
        Yes,
    ),
];

/// Where a namespace goes, beside `metadata.namespace` and the subjects of role bindings.
pub const NAMESPACE: &[FieldSpec] = &[
    FieldSpec::of("Namespace", "metadata/name", Yes),
    FieldSpec::new(
        "apiregistration.k8s.io",
        "",
        "APIService",
        "spec/service/namespace",
        Yes,
    ),
    FieldSpec::new(
        "apiextensions.k8s.io",
        "",
        "CustomResourceDefinition",
        "spec/conversion/webhook/clientConfig/service/namespace",
        No,
    ),
];

/// Where images are, beside every `containers` and `initContainers`.
pub const IMAGES: &[FieldSpec] = &[
    FieldSpec::any("spec/containers[]/image", Yes),
    FieldSpec::any("spec/initContainers[]/image", Yes),
    FieldSpec::any("spec/template/spec/containers[]/image", Yes),
    FieldSpec::any("spec/template/spec/initContainers[]/image", Yes),
];

/// Where a replica count goes.
pub const REPLICAS: &[FieldSpec] = &[
    FieldSpec::of("Deployment", "spec/replicas", Yes),
    FieldSpec::of("ReplicationController", "spec/replicas", Yes),
    FieldSpec::of("ReplicaSet", "spec/replicas", Yes),
    FieldSpec::of("StatefulSet", "spec/replicas", Yes),
];

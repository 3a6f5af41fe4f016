//! What an object is to the others, as far as its kind tells.

use crate::object::ObjectId;

/// The API groups of Kubernetes itself that have a dot; those without one are
/// its own too, as the group of a custom resource must have a dot.
const BUILT_IN_GROUPS: [&str; 18] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Whether kinds of this API group are Kubernetes' own, not custom resources.
///
/// ```
/// use rollout::order::is_built_in;
/// assert!(is_built_in("apps") && is_built_in("networking.k8s.io"));
/// assert!(!is_built_in("gateway.networking.k8s.io") && !is_built_in("cert-manager.io"));
/// ```
pub fn is_built_in(group: &str) -> bool {
    !group.contains('.') || BUILT_IN_GROUPS.contains(&group)
}

/// The classes among which kinds order objects softly; a class comes after
/// those of [`Class::after`], which stand above it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Namespaces and custom resource definitions: objects of their own are
    /// ordered after them, one by one.
    Ground,
    /// What pods mount, run as or are limited by.
    PodRelated,
    /// Roles.
    Role,
    /// Storage classes.
    VolumeKind,
    /// Bindings of roles.
    Binding,
    /// Volumes and claims.
    Storage,
    /// Whatever else.
    Other,
    /// What intercepts requests: last, so that it does not refuse ours while
    /// what answers it is not up.
    Webhook,
}

impl Class {
    pub(super) const ALL: [Self; 8] = [
        Self::Ground,
        Self::PodRelated,
        Self::Role,
        Self::VolumeKind,
        Self::Binding,
        Self::Storage,
        Self::Other,
        Self::Webhook,
    ];

    pub(super) fn of(id: &ObjectId) -> Self {
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Namespace") | ("apiextensions.k8s.io", _) => Self::Ground,
            ("", "ConfigMap" | "LimitRange" | "ResourceQuota" | "Secret" | "ServiceAccount")
            | ("networking.k8s.io", "NetworkPolicy")
            | ("policy", "PodDisruptionBudget")
            | ("scheduling.k8s.io", "PriorityClass")
            | ("node.k8s.io", "RuntimeClass") => Self::PodRelated,
            ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => Self::Role,
            ("rbac.authorization.k8s.io", _) => Self::Binding,
            ("storage.k8s.io", _) => Self::VolumeKind,
            ("", "PersistentVolume" | "PersistentVolumeClaim") => Self::Storage,
            ("admissionregistration.k8s.io", _) => Self::Webhook,
            _ => Self::Other,
        }
    }

    /// The classes whose objects are applied before this one's.
    pub(super) fn after(self) -> &'static [Self] {
        match self {
            Self::Ground | Self::PodRelated | Self::Role | Self::VolumeKind => &[],
            Self::Binding => &[Self::Role],
            Self::Storage => &[Self::VolumeKind],
            Self::Other => &[
                Self::PodRelated,
                Self::Role,
                Self::VolumeKind,
                Self::Binding,
                Self::Storage,
            ],
            Self::Webhook => &[
                Self::PodRelated,
                Self::Role,
                Self::VolumeKind,
                Self::Binding,
                Self::Storage,
                Self::Other,
            ],
        }
    }
}

/// The classes in which objects are removed, each after all above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaving {
    /// What intercepts requests: first, so that it does not refuse ours when
    /// what answers it is gone.
    Webhook,
    /// Custom resources, while the programs that finalise them still run.
    Custom,
    /// Their definitions, which take instances of others with them: for the
    /// same reason.
    Definition,
    /// What leads to workloads (Services, Ingresses, autoscalers).
    Front,
    /// What runs.
    Workload,
    /// What it needed.
    Support,
    /// Roles and storage classes.
    Base,
    /// Namespaces.
    Namespace,
}

impl Leaving {
    pub(super) const COUNT: usize = Self::Namespace as usize + 1;

    pub(super) fn of(id: &ObjectId) -> Self {
        match (id.group.as_str(), id.kind.as_str()) {
            ("", "Namespace") => Self::Namespace,
            ("apiextensions.k8s.io", _) => Self::Definition,
            ("", "Pod" | "ReplicationController")
            | ("apps" | "extensions", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", _) => Self::Workload,
            (group, _) if !is_built_in(group) => Self::Custom,
            _ => match Class::of(id) {
                Class::Webhook => Self::Webhook,
                Class::PodRelated | Class::Binding | Class::Storage => Self::Support,
                Class::Role | Class::VolumeKind => Self::Base,
                Class::Ground | Class::Other => Self::Front,
            },
        }
    }
}

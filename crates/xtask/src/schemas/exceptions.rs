//! Where the real API server refuses less than the schemas say, or more in a
//! way that a schema can hold, found by asking it: the test `api_server` of
//! the package crate breaks objects and compares.
//!
//! Types are named as in the data; `*` stands for every version.

use super::definitions::{Definitions, Field};

/// Required by the schema, yet an object without the field is taken: what Go
/// fills in is good enough.
const NOT_REQUIRED: &[(&str, &[&str])] = &[
    ("batch.v1.PodFailurePolicy", &["rules"]),
    ("core.v1.Event", &["involvedObject"]),
    ("core.v1.HTTPHeader", &["value"]),
    ("core.v1.ISCSIPersistentVolumeSource", &["lun"]),
    ("core.v1.ISCSIVolumeSource", &["lun"]),
    ("core.v1.LimitRangeSpec", &["limits"]),
    ("core.v1.PreferredSchedulingTerm", &["preference"]),
    ("core.v1.SleepAction", &["seconds"]),
    ("core.v1.Sysctl", &["value"]),
    ("discovery.v1.ForNode", &["name"]),
    ("discovery.v1.ForZone", &["name"]),
    ("resource.*.DeviceCapacity", &["value"]),
    ("resource.*.DeviceClass", &["spec"]),
    ("resource.*.ResourceClaim", &["spec"]),
    ("resource.*.ResourceClaimTemplate", &["spec"]),
    ("resource.*.ResourceClaimTemplateSpec", &["spec"]),
    ("resource.*.ResourcePool", &["generation"]),
    ("storage.v1.CSIDriver", &["spec"]),
    ("storage.v1.CSINode", &["spec"]),
    ("storage.v1.CSINodeSpec", &["drivers"]),
    ("storage.v1.TokenRequest", &["audience"]),
];

/// Not required by the schema, yet no object without the field is taken.
const REQUIRED: &[(&str, &[&str])] = &[
    ("admissionregistration.*.MutatingAdmissionPolicy", &["spec"]),
    (
        "admissionregistration.*.MutatingAdmissionPolicySpec",
        &["matchConstraints", "mutations", "reinvocationPolicy"],
    ),
    (
        "admissionregistration.*.NamedRuleWithOperations",
        &["apiGroups", "apiVersions", "operations", "resources"],
    ),
    ("admissionregistration.*.ParamKind", &["apiVersion", "kind"]),
    (
        "admissionregistration.*.ParamRef",
        &["parameterNotFoundAction"],
    ),
    (
        "admissionregistration.*.ValidatingAdmissionPolicy",
        &["spec"],
    ),
    (
        "admissionregistration.*.ValidatingAdmissionPolicySpec",
        &["matchConstraints"],
    ),
    (
        "admissionregistration.v1.RuleWithOperations",
        &["apiGroups", "apiVersions", "operations", "resources"],
    ),
    (
        "apiextensions.v1.CustomResourceDefinitionVersion",
        &["schema"],
    ),
    (
        "apiregistration.v1.ServiceReference",
        &["name", "namespace"],
    ),
    ("apps.v1.DaemonSet", &["spec"]),
    ("apps.v1.Deployment", &["spec"]),
    ("apps.v1.ReplicaSet", &["spec"]),
    ("apps.v1.ReplicaSetSpec", &["template"]),
    ("apps.v1.StatefulSet", &["spec"]),
    ("batch.v1.CronJob", &["spec"]),
    ("batch.v1.Job", &["spec"]),
    ("batch.v1.JobTemplateSpec", &["spec"]),
    ("certificates.v1.CertificateSigningRequestSpec", &["usages"]),
    ("core.v1.ConfigMapEnvSource", &["name"]),
    ("core.v1.ConfigMapProjection", &["name"]),
    ("core.v1.ConfigMapVolumeSource", &["name"]),
    ("core.v1.Container", &["image"]),
    ("core.v1.EphemeralVolumeSource", &["volumeClaimTemplate"]),
    ("core.v1.ExecAction", &["command"]),
    ("core.v1.ImageVolumeSource", &["reference"]),
    ("core.v1.PersistentVolume", &["spec"]),
    ("core.v1.PersistentVolumeClaim", &["spec"]),
    (
        "core.v1.PersistentVolumeClaimSpec",
        &["accessModes", "resources"],
    ),
    ("core.v1.PersistentVolumeSpec", &["accessModes", "capacity"]),
    ("core.v1.Pod", &["spec"]),
    ("core.v1.PodDNSConfigOption", &["name"]),
    ("core.v1.PodTemplate", &["template"]),
    ("core.v1.PodTemplateSpec", &["spec"]),
    ("core.v1.ReplicationController", &["spec"]),
    ("core.v1.ReplicationControllerSpec", &["template"]),
    ("core.v1.SecretEnvSource", &["name"]),
    ("core.v1.SecretProjection", &["name"]),
    ("core.v1.SecretVolumeSource", &["secretName"]),
    ("core.v1.Service", &["spec"]),
    ("core.v1.VolumeNodeAffinity", &["required"]),
    (
        "events.v1.Event",
        &[
            "action",
            "reason",
            "reportingController",
            "reportingInstance",
        ],
    ),
    ("flowcontrol.v1.FlowSchema", &["spec"]),
    ("flowcontrol.v1.PriorityLevelConfiguration", &["spec"]),
    ("networking.v1.IngressClass", &["spec"]),
    ("networking.v1.IngressClassSpec", &["controller"]),
    ("networking.*.ServiceCIDR", &["spec"]),
    ("networking.*.ServiceCIDRSpec", &["cidrs"]),
    ("rbac.v1.AggregationRule", &["clusterRoleSelectors"]),
    ("resource.*.DeviceClassConfiguration", &["opaque"]),
    ("resource.*.DeviceSelector", &["cel"]),
    ("storage.*.VolumeAttributesClass", &["parameters"]),
];

/// Other values than these are refused.
const VALUES: &[(&str, &[&str], &[&str])] = &[
    (
        "admissionregistration.*.ParamRef",
        &["parameterNotFoundAction"],
        &["Allow", "Deny"],
    ),
    (
        "admissionregistration.*.Validation",
        &["reason"],
        &[
            "Forbidden",
            "Invalid",
            "RequestEntityTooLarge",
            "Unauthorized",
        ],
    ),
    (
        "apiextensions.v1.CustomResourceConversion",
        &["strategy"],
        &["None", "Webhook"],
    ),
    (
        "apiextensions.v1.CustomResourceDefinitionSpec",
        &["scope"],
        &["Cluster", "Namespaced"],
    ),
    (
        "apiextensions.v1.JSONSchemaProps",
        &["type"],
        &["array", "boolean", "integer", "number", "object", "string"],
    ),
    (
        "apiextensions.v1.JSONSchemaProps",
        &["x-kubernetes-list-type"],
        &["atomic", "map", "set"],
    ),
    (
        "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy",
        &["whenDeleted", "whenScaled"],
        &["Delete", "Retain"],
    ),
    (
        "autoscaling.v2.HPAScalingPolicy",
        &["type"],
        &["Percent", "Pods"],
    ),
    (
        "autoscaling.v2.HPAScalingRules",
        &["selectPolicy"],
        &["Disabled", "Max", "Min"],
    ),
    (
        "autoscaling.v2.MetricSpec",
        &["type"],
        &[
            "ContainerResource",
            "External",
            "Object",
            "Pods",
            "Resource",
        ],
    ),
    (
        "autoscaling.v2.MetricTarget",
        &["type"],
        &["AverageValue", "Utilization", "Value"],
    ),
    (
        "batch.v1.PodFailurePolicyOnPodConditionsPattern",
        &["status"],
        &["False", "True", "Unknown"],
    ),
    (
        "core.v1.Container",
        &["restartPolicy"],
        &["Always", "Never", "OnFailure"],
    ),
    (
        "core.v1.ContainerResizePolicy",
        &["resourceName"],
        &["cpu", "memory"],
    ),
    (
        "core.v1.ContainerResizePolicy",
        &["restartPolicy"],
        &["NotRequired", "RestartContainer"],
    ),
    ("core.v1.ServiceSpec", &["ipFamilies"], &["IPv4", "IPv6"]),
    (
        "core.v1.ServiceSpec",
        &["trafficDistribution"],
        &["PreferClose", "PreferSameNode", "PreferSameZone"],
    ),
    (
        "core.v1.VolumeMount",
        &["recursiveReadOnly"],
        &["Disabled", "Enabled", "IfPossible"],
    ),
    (
        "flowcontrol.v1.FlowDistinguisherMethod",
        &["type"],
        &["ByNamespace", "ByUser"],
    ),
    (
        "flowcontrol.v1.LimitResponse",
        &["type"],
        &["Queue", "Reject"],
    ),
    (
        "flowcontrol.v1.NonResourcePolicyRule",
        &["verbs"],
        FLOW_VERBS,
    ),
    (
        "flowcontrol.v1.PriorityLevelConfigurationSpec",
        &["type"],
        &["Exempt", "Limited"],
    ),
    ("flowcontrol.v1.ResourcePolicyRule", &["verbs"], FLOW_VERBS),
    (
        "flowcontrol.v1.Subject",
        &["kind"],
        &["Group", "ServiceAccount", "User"],
    ),
    (
        "networking.v1.IngressClassParametersReference",
        &["scope"],
        &["Cluster", "Namespace"],
    ),
    (
        "rbac.v1.RoleRef",
        &["apiGroup"],
        &["rbac.authorization.k8s.io"],
    ),
    ("rbac.v1.RoleRef", &["kind"], &["ClusterRole", "Role"]),
    (
        "rbac.v1.Subject",
        &["apiGroup"],
        &["rbac.authorization.k8s.io"],
    ),
    (
        "rbac.v1.Subject",
        &["kind"],
        &["Group", "ServiceAccount", "User"],
    ),
    (
        "storage.v1.CSIDriverSpec",
        &["fsGroupPolicy"],
        &["File", "None", "ReadWriteOnceWithFSType"],
    ),
    (
        "storage.v1.CSIDriverSpec",
        &["volumeLifecycleModes"],
        &["Ephemeral", "Persistent"],
    ),
];

const FLOW_VERBS: &[&str] = &[
    "*",
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
];

/// Puts the exceptions into the schemas; one that changes none is an error, so
/// that the tables do not rot.
pub fn apply(releases: &mut [Definitions]) -> Result<(), String> {
    // Go reads a missing boolean as false, and nobody can tell.
    for field in releases
        .iter_mut()
        .flat_map(|release| release.types.values_mut())
        .flat_map(|fields| fields.values_mut())
    {
        field.required &= field.shape != "bool";
    }
    no_longer_required(releases);
    for (name, fields) in NOT_REQUIRED {
        change(releases, name, fields, |found| {
            std::mem::take(&mut found.required)
        })?;
    }
    for (name, fields) in REQUIRED {
        change(releases, name, fields, |found| {
            !std::mem::replace(&mut found.required, true)
        })?;
    }
    for (name, fields, values) in VALUES {
        let values: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
        let values = values.join("|");
        change(releases, name, fields, |found| {
            let list = if found.shape.starts_with("[]") {
                "[]"
            } else {
                ""
            };
            let shape = format!("{list}{values}");
            std::mem::replace(&mut found.shape, shape.clone()) != shape
        })?;
    }
    Ok(())
}

/// A release that no longer requires a field has corrected its schema: the
/// servers before it filled the field in as well.
fn no_longer_required(releases: &mut [Definitions]) {
    for at in (1..releases.len()).rev() {
        let (older, newer) = releases.split_at_mut(at);
        let (Some(older), Some(newer)) = (older.last_mut(), newer.first()) else {
            return;
        };
        for (name, fields) in &mut older.types {
            for (field, found) in fields {
                let next = newer.types.get(name).and_then(|fields| fields.get(field));
                found.required &= next.is_none_or(|next| next.required);
            }
        }
    }
}

fn change(
    releases: &mut [Definitions],
    name: &str,
    fields: &[&str],
    change: impl Fn(&mut Field) -> bool,
) -> Result<(), String> {
    for field in fields {
        let mut changed = false;
        for (found, types) in releases.iter_mut().flat_map(|release| &mut release.types) {
            if is_named(found, name)
                && let Some(found) = types.get_mut(*field)
            {
                changed |= change(found);
            }
        }
        if !changed {
            return Err(format!("the exception {name}.{field} changes nothing"));
        }
    }
    Ok(())
}

/// Whether a name is the one wanted, whose version may be `*`.
fn is_named(name: &str, wanted: &str) -> bool {
    match wanted.split_once(".*.") {
        Some((group, kind)) => {
            let rest = name.strip_prefix(group).and_then(|r| r.strip_prefix('.'));
            rest.and_then(|r| r.split_once('.'))
                .is_some_and(|(_, found)| found == kind)
        }
        None => name == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn versions_may_be_left_open() {
        assert!(is_named(
            "resource.v1beta1.DeviceClass",
            "resource.*.DeviceClass"
        ));
        assert!(is_named("core.v1.Pod", "core.v1.Pod"));
        assert!(!is_named("core.v1.PodSpec", "core.*.Pod"));
        assert!(!is_named("resources.v1.Pod", "resource.*.Pod"));
    }
}

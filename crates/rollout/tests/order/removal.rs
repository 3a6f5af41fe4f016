//! The waves in which objects go.

use rollout::order::{Item, removal_order};

use crate::items::{definition, item, names, waiting};

fn order(items: &[Item]) -> Vec<String> {
    removal_order(items)
        .iter()
        .map(|wave| names(items, wave))
        .collect()
}

#[test]
fn everything_leaves_before_what_it_stands_on() {
    let items = [
        item("Namespace acme"),
        definition("example.org", "Widget"),
        item("example.org/Widget acme/one"),
        item("cert-manager.io/Certificate acme/tls"),
        item("apps/Deployment acme/operator"),
        item("Service acme/web"),
        item("autoscaling/HorizontalPodAutoscaler acme/web"),
        item("ServiceAccount acme/operator"),
        item("PersistentVolumeClaim acme/data"),
        item("rbac.authorization.k8s.io/Role acme/r"),
        item("rbac.authorization.k8s.io/RoleBinding acme/r"),
        item("admissionregistration.k8s.io/MutatingWebhookConfiguration guard"),
    ];
    assert_eq!(
        order(&items),
        [
            "mutatingwebhookconfiguration/guard",
            "certificate/tls widget/one",
            "customresourcedefinition/widgets.example.org",
            "service/web horizontalpodautoscaler/web",
            "deployment/operator",
            "persistentvolumeclaim/data serviceaccount/operator rolebinding/r",
            "role/r",
            "namespace/acme",
        ]
    );
}

#[test]
fn who_waited_leaves_first() {
    let items = [
        item("batch/Job acme/migrate"),
        waiting("apps/Deployment acme/web", "job/migrate"),
    ];
    assert_eq!(order(&items), ["deployment/web", "job/migrate"]);
    // Even against the order of kinds.
    let items = [
        item("batch/Job acme/make"),
        waiting("ConfigMap acme/made", "job/make"),
        item("ConfigMap acme/other"),
    ];
    assert_eq!(
        order(&items),
        ["configmap/made", "job/make", "configmap/other"]
    );
}

#[test]
fn references_to_what_is_gone_and_cycles_do_not_keep_anything() {
    let items = [
        waiting("batch/Job acme/a", "configmap/b,job/gone"),
        waiting("ConfigMap acme/b", "job/a"),
        item("Service acme/web"),
    ];
    assert_eq!(order(&items), ["service/web", "job/a", "configmap/b"]);
}

//! The waves of real packages.

use std::time::Instant;

use rollout::order::{Item, OrderError, waves};

use crate::items::{definition, item, shown, waiting};

fn order(items: &[Item]) -> Vec<String> {
    shown(items, &waves(items).unwrap())
}

#[test]
fn nothing_has_no_waves() {
    assert_eq!(waves(&[]).unwrap(), vec![]);
}

#[test]
fn what_runs_comes_after_what_it_mounts_and_nothing_is_waited_for() {
    let items = [
        item("apps/Deployment acme/web"),
        item("Service acme/web"),
        item("networking.k8s.io/Ingress acme/web"),
        item("ConfigMap acme/settings"),
        item("ServiceAccount acme/web"),
        item("policy/PodDisruptionBudget acme/web"),
        item("networking.k8s.io/NetworkPolicy acme/web"),
    ];
    assert_eq!(
        order(&items),
        [
            "configmap/settings serviceaccount/web networkpolicy/web poddisruptionbudget/web",
            "service/web deployment/web ingress/web",
        ]
    );
}

#[test]
fn bindings_come_after_roles_and_claims_after_their_class() {
    let items = [
        item("rbac.authorization.k8s.io/RoleBinding acme/web"),
        item("PersistentVolumeClaim acme/data"),
        item("rbac.authorization.k8s.io/Role acme/web"),
        item("storage.k8s.io/StorageClass fast"),
        item("apps/StatefulSet acme/db"),
    ];
    assert_eq!(
        order(&items),
        [
            "role/web storageclass/fast",
            "rolebinding/web persistentvolumeclaim/data",
            "statefulset/db",
        ]
    );
}

#[test]
fn webhooks_come_last() {
    let items = [
        item("admissionregistration.k8s.io/ValidatingWebhookConfiguration guard"),
        item("apps/Deployment acme/guard"),
        item("ConfigMap acme/settings"),
    ];
    assert_eq!(
        order(&items),
        [
            "configmap/settings",
            "deployment/guard",
            "validatingwebhookconfiguration/guard",
        ]
    );
}

#[test]
fn d18_a_custom_resource_waits_for_its_own_definition_and_nothing_else_does() {
    let items = [
        item("example.org/Widget acme/one"),
        definition("example.org", "Widget"),
        definition("example.org", "Gadget"),
        item("apps/Deployment acme/web"),
        // Of the same name, but of another group.
        item("example.com/Widget acme/two"),
    ];
    assert_eq!(
        order(&items),
        [
            "customresourcedefinition/gadgets.example.org customresourcedefinition/widgets.example.org \
             deployment/web widget/two [customresourcedefinition/widgets.example.org]",
            "widget/one",
        ]
    );
}

#[test]
fn d18_what_is_in_a_namespace_waits_for_it() {
    let items = [
        item("ConfigMap acme/settings"),
        item("ConfigMap elsewhere/settings"),
        item("Namespace acme"),
        item("apps/Deployment acme/web"),
    ];
    assert_eq!(
        order(&items),
        [
            "namespace/acme configmap/settings [namespace/acme]",
            "configmap/settings",
            "deployment/web",
        ]
    );
}

#[test]
fn migrations_then_the_program_then_its_check() {
    let items = [
        waiting("batch/Job acme/check", "deployment/web"),
        waiting("apps/Deployment acme/web", "job/migrate"),
        item("batch/Job acme/migrate"),
        item("ConfigMap acme/settings"),
        item("Service acme/web"),
    ];
    assert_eq!(
        order(&items),
        [
            "configmap/settings",
            "service/web job/migrate [job/migrate]",
            "deployment/web [deployment/web]",
            "job/check",
        ]
    );
}

#[test]
fn a_gate_is_as_late_as_can_be() {
    let items = [
        item("ConfigMap acme/first"),
        item("rbac.authorization.k8s.io/Role acme/r"),
        item("rbac.authorization.k8s.io/RoleBinding acme/r"),
        waiting("apps/Deployment acme/web", "configmap/first"),
    ];
    let waves = order(&items);
    assert_eq!(waves[0], "configmap/first role/r");
    assert_eq!(waves[1], "rolebinding/r [configmap/first]");
}

#[test]
fn a_hard_wish_breaks_the_soft_order_of_its_own_chain_only() {
    let items = [
        // Made by the Job: the Job must not wait for it, but for the others.
        waiting("ConfigMap acme/made", "job/make"),
        item("ConfigMap acme/settings"),
        item("rbac.authorization.k8s.io/Role acme/r"),
        item("rbac.authorization.k8s.io/RoleBinding acme/r"),
        item("batch/Job acme/make"),
        item("apps/Deployment acme/web"),
    ];
    assert_eq!(
        order(&items),
        [
            "configmap/settings role/r",
            "rolebinding/r",
            "job/make [job/make]",
            "configmap/made",
            "deployment/web",
        ]
    );
}

#[test]
fn two_soft_orders_that_contradict_hard_wishes_are_no_cycle() {
    let items = [
        waiting("ConfigMap acme/a", "job/b"),
        waiting("ConfigMap acme/b", "job/a"),
        item("batch/Job acme/a"),
        item("batch/Job acme/b"),
    ];
    assert_eq!(
        order(&items),
        ["job/a job/b [job/a job/b]", "configmap/a configmap/b"]
    );
}

#[test]
fn a_cycle_names_its_objects_and_no_others() {
    let items = [
        waiting("apps/Deployment acme/behind", "deployment/a"),
        waiting("apps/Deployment acme/a", "job/b"),
        waiting("batch/Job acme/b", "configmap/c"),
        waiting("ConfigMap acme/c", "deployment/a"),
        item("ConfigMap acme/fine"),
    ];
    let error = waves(&items).unwrap_err();
    assert_eq!(
        error.to_string(),
        "objects wait for each other: ConfigMap acme/c waits for Deployment acme/a \
         waits for Job acme/b waits for ConfigMap acme/c"
    );
}

#[test]
fn an_object_that_waits_for_itself_is_a_cycle() {
    let error = waves(&[waiting("batch/Job acme/a", "job/a")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "objects wait for each other: Job acme/a waits for Job acme/a"
    );
}

#[test]
fn a_namespace_that_waits_for_what_is_in_it_is_a_cycle() {
    let items = [waiting("Namespace acme", "job/a"), item("batch/Job acme/a")];
    let error = waves(&items).unwrap_err();
    assert!(matches!(error, OrderError::Cycle(_)), "{error}");
}

#[test]
fn five_thousand_objects_take_no_time() {
    let mut items = vec![item("Namespace acme"), definition("example.org", "Widget")];
    for n in 0..1_250 {
        items.push(item(&format!("ConfigMap acme/c{n}")));
        items.push(item(&format!("example.org/Widget acme/w{n}")));
        items.push(item(&format!("batch/Job acme/j{n}")));
        items.push(waiting(
            &format!("apps/Deployment acme/d{n}"),
            &format!("job/j{n}"),
        ));
    }
    let began = Instant::now();
    assert_eq!(waves(&items).unwrap().len(), 4);
    // Unoptimised, on a busy machine; what is quadratic takes minutes.
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
}

#[test]
fn a_chain_that_breaks_the_soft_order_a_thousand_times_is_bearable() {
    let mut items = vec![item("batch/Job acme/j0")];
    for n in 1..1_000 {
        let before = format!("job/j{}", n - 1);
        items.push(waiting(&format!("ConfigMap acme/c{n}"), &before));
        items.push(waiting(
            &format!("batch/Job acme/j{n}"),
            &format!("configmap/c{n}"),
        ));
    }
    let began = Instant::now();
    assert_eq!(waves(&items).unwrap().len(), items.len());
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

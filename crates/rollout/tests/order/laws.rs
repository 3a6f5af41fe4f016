//! Laws of the order, for any package.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rollout::object::ObjectId;
use rollout::order::{Item, OrderError, Wave, removal_order, waves};

use crate::items::{definition, item, waiting};

const KINDS: [&str; 12] = [
    "ConfigMap",
    "ServiceAccount",
    "Service",
    "apps/Deployment",
    "batch/Job",
    "PersistentVolumeClaim",
    "rbac.authorization.k8s.io/Role",
    "rbac.authorization.k8s.io/RoleBinding",
    "storage.k8s.io/StorageClass",
    "example.org/Widget",
    "policy/PodDisruptionBudget",
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
];

/// Objects of every kind in two namespaces, which may be there too, as may the
/// definition; some wait for others, so that there may be cycles.
fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let one = (
        0..KINDS.len(),
        0..2_usize,
        prop::option::weighted(0.3, any::<prop::sample::Index>()),
    );
    (prop::collection::vec(one, 0..25), any::<[bool; 3]>()).prop_map(|(chosen, grounds)| {
        let named = |index: usize| {
            let (kind, namespace, _) = &chosen[index];
            (
                KINDS[*kind],
                ["acme", "other"][*namespace],
                format!("n{index}"),
            )
        };
        let mut items: Vec<Item> = (0..chosen.len())
            .map(|index| {
                let (kind, namespace, name) = named(index);
                let text = format!("{kind} {namespace}/{name}");
                match &chosen[index].2 {
                    None => item(&text),
                    Some(target) => {
                        let (kind, _, name) = named(target.index(chosen.len()));
                        let kind = kind.rsplit('/').next().unwrap();
                        waiting(&text, &format!("{kind}/{name}"))
                    }
                }
            })
            .collect();
        let ground = [
            item("Namespace acme"),
            item("Namespace other"),
            definition("example.org", "Widget"),
        ];
        items.extend(
            ground
                .into_iter()
                .zip(grounds)
                .filter(|(_, is)| *is)
                .map(|(item, _)| item),
        );
        items
    })
}

/// The hard edges, said in the plainest way: whom an item must come after.
fn must_follow(items: &[Item], index: usize) -> Vec<usize> {
    let this = &items[index];
    (0..items.len())
        .filter(|other| {
            let id = &items[*other].id;
            (id.kind == "Namespace" && id.name == this.id.namespace)
                || items[*other]
                    .defines
                    .as_ref()
                    .is_some_and(|(group, kind)| (group, kind) == (&this.id.group, &this.id.kind))
                || this.wait_for.iter().any(|reference| reference.means(id))
        })
        .collect()
}

fn has_cycle(items: &[Item]) -> bool {
    let mut left: BTreeSet<usize> = (0..items.len()).collect();
    loop {
        let free: Vec<usize> = left
            .iter()
            .copied()
            .filter(|index| must_follow(items, *index).iter().all(|f| !left.contains(f)))
            .collect();
        if free.is_empty() {
            return !left.is_empty();
        }
        for index in free {
            left.remove(&index);
        }
    }
}

fn ids(items: &[Item], waves: &[Wave]) -> Vec<(Vec<ObjectId>, Vec<ObjectId>)> {
    let named = |indices: &[usize]| indices.iter().map(|i| items[*i].id.clone()).collect();
    waves
        .iter()
        .map(|wave| (named(&wave.members), named(&wave.gates)))
        .collect()
}

proptest! {
    #[test]
    fn every_object_is_in_one_wave_behind_what_it_needs_and_waits_for_that(items in any_items()) {
        let Ok(waves) = waves(&items) else {
            prop_assert!(has_cycle(&items));
            return Ok(());
        };
        prop_assert!(!has_cycle(&items));
        let mut wave_of = vec![None; items.len()];
        let mut gate_of = vec![None; items.len()];
        for (number, wave) in waves.iter().enumerate() {
            prop_assert!(!wave.members.is_empty());
            for member in &wave.members {
                prop_assert_eq!(wave_of[*member].replace(number), None);
            }
            for gate in &wave.gates {
                prop_assert_eq!(gate_of[*gate].replace(number), None);
            }
        }
        let mut needed = BTreeSet::new();
        for index in 0..items.len() {
            let own = wave_of[index].unwrap();
            for first in must_follow(&items, index) {
                prop_assert!(wave_of[first].unwrap() < own);
                prop_assert!(gate_of[first].unwrap() < own);
                needed.insert(first);
            }
        }
        // Nothing is waited for in vain.
        for (index, gate) in gate_of.iter().enumerate() {
            prop_assert_eq!(gate.is_some(), needed.contains(&index));
            prop_assert!(gate.is_none_or(|gate| gate >= wave_of[index].unwrap()));
        }
    }

    #[test]
    fn no_wave_is_there_without_a_reason(items in any_items()) {
        // Where no object asks for anything, kinds alone decide: at most the
        // grounds, roles and classes, bindings and claims, the rest, webhooks.
        let items: Vec<Item> = items
            .into_iter()
            .map(|item| Item { wait_for: Vec::new(), ..item })
            .collect();
        prop_assert!(waves(&items).unwrap().len() <= 5);
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        (items, mixed) in any_items().prop_flat_map(|items| (Just(items.clone()), Just(items).prop_shuffle()))
    ) {
        match (waves(&items), waves(&mixed)) {
            (Ok(one), Ok(other)) => prop_assert_eq!(ids(&items, &one), ids(&mixed, &other)),
            (Err(one), Err(other)) => prop_assert_eq!(one, other),
            (one, other) => prop_assert!(false, "{:?} but {:?}", one, other),
        }
    }

    #[test]
    fn a_cycle_is_one(items in any_items()) {
        if let Err(OrderError::Cycle(circle)) = waves(&items) {
            prop_assert_eq!(circle.first(), circle.last());
            let index = |id: &ObjectId| items.iter().position(|item| item.id == *id).unwrap();
            for pair in circle.windows(2) {
                prop_assert!(must_follow(&items, index(&pair[0])).contains(&index(&pair[1])));
            }
        }
    }

    #[test]
    fn every_object_is_removed_once_before_what_it_needs(items in any_items()) {
        let order = removal_order(&items);
        let mut wave_of = vec![None; items.len()];
        for (number, wave) in order.iter().enumerate() {
            for member in wave {
                prop_assert_eq!(wave_of[*member].replace(number), None);
            }
        }
        prop_assert!(wave_of.iter().all(Option::is_some));
        if !has_cycle(&items) {
            for index in 0..items.len() {
                for first in must_follow(&items, index) {
                    prop_assert!(wave_of[first] > wave_of[index]);
                }
            }
        }
    }
}

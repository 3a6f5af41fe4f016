//! The waves in which objects are removed.

use super::Item;
use super::class::Leaving;
use super::graph::Graph;
use super::schedule::{Problem, schedule};

/// The waves in which objects are removed; a wave should be gone before the
/// next begins. Numbers are indices into the items.
///
/// In reverse, but not the mirror image: custom resources and their
/// definitions go before the programs that finalise them, webhooks first of
/// all, Services before workloads, Namespaces last. An object that asked to
/// wait for another is removed before it. References to objects that are not
/// there mean nothing here, and objects that wait for each other go by kind.
///
/// Source of the rules: kapp's `clusterapply/default.go`; Helm's
/// `UninstallOrder`.
pub fn removal_order(items: &[Item]) -> Vec<Vec<usize>> {
    let graph = Graph::new(items);
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    for (index, item) in items.iter().enumerate() {
        let waited = item
            .wait_for
            .iter()
            .flat_map(|reference| graph.resolve(index, reference));
        for later in graph.grounds(index).chain(waited) {
            before[later].push(index);
        }
    }
    let class: Vec<usize> = items
        .iter()
        .map(|item| Leaving::of(&item.id) as usize)
        .collect();
    let plan = schedule(&Problem {
        before: &before,
        class: &class,
        classes: Leaving::COUNT,
        after: &|class| (0..class).collect(),
    });
    let mut waves = plan.waves;
    let mut by_kind = vec![Vec::new(); Leaving::COUNT];
    for object in plan.stuck {
        by_kind[class[object]].push(object);
    }
    waves.extend(by_kind.into_iter().filter(|wave| !wave.is_empty()));
    for wave in &mut waves {
        wave.sort_by(|a, b| (class[*a], &items[*a].id, *a).cmp(&(class[*b], &items[*b].id, *b)));
    }
    waves
}

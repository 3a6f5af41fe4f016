//! After a first deploy that failed: what it made goes.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};

use super::journal::Journal;
use super::words::first_words;
use super::{Release, Run, RunError};
use crate::api::Api;
use crate::apply::{self, Done};
use crate::desired::Desired;
use crate::discovery::Discovery;
use crate::event::{Event, Tell};
use crate::object::ObjectId;
use crate::order;
use crate::record::{InventoryItem, Outcome};
use crate::stages::{self, Stages};

impl Run<'_> {
    /// A first deploy that failed: what it made goes; Namespace and
    /// definitions stay. So does what was there before, as this run left it.
    pub(super) async fn undo(
        &self,
        api: &Api,
        mut why: Vec<Finding>,
        stages: &Stages<'_>,
        journal: Journal<'_>,
        tell: &mut Tell<'_>,
    ) -> Result<Release, RunError> {
        let (perhaps, unknown) = stages.perhaps_created().await;
        let (basis, going): (Vec<InventoryItem>, Vec<InventoryItem>) = stages
            .created()
            .into_iter()
            .chain(perhaps)
            .partition(|item| item.id().is_namespace() || item.id().is_crd());
        let mut left = remove_all(api, &stages.discovery, &going, tell).await;
        let removed = going.len() - left.len();
        left.extend(unknown);
        let gone: BTreeSet<ObjectId> = going.iter().map(InventoryItem::id).collect();
        let mut inventory = stages.reached();
        inventory.retain(|item| !gone.contains(&item.id()));
        inventory.extend(left.iter().map(|(item, _)| item.clone()));
        let _ = journal
            .end(api, Outcome::Failed, inventory, &first_words(&why), tell)
            .await;
        let (changed, same): (Vec<&apply::Applied>, Vec<&apply::Applied>) =
            stages.found().partition(|a| {
                // One that runs pods runs this version.
                let runs = |d: &Desired| package::pod_spec::of_kind(&d.gvk).is_some();
                a.done != Done::Unchanged || self.wanted.find(&a.id).is_some_and(runs)
            });
        if left.is_empty() && changed.is_empty() {
            let basis = basis.iter().map(InventoryItem::id);
            return Err(RunError::Removed {
                why,
                removed,
                stays: basis.chain(same.iter().map(|a| a.id.clone())).collect(),
            });
        }
        let mut also = vec![Finding::info(
            "removed",
            Class::Cluster,
            format!("Removed {removed} objects that this run made"),
        )];
        also.extend(changed.into_iter().map(|applied| {
            Finding::error(
                "not-put-back",
                Class::Cluster,
                format!(
                    "{} was there before and stays as {} has it",
                    applied.id, self.package.manifest.version
                ),
            )
            .help("What was in it before is in the state that was captured")
        }));
        also.extend(left.into_iter().map(|(item, error)| {
            Finding::error(
                "not-removed",
                Class::Cluster,
                format!("{} not removed: {error}", item.id()),
            )
            .help(format!(
                "Remove it with: kubectl delete {} -n {}",
                item.id().label(),
                item.namespace
            ))
        }));
        tell(Event::Failed(&also));
        why.extend(also);
        Err(RunError::NotServing { why })
    }
}

/// Removes objects in order; what could not be removed, and why.
async fn remove_all(
    api: &Api,
    discovery: &Discovery,
    items: &[InventoryItem],
    tell: &mut Tell<'_>,
) -> Vec<(InventoryItem, String)> {
    use futures_util::stream::{self, StreamExt as _};
    let ordered: Vec<order::Item> = items.iter().map(stages::item_of).collect();
    let mut left = Vec::new();
    for wave in order::removal_order(&ordered) {
        let results: Vec<_> = stream::iter(wave)
            .map(|at| {
                let item = &items[at];
                async move { (item, stages::remove(api, discovery, item, &item.uid).await) }
            })
            .buffer_unordered(crate::api::CONNECTIONS)
            .collect()
            .await;
        for (item, result) in results {
            match result {
                Ok(_) => tell(Event::Removed(&item.id())),
                Err(e) => left.push((item.clone(), e.to_string())),
            }
        }
    }
    left
}

//! What a package wants in the cluster: the very objects that were verified.

use std::collections::BTreeMap;

use model::finding::{Class, Finding};
use model::object::{Gvk, Object};
use model::yaml;
use package::lists;
use package::trust::TrustedPackage;
use serde_json::Value;

use crate::asks::{self, Asks};
use crate::object::{ObjectId, annotation};
use crate::order::{self, Wave};
use crate::ready::ReadyWhen;

/// An object of a package.
#[derive(Debug, Clone)]
pub struct Desired {
    /// What names it.
    pub id: ObjectId,
    /// Its kind in the version that it is written in.
    pub gvk: Gvk,
    /// The object, as it is applied.
    pub value: Value,
    /// What its annotations ask.
    pub asks: Asks,
    /// When it is ready, where its annotations say.
    pub ready_when: Option<ReadyWhen>,
}

/// The objects of a package and the order they are applied in.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The objects, in the order of manifests/all.yaml.
    pub objects: Vec<Desired>,
    /// Positions in [`Wanted::objects`], in waves.
    pub waves: Vec<Wave>,
    positions: BTreeMap<ObjectId, usize>,
}

impl Wanted {
    /// Of a package; all that is wrong with annotations and order at once.
    pub fn of(package: &TrustedPackage) -> Result<Self, Vec<Finding>> {
        let mut objects = Vec::new();
        let mut findings = Vec::new();
        let mut items = Vec::new();
        for object in lists::flatten(&package.objects) {
            match desired(&object) {
                Ok((desired, item)) => {
                    objects.push(desired);
                    items.push(item);
                }
                Err(wrong) => findings.extend(wrong),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let waves = order::waves(&items).map_err(|e| {
            vec![
                Finding::error("order-impossible", Class::Usage, e.to_string())
                    .help("Correct the annotations in the source and make a new version"),
            ]
        })?;
        let positions = objects
            .iter()
            .enumerate()
            .map(|(at, desired)| (desired.id.clone(), at))
            .collect();
        Ok(Self {
            objects,
            waves,
            positions,
        })
    }

    /// The object of this name.
    pub fn find(&self, id: &ObjectId) -> Option<&Desired> {
        self.positions.get(id).map(|at| &self.objects[*at])
    }
}

fn desired(object: &Object) -> Result<(Desired, order::Item), Vec<Finding>> {
    let wrong = |code, why: String| {
        Finding::error(code, Class::Usage, why)
            .help("Correct the annotation in the source and make a new version")
    };
    let mut value = yaml::to_json(&object.node)
        .map_err(|e| vec![wrong("object-unreadable", format!("{object}: {e}"))])?;
    tidy(&mut value);
    let id = ObjectId::of(&value);
    let mut findings = Vec::new();
    let asks = Asks::of(&value).unwrap_or_else(|wrong| {
        findings.extend(wrong);
        Asks::default()
    });
    let ready_when = annotation(&value, asks::READY_WHEN).and_then(|text| {
        text.parse::<ReadyWhen>()
            .map_err(|e| {
                findings.push(wrong(
                    "annotation-invalid",
                    format!("{id}: annotation {} is {text:?}: {e}", asks::READY_WHEN),
                ));
            })
            .ok()
    });
    let item = order::Item::of(&value)
        .map_err(|e| {
            findings.push(wrong(
                "annotation-invalid",
                format!("{id}: annotation {}: {e}", asks::WAIT_FOR),
            ));
        })
        .ok();
    let Some(item) = item.filter(|_| findings.is_empty()) else {
        return Err(findings);
    };
    let desired = Desired {
        gvk: object.gvk(),
        id,
        value,
        asks,
        ready_when,
    };
    Ok((desired, item))
}

/// Takes out what no one may apply and a package may hold all the same: a
/// status, and the null that tools print for the time of creation.
fn tidy(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.remove("status");
        if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut)
            && metadata
                .get("creationTimestamp")
                .is_some_and(Value::is_null)
        {
            metadata.remove("creationTimestamp");
        }
    }
}

//! In which order objects are applied, and removed.
//!
//! Not a list of kinds but a graph, as Carvel's kapp has it: a custom resource
//! comes after its definition, an object after its Namespace, a binding after
//! its role, what runs after what it mounts; and whatever an object asks for
//! itself with `consign.dev/wait-for`. Objects that nothing orders go together.
//!
//! Source of the rules: kapp's `clusterapply/default.go` and Helm's
//! `kind_sorter.go` (webhooks last; Services removed before workloads).

mod class;
mod reference;

mod graph;
mod schedule;

mod removal;
mod waves;

pub use class::is_built_in;
pub use reference::{Reference, ReferenceError, parse_references};
pub use removal::removal_order;
pub use waves::{OrderError, UnknownReference, Wave, waves};

use serde_json::Value;

use crate::asks::WAIT_FOR;
use crate::object::{ObjectId, annotation, text};

/// What the order needs to know of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Which object.
    pub id: ObjectId,
    /// What must be ready before it is applied.
    pub wait_for: Vec<Reference>,
    /// The group and the kind that it defines, if it is a custom resource
    /// definition.
    pub defines: Option<(String, String)>,
}

impl Item {
    /// Reads an object; the error is a [`WAIT_FOR`] that cannot be read.
    ///
    /// ```
    /// use rollout::order::Item;
    /// let item = Item::of(&serde_json::json!({
    ///     "apiVersion": "apps/v1", "kind": "Deployment",
    ///     "metadata": {"name": "web", "annotations": {"consign.dev/wait-for": "job/migrate"}},
    /// }))?;
    /// assert_eq!(item.wait_for[0].to_string(), "job/migrate");
    /// # Ok::<(), rollout::order::ReferenceError>(())
    /// ```
    pub fn of(object: &Value) -> Result<Self, ReferenceError> {
        let id = ObjectId::of(object);
        let defines = id.is_crd().then(|| {
            (
                text(object, "/spec/group").to_owned(),
                text(object, "/spec/names/kind").to_owned(),
            )
        });
        Ok(Self {
            id,
            wait_for: annotation(object, WAIT_FOR)
                .map_or_else(|| Ok(Vec::new()), parse_references)?,
            defines,
        })
    }
}

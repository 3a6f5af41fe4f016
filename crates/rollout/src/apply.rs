//! One step of a plan, done: whatever becomes of a request, the step ends in
//! a state that is known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::api::{Api, ApiError, Call, METADATA};
use crate::discovery::Resource;
use crate::draft::Adoption;
use crate::fields::{self, HANDOVER, MANAGER};
use crate::object::{ObjectId, resource_version, uid};
use crate::plan::{self, Act, Step, Tried};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It was made.
    Created,
    /// Fields of it were changed.
    Configured,
    /// It was as it should be.
    Unchanged,
    /// It was deleted and made anew.
    Replaced,
    /// This user may not change it.
    Skipped,
}

impl Done {
    /// As `kubectl` says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Replaced => "replaced",
            Self::Skipped => "left as it is",
        }
    }
}

/// An object after its step.
#[derive(Debug, Clone)]
pub struct Applied {
    /// What names it.
    pub id: ObjectId,
    /// What was done.
    pub done: Done,
    /// Its UID.
    pub uid: String,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Someone changed the object after the plan was made.
    #[error("it was changed by someone else after the plan was made")]
    Changed,
    /// The answer to a write was lost, and the object is neither as it was nor
    /// as it was to be.
    #[error(
        "whether it was written is not known: an answer was lost, and it is not as it was sent"
    )]
    Doubtful,
    /// The server refuses, or cannot be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It does not go away.
    #[error("it was deleted and is still there after {} s; finalizers: {finalizers}", .limit.as_secs())]
    Lingers {
        /// How long was waited.
        limit: Duration,
        /// What holds it.
        finalizers: String,
    },
}

impl StepError {
    /// Whether the object may have been written, or removed, all the same.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Changed => false,
            Self::Api(e) => e.is_uncertain(),
            Self::Doubtful | Self::Lingers { .. } => true,
        }
    }
}

/// A resource version that no object has: an apply with it makes an object,
/// and is a conflict where there is one.
const NOT_THERE: &str = "1";

/// Whether to take fields of other managers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Force {
    /// The server refuses where others own them.
    No,
    /// They are taken.
    Yes,
}

impl Force {
    const fn query(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Yes => "&force=true",
        }
    }
}

/// What became of an attempt to write.
enum Written {
    /// It is written; what the server answered, if that came through.
    Yes(Option<Value>),
    /// There is another state of the object, or fields are others'.
    Conflict {
        /// What the server says.
        refusal: ApiError,
        /// Whether an earlier sending of it may have been heeded.
        doubt: Doubt,
    },
}

/// Whether a write may have been heeded though the last answer is a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// No answer was lost.
    None,
    /// One was.
    Lost,
}

impl Doubt {
    /// What an object that is not as it was to be means.
    fn error(self) -> StepError {
        match self {
            Self::None => StepError::Changed,
            Self::Lost => StepError::Doubtful,
        }
    }
}

/// Whether an object is still the one that a step was planned on, by what the
/// step builds on: what is ours, what becomes ours, or all that is taken.
pub(crate) fn is_as_planned(step: &Step, before: &Value, now: &Value) -> bool {
    let same = match step.adoption {
        None => fields::same_of_ours,
        Some(Adoption::ClientSide) => fields::same_to_migrate,
        Some(Adoption::Asked) => fields::same_to_take,
    };
    if step.handover.is_some() {
        same(
            &fields::without_replicas(before),
            &fields::without_replicas(now),
        )
    } else {
        same(before, now)
    }
}

/// How often a write is tried again when only the status of an object went on.
const CHURN_MAX: u32 = 8;

/// How long an object may take to go.
const GONE_LIMIT: Duration = Duration::from_secs(60);

/// How often it is looked whether it has gone.
const GONE_LOOK: Duration = Duration::from_millis(200);

/// Does a step.
pub async fn apply(api: &Api, resource: &Resource, step: &Step) -> Result<Applied, StepError> {
    let writer = Writer {
        api,
        path: resource.path(&step.id.namespace, &step.id.name),
        step,
    };
    let (done, object_uid) = match &step.act {
        Act::Unchanged => (Done::Unchanged, known_uid(step)),
        Act::Skip => (Done::Skipped, known_uid(step)),
        Act::Create => (Done::Created, writer.create().await?),
        Act::Change(_) => (Done::Configured, writer.change().await?),
        Act::Replace(_) => {
            remove(api, resource, &step.id, &known_uid(step)).await?;
            (Done::Replaced, writer.create().await?)
        }
    };
    Ok(Applied {
        id: step.id.clone(),
        done,
        uid: object_uid,
    })
}

fn known_uid(step: &Step) -> String {
    step.before
        .as_ref()
        .map(|o| uid(o).to_owned())
        .unwrap_or_default()
}

struct Writer<'a> {
    api: &'a Api,
    path: String,
    step: &'a Step,
}

impl Writer<'_> {
    fn target(&self, manager: &str, force: Force) -> String {
        format!(
            "{}?fieldManager={manager}&fieldValidation=Strict{}",
            self.path,
            force.query()
        )
    }

    async fn get(&self) -> Result<Option<Value>, ApiError> {
        match self.api.send(&Call::get(self.path.as_str())).await {
            Ok(object) => Ok(Some(object)),
            Err(e) if e.is_missing() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether an object is as this step wants it.
    fn is_done(&self, object: &Value) -> bool {
        if !fields::is_managed(object) {
            return false;
        }
        let ours = fields::ours(object).unwrap_or(&Value::Null);
        fields::compare(&self.step.body, object, ours).is_none()
            || self.step.expected.as_ref().is_some_and(|expected| {
                // A webhook may change what we send: the trial knows how.
                fields::ours(expected).unwrap_or(&Value::Null) == ours
                    && fields::project(expected, ours) == fields::project(object, ours)
            })
    }

    /// Sends the object, to be made over this version of it.
    async fn write(
        &self,
        uid: Option<&str>,
        version: &str,
        force: Force,
    ) -> Result<Written, StepError> {
        let mut body = self.step.body.clone();
        if let Some(uid) = uid {
            body["metadata"]["uid"] = Value::from(uid);
        }
        body["metadata"]["resourceVersion"] = Value::from(version);
        let call = Call::apply(self.target(MANAGER, force), &body).accept(METADATA);
        // It is looked after only when an answer was lost.
        let looked = AtomicBool::new(false);
        let done = || async {
            looked.store(true, Ordering::Relaxed);
            Ok(self.get().await?.is_some_and(|o| self.is_done(&o)))
        };
        match self.api.settle(&call, done).await {
            Ok(answer) => Ok(Written::Yes(answer)),
            Err(refusal) if refusal.is_conflict() => Ok(Written::Conflict {
                refusal,
                doubt: if looked.load(Ordering::Relaxed) {
                    Doubt::Lost
                } else {
                    Doubt::None
                },
            }),
            Err(e) => Err(e.into()),
        }
    }

    async fn create(&self) -> Result<String, StepError> {
        // What the cluster makes may be there by now, and is meant.
        let version = if self.step.id.is_made_by_cluster() {
            ""
        } else {
            NOT_THERE
        };
        match self.write(None, version, Force::No).await? {
            Written::Yes(Some(object)) => Ok(uid(&object).to_owned()),
            Written::Yes(None) => Ok(self
                .get()
                .await?
                .map(|o| uid(&o).to_owned())
                .unwrap_or_default()),
            // Made by an attempt whose answer was lost, or by someone else.
            Written::Conflict { doubt, .. } => match self.get().await? {
                Some(object) if self.is_done(&object) => Ok(uid(&object).to_owned()),
                _ => Err(doubt.error()),
            },
        }
    }

    async fn change(&self) -> Result<String, StepError> {
        let Some(before) = &self.step.before else {
            return Err(StepError::Changed);
        };
        let mut live = before.clone();
        if self.step.handover.is_some() {
            live = self.hand_over(&live).await?;
        }
        if self.step.adoption.is_some() && fields::has_client_side(&live) {
            live = self.adopt(&live).await?;
        }
        // What the server was asked about may be taken at once; of any later
        // state it says first who owns what.
        let mut force = if resource_version(&live) == resource_version(before) {
            self.force()
        } else {
            Force::No
        };
        for _ in 0..CHURN_MAX {
            let version = resource_version(&live);
            let mut written = self.write(Some(uid(&live)), version, force).await?;
            if force == Force::No
                && self.force() == Force::Yes
                && matches!(&written, Written::Conflict { refusal, doubt: Doubt::None } if self.is_told(refusal))
            {
                written = self.write(Some(uid(&live)), version, Force::Yes).await?;
            }
            let Written::Conflict { refusal, doubt } = written else {
                return Ok(uid(&live).to_owned());
            };
            let Some(now) = self.get().await? else {
                return Err(doubt.error());
            };
            if self.is_done(&now) {
                return Ok(uid(&now).to_owned());
            }
            // Managers and fields are named where that is what is in the way.
            if !refusal.causes().is_empty() {
                return Err(match self.force() {
                    Force::No => refusal.into(),
                    Force::Yes => doubt.error(),
                });
            }
            if !is_as_planned(self.step, &live, &now) {
                return Err(doubt.error());
            }
            live = now;
            force = Force::No;
        }
        Err(StepError::Changed)
    }

    /// Whether the plan takes anything from others.
    fn force(&self) -> Force {
        if self.step.takes.is_empty() && self.step.adoption != Some(Adoption::Asked) {
            Force::No
        } else {
            Force::Yes
        }
    }

    /// Whether all that others own of what is sent was in the plan. What could
    /// not be tried was adopted whoever owns it.
    fn is_told(&self, refusal: &ApiError) -> bool {
        let unseen = self.step.adoption == Some(Adoption::Asked)
            && matches!(self.step.tried, Tried::Unchecked(_));
        !refusal.causes().is_empty()
            && (unseen || is_within(&plan::conflicts(refusal), &self.step.takes))
    }

    /// Gives `.spec.replicas` to a manager of its own before we let go of it:
    /// a field without an owner would fall back to its default. The number is
    /// the one that is there, whoever set it; one that is another's by now is
    /// left alone.
    async fn hand_over(&self, live: &Value) -> Result<Value, StepError> {
        let mut live = live.clone();
        for _ in 0..CHURN_MAX {
            let Some(replicas) = fields::ceded_replicas(&live) else {
                return Ok(live);
            };
            let body = json!({
                "apiVersion": self.step.body["apiVersion"],
                "kind": self.step.body["kind"],
                "metadata": {
                    "name": self.step.id.name,
                    "namespace": self.step.id.namespace,
                    "uid": uid(&live),
                    "resourceVersion": resource_version(&live),
                },
                "spec": {"replicas": replicas},
            });
            let call = Call::apply(self.target(HANDOVER, Force::Yes), &body);
            let done = || async {
                Ok(self.get().await?.is_some_and(|o| {
                    fields::owners(&o, &["f:spec", "f:replicas"]).contains(&HANDOVER)
                }))
            };
            match self.api.settle(&call, done).await {
                Ok(answer) => return self.or_get(answer).await,
                Err(e) if e.is_conflict() => {}
                Err(e) => return Err(e.into()),
            }
            let now = self.get().await?.ok_or(StepError::Changed)?;
            if !is_as_planned(self.step, &live, &now) {
                return Err(StepError::Changed);
            }
            live = now;
        }
        Err(StepError::Changed)
    }

    /// Makes what plain `kubectl apply` owned ours.
    async fn adopt(&self, live: &Value) -> Result<Value, StepError> {
        let mut live = live.clone();
        for _ in 0..CHURN_MAX {
            let patch = json!([
                {"op": "test", "path": "/metadata/uid", "value": uid(&live)},
                {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version(&live)},
                {"op": "replace", "path": "/metadata/managedFields", "value": fields::migrated(&live)},
            ]);
            let call = Call::json_patch(format!("{}?fieldManager={MANAGER}", self.path), &patch);
            let done = || async {
                Ok(self
                    .get()
                    .await?
                    .is_some_and(|o| !fields::has_client_side(&o)))
            };
            match self.api.settle(&call, done).await {
                Ok(answer) => return self.or_get(answer).await,
                Err(e) if e.is_conflict() => {}
                Err(e) => return Err(e.into()),
            }
            let now = self.get().await?.ok_or(StepError::Changed)?;
            if uid(&now) != uid(&live) {
                return Err(StepError::Changed);
            }
            if !fields::has_client_side(&now) {
                return Ok(now);
            }
            if !is_as_planned(self.step, &live, &now) {
                return Err(StepError::Changed);
            }
            live = now;
        }
        Err(StepError::Changed)
    }

    async fn or_get(&self, answer: Option<Value>) -> Result<Value, StepError> {
        match answer {
            Some(object) => Ok(object),
            None => self.get().await?.ok_or(StepError::Changed),
        }
    }
}

/// Whether these managers and fields are all among those.
fn is_within(some: &BTreeMap<String, Vec<String>>, all: &BTreeMap<String, Vec<String>>) -> bool {
    some.iter().all(|(manager, fields)| {
        all.get(manager)
            .is_some_and(|known| fields.iter().all(|field| known.contains(field)))
    })
}

/// What became of an object that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone,
    /// Another one of its name is there; it was left alone.
    Another,
}

/// Removes this very object and waits until it is gone.
pub async fn remove(
    api: &Api,
    resource: &Resource,
    id: &ObjectId,
    object_uid: &str,
) -> Result<Removed, StepError> {
    let path = resource.path(&id.namespace, &id.name);
    let options = json!({
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": "Background",
        "preconditions": {"uid": object_uid},
    });
    let look = || async {
        match api.send(&Call::get(path.as_str())).await {
            Ok(object) => Ok(Some(object)),
            Err(e) if e.is_missing() => Ok(None),
            Err(e) => Err(e),
        }
    };
    let gone = || async { Ok::<_, ApiError>(look().await?.is_none_or(|o| uid(&o) != object_uid)) };
    match api
        .settle(&Call::delete(path.as_str(), &options), gone)
        .await
    {
        // What goes at once is answered with a status, all else with itself.
        Ok(Some(answer)) if answer["kind"] == "Status" => return Ok(Removed::Gone),
        Ok(_) => {}
        Err(e) if e.is_missing() => return Ok(Removed::Gone),
        Err(e) if e.is_conflict() => return Ok(Removed::Another),
        Err(e) => return Err(e.into()),
    }
    let started = Instant::now();
    loop {
        let Some(object) = look().await? else {
            return Ok(Removed::Gone);
        };
        if uid(&object) != object_uid {
            return Ok(Removed::Gone);
        }
        if started.elapsed() > GONE_LIMIT {
            let finalizers: Vec<&str> = crate::object::items(&object, "/metadata/finalizers")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            return Err(StepError::Lingers {
                limit: GONE_LIMIT,
                finalizers: finalizers.join(", "),
            });
        }
        sleep(GONE_LOOK).await;
    }
}

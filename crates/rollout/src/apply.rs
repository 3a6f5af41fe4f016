//! One step of a plan, done: whatever becomes of a request, the step ends in
//! a state that is known.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::api::{Api, ApiError, Call, METADATA};
use crate::discovery::Resource;
use crate::draft::Adoption;
use crate::fields::{self, HANDOVER, MANAGER};
use crate::object::{ObjectId, resource_version, uid};
use crate::plan::{Act, Step};

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
            Self::Lingers { .. } => true,
        }
    }
}

/// A resource version that no object has: an apply with it makes an object,
/// and is a conflict where there is one.
const NOT_THERE: &str = "1";

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
    fn target(&self, manager: &str, force: &str) -> String {
        format!(
            "{}?fieldManager={manager}&fieldValidation=Strict{force}",
            self.path
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

    async fn create(&self) -> Result<String, StepError> {
        let mut body = self.step.body.clone();
        body["metadata"]["resourceVersion"] = Value::from(NOT_THERE);
        let call = Call::apply(self.target(MANAGER, ""), &body).accept(METADATA);
        let done = || async { Ok(self.get().await?.is_some_and(|o| self.is_done(&o))) };
        match self.api.settle(&call, done).await {
            Ok(Some(object)) => Ok(uid(&object).to_owned()),
            Ok(None) => Ok(self
                .get()
                .await?
                .map(|o| uid(&o).to_owned())
                .unwrap_or_default()),
            // Made by an attempt whose answer was lost, or by someone else.
            Err(e) if e.is_conflict() => match self.get().await? {
                Some(object) if self.is_done(&object) => Ok(uid(&object).to_owned()),
                _ => Err(StepError::Changed),
            },
            Err(e) => Err(e.into()),
        }
    }

    async fn change(&self) -> Result<String, StepError> {
        let Some(before) = &self.step.before else {
            return Err(StepError::Changed);
        };
        let mut live = before.clone();
        if let Some(replicas) = self.step.handover {
            live = self.hand_over(&live, replicas).await?;
        }
        if self.step.adoption.is_some() && fields::has_client_side(&live) {
            live = self.adopt(&live).await?;
        }
        let force = if self.step.takes.is_empty() && self.step.adoption != Some(Adoption::Asked) {
            ""
        } else {
            "&force=true"
        };
        for _ in 0..CHURN_MAX {
            let mut body = self.step.body.clone();
            body["metadata"]["uid"] = Value::from(uid(&live));
            body["metadata"]["resourceVersion"] = Value::from(resource_version(&live));
            let call = Call::apply(self.target(MANAGER, force), &body).accept(METADATA);
            let done = || async { Ok(self.get().await?.is_some_and(|o| self.is_done(&o))) };
            let conflict = match self.api.settle(&call, done).await {
                Ok(_) => return Ok(uid(&live).to_owned()),
                Err(e) if e.is_conflict() => e,
                Err(e) => return Err(e.into()),
            };
            let Some(now) = self.get().await? else {
                return Err(StepError::Changed);
            };
            if self.is_done(&now) {
                return Ok(uid(&now).to_owned());
            }
            // Managers and fields are named where that is what is in the way.
            if !conflict.causes().is_empty() {
                return Err(conflict.into());
            }
            if !fields::same_of_ours(&live, &now) {
                return Err(StepError::Changed);
            }
            live = now;
        }
        Err(StepError::Changed)
    }

    /// Gives `.spec.replicas` to a manager of its own before we let go of it:
    /// a field without an owner would fall back to its default.
    async fn hand_over(&self, live: &Value, replicas: i64) -> Result<Value, StepError> {
        let body = json!({
            "apiVersion": self.step.body["apiVersion"],
            "kind": self.step.body["kind"],
            "metadata": {
                "name": self.step.id.name,
                "namespace": self.step.id.namespace,
                "uid": uid(live),
            },
            "spec": {"replicas": replicas},
        });
        // The number is the one that is there, whoever set it.
        let call = Call::apply(self.target(HANDOVER, "&force=true"), &body);
        let done = || async {
            Ok(self
                .get()
                .await?
                .is_some_and(|o| fields::owners(&o, &["f:spec", "f:replicas"]).contains(&HANDOVER)))
        };
        let answer = self.api.settle(&call, done).await?;
        self.or_get(answer).await
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

//! Objects on their way out, wave by wave.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use model::finding::{Class, Finding};
use model::object::Gvk;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Going, Undeployment};
use crate::api::{Api, ApiError, CONNECTIONS, Call};
use crate::event::{Event, Tell};
use crate::object::{items, uid};
use crate::stages::Waiting;
use crate::wait::Watched;

/// How often it is looked whether something is gone.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// Groups whose objects own pods: these are gone only when their pods are.
const OWN_PODS: [&str; 2] = ["apps", "batch"];

/// Why it ended early, with what was gone by then.
#[derive(Debug)]
pub(super) enum Stop {
    /// Asked to stop.
    Asked(Vec<usize>),
    /// The Lease is lost.
    Fenced(Vec<usize>),
    /// Something does not go.
    Failed {
        /// What is gone.
        gone: Vec<usize>,
        /// What is not, and why.
        why: Vec<Finding>,
    },
}

/// What is removed, and how.
pub(super) struct Leaving<'a> {
    pub api: &'a Api,
    pub plan: &'a Undeployment,
    pub waiting: Waiting,
    pub deadline: Instant,
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
}

/// One object on its way out.
pub(super) struct One<'a> {
    pub api: &'a Api,
    pub path: &'a str,
    pub uid: &'a str,
}

impl One<'_> {
    /// The object, while it is there.
    pub async fn left(&self) -> Result<Option<Value>, ApiError> {
        match self.api.send(&Call::get(self.path)).await {
            Ok(object) => Ok(Some(object).filter(|o| uid(o) == self.uid)),
            Err(e) if e.is_missing() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Has this very object deleted; whether it is gone already.
    pub async fn delete(&self, propagation: &str) -> Result<bool, ApiError> {
        let options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
            "preconditions": {"uid": self.uid},
        });
        let gone = || async { Ok(self.left().await?.is_none()) };
        match self
            .api
            .settle(&Call::delete(self.path, &options), gone)
            .await
        {
            // What goes at once is answered with a status, all else with
            // itself.
            Ok(Some(answer)) => Ok(answer["kind"] == "Status"),
            Ok(None) => Ok(true),
            // Another one of that name is none of ours.
            Err(e) if e.is_missing() || e.is_conflict() => Ok(self.left().await?.is_none()),
            Err(e) => Err(e),
        }
    }
}

impl Leaving<'_> {
    /// Removes everything; a wave is gone before the next begins.
    pub async fn run(&self, tell: &mut Tell<'_>) -> Result<Vec<usize>, Stop> {
        let mut gone = Vec::new();
        for wave in &self.plan.waves {
            if (self.stop)() {
                return Err(Stop::Asked(gone));
            }
            let mut left = self.delete(wave, &mut gone, tell).await?;
            if self.waiting == Waiting::None {
                gone.extend(left);
                continue;
            }
            while !left.is_empty() {
                let (still, why) = self.look(&left, &mut gone, tell).await?;
                left = still;
                if left.is_empty() {
                    break;
                }
                if Instant::now() >= self.deadline {
                    return Err(Stop::Failed { gone, why });
                }
                if (self.stop)() {
                    return Err(Stop::Asked(gone));
                }
                sleep(LOOK).await;
            }
        }
        gone.sort_unstable();
        Ok(gone)
    }

    fn going(&self, at: usize) -> &Going {
        &self.plan.going[at]
    }

    fn path(&self, at: usize) -> Option<String> {
        let item = &self.going(at).item;
        let id = item.id();
        let gvk = Gvk::new(&item.api_version, &item.kind);
        let discovery = &self.plan.discovery;
        let resource = discovery.find(&gvk).or_else(|| discovery.any(&id))?;
        Some(resource.path(&id.namespace, &id.name))
    }

    /// Has a wave deleted; those that are not gone at once.
    async fn delete(
        &self,
        wave: &[usize],
        gone: &mut Vec<usize>,
        tell: &mut Tell<'_>,
    ) -> Result<Vec<usize>, Stop> {
        let mut left = Vec::new();
        let mut why = Vec::new();
        let mut fenced = false;
        let mut running = stream::iter(wave)
            .map(|at| async move {
                let Some(path) = self.path(*at) else {
                    // With its kind went all its objects.
                    return (*at, Ok(true));
                };
                let item = &self.going(*at).item;
                let owns = OWN_PODS.contains(&item.id().group.as_str());
                let one = One {
                    api: self.api,
                    path: &path,
                    uid: &item.uid,
                };
                let propagation = if owns && self.waiting == Waiting::Serve {
                    "Foreground"
                } else {
                    "Background"
                };
                (*at, one.delete(propagation).await)
            })
            .buffer_unordered(CONNECTIONS);
        while let Some((at, result)) = running.next().await {
            let id = self.going(at).item.id();
            match result {
                Ok(true) => {
                    tell(Event::Removed(&id));
                    gone.push(at);
                }
                Ok(false) => left.push(at),
                Err(ApiError::Fenced) => fenced = true,
                Err(e) => why.push(self.failure(at, &e.to_string())),
            }
        }
        drop(running);
        if fenced {
            Err(Stop::Fenced(std::mem::take(gone)))
        } else if why.is_empty() {
            Ok(left)
        } else {
            Err(Stop::Failed {
                gone: std::mem::take(gone),
                why,
            })
        }
    }

    /// Looks which of these are still there, and what holds them.
    async fn look(
        &self,
        left: &[usize],
        gone: &mut Vec<usize>,
        tell: &mut Tell<'_>,
    ) -> Result<(Vec<usize>, Vec<Finding>), Stop> {
        let mut still = Vec::new();
        let mut why = Vec::new();
        let mut looks = stream::iter(left)
            .map(|at| async move {
                let Some(path) = self.path(*at) else {
                    return (*at, Ok(None));
                };
                let one = One {
                    api: self.api,
                    path: &path,
                    uid: &self.going(*at).item.uid,
                };
                (*at, one.left().await)
            })
            .buffer_unordered(CONNECTIONS);
        while let Some((at, result)) = looks.next().await {
            let id = self.going(at).item.id();
            let holds = match result {
                Ok(None) => {
                    tell(Event::Removed(&id));
                    gone.push(at);
                    continue;
                }
                Ok(Some(object)) => held_by(&object),
                // It may come back before the deadline.
                Err(e) => e.to_string(),
            };
            tell(Event::Watched(&id, Watched::Waiting(holds.clone())));
            why.push(self.failure(at, &holds));
            still.push(at);
        }
        Ok((still, why))
    }

    fn failure(&self, at: usize, why: &str) -> Finding {
        let id = self.going(at).item.id();
        Finding::error(
            "not-removed",
            Class::Cluster,
            format!("{id} not removed: {why}"),
        )
        .help("Clear what holds it, and run it again")
    }
}

fn held_by(object: &Value) -> String {
    let finalizers: Vec<&str> = items(object, "/metadata/finalizers")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if finalizers.is_empty() {
        "it is being deleted".to_owned()
    } else {
        format!("it is being deleted; finalizers: {}", finalizers.join(", "))
    }
}

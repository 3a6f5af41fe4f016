//! The door to a client's Lease: one run at a time.
//!
//! Source of the rules: `docs/deploying.md` ("The Lease").

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::name::ClientName;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::api::{Api, ApiError, Call};
use crate::fence::{Fence, Moment};
use crate::fields::MANAGER;
use crate::holder::{Holder, Standing, standing};
use crate::object::{resource_version, text};
use crate::processes;

/// How long a Lease holds when nothing renews it, unless settings say
/// otherwise.
pub const TTL: Duration = Duration::from_secs(60);

/// The part of its time before whose end the holder stops writing: a request
/// on its way has that long to arrive.
const MARGIN: u32 = 6;

/// How often it is renewed within its time.
const RENEWALS: u32 = 4;

/// The longest pause between two looks at a Lease that is watched.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// How often it is tried to take a Lease that others take at the same moment.
const ATTEMPTS: u32 = 5;

/// The pause before a renewal that went on from an older Lease is sent again.
const SOON: Duration = Duration::from_millis(100);

/// The pause before a renewal that failed is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a Lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// Somebody else has it.
    #[error("{by}")]
    Held {
        /// Who, as it stands there.
        by: String,
        /// Seconds since it was renewed.
        age: i64,
    },
    /// Asked to stop before anything was written.
    #[error("interrupted")]
    Stopped,
    /// The server refused or does not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// Told while a Lease whose time seems over is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking<'a> {
    /// It is watched for this long.
    Watching {
        /// Its holder, as it stands there.
        by: &'a str,
        /// For how long.
        for_: Duration,
    },
    /// It is taken over.
    TakenOver {
        /// Its holder until now.
        by: &'a str,
    },
    /// It is about to be written.
    Writing,
}

/// How watching a Lease ended.
enum Watched {
    /// Nobody renewed it for one whole TTL, as seen from here.
    Abandoned,
    /// The same holder renewed it.
    Renewed,
    /// It is gone, free, or another's.
    Other,
}

/// A Lease that this process holds and renews.
#[derive(Debug)]
pub struct Hold {
    api: Api,
    path: String,
    fence: Arc<Fence>,
    lease: Arc<Mutex<Value>>,
    renewing: JoinHandle<()>,
}

/// The path of a client's Lease.
fn path(client: &ClientName, namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/consign.{client}")
}

/// Reads a client's Lease; `None` where there is none.
pub async fn look(
    api: &Api,
    client: &ClientName,
    namespace: &str,
) -> Result<Option<Value>, ApiError> {
    match api.send(&Call::get(path(client, namespace))).await {
        Ok(lease) => Ok(Some(lease)),
        Err(e) if e.is_missing() => Ok(None),
        Err(e) => Err(e),
    }
}

impl Hold {
    /// Takes a client's Lease, waiting for one whole TTL of its holder's where
    /// that one may be dead. `stop` ends that waiting.
    pub async fn take(
        api: &Api,
        client: &ClientName,
        namespace: &str,
        me: &Holder,
        ttl: Duration,
        stop: &(dyn Fn() -> bool + Send + Sync),
        tell: &mut (dyn FnMut(Taking<'_>) + Send),
    ) -> Result<Self, HoldError> {
        let path = path(client, namespace);
        let mut failed = None;
        for _ in 0..ATTEMPTS {
            if stop() {
                return Err(HoldError::Stopped);
            }
            let found = look(api, client, namespace).await?;
            let base = match &found {
                None => None,
                Some(lease) => {
                    match standing(lease, me, Timestamp::now(), processes::is_gone) {
                        Standing::Free => {}
                        Standing::Orphaned { by } => tell(Taking::TakenOver { by: &by }),
                        Standing::Held { by, age } => return Err(HoldError::Held { by, age }),
                        Standing::Overdue { by, .. } => {
                            let theirs = ttl_of(lease).unwrap_or(ttl);
                            tell(Taking::Watching {
                                by: &by,
                                for_: theirs,
                            });
                            match watch(api, client, namespace, lease, theirs, stop).await? {
                                Watched::Abandoned => {}
                                Watched::Renewed => return Err(HoldError::Held { by, age: 0 }),
                                Watched::Other => continue,
                            }
                            tell(Taking::TakenOver { by: &by });
                        }
                    }
                    Some(lease)
                }
            };
            if stop() {
                return Err(HoldError::Stopped);
            }
            tell(Taking::Writing);
            let began = Moment::now();
            match write(api, &path, base, me, ttl).await {
                Ok(lease) => return Ok(Self::begin(api, path, lease, me, ttl, began)),
                Err(e) if e.is_conflict() => failed = Some(e),
                Err(e) => return Err(e.into()),
            }
        }
        Err(failed.map_or_else(
            || HoldError::Held {
                by: "others, one after the other".to_owned(),
                age: 0,
            },
            HoldError::Api,
        ))
    }

    fn begin(
        api: &Api,
        path: String,
        lease: Value,
        me: &Holder,
        ttl: Duration,
        began: Moment,
    ) -> Self {
        let fence = Arc::new(Fence::at(began.after(writing(ttl))));
        let lease = Arc::new(Mutex::new(lease));
        let renewing = tokio::spawn(renew(
            api.behind(Arc::clone(&fence)),
            path.clone(),
            Arc::clone(&lease),
            Arc::clone(&fence),
            me.clone(),
            ttl,
        ));
        Self {
            api: api.clone(),
            path,
            fence,
            lease,
            renewing,
        }
    }

    /// What every write is sent behind.
    pub fn fence(&self) -> Arc<Fence> {
        Arc::clone(&self.fence)
    }

    /// Gives it back, as far as it still is ours.
    pub async fn release(self) {
        self.renewing.abort();
        if self.fence.left().is_none() {
            return;
        }
        self.fence.fall();
        let mut lease = self
            .lease
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let holder = text(&lease, "/spec/holderIdentity").to_owned();
        for _ in 0..ATTEMPTS {
            lease["spec"]["holderIdentity"] = Value::from("");
            let call = Call::put(format!("{}?fieldManager={MANAGER}", self.path), &lease);
            let freed = || async { Ok(held_by(&self.api, &self.path, &holder).await?.is_none()) };
            match self.api.settle(&call, freed).await {
                // A renewal was on its way when this began.
                Err(e) if e.is_conflict() => match held_by(&self.api, &self.path, &holder).await {
                    Ok(Some(newer)) => lease = newer,
                    _ => return,
                },
                // Whoever comes next finds that this process is gone, or waits.
                _ => return,
            }
        }
    }
}

/// A Lease as it is now, while it is this holder's.
async fn held_by(api: &Api, path: &str, holder: &str) -> Result<Option<Value>, ApiError> {
    match api.send(&Call::get(path)).await {
        Ok(lease) => Ok(Some(lease).filter(|l| text(l, "/spec/holderIdentity") == holder)),
        Err(e) if e.is_missing() => Ok(None),
        Err(e) => Err(e),
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.renewing.abort();
        self.fence.fall();
    }
}

/// Watches a Lease for one whole TTL, as it is seen from here: clocks of other
/// hosts say nothing.
async fn watch(
    api: &Api,
    client: &ClientName,
    namespace: &str,
    lease: &Value,
    ttl: Duration,
    stop: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Watched, HoldError> {
    let over = Moment::now().after(ttl);
    let pause = (ttl / RENEWALS / 2).min(LOOK_MAX);
    loop {
        sleep(pause).await;
        if stop() {
            return Err(HoldError::Stopped);
        }
        match look(api, client, namespace).await? {
            Some(now) if resource_version(&now) == resource_version(lease) => {}
            Some(now)
                if text(&now, "/spec/holderIdentity") == text(lease, "/spec/holderIdentity") =>
            {
                return Ok(Watched::Renewed);
            }
            _ => return Ok(Watched::Other),
        }
        if Moment::now() >= over {
            return Ok(Watched::Abandoned);
        }
    }
}

/// How long a Lease holds, where it says so.
fn ttl_of(lease: &Value) -> Option<Duration> {
    let seconds = lease.pointer("/spec/leaseDurationSeconds")?.as_u64()?;
    Some(Duration::from_secs(seconds)).filter(|ttl| !ttl.is_zero())
}

/// How long the holder of a Lease writes after it renewed it.
fn writing(ttl: Duration) -> Duration {
    ttl * (MARGIN - 1) / MARGIN
}

/// The time of a Lease has six decimals.
fn micro(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// Writes ourselves into a Lease: over this one, or a new one.
async fn write(
    api: &Api,
    path: &str,
    base: Option<&Value>,
    me: &Holder,
    ttl: Duration,
) -> Result<Value, ApiError> {
    let now = micro(Timestamp::now());
    let holder = me.to_string();
    let mut spec = json!({
        "holderIdentity": holder,
        "leaseDurationSeconds": ttl.as_secs(),
        "acquireTime": now,
        "renewTime": now,
    });
    let call = if let Some(base) = base {
        if text(base, "/spec/holderIdentity") == holder {
            spec["acquireTime"] = base["spec"]["acquireTime"].clone();
        }
        let mut lease = base.clone();
        lease["spec"] = spec;
        Call::put(format!("{path}?fieldManager={MANAGER}"), &lease)
    } else {
        let (collection, name) = path.rsplit_once('/').unwrap_or((path, ""));
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name},
            "spec": spec,
        });
        Call::post(format!("{collection}?fieldManager={MANAGER}"), &lease)
    };
    let ours = || async {
        match api.send(&Call::get(path)).await {
            Ok(lease) => Ok(text(&lease, "/spec/holderIdentity") == holder
                && text(&lease, "/spec/renewTime") == now),
            Err(e) if e.is_missing() => Ok(false),
            Err(e) => Err(e),
        }
    };
    match api.settle(&call, ours).await? {
        Some(lease) => Ok(lease),
        None => api.send(&Call::get(path)).await,
    }
}

/// Renews until it cannot: the fence then falls by itself. A renewal is sent
/// behind it like every other write.
async fn renew(
    api: Api,
    path: String,
    lease: Arc<Mutex<Value>>,
    fence: Arc<Fence>,
    me: Holder,
    ttl: Duration,
) {
    let mut pause = ttl / RENEWALS;
    loop {
        sleep(pause).await;
        if fence.left().is_none() {
            return;
        }
        let began = Moment::now();
        let base = lease.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match write(&api, &path, Some(&base), &me, ttl).await {
            Ok(renewed) => {
                *lease.lock().unwrap_or_else(PoisonError::into_inner) = renewed;
                fence.put_off(began.after(writing(ttl)));
                pause = ttl / RENEWALS;
            }
            // A renewal whose answer was lost may be what is in the way.
            Err(e) if e.is_conflict() => match held_by(&api, &path, &me.to_string()).await {
                Ok(Some(newer)) => {
                    *lease.lock().unwrap_or_else(PoisonError::into_inner) = newer;
                    pause = SOON;
                }
                Ok(None) => {
                    fence.fall();
                    return;
                }
                Err(_) => pause = AGAIN,
            },
            Err(e) if e.is_missing() => {
                fence.fall();
                return;
            }
            Err(_) => pause = AGAIN,
        }
    }
}

//! What happens to a request on its way.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::seen::Seen;

/// How long a fault waits to be told whom to kill: a process is started
/// before it can ask, and named right after.
const NAMING_LIMIT: Duration = Duration::from_secs(5);

/// What happens to one request.
#[derive(Clone, Default)]
pub enum ApiFault {
    /// Nothing.
    #[default]
    None,
    /// It is passed on after a while.
    Delay(Duration),
    /// The connection is closed; the server never sees the request.
    DropBefore,
    /// The server answers, so that what was asked is done; then the connection
    /// is closed without an answer.
    DropAfter,
    /// It is answered with this status, these headers and this body; the
    /// server never sees it.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// This is called when the server's answer is there, before it is passed
    /// on.
    CallAfter(Arc<dyn Fn() + Send + Sync>),
    /// Likewise, the process is killed (SIGKILL).
    KillAfter(Victim),
}

impl ApiFault {
    /// The server's way of saying no: a `Status` object with this message.
    pub fn status(code: u16, reason: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Answer(code, headers, body.to_string().into_bytes())
    }
}

impl fmt::Debug for ApiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::DropBefore => f.write_str("DropBefore"),
            Self::DropAfter => f.write_str("DropAfter"),
            Self::Answer(status, ..) => write!(f, "Answer({status})"),
            Self::CallAfter(_) => f.write_str("CallAfter"),
            Self::KillAfter(_) => f.write_str("KillAfter"),
        }
    }
}

/// A process to be killed that may not have been started yet.
#[derive(Debug, Clone, Default)]
pub struct Victim(Arc<(Mutex<Option<Pid>>, Condvar)>);

impl Victim {
    /// It is this one; `None` when it has been waited for and its number may
    /// be another's.
    pub fn set(&self, pid: Option<Pid>) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = pid;
        self.0.1.notify_all();
    }

    pub(super) fn kill(&self) {
        let (name, named) = &*self.0;
        let name = name.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, _) = named
            .wait_timeout_while(name, NAMING_LIMIT, |pid| pid.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *name {
            // Killed twice, or already over, is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Faults for those requests that pass a filter, by their place among them,
/// from 0.
///
/// ```
/// use testkit::api_proxy::{ApiFault, Seen, among};
/// // The third write is done, and its answer lost.
/// let faults = among(Seen::is_write, |n| match n {
///     2 => ApiFault::DropAfter,
///     _ => ApiFault::None,
/// });
/// ```
pub fn among(
    filter: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    fault: impl Fn(u64) -> ApiFault + Send + Sync + 'static,
) -> impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static {
    let next = AtomicU64::new(0);
    move |seen, _| {
        if filter(seen) {
            fault(next.fetch_add(1, Ordering::SeqCst))
        } else {
            ApiFault::None
        }
    }
}

//! Holds an answer of the API server back until a test says so.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use testkit::api_proxy::{ApiFault, Seen};

/// A gate that nobody opens opens itself after a while: threads end.
const LIMIT: Duration = Duration::from_secs(120);

/// A gate on the way back from the server.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    reached: bool,
    open: bool,
}

impl Gate {
    /// Faults that stop the first request that passes this filter here, when
    /// it is done and before its answer is passed on.
    pub fn at(
        &self,
        filter: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    ) -> impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static {
        let gate = self.clone();
        move |seen, _| {
            if !filter(seen) || gate.is_reached() {
                return ApiFault::None;
            }
            let gate = gate.clone();
            ApiFault::CallAfter(Arc::new(move || gate.pass()))
        }
    }

    /// Whether a request stands before it, or has.
    pub fn is_reached(&self) -> bool {
        self.0.0.lock().expect("no thread panics here").reached
    }

    /// Lets it go on.
    pub fn open(&self) {
        self.0.0.lock().expect("no thread panics here").open = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let (state, opened) = &*self.0;
        let mut state = state.lock().expect("no thread panics here");
        state.reached = true;
        let _ = opened
            .wait_timeout_while(state, LIMIT, |state| !state.open)
            .expect("no thread panics here");
    }
}

/// Writes of a client's Lease.
pub fn lease(seen: &Seen) -> bool {
    seen.is_write() && seen.path.contains("/leases")
}

/// The first write of a release record.
pub fn record(seen: &Seen) -> bool {
    seen.method == "POST" && seen.path.ends_with("/configmaps")
}

/// Writes of this object.
pub fn object(kind_and_name: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync + 'static {
    move |seen| seen.is_write() && seen.path.ends_with(kind_and_name)
}

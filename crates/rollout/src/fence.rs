//! The moment after which a holder of a Lease writes nothing more.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since the machine began, sleep and stopped processes included: a
/// process that was stopped finds that it has passed.
fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// A moment on the clock of this machine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self(now())
    }

    /// This much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

/// Falls at a moment, unless that is put off before.
#[derive(Debug)]
pub struct Fence {
    falls: Mutex<Option<Moment>>,
}

impl Fence {
    /// Falls at this moment.
    pub fn at(moment: Moment) -> Self {
        Self {
            falls: Mutex::new(Some(moment)),
        }
    }

    /// Puts it off; one that has fallen stays down.
    pub fn put_off(&self, moment: Moment) {
        let mut falls = self.falls.lock().unwrap_or_else(PoisonError::into_inner);
        if falls.is_some_and(|at| Moment::now() < at) {
            *falls = Some(moment);
        }
    }

    /// Falls now.
    pub fn fall(&self) {
        *self.falls.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How long it still stands; `None` once it has fallen.
    pub fn left(&self) -> Option<Duration> {
        let falls = (*self.falls.lock().unwrap_or_else(PoisonError::into_inner))?;
        falls.0.checked_sub(now()).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallen_fence_stays_down() {
        let second = Duration::from_secs(1);
        let fence = Fence::at(Moment::now().after(second * 60));
        assert!(fence.left().is_some_and(|left| left > second * 50));
        fence.put_off(Moment::now().after(second * 100));
        assert!(fence.left().is_some_and(|left| left > second * 90));
        fence.fall();
        fence.put_off(Moment::now().after(second * 100));
        assert_eq!(fence.left(), None);
        let over = Fence::at(Moment::now());
        over.put_off(Moment::now().after(second));
        assert_eq!(over.left(), None);
    }
}

//! When to ask again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

/// The longest wait of our own choosing.
const BACKOFF_MAX: Duration = Duration::from_secs(8);

/// Whether a status may be another one next time.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long to wait before the next attempt: anything up to a bound that
/// doubles with each attempt (full jitter), on top of what the server asks
/// for. Attempts count from 1.
pub(crate) fn wait(attempt: u32, backoff: Duration, asked: Option<Duration>) -> Duration {
    let doubled = backoff.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    let jitter = doubled.min(BACKOFF_MAX).mul_f64(chance());
    asked.unwrap_or_default().saturating_add(jitter)
}

/// A number from 0 up to 1, of the randomness that protects hash maps: it
/// only has to differ between processes and calls.
fn chance() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

/// What `Retry-After` says: seconds, or a time.
///
/// Source of the rule: RFC 9110 section 10.2.3.
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(header)
        .ok()?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let at = u64::try_from(at.as_second()).ok()?;
    Some(Duration::from_secs(at.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_and_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_470);
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(retry_after("120", now), seconds(120));
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now),
            seconds(10)
        );
        assert_eq!(
            retry_after("Wed, 21 Oct 2014 07:28:00 GMT", now),
            seconds(0)
        );
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-1", now), None);
    }

    proptest! {
        #[test]
        fn never_less_than_asked_and_bounded(attempt in 1_u32..1000, asked in 0_u64..1_000_000) {
            let asked = Duration::from_secs(asked);
            let wait = wait(attempt, Duration::from_millis(250), Some(asked));
            prop_assert!(wait >= asked && wait <= asked + BACKOFF_MAX);
        }
    }

    #[test]
    fn waits_differ() {
        let waits: std::collections::BTreeSet<_> = (0..32)
            .map(|_| wait(3, Duration::from_secs(1), None))
            .collect();
        assert!(waits.len() > 16, "{waits:?}");
    }
}

//! Times of deployments.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// A time, read in any zone of RFC 3339 and written in UTC with whole seconds,
/// as the specification's example has it.
///
/// ```
/// use catalog::tracking::Time;
/// let time: Time = "2026-01-29T11:15:30.5+01:00".parse().unwrap();
/// assert_eq!(time.to_string(), "2026-01-29T10:15:30Z");
/// assert!("yesterday".parse::<Time>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Timestamp);

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no RFC 3339 time between the years 0 and 9999, such as 2026-01-29T10:15:30Z")]
pub struct NotATime;

/// 0000-01-01T00:00:00Z, in seconds of Unix; RFC 3339 knows no year before.
const YEAR_0: i64 = -62_167_219_200;

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let time: Timestamp = text.parse().map_err(|_| NotATime)?;
        let seconds = time.as_second();
        if seconds < YEAR_0 {
            return Err(NotATime);
        }
        Timestamp::from_second(seconds)
            .map(Self)
            .map_err(|_| NotATime)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.0)
    }
}

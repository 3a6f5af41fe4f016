//! When a package was made: the one place that reads the clock for its bytes.

use jiff::Timestamp;
use model::finding::{Class, Finding};

/// What git says about the files that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// HEAD's commit time, in seconds since 1970.
    pub time: i64,
    /// Whether every file read is as HEAD has it.
    pub unchanged: bool,
}

/// A time as packages write it: RFC 3339 in UTC, whole seconds.
pub fn print(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// When the package was made: the time given, else `SOURCE_DATE_EPOCH`, else
/// HEAD's commit time when nothing that was read differs from HEAD, else now
/// (package format 1, `created`).
pub fn decide(
    given: Option<&str>,
    source_date_epoch: Option<&str>,
    head: Option<Head>,
    now: impl FnOnce() -> Timestamp,
) -> Result<(Timestamp, Option<Finding>), Finding> {
    if let Some(text) = given {
        let time = text.parse::<Timestamp>().map_err(|e| {
            Finding::error(
                "created-invalid",
                Class::Usage,
                format!("--created {text:?} is not an RFC 3339 time: {e}"),
            )
            .help("Write it as 2026-01-29T10:15:30Z")
        })?;
        return Ok((time, None));
    }
    if let Some(text) = source_date_epoch {
        let time = text
            .parse::<i64>()
            .ok()
            .and_then(|s| Timestamp::from_second(s).ok())
            .ok_or_else(|| {
                Finding::error(
                    "created-invalid",
                    Class::Usage,
                    format!("SOURCE_DATE_EPOCH {text:?} is not a number of seconds since 1970"),
                )
            })?;
        return Ok((time, None));
    }
    let committed = head.and_then(|h| Some((h, Timestamp::from_second(h.time).ok()?)));
    if let Some((head, time)) = committed
        && head.unchanged
    {
        return Ok((time, None));
    }
    let now = now();
    let early = committed.filter(|(_, time)| now < *time).map(|(_, time)| {
        Finding::warning(
            "clock-early",
            Class::Usage,
            format!(
                "the clock says {}, before HEAD was committed at {}",
                print(now),
                print(time)
            ),
        )
        .help("Set the clock, or give the time with --created")
    });
    Ok((now, early))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    #[test]
    fn the_order_is_given_environment_head_now() {
        let clean = Some(Head {
            time: 1_700_000_000,
            unchanged: true,
        });
        let dirty = Some(Head {
            time: 1_700_000_000,
            unchanged: false,
        });
        let said = |given, epoch, head| print(decide(given, epoch, head, now).unwrap().0);
        assert_eq!(
            said(Some("2026-01-29T10:15:30+01:00"), Some("1"), clean),
            "2026-01-29T09:15:30Z"
        );
        assert_eq!(said(None, Some("1"), clean), "1970-01-01T00:00:01Z");
        assert_eq!(said(None, None, clean), "2023-11-14T22:13:20Z");
        assert_eq!(said(None, None, dirty), print(now()));
        assert_eq!(said(None, None, None), print(now()));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert!(decide(Some("yesterday"), None, None, now).is_err());
        assert!(decide(None, Some("12x"), None, now).is_err());
    }

    #[test]
    fn g33_a_clock_before_head_is_told() {
        let head = Some(Head {
            time: NOW + 60,
            unchanged: false,
        });
        let (_, told) = decide(None, None, head, now).unwrap();
        assert_eq!(told.unwrap().code, "clock-early");
        let head = Some(Head {
            time: NOW - 60,
            unchanged: false,
        });
        assert_eq!(decide(None, None, head, now).unwrap().1, None);
    }
}

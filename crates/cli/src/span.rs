//! A length of time as people write it: `90s`, `5m`, `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest that anything is waited for: a week.
const MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The units, longest first: each at most once, in this order.
const UNITS: [(&str, u64); 3] = [("h", 3600), ("m", 60), ("s", 1)];

/// A length of time, from one second to a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// So many seconds; for defaults, which are sound.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It has another form.
    #[error("expected a length of time, such as 90s, 5m or 1h30m")]
    Form,
    /// It is nothing.
    #[error("it must be at least 1s")]
    Zero,
    /// It is more than a week.
    #[error("it must be at most 168h")]
    Long,
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text.is_empty() {
            return Err(SpanError::Form);
        }
        let mut rest = text;
        let mut seconds: u64 = 0;
        for (unit, length) in UNITS {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let Some(after) = after.strip_prefix(unit).filter(|_| digits > 0) else {
                continue;
            };
            let number: u64 = number.parse().map_err(|_| SpanError::Long)?;
            seconds = number
                .checked_mul(length)
                .and_then(|more| seconds.checked_add(more))
                .ok_or(SpanError::Long)?;
            rest = after;
        }
        match Duration::from_secs(seconds) {
            _ if !rest.is_empty() => Err(SpanError::Form),
            Duration::ZERO => Err(SpanError::Zero),
            span if span > MAX => Err(SpanError::Long),
            span => Ok(Self(span)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_printed() {
        for (text, seconds, printed) in [
            ("1s", 1, "1s"),
            ("90s", 90, "1m30s"),
            ("5m", 300, "5m"),
            ("1h30m", 5400, "1h30m"),
            ("1h5s", 3605, "1h5s"),
            ("168h", 604_800, "168h"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span, Span::seconds(seconds), "{text}");
            assert_eq!(span.to_string(), printed);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for (text, why) in [
            ("", SpanError::Form),
            ("5", SpanError::Form),
            ("m", SpanError::Form),
            ("5 m", SpanError::Form),
            ("-5m", SpanError::Form),
            ("1.5h", SpanError::Form),
            ("5s1m", SpanError::Form),
            ("1m1m", SpanError::Form),
            ("5M", SpanError::Form),
            ("300ms", SpanError::Form),
            ("٥m", SpanError::Form),
            ("0s", SpanError::Zero),
            ("0h0m0s", SpanError::Zero),
            ("169h", SpanError::Long),
            ("18446744073709551615h", SpanError::Long),
            ("99999999999999999999s", SpanError::Long),
        ] {
            assert_eq!(text.parse::<Span>(), Err(why), "{text:?}");
        }
    }
}

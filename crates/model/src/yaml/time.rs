//! Times, as go-yaml reads them unquoted and Go's JSON prints them.

/// The time in RFC 3339 that JSON holds, if go-yaml takes the text for one:
/// `2006-1-2`, `2006-1-2 15:4:5.9` or `2006-1-2T15:4:5.9Z07:00`.
pub(super) fn parse(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut rest = Rest(&bytes[5..]);
    let year: u32 = text[..4].parse().ok()?;
    let month = rest.number()?;
    rest.take(b'-')?;
    let day = rest.number()?;
    if !(1..=12).contains(&month) || day == 0 || day > days(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}T");
    if rest.0.is_empty() {
        return Some(date + "00:00:00Z");
    }
    let zoned = match rest.byte()? {
        b'T' | b't' => true,
        b' ' => false,
        _ => return None,
    };
    let hour = rest.number().filter(|h| *h < 24)?;
    rest.take(b':')?;
    let minute = rest.number().filter(|m| *m < 60)?;
    rest.take(b':')?;
    let second = rest.number().filter(|s| *s < 60)?;
    let fraction = rest.fraction();
    let zone = if zoned { rest.zone()? } else { "Z".to_owned() };
    rest.0
        .is_empty()
        .then(|| format!("{date}{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then_some(())
    }

    fn digit(&mut self) -> Option<u32> {
        let digit = self.0.first().filter(|b| b.is_ascii_digit())?;
        self.0 = &self.0[1..];
        Some(u32::from(digit - b'0'))
    }

    /// One digit or two.
    fn number(&mut self) -> Option<u32> {
        let first = self.digit()?;
        Some(self.digit().map_or(first, |second| first * 10 + second))
    }

    /// Nanoseconds without the zeros behind, after a point or a comma.
    fn fraction(&mut self) -> String {
        if !matches!(self.0, [b'.' | b',', b'0'..=b'9', ..]) {
            return String::new();
        }
        self.0 = &self.0[1..];
        let mut digits = String::from(".");
        while let Some(digit) = self.digit() {
            // Ten characters: the point and nine digits.
            if digits.len() < 10 {
                digits.push(char::from_digit(digit, 10).unwrap_or('0'));
            }
        }
        let kept = digits.trim_end_matches('0').trim_end_matches('.').len();
        digits.truncate(kept);
        digits
    }

    fn zone(&mut self) -> Option<String> {
        let sign = match self.byte()? {
            b'Z' => return Some("Z".to_owned()),
            b'+' => '+',
            b'-' => '-',
            _ => return None,
        };
        let hours = self.digit()? * 10 + self.digit()?;
        self.take(b':')?;
        let minutes = self.digit()? * 10 + self.digit()?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        Some(if hours == 0 && minutes == 0 {
            "Z".to_owned()
        } else {
            format!("{sign}{hours:02}:{minutes:02}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_as_go_reads_them() {
        for (text, time) in [
            ("2020-01-01", Some("2020-01-01T00:00:00Z")),
            ("2020-1-2", Some("2020-01-02T00:00:00Z")),
            ("2020-01-01 10:00:00", Some("2020-01-01T10:00:00Z")),
            (
                "2020-01-01T1:2:3.50+02:00",
                Some("2020-01-01T01:02:03.5+02:00"),
            ),
            ("2020-01-01t10:00:00Z", Some("2020-01-01T10:00:00Z")),
            ("2020-01-01T10:00:00", None),
            ("2020-02-30", None),
            ("2020-13-01", None),
            ("2001-12-14 21:59:43.10 -5", None),
        ] {
            assert_eq!(parse(text).as_deref(), time, "{text}");
        }
    }
}

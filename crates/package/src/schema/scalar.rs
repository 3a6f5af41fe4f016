//! Texts and numbers whose form the API server checks while it reads them.

use base64::Engine as _;
use model::yaml::{Scalar, Tag};

/// The whole number a scalar is, as the API server gets it: a float without a
/// fraction arrives there as a whole number.
pub fn whole(scalar: &Scalar) -> Option<i128> {
    match scalar.tag {
        Tag::Int => integer(&scalar.text),
        Tag::Float => {
            /// From here on JSON has an exponent, which no integer may have.
            const EXPONENT: f64 = 1e21;
            let number: f64 = scalar.text.replace('_', "").parse().ok()?;
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 1e21")]
            (number.fract() == 0.0 && number.abs() < EXPONENT).then_some(number as i128)
        }
        _ => None,
    }
}

/// A YAML integer: decimal, or with the prefixes go-yaml knows.
fn integer(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, &*text),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (&digits[2..], 16),
        Some("0o" | "0O") => (&digits[2..], 8),
        Some("0b" | "0B") => (&digits[2..], 2),
        Some(two) if two.starts_with('0') => (&digits[1..], 8),
        _ => (digits, 10),
    };
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// A finite number.
pub fn number(scalar: &Scalar) -> Option<f64> {
    match scalar.tag {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a double is what the server reads"
        )]
        Tag::Int => integer(&scalar.text).map(|n| n as f64),
        Tag::Float => scalar
            .text
            .replace('_', "")
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

/// Whether the text of a quantity is one: a decimal number and a suffix, of
/// `n u m k M G T P E`, `Ki Mi Gi Ti Pi Ei` or an exponent, as
/// `resource.ParseQuantity` takes it.
pub fn is_quantity(text: &str) -> bool {
    const SUFFIXES: [&str; 16] = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    let fraction = whole.strip_prefix('.').unwrap_or(whole);
    let suffix = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = unsigned.len() - suffix.len() - (whole.len() - fraction.len());
    let whole_of_fraction = whole.len() == fraction.len() && suffix.len() != fraction.len();
    if digits == 0 || whole_of_fraction {
        return false;
    }
    SUFFIXES.contains(&suffix)
        || suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit())
                && exponent.parse::<i32>().is_ok()
        })
}

/// Whether a text is a time as Go reads RFC 3339.
pub fn is_time(text: &str) -> bool {
    time_fraction(text).is_some()
}

/// Whether a text is a time with exactly six digits of fraction.
pub fn is_micro_time(text: &str) -> bool {
    time_fraction(text) == Some(6)
}

/// The digits of fraction of an RFC 3339 time, if it is one.
fn time_fraction(text: &str) -> Option<usize> {
    let (seconds, rest) = (text.get(..19)?, text.get(19..)?);
    let fits = |c: u8, pattern: u8| match pattern {
        b'0' => c.is_ascii_digit(),
        pattern => c == pattern,
    };
    let pattern = b"0000-00-00T00:00:00";
    if !seconds.bytes().zip(pattern).all(|(c, p)| fits(c, *p)) {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            (rest.len() - zone.len(), zone)
        }
        None => (0, rest),
    };
    if rest.len() != zone.len() && fraction == 0 {
        return None;
    }
    let zone_fits = zone == "Z"
        || zone.len() == 6
            && zone.starts_with(['+', '-'])
            && zone[1..].bytes().zip(b"00:00").all(|(c, p)| fits(c, *p))
            && two(zone, 1) < 25
            && two(zone, 4) < 61;
    let year: i16 = seconds[..4].parse().ok()?;
    let day = |at| i8::try_from(two(seconds, at)).ok();
    let date = jiff::civil::Date::new(year, day(5)?, day(8)?).is_ok();
    let time = two(seconds, 11) < 24 && two(seconds, 14) < 60 && two(seconds, 17) < 60;
    (zone_fits && date && time).then_some(fraction)
}

/// Two digits as a number.
fn two(text: &str, at: usize) -> u8 {
    text.get(at..at + 2)
        .and_then(|t| t.parse().ok())
        .unwrap_or(u8::MAX)
}

/// Whether a text is padded base64, line breaks allowed, as Go's decoder
/// takes it.
pub fn is_base64(text: &str) -> bool {
    // Go does not mind bits left over in the last character.
    const LENIENT: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    if text.contains(['\r', '\n']) {
        LENIENT.decode(text.replace(['\r', '\n'], "")).is_ok()
    } else {
        LENIENT.decode(text).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::yaml::Style;

    fn plain(text: &str, tag: Tag) -> Scalar {
        Scalar {
            text: text.to_owned(),
            tag,
            style: Style::Plain,
        }
    }

    #[test]
    fn whole_numbers() {
        for (text, value) in [
            ("12", 12),
            ("-0x1F", -31),
            ("0o17", 15),
            ("017", 15),
            ("1_000", 1000),
            ("+3", 3),
        ] {
            assert_eq!(whole(&plain(text, Tag::Int)), Some(value), "{text}");
        }
        assert_eq!(whole(&plain("1e3", Tag::Float)), Some(1000));
        for text in ["1.5", ".inf", ".nan", "1e21"] {
            assert_eq!(whole(&plain(text, Tag::Float)), None, "{text}");
        }
        assert_eq!(whole(&plain("12", Tag::Str)), None);
    }

    #[test]
    fn quantities() {
        for good in [
            "1", "1.5", ".5", "5.", "+1", "-2Gi", "100m", "1e3", "1E3", "12E", "1e-3", "0", "3Ki",
        ] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in [
            "", ".", "m", "1 Gi", "1gi", "1GiB", "1e", "--1", "1.2.3", "0x10", "1ki", "é",
        ] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }

    #[test]
    fn times() {
        for good in ["2024-02-29T23:59:59Z", "2024-01-01T00:00:00.5+02:00"] {
            assert!(is_time(good) && !is_micro_time(good), "{good}");
        }
        assert!(is_micro_time("2024-01-01T00:00:00.000001Z"));
        for bad in [
            "",
            "2024-01-01",
            "2023-02-29T00:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+2:00",
            "2024-01-0éT00:00:00Z",
        ] {
            assert!(!is_time(bad), "{bad}");
        }
    }

    #[test]
    fn base64_of_go() {
        for good in ["", "YQ==", "YR==", "YWJj", "YW\nJj\r\n"] {
            assert!(is_base64(good), "{good:?}");
        }
        for bad in ["YQ", "YQ=", "Y Q=", "*", "_w=="] {
            assert!(!is_base64(bad), "{bad:?}");
        }
    }
}

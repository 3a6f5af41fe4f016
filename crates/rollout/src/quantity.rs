//! Quantities that say the same in other words.

/// Whether two texts are the same Kubernetes quantity: `1000m` and `1`, `1024Mi`
/// and `1Gi`. Texts that are no quantities are never the same.
///
/// ```
/// use rollout::quantity::same;
/// assert!(same("1000m", "1") && same("1024Mi", "1Gi") && same("1e3", "1k"));
/// assert!(!same("1", "2") && !same("a", "a"));
/// ```
pub fn same(a: &str, b: &str) -> bool {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The most digits that are compared: more would not fit in the sum below.
const DIGITS_MAX: usize = 18;

/// A quantity in billionths, exactly; `None` where that cannot be said.
///
/// Source: `k8s.io/apimachinery/pkg/api/resource`, "Quantity".
pub fn parse(text: &str) -> Option<i128> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty()
        || fraction.contains('.')
        || whole.len() + fraction.len() > DIGITS_MAX
    {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let scaled = match suffix {
        "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => {
            let power = "KMGTPE".find(&suffix[..1])? + 1;
            digits
                .checked_mul(1024_i128.checked_pow(u32::try_from(power).ok()?)?)?
                .checked_mul(BILLION)?
        }
        _ => {
            let exponent = decimal_exponent(suffix)?;
            if exponent >= 0 {
                digits
                    .checked_mul(10_i128.checked_pow(u32::try_from(exponent).ok()?)?)?
                    .checked_mul(BILLION)?
            } else {
                let by = 10_i128.checked_pow(u32::try_from(-exponent).ok()?)?;
                let value = digits.checked_mul(BILLION)?;
                (value % by == 0).then_some(value / by)?
            }
        }
    };
    let by = 10_i128.checked_pow(places)?;
    (scaled % by == 0).then_some(sign * scaled / by)
}

const BILLION: i128 = 1_000_000_000;

fn decimal_exponent(suffix: &str) -> Option<i32> {
    Some(match suffix {
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            exponent.parse().ok().filter(|e| (-9..=18).contains(e))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", ".", "-", "1.2.3", "1kk", "1Zi", "0x10", "1e99", "٣"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn forms_of_one_value() {
        for (a, b) in [
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("2", "2.0"),
            ("-1", "-1000m"),
            ("1E", "1e18"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
        assert!(!same("1M", "1Mi"));
    }
}

//! What go-yaml takes a plain scalar for, and how Go prints numbers.
//!
//! The rules are those of `resolve.go` in go-yaml v2 and v3 and of Go's
//! `strconv`; golden data in `tests/golden` hold them in place.

use std::borrow::Cow;

use super::limits::Dialect;
use super::time;

/// What a plain scalar is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A time, as JSON holds it.
    Time(String),
    Str,
}

/// What a plain scalar without a tag is.
pub(super) fn resolve(text: &str, dialect: Dialect) -> Value {
    let Some(first) = text.bytes().next() else {
        return Value::Null;
    };
    match first {
        b'+' | b'-' | b'0'..=b'9' => not_finite(text).unwrap_or_else(|| number(text, dialect)),
        b'.' => not_finite(text).unwrap_or_else(|| {
            if is_float(text.as_bytes()) {
                float(text).unwrap_or(Value::Str)
            } else {
                Value::Str
            }
        }),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            word(text, dialect)
        }
        _ => Value::Str,
    }
}

/// The text of a boolean, in the spellings both dialects know.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn word(text: &str, dialect: Dialect) -> Value {
    if let Some(value) = boolean(text) {
        return Value::Bool(value);
    }
    match (text, dialect) {
        ("~" | "null" | "Null" | "NULL", _) => Value::Null,
        ("y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON", Dialect::V2) => Value::Bool(true),
        ("n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF", Dialect::V2) => Value::Bool(false),
        _ => Value::Str,
    }
}

fn not_finite(text: &str) -> Option<Value> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(Value::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(Value::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => Some(Value::Float(f64::NEG_INFINITY)),
        _ => None,
    }
}

fn number(text: &str, dialect: Dialect) -> Value {
    if let Some(time) = time::parse(text) {
        return Value::Time(time);
    }
    let plain: Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    if let Some(value) = integer(&plain) {
        return value;
    }
    if is_float(plain.as_bytes())
        && let Some(value) = float(&plain)
    {
        return value;
    }
    // Go looks at the sign behind the prefix too.
    let prefixed = |prefix: &str, radix| {
        let digits = plain.strip_prefix(prefix)?;
        signed(digits, radix).or_else(|| unsigned(digits, radix))
    };
    prefixed("0b", 2)
        .or_else(|| match dialect {
            Dialect::V3 => prefixed("0o", 8),
            Dialect::V2 => None,
        })
        .unwrap_or(Value::Str)
}

/// Go's `strconv.ParseInt` and `ParseUint` with base 0.
fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("+", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    if sign == "-" {
        return i64::from_str_radix(&format!("-{digits}"), radix)
            .ok()
            .map(Value::Int);
    }
    if let Ok(value) = i64::from_str_radix(digits, radix) {
        return Some(Value::Int(value));
    }
    if sign.is_empty() {
        unsigned(digits, radix)
    } else {
        None
    }
}

fn signed(digits: &str, radix: u32) -> Option<Value> {
    i64::from_str_radix(digits, radix).ok().map(Value::Int)
}

fn unsigned(digits: &str, radix: u32) -> Option<Value> {
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Value::Uint)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &[u8]) -> bool {
    let digits = |at: usize| text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(at);
    at += whole;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let fraction = digits(at);
        at += fraction;
        if whole == 0 && fraction == 0 {
            return false;
        }
    } else if whole == 0 {
        return false;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return false;
        }
        at += exponent;
    }
    at == text.len()
}

/// A number too large for a double stays text, as in Go.
fn float(text: &str) -> Option<Value> {
    text.parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .map(Value::Float)
}

/// A finite double as go-yaml v2 prints what Go's JSON held of it: integers
/// in full as far as 64 bits go, everything else by `strconv`'s `g`.
pub(super) fn print_float(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() < JSON_EXPONENT_FROM {
        let digits = value.to_string();
        if digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok() {
            return digits;
        }
    }
    print_g(value)
}

/// A finite double as `strconv`'s shortest `g` prints it.
pub(super) fn print_g(value: f64) -> String {
    let (mantissa, exponent) = scientific(value);
    if (-4..SHORTEST_G_EXPONENT).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// A finite double as Go's `encoding/json` prints it.
pub(super) fn json_float(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..JSON_EXPONENT_FROM).contains(&size) {
        let (mantissa, exponent) = scientific(value);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{}", exponent.abs());
    }
    value.to_string()
}

/// From here on Go's JSON writes an exponent.
const JSON_EXPONENT_FROM: f64 = 1e21;

/// From this exponent on `strconv`'s shortest `g` writes one.
const SHORTEST_G_EXPONENT: i32 = 6;

fn scientific(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_go_reads_them() {
        let v3 = |text| resolve(text, Dialect::V3);
        assert_eq!(v3("0755"), Value::Int(493));
        assert_eq!(v3("0o755"), Value::Int(493));
        assert_eq!(v3("-0x1F"), Value::Int(-31));
        assert_eq!(v3("0b-101"), Value::Int(-5));
        assert_eq!(v3("1_000"), Value::Int(1000));
        assert_eq!(v3("0899"), Value::Float(899.0));
        assert_eq!(v3("1e400"), Value::Str);
        assert_eq!(v3("18446744073709551615"), Value::Uint(u64::MAX));
        assert_eq!(
            v3("+18446744073709551615"),
            Value::Float(1.844_674_407_370_955_2e19)
        );
        assert_eq!(v3("yes"), Value::Str);
        assert_eq!(resolve("yes", Dialect::V2), Value::Bool(true));
        assert_eq!(v3("1:30"), Value::Str);
        assert_eq!(v3("-"), Value::Str);
        assert_eq!(v3("."), Value::Str);
        assert_eq!(v3("0x"), Value::Str);
    }
}

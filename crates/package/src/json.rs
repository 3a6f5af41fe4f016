//! JSON read strictly: what two readers could read differently is refused.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// Why a text is not JSON as we take it, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} (column {column})")]
pub struct JsonError {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in bytes.
    pub column: u32,
    /// Why.
    pub why: String,
}

/// Reads one JSON value.
///
/// Refused beyond what RFC 8259 leaves out already (a byte order mark,
/// trailing data, `NaN`, lone surrogates, bytes that are not UTF-8): a key
/// given twice in one object, numbers that no 64-bit float holds, and nesting
/// deeper than 127 levels.
///
/// ```
/// use package::json;
/// assert!(json::parse(br#"{"a": [1, true, null]}"#).is_ok());
/// let error = json::parse(b"{\"a\": 1,\n \"a\": 2}").unwrap_err();
/// assert_eq!(error.line, 2);
/// assert!(error.why.contains(r#"the key "a" is there twice"#));
/// ```
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if let Err(e) = std::str::from_utf8(bytes) {
        return Err(at(bytes, e.valid_up_to(), "a byte that is not UTF-8"));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(at(bytes, 0, "a byte order mark"));
    }
    serde_json::from_slice::<Strict>(bytes)
        .map(|strict| strict.0)
        .map_err(|e| JsonError {
            line: u32::try_from(e.line()).unwrap_or(u32::MAX).max(1),
            column: u32::try_from(e.column()).unwrap_or(u32::MAX).max(1),
            why: reason(&e),
        })
}

fn at(bytes: &[u8], offset: usize, why: &str) -> JsonError {
    let (mut line, mut column) = (1, 1);
    for byte in &bytes[..offset] {
        if *byte == b'\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    JsonError {
        line,
        column,
        why: why.to_owned(),
    }
}

/// The error's text without the position, which is told apart.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A value in which no object has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> DeserializeSeed<'de> for StrictVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(StrictVisitor)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} is there twice")));
            }
            let value = access.next_value_seed(StrictVisitor)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(text: &[u8]) -> u32 {
        parse(text).expect_err("must be refused").line
    }

    #[test]
    fn v10_what_readers_disagree_about_is_refused_with_its_line() {
        assert_eq!(line_of(b"{\n\"a\": 1,\n\"a\": 1}"), 3);
        assert_eq!(line_of(b"{\"x\": {\"a\": 1, \"\\u0061\": 1}}"), 1);
        assert_eq!(line_of(b"\xef\xbb\xbf{}"), 1);
        assert_eq!(line_of(b"{}\n{}"), 2);
        assert_eq!(line_of(b"{}\n\0"), 2);
        assert_eq!(line_of(b"{\n\"a\": NaN}"), 2);
        assert_eq!(line_of(b"{\"a\": 1e400}"), 1);
        assert_eq!(line_of(b"{\"a\": \"\\ud800\"}"), 1);
        assert_eq!(line_of(b"{\n\n\"a\": \"\xff\"}"), 3);
        assert_eq!(line_of(b"{\"a\": 01}"), 1);
        assert_eq!(line_of(b"{\"a\": 1,}"), 1);
        assert_eq!(line_of(b"{'a': 1}"), 1);
        assert_eq!(line_of(b"{\"a\": \"\n\"}"), 2);
        assert_eq!(line_of(b""), 1);
    }

    #[test]
    fn v10_deep_nesting_is_refused_and_does_not_overflow() {
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(parse(&deep).is_err());
        let fine = [b"[".repeat(100), b"]".repeat(100)].concat();
        assert!(parse(&fine).is_ok());
    }
}

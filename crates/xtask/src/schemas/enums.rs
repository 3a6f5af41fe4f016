//! The values fields may take, from the generated Go source.
//!
//! The source is printed by gofmt: a function a type, whose properties stand
//! at a fixed depth.

use std::collections::BTreeMap;

/// Values by the function's name and the field's.
pub type Enums = BTreeMap<(String, String), Vec<String>>;

/// What a property of a type begins with.
const PROPERTY: &str = "\n\t\t\t\t\t\"";

/// Reads the source.
pub fn read(source: &str) -> Enums {
    let mut enums = Enums::new();
    for function in source.split("\nfunc ").skip(1) {
        let Some((name, body)) = function.split_once('(') else {
            continue;
        };
        for property in body.split(PROPERTY).skip(1) {
            let Some((field, rest)) = property.split_once('"') else {
                continue;
            };
            let values = rest.lines().find_map(|line| {
                line.trim_start()
                    .strip_prefix("Enum:")?
                    .trim_start()
                    .strip_prefix("[]interface{}{")?
                    .strip_suffix("},")
            });
            if let Some(values) = values {
                // Strings as Go prints them here are JSON's.
                let values = serde_json::from_str(&format!("[{values}]")).unwrap_or_default();
                enums.insert((name.to_owned(), field.to_owned()), values);
            }
        }
    }
    enums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_fields_and_of_items() {
        let source = "package openapi\n\nfunc schema_a(ref x) y {\n\t\t\t\t\t\"kind\": {\n\t\t\t\t\t\t\tEnum:        []interface{}{\"\", \"a b\"},\n\
                      \t\t\t\t\t},\n\t\t\t\t\t\"none\": {\n\t\t\t\t\t},\n\t\t\t\t\t\"modes\": {\n\t\t\t\t\t\t\t\t\t\tEnum:   []interface{}{\"X\"},\n\t\t\t\t\t},\n}\n";
        let enums = read(source);
        let get = |field: &str| enums.get(&("schema_a".to_owned(), field.to_owned()));
        assert_eq!(get("kind"), Some(&vec![String::new(), "a b".to_owned()]));
        assert_eq!(get("modes"), Some(&vec!["X".to_owned()]));
        assert_eq!(get("none"), None);
    }
}

//! One release's types and kinds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::enums::Enums;

/// A field: its type as the data file writes it, and whether it is required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// The type.
    pub shape: String,
    /// Whether an object without it is refused.
    pub required: bool,
}

/// A kind objects can be created of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Its type.
    pub definition: String,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
}

/// What one release knows.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Fields of types, by short name of the type and name of the field.
    pub types: BTreeMap<String, BTreeMap<String, Field>>,
    /// Kinds, by `apiVersion` and `kind`.
    pub kinds: BTreeMap<(String, String), Kind>,
}

impl Definitions {
    /// From a release's `swagger.json` and its enums.
    pub fn read(swagger: &Value, enums: &Enums) -> Result<Self, String> {
        let mut read = Self {
            kinds: kinds(swagger)?,
            ..Self::default()
        };
        let definitions = object(&swagger["definitions"], "definitions")?;
        let long: BTreeMap<String, &String> =
            definitions.keys().map(|name| (short(name), name)).collect();
        if long.len() != definitions.len() {
            return Err("two types have the same short name".to_owned());
        }
        let mut wanted: Vec<String> = read.kinds.values().map(|k| k.definition.clone()).collect();
        while let Some(name) = wanted.pop() {
            if read.types.contains_key(&name) {
                continue;
            }
            let long = long.get(&name).ok_or_else(|| format!("no type {name}"))?;
            let fields = fields(&name, &definitions[*long], enums)?;
            for field in fields.values() {
                let target = field.shape.trim_start_matches(['[', ']', '{', '}']);
                if target.contains('.') && !target.starts_with('"') {
                    wanted.push(target.to_owned());
                }
            }
            read.types.insert(name, fields);
        }
        Ok(read)
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{what} is no object"))
}

/// `core.v1.Pod` for `io.k8s.api.core.v1.Pod`.
fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    parts[parts.len().saturating_sub(3)..].join(".")
}

/// The name of the Go function that describes a type.
fn function(name: &str) -> [String; 2] {
    let name = name.replace('.', "_");
    [
        format!("schema_k8sio_api_{name}"),
        format!("schema_pkg_apis_{name}"),
    ]
}

/// The kinds that can be posted to a collection.
fn kinds(swagger: &Value) -> Result<BTreeMap<(String, String), Kind>, String> {
    let mut kinds = BTreeMap::new();
    for (path, methods) in object(&swagger["paths"], "paths")? {
        let post = &methods["post"];
        let gvk = &post["x-kubernetes-group-version-kind"];
        let body = post["parameters"]
            .as_array()
            .and_then(|all| all.iter().find(|p| p["in"] == "body"))
            .and_then(|body| body["schema"]["$ref"].as_str());
        let (Some(kind), Some(body)) = (gvk["kind"].as_str(), body) else {
            continue;
        };
        if path.contains("{name}") {
            continue;
        }
        let (group, version) = (&gvk["group"], &gvk["version"]);
        let api_version = match (group.as_str(), version.as_str()) {
            (Some("") | None, Some(version)) => version.to_owned(),
            (Some(group), Some(version)) => format!("{group}/{version}"),
            _ => return Err(format!("{path}: no version")),
        };
        kinds.insert(
            (api_version, kind.to_owned()),
            Kind {
                definition: short(body.trim_start_matches("#/definitions/")),
                namespaced: path.contains("/namespaces/{namespace}/"),
            },
        );
    }
    Ok(kinds)
}

fn fields(
    name: &str,
    definition: &Value,
    enums: &Enums,
) -> Result<BTreeMap<String, Field>, String> {
    let required: BTreeSet<&str> = definition["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut fields = BTreeMap::new();
    if let Some(properties) = definition.get("properties") {
        for (field, schema) in object(properties, name)? {
            let values = function(name)
                .into_iter()
                .find_map(|function| enums.get(&(function, field.clone())));
            let mut shape = shape(schema).map_err(|e| format!("{name}.{field}: {e}"))?;
            if let Some(values) = values {
                let values: Vec<String> = values
                    .iter()
                    .map(|v| Value::from(&**v).to_string())
                    .collect();
                shape = shape.replace("string", &values.join("|"));
            }
            fields.insert(
                field.clone(),
                Field {
                    shape,
                    required: required.contains(&**field),
                },
            );
        }
    }
    Ok(fields)
}

/// A type as the data file writes it.
fn shape(schema: &Value) -> Result<String, String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = short(target.trim_start_matches("#/definitions/"));
        return Ok(special(&target).map_or(target, str::to_owned));
    }
    let text = match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("string"), None) => "string",
        (Some("string"), Some("byte")) => "base64",
        (Some("integer"), Some("int32")) => "int32",
        (Some("integer"), Some("int64")) => "int64",
        (Some("number"), Some("double")) => "double",
        (Some("boolean"), None) => "bool",
        (Some("array"), None) => return Ok(format!("[]{}", shape(&schema["items"])?)),
        (Some("object"), None) => match schema.get("additionalProperties") {
            Some(values) => return Ok(format!("{{}}{}", shape(values)?)),
            None => return Err("an object without fields".to_owned()),
        },
        other => return Err(format!("unknown type {other:?}")),
    };
    Ok(text.to_owned())
}

/// Types that read themselves in Go, so that their schema does not say what
/// they take.
fn special(target: &str) -> Option<&'static str> {
    Some(match target {
        "api.resource.Quantity" => "quantity",
        "util.intstr.IntOrString" => "int-or-string",
        "meta.v1.Time" => "time",
        "meta.v1.MicroTime" => "micro-time",
        "meta.v1.FieldsV1" | "pkg.runtime.RawExtension" | "apiextensions.v1.JSON" => "any",
        "apiextensions.v1.JSONSchemaPropsOrBool" => "schema-or-bool",
        "apiextensions.v1.JSONSchemaPropsOrArray" => "schema-or-list",
        "apiextensions.v1.JSONSchemaPropsOrStringArray" => "schema-or-strings",
        _ => return None,
    })
}

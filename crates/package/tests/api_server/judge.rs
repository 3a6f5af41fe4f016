//! The API server's verdict on an object.

use std::collections::BTreeMap;

use model::object::Object;
use model::yaml::to_json;
use package::schema::Release;
use serde_json::Value;
use testkit::apiserver::{ApiServer, Client};

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It would create the object.
    Taken,
    /// It does not read it, or does not know a value.
    Schema(String),
    /// It misses this field.
    Required(String),
    /// It refuses it by a rule that no schema holds.
    Rule(String),
}

pub struct Judge {
    client: Client,
    /// The collection of each kind.
    paths: BTreeMap<(String, String), String>,
}

impl Judge {
    pub fn new(server: &ApiServer) -> Self {
        Self {
            client: server.connect().unwrap(),
            paths: BTreeMap::new(),
        }
    }

    /// The release of the server.
    pub fn release(&mut self) -> Release {
        let version = self.json("/version");
        Release::parse(version["gitVersion"].as_str().unwrap()).unwrap()
    }

    fn json(&mut self, path: &str) -> Value {
        let answer = self.client.get(path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Where objects of a kind are posted to.
    fn path(&mut self, object: &Object) -> String {
        let (api_version, kind) = (object.api_version(), object.kind());
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(path) = self.paths.get(&key) {
            return path.clone();
        }
        let root = if api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let root = format!("/{root}/{api_version}");
        let resources = self.json(&root);
        let resource = resources["resources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["kind"] == kind && !r["name"].as_str().unwrap().contains('/'))
            .unwrap_or_else(|| panic!("{api_version} {kind} is not served"));
        let name = resource["name"].as_str().unwrap();
        let path = if resource["namespaced"] == true {
            format!("{root}/namespaces/default/{name}")
        } else {
            format!("{root}/{name}")
        };
        let path = format!("{path}?dryRun=All&fieldValidation=Strict");
        self.paths.insert(key, path.clone());
        path
    }

    /// Creates a definition, and waits until its kind is served.
    pub fn create(&mut self, definition: &Object) {
        let path = self.path(definition);
        let path = path.split('?').next().unwrap_or_default();
        let body = to_json(&definition.node).unwrap().to_string();
        let answer = self.client.post(path, "application/json", body.as_bytes());
        let answer = answer.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        let path = format!("{path}/{}", definition.name());
        for _ in 0..500 {
            let status = self.json(&path)["status"].take();
            let conditions = status["conditions"].as_array();
            if conditions
                .into_iter()
                .flatten()
                .any(|c| c["type"] == "Established" && c["status"] == "True")
            {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("{definition} is never served");
    }

    /// Asks the server.
    pub fn ask(&mut self, object: &Object) -> Verdict {
        let path = self.path(object);
        let body = to_json(&object.node).unwrap().to_string();
        let answer = match self.client.post(&path, "application/json", body.as_bytes()) {
            Ok(answer) => answer,
            Err(error) => return Verdict::Rule(format!("the server panics: {error}")),
        };
        if answer.status / 100 == 2 {
            return Verdict::Taken;
        }
        let status: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let why = status["message"]
            .as_str()
            .unwrap_or(&answer.body)
            .to_owned();
        let causes = status["details"]["causes"].as_array().cloned();
        let find = |reasons: &[&str]| {
            let mut causes = causes.iter().flatten();
            causes.find(|cause| reasons.contains(&cause["reason"].as_str().unwrap_or_default()))
        };
        if let Some(cause) = find(&["FieldValueRequired"]) {
            let text = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
            let field = without_numbers(&text("field"));
            return Verdict::Required(format!("{field}: {}", text("message")));
        }
        let schema = find(&["FieldValueNotSupported", "FieldValueTypeInvalid"]).is_some();
        if answer.status == 400 || schema {
            Verdict::Schema(why)
        } else {
            Verdict::Rule(format!("{} {why}", answer.status))
        }
    }
}

/// `a[].b` for `a[3].b`.
fn without_numbers(path: &str) -> String {
    let mut parts = path.split('[');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        short.push('[');
        short.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    short
}

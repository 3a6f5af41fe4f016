//! A package and a cluster, as values.

use std::collections::{BTreeMap, BTreeSet};

use model::digest::Digest;
use model::finding::Finding;
use package::trust::TrustedPackage;
use rollout::api::{ApiError, Cause, Refusal};
use rollout::desired::Wanted;
use rollout::discovery::Discovery;
use rollout::draft::{Draft, drafts};
use rollout::live::{Live, Trial};
use rollout::object::ObjectId;
use rollout::plan::{Plan, Rules, plan};
use rollout::record::{Act, Document, Held, InventoryItem, Outcome, Record};
use serde_json::{Map, Value, json};

use crate::sealed::package;

pub const NAMESPACE: &str = "sh-acme";

/// A package beside a cluster.
pub struct World {
    pub package: TrustedPackage,
    pub wanted: Wanted,
    pub live: Live,
    pub rules: Rules,
}

impl World {
    /// A package of these objects, and a cluster that has its Namespace alone.
    pub fn of(objects: &[Value]) -> Self {
        let package = package("acme", objects);
        let wanted = Wanted::of(&package).unwrap();
        let live = Live {
            version: "v1.36.0".to_owned(),
            cluster: None,
            discovery: kinds(),
            namespace: None,
            objects: BTreeMap::new(),
            scaled: BTreeSet::new(),
            headings: Vec::new(),
            records: Vec::new(),
            revisions: Vec::new(),
            trials: BTreeMap::new(),
        };
        let mut world = Self {
            package,
            wanted,
            live,
            rules: Rules::default(),
        };
        let namespace = world.wanted.objects[0].value.clone();
        world.is_there(&applied(&namespace, OURS));
        world
    }

    /// Puts an object into the cluster.
    pub fn is_there(&mut self, object: &Value) -> &mut Self {
        self.live
            .objects
            .insert(ObjectId::of(object), object.clone());
        self
    }

    /// What the server says when an object is tried.
    pub fn says(&mut self, object: &Value, trial: Trial) -> &mut Self {
        self.live.trials.insert(ObjectId::of(object), trial);
        self
    }

    /// A release that had these objects.
    pub fn released(&mut self, version: &str, outcome: Outcome, objects: &[&Value]) -> &mut Self {
        let number = self.live.records.len() as u64 + 1;
        let inventory = objects
            .iter()
            .map(|object| InventoryItem {
                api_version: object["apiVersion"].as_str().unwrap().to_owned(),
                kind: object["kind"].as_str().unwrap().to_owned(),
                namespace: object["metadata"]["namespace"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                name: object["metadata"]["name"].as_str().unwrap().to_owned(),
                uid: object["metadata"]["uid"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                held: Held::Wanted,
            })
            .collect();
        let document = Document {
            schema: 1,
            client: "acme".to_owned(),
            version: version.to_owned(),
            digest: "sha256:00".to_owned(),
            commit: String::new(),
            by: String::new(),
            host: String::new(),
            tool: String::new(),
            holder: String::new(),
            act: Act::Deploy,
            from: None,
            started: "2026-01-29T10:15:30Z".to_owned(),
            ended: None,
            reason: String::new(),
            outcome,
            skipped: Vec::new(),
            run: String::new(),
            inventory,
            secrets: Vec::new(),
        };
        self.live.records.push(Record {
            number,
            uid: format!("r{number}"),
            created: None,
            document,
            package: None,
        });
        self
    }

    pub fn drafts(&self) -> Vec<Draft> {
        drafts(&self.wanted, &self.live, &self.rules.choices, NAMESPACE)
    }

    /// The first look at the one object of the package.
    pub fn draft(&self) -> Draft {
        self.drafts().remove(1)
    }

    pub fn plan(&self) -> Result<Plan, Vec<Finding>> {
        plan(
            &self.package,
            &self.wanted,
            self.drafts(),
            &self.live,
            &self.rules,
        )
    }

    /// The one finding that stops it.
    pub fn refusal(&self) -> Finding {
        let mut findings = self.plan().unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }
}

/// What a cluster without kinds of others serves.
fn kinds() -> Discovery {
    let mut found = Discovery::default();
    let group = |name: &str| json!({"metadata": {"name": name}, "versions": []});
    let groups = ["", "apps", "batch"].map(group);
    found.add(&json!({"items": groups}));
    found
}

pub fn deployment(replicas: Option<i64>) -> Value {
    let image = format!("example.com/web@{}", Digest::of(b"web"));
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE, "labels": {"app": "web"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": image}]}}}});
    if let Some(replicas) = replicas {
        object["spec"]["replicas"] = json!(replicas);
    }
    object
}

pub fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": {"key": value}})
}

/// Manager, operation, subresource.
pub type Writer<'a> = (&'a str, &'a str, &'a str);

pub const OURS: Writer<'_> = ("consign", "Apply", "");
pub const PLAIN: Writer<'_> = ("kubectl-client-side-apply", "Update", "");
pub const EDITOR: Writer<'_> = ("kubectl-edit", "Update", "");

/// An object as the server has it once somebody has written all of it.
pub fn applied(object: &Value, writer: Writer<'_>) -> Value {
    let mut live = object.clone();
    let id = ObjectId::of(object);
    live["metadata"]["uid"] = json!(format!("uid-{}-{}", id.kind, id.name));
    live["metadata"]["managedFields"] = json!([]);
    let fields = ownership(object);
    owned_by(&mut live, writer, &fields);
    live
}

/// Adds an entry to `managedFields`.
pub fn owned_by(live: &mut Value, (manager, operation, subresource): Writer<'_>, fields: &Value) {
    let mut entry = json!({"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields});
    if !subresource.is_empty() {
        entry["subresource"] = json!(subresource);
    }
    live["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .push(entry);
}

/// Every leaf of an object, as `FieldsV1`: items of lists by their names where
/// all have one.
pub fn ownership(object: &Value) -> Value {
    let mut fields = Map::new();
    for (key, value) in object.as_object().unwrap() {
        match key.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                let mut metadata = value.clone();
                for key in ["name", "namespace", "uid", "managedFields"] {
                    metadata.as_object_mut().unwrap().shift_remove(key);
                }
                if metadata.as_object().is_some_and(|m| !m.is_empty()) {
                    fields.insert("f:metadata".to_owned(), below(&metadata));
                }
            }
            _ => {
                fields.insert(format!("f:{key}"), below(value));
            }
        }
    }
    Value::Object(fields)
}

fn below(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (format!("f:{key}"), below(value)))
            .collect(),
        Value::Array(items)
            if !items.is_empty() && items.iter().all(|item| item["name"].is_string()) =>
        {
            items
                .iter()
                .map(|item| {
                    let mut fields = below(item);
                    fields["."] = json!({});
                    (format!("k:{}", json!({"name": item["name"]})), fields)
                })
                .collect()
        }
        _ => json!({}),
    }
}

/// A refusal with its causes: reason, field, message.
pub fn refused(code: u16, message: &str, causes: &[(&str, &str, &str)]) -> ApiError {
    ApiError::Refused(Refusal {
        code,
        reason: String::new(),
        message: message.to_owned(),
        causes: causes
            .iter()
            .map(|(reason, field, message)| Cause {
                reason: (*reason).to_owned(),
                field: (*field).to_owned(),
                message: (*message).to_owned(),
            })
            .collect(),
    })
}

/// The refusal of an apply that conflicts: manager and field.
pub fn conflict(with: &[(&str, &str)]) -> ApiError {
    let causes: Vec<(&str, &str, String)> = with
        .iter()
        .map(|(manager, field)| {
            (
                "FieldManagerConflict",
                *field,
                format!("conflict with \"{manager}\" using apps/v1"),
            )
        })
        .collect();
    let causes: Vec<(&str, &str, &str)> = causes
        .iter()
        .map(|(r, f, m)| (*r, *f, m.as_str()))
        .collect();
    refused(409, "Apply failed with conflicts", &causes)
}

//! The release record: what was done to a client's namespace, by whom, and
//! what came of it.
//!
//! One `ConfigMap` a run, `consign.<client>.r<N>`, with one JSON document;
//! deploy.sh writes the same. The labels decide where they and the document
//! disagree: they are what a later run changes.
//!
//! Source of the rules: `docs/deploying.md` ("Release records").

use std::fmt;
use std::io::{Read as _, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use model::name::{ClientName, Namespace};
use package::bundle;
use package::trust::TrustedPackage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::object::{ObjectId, items, label, text};

/// The newest schema of the document.
pub const SCHEMA: u32 = 1;

/// How many records are kept.
pub const KEPT: u64 = 20;

/// How many of the newest hold the package itself.
pub const PACKAGES_KEPT: usize = 3;

/// The largest compressed package that a record holds, in bytes: three of them
/// and their records are far below what a `ConfigMap` may hold.
pub const PACKAGE_MAX: usize = 256 << 10;

/// A document larger than this is compressed: a `ConfigMap` holds 1 MiB in all.
const PLAIN_MAX: usize = 256 << 10;

/// The largest document or package that is read, in bytes.
const READ_MAX: u64 = 64 << 20;

/// What a record of the script in a package names as its program.
pub const SCRIPT: &str = "deploy.sh";

/// Labels of a record.
pub const LABEL_CLIENT: &str = "consign.dev/client";
/// The version that the run was about.
pub const LABEL_VERSION: &str = "consign.dev/version";
/// What came of it.
pub const LABEL_OUTCOME: &str = "consign.dev/outcome";

/// The keys in the `ConfigMap`.
const DOCUMENT: &str = "record.json";
const DOCUMENT_COMPRESSED: &str = "record.json.gz";
const PACKAGE: &str = "package.tar.gz";

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It runs, or was cut off.
    Running,
    /// Its version serves.
    Active,
    /// Its version served until another one did.
    Superseded,
    /// Its version did not serve, and nothing was put back.
    Failed,
    /// Its version did not serve, and the one before was put back.
    RolledBack,
    /// It was interrupted.
    Unknown,
    /// It removed what there was.
    Removed,
}

impl Outcome {
    /// As it stands in the label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Unknown => "unknown",
            Self::Removed => "removed",
        }
    }

    /// Whether its version served at some time.
    pub const fn was_good(self) -> bool {
        matches!(self, Self::Active | Self::Superseded)
    }

    /// Whether nobody knows how far it got.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Unknown)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [
            Self::Running,
            Self::Active,
            Self::Superseded,
            Self::Failed,
            Self::RolledBack,
            Self::Unknown,
            Self::Removed,
        ]
        .into_iter()
        .find(|o| o.as_str() == text)
        .ok_or(())
    }
}

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It brings a version.
    #[default]
    Deploy,
    /// It brings back an earlier one.
    Rollback,
    /// It brings back an earlier one because a deploy failed.
    AutomaticRollback,
    /// It removes everything.
    Undeploy,
}

/// Why an object is in an inventory though the package does not have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// The package has it.
    #[default]
    Wanted,
    /// It is of an earlier package and could not be removed yet.
    Left,
}

/// An object that a release has in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryItem {
    /// `apiVersion`.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace; empty for cluster-scoped kinds.
    #[serde(default)]
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Its UID; empty while it is only intended.
    #[serde(default)]
    pub uid: String,
    /// Why it is here.
    #[serde(default, skip_serializing_if = "is_wanted")]
    pub held: Held,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_wanted(held: &Held) -> bool {
    *held == Held::Wanted
}

impl InventoryItem {
    /// What names the object.
    pub fn id(&self) -> ObjectId {
        ObjectId::of(&json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"namespace": self.namespace, "name": self.name},
        }))
    }
}

/// The document of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The schema of this document.
    pub schema: u32,
    /// Whose namespace.
    pub client: String,
    /// Which version.
    pub version: String,
    /// The package's digest.
    pub digest: String,
    /// The source's commit; empty where it is not known.
    #[serde(default)]
    pub commit: String,
    /// Who ran it.
    #[serde(default)]
    pub by: String,
    /// Where from.
    #[serde(default)]
    pub host: String,
    /// With what: `consign 0.1.0`, `deploy.sh`.
    #[serde(default)]
    pub tool: String,
    /// The process, as a Lease names its holder; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub holder: String,
    /// What the run does.
    #[serde(default)]
    pub act: Act,
    /// The version that was active before, if any.
    #[serde(default)]
    pub from: Option<String>,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339, once it has ended.
    #[serde(default)]
    pub ended: Option<String>,
    /// Why it was run, or why it failed.
    #[serde(default)]
    pub reason: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Checks that were skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// Tells this run from any other.
    #[serde(default)]
    pub run: String,
    /// The objects.
    #[serde(default)]
    pub inventory: Vec<InventoryItem>,
    /// Names of Secrets that were synced, with their KV versions.
    #[serde(default)]
    pub secrets: Vec<Value>,
}

/// A record as it lies in the cluster.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number, from 1.
    pub number: u64,
    /// The `ConfigMap`'s UID.
    pub uid: String,
    /// When it was made, by the server's clock.
    pub created: Option<Timestamp>,
    /// What it says; its outcome is that of the label.
    pub document: Document,
    /// The compressed package, if it holds one.
    pub package: Option<Vec<u8>>,
}

/// A record's labels alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its number, from 1.
    pub number: u64,
    /// The version it is about.
    pub version: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether it holds the package itself.
    pub holds: Holds,
}

/// Whether a record holds the package itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holds {
    /// It does not.
    #[default]
    Nothing,
    /// It does.
    Package,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is not named as ours are.
    #[error("its name is not consign.<client>.r<number>")]
    Name,
    /// It has no document, or one that cannot be read.
    #[error("its {DOCUMENT} cannot be read: {0}")]
    Document(String),
    /// It was written by a newer program.
    #[error("it has schema {0}: a newer consign wrote it")]
    Newer(u32),
}

/// The `ConfigMap` of a record.
///
/// ```
/// let client = "acme-corp".parse()?;
/// assert_eq!(rollout::record::name(&client, 7), "consign.acme-corp.r7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn name(client: &ClientName, number: u64) -> String {
    format!("consign.{client}.r{number}")
}

/// The number in a record's name.
fn number(client: &ClientName, name: &str) -> Option<u64> {
    let digits = name
        .strip_prefix("consign.")?
        .strip_prefix(client.as_str())?
        .strip_prefix(".r")?;
    let number: u64 = digits.parse().ok()?;
    (number > 0 && number.to_string() == digits).then_some(number)
}

impl Holds {
    /// Whoever owns the field wrote it, and it is owned as long as it is there:
    /// metadata alone tells it.
    fn of(config_map: &Value) -> Self {
        let package = format!("f:{PACKAGE}");
        let owned = items(config_map, "/metadata/managedFields")
            .iter()
            .any(|entry| entry["fieldsV1"]["f:binaryData"].get(&package).is_some());
        if owned { Self::Package } else { Self::Nothing }
    }
}

impl Heading {
    /// Off the metadata of a `ConfigMap`; `None` for one that is no record of
    /// this client.
    pub fn read(client: &ClientName, config_map: &Value) -> Option<Self> {
        Some(Self {
            number: number(client, text(config_map, "/metadata/name"))?,
            version: label(config_map, LABEL_VERSION)
                .unwrap_or_default()
                .to_owned(),
            outcome: label(config_map, LABEL_OUTCOME)
                .and_then(|o| o.parse().ok())
                .unwrap_or(Outcome::Unknown),
            holds: Holds::of(config_map),
        })
    }
}

impl Record {
    /// Off a `ConfigMap`.
    pub fn read(client: &ClientName, config_map: &Value) -> Result<Self, RecordError> {
        let heading = Heading::read(client, config_map).ok_or(RecordError::Name)?;
        let binary = |key: &str| {
            let encoded = config_map.get("binaryData")?.get(key)?.as_str()?;
            STANDARD.decode(encoded).ok()
        };
        let bytes = match config_map.get("data").and_then(|d| d.get(DOCUMENT)) {
            Some(Value::String(text)) => text.clone().into_bytes(),
            _ => binary(DOCUMENT_COMPRESSED)
                .and_then(|bytes| decompress(&bytes))
                .ok_or_else(|| RecordError::Document("there is none".to_owned()))?,
        };
        let unreadable = |e: serde_json::Error| RecordError::Document(e.to_string());
        let value: Value = serde_json::from_slice(&bytes).map_err(unreadable)?;
        let schema = value["schema"].as_u64().unwrap_or(0);
        if schema > u64::from(SCHEMA) {
            return Err(RecordError::Newer(
                u32::try_from(schema).unwrap_or(u32::MAX),
            ));
        }
        let mut document: Document = serde_json::from_value(value).map_err(unreadable)?;
        document.outcome = heading.outcome;
        Ok(Self {
            number: heading.number,
            uid: crate::object::uid(config_map).to_owned(),
            created: crate::object::created(config_map),
            document,
            package: binary(PACKAGE),
        })
    }

    /// The `ConfigMap` to write.
    pub fn print(&self, client: &ClientName, namespace: &Namespace) -> Value {
        let document = &self.document;
        let line = serde_json::to_string(document).unwrap_or_default();
        let mut map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name(client, self.number),
                "namespace": namespace.as_str(),
                "labels": {
                    "app.kubernetes.io/managed-by": "consign",
                    LABEL_CLIENT: client.as_str(),
                    LABEL_VERSION: document.version,
                    LABEL_OUTCOME: document.outcome.as_str(),
                },
            },
        });
        let mut binary = serde_json::Map::new();
        if line.len() > PLAIN_MAX {
            binary.insert(
                DOCUMENT_COMPRESSED.to_owned(),
                Value::from(STANDARD.encode(compress(line.as_bytes()))),
            );
        } else {
            map["data"] = json!({DOCUMENT: line});
        }
        if let Some(package) = &self.package {
            binary.insert(PACKAGE.to_owned(), Value::from(STANDARD.encode(package)));
        }
        if !binary.is_empty() {
            map["binaryData"] = Value::Object(binary);
        }
        map
    }

    /// The package that it holds, as bytes that still have to be opened.
    pub fn bundle(&self) -> Option<Vec<u8>> {
        decompress(self.package.as_deref()?)
    }
}

/// In a merge patch of a record: the document is not left in the other of its
/// two forms, where a growing one was before.
pub(crate) fn forget_other_form(patch: &mut Value) {
    if patch.get("data").is_some() {
        patch["binaryData"][DOCUMENT_COMPRESSED] = Value::Null;
    } else {
        patch["data"] = json!({DOCUMENT: null});
    }
}

/// A package as a record holds it; `None` when it is too large for that.
pub fn packed(package: &TrustedPackage) -> Option<Vec<u8>> {
    Some(compress(&bundle::pack(package))).filter(|bytes| bytes.len() <= PACKAGE_MAX)
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let read = GzDecoder::new(bytes)
        .take(READ_MAX + 1)
        .read_to_end(&mut out)
        .ok()?;
    (read as u64 <= READ_MAX).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(outcome: Outcome, objects: usize) -> Document {
        Document {
            schema: SCHEMA,
            client: "acme".into(),
            version: "v1.0.0".into(),
            digest: "sha256:00".into(),
            commit: String::new(),
            by: "ann".into(),
            host: "ci".into(),
            tool: "consign".into(),
            holder: String::new(),
            act: Act::Deploy,
            from: None,
            started: "2026-01-29T10:15:30Z".into(),
            ended: None,
            reason: String::new(),
            outcome,
            skipped: Vec::new(),
            run: "r".into(),
            inventory: (0..objects)
                .map(|n| InventoryItem {
                    api_version: "v1".into(),
                    kind: "ConfigMap".into(),
                    namespace: "sh-acme".into(),
                    name: format!("a-rather-long-name-of-a-config-map-{n}"),
                    uid: "0b0b3f5c-0000-0000-0000-000000000000".into(),
                    held: Held::Wanted,
                })
                .collect(),
            secrets: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_back_however_large() {
        let client = "acme".parse().unwrap();
        let namespace = "sh-acme".parse().unwrap();
        for objects in [0, 3, 5_000] {
            let record = Record {
                number: 3,
                uid: String::new(),
                created: None,
                document: document(Outcome::Running, objects),
                package: Some(compress(b"bytes")),
            };
            let map = record.print(&client, &namespace);
            assert!(map.to_string().len() < 1 << 20);
            let read = Record::read(&client, &map).unwrap();
            assert_eq!(read.document, record.document);
            assert_eq!(
                (read.number, read.bundle().unwrap()),
                (3, b"bytes".to_vec())
            );
        }
    }

    #[test]
    fn the_label_decides_and_strangers_are_none_of_ours() {
        let client = "acme".parse().unwrap();
        let record = Record {
            number: 1,
            uid: String::new(),
            created: None,
            document: document(Outcome::Active, 0),
            package: None,
        };
        let mut map = record.print(&client, &"sh-acme".parse().unwrap());
        map["metadata"]["labels"][LABEL_OUTCOME] = Value::from("superseded");
        assert_eq!(
            Record::read(&client, &map).unwrap().document.outcome,
            Outcome::Superseded
        );
        for name in [
            "consign.acme.r0",
            "consign.acme.r01",
            "consign.acme-2.r1",
            "consign.acme.r",
            "other",
        ] {
            map["metadata"]["name"] = Value::from(name);
            assert_eq!(
                Record::read(&client, &map).unwrap_err(),
                RecordError::Name,
                "{name}"
            );
        }
    }

    #[test]
    fn the_document_of_the_script_is_read() {
        let map = json!({"metadata": {"name": "consign.acme.r2", "labels": {LABEL_OUTCOME: "active"}}, "data": {DOCUMENT:
            r#"{"schema":1,"client":"acme","version":"v1.0.0","digest":"sha256:00","commit":"","by":"ann","host":"h","tool":"deploy.sh","started":"2026-01-29T10:15:30Z","ended":null,"reason":"","outcome":"active","inventory":[{"apiVersion":"v1","kind":"Service","namespace":"sh-acme","name":"web","uid":"u"}],"secrets":[]}"#}});
        let record = Record::read(&"acme".parse().unwrap(), &map).unwrap();
        assert_eq!(
            record.document.inventory[0].id().to_string(),
            "Service sh-acme/web"
        );
        let newer =
            json!({"metadata": {"name": "consign.acme.r2"}, "data": {DOCUMENT: r#"{"schema":2}"#}});
        assert_eq!(
            Record::read(&"acme".parse().unwrap(), &newer).unwrap_err(),
            RecordError::Newer(2)
        );
    }
}

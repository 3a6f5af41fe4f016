//! `MANIFEST.json`: what a package says about itself.
//!
//! The field names, their order and the layout are the specification's
//! (section "MANIFEST.json Schema"); the object `consign` at the end is ours.

use model::digest::Digest;
use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::text::is_hidden;
use model::version::{PackageName, Version};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::json;

/// The file's name in a package.
pub const FILE_NAME: &str = "MANIFEST.json";

/// The format that this program writes, and the newest it reads.
pub const FORMAT: u64 = 1;

/// The Kubernetes version that objects are checked against where nothing says
/// another one.
pub const KUBERNETES_DEFAULT: &str = "1.36";

/// The longest MANIFEST.json that is read: a real one has 800 bytes.
pub const BYTES_MAX: usize = 1 << 20;

/// What MANIFEST.json holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Whose package this is.
    pub client: ClientName,
    /// Which version.
    pub version: Version,
    /// Where it is deployed to.
    pub namespace: Namespace,
    /// When it was made: RFC 3339.
    pub created: String,
    /// What made it: `consign <version>`.
    pub created_by: String,
    /// The client's directory, relative to the root it was made in.
    pub source: String,
    /// What consign adds; a package made by scripts has none.
    pub consign: Option<Consign>,
}

/// What consign adds to the specification's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consign {
    /// The package format.
    pub format: u64,
    /// The Kubernetes version that the objects were checked against, `1.36`.
    pub kubernetes: String,
    /// SHA-256 over the digests of every file read.
    #[serde(serialize_with = "as_text")]
    pub source_digest: Digest,
    /// The source's commit, if it was in a git tree.
    pub git: Option<Git>,
    /// How many objects there are.
    pub objects: u64,
    /// How many images there are.
    pub images: u64,
}

/// The source's commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Git {
    /// The commit, in full.
    pub commit: String,
    /// Whether a file that was read differs from it.
    pub dirty: bool,
}

/// The paths that `files` names; in format 1 they are always the same.
pub const FILES: [(&str, &str); 4] = [
    ("manifests", "manifests/all.yaml"),
    ("images", "images.txt"),
    ("secrets_ref", "secrets.env.enc"),
    ("deploy_script", "deploy.sh"),
];

/// The specification's fields, in its order.
const FIELDS: [&str; 7] = [
    "client",
    "version",
    "namespace",
    "created",
    "created_by",
    "source",
    "files",
];

/// The file as it is printed.
#[derive(Serialize)]
struct Mirror<'a> {
    client: &'a str,
    version: String,
    namespace: &'a str,
    created: &'a str,
    created_by: &'a str,
    source: &'a str,
    files: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consign: Option<&'a Consign>,
}

fn as_text<S: serde::Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

/// A MANIFEST.json that was read: as much as could be, and everything that is
/// wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Whether it is JSON at all.
    pub json: bool,
    /// `client`, `version` and `namespace` as they stand there, for the report.
    /// Untrusted text.
    pub told: [Option<String>; 3],
    /// What it says; `None` when an error is among the findings.
    pub manifest: Option<Manifest>,
    /// What is wrong or unusual.
    pub findings: Vec<Finding>,
}

impl Manifest {
    /// The package's name.
    pub fn name(&self) -> PackageName {
        PackageName {
            client: self.client.clone(),
            version: self.version.clone(),
        }
    }

    /// The file's text: two spaces of indentation, a final line feed.
    pub fn print(&self) -> Result<String, serde_json::Error> {
        let mirror = Mirror {
            client: self.client.as_str(),
            version: self.version.to_string(),
            namespace: self.namespace.as_str(),
            created: &self.created,
            created_by: &self.created_by,
            source: &self.source,
            files: FILES
                .iter()
                .map(|(key, path)| ((*key).to_owned(), Value::from(*path)))
                .collect(),
            consign: self.consign.as_ref(),
        };
        serde_json::to_string_pretty(&mirror).map(|text| text + "\n")
    }

    /// Reads the file strictly.
    ///
    /// Unknown keys at the top or in `files` are warnings, unknown keys inside
    /// `consign` are nothing at all, and another `format` than [`FORMAT`] is an
    /// error, because nothing else of it can be relied on.
    pub fn read(bytes: &[u8]) -> Reading {
        let mut reading = Reading::default();
        if bytes.len() > BYTES_MAX {
            let why = format!(
                "limit: it has {} bytes, at most {BYTES_MAX} are read",
                bytes.len()
            );
            reading.findings.push(wrong(why));
            return reading;
        }
        let value = match json::parse(bytes) {
            Ok(value) => value,
            Err(e) => {
                let finding = wrong(format!("it is not valid JSON: {e}")).at(FILE_NAME, e.line);
                reading.findings.push(finding);
                return reading;
            }
        };
        reading.json = true;
        let Value::Object(map) = value else {
            reading.findings.push(wrong("it must hold a JSON object"));
            return reading;
        };
        for (told, key) in reading.told.iter_mut().zip(FIELDS) {
            *told = map.get(key).and_then(Value::as_str).map(str::to_owned);
        }
        let mut reader = Reader {
            findings: Vec::new(),
        };
        let manifest = reader.manifest(&map);
        reading.findings = reader.findings;
        if !reading.findings.iter().any(Finding::is_error) {
            reading.manifest = manifest;
        }
        reading
    }
}

fn wrong(why: impl Into<String>) -> Finding {
    Finding::error("manifest-invalid", Class::Integrity, why).in_file(FILE_NAME)
}

/// Takes fields out of JSON objects and collects what is wrong.
struct Reader {
    findings: Vec<Finding>,
}

impl Reader {
    fn wrong(&mut self, why: String) {
        self.findings.push(wrong(why));
    }

    fn unknown(&mut self, at: &str, map: &Map<String, Value>, known: impl Fn(&str) -> bool) {
        for key in map.keys().filter(|key| !known(key)) {
            let text = format!("unknown key {}", quoted(&format!("{at}{key}")));
            self.findings.push(
                Finding::warning("manifest-unknown-key", Class::Integrity, text).in_file(FILE_NAME),
            );
        }
    }

    fn manifest(&mut self, map: &Map<String, Value>) -> Option<Manifest> {
        let client = self.parsed(map, "client");
        let version = self.parsed(map, "version");
        let namespace = self.parsed(map, "namespace");
        let created = self.text(map, "", "created");
        if let Some(time) = &created
            && time.parse::<jiff::Timestamp>().is_err()
        {
            self.wrong(format!(
                "created must be an RFC 3339 time, it is {}",
                quoted(time)
            ));
        }
        let created_by = self.text(map, "", "created_by");
        let source = self.text(map, "", "source");
        self.files(map);
        let consign = map.get("consign").map(|value| self.consign(value));
        self.unknown("", map, |key| FIELDS.contains(&key) || key == "consign");
        Some(Manifest {
            client: client?,
            version: version?,
            namespace: namespace?,
            created: created?,
            created_by: created_by?,
            source: source?,
            consign: match consign {
                None => None,
                Some(consign) => Some(consign?),
            },
        })
    }

    fn files(&mut self, map: &Map<String, Value>) {
        match map.get("files") {
            None => self.wrong("files is missing".to_owned()),
            Some(Value::Object(files)) => {
                for (key, path) in FILES {
                    if let Some(told) = self.text(files, "files.", key)
                        && told != path
                    {
                        let told = quoted(&told);
                        self.wrong(format!("files.{key} must be \"{path}\", it is {told}"));
                    }
                }
                self.unknown("files.", files, |key| FILES.iter().any(|(k, _)| *k == key));
            }
            Some(other) => self.wrong(format!("files must be an object, it is {}", kind(other))),
        }
    }

    fn consign(&mut self, value: &Value) -> Option<Consign> {
        let Value::Object(map) = value else {
            self.wrong(format!("consign must be an object, it is {}", kind(value)));
            return None;
        };
        let format = self.count(map, "consign.", "format")?;
        if format != FORMAT {
            self.findings.push(
                Finding::error(
                    "manifest-newer",
                    Class::Integrity,
                    format!("package format {format} needs a newer consign (this one reads format {FORMAT})"),
                )
                .in_file(FILE_NAME)
                .help("install a newer consign"),
            );
            return None;
        }
        let kubernetes = self.text(map, "consign.", "kubernetes");
        if let Some(text) = &kubernetes
            && !is_minor_version(text)
        {
            let text = quoted(text);
            self.wrong(format!(
                "consign.kubernetes must be a version like \"1.36\", it is {text}"
            ));
        }
        let source_digest = self
            .text(map, "consign.", "source_digest")
            .and_then(|text| match text.parse() {
                Ok(digest) => Some(digest),
                Err(e) => {
                    self.wrong(format!("consign.source_digest: {e}"));
                    None
                }
            });
        let git = match map.get("git") {
            None | Some(Value::Null) => Some(None),
            Some(Value::Object(git)) => {
                let commit = self.text(git, "consign.git.", "commit");
                let dirty = self.truth(git, "consign.git.", "dirty");
                commit
                    .zip(dirty)
                    .map(|(commit, dirty)| Some(Git { commit, dirty }))
            }
            Some(other) => {
                let kind = kind(other);
                self.wrong(format!(
                    "consign.git must be an object or null, it is {kind}"
                ));
                None
            }
        };
        let objects = self.count(map, "consign.", "objects");
        let images = self.count(map, "consign.", "images");
        Some(Consign {
            format,
            kubernetes: kubernetes?,
            source_digest: source_digest?,
            git: git?,
            objects: objects?,
            images: images?,
        })
    }

    fn present<'v>(
        &mut self,
        map: &'v Map<String, Value>,
        at: &str,
        key: &str,
    ) -> Option<&'v Value> {
        let value = map.get(key);
        if value.is_none() {
            self.wrong(format!("{at}{key} is missing"));
        }
        value
    }

    /// A string without control or invisible characters.
    fn text(&mut self, map: &Map<String, Value>, at: &str, key: &str) -> Option<String> {
        match self.present(map, at, key)? {
            Value::String(text) if text.chars().any(|c| is_hidden(c) || c == '\n' || c == '\t') => {
                self.wrong(format!("{at}{key} has a control or invisible character"));
                None
            }
            Value::String(text) if text.is_empty() => {
                self.wrong(format!("{at}{key} is empty"));
                None
            }
            Value::String(text) => Some(text.clone()),
            other => {
                self.wrong(format!("{at}{key} must be a string, it is {}", kind(other)));
                None
            }
        }
    }

    fn parsed<T>(&mut self, map: &Map<String, Value>, key: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(map, "", key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(e) => {
                self.wrong(format!("{key} {}: {e}", quoted(&text)));
                None
            }
        }
    }

    fn count(&mut self, map: &Map<String, Value>, at: &str, key: &str) -> Option<u64> {
        let value = self.present(map, at, key)?;
        let count = value.as_u64();
        if count.is_none() {
            self.wrong(format!(
                "{at}{key} must be a whole number, it is {}",
                kind(value)
            ));
        }
        count
    }

    fn truth(&mut self, map: &Map<String, Value>, at: &str, key: &str) -> Option<bool> {
        let value = self.present(map, at, key)?;
        let truth = value.as_bool();
        if truth.is_none() {
            self.wrong(format!(
                "{at}{key} must be true or false, it is {}",
                kind(value)
            ));
        }
        truth
    }
}

fn is_minor_version(text: &str) -> bool {
    let number =
        |part: &str| !part.is_empty() && part.len() < 6 && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.')
        .is_some_and(|(major, minor)| number(major) && number(minor))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", model::text::escape(text))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

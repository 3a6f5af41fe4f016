//! Reading secrets.env.enc.

use std::collections::BTreeSet;

use model::finding::{Class, Finding};
use model::name::{ClientName, Namespace};
use model::version::Version;

use super::document::{
    CLOSING, GENERATED, ITEM, KEYS, NAMESPACE, NAMESPACE_VARIABLE, NONE, PATH_VARIABLE, PATHS,
    PREAMBLE, SECRETS, TITLE, is_time, is_value,
};
use super::{Document, FILE_NAME, KeyLine, Listed, Need, PathLine, Source, VaultPath};
use crate::names;

/// Which items are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Other,
    Secrets,
    Keys,
}

/// Reads secrets.env.enc.
///
/// A file may hold nothing but the lines of [`Document`]'s form and blank
/// lines; all but the title may be missing, and sections may stand in any
/// order, so that what scripts write is read too. `VAULT_…` variables are
/// `VAULT_NAMESPACE` and others that end in `_NAMESPACE`, whose value is a
/// namespace, and those with `PATH` in their name, whose value is a
/// [`VaultPath`].
///
/// Every finding is of class [`Policy`](Class::Policy), code `secrets-line`,
/// and names the line and at most the variable: whatever else the line holds
/// may be a value, and is not repeated.
pub fn parse(text: &str) -> Result<Document, Vec<Finding>> {
    let mut reader = Reader::default();
    let mut lines = text.split('\n').enumerate();
    let title = lines.next().map(|(_, line)| line).unwrap_or_default();
    let title = read_title(title);
    if title.is_none() {
        reader.refuse(
            1,
            "the title is not '# Secrets Reference for <client> <version>'",
        );
    }
    let mut section = Section::Other;
    for (index, line) in lines {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        section = reader.line(number, line, section);
    }
    match title {
        Some((client, version)) if reader.findings.is_empty() => Ok(Document {
            client,
            version,
            created: reader.created,
            namespace: reader.namespace,
            secrets: reader.secrets,
            paths: reader.paths,
            vault_namespace: reader.vault_namespace,
            keys: reader.keys,
        }),
        _ => Err(reader.findings),
    }
}

fn read_title(line: &str) -> Option<(ClientName, Version)> {
    let (client, version) = line.strip_prefix(TITLE)?.split_once(' ')?;
    Some((client.parse().ok()?, version.parse().ok()?))
}

#[derive(Default)]
struct Reader {
    created: Option<String>,
    namespace: Option<Namespace>,
    secrets: Vec<Listed>,
    paths: Vec<PathLine>,
    vault_namespace: Option<Namespace>,
    keys: Vec<KeyLine>,
    variables: BTreeSet<String>,
    findings: Vec<Finding>,
}

impl Reader {
    fn refuse(&mut self, line: u32, why: impl Into<String>) {
        self.findings.push(
            Finding::error("secrets-line", Class::Policy, why)
                .at(FILE_NAME, line)
                .help("this file names secrets and Vault paths only; take everything else out and package again"),
        );
    }

    fn line(&mut self, number: u32, line: &str, section: Section) -> Section {
        match line {
            "" | "#" => return section,
            SECRETS => return Section::Secrets,
            KEYS => return Section::Keys,
            PATHS => return Section::Other,
            _ if PREAMBLE.contains(&line) || CLOSING.contains(&line) => return section,
            _ => {}
        }
        if let Some(item) = line.strip_prefix(ITEM) {
            self.item(number, item, section);
        } else if let Some(time) = line.strip_prefix(GENERATED) {
            if is_time(time) && self.created.is_none() {
                self.created = Some(time.to_owned());
            } else {
                self.refuse(number, "the time is no time of RFC 3339, or given twice");
            }
        } else if let Some(name) = line.strip_prefix(NAMESPACE) {
            match name.parse() {
                Ok(namespace) if self.namespace.is_none() => self.namespace = Some(namespace),
                _ => self.refuse(number, "the namespace is not allowed, or given twice"),
            }
        } else if line.starts_with('#') {
            self.refuse(number, "a comment that is not one of the specification's");
        } else {
            self.variable(number, line);
        }
        section
    }

    fn item(&mut self, number: u32, item: &str, section: Section) {
        let is_read = match section {
            _ if item == NONE && section != Section::Other => true,
            Section::Secrets => read_secret(item).map(|s| self.secrets.push(s)).is_some(),
            Section::Keys => read_key(item).map(|k| self.keys.push(k)).is_some(),
            Section::Other => false,
        };
        if !is_read {
            let why = match section {
                Section::Secrets => "an item that is no Secret with its source",
                Section::Keys => "an item that is no key of a Secret",
                Section::Other => "an item below no heading",
            };
            self.refuse(number, why);
        }
    }

    fn variable(&mut self, number: u32, line: &str) {
        let Some((variable, value)) = line.split_once('=') else {
            return self.refuse(number, "neither a comment nor a VAULT_ variable");
        };
        if !is_variable(variable) {
            // What stands before `=` may itself be a value (base64 ends in it).
            let why = if is_named(variable) {
                format!("{variable}: only VAULT_ variables are allowed")
            } else {
                "neither a comment nor a VAULT_ variable".to_owned()
            };
            return self.refuse(number, why);
        }
        if !self.variables.insert(variable.to_owned()) {
            return self.refuse(number, format!("{variable} is given twice"));
        }
        // A Secret may be called `namespace`.
        let is_path = variable.starts_with(PATH_VARIABLE);
        if variable.ends_with("_NAMESPACE") && !is_path {
            match value.parse() {
                Ok(namespace) if variable == NAMESPACE_VARIABLE => {
                    self.vault_namespace = Some(namespace);
                }
                Ok(_) => {}
                Err(_) => self.refuse(number, format!("{variable}: its value is no namespace")),
            }
        } else if variable.contains("PATH") {
            match value.parse::<VaultPath>() {
                Ok(path) => self.paths.push(PathLine {
                    variable: variable.to_owned(),
                    path,
                }),
                Err(why) => {
                    self.refuse(
                        number,
                        format!("{variable}: its value is no Vault path: {why}"),
                    );
                }
            }
        } else {
            let why = format!("{variable}: neither a Vault path nor a namespace is named so");
            self.refuse(number, why);
        }
    }
}

/// Whether a text is a variable of this file.
fn is_variable(text: &str) -> bool {
    text.strip_prefix("VAULT_").is_some_and(is_words)
}

/// Whether a text is the name of a variable beyond doubt: upper-case words
/// joined by `_`. Base32 and base64 have no `_` between capitals.
fn is_named(text: &str) -> bool {
    text.contains('_') && is_words(text) && !is_value(text)
}

fn is_words(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn is_secret_name(text: &str) -> bool {
    names::is_subdomain(text) && !is_value(text)
}

fn is_key(text: &str) -> bool {
    names::is_data_key(text) && !is_value(text)
}

fn read_secret(item: &str) -> Option<Listed> {
    let (name, source) = item.strip_suffix(')')?.split_once(" (")?;
    if !is_secret_name(name) {
        return None;
    }
    let source = if let Some(path) = source.strip_prefix("from Vault path: ") {
        Source::Vault(path.parse().ok()?)
    } else if source == "image pull secret" {
        Source::ImagePull
    } else {
        let by = source.strip_prefix("TLS of ")?.split(", ");
        let is_object = |one: &str| {
            one.split_once(' ').is_some_and(|(kind, name)| {
                matches!(kind, "Ingress" | "Gateway") && is_secret_name(name)
            })
        };
        Source::Tls(
            by.map(|one| is_object(one).then(|| one.to_owned()))
                .collect::<Option<_>>()?,
        )
    };
    Some(Listed {
        name: name.to_owned(),
        source,
    })
}

fn read_key(item: &str) -> Option<KeyLine> {
    let (name, suffix) = match item.split_once(' ') {
        Some((name, suffix)) => (name, suffix),
        None => (item, ""),
    };
    let need = match suffix {
        "" | "(all keys)" => Need::Required,
        "(if applicable)" | "(all keys, if applicable)" => Need::Optional,
        _ => return None,
    };
    if suffix.starts_with("(all keys") {
        return is_secret_name(name).then(|| KeyLine::Whole {
            secret: name.to_owned(),
            need,
        });
    }
    let (secret, key) = match name.split_once('/') {
        Some((secret, key)) => (Some(secret), key),
        None => (None, name),
    };
    (is_key(key) && secret.is_none_or(is_secret_name)).then(|| KeyLine::Key {
        secret: secret.map(str::to_owned),
        key: key.to_owned(),
        need,
    })
}

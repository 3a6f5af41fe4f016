//! `configMapGenerator` and `secretGenerator`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::finding::Finding;
use model::object::{Object, Origin};
use model::yaml::{Content, Entry, Map, Node, Tag};

use crate::kustomization::{Generates, GeneratorEntry, GeneratorOptions, Kustomization, Line};
use crate::load::{Directory, Loader};
use crate::resource::{Behavior, Generated, NameHash, Resource, text_map};

/// Base64 longer than this is broken into lines of this length, each with a
/// line feed behind it.
const BASE64_LINE: usize = 70;

/// The longest line of an env file that kustomize reads; it drops a longer
/// one, and every line behind it, without a word.
const ENV_LINE_MAX: usize = 64 << 10;

/// Everything the generators of a kustomization make, in order.
pub fn generate(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    kustomization: &Kustomization,
) -> Result<Vec<Resource>, Vec<Finding>> {
    let mut made = Vec::new();
    let mut findings = Vec::new();
    for entry in &kustomization.generators {
        let options = options(&entry.options, kustomization.generator_options.as_ref());
        match one(loader, directory, entry, &options) {
            Ok(resource) => made.push(resource),
            Err(wrong) => findings.extend(wrong),
        }
    }
    if findings.is_empty() {
        Ok(made)
    } else {
        Err(findings)
    }
}

/// An entry's own options, filled up with those for all: a switch that is on
/// for all is on.
fn options(own: &GeneratorOptions, all: Option<&GeneratorOptions>) -> GeneratorOptions {
    let mut options = own.clone();
    if let Some(all) = all {
        for (key, value) in &all.labels {
            options.labels.entry(key.clone()).or_insert(value.clone());
        }
        for (key, value) in &all.annotations {
            options
                .annotations
                .entry(key.clone())
                .or_insert(value.clone());
        }
        options.disable_name_suffix_hash |= all.disable_name_suffix_hash;
        options.immutable |= all.immutable;
    }
    options
}

fn one(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entry: &GeneratorEntry,
    options: &GeneratorOptions,
) -> Result<Resource, Vec<Finding>> {
    let kind = match entry.generates {
        Generates::ConfigMap => "ConfigMap",
        Generates::Secret(_) => "Secret",
    };
    if entry.name.is_empty() {
        let message = format!("a generated {kind} must have a name");
        return Err(vec![directory.invalid(entry.line, message)]);
    }
    let data = data(loader, directory, entry)?;
    let mut map = Map::default();
    map.set("apiVersion", Node::str("v1"));
    map.set("kind", Node::str(kind));
    let mut meta = Map::default();
    meta.set("name", Node::str(entry.name.as_str()));
    if !entry.namespace.is_empty() {
        meta.set("namespace", Node::str(entry.namespace.as_str()));
    }
    if !options.labels.is_empty() {
        meta.set("labels", text_map(&options.labels));
    }
    if !options.annotations.is_empty() {
        meta.set("annotations", text_map(&options.annotations));
    }
    map.set("metadata", Node::new(Content::Map(meta)));
    match &entry.generates {
        Generates::ConfigMap => put_config(&mut map, data),
        Generates::Secret(kind) => {
            let kind = if kind.is_empty() { "Opaque" } else { kind };
            map.set("type", Node::str(kind));
            let data = data.iter().map(|(k, v)| Entry::new(k.as_str(), base64(v)));
            map.set("data", Node::new(Content::Map(Map(data.collect()))));
        }
    }
    if options.immutable {
        map.set("immutable", Node::scalar("true", Tag::Bool));
    }
    let mut resource = Resource::new(Object {
        node: Node::new(Content::Map(map)),
        origin: Origin {
            path: directory.file.as_str().to_owned(),
            document: 1,
            line: entry.line,
        },
    });
    resource.generated = Generated::Yes;
    resource.behavior = match entry.behavior.as_str() {
        "merge" => Behavior::Merge,
        "replace" => Behavior::Replace,
        _ => Behavior::Create,
    };
    if !options.disable_name_suffix_hash {
        resource.name_hash = NameHash::Yes;
    }
    Ok(resource)
}

/// What is text goes to `data`, everything else to `binaryData`.
fn put_config(map: &mut Map, data: BTreeMap<String, Vec<u8>>) {
    let mut texts = Vec::new();
    let mut binaries = Vec::new();
    for (key, value) in data {
        match String::from_utf8(value) {
            Ok(text) => texts.push(Entry::new(key, Node::str(text))),
            Err(e) => binaries.push(Entry::new(key, base64(e.as_bytes()))),
        }
    }
    for (key, entries) in [("data", texts), ("binaryData", binaries)] {
        if !entries.is_empty() {
            map.set(key, Node::new(Content::Map(Map(entries))));
        }
    }
}

fn base64(bytes: &[u8]) -> Node {
    let encoded = STANDARD.encode(bytes);
    if encoded.len() < BASE64_LINE {
        return Node::str(encoded);
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / BASE64_LINE + 1);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every position is a boundary.
        let (line, behind) = rest.split_at(rest.len().min(BASE64_LINE));
        lines.push_str(line);
        lines.push('\n');
        rest = behind;
    }
    Node::str(lines)
}

/// Keys and values of one entry: env files, then literals, then files.
fn data(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    entry: &GeneratorEntry,
) -> Result<BTreeMap<String, Vec<u8>>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut data = BTreeMap::new();
    let mut put = |pairs: Result<Vec<(String, Vec<u8>)>, Finding>, line: u32| match pairs {
        Err(finding) => findings.push(finding),
        Ok(pairs) => {
            for (key, value) in pairs {
                let message =
                    || format!("configmap {} illegally repeats the key `{key}`", entry.name);
                match data.entry(key.clone()) {
                    Slot::Vacant(free) => {
                        free.insert(value);
                    }
                    Slot::Occupied(_) => findings.push(directory.invalid(line, message())),
                }
            }
        }
    };
    for env in &entry.envs {
        put(env_file(loader, directory, env), env.line);
    }
    for literal in &entry.literals {
        put(pair(directory, literal).map(|p| vec![p]), literal.line);
    }
    for file in &entry.files {
        put(
            file_pair(loader, directory, file).map(|p| vec![p]),
            file.line,
        );
    }
    if findings.is_empty() {
        Ok(data)
    } else {
        Err(findings)
    }
}

fn pair(directory: &Directory<'_>, literal: &Line) -> Result<(String, Vec<u8>), Finding> {
    match literal.text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Ok((key.to_owned(), unquote(value).as_bytes().to_vec()))
        }
        // The text may be a secret, so it is not shown.
        _ => Err(directory.invalid(literal.line, "invalid literal source, expected key=value")),
    }
}

/// Takes one pair of equal quotes off.
fn unquote(value: &str) -> &str {
    let strip = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    strip('"').or_else(|| strip('\'')).unwrap_or(value)
}

fn file_pair(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    file: &Line,
) -> Result<(String, Vec<u8>), Finding> {
    let source = &file.text;
    let (key, path) = match source.split_once('=') {
        None => (base_name(source), source.as_str()),
        Some((_, path)) if path.contains('=') => {
            let message = format!("source '{source}': key name or file path contains '='");
            return Err(directory.invalid(file.line, message));
        }
        Some(("", path)) => {
            let message = format!("missing key name for file path '{path}' in source '{source}'");
            return Err(directory.invalid(file.line, message));
        }
        Some((key, "")) => {
            let message = format!("missing file path for key name '{key}' in source '{source}'");
            return Err(directory.invalid(file.line, message));
        }
        Some((key, path)) => (key, path),
    };
    let named = Line {
        text: path.to_owned(),
        line: file.line,
    };
    let (_, bytes) = loader.read(directory, &named)?;
    Ok((key.to_owned(), bytes.to_vec()))
}

/// The last part of a path, slashes at its end left out.
fn base_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn env_file(
    loader: &Loader<'_>,
    directory: &Directory<'_>,
    env: &Line,
) -> Result<Vec<(String, Vec<u8>)>, Finding> {
    let (path, bytes) = loader.read(directory, env)?;
    let wrong = |number: usize, message: &str| {
        let line = u32::try_from(number + 1).unwrap_or(0);
        let message = format!("{path}:{line}: {message}");
        directory.invalid(env.line, message)
    };
    let mut pairs = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.len() >= ENV_LINE_MAX {
            let message = format!("limit exceeded: a line of {ENV_LINE_MAX} bytes or more");
            return Err(wrong(number, &message));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| wrong(number, "the line is not UTF-8"))?;
        let line = match number {
            0 => line.strip_prefix('\u{feff}').unwrap_or(line),
            _ => line,
        };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_come_off_in_pairs() {
        assert_eq!(unquote("\"a\""), "a");
        assert_eq!(unquote("'a'"), "a");
        assert_eq!(unquote("'a\""), "'a\"");
        assert_eq!(unquote("\""), "\"");
        assert_eq!(unquote("\"\""), "");
    }

    #[test]
    fn long_base64_is_broken_into_lines() {
        let text = |n: usize| base64(&vec![0; n]).as_str().map(str::to_owned);
        assert_eq!(text(51).map(|t| t.len()), Some(68));
        assert_eq!(
            text(52).map(|t| (t.len(), t.ends_with('\n'))),
            Some((74, true))
        );
    }
}

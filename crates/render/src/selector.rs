//! Selectors: which resources a patch is for.

use std::collections::BTreeMap;

use regex::Regex;

use crate::resource::{Resource, Scope};

/// Which objects a patch is for; every pattern is anchored, empty fits all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// Pattern of the API group.
    pub group: String,
    /// Pattern of the version.
    pub version: String,
    /// Pattern of the kind.
    pub kind: String,
    /// Pattern of the name.
    pub name: String,
    /// Pattern of the namespace.
    pub namespace: String,
    /// A label selector over annotations.
    pub annotations: String,
    /// A label selector.
    pub labels: String,
}

/// Why a selector cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A pattern is no regular expression.
    #[error("target {field} '{pattern}' is not a regular expression: {why}")]
    Pattern {
        /// Which field of the target.
        field: &'static str,
        /// The pattern.
        pattern: String,
        /// Why not.
        why: String,
    },
    /// A label selector cannot be read.
    #[error("selector '{selector}': {why}")]
    Labels {
        /// The selector.
        selector: String,
        /// Why not.
        why: &'static str,
    },
}

/// A pattern of a target: the whole text must fit.
#[derive(Debug)]
enum Pattern {
    Any,
    Exactly(String),
    Expression(Regex),
}

impl Pattern {
    fn new(field: &'static str, pattern: &str) -> Result<Self, SelectorError> {
        if pattern.is_empty() {
            return Ok(Self::Any);
        }
        if regex::escape(pattern) == pattern {
            return Ok(Self::Exactly(pattern.to_owned()));
        }
        Regex::new(&format!("^(?:{pattern})$"))
            .map(Self::Expression)
            .map_err(|e| SelectorError::Pattern {
                field,
                pattern: pattern.to_owned(),
                why: e.to_string(),
            })
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == text,
            Self::Expression(regex) => regex.is_match(text),
        }
    }
}

/// A target, ready to be asked.
#[derive(Debug)]
pub struct Selector {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    annotations: Labels,
    labels: Labels,
}

impl Selector {
    /// Of a target.
    pub fn new(target: &Target) -> Result<Self, SelectorError> {
        Ok(Self {
            group: Pattern::new("group", &target.group)?,
            version: Pattern::new("version", &target.version)?,
            kind: Pattern::new("kind", &target.kind)?,
            name: Pattern::new("name", &target.name)?,
            namespace: Pattern::new("namespace", &target.namespace)?,
            annotations: Labels::new(&target.annotations)?,
            labels: Labels::new(&target.labels)?,
        })
    }

    /// Whether a resource is meant. Name and namespace may be those it has or
    /// those it began with; kind, group and version are those it has.
    pub fn fits(&self, resource: &Resource) -> bool {
        let original = resource.previous.first();
        let name =
            self.name.fits(resource.name()) || original.is_some_and(|o| self.name.fits(&o.name));
        if !name || !self.kind.fits(resource.kind()) {
            return false;
        }
        let api_version = resource.api_version();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        if !self.group.fits(group) || !self.version.fits(version) {
            return false;
        }
        if !matches!(self.namespace, Pattern::Any) {
            let now = Scope::new(&resource.gvk(), resource.namespace());
            let fits = self.namespace.fits(now.as_str())
                || original.is_some_and(|o| self.namespace.fits(o.scope.as_str()));
            if !fits {
                return false;
            }
        }
        self.labels.fits(|| resource.meta_map("labels"))
            && self.annotations.fits(|| resource.meta_map("annotations"))
    }
}

/// A Kubernetes label selector: requirements joined by commas.
#[derive(Debug, Default)]
pub struct Labels(Vec<Requirement>);

#[derive(Debug)]
struct Requirement {
    key: String,
    wanted: Test,
}

#[derive(Debug)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl Labels {
    /// Reads one; an empty one fits everything.
    pub fn new(selector: &str) -> Result<Self, SelectorError> {
        let mut rest = selector.trim();
        let mut all = Vec::new();
        while !rest.is_empty() {
            let wrong = |why| SelectorError::Labels {
                selector: selector.to_owned(),
                why,
            };
            let (requirement, behind) = requirement(rest).map_err(wrong)?;
            all.push(requirement);
            rest = behind.trim_start();
            if let Some(next) = rest.strip_prefix(',') {
                rest = next.trim_start();
                if rest.is_empty() {
                    return Err(wrong("nothing behind the last comma"));
                }
            } else if !rest.is_empty() {
                return Err(wrong("a comma is missing"));
            }
        }
        Ok(Self(all))
    }

    /// Whether labels fit, which are asked for only when needed.
    pub fn fits(&self, labels: impl FnOnce() -> BTreeMap<String, String>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let labels = labels();
        self.0.iter().all(|r| r.fits(labels.get(&r.key)))
    }
}

impl Requirement {
    fn fits(&self, value: Option<&String>) -> bool {
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match &self.wanted {
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::In(all) => value.is_some_and(|v| all.contains(v)),
            Test::NotIn(all) => value.is_none_or(|v| !all.contains(v)),
            Test::Above(than) => number().is_some_and(|n| n > *than),
            Test::Below(than) => number().is_some_and(|n| n < *than),
        }
    }
}

/// The word a text begins with, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text
        .find(|c: char| c.is_whitespace() || "=!,()<>".contains(c))
        .unwrap_or(text.len());
    text.split_at(end)
}

fn requirement(text: &str) -> Result<(Requirement, &str), &'static str> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (key, rest) = word(text);
    if key.is_empty() {
        return Err("a key is missing");
    }
    let rest = rest.trim_start();
    let (wanted, rest) = if negated {
        (Test::Missing, rest)
    } else if let Some(rest) = rest.strip_prefix("!=") {
        let (value, rest) = word(rest);
        (Test::NotIn(vec![value.to_owned()]), rest)
    } else if let Some(rest) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
        let (value, rest) = word(rest);
        (Test::In(vec![value.to_owned()]), rest)
    } else if let Some(rest) = rest.strip_prefix('>') {
        let (value, rest) = word(rest);
        (Test::Above(integer(value)?), rest)
    } else if let Some(rest) = rest.strip_prefix('<') {
        let (value, rest) = word(rest);
        (Test::Below(integer(value)?), rest)
    } else {
        match word(rest) {
            ("in", rest) => {
                let (values, rest) = set(rest)?;
                (Test::In(values), rest)
            }
            ("notin", rest) => {
                let (values, rest) = set(rest)?;
                (Test::NotIn(values), rest)
            }
            ("", rest) => (Test::Exists, rest),
            _ => return Err("an operator is missing"),
        }
    };
    let key = key.to_owned();
    Ok((Requirement { key, wanted }, rest))
}

fn integer(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .map_err(|_| "only whole numbers can be compared")
}

fn set(text: &str) -> Result<(Vec<String>, &str), &'static str> {
    let inner = text
        .trim_start()
        .strip_prefix('(')
        .ok_or("'(' is missing")?;
    let (inner, rest) = inner.split_once(')').ok_or("')' is missing")?;
    Ok((
        inner.split(',').map(|v| v.trim().to_owned()).collect(),
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Labels::new(selector).is_ok_and(|s| s.fits(|| labels))
    }

    #[test]
    fn label_selectors() {
        let labels = [("app", "web"), ("tier", "2")];
        for yes in [
            "app=web",
            "app == web, tier=2",
            "app!=db",
            "other!=x",
            "app in (db, web)",
            "app notin (db)",
            "other notin (db)",
            "app",
            "!other",
            "tier>1",
            "tier<3,app",
            "",
        ] {
            assert!(fits(yes, &labels), "{yes}");
        }
        for no in [
            "app=db",
            "!app",
            "other",
            "app in (db)",
            "tier>2",
            "app!=web",
        ] {
            assert!(!fits(no, &labels), "{no}");
        }
    }

    #[test]
    fn what_is_no_label_selector() {
        for wrong in [
            "app in db",
            "app in (db",
            "=x",
            "app foo",
            "app=web,",
            "tier>x",
        ] {
            assert!(Labels::new(wrong).is_err(), "{wrong}");
        }
    }
}

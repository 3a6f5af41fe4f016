//! The part of `kubectl`'s `JSONPath` that picks a value out of an object.

use serde_json::Value;

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Into a map.
    Key(String),
    /// Into a list; negative from its end.
    Index(i64),
    /// Into every item of a list or entry of a map.
    All,
    /// Into the items of a list that have this value there.
    Where(Path, String),
}

/// A path into a tree.
///
/// `.status.phase`, `.status.conditions[?(@.type=="Ready")].status`,
/// `.status.addresses[0]`, `.metadata.labels['app.kubernetes.io/name']`,
/// `[*]`; in braces or not, with `$` or not, `\.` for a dot in a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// Why a text is no such path; `at` is the byte where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {}: {expected}", .at + 1)]
pub struct PathError {
    /// Where, in bytes.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

impl Path {
    /// Reads a path from the beginning of a text; also where it ends.
    pub(super) fn parse_prefix(text: &str) -> Result<(Self, usize), PathError> {
        let mut reader = Reader {
            text,
            at: 0,
            nesting: 0,
        };
        let braced = reader.take('{');
        reader.take('$');
        let path = reader.path()?;
        if braced && !reader.take('}') {
            return Err(reader.expected("expected }"));
        }
        Ok((path, reader.at))
    }

    /// The values that a path leads to.
    pub(super) fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for step in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| step.into(value))
                .collect();
        }
        found
    }
}

impl Step {
    fn into<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        match self {
            Self::Key(key) => value.get(key).into_iter().collect(),
            Self::Index(index) => {
                let index = match usize::try_from(*index) {
                    Ok(index) => Some(index),
                    Err(_) => usize::try_from(index.unsigned_abs())
                        .ok()
                        .and_then(|back| list.len().checked_sub(back)),
                };
                index
                    .and_then(|index| list.get(index))
                    .into_iter()
                    .collect()
            }
            Self::All => match value.as_object() {
                Some(map) => map.values().collect(),
                None => list.iter().collect(),
            },
            Self::Where(path, wanted) => list
                .iter()
                .filter(|item| path.find(item).iter().any(|found| shown(found) == *wanted))
                .collect(),
        }
    }
}

/// A value as `kubectl` prints it: text as it is, the rest as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How deep filters may stand in filters; nobody needs more than one, and the
/// stack has an end.
const DEEPEST: usize = 4;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// In how many filters we are.
    nesting: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> PathError {
        PathError {
            at: self.at,
            expected,
        }
    }

    fn take(&mut self, c: char) -> bool {
        let taken = self.rest().starts_with(c);
        if taken {
            self.at += c.len_utf8();
        }
        taken
    }

    fn skip_spaces(&mut self) {
        while self.take(' ') {}
    }

    fn path(&mut self) -> Result<Path, PathError> {
        let mut steps = Vec::new();
        loop {
            if self.take('.') {
                if self.rest().starts_with('[') {
                    continue;
                }
                steps.push(self.key()?);
            } else if self.take('[') {
                steps.push(self.bracket()?);
            } else if steps.is_empty() {
                return Err(self.expected("expected . or ["));
            } else {
                return Ok(Path(steps));
            }
        }
    }

    fn key(&mut self) -> Result<Step, PathError> {
        let mut key = String::new();
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\\' => {
                    self.at += 1;
                    let Some(escaped) = self.rest().chars().next() else {
                        return Err(self.expected("expected a character after \\"));
                    };
                    key.push(escaped);
                    self.at += escaped.len_utf8();
                }
                '.' | '[' | ']' | '{' | '}' | '=' | '!' | '<' | '>' | '(' | ')' | ' ' | '\''
                | '"' => {
                    break;
                }
                c => {
                    key.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        match key.as_str() {
            "" => Err(self.expected("expected a key")),
            "*" => Ok(Step::All),
            _ => Ok(Step::Key(key)),
        }
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        self.skip_spaces();
        let step = if self.take('*') {
            Step::All
        } else if self.take('?') {
            self.filter()?
        } else if self.rest().starts_with(['\'', '"']) {
            Step::Key(self.quoted()?)
        } else {
            let end = self.rest().find(']').unwrap_or(self.rest().len());
            let index = self.rest()[..end].trim().parse();
            let step = Step::Index(index.map_err(|_| {
                self.expected("expected a number, a quoted key, * or ?(@.key==\"value\")")
            })?);
            self.at += end;
            step
        };
        self.skip_spaces();
        if self.take(']') {
            Ok(step)
        } else {
            Err(self.expected("expected ]"))
        }
    }

    fn filter(&mut self) -> Result<Step, PathError> {
        if !(self.take('(') && {
            self.skip_spaces();
            self.take('@')
        }) {
            return Err(self.expected("expected (@.key==\"value\")"));
        }
        if self.nesting == DEEPEST {
            return Err(self.expected("filters stand too deep in filters"));
        }
        self.nesting += 1;
        let path = self.path()?;
        self.nesting -= 1;
        self.skip_spaces();
        if !(self.take('=') && self.take('=')) {
            return Err(self.expected("expected ==, the only comparison there is"));
        }
        self.skip_spaces();
        let value = if self.rest().starts_with(['\'', '"']) {
            self.quoted()?
        } else {
            let end = self.rest().find([')', ' ']).unwrap_or(self.rest().len());
            let value = self.rest()[..end].to_owned();
            if value.is_empty() {
                return Err(self.expected("expected a value"));
            }
            self.at += end;
            value
        };
        self.skip_spaces();
        if self.take(')') {
            Ok(Step::Where(path, value))
        } else {
            Err(self.expected("expected )"))
        }
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let Some(quote) = self.rest().chars().next() else {
            return Err(self.expected("expected a quote"));
        };
        let inside = &self.rest()[1..];
        let Some(end) = inside.find(quote) else {
            return Err(self.expected("this quote is not closed"));
        };
        let value = inside[..end].to_owned();
        self.at += end + 2;
        Ok(value)
    }
}

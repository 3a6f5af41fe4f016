//! `WWW-Authenticate`, as registries write it.
//!
//! Source of the rule: RFC 9110 section 11.6.1, and the distribution
//! project's token authentication (`realm`, `service`, `scope`).

use std::collections::BTreeSet;

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// In lower case.
    pub(crate) scheme: String,
    /// Names in lower case, in order.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The scopes it names; one parameter may hold several.
    pub(crate) fn scopes(&self) -> BTreeSet<String> {
        self.get("scope")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }
}

/// All challenges of one header line, which may hold several. What does not
/// follow the grammar ends the reading; what came before it counts.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut rest = Cursor(header);
    let mut found: Vec<Challenge> = Vec::new();
    loop {
        rest.skip(|c| c == ',' || c == ' ' || c == '\t');
        let Some(name) = rest.token() else {
            return found;
        };
        let name = name.to_ascii_lowercase();
        rest.skip_spaces();
        if rest.equals() {
            let (Some(value), Some(challenge)) = (rest.value(), found.last_mut()) else {
                return found;
            };
            challenge.parameters.push((name, value));
        } else {
            found.push(Challenge {
                scheme: name,
                parameters: Vec::new(),
            });
            rest.skip_token68();
        }
    }
}

struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(what);
    }

    fn skip_spaces(&mut self) {
        self.skip(|c| c == ' ' || c == '\t');
    }

    fn token(&mut self) -> Option<String> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// Whether an `=` comes next; steps over it.
    fn equals(&mut self) -> bool {
        let after = self.0.strip_prefix('=');
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    /// The value of a parameter, a word or a quoted string.
    fn value(&mut self) -> Option<String> {
        self.skip_spaces();
        match self.0.strip_prefix('"') {
            Some(rest) => {
                self.0 = rest;
                self.quoted()
            }
            None => self.token(),
        }
    }

    /// A quoted string after its opening quote.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        None
    }

    /// A scheme may be followed by one opaque word instead of parameters.
    fn skip_token68(&mut self) {
        let is_opaque = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let word = self.0.trim_start_matches(is_opaque);
        if word.len() == self.0.len() {
            return;
        }
        let rest = word.trim_start_matches('=').trim_start_matches([' ', '\t']);
        if rest.is_empty() || rest.starts_with(',') {
            self.0 = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        Challenge {
            scheme: scheme.to_owned(),
            parameters: parameters
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn what_registries_send() {
        assert_eq!(
            parse(
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#
            ),
            [challenge(
                "bearer",
                &[
                    ("realm", "https://auth.docker.io/token"),
                    ("service", "registry.docker.io"),
                    ("scope", "repository:library/nginx:pull"),
                ]
            )]
        );
        assert_eq!(
            parse("BASIC realm=basic-realm"),
            [challenge("basic", &[("realm", "basic-realm")])]
        );
    }

    #[test]
    fn several_in_one_line() {
        assert_eq!(
            parse(r#"Negotiate YII+/a==, Basic, Bearer Realm = "a, \"b\\" , service=s,error="x""#),
            [
                challenge("negotiate", &[]),
                challenge("basic", &[]),
                challenge(
                    "bearer",
                    &[("realm", "a, \"b\\"), ("service", "s"), ("error", "x")]
                ),
            ]
        );
    }

    #[test]
    fn what_is_broken_ends_it() {
        assert_eq!(parse("=x"), []);
        assert_eq!(parse("realm=x"), []);
        assert_eq!(parse(r#"Basic realm="open"#), [challenge("basic", &[])]);
        assert_eq!(
            parse("Bearer a=1, b=\u{e9}, c=2"),
            [challenge("bearer", &[("a", "1")])]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,200}") {
            parse(&text);
        }

        #[test]
        fn what_is_written_is_read(
            schemes in prop::collection::vec(
                ("[a-z]{1,8}", prop::collection::vec(("[a-z]{1,8}", "[ -~]{0,20}"), 1..4)),
                1..4,
            ),
        ) {
            let quote = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"");
            let header = schemes
                .iter()
                .map(|(scheme, parameters)| {
                    let parameters: Vec<_> =
                        parameters.iter().map(|(n, v)| format!("{n}=\"{}\"", quote(v))).collect();
                    format!("{scheme} {}", parameters.join(","))
                })
                .collect::<Vec<_>>()
                .join(", ");
            let wanted: Vec<_> = schemes
                .into_iter()
                .map(|(scheme, parameters)| Challenge { scheme, parameters })
                .collect();
            prop_assert_eq!(parse(&header), wanted);
        }
    }
}

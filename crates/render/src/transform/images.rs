//! `images`.

use model::yaml::{Content, Node};
use regex::Regex;

use crate::resmap::ResMap;

use super::apply::apply;
use super::error::TransformError;
use super::fieldspec::{FieldError, FieldSpec, Leaf, scalar_of, set_text};

/// An entry of `images`; what is empty is not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageEdit {
    /// The name to look for; kustomize takes it as a regular expression.
    pub name: String,
    /// The new name.
    pub new_name: String,
    /// The new tag.
    pub new_tag: String,
    /// The new digest, with its algorithm.
    pub digest: String,
    /// What is put behind the tag that is there.
    pub tag_suffix: String,
}

/// Changes every image of that name: in the items of every `containers` and
/// `initContainers` however deep, then in the fields that `specs` names.
/// Definitions of custom kinds are left alone.
///
/// An image that both ways lead to is changed twice, which shows when a suffix
/// is put behind its tag: kustomize does so too.
pub fn reimage(
    resources: &mut ResMap,
    edit: &ImageEdit,
    specs: &[FieldSpec],
) -> Result<(), TransformError> {
    let name = Name::new(&edit.name)?;
    let mut set = |node: &mut Node| edit.change(&name, node);
    for resource in resources.all_mut() {
        if resource.kind() == "CustomResourceDefinition" {
            continue;
        }
        in_containers(resource.node_mut(), &mut set)
            .map_err(|e| TransformError::field(resource, "containers[]/image", e))?;
        apply(resource, specs, Leaf::Never, &mut set)?;
    }
    Ok(())
}

/// Calls `set` on the image of every item of every list that is called
/// `containers` or `initContainers`.
fn in_containers(
    node: &mut Node,
    set: &mut dyn FnMut(&mut Node) -> Result<(), FieldError>,
) -> Result<(), FieldError> {
    match &mut node.content {
        Content::Scalar(_) => Ok(()),
        Content::Seq(items) => items.iter_mut().try_for_each(|n| in_containers(n, set)),
        Content::Map(map) => map.iter_mut().try_for_each(|(key, value)| {
            in_containers(value, set)?;
            if !matches!(key, "containers" | "initContainers") {
                return Ok(());
            }
            let items = value.as_seq_mut().into_iter().flatten();
            items.filter(|i| !i.is_null()).try_for_each(|item| {
                let found = item.describe();
                let Some(container) = item.as_map_mut() else {
                    return Err(FieldError::Wrong {
                        expected: "a map",
                        found,
                    });
                };
                container.get_mut("image").map_or(Ok(()), &mut *set)
            })
        }),
    }
}

impl ImageEdit {
    fn change(&self, name: &Name, node: &mut Node) -> Result<(), FieldError> {
        let old = &scalar_of(node)?.text;
        if !name.fits(old) {
            return Ok(());
        }
        let (old_name, old_tag, old_digest) = split(old);
        let (tag, digest) = match (
            self.new_tag.as_str(),
            self.digest.as_str(),
            self.tag_suffix.as_str(),
        ) {
            ("", "", "") => (old_tag.to_owned(), old_digest),
            ("", "", suffix) => (format!("{old_tag}{suffix}"), ""),
            (tag, digest, _) => (tag.to_owned(), digest),
        };
        let mut image = match self.new_name.as_str() {
            "" => old_name.to_owned(),
            new => new.to_owned(),
        };
        for (mark, part) in [(':', tag.as_str()), ('@', digest)] {
            if !part.is_empty() {
                image.push(mark);
                image.push_str(part);
            }
        }
        set_text(node, &image)
    }
}

/// Name, tag and digest as kustomize tells them apart: a colon or an at sign
/// before the first slash belongs to a registry.
fn split(image: &str) -> (&str, &str, &str) {
    let from = image.find('/').unwrap_or(0);
    let at = image[from..].find('@').map(|i| from + i);
    let colon = image[from..].find(':').map(|i| from + i);
    match (colon, at) {
        (None, None) => (image, "", ""),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
        (Some(colon), Some(at)) if colon < at => {
            (&image[..colon], &image[colon + 1..at], &image[at + 1..])
        }
        (_, Some(at)) => (&image[..at], "", &image[at + 1..]),
    }
}

/// What an image's name must be.
enum Name {
    /// These characters; a dot is any one.
    Plain(Vec<char>),
    /// A regular expression over the whole image.
    Pattern(Regex),
}

impl Name {
    fn new(name: &str) -> Result<Self, TransformError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_:.@-".contains(c);
        if name.chars().all(is_plain) {
            return Ok(Self::Plain(name.chars().collect()));
        }
        let pattern = literal_braces(name);
        let whole = format!("^{pattern}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$");
        Regex::new(&whole)
            .map(Self::Pattern)
            .map_err(|e| TransformError::ImagePattern {
                name: name.to_owned(),
                why: match e {
                    regex::Error::CompiledTooBig(_) => "it is too big".to_owned(),
                    e => e.to_string().lines().last().unwrap_or_default().to_owned(),
                },
            })
    }

    fn fits(&self, image: &str) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_match(image),
            Self::Plain(name) => {
                let mut rest = image.chars();
                name.iter().all(|want| match rest.next() {
                    Some(have) => *want == have || (*want == '.' && have != '\n'),
                    None => false,
                }) && is_tag_and_digest(rest.as_str())
            }
        }
    }
}

/// The pattern with every brace escaped that does not hold a repetition: those
/// are ordinary characters in Go's regular expressions, and an error here.
fn literal_braces(pattern: &str) -> String {
    let is_repetition = |rest: &str| {
        let Some((inside, _)) = rest.split_once('}') else {
            return false;
        };
        let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        !low.is_empty() && digits(low) && digits(high)
    };
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        if c == '{' && !escaped && !is_repetition(&pattern[at + 1..]) {
            out.push('\\');
        }
        out.push(c);
        escaped = c == '\\' && !escaped;
    }
    out
}

/// Whether this is nothing, `:tag`, `@sha256:digest` or both, as loosely as
/// kustomize reads them.
fn is_tag_and_digest(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.{}-".contains(c);
    let rest = match text.strip_prefix(':') {
        Some(tag) => tag.trim_start_matches(is_word),
        None => text,
    };
    match rest.strip_prefix("@sha256:") {
        Some(digest) => digest.chars().all(is_word),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_after_its_registry() {
        for (image, parts) in [
            ("nginx", ("nginx", "", "")),
            ("nginx:1", ("nginx", "1", "")),
            ("nginx@sha256:0", ("nginx", "", "sha256:0")),
            ("nginx:1@sha256:0", ("nginx", "1", "sha256:0")),
            ("host:5000/a/b", ("host:5000/a/b", "", "")),
            ("host:5000/a:1@d:0", ("host:5000/a", "1", "d:0")),
        ] {
            assert_eq!(split(image), parts, "{image}");
        }
    }

    #[test]
    fn plain_names_fit_as_their_pattern_would() {
        let names = ["nginx", "a.b/c", "r:5000/x", "n_x-y"];
        let images = [
            "nginx",
            "nginx:1",
            "nginx:",
            "nginx:1@sha256:0",
            "nginx@sha256:",
            "nginx@md5:0",
            "nginx:1/x",
            "nginxx",
            "a.b/c:v1",
            "aXb/c",
            "a\nb/c",
            "aéb/c",
            "r:5000/x@sha256:{d}",
            "n_x-y:{tag}",
        ];
        for name in names {
            let Name::Plain(plain) = Name::new(name).unwrap() else {
                panic!("{name} is plain");
            };
            // A group changes nothing but makes it a pattern.
            let pattern = Name::new(&format!("(?:{name})")).unwrap();
            for image in images {
                let plain = Name::Plain(plain.clone()).fits(image);
                assert_eq!(plain, pattern.fits(image), "{name} {image}");
            }
        }
    }

    #[test]
    fn braces_that_repeat_nothing_are_ordinary() {
        assert_eq!(literal_braces("{A}/b"), r"\{A}/b");
        assert_eq!(literal_braces("a{2}b{1,}c{0,3}"), "a{2}b{1,}c{0,3}");
        assert_eq!(literal_braces(r"a\{2}{,3}"), r"a\{2}\{,3}");
    }

    #[test]
    fn a_name_that_is_no_pattern_is_refused() {
        assert!(matches!(
            Name::new("a(b"),
            Err(TransformError::ImagePattern { .. })
        ));
    }
}

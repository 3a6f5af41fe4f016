//! Whether text is what it looks like.

use model::finding::{Class, Finding, Severity};
use model::object::Object;
use model::text::is_hidden;
use model::yaml::{Content, Node};

use crate::object_path::Trail;
use crate::place;

/// How text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// Names, labels, annotations and everything else that people review.
    Reviewed,
    /// Files in a `ConfigMap`, which have their own line ends, scripts that
    /// join letters, and icon fonts.
    File,
}

pub(super) fn check(object: &Object, out: &mut Vec<Finding>) {
    let is_files = object.api_version() == "v1" && object.kind() == "ConfigMap";
    let Some(map) = object.node.as_map() else {
        return;
    };
    let mut trail = Trail::default();
    let mut search = Search { object, out };
    for (key, value) in map.iter() {
        let text = if is_files && key == "data" {
            Text::File
        } else {
            Text::Reviewed
        };
        search.entry(&mut trail, key, value, text);
    }
}

/// The worst hidden character of a text, and how bad it is.
fn worst(text: &str, how: Text) -> Option<(Severity, char)> {
    if text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control()) {
        return None;
    }
    let mut chars = text.chars().peekable();
    let mut out = None;
    while let Some(c) = chars.next() {
        if !is_hidden(c) {
            continue;
        }
        let severity = match (how, c) {
            (Text::File, '\r') if chars.peek() == Some(&'\n') => continue,
            // Zero-width, soft hyphen, byte order mark, private use: usual in
            // web pages and fonts, and they reorder nothing.
            (
                Text::File,
                '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}',
            ) => Severity::Warning,
            _ => Severity::Error,
        };
        out = out.max(Some((severity, c)));
        if severity == Severity::Error {
            break;
        }
    }
    out
}

struct Search<'a, 'o> {
    object: &'o Object,
    out: &'a mut Vec<Finding>,
}

impl<'o> Search<'_, 'o> {
    fn entry(&mut self, trail: &mut Trail<'o>, key: &'o str, value: &'o Node, how: Text) {
        trail.enter_key(key);
        if let Some((_, c)) = worst(key, Text::Reviewed) {
            self.report(trail, Severity::Error, c, value);
        }
        self.walk(trail, value, how);
        trail.leave();
    }

    fn walk(&mut self, trail: &mut Trail<'o>, node: &'o Node, how: Text) {
        match &node.content {
            Content::Scalar(scalar) => {
                if let Some((severity, c)) = worst(&scalar.text, how) {
                    self.report(trail, severity, c, node);
                }
            }
            Content::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    trail.enter_item(index);
                    self.walk(trail, item, how);
                    trail.leave();
                }
            }
            Content::Map(map) => {
                for (key, value) in map.iter() {
                    self.entry(trail, key, value, how);
                }
            }
        }
    }

    fn report(&mut self, trail: &Trail<'o>, severity: Severity, c: char, node: &Node) {
        let what = format!(
            "{}: {} holds the hidden character U+{:04X}",
            place::name(self.object),
            trail.path(),
            u32::from(c)
        );
        let finding = Finding {
            severity,
            ..Finding::error("hidden-character", Class::Policy, what)
                .help("take the character out; what is reviewed must be what is read")
        };
        self.out.push(place::at(finding, self.object, Some(node)));
    }
}

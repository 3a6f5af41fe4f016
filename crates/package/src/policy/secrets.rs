//! Whether an object holds a value that must not be shipped.
//!
//! No value is ever part of a message: fields are named, and a field whose
//! name itself looks like a value is named by the map that holds it.

use model::finding::{Class, Finding};
use model::object::Object;
use model::yaml::{Content, Node};

use crate::object_path::Trail;
use crate::place;
use crate::sensitive::{self, Sensitive};

const HELP_VALUE: &str =
    "take the value out and put it into Vault; secrets.env.enc will say where it comes from";

const HELP_TOKEN: &str = "if it is one, take it out, revoke it, and read it from a Secret";

pub(super) fn check(object: &Object, out: &mut Vec<Finding>) {
    let is_secret = object.api_version() == "v1" && object.kind() == "Secret";
    let mut search = Search { object, out };
    let mut trail = Trail::default();
    let Some(map) = object.node.as_map() else {
        return;
    };
    for (key, value) in map.iter() {
        if is_secret && matches!(key, "data" | "stringData") {
            search.secret(key, value);
        } else {
            search.entry(&mut trail, key, value);
        }
    }
}

struct Search<'a, 'o> {
    object: &'o Object,
    out: &'a mut Vec<Finding>,
}

impl<'o> Search<'_, 'o> {
    /// The data of a Secret.
    fn secret(&mut self, field: &str, node: &Node) {
        if node.is_null() {
            return;
        }
        let Some(map) = node.as_map() else {
            return self.value(field, node);
        };
        for entry in &map.0 {
            let key = if sensitive::is_random(&entry.key) || sensitive::look(&entry.key).is_some() {
                "with a name like a value"
            } else {
                &entry.key
            };
            self.value(&format!("{field} key {key}"), &entry.value);
        }
    }

    fn value(&mut self, field: &str, node: &Node) {
        let what = format!("{}: {field} holds a value", place::name(self.object));
        let finding = Finding::error("secret-value", Class::Policy, what).help(HELP_VALUE);
        self.out.push(place::at(finding, self.object, Some(node)));
    }

    fn entry(&mut self, trail: &mut Trail<'o>, key: &'o str, value: &'o Node) {
        if let Some(seen) = sensitive::look(key) {
            self.report(trail, seen, value);
            return;
        }
        trail.enter_key(key);
        self.walk(trail, value);
        trail.leave();
    }

    fn walk(&mut self, trail: &mut Trail<'o>, node: &'o Node) {
        match &node.content {
            Content::Scalar(scalar) => {
                if let Some(seen) = sensitive::look(&scalar.text) {
                    self.report(trail, seen, node);
                }
            }
            Content::Seq(items) => {
                for (index, item) in items.iter().enumerate() {
                    trail.enter_item(index);
                    self.walk(trail, item);
                    trail.leave();
                }
            }
            Content::Map(map) => {
                for (key, value) in map.iter() {
                    self.entry(trail, key, value);
                }
            }
        }
    }

    fn report(&mut self, trail: &Trail<'o>, seen: Sensitive, node: &Node) {
        let name = place::name(self.object);
        let path = trail.path();
        let finding = match seen {
            Sensitive::PrivateKey => Finding::error(
                "private-key",
                Class::Policy,
                format!("{name}: {path} holds a private key"),
            )
            .help(HELP_VALUE),
            Sensitive::Token(what) => Finding::warning(
                "token-like",
                Class::Policy,
                format!("{name}: {path} looks like {what}"),
            )
            .help(HELP_TOKEN),
        };
        self.out.push(place::at(finding, self.object, Some(node)));
    }
}

//! From text and change to the next text.

use model::finding::{Class, Finding};
use model::yaml::Node;

use super::FILE;
use super::change::Change;
use super::edit::{self, Refusal};
use super::op::{Op, say_the_same};
use super::plan::plan;
use super::read::{read, unix};

/// A text that was edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The text, whole.
    pub text: String,
    /// Where the file knew something newer, which was left as it is, and where
    /// it lacks what was active before.
    pub notes: Vec<Finding>,
}

/// The text once a change is noted in it; without a text, a first one.
///
/// The version becomes what the change says, in its place if it is there, else
/// at the end of its client's packages; a client that is not there is added at
/// the end. Comments, unknown keys, order and layout stay. The result has been
/// read again and says what was meant; where that cannot be had, the finding
/// names the line that is in the way.
pub fn apply(text: Option<&str>, change: &Change) -> Result<Edited, Vec<Finding>> {
    apply_all(text, std::slice::from_ref(change))
}

/// As [`apply`], for changes that came one after another.
pub fn apply_all(text: Option<&str>, changes: &[Change]) -> Result<Edited, Vec<Finding>> {
    let original = text.unwrap_or_default();
    let mut text = unix(original).into_owned();
    let windows = text.len() != original.len();
    let mut notes = Vec::new();
    for change in changes {
        if let Some(next) = one(&text, change, &mut notes)? {
            text = next;
        }
    }
    if windows {
        text = text.replace('\n', "\r\n");
    }
    Ok(Edited { text, notes })
}

/// The next text, if it is another one.
fn one(
    text: &str,
    change: &Change,
    notes: &mut Vec<Finding>,
) -> Result<Option<String>, Vec<Finding>> {
    let mut before = read(text)?;
    let plan = plan(before.tree.as_ref(), &before.view, change);
    notes.extend(plan.notes);
    if plan.ops.is_empty() {
        return Ok(None);
    }
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        // A block scalar at the end would gain a line break.
        text.push('\n');
        let ended = read(&text)?;
        if !same(before.tree.as_ref(), ended.tree.as_ref()) {
            let line = u32::try_from(text.lines().count()).unwrap_or(0);
            return Err(refused(line, "the last line of the file is not ended"));
        }
        before = ended;
    }
    let next = edit::edit(&text, before.tree.as_ref(), &plan.ops)
        .map_err(|Refusal { line, why }| refused(line, &why))?;
    let meant = meant(before.tree, &plan.ops);
    let after = read(&next);
    let says = after.as_ref().ok().and_then(|read| read.tree.as_ref());
    if meant.is_none() || !same(meant.as_ref(), says) {
        let line = (before.view.clients.iter())
            .rfind(|c| c.name == change.client)
            .map_or(1, |c| c.line);
        let why = "the layout here does not let it be edited safely; write it as the specification's example";
        return Err(refused(line, why));
    }
    Ok(Some(next))
}

fn meant(tree: Option<Node>, ops: &[Op]) -> Option<Node> {
    let mut tree = tree.unwrap_or_else(Node::map);
    ops.iter().try_for_each(|op| op.apply(&mut tree))?;
    Some(tree)
}

fn same(one: Option<&Node>, two: Option<&Node>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => say_the_same(one, two),
        (None, None) => true,
        _ => false,
    }
}

fn refused(line: u32, why: &str) -> Vec<Finding> {
    let finding = Finding::error("clients-layout", Class::Integrity, why).at(FILE, line);
    vec![finding.help("correct the file; nothing was changed in it")]
}

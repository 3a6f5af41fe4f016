//! `$patch` within a patch.

use super::MergeError;
use super::arena::{Arena, Id, Item};
use super::list;

const KEY: &str = "$patch";

/// What a patch asks for where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Takes the directive out of a patch.
pub(super) fn take(arena: &mut Arena, patch: Option<Id>) -> Result<Directive, MergeError> {
    let Some(patch) = patch else {
        return Ok(Directive::Merge);
    };
    match arena.item(patch) {
        Item::Map(_) => {
            let Some(value) = arena.field(patch, KEY) else {
                return Ok(Directive::Merge);
            };
            let directive = read(arena, value)?;
            arena.clear(patch, KEY);
            Ok(directive)
        }
        Item::Seq(items) => {
            let with_key = |id: &&Id| arena.field(**id, KEY).is_some();
            let Some(element) = items.iter().find(with_key).copied() else {
                return Ok(Directive::Merge);
            };
            // With other keys beside it, it is the element's own.
            if arena.names(element).len() > 1 {
                return Ok(Directive::Merge);
            }
            let Some(value) = arena.field(element, KEY) else {
                return Ok(Directive::Merge);
            };
            let directive = read(arena, value)?;
            let text = arena.text(value).to_owned();
            list::set_element(arena, patch, None, &[KEY], &[text])?;
            Ok(directive)
        }
        Item::Scalar(_) => Err(MergeError::NoStrategy {
            at: arena.at(patch),
            text: arena.text(patch).to_owned(),
        }),
    }
}

fn read(arena: &Arena, value: Id) -> Result<Directive, MergeError> {
    match arena.text(value) {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => Err(MergeError::UnknownStrategy {
            at: arena.at(value),
            text: other.to_owned(),
        }),
    }
}

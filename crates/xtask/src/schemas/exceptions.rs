//! Where the real API server refuses less than the schemas say, found by
//! asking it.

use super::definitions::Definitions;

/// Required by the schema, yet an object without the field is taken.
const NOT_REQUIRED: &[(&str, &str)] = &[];

/// With a list of values in the schema, yet others are taken.
const NOT_ENUMS: &[(&str, &str)] = &[];

/// Takes the exceptions out of the schemas; one that no release has is an
/// error, so that the tables do not rot.
pub fn apply(releases: &mut [Definitions]) -> Result<(), String> {
    for (name, field) in NOT_REQUIRED {
        change(releases, name, field, |found| {
            std::mem::take(&mut found.required)
        })?;
    }
    for (name, field) in NOT_ENUMS {
        change(releases, name, field, |found| {
            let Some(values) = found.shape.find('"') else {
                return false;
            };
            found.shape.replace_range(values.., "string");
            true
        })?;
    }
    Ok(())
}

fn change(
    releases: &mut [Definitions],
    name: &str,
    field: &str,
    mut change: impl FnMut(&mut super::definitions::Field) -> bool,
) -> Result<(), String> {
    let mut changed = false;
    for release in releases {
        if let Some(found) = release.types.get_mut(name).and_then(|t| t.get_mut(field)) {
            changed |= change(found);
        }
    }
    if changed {
        Ok(())
    } else {
        Err(format!("the exception {name}.{field} is not needed"))
    }
}

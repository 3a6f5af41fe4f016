//! The data files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::definitions::{Definitions, Field, Kind};
use super::{Files, RELEASES};

/// What the releases know, as the two files.
pub fn files(releases: &[Definitions]) -> Files {
    Files::from([
        ("kinds.txt", kinds(releases)),
        ("types.txt", types(releases)),
    ])
}

fn kinds(releases: &[Definitions]) -> String {
    let mut all: BTreeMap<&(String, String), BTreeMap<&Kind, Present>> = BTreeMap::new();
    for (at, release) in releases.iter().enumerate() {
        for (name, kind) in &release.kinds {
            all.entry(name)
                .or_default()
                .entry(kind)
                .or_default()
                .add(at);
        }
    }
    let mut text = String::new();
    for ((api_version, kind), shapes) in all {
        for (shape, present) in shapes {
            for range in present.ranges() {
                let scope = if shape.namespaced {
                    "Namespaced"
                } else {
                    "Cluster"
                };
                let _ = writeln!(
                    text,
                    "{api_version} {kind}{range} {scope} {}",
                    shape.definition
                );
            }
        }
    }
    text
}

fn types(releases: &[Definitions]) -> String {
    let names: BTreeSet<&String> = releases.iter().flat_map(|r| r.types.keys()).collect();
    let mut text = String::new();
    for name in names {
        let mut whole = Present::default();
        let mut fields: BTreeMap<&String, BTreeMap<&Field, Present>> = BTreeMap::new();
        for (at, release) in releases.iter().enumerate() {
            if let Some(found) = release.types.get(name) {
                whole.add(at);
                for (field, shape) in found {
                    fields
                        .entry(field)
                        .or_default()
                        .entry(shape)
                        .or_default()
                        .add(at);
                }
            }
        }
        let _ = writeln!(text, "{name}");
        for (field, shapes) in fields {
            for (shape, present) in shapes {
                let required = if shape.required { "!" } else { "" };
                for range in present.ranges() {
                    let range = if present == whole { "" } else { &range };
                    let _ = writeln!(text, " {field}{required}{range} {}", shape.shape);
                    if present == whole {
                        break;
                    }
                }
            }
        }
    }
    text
}

/// In which releases something is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Present([bool; RELEASES.len()]);

impl Present {
    fn add(&mut self, at: usize) {
        self.0[at] = true;
    }

    /// As the files write it: nothing for all of them, ` @35-` from one on,
    /// ` @-34` until one, ` @35-36` between; several where there are gaps.
    fn ranges(self) -> Vec<String> {
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < self.0.len() {
            let length = self.0[at..].iter().take_while(|there| **there).count();
            if length > 0 {
                let last = at + length - 1;
                let from = if at == 0 { "" } else { minor(at) };
                let to = if last + 1 == self.0.len() {
                    ""
                } else {
                    minor(last)
                };
                ranges.push(match (from, to) {
                    ("", "") => String::new(),
                    _ => format!(" @{from}-{to}"),
                });
            }
            at += length.max(1);
        }
        ranges
    }
}

fn minor(at: usize) -> &'static str {
    RELEASES[at].split('.').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_as_short_as_can_be() {
        for (there, ranges) in [
            ([true; 5], vec![""]),
            ([false, false, true, true, true], vec![" @35-"]),
            ([true, true, false, false, false], vec![" @-34"]),
            ([true, false, true, false, false], vec![" @-33", " @35-35"]),
            ([false; 5], vec![]),
        ] {
            assert_eq!(Present(there).ranges(), ranges);
        }
    }
}

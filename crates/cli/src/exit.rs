//! Exit codes: one table, which the README repeats.

use model::finding::{Class, Finding};
use signal_hook::consts::{SIGHUP, SIGINT};

/// How a command ends.
///
/// Where findings of several kinds meet, the smallest code above 1 wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// A bug.
    Bug = 1,
    /// Usage, or an invalid name, version, setting or document.
    Usage = 2,
    /// A package is damaged.
    Integrity = 3,
    /// A signature, key or freshness is wanting.
    Trust = 4,
    /// Refused on purpose.
    Policy = 5,
    /// It exists already, is locked, or was changed by someone else.
    Conflict = 6,
    /// Local input or output failed.
    Io = 7,
    /// A registry or the network failed.
    Remote = 8,
    /// The cluster cannot be reached, refuses, is not healthy, or lacks what
    /// the package needs; nothing of the package was applied.
    Cluster = 9,
    /// The rollout failed; the previous version is serving again, or what a
    /// first deploy created is gone.
    RolledBack = 10,
    /// The rollout failed and the previous version is not serving.
    NotServing = 11,
    /// Interrupted after a write to a cluster; the outcome is not known.
    Interrupted = 12,
    /// Asked to compare, and it differs.
    Differs = 13,
    /// Ended by SIGHUP; as in every shell, 128 and the signal's number.
    HungUp = 129,
    /// Ended by SIGINT.
    BrokenOff = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl From<Class> for Exit {
    fn from(class: Class) -> Self {
        match class {
            Class::Usage => Self::Usage,
            Class::Integrity => Self::Integrity,
            Class::Trust => Self::Trust,
            Class::Policy => Self::Policy,
            Class::Conflict => Self::Conflict,
            Class::Io => Self::Io,
            Class::Remote => Self::Remote,
            Class::Cluster => Self::Cluster,
        }
    }
}

impl Exit {
    /// The code of these findings: [`Exit::Done`] when none stops.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        findings
            .into_iter()
            .filter(|f| f.is_error())
            .map(|f| Self::from(f.class))
            .min()
            .unwrap_or(Self::Done)
    }

    /// The code of a command that this signal ended: one of those that are
    /// listened for.
    pub fn of_signal(signal: i32) -> Self {
        match signal {
            SIGHUP => Self::HungUp,
            SIGINT => Self::BrokenOff,
            _ => Self::Terminated,
        }
    }

    /// This code or the other, by the rule of the table.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Done, code) | (code, Self::Done) => code,
            (a, b) => a.min(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_code_above_one_wins() {
        let policy = Finding::error("a", Class::Policy, "x");
        let usage = Finding::error("b", Class::Usage, "y");
        let warning = Finding::warning("c", Class::Usage, "z");
        assert_eq!(Exit::of([&policy, &usage]), Exit::Usage);
        assert_eq!(Exit::of([&policy, &warning]), Exit::Policy);
        assert_eq!(Exit::of([&warning]), Exit::Done);
        assert_eq!(Exit::Done.and(Exit::Io), Exit::Io);
        assert_eq!(Exit::Remote.and(Exit::Conflict), Exit::Conflict);
        assert_eq!(Exit::RolledBack.and(Exit::Cluster), Exit::Cluster);
    }

    #[test]
    fn the_readme_lists_every_code() {
        let readme = include_str!("../../../README.md");
        let table = readme
            .split_once("## Exit codes")
            .and_then(|(_, rest)| rest.split_once("\n## "))
            .expect("the README has the table")
            .0;
        for code in Exit::Done as u8..=Exit::Differs as u8 {
            assert!(table.contains(&format!("\n| {code} |")), "{code}");
        }
    }
}

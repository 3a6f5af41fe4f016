//! Exit codes: one table, which the README repeats.

use model::finding::{Class, Finding};

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
    }
}

//! Who holds a client's Lease, and whether it is free to take.
//!
//! Source of the rules: `docs/deploying.md` ("The Lease").

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use crate::object::text;

/// What stands for a fact that the kernel does not tell.
pub const UNKNOWN: &str = "unknown";

/// A process that holds a Lease, or wants to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When the process began, in the kernel's ticks: pids are used again.
    pub started: u64,
    /// This start of the host.
    pub boot: String,
    /// The process's own world of pids: containers of one host share its boot.
    pub pid_namespace: String,
}

impl fmt::Display for Holder {
    /// `ann@ci-7 pid 4711 started 8812 boot 1a2b… pids 4026531836`: one line
    /// that people read, deploy.sh prints and [`Holder::from_str`] takes apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{} pid {} started {} boot {} pids {}",
            word(&self.user),
            word(&self.host),
            self.pid,
            self.started,
            word(&self.boot),
            word(&self.pid_namespace)
        )
    }
}

/// A word of the line: nothing in it may look like the next one.
fn word(text: &str) -> String {
    let word: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if word.is_empty() {
        "_".to_owned()
    } else {
        word
    }
}

impl FromStr for Holder {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let words: Vec<&str> = line.split(' ').collect();
        let [
            who,
            "pid",
            pid,
            "started",
            started,
            "boot",
            boot,
            "pids",
            pids,
        ] = words[..]
        else {
            return Err(());
        };
        let (user, host) = who.split_once('@').ok_or(())?;
        Ok(Self {
            user: user.to_owned(),
            host: host.to_owned(),
            pid: pid.parse().map_err(|_| ())?,
            started: started.parse().map_err(|_| ())?,
            boot: boot.to_owned(),
            pid_namespace: pids.to_owned(),
        })
    }
}

impl Holder {
    /// Whether the other one would see the same pids as this process. What the
    /// kernel did not tell of both is not the same for that.
    pub fn shares_processes_with(&self, other: &Self) -> bool {
        let is_known = |fact: &str| ![UNKNOWN, "_"].contains(&fact);
        let same = |ours: &str, theirs: &str| {
            let (ours, theirs) = (word(ours), word(theirs));
            ours == theirs && is_known(&ours)
        };
        same(&self.boot, &other.boot) && same(&self.pid_namespace, &other.pid_namespace)
    }
}

/// How a Lease stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody holds it.
    Free,
    /// Somebody holds it and has renewed it within its TTL, by this clock.
    Held {
        /// Who, as it stands there.
        by: String,
        /// Seconds since it was renewed.
        age: i64,
    },
    /// Its TTL is over by this clock, or the clocks disagree; only a whole TTL of watching proves it.
    Overdue {
        /// Who, as it stands there.
        by: String,
        /// Seconds since it was renewed.
        age: i64,
    },
    /// Its holder was a process of this host that is gone.
    Orphaned {
        /// Who, as it stands there.
        by: String,
    },
}

/// Judges a Lease. `gone` tells whether a process that this one would see is
/// there no more.
pub fn standing(
    lease: &Value,
    me: &Holder,
    now: Timestamp,
    gone: impl Fn(&Holder) -> bool,
) -> Standing {
    let by = text(lease, "/spec/holderIdentity");
    if by.is_empty() {
        return Standing::Free;
    }
    if let Ok(holder) = by.parse::<Holder>()
        && me.shares_processes_with(&holder)
        && gone(&holder)
    {
        return Standing::Orphaned { by: by.to_owned() };
    }
    let renewed = text(lease, "/spec/renewTime")
        .parse::<Timestamp>()
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let age = now.as_second().saturating_sub(renewed.as_second());
    let ttl = lease
        .pointer("/spec/leaseDurationSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(0)
        .clamp(0, i64::from(i32::MAX));
    let by = by.to_owned();
    // A renewal that lies ahead of this clock is one all the same, unless the
    // clocks are so far apart that they say nothing.
    if (-ttl..=ttl).contains(&age) {
        Standing::Held {
            by,
            age: age.max(0),
        }
    } else {
        Standing::Overdue { by, age }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn me() -> Holder {
        Holder {
            user: "ann".into(),
            host: "ci 7".into(),
            pid: 4711,
            started: 8,
            boot: "b".into(),
            pid_namespace: "pid:[4026531836]".into(),
        }
    }

    fn lease(by: &str, renewed: i64) -> Value {
        let at = Timestamp::from_second(renewed).unwrap();
        json!({"spec": {"holderIdentity": by, "leaseDurationSeconds": 60, "renewTime": at.to_string()}})
    }

    #[test]
    fn a_holder_is_read_as_it_was_written() {
        let read: Holder = me().to_string().parse().unwrap();
        assert_eq!((read.pid, read.started), (4711, 8));
        assert!(read.shares_processes_with(&me()));
        assert!("somebody else".parse::<Holder>().is_err());
    }

    #[test]
    fn what_is_not_known_of_two_processes_is_not_shared() {
        for fact in ["", "_", UNKNOWN] {
            let boot = Holder {
                boot: fact.to_owned(),
                ..me()
            };
            let pids = Holder {
                pid_namespace: fact.to_owned(),
                ..me()
            };
            assert!(!boot.shares_processes_with(&boot), "{fact:?}");
            assert!(!pids.shares_processes_with(&pids), "{fact:?}");
        }
        assert!(me().shares_processes_with(&me()));
    }

    #[test]
    fn a_lease_stands_as_its_times_and_processes_say() {
        let now = Timestamp::from_second(1_000).unwrap();
        let other = Holder {
            boot: "c".into(),
            ..me()
        }
        .to_string();
        let judge = |lease: &Value, dead: bool| standing(lease, &me(), now, |_| dead);
        assert_eq!(judge(&lease("", 999), false), Standing::Free);
        assert_eq!(
            judge(&lease(&other, 990), true),
            Standing::Held {
                by: other.clone(),
                age: 10
            }
        );
        assert_eq!(
            judge(&lease(&other, 1_050), true),
            Standing::Held {
                by: other.clone(),
                age: 0
            }
        );
        assert_eq!(
            judge(&lease(&other, 2_000), true),
            Standing::Overdue {
                by: other.clone(),
                age: -1_000
            }
        );
        assert_eq!(
            judge(&lease(&other, 900), true),
            Standing::Overdue {
                by: other.clone(),
                age: 100
            }
        );
        let mine = me().to_string();
        assert_eq!(
            judge(&lease(&mine, 990), true),
            Standing::Orphaned { by: mine.clone() }
        );
        assert_eq!(
            judge(&lease(&mine, 990), false),
            Standing::Held { by: mine, age: 10 }
        );
    }
}

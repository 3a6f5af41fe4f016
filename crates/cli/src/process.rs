//! This process, as others may tell it from every other one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rollout::holder::UNKNOWN;

/// This process: what a Lease says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The user's name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// The process's number.
    pub pid: u32,
    /// When it began, in the kernel's ticks since the host started: numbers
    /// are used again. 0 when the kernel does not say.
    pub started: u64,
    /// This start of the host.
    pub boot: String,
    /// The world in which the number means something: containers have their
    /// own, though they share the host's start.
    pub pid_namespace: String,
}

/// Where the start time is in `/proc/<pid>/stat`, counted from the field
/// behind the command's name (proc(5), field 22).
const STARTED_FIELD: usize = 19;

impl Process {
    /// Asks the kernel.
    pub(crate) fn read(user: String) -> Self {
        let line = |path: &str| match fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
            _ => UNKNOWN.to_owned(),
        };
        let pid_namespace = fs::read_link("/proc/self/ns/pid");
        Self {
            user,
            host: line("/proc/sys/kernel/hostname"),
            pid: std::process::id(),
            started: started(&line("/proc/self/stat")).unwrap_or(0),
            boot: line("/proc/sys/kernel/random/boot_id"),
            pid_namespace: pid_namespace
                .ok()
                .and_then(|link| digits(link.to_str()?))
                .unwrap_or_else(|| UNKNOWN.to_owned()),
        }
    }
}

/// The user's number, in words.
pub(crate) fn user_number() -> String {
    fs::metadata("/proc/self").map_or_else(
        |_| UNKNOWN.to_owned(),
        |process| format!("uid {}", process.uid()),
    )
}

/// The start time in a line of `/proc/<pid>/stat`; the command's name in it may
/// hold spaces and parentheses.
fn started(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(STARTED_FIELD)?.parse().ok()
}

/// The number in `pid:[4026531836]`.
fn digits(link: &str) -> Option<String> {
    let number = link.strip_prefix("pid:[")?.strip_suffix(']')?;
    Some(number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told_from_every_other() {
        let process = Process::read("ann".to_owned());
        assert_eq!(process, Process::read("ann".to_owned()));
        assert_eq!(process.pid, std::process::id());
        assert!(process.started > 0);
        assert_eq!(process.boot.len(), 36, "{}", process.boot);
        assert!(process.pid_namespace.parse::<u64>().is_ok());
        assert_ne!(process.host, UNKNOWN);
        assert!(user_number().starts_with("uid "));
    }

    #[test]
    fn a_commands_name_does_not_hide_the_start() {
        let stat = "7 (a) R (b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 8812 99 9";
        assert_eq!(started(stat), Some(8812));
        assert_eq!(started("7 (a) S 1"), None);
    }
}

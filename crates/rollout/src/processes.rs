//! Processes of this machine: whether one that holds a Lease is still there,
//! and the end of those that a thread of ours waits for.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::holder::Holder;

/// Where the start time is in a stat, in ticks, counted from the field behind
/// the state (proc(5), field 22).
const STARTED_FIELD: usize = 18;

/// Whether a process that this one would see is there no more. It counts as
/// there unless the kernel says otherwise: `/proc` may hide what is another
/// user's.
pub fn is_gone(holder: &Holder) -> bool {
    let Some(pid) = i32::try_from(holder.pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return true;
    }
    fs::read_to_string(format!("/proc/{}/stat", holder.pid))
        .is_ok_and(|stat| is_others(&stat, holder.started))
}

/// Whether a `/proc/<pid>/stat` is that of a process that began at another
/// time, or of one that has ended. Where it does not say it is not.
fn is_others(stat: &str, began: u64) -> bool {
    // Behind a name that may hold anything.
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return false;
    };
    let mut fields = fields.split_whitespace();
    // A zombie holds nothing any more.
    if fields.next() == Some("Z") {
        return true;
    }
    let started = fields.nth(STARTED_FIELD).and_then(|f| f.parse().ok());
    began != 0 && started.is_some_and(|started: u64| started != began)
}

/// Ends the processes that this thread of ours began, and all that they began.
/// Without /proc none is known.
pub fn end_children(thread: Pid) {
    let mut ending: Vec<Pid> = children(&format!("/proc/self/task/{}", thread.as_raw_nonzero()));
    let mut at = 0;
    // Those of one that has ended are nobody's: they are listed before.
    while let Some(pid) = ending.get(at) {
        let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
        for task in tasks.into_iter().flatten().flatten() {
            ending.extend(children(&task.path().display().to_string()));
        }
        at += 1;
    }
    for pid in ending {
        // One that has ended by itself is as good.
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn children(task: &str) -> Vec<Pid> {
    let Ok(listed) = fs::read_to_string(format!("{task}/children")) else {
        return Vec::new();
    };
    listed
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32, started: u64) -> Holder {
        Holder {
            user: "ann".into(),
            host: "here".into(),
            pid,
            started,
            boot: String::new(),
            pid_namespace: String::new(),
        }
    }

    #[test]
    fn this_process_is_there_and_an_earlier_one_of_its_number_is_not() {
        let pid = std::process::id();
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let started = fields.split(' ').nth(19).unwrap().parse().unwrap();
        assert!(!is_gone(&holder(pid, started)));
        assert!(is_gone(&holder(pid, started + 1)));
        assert!(!is_gone(&holder(pid, 0)), "the start is not known");
    }

    #[test]
    fn one_that_has_ended_is_gone_and_a_number_that_says_nothing_is_not() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&holder(child.id(), 0)));
        assert!(!is_gone(&holder(0, 1)));
        assert!(!is_gone(&holder(u32::MAX, 1)));
    }

    #[test]
    fn only_a_stat_that_says_so_is_anothers() {
        let stat = |state: &str| {
            format!("7 (a) S) {state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 8812 99 9")
        };
        assert!(!is_others(&stat("S"), 8812));
        assert!(is_others(&stat("S"), 8811));
        assert!(is_others(&stat("Z"), 8812));
        assert!(!is_others("7 (a) S 1", 8812));
        assert!(!is_others("", 8812));
    }
}

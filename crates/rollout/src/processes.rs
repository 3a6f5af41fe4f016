//! Processes of this machine: whether one that holds a Lease is still there,
//! and the end of those that a thread of ours waits for.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::holder::Holder;

/// Whether a process that this one would see is there no more.
pub fn is_gone(holder: &Holder) -> bool {
    // Without /proc nothing can be told.
    fs::metadata("/proc/self/stat").is_ok() && started(holder.pid) != Some(holder.started)
}

/// When a process began, in ticks: the 22nd field of its stat, behind a name
/// that may hold anything.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // A zombie holds nothing any more.
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
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

    #[test]
    fn this_process_is_there_and_an_earlier_one_of_its_number_is_not() {
        let pid = std::process::id();
        let me = Holder {
            user: "ann".into(),
            host: "here".into(),
            pid,
            started: started(pid).unwrap(),
            boot: String::new(),
            pid_namespace: String::new(),
        };
        assert!(!is_gone(&me));
        assert!(is_gone(&Holder {
            started: me.started + 1,
            ..me.clone()
        }));
        assert!(is_gone(&Holder {
            pid: u32::MAX,
            ..me
        }));
    }
}

//! This process as a holder, and whether another one is still there.

use std::fs;

use crate::holder::Holder;

/// This process.
pub fn me(user: &str, host: &str) -> Holder {
    let pid = std::process::id();
    Holder {
        user: user.to_owned(),
        host: host.to_owned(),
        pid,
        started: started(pid).unwrap_or(0),
        boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default(),
        pid_namespace: fs::read_link("/proc/self/ns/pid")
            .map(|link| link.to_string_lossy().into_owned())
            .unwrap_or_default(),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_there_and_an_earlier_one_of_its_number_is_not() {
        let me = me("ann", "here");
        assert!(me.started > 0 && !is_gone(&me));
        assert!(is_gone(&Holder { started: me.started + 1, ..me.clone() }));
        assert!(is_gone(&Holder { pid: u32::MAX, ..me }));
    }
}

//! Whether a process that holds a Lease is still there.

use std::fs;

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

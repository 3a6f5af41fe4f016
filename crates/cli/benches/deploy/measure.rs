//! A whole process, measured.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a process is looked at: what it takes in its last moments shows
/// in its peak as well, which only grows.
const LOOK: Duration = Duration::from_millis(2);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// From its start to its end.
    pub time: Duration,
    /// The most memory it held, in bytes.
    pub memory: u64,
}

/// Runs a command to its end; it must succeed. What it says goes to this file
/// and is shown if it does not.
pub fn run(command: &mut Command, log: &Path) -> Taken {
    let out = File::create(log).unwrap();
    let err = out.try_clone().unwrap();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .unwrap();
    let mut memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        memory = memory.max(peak_memory(child.id()));
        thread::sleep(LOOK);
    };
    let time = started.elapsed();
    assert!(
        status.success(),
        "{command:?} ended with {status}:\n{}",
        fs::read_to_string(log).unwrap_or_default()
    );
    Taken { time, memory }
}

/// The most memory a process held until now, in bytes; 0 once it is over.
fn peak_memory(pid: u32) -> u64 {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            let kib = line.strip_prefix("VmHWM:")?.split_whitespace().next()?;
            kib.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024)
}

/// The one in the middle.
pub fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

//! Signals end the program with 128 + their number, but never in the middle of
//! writing a package.

use std::sync::{Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Held while a package is being written.
static WRITING: Mutex<()> = Mutex::new(());

/// Exit codes of signals begin here, as in every shell.
const SIGNAL_BASE: i32 = 128;

/// Holds signals back until the guard is dropped: what is begun is finished or
/// cleaned up first. A second signal is not held back.
pub fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to listen.
pub fn listen() {
    // Without the thread signals end the program as they always do; the next
    // run then removes what is left.
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
        return;
    };
    std::thread::spawn(move || {
        let mut arriving = signals.forever();
        let Some(first) = arriving.next() else {
            return;
        };
        std::thread::spawn(move || {
            let _finished = hold();
            end(first);
        });
        // The first one waits; whoever sends another means now.
        if let Some(second) = arriving.next() {
            end(second);
        }
    });
}

/// Ends the program, and what it started with it.
fn end(signal: i32) -> ! {
    programs::process::kill_running();
    std::process::exit(SIGNAL_BASE + signal)
}

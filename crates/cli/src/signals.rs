//! Signals end the program with 128 + their number, but never in the middle of
//! writing a package, and a change to a cluster is first asked to stop.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::Exit;

/// Held while a package is being written.
static WRITING: Mutex<()> = Mutex::new(());

/// What changes a cluster now.
static RUN: Mutex<Weak<Interrupts>> = Mutex::new(Weak::new());

/// Holds signals back until the guard is dropped: what is begun is finished or
/// cleaned up first. A second signal is not held back.
pub fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What signals ask of a change to a cluster: the first one to stop at the
/// next safe point, the second one to end at once.
#[derive(Debug)]
pub struct Interrupts {
    asked: AtomicBool,
    signal: AtomicI32,
    wrote: AtomicBool,
}

impl Interrupts {
    fn new() -> Self {
        Self {
            asked: AtomicBool::new(false),
            signal: AtomicI32::new(0),
            wrote: AtomicBool::new(false),
        }
    }

    /// Whether it shall stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Notes that something is about to be written to the cluster: from now on
    /// an end is not one without traces.
    pub fn wrote(&self) {
        self.wrote.store(true, Ordering::SeqCst);
    }

    /// How it ends when it stops because it was asked to; nothing when it was
    /// not.
    pub fn exit(&self) -> Option<Exit> {
        let signal = self.signal.load(Ordering::SeqCst);
        match signal {
            0 => None,
            _ if self.wrote.load(Ordering::SeqCst) => Some(Exit::Interrupted),
            _ => Some(Exit::of_signal(signal)),
        }
    }

    /// Asks it to stop; the exit of a process that was asked before.
    fn ask(&self, signal: i32) -> Result<(), Exit> {
        if let Some(exit) = self.exit() {
            return Err(exit);
        }
        self.signal.store(signal, Ordering::SeqCst);
        self.asked.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// Begins a change to a cluster: until the last of these is dropped, signals
/// are kept for it.
pub fn cluster_run() -> Arc<Interrupts> {
    let run = Arc::new(Interrupts::new());
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&run);
    run
}

/// Begins to listen.
pub fn listen() {
    // Without the thread signals end the program as they always do; the next
    // run then removes what is left.
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
        return;
    };
    std::thread::spawn(move || {
        let mut pending = false;
        for signal in signals.forever() {
            let run = RUN.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            if let Some(run) = run {
                if let Err(exit) = run.ask(signal) {
                    end(exit);
                }
            } else if pending {
                // The first one waits; whoever sends another means now.
                end(Exit::of_signal(signal));
            } else {
                pending = true;
                std::thread::spawn(move || {
                    let _finished = hold();
                    end(Exit::of_signal(signal));
                });
            }
        }
    });
}

/// Ends the program, and what it started with it.
fn end(exit: Exit) -> ! {
    programs::process::kill_running();
    std::process::exit(i32::from(exit as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d30_the_first_signal_asks_and_the_second_ends() {
        let run = Interrupts::new();
        assert!(!run.asked());
        assert_eq!(run.exit(), None);
        assert_eq!(run.ask(SIGTERM), Ok(()));
        assert!(run.asked());
        // Nothing was written: it ends as any command does.
        assert_eq!(run.exit(), Some(Exit::Terminated));
        assert_eq!(run.ask(SIGINT), Err(Exit::Terminated));
        run.wrote();
        assert_eq!(run.exit(), Some(Exit::Interrupted));
        assert_eq!(run.ask(SIGINT), Err(Exit::Interrupted));
    }

    #[test]
    fn d30_a_signal_of_this_process_reaches_the_run() {
        listen();
        let run = cluster_run();
        signal_hook::low_level::raise(SIGHUP).unwrap();
        let begun = std::time::Instant::now();
        while !run.asked() {
            assert!(begun.elapsed().as_secs() < 10, "the signal did not arrive");
            std::thread::yield_now();
        }
        assert_eq!(run.exit(), Some(Exit::HungUp));
    }
}

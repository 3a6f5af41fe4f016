//! Programs that run beside a test, on loopback, in a directory of their own.
//!
//! A program is started under a small shell that holds the reading end of a
//! pipe. When the pipe closes, a janitor kills the whole process group and
//! removes the directory: because [`Process`] is dropped, or the test itself is
//! killed, or keeps its server in a `static` that is never dropped.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::directory::Directory;

/// How long a server may take to listen: a loaded machine with two cores has
/// taken 20 seconds for an API server.
pub const START_LIMIT: Duration = Duration::from_secs(90);

/// How often a server is started anew when its port was taken meanwhile.
const START_ATTEMPTS: u32 = 5;

/// Below the kernel's range for outgoing connections (from 32768), so that
/// none of those takes a port between our choice and the server's bind.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Runs `"$@"` after three arguments of its own, and starts the janitor when
/// standard input closes. Standard output closes when that is done.
const SUPERVISOR: &str = r#"
exec 3<&0 4>&1 </dev/null >&2
janitor=$1 dir=$2 aftermath=$3
shift 3
"$@" 3<&- 4>&- &
program=$!
{ cat <&3 >/dev/null 2>&1; setsid sh -c "$janitor" janitor $$ "$dir" "$aftermath" 3<&-; } &
exec 3<&- 4>&-
wait "$program"
exit $?
"#;

/// Kills the process group `$1`, to which it does not belong, does `$3` and
/// removes the directory `$2`, into which the dying may still write.
const JANITOR: &str = r#"
cd /
dir=$2
kill -s KILL -- "-$1"
eval "$3"
tries=0
until rm -rf --one-file-system -- "$dir" || [ "$((tries += 1))" -ge 100 ]; do sleep 0.1; done 2>/dev/null
"#;

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory, the log or the program could not be opened.
    #[error("cannot start {program}: {source}")]
    Io {
        /// The program as it was named.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("{program} ended ({status}) before it listened; its log:\n{log}")]
    Ended {
        /// The program as it was named.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        log: String,
    },
    /// It did not listen in time.
    #[error("{program} does not listen on {address}; its log:\n{log}")]
    Silent {
        /// The program as it was named.
        program: String,
        /// Where it should listen.
        address: SocketAddr,
        /// What it wrote.
        log: String,
    },
}

/// A program that runs until this is dropped.
///
/// ```
/// use std::process::Command;
/// use testkit::directory::Directory;
/// use testkit::process::Process;
/// let mut sleep = Command::new("sleep");
/// sleep.arg("60");
/// let process = Process::start(&sleep, Directory::new()?)?;
/// assert!(process.dir().is_dir());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    program: String,
    log: PathBuf,
    /// The janitor removes it; what that could not, this tries again.
    dir: Directory,
}

impl Process {
    /// Starts a program in this directory; what it writes goes to `log` there.
    ///
    /// The command's program, arguments, environment and working directory
    /// are taken; its standard streams are ours.
    pub fn start(command: &Command, dir: Directory) -> Result<Self, StartError> {
        Self::start_with_aftermath(command, dir, "")
    }

    /// Starts a program that leaves more behind than processes and files.
    ///
    /// `aftermath`, lines of `sh`, is run whenever and however the program
    /// ended, after its group was killed and before its directory (`$dir`) is
    /// removed.
    pub fn start_with_aftermath(
        command: &Command,
        mut dir: Directory,
        aftermath: &str,
    ) -> Result<Self, StartError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let fail = |source| StartError::Io {
            program: program.clone(),
            source,
        };
        let log = dir.path().join("log");
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(fail)?;
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", SUPERVISOR, "supervisor", JANITOR])
            .arg(dir.path())
            .arg(aftermath)
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap_or(dir.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(out)
            .process_group(0);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let child = shell.spawn().map_err(fail)?;
        dir.unguard().map_err(fail)?;
        let group = Pid::from_child(&child);
        Ok(Self {
            child,
            group,
            program,
            log,
            dir,
        })
    }

    /// Starts a server and waits until it listens on a port of 127.0.0.1 that
    /// was free; starts it anew on another when somebody was faster.
    ///
    /// `command` is given the server's directory and the port.
    pub fn serve(
        command: impl Fn(&Path, u16) -> io::Result<Command>,
    ) -> Result<(Self, SocketAddr), StartError> {
        let mut attempt = 1;
        loop {
            match Self::serve_once(&command) {
                Err(StartError::Ended { .. }) if attempt < START_ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    fn serve_once(
        command: &impl Fn(&Path, u16) -> io::Result<Command>,
    ) -> Result<(Self, SocketAddr), StartError> {
        let fail = |source| StartError::Io {
            program: "a server".to_owned(),
            source,
        };
        let dir = Directory::new().map_err(fail)?;
        let address = free_address().map_err(fail)?;
        let command = command(dir.path(), address.port()).map_err(fail)?;
        let mut process = Self::start(&command, dir)?;
        process.wait_for_port(address, START_LIMIT)?;
        Ok((process, address))
    }

    /// Waits until this program, and no other, listens there.
    pub fn wait_for_port(
        &mut self,
        address: SocketAddr,
        within: Duration,
    ) -> Result<(), StartError> {
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(StartError::Ended {
                    program: self.program.clone(),
                    status,
                    log: self.log(),
                });
            }
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
                && self.listens_on(address.port())
            {
                return Ok(());
            }
            if started.elapsed() > within {
                return Err(StartError::Silent {
                    program: self.program.clone(),
                    address,
                    log: self.log(),
                });
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether a process of our group holds the socket that listens there: on
    /// a busy machine a connection alone does not tell whose server it is.
    fn listens_on(&self, port: u16) -> bool {
        let inodes = listening_inodes(port);
        let Ok(processes) = fs::read_dir("/proc") else {
            return false;
        };
        processes.flatten().any(|process| {
            let dir = process.path();
            process_group_of(&dir) == Some(self.group.as_raw_nonzero().get())
                && fs::read_dir(dir.join("fd")).is_ok_and(|fds| {
                    fds.flatten().any(|fd| {
                        fs::read_link(fd.path())
                            .is_ok_and(|to| inodes.iter().any(|i| to.as_os_str() == i.as_str()))
                    })
                })
        })
    }

    /// The directory that is the program's own; gone with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The id of the process group.
    pub fn group(&self) -> Pid {
        self.group
    }

    /// What the program wrote until now.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to the whole group, for instance to freeze it.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process_group(self.group, signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The shell may have been frozen with its group.
        let _ = kill_process_group(self.group, Signal::CONT);
        drop(self.child.stdin.take());
        if let Some(mut done) = self.child.stdout.take() {
            let _ = done.read(&mut [0]);
        }
        let _ = self.child.wait();
    }
}

/// An address of loopback on which nobody listens now.
pub fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Test programs that run at once start at different places.
    let offset = u16::try_from(std::process::id() * 131 % u32::from(span)).unwrap_or(0);
    for _ in 0..span {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % span;
        let port = PORTS.start + (offset + step) % span;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// The sockets that listen on this port, as `/proc/<pid>/fd` names them.
fn listening_inodes(port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| {
            table
                .lines()
                .filter_map(|line| {
                    let columns: Vec<&str> = line.split_whitespace().collect();
                    let (local, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
                    (local.ends_with(&wanted) && *state == LISTEN)
                        .then(|| format!("socket:[{inode}]"))
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The process group of the process that this directory of `/proc` is about.
fn process_group_of(proc_dir: &Path) -> Option<i32> {
    let stat = fs::read_to_string(proc_dir.join("stat")).ok()?;
    // The name in parentheses may hold anything; what follows the last one
    // is state, parent, group.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(2)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(group: Pid) -> bool {
        rustix::process::test_kill_process_group(group).is_ok()
    }

    fn ends(group: Pid) -> bool {
        (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !alive(group)
        })
    }

    fn vanishes(dir: &Path) -> bool {
        (0..500).any(|_| {
            thread::sleep(Duration::from_millis(10));
            !dir.exists()
        })
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn dropping_leaves_nothing_behind() {
        let process =
            Process::start(&shell("sleep 60 & sleep 60"), Directory::new().unwrap()).unwrap();
        let (group, dir) = (process.group(), process.dir().to_owned());
        assert!(alive(group));
        drop(process);
        assert!(ends(group), "a process is left");
        assert!(!dir.exists(), "the directory is left");
    }

    #[test]
    fn a_closed_pipe_ends_the_group() {
        let mut process = Process::start(&shell("sleep 60"), Directory::new().unwrap()).unwrap();
        let (group, dir) = (process.group(), process.dir().to_owned());
        drop(process.child.stdin.take());
        let _ = process.child.wait();
        assert!(ends(group), "a process is left");
        assert!(vanishes(&dir), "the directory is left");
    }

    #[test]
    fn the_aftermath_follows_however_the_program_ends() {
        let elsewhere = Directory::new().unwrap();
        for script in ["sleep 60", "exit 3"] {
            let mark = elsewhere.path().join(script);
            fs::write(&mark, "").unwrap();
            let aftermath = format!("[ -d \"$dir\" ] && rm '{}'", mark.display());
            let process = Process::start_with_aftermath(
                &shell(script),
                Directory::new().unwrap(),
                &aftermath,
            )
            .unwrap();
            let dir = process.dir().to_owned();
            drop(process);
            assert!(!mark.exists() && !dir.exists(), "{script}");
        }
    }

    #[test]
    fn a_program_that_ends_is_told_with_its_log() {
        let error = Process::serve(|_, _| Ok(shell("echo no such thing >&2; exit 3"))).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no such thing") && text.contains("exit status: 3"),
            "{text}"
        );
    }

    #[test]
    fn another_servers_port_is_not_taken_for_ours() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut process = Process::start(&shell("sleep 60"), Directory::new().unwrap()).unwrap();
        let error = process
            .wait_for_port(listener.local_addr().unwrap(), Duration::from_millis(100))
            .unwrap_err();
        assert!(matches!(error, StartError::Silent { .. }), "{error}");
    }
}

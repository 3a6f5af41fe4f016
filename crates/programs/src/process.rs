//! One program, run to its end or to its deadline.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, AtFlags, CWD, OFlags, accessat, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// Bytes read from a program at once.
const CHUNK: usize = 16 << 10;

/// How often a program is looked at where the kernel cannot tell of its end by
/// itself (before Linux 5.3, or a sandbox).
const TICK: Duration = Duration::from_millis(10);

/// A program, by its absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(PathBuf);

impl Program {
    /// The program of that name in the first directory of `path` (as `PATH` is
    /// written) that has it. Relative and empty directories are passed over:
    /// what stands in the current directory is not a tool.
    pub fn find(name: &str, path: &OsStr) -> Option<Self> {
        if name.is_empty() || name.contains('/') {
            return None;
        }
        std::env::split_paths(path)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(name))
            .find_map(Self::at)
    }

    /// The program at an absolute path, if there is an executable file.
    pub fn at(path: PathBuf) -> Option<Self> {
        let runs = path.is_absolute()
            && path.is_file()
            && accessat(CWD, &path, Access::EXEC_OK, AtFlags::EACCESS).is_ok();
        runs.then_some(Self(path))
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// How a program is run.
#[derive(Debug)]
pub struct Run<'a> {
    /// What.
    pub program: &'a Program,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where.
    pub directory: &'a Path,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What it reads.
    pub input: &'a [u8],
    /// How long it may take.
    pub deadline: Duration,
    /// How many bytes it may write, to either output.
    pub output_max: usize,
}

/// What a program said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code, or `128 + signal` as shells write it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It did not end in time; it and all it started were killed.
    #[error("{} was stopped after {} s", program.display(), deadline.as_secs_f32())]
    Deadline {
        /// The program.
        program: PathBuf,
        /// What it was given.
        deadline: Duration,
    },
    /// It wrote too much; it and all it started were killed.
    #[error("{} was stopped: it wrote more than {max} bytes", program.display())]
    Output {
        /// The program.
        program: PathBuf,
        /// What it was given.
        max: usize,
    },
    /// Talking with it failed; it and all it started were killed.
    #[error("cannot talk with {}: {source}", program.display())]
    Talk {
        /// The program.
        program: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Runs a program to its end.
///
/// It is alone in a process group, which is killed when it ends or is ended: no
/// child of it is left behind. Should consign itself be killed, the program
/// sees its input end.
///
/// ```
/// use programs::process::{Program, Run, run};
/// let cat = Program::find("cat", "/usr/bin:/bin".as_ref()).unwrap();
/// let out = run(&Run {
///     program: &cat,
///     args: vec![],
///     directory: "/".as_ref(),
///     environment: vec![],
///     input: b"hello",
///     deadline: std::time::Duration::from_secs(10),
///     output_max: 100,
/// })
/// .unwrap();
/// assert_eq!((out.code, out.stdout.as_slice()), (0, b"hello".as_slice()));
/// ```
pub fn run(run: &Run<'_>) -> Result<Output, ProcessError> {
    let program = || run.program.0.clone();
    let start = |source| ProcessError::Start {
        program: program(),
        source,
    };
    let ends = Instant::now().checked_add(run.deadline);
    let mut command = Command::new(&run.program.0);
    command
        .args(&run.args)
        .current_dir(run.directory)
        .env_clear()
        .envs(run.environment.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut group = Group::start(&mut command).map_err(start)?;
    let said = talk(&mut group.child, run, ends);
    let talk = |source: io::Error| ProcessError::Talk {
        program: program(),
        source,
    };
    match said {
        Ok((stdout, stderr)) => {
            let status = group.end().map_err(talk)?;
            let code = status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            Ok(Output {
                code,
                stdout,
                stderr,
            })
        }
        Err(Stop::Deadline) => Err(ProcessError::Deadline {
            program: program(),
            deadline: run.deadline,
        }),
        Err(Stop::Output) => Err(ProcessError::Output {
            program: program(),
            max: run.output_max,
        }),
        Err(Stop::Failed(e)) => Err(talk(e.into())),
    }
}

/// The groups that run now. A number leaves before its child is waited for, so
/// that what stands here is never another's.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every program that runs now, and all that they started: for whoever is
/// about to end this process.
pub fn kill_running() {
    for group in running().iter().copied() {
        kill(group);
    }
}

fn kill(group: i32) {
    if let Some(pid) = Pid::from_raw(group) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// A child and all it started; gone when dropped.
struct Group {
    child: Child,
    number: i32,
}

impl Group {
    /// Starts a program as the leader of a group of its own.
    fn start(command: &mut Command) -> io::Result<Self> {
        let mut running = running();
        let child = command.process_group(0).spawn()?;
        let number = i32::try_from(child.id()).unwrap_or(0);
        running.insert(number);
        Ok(Self { child, number })
    }

    /// Kills the group and waits for its leader.
    fn end(&mut self) -> io::Result<ExitStatus> {
        kill(self.number);
        running().remove(&self.number);
        self.child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once waited for, the child's number may be another's.
        if running().contains(&self.number) {
            let _ = self.end();
        }
    }
}

enum Stop {
    Deadline,
    Output,
    Failed(Errno),
}

impl From<Errno> for Stop {
    fn from(e: Errno) -> Self {
        Self::Failed(e)
    }
}

/// Feeds and reads a child until it has ended; it stays unwaited for.
fn talk(
    child: &mut Child,
    run: &Run<'_>,
    ends: Option<Instant>,
) -> Result<(Vec<u8>, Vec<u8>), Stop> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let mut input = child.stdin.take().map(OwnedFd::from);
    let mut outputs = [
        child.stdout.take().map(OwnedFd::from),
        child.stderr.take().map(OwnedFd::from),
    ];
    for fd in input.iter().chain(outputs.iter().flatten()) {
        fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
    }
    let mut left = run.input;
    let mut said = [Vec::new(), Vec::new()];
    loop {
        if left.is_empty() {
            input = None;
        }
        let wait = match ends {
            Some(ends) => match ends.checked_duration_since(Instant::now()) {
                Some(wait) if !wait.is_zero() => wait,
                _ => return Err(Stop::Deadline),
            },
            None => Duration::MAX,
        };
        let over = wait_for(input.as_ref(), &outputs, ended.as_ref(), wait)?;
        if let Some(fd) = &input {
            feed(fd.as_fd(), &mut left)?;
        }
        for (fd, said) in outputs.iter_mut().zip(&mut said) {
            if let Some(open) = fd
                && !drain(open.as_fd(), said, run.output_max)?
            {
                *fd = None;
            }
        }
        let silent = outputs.iter().all(Option::is_none);
        if over || (ended.is_none() && silent && has_ended(child)) {
            // What it wrote before its end was drained after its end was seen.
            return Ok(said.into());
        }
    }
}

/// Waits until there is something to do; whether the child has ended.
fn wait_for(
    input: Option<&OwnedFd>,
    outputs: &[Option<OwnedFd>; 2],
    ended: Option<&OwnedFd>,
    wait: Duration,
) -> Result<bool, Errno> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(4);
    fds.extend(ended.map(|fd| PollFd::new(fd, PollFlags::IN)));
    fds.extend(input.map(|fd| PollFd::new(fd, PollFlags::OUT)));
    fds.extend(
        outputs
            .iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::IN)),
    );
    let wait = if ended.is_some() {
        wait
    } else {
        wait.min(TICK)
    };
    let timeout = Timespec::try_from(wait).ok();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(e) => return Err(e),
    }
    Ok(ended.is_some_and(|fd| {
        fds.iter()
            .any(|p| p.as_fd().as_raw_fd() == fd.as_raw_fd() && !p.revents().is_empty())
    }))
}

fn has_ended(child: &Child) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return false;
    };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)))
}

/// Writes as much input as is taken.
fn feed(fd: BorrowedFd<'_>, left: &mut &[u8]) -> Result<(), Errno> {
    while !left.is_empty() {
        match rustix::io::write(fd, left) {
            Ok(n) => *left = &left[n..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(()),
            // It does not want to hear more.
            Err(Errno::PIPE) => *left = &[],
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads as much output as is there; whether more may come.
fn drain(fd: BorrowedFd<'_>, said: &mut Vec<u8>, max: usize) -> Result<bool, Stop> {
    let mut chunk = [0; CHUNK];
    loop {
        match rustix::io::read(fd, &mut chunk) {
            Ok(0) => return Ok(false),
            Ok(n) => {
                if said.len() + n > max {
                    return Err(Stop::Output);
                }
                said.extend_from_slice(&chunk[..n]);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(true),
            Err(e) => return Err(e.into()),
        }
    }
}

/// The first line of what a program said, for messages, without its newline.
pub(crate) fn first_line(bytes: &[u8]) -> String {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

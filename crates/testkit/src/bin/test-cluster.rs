//! A cluster that outlives the command that started it: `up`, `down`.
//!
//! A process of its own holds it, behind a socket in a directory. However that
//! process ends, its cluster ends with it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it speaks to the person who runs it"
)]

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use testkit::cluster::Cluster;
use testkit::image::{Image, Mode};
use testkit::tools::{self, Tool};

const USAGE: &str = "\
test-cluster up|down [DIRECTORY]
  up     starts a cluster, unless one runs, and prints what to tell the shell
  down   ends it, and removes everything that it left
  The directory is where it is known; by default one in the cache of the tests.";

/// The images of the story in the README, each with what is said of it.
const IMAGES: [(&str, Mode, &str); 3] = [
    ("v1.0.0", Mode::Ok, "serves"),
    ("v1.1.0", Mode::Crash, "crashes at start"),
    ("v1.1.1", Mode::Ok, "serves"),
];

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome {
    let (task, dir) = match arguments {
        [task] => (task, tools::cache()?.join("cluster")),
        [task, dir] => (task, PathBuf::from(dir)),
        _ => return Err(USAGE.into()),
    };
    let place = Place { dir };
    match task.as_str() {
        "up" => place.up(),
        "down" => place.down(),
        "hold" => place.hold(),
        _ => Err(USAGE.into()),
    }
}

/// The directory in which a cluster is known.
struct Place {
    dir: PathBuf,
}

impl Place {
    /// Whoever connects to it ends the cluster, and sees the connection closed
    /// when that is done.
    fn socket(&self) -> PathBuf {
        self.dir.join("socket")
    }

    /// What to tell the shell; there as soon as the cluster is.
    fn environment(&self) -> PathBuf {
        self.dir.join("environment")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// Held by who starts, and by the holder for as long as it lives.
    fn lock(&self, name: &str, operation: FlockOperation) -> io::Result<File> {
        fs::create_dir_all(&self.dir)?;
        let file = File::create(self.dir.join(name))?;
        flock(&file, operation)?;
        Ok(file)
    }

    fn is_held(&self) -> io::Result<bool> {
        match self.lock("held", FlockOperation::NonBlockingLockExclusive) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn up(&self) -> Outcome {
        let _others_wait = self.lock("starting", FlockOperation::LockExclusive)?;
        if !self.is_held()? {
            self.forget()?;
            self.start()?;
        }
        print!("{}", fs::read_to_string(self.environment())?);
        Ok(())
    }

    /// Starts the holder, in a session of its own: closing the terminal does
    /// not end it.
    fn start(&self) -> Outcome {
        let log = File::create(self.log())?;
        let mut holder = Command::new("setsid")
            .arg(env::current_exe()?)
            .arg("hold")
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        while !self.environment().exists() {
            if holder.try_wait()?.is_some() {
                return Err(fs::read_to_string(self.log())?.into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn down(&self) -> Outcome {
        let _others_wait = self.lock("starting", FlockOperation::LockExclusive)?;
        if self.is_held()? {
            let mut connection = UnixStream::connect(self.socket())?;
            connection.read_to_end(&mut Vec::new())?;
            let _gone = self.lock("held", FlockOperation::LockExclusive)?;
        } else {
            eprintln!("no cluster runs");
        }
        Ok(fs::remove_dir_all(&self.dir)?)
    }

    /// Removes what a holder that was killed left.
    fn forget(&self) -> io::Result<()> {
        for file in [self.socket(), self.environment()] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn hold(&self) -> Outcome {
        let _held = self.lock("held", FlockOperation::NonBlockingLockExclusive)?;
        let listener = UnixListener::bind(self.socket())?;
        let cluster = Cluster::start()?;
        let kubeconfig = self.dir.join("kubeconfig");
        fs::copy(cluster.kubeconfig(), &kubeconfig)?;
        let unfinished = self.dir.join("environment.unfinished");
        fs::write(&unfinished, shell(&cluster, &kubeconfig)?)?;
        fs::rename(unfinished, self.environment())?;
        let (_closed_when_done, _) = listener.accept()?;
        drop(cluster);
        Ok(())
    }
}

/// Lines for the shell: variables, and what there is as comments.
fn shell(cluster: &Cluster, kubeconfig: &Path) -> Result<String, Box<dyn Error>> {
    let mut text = format!(
        "export KUBECONFIG='{}'\nexport REGISTRY={}\n",
        kubeconfig.display(),
        cluster.registry().host()
    );
    if let Some(programs) = tools::path(Tool::Kubectl)?.parent() {
        writeln!(text, "export PATH=\"$PATH:{}\"", programs.display())?;
    }
    for (version, mode, does) in IMAGES {
        let image = Image {
            name: "web",
            tag: version,
            version,
            mode,
        };
        let reference = cluster.push(&image)?;
        writeln!(text, "# $REGISTRY/web:{version} {does}: {reference}")?;
    }
    Ok(text)
}

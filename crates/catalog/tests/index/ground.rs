//! What the tests stand on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use catalog::index;
use catalog::tracking::{Change, FILE, Primary, Status};
use model::files::Root;
use model::finding::Finding;

/// Tells a child, which is this program once more, what to do.
const TASK: &str = "CONSIGN_TEST_TASK";

/// What the file says before.
pub const OLD: &str = "# ours
clients:
  - name: acme-corp
    namespace: sh-acme-corp
    packages:
      - version: v1.0.0
        deployed: 2026-01-15T10:00:00Z
        status: active
";

/// What it says once [`next`] is noted.
pub const NEW: &str = "# ours
clients:
  - name: acme-corp
    namespace: sh-acme-corp
    packages:
      - version: v1.0.0
        deployed: 2026-01-15T10:00:00Z
        status: superseded
      - version: v1.1.0
        deployed: 2026-01-20T14:30:00Z
        status: active
";

pub fn change(client: &str, version: &str, at: &str, former: Option<&str>) -> Change {
    Change {
        client: client.parse().unwrap(),
        namespace: format!("sh-{client}").parse().unwrap(),
        version: version.parse().unwrap(),
        context: "prod".parse().unwrap(),
        primary: Primary::Yes,
        status: Status::Active,
        at: at.parse().unwrap(),
        former: former.map(|v| v.parse().unwrap()),
    }
}

/// From [`OLD`] to [`NEW`].
pub fn next() -> Change {
    change(
        "acme-corp",
        "v1.1.0",
        "2026-01-20T14:30:00Z",
        Some("v1.0.0"),
    )
}

/// A root whose file says [`OLD`].
pub fn ground() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("config")).unwrap();
    fs::write(dir.path().join(FILE), OLD).unwrap();
    dir
}

pub fn root(dir: &Path) -> Root {
    Root::open(dir).unwrap()
}

pub fn text(dir: &Path) -> String {
    fs::read_to_string(dir.join(FILE)).unwrap()
}

/// The names in a directory, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let name = |e: std::io::Result<fs::DirEntry>| e.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

/// The findings, as a person or a test sees them.
pub fn said(findings: Vec<Finding>) -> Vec<String> {
    let line = |f: Finding| format!("{:?} {} {f}", f.class, f.code);
    findings.into_iter().map(line).collect()
}

/// What a child is to do: words after the directory.
pub fn command(wrapper: &[&OsStr], dir: &Path, task: &[&str]) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut words: Vec<&OsStr> = wrapper.to_vec();
    words.push(exe.as_os_str());
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args([
            "--exact",
            "ground::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TASK, format!("{}\n{}", dir.display(), task.join("\n")));
    command
}

/// Runs a child to its end.
pub fn run(wrapper: &[&str], dir: &Path, task: &[&str]) -> Output {
    let wrapper: Vec<&OsStr> = wrapper.iter().map(OsStr::new).collect();
    command(&wrapper, dir, task)
        // Each directory that it names costs the loader calls before the task.
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .unwrap()
}

/// What a child said to be its answer.
#[track_caller]
pub fn answer(out: &Output) -> String {
    let said = String::from_utf8_lossy(&out.stdout);
    let line = said.lines().find_map(|l| l.split_once("answer: "));
    let line = line.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&out.stderr)));
    line.1.to_owned()
}

/// Without capabilities modes count for root, too.
pub const POWERLESS: &[&str] = &[
    "setpriv",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
];

/// Not a test of its own: what [`command`]'s children run.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    // The program's own start opens and writes fewer times than this, so that no
    // later call of this thread is taken for one of the main thread.
    let mut null = fs::File::options();
    for _ in 0..WARM_UP {
        let mut file = null.write(true).open("/dev/null").unwrap();
        std::io::Write::write_all(&mut file, b" ").unwrap();
    }
    let words: Vec<&str> = task.lines().collect();
    let root = root(Path::new(words[0]));
    let done = match words[1] {
        "update" => index::update(&root, &[next()]).map_err(Vec::<Finding>::from),
        "writer" => {
            let client = format!("writer-{}", words[2]);
            for n in 0..words[3].parse().unwrap() {
                let former = (n > 0).then(|| format!("v0.{}.0", n - 1));
                let at = format!("2026-02-01T00:00:{n:02}Z");
                let version = format!("v0.{n}.0");
                let it = change(&client, &version, &at, former.as_deref());
                let done = index::update(&root, &[it]).unwrap();
                assert_eq!(done.notes, []);
            }
            return;
        }
        "hold" => {
            let lock = "config/.clients.yaml.lock".parse().unwrap();
            let _lock = root.lock(&lock, std::time::Duration::ZERO).unwrap();
            println!("answer: held");
            std::thread::sleep(std::time::Duration::from_secs(60));
            return;
        }
        "replay" => {
            let journal = root.sub(&"journal".parse().unwrap()).unwrap();
            let done = catalog::journal::replay(&root, &journal).map_err(Vec::<Finding>::from);
            println!("answer: {:?}", done.map(|d| d.changes.len()).map_err(said));
            return;
        }
        other => panic!("no such task: {other}"),
    };
    println!("answer: {:?}", done.map(|d| d.written).map_err(said));
}

/// How often a child opens and writes before it begins.
const WARM_UP: usize = 512;

/// A system call of a child's thread.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: String,
    /// The how-manieth of its name, from 1.
    pub nth: usize,
    pub text: String,
}

impl Call {
    /// Whether it changes files, or opens one to do so; printing does not.
    pub fn changes(&self) -> bool {
        match self.name.as_str() {
            "openat" => self.text.contains("O_CREAT"),
            "write" => !self.text.starts_with("write(1,") && !self.text.starts_with("write(2,"),
            _ => true,
        }
    }
}

/// The calls by which a file is changed, opening included.
pub const CHANGING: &str =
    "openat,write,mkdirat,fchmod,fchown,fsync,flock,renameat,renameat2,unlinkat";

/// Runs a child under strace; how it ended, and the calls of the thread that
/// does its task, which strace counts thread by thread.
pub fn trace(dir: &Path, inject: &[&str], task: &[&str]) -> (Output, Vec<Call>) {
    let log: PathBuf = dir.join("strace.log");
    let log_name = log.display().to_string();
    let calls = format!("trace={CHANGING}");
    let mut wrapper = vec!["strace", "-f", "-o", &log_name, "-e", &calls];
    let inject: Vec<String> = inject.iter().map(|i| format!("inject={i}")).collect();
    for inject in &inject {
        wrapper.extend(["-e", inject]);
    }
    let out = run(&wrapper, dir, task);
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(log).unwrap();
    let warm_up = |l: &&str| l.contains("\"/dev/null\"");
    let line = text
        .lines()
        .find(warm_up)
        .unwrap_or_else(|| panic!("{out:?}\n{text}"));
    let thread = line.split(' ').next().unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = Vec::new();
    for line in text.lines() {
        let own = line.strip_prefix(thread).map(str::trim_start);
        let Some((name, _)) = own.and_then(|l| l.split_once('(')) else {
            continue;
        };
        let nth = counts.entry(name.to_owned()).or_default();
        *nth += 1;
        if !matches!(name, "openat" | "write") || *nth > WARM_UP {
            seen.push(Call {
                name: name.to_owned(),
                nth: *nth,
                text: own.unwrap_or_default().to_owned(),
            });
        }
    }
    (out, seen)
}

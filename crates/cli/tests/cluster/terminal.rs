//! A program on a terminal of its own: `script` of util-linux stands between.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use testkit::consign::Ran;

/// How long a program may take to say or to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program that runs on a terminal; it is ended when dropped.
pub struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    said: Vec<u8>,
}

impl Terminal {
    /// Starts a command with its own arguments, directory and environment.
    pub fn of(command: &Command) -> Self {
        let mut line = Vec::new();
        for part in [command.get_program()]
            .into_iter()
            .chain(command.get_args())
        {
            let part = part.to_str().expect("a command is text");
            assert!(!part.contains('\''), "{part}");
            line.push(format!("'{part}'"));
        }
        let mut script = Command::new("script");
        script
            .args(["-qefc", &line.join(" "), "/dev/null"])
            .env_clear();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                script.env(name, value);
            }
        }
        if let Some(directory) = command.get_current_dir() {
            script.current_dir(directory);
        }
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script can be started");
        let mut out = child.stdout.take().expect("it is piped");
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            output,
            said: Vec::new(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// Waits until this is on the screen.
    #[track_caller]
    pub fn until(&mut self, words: &str) -> &mut Self {
        let begun = Instant::now();
        while !self.text().contains(words) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.said.extend(bytes),
                Err(e) => panic!("it never says {words:?} ({e}):\n{}", self.text()),
            }
        }
        self
    }

    /// Types, once the usual question stands.
    #[track_caller]
    pub fn types(&mut self, keys: &str) -> &mut Self {
        self.answers("(y/N)", keys)
    }

    /// Types, once this question stands.
    #[track_caller]
    pub fn answers(&mut self, question: &str, keys: &str) -> &mut Self {
        self.until(question);
        let input = self.input.as_mut().expect("it is open");
        input.write_all(keys.as_bytes()).expect("script reads");
        input.flush().expect("script reads");
        self
    }

    /// Waits for the end. All that was on the screen is in `stdout`.
    #[track_caller]
    pub fn ends(&mut self) -> Ran {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.said.extend(bytes);
        }
        let status = self.child.wait().expect("script can be waited for");
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: self.text(),
            stderr: String::new(),
        }
    }
}

impl Drop for Terminal {
    /// `script` ends what it runs.
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

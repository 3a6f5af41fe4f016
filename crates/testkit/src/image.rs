//! Images of our own: one static program that answers with its version,
//! crashes, becomes ready late, or never, as the image's configuration says.

use std::fs;
use std::io;

use model::digest::Digest;
use serde_json::json;

use crate::registry::{Content, Registry};
use crate::tools::{self, Tool, ToolError};

/// What the containers of an image do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Serve.
    Ok,
    /// End with code 1 at once, with a line on standard error.
    Crash,
    /// The same, as often as this, then serve. The pod mounts a volume
    /// (an `emptyDir`) at `/state`, which counts.
    CrashTimes(u32),
    /// Serve, and be ready only after this many seconds.
    Late(u32),
    /// Serve, and never be ready.
    Never,
    /// Do a job that succeeds.
    JobOk,
    /// Do a job that fails.
    JobFail,
    /// Wait to be ended: the container that holds a pod.
    Pause,
}

impl Mode {
    /// As the program reads it.
    fn variable(self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::Crash => "crash".to_owned(),
            Self::CrashTimes(times) => format!("crash-times={times}"),
            Self::Late(seconds) => format!("late={seconds}"),
            Self::Never => "never".to_owned(),
            Self::JobOk => "job-ok".to_owned(),
            Self::JobFail => "job-fail".to_owned(),
            Self::Pause => "pause".to_owned(),
        }
    }
}

/// An image: equal ones have equal digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// The repository.
    pub name: &'a str,
    /// The tag.
    pub tag: &'a str,
    /// What its containers answer at `/`.
    pub version: &'a str,
    /// What they do.
    pub mode: Mode,
}

/// Why an image could not be pushed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The program is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// It cannot be read, or the registry does not take the image.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Image<'_> {
    /// Pushes it; gives the digest of its manifest.
    pub fn push(&self, registry: &Registry) -> Result<Digest, ImageError> {
        let layer = layer(&fs::read(tools::path(Tool::Workload)?)?)?;
        let config = json!({
            "architecture": architecture(), "os": "linux",
            "config": {
                "Entrypoint": [format!("/{PROGRAM}")],
                "Env": [
                    format!("MODE={}", self.mode.variable()),
                    format!("VERSION={}", self.version),
                ],
            },
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]},
        });
        let content = Content {
            config: config.to_string().into_bytes(),
            layer,
        };
        Ok(registry.push_content(self.name, self.tag, &content)?)
    }
}

/// The program's name in the image.
const PROGRAM: &str = "workload";

/// The size of a record of a tar archive.
const RECORD: usize = 512;

/// As images name the machine that the program is built on and for.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A tar archive (POSIX 1003.1 "ustar") of the program, without a time.
fn layer(program: &[u8]) -> io::Result<Vec<u8>> {
    let mut header = [0; RECORD];
    let mut field = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    field(0, PROGRAM);
    for (at, number) in [(100, 0o755), (108, 0), (116, 0)] {
        field(at, &format!("{number:07o}"));
    }
    field(124, &format!("{:011o}", program.len()));
    field(136, "00000000000");
    // The checksum is taken over spaces in its place.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\u{0} ").as_bytes());
    if program.len() > 0o777_7777_7777 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut archive = Vec::with_capacity(program.len() + 4 * RECORD);
    archive.extend_from_slice(&header);
    archive.extend_from_slice(program);
    archive.resize(archive.len().next_multiple_of(RECORD) + 2 * RECORD, 0);
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn tar_reads_the_layer() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("layer.tar");
        fs::write(&file, layer(b"a program").unwrap()).unwrap();
        let status = Command::new("tar")
            .arg("-xf")
            .arg(&file)
            .current_dir(dir.path())
            .status();
        assert!(status.unwrap().success());
        assert_eq!(fs::read(dir.path().join(PROGRAM)).unwrap(), b"a program");
    }
}

//! Keys and certificates for the servers of the tests, made by `openssl`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A key and its certificate, in PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The private key.
    pub key: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
}

impl Certificate {
    /// An authority that signs itself, in `dir`.
    pub fn authority(dir: &Path, name: &str) -> io::Result<Self> {
        Self::make(dir, name, &[])
    }

    /// A certificate for a server on 127.0.0.1, signed by this authority; it
    /// is for that address and not for the name `localhost`.
    pub fn server(&self, dir: &Path) -> io::Result<Self> {
        let authority = self.certificate.display().to_string();
        let key = self.key.display().to_string();
        Self::make(
            dir,
            "server",
            &[
                "-CA",
                &authority,
                "-CAkey",
                &key,
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ],
        )
    }

    fn make(dir: &Path, name: &str, more: &[&str]) -> io::Result<Self> {
        let made = Self {
            key: dir.join(format!("{name}.key")),
            certificate: dir.join(format!("{name}.crt")),
        };
        let mut command = Command::new("openssl");
        command
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", &format!("/CN={name}")])
            .arg("-keyout")
            .arg(&made.key)
            .arg("-out")
            .arg(&made.certificate)
            .args(more);
        run(&mut command)?;
        Ok(made)
    }
}

/// Runs a program to its end; its complaint is the error.
pub(crate) fn run(command: &mut Command) -> io::Result<Vec<u8>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {said}")))
}

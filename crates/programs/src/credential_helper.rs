//! Docker's credential helpers: `docker-credential-<name> get`.
//!
//! The helper reads a server's name and answers with one JSON object. What it
//! says is a secret: none of its standard output is ever part of an error.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::process::{ProcessError, Program, Run, first_line, run};

/// Some helpers ask a service of a cloud, some a person.
const DEADLINE: Duration = Duration::from_secs(60);

/// A token of a cloud has a few kilobytes.
const OUTPUT_MAX: usize = 1 << 20;

/// The longest name that is tried, so that no error holds a novel.
const NAME_MAX: usize = 64;

/// What a helper has to say about a server it does not know.
const NOT_FOUND: &str = "credentials not found";

/// User and secret of a server.
pub struct Found {
    /// The user; `<token>` when the secret is an identity token.
    pub user: String,
    /// The password or token.
    pub secret: String,
}

/// Why a helper gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// Its name cannot be that of a program.
    #[error("the helper's name is not letters, digits, '.', '_' and '-'")]
    Name,
    /// It is not on `PATH`.
    #[error("the program is not on PATH")]
    Absent,
    /// It could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It failed.
    #[error("it ended with {code}: {why}")]
    Failed {
        /// Its exit code.
        code: i32,
        /// The first line of its standard error; may hold untrusted characters.
        why: String,
    },
    /// It answered with something else than user and secret.
    #[error("its answer is not an object with Username and Secret")]
    Answer,
}

/// Asks a helper for the credentials of a server; `None` when it has none.
/// `path` is searched for the program; `environment` is all that it sees beside
/// it.
pub fn get(
    path: &OsStr,
    environment: &[(OsString, OsString)],
    name: &str,
    server: &str,
) -> Result<Option<Found>, HelperError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed) {
        return Err(HelperError::Name);
    }
    let program =
        Program::find(&format!("docker-credential-{name}"), path).ok_or(HelperError::Absent)?;
    let mut environment = environment.to_vec();
    environment.push(("PATH".into(), path.to_owned()));
    let out = run(&Run {
        program: &program,
        args: vec!["get".into()],
        directory: Path::new("/"),
        environment,
        input: server.as_bytes(),
        deadline: DEADLINE,
        output_max: OUTPUT_MAX,
    })?;
    if out.code != 0 {
        // Helpers say this on standard output, and hold no secret when they do.
        if String::from_utf8_lossy(&out.stdout).contains(NOT_FOUND) {
            return Ok(None);
        }
        return Err(HelperError::Failed {
            code: out.code,
            why: first_line(&out.stderr),
        });
    }
    let answer: Value = serde_json::from_slice(&out.stdout).map_err(|_| HelperError::Answer)?;
    let text = |key: &str| answer[key].as_str().map(str::to_owned);
    match (text("Username"), text("Secret")) {
        (Some(user), Some(secret)) => Ok(Some(Found { user, secret })),
        _ => Err(HelperError::Answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helper(script: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
        // Written by another process: were it open for writing here while another
        // test starts a program, that program would hold it open, and it could
        // not be run (ETXTBSY).
        let installed = std::process::Command::new("install")
            .args(["-m", "755"])
            .arg(&text)
            .arg(dir.path().join("docker-credential-test"))
            .status()
            .unwrap();
        assert!(installed.success());
        dir
    }

    fn ask(script: &str) -> Result<Option<Found>, HelperError> {
        let dir = helper(script);
        get(
            dir.path().as_os_str(),
            &[("HOME".into(), "/nowhere".into())],
            "test",
            "registry.example.com",
        )
    }

    #[test]
    fn user_and_secret_are_read_and_the_server_is_told() {
        let found = ask(
            r#"read -r s; test "$1" = get && printf '{"ServerURL":"%s","Username":"u","Secret":"%s"}' "$s" "p-$s""#,
        )
        .unwrap()
        .unwrap();
        assert_eq!(found.user, "u");
        assert_eq!(found.secret, "p-registry.example.com");
    }

    #[test]
    fn an_unknown_server_is_anonymous() {
        let found = ask("echo 'credentials not found in native keychain'; exit 1").unwrap();
        assert!(found.is_none());
    }

    #[test]
    fn a_failure_says_why_and_never_what_was_printed() {
        let e = ask("echo s3cr3t; echo locked >&2; exit 3")
            .err()
            .unwrap()
            .to_string();
        assert!(e.contains("ended with 3: locked"), "{e}");
        assert!(!e.contains("s3cr3t"));
        let e = ask("echo s3cr3t").err().unwrap().to_string();
        assert!(!e.contains("s3cr3t"), "{e}");
    }

    #[test]
    fn names_that_are_no_programs_are_refused() {
        for name in ["", "../x", "a b", "a/b"] {
            assert!(matches!(
                get(OsStr::new("/usr/bin"), &[], name, "r"),
                Err(HelperError::Name)
            ));
        }
        assert!(matches!(
            get(OsStr::new("/nowhere"), &[], "absent", "r"),
            Err(HelperError::Absent)
        ));
    }
}

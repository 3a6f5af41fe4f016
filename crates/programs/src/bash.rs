//! Whether a text is a bash script, by bash itself.

use std::time::Duration;

use crate::process::{ProcessError, Program, Run, first_line, run};

/// `bash -n` takes 2 ms; a script that keeps it busy for this long is none.
const DEADLINE: Duration = Duration::from_secs(10);

/// What `bash -n` may say: one line of trouble, with the line of the script.
const OUTPUT_MAX: usize = 1 << 20;

/// What bash says of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syntax {
    /// It can be read.
    Valid,
    /// It cannot.
    Invalid {
        /// The line, from 1, if bash says it.
        line: Option<u32>,
        /// Why, in bash's words.
        why: String,
    },
    /// There is no bash to ask.
    Unchecked,
}

/// Has bash read a script without running it.
///
/// Extended globs are on, since a script may switch them on for itself. No
/// start-up file is read, and `BASH_ENV` is not there.
///
/// ```
/// use programs::bash::{Syntax, check};
/// use programs::process::Program;
/// let bash = Program::find("bash", "/usr/bin:/bin".as_ref());
/// assert_eq!(check(bash.as_ref(), b"echo hello\n").unwrap(), Syntax::Valid);
/// assert!(matches!(
///     check(bash.as_ref(), b"\nif true; fi\n").unwrap(),
///     Syntax::Invalid { line: Some(2), .. }
/// ));
/// assert_eq!(check(None, b"").unwrap(), Syntax::Unchecked);
/// ```
pub fn check(bash: Option<&Program>, script: &[u8]) -> Result<Syntax, ProcessError> {
    let Some(program) = bash else {
        return Ok(Syntax::Unchecked);
    };
    let args = ["--noprofile", "--norc", "-O", "extglob", "-n", "-s"];
    let out = run(&Run {
        program,
        args: args.map(Into::into).into(),
        directory: "/".as_ref(),
        environment: vec![("LC_ALL".into(), "C".into())],
        input: script,
        deadline: DEADLINE,
        output_max: OUTPUT_MAX,
    })?;
    if out.code == 0 {
        return Ok(Syntax::Valid);
    }
    Ok(explain(&first_line(&out.stderr), out.code))
}

/// Reads `<path of bash>: line <n>: <why>`.
fn explain(said: &str, code: i32) -> Syntax {
    let numbered = said.split_once(": line ").and_then(|(_, rest)| {
        let (line, why) = rest.split_once(": ")?;
        Some((line.parse().ok()?, why.to_owned()))
    });
    match numbered {
        Some((line, why)) => Syntax::Invalid {
            line: Some(line),
            why,
        },
        None => Syntax::Invalid {
            line: None,
            why: if said.is_empty() {
                format!("bash -n ended with code {code}")
            } else {
                said.to_owned()
            },
        },
    }
}

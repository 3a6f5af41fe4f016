//! Scripts judged by the real bash.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare its ground has failed"
)]

use programs::bash::{Syntax, check};
use programs::process::Program;

fn judge(script: &str) -> Syntax {
    let bash = Program::find("bash", "/usr/bin:/bin".as_ref()).expect("bash is installed");
    check(Some(&bash), script.as_bytes()).unwrap()
}

#[test]
fn valid_scripts() {
    for script in [
        "",
        "#!/bin/bash -p\nset -euo pipefail\necho \"$1\"\n",
        "case $x in @(a|b)) echo yes ;; esac\n",
        "select x in a b; do echo $x; done\n",
        "cat <<'EOF'\n$(\nEOF\n",
    ] {
        assert_eq!(judge(script), Syntax::Valid, "{script}");
    }
}

#[test]
fn broken_scripts_name_their_line() {
    for (script, at) in [
        ("\n\nif a; then fi\n", 3),
        ("done\n", 1),
        ("echo a\nf() { }\n", 2),
        ("echo 'a\n", 1),
        ("echo $(\n", 1),
    ] {
        match judge(script) {
            Syntax::Invalid {
                line: Some(line),
                why,
            } => {
                assert!(line >= at, "{script}: {line}");
                assert!(!why.is_empty() && !why.contains('\n'));
            }
            other => panic!("{script}: {other:?}"),
        }
    }
}

#[test]
fn nothing_is_run() {
    let t = tempfile::tempdir().unwrap();
    let mark = t.path().join("ran");
    let script = format!(
        "touch {0}; $(touch {0}); trap 'touch {0}' EXIT\n",
        mark.display()
    );
    assert_eq!(judge(&script), Syntax::Valid);
    assert!(!mark.exists());
}

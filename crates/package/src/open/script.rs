//! Step 6: the deploy script.

use model::files::TreeEntry;
use model::finding::{Class, Finding};

use super::BashSyntax;
use super::log::{Log, damage, oddity};
use crate::deploy_script;
use crate::images::Maker;
use crate::manifest::Manifest;
use crate::report::Tag;

const PATH: &str = deploy_script::FILE_NAME;

/// Whether anyone may execute it; whether the script is a known one.
pub(super) fn check(
    entry: Option<&TreeEntry>,
    bytes: &[u8],
    manifest: Option<&Manifest>,
    log: &mut Log,
) -> bool {
    log.info("Validating deploy script...");
    let mode = entry.map_or(0, |entry| entry.mode);
    if mode & 0o111 == 0 {
        let why = format!("mode: it is not executable ({mode:04o})");
        log.fail(
            format!("mode: {PATH} is not executable ({mode:04o})"),
            damage("file-mode", PATH, why).help(format!("chmod 555 {PATH}")),
        );
    } else {
        log.pass(format!("{PATH} is executable"));
    }
    manifest
        .and_then(|m| m.consign.as_ref())
        .is_some_and(|consign| deploy_script::is_known(consign.format, bytes))
}

/// A known script was judged when it was written.
pub(super) fn known(log: &mut Log) {
    log.pass(format!("{PATH} has valid bash syntax"));
}

/// Any other one is judged by bash itself, if it is there.
pub(super) fn other(answer: &BashSyntax, maker: Maker, log: &mut Log) {
    match answer {
        BashSyntax::Valid => log.pass(format!("{PATH} has valid bash syntax")),
        BashSyntax::Invalid(words) => {
            let why = "it has a syntax error";
            let finding =
                Finding::error("script-syntax", Class::Integrity, format!("{why}: {words}"));
            log.fail(
                format!("{PATH} has invalid bash syntax"),
                finding.in_file(PATH),
            );
            for line in words.lines() {
                log.say(Tag::Plain, line);
            }
        }
        BashSyntax::Absent => log.warn(
            format!("{PATH}: bash is not installed here, its syntax was not checked"),
            oddity(
                "script-unchecked",
                PATH,
                "bash is not installed here, its syntax was not checked",
            ),
        ),
    }
    if maker == Maker::Consign {
        log.warn(
            format!("{PATH} is customised: it is not the script of its package format"),
            oddity(
                "script-customised",
                PATH,
                "it is not the script of its package format",
            )
            .help("read it before it is run; consign deploy does not run it"),
        );
    } else {
        log.warn(
            format!("{PATH} was not written by consign"),
            oddity("script-foreign", PATH, "it was not written by consign")
                .help("read it before it is run; consign deploy does not run it"),
        );
    }
}

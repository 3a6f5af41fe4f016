//! The one place where text meets a person: tags, colour, escaping, and what
//! happens when nobody reads.

mod prompt;
mod watch;

use std::io::{self, IsTerminal as _, Write};

use model::finding::{Finding, Severity};
use model::text;
use package::report::RULE;

use crate::args::{Choice, Format, Verbosity};
use crate::exit::Exit;

pub use prompt::Wanted;
pub use watch::Watch;

/// The tag that begins a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// `[INFO]`
    Info,
    /// `[OK]`
    Ok,
    /// `[PASS]`
    Pass,
    /// `[WARN]`
    Warn,
    /// `[FAIL]`
    Fail,
    /// `[ERROR]`
    Error,
}

impl Tag {
    const fn text(self) -> &'static str {
        match self {
            Self::Info => "[INFO]",
            Self::Ok => "[OK]",
            Self::Pass => "[PASS]",
            Self::Warn => "[WARN]",
            Self::Fail => "[FAIL]",
            Self::Error => "[ERROR]",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Info => "\x1b[34m",
            Self::Ok | Self::Pass => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Fail | Self::Error => "\x1b[31m",
        }
    }
}

/// One line of a report. Its text is escaped when it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A tagged line.
    Tagged(Tag, String),
    /// A line without a tag.
    Plain(String),
    /// A header: its text between two rules.
    Header(String),
}

/// A tagged line.
pub fn line(tag: Tag, text: impl Into<String>) -> Line {
    Line::Tagged(tag, text.into())
}

/// Standard output and standard error of this run.
pub struct Screen {
    out: io::BufWriter<io::Stdout>,
    format: Format,
    verbosity: Verbosity,
    colour_out: bool,
    colour_err: bool,
    moving: Moving,
    out_state: OutState,
}

/// How what moves is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moving {
    /// On lines that change in their place, as a terminal can.
    InPlace,
    /// On a new line for each change.
    Appended,
    /// Not at all.
    Hidden,
}

enum OutState {
    Open,
    /// The reader went away; the operation's own result still counts.
    Closed,
    Failed(io::Error),
}

/// What the environment says about colour.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColourEnvironment {
    /// `NO_COLOR` is set and not empty.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set and not `0`.
    pub force: bool,
}

impl Screen {
    /// The screen of this run.
    pub fn new(
        format: Format,
        verbosity: Verbosity,
        colour: Choice,
        progress: Choice,
        environment: ColourEnvironment,
    ) -> Self {
        let decide = |terminal: bool| match colour {
            Choice::Always => true,
            Choice::Never => false,
            Choice::Auto => !environment.no_color && (environment.force || terminal),
        };
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            out: io::BufWriter::new(io::stdout()),
            format,
            verbosity,
            colour_out: decide(io::stdout().is_terminal()),
            colour_err: decide(err_is_terminal),
            moving: match progress {
                Choice::Always => Moving::InPlace,
                Choice::Never => Moving::Hidden,
                Choice::Auto if format == Format::Json => Moving::Hidden,
                Choice::Auto if err_is_terminal => Moving::InPlace,
                Choice::Auto => Moving::Appended,
            },
            out_state: OutState::Open,
        }
    }

    /// How the answer is wanted.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How much is wanted.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// A bar that shows itself on standard error after a second, on a
    /// terminal only.
    pub fn progress(&self, what: &'static str, total: usize) -> Progress {
        Progress::new(self.moving == Moving::InPlace, what, total)
    }

    /// Prints report lines on standard output; nothing in JSON, and only what
    /// is wrong when quiet.
    pub fn report(&mut self, lines: &[Line]) {
        if self.format == Format::Json {
            return;
        }
        for l in lines {
            if self.verbosity == Verbosity::Quiet && !is_loud(l) {
                continue;
            }
            let text = paint(l, self.colour_out);
            self.write(text.as_bytes());
        }
        self.flush();
    }

    /// Prints what a person is asked to confirm, quiet or not: nobody confirms
    /// what is not shown.
    pub fn subject(&mut self, lines: &[Line]) {
        let verbosity = std::mem::replace(&mut self.verbosity, Verbosity::Normal);
        self.report(lines);
        self.verbosity = verbosity;
    }

    /// Prints bytes that are the answer itself, as they are.
    pub fn answer(&mut self, bytes: &[u8]) {
        self.write(bytes);
        self.flush();
    }

    /// Prints lines of the conversation on standard error.
    pub fn say(&mut self, lines: &[Line]) {
        if self.format == Format::Json {
            return;
        }
        let text: String = lines.iter().map(|l| paint(l, self.colour_err)).collect();
        // Nobody listens on a closed standard error, and that changes nothing.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Prints findings on standard error: what, where and why, then what to
    /// do.
    pub fn findings(&mut self, findings: &[Finding]) {
        let lines: Vec<Line> = findings
            .iter()
            .filter(|f| f.is_error() || self.verbosity != Verbosity::Quiet)
            .flat_map(finding_lines)
            .collect();
        self.say(&lines);
    }

    /// Prints the renderer's warnings on standard error, as the real tool
    /// words them.
    pub fn warnings(&mut self, warnings: &[String]) {
        let lines: Vec<Line> = warnings
            .iter()
            .map(|w| Line::Plain(w.trim_end().to_owned()))
            .collect();
        if self.verbosity != Verbosity::Quiet {
            self.say(&lines);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if matches!(self.out_state, OutState::Open)
            && let Err(e) = self.out.write_all(bytes)
        {
            self.fail(e);
        }
    }

    fn flush(&mut self) {
        if matches!(self.out_state, OutState::Open)
            && let Err(e) = self.out.flush()
        {
            self.fail(e);
        }
    }

    fn fail(&mut self, e: io::Error) {
        self.out_state = if e.kind() == io::ErrorKind::BrokenPipe {
            OutState::Closed
        } else {
            OutState::Failed(e)
        };
    }

    /// Ends the screen: the command's code, or [`Exit::Io`] when its answer
    /// could not be written.
    pub fn finish(mut self, exit: Exit) -> Exit {
        self.flush();
        match std::mem::replace(&mut self.out_state, OutState::Closed) {
            OutState::Open | OutState::Closed => exit,
            OutState::Failed(e) => {
                self.format = Format::Text;
                self.say(&[
                    line(Tag::Error, format!("Cannot write to standard output: {e}")),
                    line(
                        Tag::Error,
                        "Free space where it is redirected to, and run again",
                    ),
                ]);
                exit.and(Exit::Io)
            }
        }
    }
}

/// Prints help on standard error; it is our own text.
pub fn say_help(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The lines of one finding.
pub fn finding_lines(finding: &Finding) -> Vec<Line> {
    let tag = match finding.severity {
        Severity::Info => Tag::Info,
        Severity::Warning => Tag::Warn,
        Severity::Error => Tag::Error,
    };
    let mut lines = vec![line(tag, finding.to_string())];
    if let Some(help) = &finding.help {
        lines.push(line(tag, help.clone()));
    }
    lines
}

fn is_loud(line: &Line) -> bool {
    matches!(line, Line::Tagged(Tag::Fail | Tag::Error, _))
}

fn paint(line: &Line, colour: bool) -> String {
    match line {
        Line::Tagged(tag, text) if colour => {
            format!(
                "{}{}\x1b[0m {}\n",
                tag.colour(),
                tag.text(),
                text::escape(text)
            )
        }
        Line::Tagged(tag, text) => format!("{} {}\n", tag.text(), text::escape(text)),
        Line::Plain(text) => format!("{}\n", text::escape(text)),
        Line::Header(text) => format!("{RULE}\n{}\n{RULE}\n", text::escape(text)),
    }
}

/// A bar for work that takes more than a second.
pub struct Progress {
    bar: indicatif::ProgressBar,
    show: bool,
    started: std::time::Instant,
}

/// Work shorter than this shows no bar.
const PROGRESS_DELAY: std::time::Duration = std::time::Duration::from_secs(1);

impl Progress {
    fn new(show: bool, what: &'static str, total: usize) -> Self {
        let bar = indicatif::ProgressBar::with_draw_target(
            Some(total as u64),
            indicatif::ProgressDrawTarget::hidden(),
        )
        .with_message(what);
        if let Ok(style) =
            indicatif::ProgressStyle::with_template("[INFO] {msg} {pos}/{len} {wide_bar}")
        {
            bar.set_style(style);
        }
        Self {
            bar,
            show,
            started: std::time::Instant::now(),
        }
    }

    /// One more is done.
    pub fn step(&self) {
        if self.show && self.bar.is_hidden() && self.started.elapsed() > PROGRESS_DELAY {
            self.bar
                .set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_is_escaped_and_stays_on_its_line() {
        let l = line(Tag::Error, "bad\u{1b}[2J\nname\u{202e}");
        assert_eq!(paint(&l, false), "[ERROR] bad\\x1b[2J\\x0aname\\u{202e}\n");
        assert!(paint(&l, true).starts_with("\x1b[31m[ERROR]\x1b[0m bad\\x1b"));
    }
}

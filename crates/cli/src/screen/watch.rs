//! What many objects are doing while they are waited for.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::text;

use super::{Moving, PROGRESS_DELAY, Screen, Tag, line, paint};
use crate::args::Verbosity;

/// How it is shown.
enum Show {
    /// A line an object that changes in its place, on a terminal.
    InPlace { lines: MultiProgress, hidden: bool },
    /// A new line for every change, in colour or not.
    Appended { colour: bool },
    /// Not at all.
    Nothing,
}

/// What many objects are doing, on standard error: on a terminal a line for
/// each that is not done, once the wait is longer than a second; elsewhere a
/// line for each change. Nothing in JSON or when quiet. The lines of a
/// terminal are gone when it is dropped.
pub struct Watch {
    show: Show,
    started: Instant,
    /// What was last said of each object that is not done.
    last: BTreeMap<String, (String, ProgressBar)>,
}

impl Screen {
    /// Begins to show what objects are doing.
    pub fn watch(&self) -> Watch {
        let show = match self.moving {
            _ if self.verbosity == Verbosity::Quiet => Show::Nothing,
            Moving::Hidden => Show::Nothing,
            Moving::InPlace => Show::InPlace {
                lines: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
                hidden: true,
            },
            Moving::Appended => Show::Appended {
                colour: self.colour_err,
            },
        };
        Watch {
            show,
            started: Instant::now(),
            last: BTreeMap::new(),
        }
    }
}

impl Watch {
    /// An object is doing this; both are untrusted text.
    pub fn set(&mut self, object: &str, what: &str) {
        let known = self.last.get(object);
        if known.is_some_and(|(last, _)| last == what) {
            self.appear();
            return;
        }
        let bar = match (&self.show, known) {
            (_, Some((_, bar))) => bar.clone(),
            (Show::InPlace { lines, .. }, None) => lines.add(line_in_place()),
            (_, None) => ProgressBar::hidden(),
        };
        self.last
            .insert(object.to_owned(), (what.to_owned(), bar.clone()));
        bar.set_message(text::escape(&format!("{object}: {what}")).into_owned());
        self.append(object, what);
        self.appear();
    }

    /// An object is done, and this is how.
    pub fn done(&mut self, object: &str, what: &str) {
        if let Some((_, bar)) = self.last.remove(object) {
            bar.finish_and_clear();
            if let Show::InPlace { lines, .. } = &self.show {
                lines.remove(&bar);
            }
        }
        self.append(object, what);
    }

    fn append(&self, object: &str, what: &str) {
        if let Show::Appended { colour } = self.show {
            let said = paint(&line(Tag::Info, format!("{object}: {what}")), colour);
            // Nobody listens on a closed standard error.
            let _ = io::stderr().write_all(said.as_bytes());
        }
    }

    fn appear(&mut self) {
        if let Show::InPlace { lines, hidden } = &mut self.show
            && *hidden
            && self.started.elapsed() > PROGRESS_DELAY
        {
            lines.set_draw_target(ProgressDrawTarget::stderr());
            *hidden = false;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (_, bar) in self.last.values() {
            bar.finish_and_clear();
        }
    }
}

fn line_in_place() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("[INFO] {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

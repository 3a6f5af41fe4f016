//! Questions, and what counts as a yes.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use model::finding::{Class, Finding};
use model::text;

use super::Screen;
use crate::args::Format;

/// The longest answer that is looked at, in bytes.
const ANSWER_MAX: u64 = 256;

/// What a person has to answer.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// `y` or `yes`.
    Yes,
    /// This word, written out.
    Word(&'a str),
}

impl Wanted<'_> {
    /// Whether a line confirms. Spaces around the answer do not count; case,
    /// look-alikes and anything more do.
    fn confirms(self, line: &[u8]) -> bool {
        let answer = line.trim_ascii();
        match self {
            Self::Yes => matches!(answer, b"y" | b"yes"),
            Self::Word(word) => answer == word.as_bytes(),
        }
    }
}

impl Screen {
    /// Asks on standard error and reads one line of standard input. Everything
    /// but the wanted answer is a no, which is a finding: so is the end of the
    /// input, and an input that is no terminal is not even asked.
    pub fn ask(&mut self, question: &str, wanted: Wanted<'_>) -> Result<(), Finding> {
        if self.format == Format::Json {
            return Err(Finding::error(
                "not-confirmed",
                Class::Usage,
                "Nobody to ask: JSON shows what is done after it is done; nothing was changed",
            )
            .help("Confirm with --yes, after a look with --dry-run"));
        }
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Err(Finding::error(
                "not-confirmed",
                Class::Usage,
                "Nobody to ask: standard input is not a terminal; nothing was changed",
            )
            .help("Confirm with --yes"));
        }
        // What is asked about comes before the question.
        self.flush();
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{} ", text::escape(question.trim_end()));
        let _ = stderr.flush();
        let mut line = Vec::new();
        let read = stdin.lock().take(ANSWER_MAX).read_until(b'\n', &mut line);
        // What came without a line's end was not sent off by anyone.
        let is_whole = read.is_ok() && line.ends_with(b"\n");
        if is_whole && wanted.confirms(&line) {
            return Ok(());
        }
        if !is_whole {
            let _ = writeln!(stderr);
        }
        let help = match wanted {
            Wanted::Yes => "Answer y, or run with --yes".to_owned(),
            Wanted::Word(word) => format!("Answer {word}, or run with --yes"),
        };
        Err(Finding::error(
            "not-confirmed",
            Class::Usage,
            "Not confirmed: nothing was changed",
        )
        .help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_y_or_yes_alone_confirm() {
        for yes in ["y\n", "yes\n", " y \r\n"] {
            assert!(Wanted::Yes.confirms(yes.as_bytes()), "{yes:?}");
        }
        let no = [
            "",
            "\n",
            "n\n",
            "Y\n",
            "YES\n",
            "yy\n",
            "y y\n",
            "yess\n",
            "y;\n",
            "у\n",
            "ｙ\n",
            "y\u{200b}\n",
            "ye\n",
            "true\n",
            "1\n",
        ];
        for no in no {
            assert!(!Wanted::Yes.confirms(no.as_bytes()), "{no:?}");
        }
        assert!(!Wanted::Yes.confirms(b"y\0\n"));
        assert!(!Wanted::Yes.confirms(b"\xffy\n"));
    }

    #[test]
    fn a_word_is_wanted_whole() {
        let wanted = Wanted::Word("acme-corp");
        assert!(wanted.confirms(b"acme-corp\n"));
        for no in [
            "y\n",
            "yes\n",
            "acme\n",
            "acme-corp2\n",
            "Acme-Corp\n",
            "acmе-corp\n",
        ] {
            assert!(!wanted.confirms(no.as_bytes()), "{no:?}");
        }
    }
}

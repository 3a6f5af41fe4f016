//! The column, the indent and what precedes: libyaml's emitter.

use super::text::{self, Form, is_break, is_printable};

/// Lines are folded at the first blank behind this column.
const WIDTH: usize = 80;

/// Columns of one level.
const INDENT: usize = 2;

pub(super) struct Writer {
    out: String,
    column: usize,
    /// None outside the root.
    indent: Option<usize>,
    /// Whether a blank, or nothing, precedes.
    whitespace: bool,
    /// Whether only indentation and indicators precede on the line.
    indention: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            out: String::new(),
            column: 0,
            indent: None,
            whitespace: true,
            indention: true,
        }
    }
}

impl Writer {
    pub fn begin(&mut self) {
        *self = Self {
            out: std::mem::take(&mut self.out),
            ..Self::default()
        };
    }

    pub fn separate(&mut self) {
        self.out.push_str("---\n");
    }

    pub fn finish(self) -> String {
        self.out
    }

    /// Goes a level deeper; a list right under its key does not. Gives what
    /// [`Self::restore`] takes.
    pub fn deeper(&mut self, in_map: bool) -> Option<usize> {
        let outer = self.indent;
        let indentless = in_map && !self.indention;
        self.indent = match outer {
            None => Some(0),
            Some(indent) if indentless => Some(indent),
            Some(indent) => Some(indent + INDENT),
        };
        outer
    }

    pub fn restore(&mut self, outer: Option<usize>) {
        self.indent = outer;
    }

    /// The indent of a scalar's further lines.
    pub fn scalar_indent(&self) -> usize {
        self.indent.map_or(INDENT, |indent| indent + INDENT)
    }

    pub fn write_indent(&mut self) {
        self.indent_to(self.indent.unwrap_or(0));
    }

    fn indent_to(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    pub fn indicator(&mut self, text: &str, blank: bool, whitespace: bool, indention: bool) {
        if blank && !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = whitespace;
        self.indention = self.indention && indention;
    }

    pub fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    /// A number, a boolean or null.
    pub fn plain_value(&mut self, text: &str) {
        if !self.whitespace {
            self.put(' ');
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = false;
        self.indention = false;
    }

    pub fn text(&mut self, text: &str, simple_key: bool) {
        let indent = self.scalar_indent();
        match text::form(text, simple_key) {
            Form::Plain => self.plain(text, simple_key, indent),
            Form::Single => self.single(text, simple_key, indent),
            Form::Double => self.double(text, simple_key, indent),
            Form::Literal => self.literal(text, indent),
        }
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn plain(&mut self, text: &str, simple_key: bool, indent: usize) {
        if !self.whitespace {
            self.put(' ');
        }
        if simple_key || self.column + text.len() <= WIDTH {
            self.out.push_str(text);
            self.column += text.chars().count();
        } else {
            let mut after_space = false;
            let mut chars = text.chars().peekable();
            while let Some(c) = chars.next() {
                let fold =
                    c == ' ' && !after_space && self.column > WIDTH && chars.peek() != Some(&' ');
                if fold {
                    self.indent_to(indent);
                } else {
                    self.put(c);
                    self.indention = false;
                }
                after_space = c == ' ';
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single(&mut self, text: &str, simple_key: bool, indent: usize) {
        self.indicator("'", true, false, false);
        let (mut after_space, mut after_break) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let next = chars.peek().map(|(_, next)| *next);
                let fold = !simple_key
                    && !after_space
                    && self.column > WIDTH
                    && at > 0
                    && !matches!(next, None | Some(' '));
                if fold {
                    self.indent_to(indent);
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else if is_break(c) {
                // Line feeds are never written this way; the others are kept.
                self.out.push(c);
                self.column = 0;
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.indent_to(indent);
                }
                self.put(c);
                if c == '\'' {
                    self.put(c);
                }
                self.indention = false;
                (after_space, after_break) = (false, false);
            }
        }
        self.indicator("'", false, false, false);
    }

    fn double(&mut self, text: &str, simple_key: bool, indent: usize) {
        self.indicator("\"", true, false, false);
        // go-yaml looks at the first character where it means the current one.
        let all_escaped = text.starts_with('\u{feff}');
        let mut after_space = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if all_escaped || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
                after_space = false;
            } else if c == ' ' {
                let next = chars.peek().map(|(_, next)| *next);
                let fold =
                    !simple_key && !after_space && self.column > WIDTH && at > 0 && next.is_some();
                if fold {
                    self.indent_to(indent);
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(c);
                after_space = false;
            }
        }
        self.indicator("\"", false, false, false);
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => Some('0'),
            '\u{7}' => Some('a'),
            '\u{8}' => Some('b'),
            '\t' => Some('t'),
            '\n' => Some('n'),
            '\u{b}' => Some('v'),
            '\u{c}' => Some('f'),
            '\r' => Some('r'),
            '\u{1b}' => Some('e'),
            '"' | '\\' => Some(c),
            '\u{85}' => Some('N'),
            '\u{a0}' => Some('_'),
            '\u{2028}' => Some('L'),
            '\u{2029}' => Some('P'),
            _ => None,
        };
        self.put('\\');
        if let Some(short) = short {
            self.put(short);
            return;
        }
        let number = u32::from(c);
        let digits = match number {
            0..=0xff => format!("x{number:02X}"),
            0x100..=0xffff => format!("u{number:04X}"),
            _ => format!("U{number:08X}"),
        };
        self.column += digits.len();
        self.out.push_str(&digits);
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator("2", false, false, false);
        }
        let mut backwards = text.chars().rev();
        if !backwards.next().is_some_and(is_break) {
            self.indicator("-", false, false, false);
        } else if backwards.next().is_none_or(is_break) {
            self.indicator("+", false, false, false);
        }
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.out.push(c);
                self.column = 0;
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.indent_to(indent);
                }
                self.put(c);
                self.indention = false;
                after_break = false;
            }
        }
    }
}

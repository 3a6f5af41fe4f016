//! Folded scalars (`>`): kustomize prints one with go-yaml v3 and reads it
//! again before it prints the object, and what comes back is not always what
//! was there: lines that are indented more gain a blank line before them.

use std::borrow::Cow;

/// go-yaml folds at the first blank behind this column.
const WIDTH: usize = 80;

/// What go-yaml v3 reads of a folded text it printed at an indent.
pub(super) fn again(text: &str, indent: usize) -> Cow<'_, str> {
    if !is_written_folded(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(read(text, &write(text, indent)))
}

/// Other texts are written in double quotes, and come back as they were.
fn is_written_folded(text: &str) -> bool {
    !text.is_empty()
        && !text.ends_with(' ')
        && !text.contains(" \n")
        && text
            .chars()
            .all(|c| matches!(c, '\t' | '\n' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}'))
}

/// The lines, without their indentation.
fn write(text: &str, indent: usize) -> Vec<String> {
    // go-yaml looks at the beginning of the text where it means the line's.
    let separates = text
        .trim_start_matches('\n')
        .starts_with(|c: char| !matches!(c, ' ' | '\t'));
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut column = 0;
    let (mut after_break, mut leading_blank) = (true, true);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            if !after_break && !leading_blank && separates {
                lines.push(std::mem::take(&mut line));
            }
            lines.push(std::mem::take(&mut line));
            after_break = true;
            continue;
        }
        if after_break {
            column = indent;
            leading_blank = matches!(c, ' ' | '\t');
        }
        if !after_break && c == ' ' && chars.peek() != Some(&' ') && column > WIDTH {
            lines.push(std::mem::take(&mut line));
            column = indent;
        } else {
            line.push(c);
            column += 1;
        }
        after_break = false;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The text of folded lines; how it ends is as the text said.
fn read(text: &str, lines: &[String]) -> String {
    let mut out = String::new();
    let mut breaks = 0;
    let mut previous_blank: Option<bool> = None;
    for line in lines {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        let blank = line.starts_with([' ', '\t']);
        let joins = previous_blank == Some(false) && !blank;
        if joins && breaks == 0 {
            out.push(' ');
        } else if !joins && previous_blank.is_some() {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n('\n', breaks));
        breaks = 0;
        out.push_str(line);
        previous_blank = Some(blank);
    }
    let ends = if text.ends_with("\n\n") || text == "\n" {
        breaks + usize::from(previous_blank.is_some())
    } else {
        usize::from(text.ends_with('\n') && previous_blank.is_some())
    };
    out.extend(std::iter::repeat_n('\n', ends));
    out
}

#[cfg(test)]
mod tests {
    use super::again;

    #[test]
    fn what_kustomize_reads_again() {
        assert_eq!(again("a b\nc\n  d\ne\n", 4), "a b\nc\n\n  d\ne\n");
        assert_eq!(again("a b\nc\n", 4), "a b\nc\n");
        assert_eq!(again("a\n\nb", 4), "a\n\nb");
    }
}

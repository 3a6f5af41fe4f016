//! Places in a text.

use model::yaml::Mark;

/// A text by lines.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Where each line begins, in bytes. The text behind the last line break
    /// is a line only if it is not empty.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t str) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            starts.push(at);
            at += line.len();
        }
        Self { text, starts }
    }

    /// The line of this index, from 0, without its line break.
    fn line(&self, index: usize) -> &'t str {
        let Some(start) = self.starts.get(index) else {
            return "";
        };
        let end = self.starts.get(index + 1).map_or(self.text.len(), |e| *e);
        self.text[*start..end].trim_end_matches('\n')
    }

    /// Where the line of this index begins; the end of the text behind the last.
    pub fn start(&self, index: usize) -> usize {
        self.starts.get(index).map_or(self.text.len(), |s| *s)
    }

    /// The place of a mark, in bytes.
    pub fn offset(&self, at: Mark) -> Option<usize> {
        let index = (at.line as usize).checked_sub(1)?;
        let line = self.line(index);
        let column = (at.column as usize).checked_sub(1)?;
        let within = line.char_indices().map(|(i, _)| i).chain([line.len()]);
        let within = within.into_iter().nth(column)?;
        Some(self.start(index) + within)
    }

    /// The text from a mark to the end of its line.
    pub fn rest(&self, at: Mark) -> Option<&'t str> {
        let rest = self.text.get(self.offset(at)?..)?;
        rest.split('\n').next()
    }

    /// The column, from 1, of the dash before a list's item, if that stands on
    /// the item's line behind nothing but blanks.
    pub fn dash(&self, item: Mark) -> Option<u32> {
        let end = self.offset(item)?;
        let start = self.start((item.line as usize).checked_sub(1)?);
        let before = self.text.get(start..end)?;
        let blanks = before.trim_end_matches(' ').strip_suffix('-')?;
        let only_blanks = blanks.bytes().all(|b| b == b' ');
        let column = u32::try_from(blanks.len() + 1).ok()?;
        only_blanks.then_some(column)
    }

    /// Where the block that has `at` in its first or last line ends: the
    /// beginning of the line behind the last one that stands at `column` or
    /// further right. Comments further left, and blank lines, are of what comes
    /// next.
    pub fn end_of_block(&self, at: Mark, column: u32) -> usize {
        let first = at.line as usize;
        let mut end = first;
        for index in first..self.starts.len() {
            let line = self.line(index);
            let words = line.trim_start_matches(' ');
            let stands_at = line.len() - words.len() + 1;
            if words.is_empty() {
                continue;
            }
            if stands_at >= column as usize {
                end = index + 1;
            } else if !words.starts_with('#') {
                break;
            }
        }
        self.start(end)
    }
}

//! Rows in columns that are as wide as what stands in them.

use model::text;

use crate::screen::Line;

/// What stands in a cell that has nothing to say.
pub const NOTHING: &str = "-";

/// Between two columns.
const GAP: &str = "  ";

/// Rows under headings. Cells are untrusted text, escaped here because that
/// makes them wider.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Under these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|h| (*h).to_owned()).collect()],
        }
    }

    /// One more row; it has as many cells as there are headings.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        let shown = |cell: &&str| match *cell {
            "" => NOTHING.to_owned(),
            cell => text::escape(cell).into_owned(),
        };
        self.rows.push(cells.iter().map(shown).collect());
    }

    /// As it is printed.
    pub fn lines(&self) -> Vec<Line> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        self.rows
            .iter()
            .map(|row| {
                let cells: Vec<String> = row
                    .iter()
                    .zip(&widths)
                    .map(|(cell, width)| format!("{cell:width$}"))
                    .collect();
                Line::Plain(cells.join(GAP).trim_end().to_owned())
            })
            .collect()
    }
}

/// A text cut to so many characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// The beginning of a digest, enough to tell it from others by eye.
pub fn short(digest: &str) -> String {
    const SHOWN: usize = 12;
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_stands_in_them() {
        let mut table = Table::new(&["NAME", "WHY"]);
        table.row(["a\u{1b}[2J", "x"]);
        table.row(["", ""]);
        let lines: Vec<String> = table
            .lines()
            .into_iter()
            .map(|line| match line {
                Line::Plain(text) => text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines, ["NAME      WHY", "a\\x1b[2J  x", "-         -"]);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(short("sha256:0123456789abcdef"), "0123456789ab");
    }
}

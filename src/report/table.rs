//! Columns of text that line up.

use super::style::{columns, pad, pad_left};

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// At the left.
    Left,
    /// At the right: numbers.
    Right,
}

/// Rows of cells; `indent` blanks before each row, two between columns, none at a row's end. Short rows are filled with blanks.
pub fn rows(cells: &[Vec<String>], align: &[Align], indent: usize, out: &mut String) {
    let count = cells.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|c| cells.iter().filter_map(|row| row.get(c)).map(|cell| columns(cell)).max().unwrap_or(0))
        .collect();
    for row in cells {
        let mut line = " ".repeat(indent);
        for (c, width) in widths.iter().enumerate() {
            let cell = row.get(c).map_or("", String::as_str);
            if c > 0 {
                line.push_str("  ");
            }
            match align.get(c) {
                Some(Align::Right) => line.push_str(&pad_left(cell, *width)),
                _ => line.push_str(&pad(cell, *width)),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

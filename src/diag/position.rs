//! Lines and columns, as Terraform counts them: both from 1, columns in grapheme clusters.

use super::Span;
use unicode_segmentation::UnicodeSegmentation;

/// A place in a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in grapheme clusters.
    pub column: usize,
    /// From 0.
    pub byte: usize,
}

/// Where a byte is. Past the end it is the end; inside a character it is that character.
///
/// Reads the text from the start; for many places of one text make a [`LineIndex`].
pub fn position(text: &str, byte: usize) -> Position {
    let byte = text.floor_char_boundary(byte);
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    Position { line, column: column(&before[line_start..]), byte }
}

/// The column after the beginning of a line.
fn column(before: &str) -> usize {
    if before.is_ascii() {
        return before.len() + 1;
    }
    before.trim_start_matches('\u{feff}').graphemes(true).count() + 1
}

/// Where the lines of a text begin: with it a place is found without reading the text again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// The lines of a text.
    pub fn of(text: &str) -> LineIndex {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        LineIndex { starts: std::iter::once(0).chain(after).collect() }
    }

    /// The line a byte is on, counted from 0.
    pub fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// Where a line begins, counted from 0; the length of the text for one beyond the last.
    pub fn start(&self, line: usize, text: &str) -> usize {
        self.starts.get(line).copied().unwrap_or(text.len())
    }

    /// As [`position`], of the text the index was made of.
    pub fn position(&self, text: &str, byte: usize) -> Position {
        let byte = text.floor_char_boundary(byte);
        let line = self.line(byte);
        let before = text.get(self.start(line, text)..byte).unwrap_or_default();
        Position { line: line + 1, column: column(before), byte }
    }

    /// As [`range_text`], of the text the index was made of.
    pub fn range_text(&self, name: &str, text: &str, span: &Span) -> String {
        let (start, end) = (self.position(text, span.range.start), self.position(text, span.range.end));
        if start.line == end.line {
            format!("{name}:{},{}-{}", start.line, start.column, end.column)
        } else {
            format!("{name}:{},{}-{},{}", start.line, start.column, end.line, end.column)
        }
    }
}

/// A range as Terraform writes it in messages: `main.tf:2,3-8`, or `main.tf:2,3-4,1` over several lines.
///
/// Reads the text from the start; for many places of one text make a [`LineIndex`].
pub fn range_text(name: &str, text: &str, span: &Span) -> String {
    LineIndex::of(text).range_text(name, text, span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;

    #[test]
    fn columns_count_what_a_person_sees() {
        let text = "a\n  é👨‍👩‍👧x";
        let x = text.find('x').unwrap();
        assert_eq!(position(text, x), Position { line: 2, column: 5, byte: x });
        assert_eq!(position(text, 999).byte, text.len());
        for text in [text, "", "\n", "\u{feff}a\r\n\nb", "a\n"] {
            let lines = LineIndex::of(text);
            for byte in 0..=text.len() + 1 {
                assert_eq!(lines.position(text, byte), position(text, byte), "{text:?} {byte}");
            }
        }
        assert_eq!(range_text("f", text, &Span { file: FileId(0), range: 0..x }), "f:1,1-2,5");
        assert_eq!(range_text("f", text, &Span { file: FileId(0), range: 0..1 }), "f:1,1-2");
    }
}

//! Lines and columns, as Terraform counts them: both from 1, columns in grapheme clusters.

use crate::diag::Span;
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
/// Reads the text from the start; for many places of one text sort them first or keep the result.
pub fn position(text: &str, byte: usize) -> Position {
    let byte = text.floor_char_boundary(byte);
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before[line_start..].trim_start_matches('\u{feff}').graphemes(true).count() + 1;
    Position { line, column, byte }
}

/// A range as Terraform writes it in messages: `main.tf:2,3-8`, or `main.tf:2,3-4,1` over several lines.
pub fn range_text(name: &str, text: &str, span: &Span) -> String {
    let (start, end) = (position(text, span.range.start), position(text, span.range.end));
    if start.line == end.line {
        format!("{name}:{},{}-{}", start.line, start.column, end.column)
    } else {
        format!("{name}:{},{}-{},{}", start.line, start.column, end.line, end.column)
    }
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
        assert_eq!(range_text("f", text, &Span { file: FileId(0), range: 0..x }), "f:1,1-2,5");
        assert_eq!(range_text("f", text, &Span { file: FileId(0), range: 0..1 }), "f:1,1-2");
    }
}

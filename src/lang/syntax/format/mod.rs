//! The canonical form of a file: what `terraform fmt` makes of it, byte by byte.
//!
//! Three passes over the tokens, comments among them: expressions written in ways of the past are rewritten (`rewrite`), then
//! each line is indented, its tokens are spaced, and equals signs and comments of neighbouring lines are aligned (`layout`).
//! No token moves to another line, and line ends and blank lines stay, so a diff shows what a person would call formatting.
//!
//! Differences on purpose, since there Terraform loses or breaks what was written: a block label that holds a `$` or `%` before other
//! text stays; so do a comment and a `null` between the brackets of an index; an expression freed of its quotes that begins with a
//! comment line gets parentheses.

mod layout;
mod rewrite;

use super::scan::{T, scan_with_comments};
use super::{Text, parse_body};
use crate::diag::Diagnostic;
use std::borrow::Cow;

/// A token on its way out.
#[derive(Clone, Debug)]
struct Piece<'a> {
    kind: T,
    text: Cow<'a, str>,
    /// Where it began in the text that was read.
    start: usize,
    /// So many blanks go before it.
    spaces: usize,
}

impl Piece<'_> {
    /// A token that no text held.
    fn made(kind: T, text: impl Into<String>, start: usize) -> Self {
        Piece { kind, text: Cow::Owned(text.into()), start, spaces: 0 }
    }

    /// Whether a line ends with it.
    fn ends_line(&self) -> bool {
        self.kind == T::Newline || (self.kind == T::Comment && self.text.ends_with('\n'))
    }

    /// How many brackets it opens, or closes when negative.
    fn brackets(&self) -> i32 {
        match self.kind {
            T::OBrace | T::OBrack | T::OParen | T::Interp | T::Control => 1,
            T::CBrace | T::CBrack | T::CParen | T::SeqEnd => -1,
            _ => 0,
        }
    }
}

/// A file in its canonical form.
///
/// # Errors
/// What the parser says: a text with mistakes is not touched.
pub fn format(source: Text<'_>) -> Result<String, Vec<Diagnostic>> {
    let (body, problems) = parse_body(source);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let mut pieces = rewrite::rewrite(&body, pieces(source.text));
    layout::lay_out(&mut pieces);
    let mut out = String::with_capacity(source.text.len() + source.text.len() / 8);
    for piece in &pieces {
        out.extend(std::iter::repeat_n(' ', piece.spaces));
        out.push_str(&piece.text);
    }
    Ok(out)
}

/// The tokens; a comment that runs to the end of its line takes the line end with it.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(text.len() / 5 + 4);
    let mut end = 0;
    for token in scan_with_comments(text) {
        let range = token.start as usize..token.end as usize;
        if let Some(last) = pieces.last_mut()
            && token.kind == T::Newline
            && last.kind == T::Comment
            && !last.text.starts_with("/*")
            && !last.ends_line()
        {
            last.text = Cow::Borrowed(&text[last.start..range.end]);
            end = range.end;
            continue;
        }
        // Blanks before a token that no rule places stay: those at the very end.
        let spaces = if text[end..range.start].starts_with('\u{feff}') { 0 } else { range.start - end };
        pieces.push(Piece { kind: token.kind, text: Cow::Borrowed(&text[range.clone()]), start: range.start, spaces });
        end = range.end;
    }
    pieces
}

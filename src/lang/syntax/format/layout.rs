//! Indentation, spaces between tokens, and columns.

use super::Piece;
use crate::lang::syntax::scan::T;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// A level of nesting, in blanks.
const INDENT: usize = 2;

/// A line in up to three cells, each a range of tokens; the second and third start at a column shared with neighbouring lines.
struct Line {
    lead: Range<usize>,
    /// From the equals sign on, where what is assigned ends on the same line. Empty otherwise.
    assign: Range<usize>,
    /// A comment behind something else. Empty otherwise.
    comment: Range<usize>,
}

/// Sets the blanks before every token but the last, which is the end of the text.
pub(super) fn lay_out(pieces: &mut [Piece<'_>]) {
    let lines = lines(pieces);
    indent(&lines, pieces);
    for line in &lines {
        space(line.lead.clone(), pieces);
        if let Some(equals) = pieces[line.assign.clone()].first_mut() {
            equals.spaces = 1;
        }
        space(line.assign.clone(), pieces);
    }
    align(&lines, pieces, |line| &line.assign, |line| line.lead.clone());
    align(&lines, pieces, |line| &line.comment, |line| line.lead.start..line.assign.end);
}

fn lines(pieces: &[Piece<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, piece) in pieces.iter().enumerate() {
        if piece.kind == T::Eof {
            lines.push(cells(start..at, pieces));
            break;
        }
        if piece.ends_line() {
            lines.push(cells(start..at + 1, pieces));
            start = at + 1;
        }
    }
    lines
}

fn cells(all: Range<usize>, pieces: &[Piece<'_>]) -> Line {
    let mut lead = all.clone();
    if all.len() > 1 && pieces[all.end - 1].kind == T::Comment {
        lead.end -= 1;
    }
    let comment = lead.end..all.end;
    let mut assign = lead.end..lead.end;
    let equals = lead.clone().skip(1).find(|at| pieces[*at].kind == T::Equal);
    if let Some(at) = equals.filter(|at| pieces[*at..lead.end].iter().map(Piece::brackets).sum::<i32>() == 0) {
        assign = at..lead.end;
        lead.end = at;
    }
    Line { lead, assign, comment }
}

/// Places the first token of each line. A line that opens more than it closes indents those after it by one level, however
/// many brackets it opens; the level ends when as many are closed.
fn indent(lines: &[Line], pieces: &mut [Piece<'_>]) {
    let mut levels: Vec<i32> = Vec::new();
    for line in lines {
        let Some(first) = pieces[line.lead.clone()].first() else { continue };
        if first.kind == T::Newline {
            pieces[line.lead.start].spaces = 0;
            continue;
        }
        let cell = |range: &Range<usize>| -> i32 {
            let before_heredoc = pieces[range.clone()].iter().take_while(|p| p.kind != T::OHeredoc);
            before_heredoc.map(Piece::brackets).sum()
        };
        let opened = cell(&line.lead) + cell(&line.assign);
        let mut closed = -opened;
        while closed > 0
            && let Some(level) = levels.last_mut()
        {
            let part = closed.min(*level);
            closed -= part;
            *level -= part;
            if *level == 0 {
                levels.pop();
            }
        }
        pieces[line.lead.start].spaces = INDENT * levels.len();
        if opened > 0 {
            levels.push(opened);
        }
    }
}

/// Sets the blanks between the tokens of a cell.
fn space(cell: Range<usize>, pieces: &mut [Piece<'_>]) {
    for at in cell.clone().skip(1) {
        let before = (at - 1 > cell.start).then(|| pieces[at - 2].kind);
        pieces[at].spaces = usize::from(apart(before, &pieces[at - 1], &pieces[at]));
    }
}

/// Whether a blank belongs between two tokens; `before` is the kind of the one before them in the same cell.
fn apart(before: Option<T>, left: &Piece<'_>, right: &Piece<'_>) -> bool {
    match (left.kind, right.kind) {
        (_, T::Newline)
        | (T::Ident, T::OParen)
        | (T::Ident, T::DoubleColon)
        | (T::DoubleColon, T::Ident)
        | (T::Dot, _)
        | (_, T::Dot | T::Comma | T::Ellipsis) => false,
        (T::Comma, _) => true,
        // Inside a text every blank counts.
        (T::Quoted | T::Text | T::OQuote | T::OHeredoc, _) | (_, T::Quoted | T::Text | T::CQuote | T::CHeredoc) => {
            false
        }
        // `for x in [1]`: not an index.
        (T::Ident, _) if left.text == "in" && before == Some(T::Ident) => true,
        (T::Ident | T::Number, T::OBrack) => false,
        (_, T::OBrack) if left.brackets() < 0 => false,
        (T::Bang, _) => false,
        (T::Minus, _) => subtracts(before),
        (T::OBrace, T::CBrace) => false,
        (T::OBrace, _) | (_, T::CBrace) => true,
        (T::Interp | T::Control, T::OBrace) | (T::CBrace, T::SeqEnd) => true,
        (T::SeqEnd, T::Interp | T::Control) => false,
        _ => left.brackets() <= 0 && right.brackets() >= 0,
    }
}

/// Whether a minus behind such a token takes away from it, and is no sign.
fn subtracts(before: Option<T>) -> bool {
    !matches!(
        before,
        None | Some(
            T::OParen
                | T::OBrace
                | T::OBrack
                | T::Equal
                | T::Colon
                | T::Comma
                | T::Question
                | T::Plus
                | T::Star
                | T::Slash
                | T::Percent
                | T::Minus
                | T::EqualOp
                | T::NotEqual
                | T::Greater
                | T::GreaterEqual
                | T::Less
                | T::LessEqual
                | T::And
                | T::Or
                | T::Bang
        )
    )
}

/// Moves a cell to one column on all lines of each run of neighbouring lines that have it.
fn align(
    lines: &[Line],
    pieces: &mut [Piece<'_>],
    cell: impl Fn(&Line) -> &Range<usize>,
    before: impl Fn(&Line) -> Range<usize>,
) {
    for run in lines.chunk_by(|a, b| cell(a).is_empty() == cell(b).is_empty()) {
        if run.iter().all(|line| cell(line).is_empty()) {
            continue;
        }
        let widths: Vec<usize> = run.iter().map(|line| width(&pieces[before(line)])).collect();
        let widest = widths.iter().copied().max().unwrap_or(0);
        for (line, width) in run.iter().zip(widths) {
            pieces[cell(line).start].spaces = widest - width + 1;
        }
    }
}

/// Columns: what a person sees as one character is one.
fn width(pieces: &[Piece<'_>]) -> usize {
    pieces.iter().map(|piece| piece.spaces + piece.text.graphemes(true).count()).sum()
}

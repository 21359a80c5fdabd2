//! Expressions and labels written in ways of the past, as they are written now.

use super::Piece;
use crate::lang::ast::{Block, Body};
use crate::lang::syntax::scan::T;
use std::fmt::Write;
use std::ops::Range;

/// Tokens to put in the place of others, by the bytes those were written in.
type Edit<'a> = (Range<usize>, Vec<Piece<'a>>);

/// Rewrites all arguments and labels of a file.
pub(super) fn rewrite<'a>(body: &Body, pieces: Vec<Piece<'a>>) -> Vec<Piece<'a>> {
    let mut edits = Vec::new();
    collect(body, &[], &pieces, &mut edits);
    if edits.is_empty() {
        return pieces;
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::with_capacity(pieces.len());
    let mut edits = edits.into_iter().peekable();
    let mut until = 0;
    for piece in pieces {
        if let Some((range, new)) = edits.next_if(|(range, _)| range.start <= piece.start && piece.kind != T::Eof) {
            out.extend(new);
            until = range.end;
        }
        if piece.start >= until {
            out.push(piece);
        }
    }
    out
}

fn collect<'a>(body: &Body, inside: &[&str], pieces: &[Piece<'a>], edits: &mut Vec<Edit<'a>>) {
    for attribute in &body.attributes {
        let range = attribute.expr.span.range.clone();
        let tokens = tokens(range.clone(), pieces);
        let is_type = inside == ["variable"] && &*attribute.name.name == "type";
        let new = if is_type { type_constraint(tokens) } else { unwrapped(tokens) };
        edits.extend(new.map(|new| (range, new)));
    }
    for block in &body.blocks {
        edits.extend(labels(block, pieces));
        let inside: Vec<&str> = inside.iter().copied().chain([&*block.kind.name]).collect();
        collect(&block.body, &inside, pieces, edits);
    }
}

/// The tokens of a stretch of the text.
fn tokens<'p, 'a>(range: Range<usize>, pieces: &'p [Piece<'a>]) -> &'p [Piece<'a>] {
    let at = |byte| pieces.partition_point(|piece| piece.start < byte);
    &pieces[at(range.start)..at(range.end)]
}

/// A type constraint in quotes, or a collection that does not say of what.
fn type_constraint<'a>(tokens: &[Piece<'a>]) -> Option<Vec<Piece<'a>>> {
    let (word, element) = match tokens {
        [word] if word.kind == T::Ident => (word, "any"),
        [open, word, close] if (open.kind, word.kind, close.kind) == (T::OQuote, T::Quoted, T::CQuote) => {
            (word, "string")
        }
        _ => return None,
    };
    let start = tokens[0].start;
    let mut new = vec![Piece::made(T::Ident, &*word.text, start)];
    match &*word.text {
        "list" | "map" => {}
        "set" if element == "any" => {}
        "string" if element == "string" => return Some(new),
        _ => return None,
    }
    new.extend([
        Piece::made(T::OParen, "(", start),
        Piece::made(T::Ident, element, start),
        Piece::made(T::CParen, ")", start),
    ]);
    Some(new)
}

/// `"${x}"` is `x`.
fn unwrapped<'a>(tokens: &[Piece<'a>]) -> Option<Vec<Piece<'a>>> {
    let [open, interpolation, inside @ .., end, close] = tokens else { return None };
    let around = (open.kind, interpolation.kind, end.kind, close.kind);
    if inside.is_empty() || around != (T::OQuote, T::Interp, T::SeqEnd, T::CQuote) {
        return None;
    }
    // In quotes of its own anything goes; outside of them a second sequence or a text says that the outer quotes are needed.
    let mut quotes = 0;
    for token in inside {
        match token.kind {
            T::OQuote => quotes += 1,
            T::CQuote => quotes -= 1,
            T::Interp | T::SeqEnd | T::Quoted if quotes <= 0 => return None,
            _ => {}
        }
    }
    let newline = |piece: &Piece<'_>| piece.kind == T::Newline;
    let first = inside.iter().position(|p| !newline(p))?;
    let last = inside.iter().rposition(|p| !newline(p))?;
    let inside = &inside[first..=last];
    let mut new = inside.to_vec();
    let parenthesised = inside[0].kind == T::OParen && inside[inside.len() - 1].kind == T::CParen;
    if inside.iter().any(Piece::ends_line) && !parenthesised {
        // Without them the expression would end with its first line.
        new.insert(0, Piece::made(T::OParen, "(", open.start));
        new.push(Piece::made(T::CParen, ")", close.start));
    }
    Some(new)
}

/// Labels in quotes, without comments between them.
fn labels<'a>(block: &Block, pieces: &[Piece<'a>]) -> Option<Edit<'a>> {
    let range = block.kind.span.range.end..block.labels.last()?.span.range.end;
    let old = tokens(range.clone(), pieces);
    let mut new = Vec::new();
    for label in &block.labels {
        let written = tokens(label.span.range.clone(), pieces);
        new.push(Piece::made(T::OQuote, "\"", range.start));
        match written {
            // With a template sign in it: as it is.
            [_, text, _] if text.text.contains(['$', '%']) => new.push(text.clone()),
            _ if label.text.is_empty() => {}
            _ => new.push(Piece::made(T::Quoted, escaped(&label.text), range.start)),
        }
        new.push(Piece::made(T::CQuote, "\"", range.start));
    }
    let same = old.len() == new.len() && old.iter().zip(&new).all(|(o, n)| o.text == n.text);
    (!same).then_some((range, new))
}

/// A text as it stands between quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let _ = match c {
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '"' | '\\' => write!(out, "\\{c}"),
            c if crate::lang::display::unprintable(c) && (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
            c if crate::lang::display::unprintable(c) => write!(out, "\\U{:08x}", c as u32),
            c => out.write_char(c),
        };
    }
    out
}

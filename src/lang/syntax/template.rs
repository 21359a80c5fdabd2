//! Templates: text in quotes, heredocs, whole files.
//!
//! A template is read as a flat list of pieces; strip markers and dedenting work on that list, because in both it matters what
//! stood next in the text, not what encloses it. Then directives are nested.

use super::{Parsed, Parser, T, Token};
use crate::diag::Span;
use crate::lang::ast::{Expr, ExprKind, Ident, Literal, Part, Template};
use std::sync::Arc;
use straddle_sdk::value::{Str, Value};
use unicode_segmentation::UnicodeSegmentation;

/// A stretch of a template before directives are nested.
enum Piece {
    Text(String, Span),
    Interpolation(Expr),
    If(Expr, Span),
    Else(Span),
    EndIf(Span),
    For(Option<Ident>, Ident, Expr, Span),
    EndFor(Span),
}

/// What ended a run of parts.
enum End {
    Template,
    Else(Span),
    If(Span),
    For(Span),
}

impl Parser<'_> {
    /// Text in quotes or a heredoc.
    pub(super) fn text(&mut self) -> Parsed<Expr> {
        let open = self.next();
        if open.kind == T::OQuote {
            // Most texts are a plain constant.
            let (first, second) = (self.tokens[self.at], self.tokens.get(self.at + 1));
            if first.kind == T::Quoted && second.is_some_and(|t| t.kind == T::CQuote) {
                self.at += 2;
                let text = self.literal_text(first);
                let span = self.since(open.start as usize);
                return Ok(Expr { kind: ExprKind::Literal(Literal(Value::string(text))), span });
            }
            let mut expr = self.template(T::CQuote, false, false)?;
            expr.span = self.since(open.start as usize);
            return Ok(expr);
        }
        let flush = self.slice(open).starts_with("<<-");
        let mut expr = self.template(T::CHeredoc, flush, true)?;
        expr.span = self.since(open.start as usize);
        Ok(expr)
    }

    /// A template up to and with the token `end`.
    pub(super) fn template(&mut self, end: T, flush: bool, heredoc: bool) -> Parsed<Expr> {
        let start = self.tokens[self.at].start as usize;
        let mut pieces = self.with_newlines(true, |p| p.pieces(end))?;
        if flush {
            dedent(&mut pieces);
        }
        // A single interpolation gives its value as it is; with any text beside it, even if stripped to nothing, a string.
        let single = pieces.len() == 1;
        let mut rest = pieces.into_iter();
        let parts = self.nest(&mut rest);
        let span = self.since(start);
        if parts.iter().all(|part| matches!(part, Part::Text(..))) {
            let text: String =
                parts.iter().map(|part| if let Part::Text(text, _) = part { text } else { "" }).collect();
            return Ok(Expr { kind: ExprKind::Literal(Literal(Value::string(text))), span });
        }
        let mut parts = parts;
        if !single && matches!(parts.as_slice(), [Part::Interpolation(_)]) {
            parts.push(Part::Text(Str::new(""), span.clone()));
        }
        Ok(Expr { kind: ExprKind::Template(Arc::new(Template { parts, heredoc })), span })
    }

    fn pieces(&mut self, end: T) -> Parsed<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut strip_next = false;
        let mut after_text = false;
        loop {
            let token = self.next();
            if token.kind == end {
                return Ok(pieces);
            }
            let strip_left = std::mem::take(&mut strip_next);
            let before_text = std::mem::take(&mut after_text);
            match token.kind {
                T::Quoted | T::Text => {
                    let text = self.literal_text(token);
                    let text = if strip_left { text.trim_start().to_owned() } else { text };
                    pieces.push(Piece::Text(text, self.span(token)));
                    after_text = true;
                }
                // Reported with the tokens.
                T::QuotedNewline => return Err(super::Stuck),
                T::Interp | T::Control => {
                    if let (true, Some(Piece::Text(text, _))) =
                        (before_text && self.slice(token).ends_with('~'), pieces.last_mut())
                    {
                        text.truncate(text.trim_end().len());
                    }
                    let (piece, strip) = self.with_newlines(false, |p| {
                        if token.kind == T::Interp { p.interpolation(token, end) } else { p.directive(token) }
                    })?;
                    pieces.extend(piece);
                    strip_next = strip;
                }
                _ => {
                    let detail = "No closing marker was found for the string.";
                    return self.fail("Unterminated template string", detail, self.span(token));
                }
            }
        }
    }

    /// After `${`. With whether the closing brace strips what follows.
    fn interpolation(&mut self, open: Token, end: T) -> Parsed<(Option<Piece>, bool)> {
        let expr = self.expr()?;
        let close = self.peek();
        let (summary, detail) = match close.kind {
            T::SeqEnd => {
                self.next();
                return Ok((Some(Piece::Interpolation(expr)), self.slice(close).starts_with('~')));
            }
            T::Eof => (
                "Unclosed template interpolation sequence",
                "There is no closing brace for this interpolation sequence before the end of the file. This might be \
                 caused by incorrect nesting inside the given expression.",
            ),
            T::OQuote | T::CQuote if end == T::CQuote => (
                "Unclosed template interpolation sequence",
                "There is no closing brace for this interpolation sequence before the end of the quoted template. This \
                 might be caused by incorrect nesting inside the given expression.",
            ),
            T::Colon => (
                "Extra characters after interpolation expression",
                "Template interpolation doesn't expect a colon at this location. Did you intend this to be a literal \
                 sequence to be processed as part of another language? If so, you can escape it by starting with \"$${\" \
                 instead of just \"${\".",
            ),
            _ => (
                "Extra characters after interpolation expression",
                "Expected a closing brace to end the interpolation expression, but found extra characters.\n\nThis can \
                 happen when you include interpolation syntax for another language, such as shell scripting, but forget \
                 to escape the interpolation start token. If this is an embedded sequence for another language, escape it \
                 by starting with \"$${\" instead of just \"${\".",
            ),
        };
        let place = if summary.starts_with("Unclosed") { open } else { close };
        self.fail(summary, detail, self.span(place))
    }

    /// After `%{`. With whether the closing brace strips what follows.
    fn directive(&mut self, open: Token) -> Parsed<(Option<Piece>, bool)> {
        let word = self.peek();
        if word.kind != T::Ident {
            let detail =
                "A template directive keyword (\"if\", \"for\", etc) is expected at the beginning of a %{ sequence.";
            return self.fail("Invalid template directive", detail, self.span(word));
        }
        self.next();
        let start = open.start as usize;
        let keyword = self.slice(word);
        let mut piece = match keyword {
            "if" => Piece::If(self.expr()?, self.between(start, start)),
            "for" => {
                let (key, value) = self.for_names("'for' directive", "For directive")?;
                Piece::For(key, value, self.expr()?, self.between(start, start))
            }
            "else" => Piece::Else(self.between(start, start)),
            "endif" => Piece::EndIf(self.between(start, start)),
            "endfor" => Piece::EndFor(self.between(start, start)),
            _ => {
                let near = crate::lang::suggest::nearest(keyword, ["if", "for", "else", "endif", "endfor"]);
                let mean = near.map_or(String::new(), |n| format!(" Did you mean {n:?}?"));
                let detail = format!("{keyword:?} is not a valid template control keyword.{mean}");
                return self.fail("Invalid template control keyword", detail, self.span(word));
            }
        };
        let close = self.peek();
        if close.kind != T::SeqEnd {
            let summary = format!("Extra characters in {keyword} marker");
            let detail = "Expected a closing brace to end the sequence, but found extra characters.";
            return self.fail(&summary, detail, self.span(close));
        }
        self.next();
        if let Piece::If(_, span)
        | Piece::Else(span)
        | Piece::EndIf(span)
        | Piece::For(_, _, _, span)
        | Piece::EndFor(span) = &mut piece
        {
            span.range.end = close.end as usize;
        }
        Ok((Some(piece), self.slice(close).starts_with('~')))
    }

    /// Nests all pieces; ends that match nothing are reported.
    fn nest(&mut self, pieces: &mut std::vec::IntoIter<Piece>) -> Vec<Part> {
        let mut all = Vec::new();
        loop {
            let (parts, end) = self.run(pieces, 0);
            all.extend(parts);
            let (name, span) = match end {
                End::Template => return joined(all),
                End::Else(span) => ("else", span),
                End::If(span) => ("endif", span),
                End::For(span) => ("endfor", span),
            };
            let detail = "The control directives within this template are unbalanced.";
            self.error(&format!("Unexpected {name} directive"), detail, span);
        }
    }

    /// Parts up to a directive that ends or divides the enclosing one.
    fn run(&mut self, pieces: &mut std::vec::IntoIter<Piece>, depth: u32) -> (Vec<Part>, End) {
        let mut parts = Vec::new();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text, span) => parts.push(Part::Text(Str::from(text), span)),
                Piece::Interpolation(expr) => parts.push(Part::Interpolation(expr)),
                Piece::If(_, span) | Piece::For(_, _, _, span) if depth >= super::MAX_DEPTH => {
                    let detail = format!("Directives can be nested {} levels deep, not more.", super::MAX_DEPTH);
                    self.error("Nested too deeply", detail, span);
                    pieces.by_ref().for_each(drop);
                }
                Piece::If(cond, span) => parts.push(self.nest_if(cond, span, pieces, depth)),
                Piece::For(key, value, collection, span) => {
                    let (body, end) = self.run(pieces, depth + 1);
                    if !matches!(end, End::For(_)) {
                        self.unbalanced("for", &span, end);
                    }
                    parts.push(Part::For { key, value, collection, body: joined(body), span });
                }
                Piece::Else(span) => return (parts, End::Else(span)),
                Piece::EndIf(span) => return (parts, End::If(span)),
                Piece::EndFor(span) => return (parts, End::For(span)),
            }
        }
        (parts, End::Template)
    }

    fn nest_if(&mut self, cond: Expr, span: Span, pieces: &mut std::vec::IntoIter<Piece>, depth: u32) -> Part {
        let (yes, end) = self.run(pieces, depth + 1);
        let (no, end) = match end {
            End::Else(_) => self.run(pieces, depth + 1),
            end => (Vec::new(), end),
        };
        match end {
            End::If(_) => {}
            End::Else(place) => {
                let from = self.place(&span);
                let detail = format!("Already in the else clause for the if started at {from}.");
                self.error("Unexpected else directive", detail, place);
            }
            end => self.unbalanced("if", &span, end),
        }
        Part::If { cond, yes: joined(yes), no: joined(no), span }
    }

    /// Reports that the directive opened at `span` is not closed by what closes it.
    fn unbalanced(&mut self, name: &str, span: &Span, end: End) {
        let from = self.place(span);
        let (found, place) = match end {
            End::Template => {
                let detail =
                    format!("The {name} directive at {from} is missing its corresponding end{name} directive.");
                // The closing quote, where there is one; else the end.
                let end = self.tokens[self.at.saturating_sub(1)];
                let end = if end.kind == T::CQuote { end } else { self.tokens[self.at] };
                let place = self.span(end);
                return self.error("Unexpected end of template", detail, place);
            }
            End::Else(place) => ("else", place),
            End::If(place) => ("endif", place),
            End::For(place) => ("endfor", place),
        };
        let corresponding = if name == "for" { "corresponding to" } else { "for" };
        let detail = format!("Expecting an end{name} directive {corresponding} the {name} directive at {from}.");
        let detail = if name == "if" { detail.replace("the if directive at", "the if started at") } else { detail };
        self.error(&format!("Unexpected {found} directive"), detail, place);
    }
}

/// Neighbouring texts as one, empty ones left out.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    let mut pending: Option<(String, Span)> = None;
    for part in parts {
        match (part, &mut pending) {
            (Part::Text(text, _), _) if text.is_empty() => {}
            (Part::Text(text, span), Some((before, place))) => {
                before.push_str(&text);
                place.range.end = span.range.end;
            }
            (Part::Text(text, span), None) => pending = Some((text.to_string(), span)),
            (other, _) => {
                out.extend(pending.take().map(|(text, span)| Part::Text(Str::from(text), span)));
                out.push(other);
            }
        }
    }
    out.extend(pending.map(|(text, span)| Part::Text(Str::from(text), span)));
    out
}

/// Takes away from each line the indentation all lines have. Lines that are blank do not count; a line that begins with a
/// sequence has none.
fn dedent(pieces: &mut [Piece]) {
    let mut least = usize::MAX;
    let mut indented = Vec::new();
    let mut line_start = true;
    for (at, piece) in pieces.iter().enumerate() {
        let text = if let Piece::Text(text, _) = piece { Some(text) } else { None };
        if std::mem::take(&mut line_start) {
            match text {
                Some(text) if text.trim_start().is_empty() && text.ends_with('\n') => {}
                Some(text) => {
                    let blank = &text[..text.len() - text.trim_start().len()];
                    least = least.min(blank.graphemes(true).count());
                    indented.push(at);
                }
                None => least = 0,
            }
        }
        line_start = text.is_some_and(|text| text.ends_with('\n'));
    }
    for at in indented {
        if let Some(Piece::Text(text, _)) = pieces.get_mut(at) {
            let cut = text.grapheme_indices(true).nth(least).map_or(text.len(), |(byte, _)| byte);
            text.drain(..cut);
        }
    }
}

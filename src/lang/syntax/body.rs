//! Bodies: attributes and blocks, and how to go on after an error in one of them.

use super::{Parsed, Parser, Stuck, T, Token};
use crate::diag::Span;
use crate::lang::ast::{Attribute, Block, Body, Expr, ExprKind, Ident, Label};
use std::collections::HashMap;
use std::sync::Arc;
use straddle_sdk::value::Str;

/// Terraform's top-level blocks, then straddle's.
/// Types of blocks that stand at the top of a file.
pub const TOP_LEVEL: &[&str] = &[
    "resource",
    "data",
    "variable",
    "output",
    "locals",
    "module",
    "provider",
    "terraform",
    "moved",
    "import",
    "removed",
    "check",
    "ephemeral",
    "straddle",
    "location",
    "shared_risk",
    "workload",
    "probe",
    "vantage",
    "accept",
    "standby",
    "overflow",
    "backup",
    "distance",
    "stand_in",
    "limit",
    "runbook",
    "change",
    "owner",
];

/// Whether a block of this type stands at the top of a file.
pub fn is_top_level(kind: &str) -> bool {
    TOP_LEVEL.contains(&kind)
}

/// An attribute or a block.
enum Item {
    Attribute(Attribute),
    Block(Block),
}

/// What a body is read into; finds attributes set twice.
#[derive(Default)]
struct Items {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
    places: HashMap<Str, Span>,
}

impl Parser<'_> {
    /// The whole file.
    pub(super) fn file(&mut self) -> Body {
        let items = self.items(None);
        let span = self.between(0, self.source.text.len());
        Body { attributes: items.attributes, blocks: items.blocks, span, merged: false }
    }

    /// Items up to the closing brace, which is left, or to the end of the file. `open` is the brace of the enclosing block.
    fn items(&mut self, open: Option<Token>) -> Items {
        let mut items = Items::default();
        // What follows the head of a broken block on the next line belongs to it and is not reported again.
        let mut told = false;
        loop {
            let next = self.peek();
            match next.kind {
                T::Newline => {
                    self.next();
                }
                T::Eof => break,
                T::CBrace if open.is_some() => break,
                T::Ident if open.is_some() && self.resync && self.starts_top_level(next) => break,
                T::Ident => {
                    let start = self.at;
                    match self.item() {
                        Ok(Item::Attribute(attribute)) => self.add_attribute(&mut items, attribute),
                        Ok(Item::Block(block)) => items.blocks.push(block),
                        Err(Stuck) => {
                            self.recover(start);
                            told = true;
                            continue;
                        }
                    }
                    told = false;
                }
                _ => {
                    let (summary, detail) = match next.kind {
                        T::OQuote => ("Invalid argument name", "Argument names must not be quoted."),
                        _ => (
                            "Argument or block definition required",
                            "An argument or block definition is required here.",
                        ),
                    };
                    if !std::mem::take(&mut told) {
                        self.error(summary, detail, self.span(next));
                    }
                    let start = self.at;
                    self.next();
                    self.recover(start);
                }
            }
        }
        items
    }

    /// Adds an attribute unless there is one of its name.
    fn add_attribute(&mut self, items: &mut Items, attribute: Attribute) {
        match items.places.get(&attribute.name.name) {
            Some(first) => {
                let place = self.place(first);
                let detail = format!(
                    "The argument {:?} was already set at {place}. Each argument may be set only once.",
                    &*attribute.name.name
                );
                self.error("Attribute redefined", detail, attribute.name.span);
            }
            None => {
                items.places.insert(attribute.name.name.clone(), attribute.name.span.clone());
                items.attributes.push(attribute);
            }
        }
    }

    /// Whether a known top-level block starts here, at the start of a line.
    fn starts_top_level(&mut self, token: Token) -> bool {
        let at_line_start = token.start == 0 || self.source.text.as_bytes()[token.start as usize - 1] == b'\n';
        at_line_start
            && is_top_level(self.slice(token))
            && matches!(self.peek_second(), T::Ident | T::OQuote | T::OBrace)
    }

    fn item(&mut self) -> Parsed<Item> {
        let name = self.next();
        match self.peek().kind {
            T::Equal => Ok(Item::Attribute(self.attribute(name, true)?)),
            T::OQuote | T::OBrace | T::Ident => Ok(Item::Block(self.block(name)?)),
            _ => {
                let detail = "An argument or block definition is required here. To set an argument, use the equals sign \
                              \"=\" to introduce the argument value.";
                self.fail("Argument or block definition required", detail, self.span(name))
            }
        }
    }

    fn ident(&self, token: Token) -> Ident {
        Ident { name: Str::new(self.slice(token)), span: self.span(token) }
    }

    /// After the name. With `line` the line must end after it.
    fn attribute(&mut self, name: Token, line: bool) -> Parsed<Attribute> {
        let start = self.at;
        self.next();
        let expr = match self.expr() {
            Ok(expr) => expr,
            // The name is kept: otherwise the argument would be reported missing as well.
            Err(Stuck) if line => {
                self.recover(start);
                Expr { kind: ExprKind::Invalid, span: self.since(self.tokens[start].end as usize) }
            }
            Err(Stuck) => return Err(Stuck),
        };
        let span = self.between(name.start as usize, expr.span.range.end);
        let attribute = Attribute { name: self.ident(name), expr, span, json: None };
        if line {
            let end = self.peek();
            if !matches!(end.kind, T::Newline | T::Eof) {
                self.error_after_attribute(end);
                self.recover(start);
            }
            self.eat(T::Newline);
        }
        Ok(attribute)
    }

    fn error_after_attribute(&mut self, end: Token) {
        let (summary, detail) = match end.kind {
            T::Comma => (
                "Unexpected comma after argument",
                "Argument definitions must be separated by newlines, not commas. An argument definition must end with a newline.",
            ),
            _ => ("Missing newline after argument", "An argument definition must end with a newline."),
        };
        self.error(summary, detail, self.span(end));
    }

    /// After the type.
    fn block(&mut self, kind: Token) -> Parsed<Block> {
        let mut labels: Vec<Label> = Vec::new();
        let open = loop {
            let next = self.peek();
            match next.kind {
                T::OBrace => break self.next(),
                T::OQuote => {
                    let label = self.quoted_label()?;
                    labels.push(label);
                }
                T::Ident => {
                    self.next();
                    let ident = self.ident(next);
                    labels.push(Label { text: ident.name, span: ident.span, quoted: false });
                }
                _ => return self.bad_header(next),
            }
        };
        let header_end = labels.last().map_or(kind.end as usize, |l| l.span.range.end);
        self.blocks += 1;
        let body = self.deeper(|p| p.block_body(open));
        self.blocks -= 1;
        let body = body?;
        let close = self.tokens[self.at];
        let closed = close.kind == T::CBrace;
        if closed {
            self.next();
        } else {
            self.unclosed = true;
            let detail = "There is no closing brace for this block before the end of the file. This may be caused by \
                          incorrect brace nesting elsewhere in this file.";
            // Something else is wrong before: then that is why.
            if self.diags.is_empty() {
                self.error("Unclosed configuration block", detail, self.span(open));
            }
        }
        let end = if closed { close.end as usize } else { close.start as usize };
        let block = Block {
            kind: self.ident(kind),
            labels,
            body: Arc::new(Body {
                attributes: body.attributes,
                blocks: body.blocks,
                span: self.between(open.start as usize, end),
                merged: false,
            }),
            span: self.between(kind.start as usize, end),
            header: self.between(kind.start as usize, header_end),
            open: self.span(open),
            close: if closed { self.span(close) } else { self.between(end, end) },
        };
        if closed {
            self.line_end_after_block();
        }
        Ok(block)
    }

    fn line_end_after_block(&mut self) {
        let start = self.at;
        let end = self.peek();
        match end.kind {
            T::Newline => {
                self.next();
            }
            // The enclosing block's business.
            T::Eof => {}
            _ => {
                self.error(
                    "Missing newline after block definition",
                    "A block definition must end with a newline.",
                    self.span(end),
                );
                self.recover(start);
            }
        }
    }

    fn bad_header<N>(&mut self, token: Token) -> Parsed<N> {
        let detail = match token.kind {
            T::Equal => {
                "The equals sign \"=\" indicates an argument definition, and must not be used when defining a block."
            }
            T::Newline => {
                "A block definition must have block content delimited by \"{\" and \"}\", starting on the same line as \
                 the block header."
            }
            _ => "Either a quoted string block label or an opening brace (\"{\") is expected here.",
        };
        self.fail("Invalid block definition", detail, self.span(token))
    }

    /// A label in quotes; text only.
    fn quoted_label(&mut self) -> Parsed<Label> {
        let open = self.next();
        let mut text = String::new();
        loop {
            let next = self.next();
            match next.kind {
                T::CQuote => {
                    let span = self.between(open.start as usize, next.end as usize);
                    return Ok(Label { text: Str::from(text), span, quoted: true });
                }
                T::Quoted => text.push_str(&self.literal_text(next)),
                T::Interp | T::Control => {
                    let sign = if next.kind == T::Interp { '$' } else { '%' };
                    let detail = format!(
                        "Template sequences are not allowed in this string. To include a literal \"{sign}\", double it \
                         (as \"{sign}{sign}\") to escape it."
                    );
                    return self.fail("Invalid string literal", detail, self.span(next));
                }
                // Reported with the tokens.
                T::QuotedNewline => return Err(Stuck),
                _ => {
                    let detail = "Unable to find the closing quote mark before the end of the file.";
                    return self.fail("Unterminated string literal", detail, self.span(open));
                }
            }
        }
    }

    /// After the opening brace, up to the closing one.
    fn block_body(&mut self, open: Token) -> Parsed<Items> {
        if matches!(self.peek().kind, T::Newline | T::Eof | T::CBrace) {
            return Ok(self.items(Some(open)));
        }
        let mut items = Items::default();
        let name = self.next();
        let second = self.peek().kind;
        if name.kind != T::Ident {
            let detail = "An argument or block definition is required here.";
            return self.fail("Argument or block definition required", detail, self.span(name));
        }
        match second {
            T::Equal => items.attributes.push(self.attribute(name, false)?),
            T::OQuote | T::OBrace | T::Ident => {
                let detail = format!(
                    "A single-line block definition can contain only a single argument. If you meant to define argument \
                     {:?}, use an equals sign to assign it a value. To define a nested block, place it on a line of its \
                     own within its parent block.",
                    self.slice(name)
                );
                return self.fail("Argument definition required", detail, self.span(name));
            }
            _ => {
                let detail = "An argument or block definition is required here. To set an argument, use the equals sign \
                              \"=\" to introduce the argument value.";
                return self.fail("Argument or block definition required", detail, self.span(name));
            }
        }
        let end = self.peek();
        if end.kind == T::CBrace {
            return Ok(items);
        }
        let detail = match end.kind {
            T::Comma => {
                "Single-line block syntax can include only one argument definition. To define multiple arguments, use the \
                 multi-line block syntax with one argument definition per line."
            }
            T::Newline => {
                "An argument definition on the same line as its containing block creates a single-line block definition, \
                 which must also be closed on the same line. Place the block's closing brace immediately after the \
                 argument definition."
            }
            _ => {
                "A single-line block definition must end with a closing brace immediately after its single argument definition."
            }
        };
        self.fail("Invalid single-argument block definition", detail, self.span(end))
    }

    /// Goes to the line end after the item that began at token `start`, past all brackets opened since then. Where brackets do
    /// not match up, the next line that looks like the start of a block at the top of the file, or ends one, is the place.
    fn recover(&mut self, start: usize) {
        let stuck = self.at;
        let mut open: Vec<T> = Vec::new();
        let mut at = start;
        loop {
            let kind = self.tokens[at].kind;
            match kind {
                T::Newline if open.is_empty() && at >= stuck => break,
                T::CBrace if open.is_empty() && at >= stuck && self.blocks > 0 => break,
                T::Eof => break,
                T::OBrace | T::OBrack | T::OParen | T::OQuote | T::OHeredoc | T::Interp | T::Control => open.push(kind),
                T::CBrace | T::CBrack | T::CParen | T::CQuote | T::CHeredoc | T::SeqEnd => {
                    match open.iter().rposition(|o| closes(*o, kind)) {
                        Some(opener) => open.truncate(opener),
                        // Closes more than the item opened.
                        None => open.clear(),
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.at = if self.tokens[at].kind == T::Eof && !open.is_empty() { self.next_line_start(stuck) } else { at };
    }

    /// The first line end from token `from` whose next line is the head of a known block, or a closing brace alone, at column 1.
    fn next_line_start(&self, from: usize) -> usize {
        let bytes = self.source.text.as_bytes();
        (from..self.tokens.len())
            .find(|at| {
                let token = self.tokens[*at];
                let line_start = token.start > 0 && bytes[token.start as usize - 1] == b'\n';
                line_start && (token.kind == T::CBrace || (token.kind == T::Ident && is_top_level(self.slice(token))))
            })
            .unwrap_or(self.tokens.len() - 1)
    }
}

fn closes(open: T, close: T) -> bool {
    matches!(
        (open, close),
        (T::OBrace, T::CBrace)
            | (T::OBrack, T::CBrack)
            | (T::OParen, T::CParen)
            | (T::OQuote, T::CQuote)
            | (T::OHeredoc, T::CHeredoc)
            | (T::Interp | T::Control, T::SeqEnd)
    )
}

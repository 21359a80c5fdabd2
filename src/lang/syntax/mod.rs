//! Text to syntax tree: our own scanner and recursive-descent parser.
//!
//! Why not hcl-edit's parser, which the project uses for formatting and for writing configuration: it reports the first error
//! of a file alone and often far from the fault; it silently loses attributes after an empty heredoc; it refuses duplicate
//! object keys, newlines in an object `for`, large numbers and deep nesting, all of which are valid. Masking those before and
//! repairing the tree after takes a scanner of the whole language anyway, and then the parser is the smaller half. hcl-edit
//! stays the oracle: `tests/conformance.rs` compares verdicts on every snippet.
//!
//! Errors: every block of a file is parsed, whatever is wrong in another. Summaries, details and places are Terraform's.
//! Work is linear in the text; nesting is bounded by [`MAX_DEPTH`].

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

mod body;
mod expr;
pub mod format;
pub mod json;
mod literal;
mod scan;
mod template;
#[cfg(test)]
mod tests;

use super::ast::{Body, Expr};
use crate::diag::position::LineIndex;
use crate::diag::{Diagnostic, FileId, Span};
use scan::{T, Token};
use std::cell::OnceCell;

pub use body::{TOP_LEVEL, is_top_level};

/// Expressions and blocks may be nested so deep. Bounds the stack of everything that walks a tree.
pub const MAX_DEPTH: u32 = 200;

/// So many operators, or steps that are not constant, may follow each other in one expression.
const MAX_CHAIN: usize = 2000;

/// A text to parse. `name` is what messages call it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub file: FileId,
    pub name: &'a str,
    pub text: &'a str,
}

/// Parses a configuration file (or a `.tfvars` file). With errors the body holds all that could be read.
pub fn parse_body(source: Text<'_>) -> (Body, Vec<Diagnostic>) {
    let tokens = scan::scan(source.text);
    let mut parser = Parser::new(source, &tokens);
    parser.check_tokens();
    let body = parser.file();
    if !parser.unclosed {
        return (body, parser.finish());
    }
    // A brace is missing somewhere: take a known block at the start of a line for the end of what is open.
    let mut parser = Parser { resync: true, ..Parser::new(source, &tokens) };
    parser.check_tokens();
    let body = parser.file();
    (body, parser.finish())
}

/// Parses one expression that is the whole text. Line ends inside it do not matter.
pub fn parse_expr(source: Text<'_>) -> (Expr, Vec<Diagnostic>) {
    let tokens = scan::scan(source.text);
    let mut parser = Parser::new(source, &tokens);
    parser.check_tokens();
    parser.newlines = false;
    let expr = match parser.expr() {
        Ok(expr) => {
            let next = parser.peek();
            if next.kind != T::Eof {
                let message = "An expression was successfully parsed, but extra characters were found after it.";
                parser.error("Extra characters after expression", message, parser.span(next));
            }
            expr
        }
        Err(Stuck) => parser.invalid(0),
    };
    (expr, parser.finish())
}

/// Parses a whole text as a template: the contents of a heredoc without its markers.
pub fn parse_template(source: Text<'_>) -> (Expr, Vec<Diagnostic>) {
    template_in(source, None)
}

/// Where a text stands in the file it is from: messages tell places of the file.
#[derive(Clone, Copy, Debug)]
struct Within<'a> {
    text: &'a str,
    lines: &'a LineIndex,
    /// Where the text begins.
    from: usize,
}

fn template_in<'a>(source: Text<'a>, within: Option<Within<'a>>) -> (Expr, Vec<Diagnostic>) {
    let tokens = scan::scan_template(source.text);
    let mut parser = Parser { within, ..Parser::new(source, &tokens) };
    parser.check_tokens();
    let expr = match parser.template(T::Eof, false, true) {
        Ok(expr) => expr,
        Err(Stuck) => parser.invalid(0),
    };
    (expr, parser.finish())
}

/// An error was reported and the parser does not know where it stands.
struct Stuck;

type Parsed<N> = Result<N, Stuck>;

struct Parser<'a> {
    source: Text<'a>,
    tokens: &'a [Token],
    at: usize,
    /// Whether line ends count.
    newlines: bool,
    depth: u32,
    /// Blocks open around the next token.
    blocks: u32,
    /// Some block had no closing brace.
    unclosed: bool,
    /// Take a known block at the start of a line for the end of an unclosed block.
    resync: bool,
    diags: Vec<Diagnostic>,
    /// Where the lines begin, found with the first place that is told in words.
    lines: OnceCell<LineIndex>,
    within: Option<Within<'a>>,
}

impl<'a> Parser<'a> {
    fn new(source: Text<'a>, tokens: &'a [Token]) -> Parser<'a> {
        Parser {
            source,
            tokens,
            at: 0,
            newlines: true,
            depth: 0,
            blocks: 0,
            unclosed: false,
            resync: false,
            diags: Vec::new(),
            lines: OnceCell::new(),
            within: None,
        }
    }

    /// A place of this text as messages write it.
    fn place(&self, span: &Span) -> String {
        let Text { name, text, .. } = self.source;
        if let Some(within) = self.within {
            let range = span.range.start + within.from..span.range.end + within.from;
            return within.lines.range_text(name, within.text, &Span { file: span.file, range });
        }
        self.lines.get_or_init(|| LineIndex::of(text)).range_text(name, text, span)
    }

    /// The diagnostics by place.
    /// Diagnostics as Terraform orders them: of tokens first, then as the parser came by.
    fn finish(self) -> Vec<Diagnostic> {
        self.diags
    }

    /// The next token, not taken.
    fn peek(&mut self) -> Token {
        if !self.newlines {
            while self.tokens[self.at].kind == T::Newline {
                self.at += 1;
            }
        }
        self.tokens[self.at]
    }

    /// The token after the next.
    fn peek_second(&mut self) -> T {
        self.peek();
        self.tokens[self.at + 1..].iter().find(|t| self.newlines || t.kind != T::Newline).map_or(T::Eof, |t| t.kind)
    }

    /// Takes the next token. The last, `Eof`, is never taken away.
    fn next(&mut self) -> Token {
        let token = self.peek();
        if token.kind != T::Eof {
            self.at += 1;
        }
        token
    }

    /// Takes the next token if it is of this kind.
    fn eat(&mut self, kind: T) -> bool {
        let found = self.peek().kind == kind;
        if found {
            self.next();
        }
        found
    }

    /// Whether the next token is this word.
    fn at_word(&mut self, word: &str) -> bool {
        let token = self.peek();
        token.kind == T::Ident && self.slice(token) == word
    }

    fn slice(&self, token: Token) -> &'a str {
        &self.source.text[token.start as usize..token.end as usize]
    }

    fn span(&self, token: Token) -> Span {
        self.between(token.start as usize, token.end as usize)
    }

    fn between(&self, start: usize, end: usize) -> Span {
        Span { file: self.source.file, range: start..end.max(start) }
    }

    /// From a place to the end of the token taken last.
    fn since(&self, start: usize) -> Span {
        let last = self.tokens[..self.at].iter().rev().find(|t| t.kind != T::Newline);
        self.between(start, last.map_or(start, |t| t.end as usize))
    }

    fn invalid(&self, start: usize) -> Expr {
        Expr { kind: super::ast::ExprKind::Invalid, span: self.since(start) }
    }

    fn error(&mut self, summary: &str, detail: impl Into<String>, span: Span) {
        self.diags.push(Diagnostic::error(summary, detail).at(&span));
    }

    /// Reports an error from which only the enclosing item recovers.
    fn fail<N>(&mut self, summary: &str, detail: impl Into<String>, span: Span) -> Parsed<N> {
        self.error(summary, detail, span);
        Err(Stuck)
    }

    /// Runs `parse` one level deeper.
    fn deeper<N>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<N>) -> Parsed<N> {
        if self.depth >= MAX_DEPTH {
            let span = self.peek();
            let detail = format!("Expressions and blocks can be nested {MAX_DEPTH} levels deep, not more.");
            return self.fail("Nested too deeply", detail, self.span(span));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Runs `parse` with line ends counting or not. After an error that stops it, the caller's setting is back as well.
    fn with_newlines<N>(&mut self, newlines: bool, parse: impl FnOnce(&mut Self) -> Parsed<N>) -> Parsed<N> {
        let saved = std::mem::replace(&mut self.newlines, newlines);
        let parsed = parse(self);
        self.newlines = saved;
        parsed
    }

    /// Reports characters that are in no token of the language, the first of each kind.
    fn check_tokens(&mut self) {
        let mut told = Vec::new();
        let mut invalid = 0;
        for token in self.tokens {
            let foreign = matches!(
                token.kind,
                T::Bitwise | T::Apostrophe | T::Backtick | T::Semicolon | T::Invalid | T::QuotedNewline
            );
            let text = self.slice(*token);
            if !foreign || (token.kind != T::Invalid && told.contains(&text)) {
                continue;
            }
            if token.kind == T::Invalid {
                invalid += 1;
                // A file of something else: no one reads more.
                if invalid > MOST_INVALID {
                    continue;
                }
            }
            told.push(text);
            let (summary, detail) = foreign_token(token.kind, text);
            self.error(summary, detail, self.span(*token));
        }
    }
}

/// So many characters that are in no token are told of.
const MOST_INVALID: usize = 100;

/// Summary and detail for a token that is none of the language's.
fn foreign_token(kind: T, text: &str) -> (&'static str, String) {
    let detail = match (kind, text) {
        (T::Bitwise, _) => {
            let instead = match text {
                "&" => " Did you mean boolean AND (\"&&\")?",
                "|" => " Did you mean boolean OR (\"||\")?",
                "~" => " Did you mean boolean NOT (\"!\")?",
                _ => "",
            };
            return ("Unsupported operator", format!("Bitwise operators are not supported.{instead}"));
        }
        (T::QuotedNewline, _) => {
            let detail = "Quoted strings may not be split over multiple lines. To produce a multi-line string, either \
                          use the \\n escape to represent a newline character or use the \"heredoc\" multi-line \
                          template syntax.";
            return ("Invalid multi-line string", detail.into());
        }
        (T::Apostrophe, _) => "Single quotes are not valid. Use double quotes (\") to enclose strings.",
        (T::Backtick, _) => {
            "The \"`\" character is not valid. To create a multi-line string, use the \"heredoc\" syntax, like \
             \"<<EOT\"."
        }
        (T::Semicolon, _) => {
            "The \";\" character is not valid. Use newlines to separate arguments and blocks, and commas to separate \
             items in collection values."
        }
        (_, "“" | "”") => {
            "\"Curly quotes\" are not valid here. These can sometimes be inadvertently introduced when sharing code via \
             documents or discussion forums. It might help to replace the character with a \"straight quote\"."
        }
        _ => "This character is not used within the language.",
    };
    ("Invalid character", detail.into())
}

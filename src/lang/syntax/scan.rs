//! Tokens. One pass over the bytes; blanks are left out, comments too unless asked for, line ends are kept.
//!
//! Inside quotes and heredocs the text is scanned by its own rules until the template ends; `${` and `%{` put the ordinary
//! rules on top again until the brace that closes them. A heredoc's text comes one token a line, because strip markers and
//! dedenting work on lines.

use crate::lang::address::ident_len;

/// A token: its kind and the bytes it was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: T,
    pub start: u32,
    pub end: u32,
}

/// The kinds of token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the field's")]
pub enum T {
    OBrace,
    CBrace,
    OBrack,
    CBrack,
    OParen,
    CParen,
    OQuote,
    CQuote,
    /// `<<EOT` and its line end.
    OHeredoc,
    /// The marker's line, without its line end.
    CHeredoc,
    Star,
    Slash,
    Plus,
    Minus,
    Percent,
    Equal,
    EqualOp,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Bang,
    Dot,
    Comma,
    Ellipsis,
    FatArrow,
    Question,
    Colon,
    DoubleColon,
    /// `${` or `${~`.
    Interp,
    /// `%{` or `%{~`.
    Control,
    /// `}` or `~}` that closes one of them.
    SeqEnd,
    /// Text inside quotes.
    Quoted,
    /// Text of a heredoc or of a template that is a whole file.
    Text,
    Number,
    Ident,
    Newline,
    /// A line end inside quotes.
    QuotedNewline,
    /// Without the line end of one that runs to it. Only where comments are asked for.
    Comment,
    /// `&`, `|`, `^`, `~`.
    Bitwise,
    Apostrophe,
    Backtick,
    Semicolon,
    Invalid,
    Eof,
}

/// What the scanner is inside of.
enum Mode<'a> {
    /// Ordinary rules; so many braces are open since `${`. The outermost has no `${` to close.
    Normal {
        braces: u32,
        outermost: bool,
    },
    Quoted,
    Heredoc {
        marker: &'a str,
        line_start: bool,
    },
    /// A whole file that is a template.
    Bare,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    modes: Vec<Mode<'a>>,
    /// Whether comments become tokens.
    comments: bool,
}

/// The tokens of a configuration file. The text must be shorter than 4 GiB.
pub fn scan(text: &str) -> Vec<Token> {
    run(text, Mode::Normal { braces: 0, outermost: true }, false)
}

/// The tokens of a configuration file with its comments.
pub fn scan_with_comments(text: &str) -> Vec<Token> {
    run(text, Mode::Normal { braces: 0, outermost: true }, true)
}

/// The tokens of a template that is a whole text.
pub fn scan_template(text: &str) -> Vec<Token> {
    run(text, Mode::Bare, false)
}

fn run<'a>(text: &'a str, mode: Mode<'a>, comments: bool) -> Vec<Token> {
    let tokens = Vec::with_capacity(text.len() / 5 + 4);
    let mut scanner = Scanner { text, at: 0, tokens, modes: vec![mode], comments };
    if text.starts_with('\u{feff}') {
        scanner.at = '\u{feff}'.len_utf8();
    }
    while scanner.at < text.len() {
        match scanner.modes.last() {
            None | Some(Mode::Normal { .. }) => scanner.normal(),
            Some(Mode::Quoted) => scanner.quoted(),
            Some(Mode::Heredoc { .. }) | Some(Mode::Bare) => scanner.lines(),
        }
    }
    scanner.push(T::Eof, scanner.at);
    scanner.tokens
}

impl<'a> Scanner<'a> {
    /// A token from `start` to here.
    fn push(&mut self, kind: T, start: usize) {
        self.tokens.push(Token { kind, start: start as u32, end: self.at as u32 });
    }

    /// A token of the next `length` bytes.
    fn take(&mut self, kind: T, length: usize) {
        let start = self.at;
        self.at += length;
        self.push(kind, start);
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// One token by the ordinary rules, or a blank or comment.
    fn normal(&mut self) {
        let next = self.byte(1);
        match self.byte(0) {
            b' ' | b'\t' => self.at += 1,
            b'\n' => self.take(T::Newline, 1),
            b'\r' if next == b'\n' => self.take(T::Newline, 2),
            b'#' => self.line_comment(),
            b'/' if next == b'/' => self.line_comment(),
            b'/' if next == b'*' => self.block_comment(),
            b'{' => {
                if let Some(Mode::Normal { braces, .. }) = self.modes.last_mut() {
                    *braces += 1;
                }
                self.take(T::OBrace, 1);
            }
            b'}' => self.close_brace(1),
            b'~' if next == b'}' => self.close_brace(2),
            b'"' => {
                self.take(T::OQuote, 1);
                self.modes.push(Mode::Quoted);
            }
            b'<' if next == b'<' && self.heredoc() => {}
            b'0'..=b'9' => self.number(),
            _ => self.symbol(),
        }
    }

    /// Whether the next closing brace ends a `${` or `%{`.
    fn closes_sequence(&self) -> bool {
        matches!(self.modes.last(), Some(Mode::Normal { braces: 0, outermost: false }))
    }

    fn close_brace(&mut self, length: usize) {
        if self.closes_sequence() {
            self.modes.pop();
            return self.take(T::SeqEnd, length);
        }
        if let Some(Mode::Normal { braces, .. }) = self.modes.last_mut() {
            *braces = braces.saturating_sub(1);
        }
        // `~}` closes no brace that a `{` opened, and is no operator either.
        self.take(if length == 1 { T::CBrace } else { T::SeqEnd }, length);
    }

    fn line_comment(&mut self) {
        let rest = self.rest();
        let end = rest.find('\n').unwrap_or(rest.len());
        // The line end is a token of its own.
        self.comment(if rest[..end].ends_with('\r') && end < rest.len() { end - 1 } else { end });
    }

    fn block_comment(&mut self) {
        match self.rest()[2..].find("*/") {
            Some(length) => self.comment(length + 4),
            // Terraform takes one that is not closed for two operators.
            None => self.take(T::Slash, 1),
        }
    }

    fn comment(&mut self, length: usize) {
        if self.comments {
            self.take(T::Comment, length);
        } else {
            self.at += length;
        }
    }

    /// `<<EOT` or `<<-EOT` and a line end; nothing is taken when it is not one.
    fn heredoc(&mut self) -> bool {
        let rest = self.rest();
        let name = if rest[2..].starts_with('-') { 3 } else { 2 };
        let length = ident_len(&rest[name..]);
        let after = &rest[name + length..];
        let line_end = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
        if length == 0 || line_end == 0 {
            return false;
        }
        self.take(T::OHeredoc, name + length + line_end);
        self.modes.push(Mode::Heredoc { marker: &rest[name..name + length], line_start: true });
        true
    }

    /// Digits, dots and exponents, as far as they go but not ending in a dot. Whether they make a number the parser says.
    fn number(&mut self) {
        let bytes = self.rest().as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let mut length = 1;
        loop {
            match bytes.get(length) {
                Some(b'0'..=b'9' | b'.') => length += 1,
                Some(b'e' | b'E') if digit(length + 1) => length += 2,
                Some(b'e' | b'E') if matches!(bytes.get(length + 1), Some(b'+' | b'-')) && digit(length + 2) => {
                    length += 3
                }
                _ => break,
            }
        }
        while bytes[length - 1] == b'.' {
            length -= 1;
        }
        self.take(T::Number, length);
    }

    fn symbol(&mut self) {
        let (next, third) = (self.byte(1), self.byte(2));
        let (kind, length) = match self.byte(0) {
            b'[' => (T::OBrack, 1),
            b']' => (T::CBrack, 1),
            b'(' => (T::OParen, 1),
            b')' => (T::CParen, 1),
            b'=' if next == b'=' => (T::EqualOp, 2),
            b'=' if next == b'>' => (T::FatArrow, 2),
            b'=' => (T::Equal, 1),
            b'!' if next == b'=' => (T::NotEqual, 2),
            b'!' => (T::Bang, 1),
            b'<' if next == b'=' => (T::LessEqual, 2),
            b'<' => (T::Less, 1),
            b'>' if next == b'=' => (T::GreaterEqual, 2),
            b'>' => (T::Greater, 1),
            b'&' if next == b'&' => (T::And, 2),
            b'|' if next == b'|' => (T::Or, 2),
            b'.' if next == b'.' && third == b'.' => (T::Ellipsis, 3),
            b'.' => (T::Dot, 1),
            b',' => (T::Comma, 1),
            b'?' => (T::Question, 1),
            b':' if next == b':' => (T::DoubleColon, 2),
            b':' => (T::Colon, 1),
            b'*' => (T::Star, 1),
            b'/' => (T::Slash, 1),
            b'+' => (T::Plus, 1),
            b'-' => (T::Minus, 1),
            b'%' => (T::Percent, 1),
            b'&' | b'|' | b'^' | b'~' => (T::Bitwise, 1),
            b'\'' => (T::Apostrophe, 1),
            b'`' => (T::Backtick, 1),
            b';' => (T::Semicolon, 1),
            _ => match ident_len(self.rest()) {
                0 => (T::Invalid, self.rest().chars().next().map_or(1, char::len_utf8)),
                length => (T::Ident, length),
            },
        };
        self.take(kind, length);
    }

    /// The opening of an interpolation or directive, if it is here.
    fn sequence(&mut self) -> bool {
        let kind = match self.byte(0) {
            b'$' if self.byte(1) == b'{' => T::Interp,
            b'%' if self.byte(1) == b'{' => T::Control,
            _ => return false,
        };
        self.take(kind, if self.byte(2) == b'~' { 3 } else { 2 });
        self.modes.push(Mode::Normal { braces: 0, outermost: false });
        true
    }

    /// One token inside quotes.
    fn quoted(&mut self) {
        let start = self.at;
        loop {
            match self.byte(0) {
                _ if self.at == self.text.len() => break,
                b'"' | b'\n' | b'\r' => break,
                b'\\' => {
                    let escaped = self.rest()[1..].chars().next().filter(|c| *c != '\n' && *c != '\r');
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                }
                c @ (b'$' | b'%') => match (self.byte(1), self.byte(2)) {
                    (next, b'{') if next == c => self.at += 3,
                    (b'{', _) => break,
                    _ => self.at += 1,
                },
                _ => self.at += 1,
            }
        }
        if self.at > start {
            self.push(T::Quoted, start);
        } else if self.byte(0) == b'"' {
            self.take(T::CQuote, 1);
            self.modes.pop();
        } else if matches!(self.byte(0), b'\n' | b'\r') {
            self.take(T::QuotedNewline, if self.rest().starts_with("\r\n") { 2 } else { 1 });
            // An error in any case. What looks like the head of a block is none of the text.
            if self.at_block_head() {
                self.modes.truncate(1);
            }
        } else {
            self.sequence();
        }
    }

    /// Whether the line that begins here is the head of a block that stands at the top of a file.
    fn at_block_head(&self) -> bool {
        let line = self.rest().lines().next().unwrap_or("");
        let word = &line[..ident_len(line)];
        super::is_top_level(word) && line.trim_end().ends_with('{')
    }

    /// One token of a heredoc or of a template file: a line, or what is left of it before the next sequence.
    fn lines(&mut self) {
        let start = self.at;
        let mut line_end = false;
        while self.at < self.text.len() && !line_end {
            match self.byte(0) {
                b'\n' => {
                    self.at += 1;
                    line_end = true;
                }
                c @ (b'$' | b'%') => match (self.byte(1), self.byte(2)) {
                    (next, b'{') if next == c => self.at += 3,
                    (b'{', _) => break,
                    _ => self.at += 1,
                },
                _ => self.at += 1,
            }
        }
        if self.ends_heredoc(start, line_end) {
            return;
        }
        if let Some(Mode::Heredoc { line_start, .. }) = self.modes.last_mut() {
            *line_start = line_end;
        }
        if self.at > start {
            self.push(T::Text, start);
        } else {
            self.sequence();
        }
    }

    /// Takes the line from `start` to here as the end of the heredoc, if it is.
    fn ends_heredoc(&mut self, start: usize, line_end: bool) -> bool {
        let line = &self.text[start..self.at];
        match self.modes.last() {
            Some(Mode::Heredoc { marker, line_start: true }) if line_end && line.trim() == *marker => {}
            _ => return false,
        }
        let end = self.at;
        self.at = start + line.trim_end_matches('\n').trim_end_matches('\r').len();
        self.push(T::CHeredoc, start);
        let newline = self.at;
        self.at = end;
        self.push(T::Newline, newline);
        self.modes.pop();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<T> {
        scan(text).iter().map(|t| t.kind).collect()
    }

    #[test]
    fn a_heredoc_ends_at_its_marker_even_when_empty() {
        use T::*;
        assert_eq!(
            kinds("a = <<EOT\n  EOT\nb = 1\n"),
            [Ident, Equal, OHeredoc, CHeredoc, Newline, Ident, Equal, Number, Newline, Eof]
        );
        assert_eq!(kinds("<<A\n${b}A\nA\n"), [OHeredoc, Interp, Ident, SeqEnd, Text, CHeredoc, Newline, Eof]);
    }

    #[test]
    fn braces_inside_an_interpolation_are_counted() {
        use T::*;
        assert_eq!(
            kinds("\"${{a={}}}b\""),
            [OQuote, Interp, OBrace, Ident, Equal, OBrace, CBrace, CBrace, SeqEnd, Quoted, CQuote, Eof]
        );
    }

    #[test]
    fn escapes_of_openings_are_text() {
        use T::*;
        assert_eq!(kinds("\"$${a}%%{b}$$\""), [OQuote, Quoted, CQuote, Eof]);
        assert_eq!(kinds("\"$$${a}\""), [OQuote, Quoted, CQuote, Eof]);
    }

    #[test]
    fn numbers_do_not_end_in_a_dot() {
        use T::*;
        assert_eq!(
            kinds("1... 1.5e+3 1.2.3 1.a 1e"),
            [Number, Ellipsis, Number, Number, Number, Dot, Ident, Number, Ident, Eof]
        );
    }

    #[test]
    fn every_byte_is_in_order() {
        for text in
            ["a = \"\\", "<<", "\"${", "<<X\n", "/*", "\u{feff}a\r\n", "x\r", "“é”", "~}", "\"a\nb\"", "%{", "\\"]
        {
            let tokens = scan(text);
            assert!(tokens.windows(2).all(|w| w[0].end <= w[1].start), "{text:?}: {tokens:?}");
            assert_eq!(tokens.last().map(|t| (t.kind, t.end as usize)), Some((T::Eof, text.len())));
        }
    }
}

//! A JSON pull reader: the caller says what it expects next, nothing is built in between.

use super::{MAX_DEPTH, Problem};
use std::borrow::Cow;

/// What the next value begins like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Next {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0, depth: 0 }
    }

    /// For a reader over a part of a larger text.
    pub(super) fn nested(text: &'a str, depth: usize) -> Reader<'a> {
        Reader { text, at: 0, depth }
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn syntax(&self) -> Problem {
        if self.at >= self.text.len() { Problem::Truncated } else { Problem::Syntax(self.at) }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, b: u8) -> bool {
        self.blanks();
        let there = self.byte() == Some(b);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, b: u8) -> Result<(), Problem> {
        if self.eat(b) { Ok(()) } else { Err(self.syntax()) }
    }

    pub(super) fn peek(&mut self) -> Result<Next, Problem> {
        self.blanks();
        match self.byte() {
            Some(b'n') => Ok(Next::Null),
            Some(b't' | b'f') => Ok(Next::Bool),
            Some(b'"') => Ok(Next::Text),
            Some(b'[') => Ok(Next::Array),
            Some(b'{') => Ok(Next::Object),
            Some(b'-' | b'0'..=b'9') => Ok(Next::Number),
            _ => Err(self.syntax()),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Problem> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    pub(super) fn null(&mut self) -> Result<(), Problem> {
        self.blanks();
        self.word("null")
    }

    pub(super) fn bool(&mut self) -> Result<bool, Problem> {
        self.blanks();
        if self.byte() == Some(b't') { self.word("true").map(|()| true) } else { self.word("false").map(|()| false) }
    }

    /// The text of a number, as it stands.
    pub(super) fn number(&mut self) -> Result<&'a str, Problem> {
        self.blanks();
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.syntax()),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), Problem> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.syntax()) }
    }

    /// A string without its quotes and escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Problem> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                Some(b'\\') => break,
                Some(0..=0x1f) | None => return Err(self.syntax()),
                Some(_) => self.at += 1,
            }
        }
        let mut out = self.text[start..self.at].to_owned();
        loop {
            let run = self.at;
            while !matches!(self.byte(), Some(b'"' | b'\\' | 0..=0x1f) | None) {
                self.at += 1;
            }
            out.push_str(&self.text[run..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let b = self.byte().ok_or(Problem::Truncated)?;
        let c = match b {
            b'"' | b'\\' | b'/' => char::from(b),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(c)
    }

    /// After `\u`. Half of a surrogate pair becomes the replacement character, as in Go.
    fn unicode(&mut self) -> Result<char, Problem> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        if self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let c = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, Problem> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).ok_or(Problem::Truncated)?;
        let mut n = 0;
        for d in digits {
            n = n * 16 + char::from(*d).to_digit(16).ok_or(Problem::Syntax(self.at))?;
        }
        self.at += 4;
        Ok(n)
    }

    fn enter(&mut self, open: u8) -> Result<(), Problem> {
        self.expect(open)?;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Problem::TooDeep) } else { Ok(()) }
    }

    /// Steps into an array; then [`Reader::item`] before each element.
    pub(super) fn array(&mut self) -> Result<(), Problem> {
        self.enter(b'[')
    }

    /// Whether there is one more element; leaves the array when not.
    pub(super) fn item(&mut self, first: bool) -> Result<bool, Problem> {
        if self.eat(b']') {
            // `[1,]` is no JSON, but this point is reached behind an element or the bracket only.
            self.depth -= 1;
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// Steps into an object; then [`Reader::key`] before each value.
    pub(super) fn object(&mut self) -> Result<(), Problem> {
        self.enter(b'{')
    }

    /// The next key, or `None` behind the last one.
    pub(super) fn key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Problem> {
        if self.eat(b'}') {
            self.depth -= 1;
            return Ok(None);
        }
        if !first {
            self.expect(b',')?;
        }
        let key = self.string()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// Passes over one value and gives its text.
    pub(super) fn skip(&mut self) -> Result<&'a str, Problem> {
        self.blanks();
        let start = self.at;
        match self.peek()? {
            Next::Null => self.null()?,
            Next::Bool => drop(self.bool()?),
            Next::Number => drop(self.number()?),
            Next::Text => drop(self.string()?),
            Next::Array => {
                self.array()?;
                let mut first = true;
                while self.item(first)? {
                    self.skip()?;
                    first = false;
                }
            }
            Next::Object => {
                self.object()?;
                let mut first = true;
                while self.key(first)?.is_some() {
                    self.skip()?;
                    first = false;
                }
            }
        }
        Ok(&self.text[start..self.at])
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), Problem> {
        self.blanks();
        if self.at == self.text.len() { Ok(()) } else { Err(Problem::Syntax(self.at)) }
    }
}

/// Writes a JSON string.
pub(super) fn quote(s: &str, out: &mut String) {
    out.push('"');
    let mut run = 0;
    for (i, b) in s.bytes().enumerate() {
        let escaped = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&s[run..i]);
        run = i + 1;
        if escaped.is_empty() {
            out.push_str("\\u00");
            out.push(char::from(b'0' + (b >> 4)));
            out.push(char::from_digit(u32::from(b & 15), 16).unwrap_or('0'));
        } else {
            out.push_str(escaped);
        }
    }
    out.push_str(&s[run..]);
    out.push('"');
}

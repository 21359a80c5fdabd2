//! JSON with places, and with errors that say what was meant.

use crate::diag::{Diagnostic, FileId, Span};
use crate::lang::suggest::nearest;
use crate::lang::syntax::MAX_DEPTH;
use std::ops::Range;
use straddle_sdk::value::num::Num;

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub range: Range<usize>,
}

/// The kinds of JSON value.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Num),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
    /// Could not be read; reported already.
    Invalid,
}

/// A property of an object.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub name: String,
    /// With quotes.
    pub name_range: Range<usize>,
    pub value: Node,
}

impl Node {
    /// Where it begins: a bracket, or all of what has none.
    pub fn start(&self) -> Range<usize> {
        match self.kind {
            Kind::Array(_) | Kind::Object(_) => self.range.start..self.range.start + 1,
            _ => self.range.clone(),
        }
    }

    /// Where something missing in it is reported.
    pub fn missing_place(&self) -> Range<usize> {
        match self.kind {
            Kind::Object(_) => self.range.end.saturating_sub(1)..self.range.end,
            _ => self.start(),
        }
    }
}

/// Reads a text that is one JSON value. With errors as much of it as could be read.
pub(super) fn read(text: &str, file: FileId) -> (Node, Vec<Diagnostic>) {
    let mut reader = Reader {
        text,
        file,
        at: usize::from(text.starts_with('\u{feff}')) * 3,
        end: None,
        depth: 0,
        problems: Vec::new(),
    };
    let node = reader.value();
    if reader.problems.is_empty() {
        let (kind, range) = reader.peek();
        if kind != Token::End {
            reader.error("Extraneous data after value", "Extra characters appear after the JSON value.", range);
        }
    }
    (node, reader.problems)
}

/// The kinds of token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    /// One of `{}[],:=`.
    Sign(u8),
    Text,
    Number,
    Word,
    Foreign,
    End,
}

/// An error was reported; the value is given up, and what encloses it goes on.
struct Stuck;

struct Reader<'a> {
    text: &'a str,
    file: FileId,
    at: usize,
    /// Behind a foreign character nothing is read: the text ends there.
    end: Option<usize>,
    depth: u32,
    problems: Vec<Diagnostic>,
}

const STARTS: &str = "A JSON value must start with a brace, a bracket, a number, a string, or a keyword.";

impl Reader<'_> {
    fn error(&mut self, summary: &str, detail: impl Into<String>, range: Range<usize>) {
        self.problems.push(Diagnostic::error(summary, detail).at(&Span { file: self.file, range }));
    }

    fn fail<N>(&mut self, summary: &str, detail: impl Into<String>, range: Range<usize>) -> Result<N, Stuck> {
        self.error(summary, detail, range);
        Err(Stuck)
    }

    /// The next token, not taken. Lax about what is inside: the value is judged when it is read.
    fn peek(&mut self) -> (Token, Range<usize>) {
        if let Some(end) = self.end {
            return (Token::End, end..end);
        }
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
        let start = self.at;
        let run = |takes: fn(u8) -> bool| start + bytes[start..].iter().take_while(|b| takes(**b)).count();
        let Some(first) = bytes.get(start) else { return (Token::End, start..start) };
        match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b'=' => (Token::Sign(*first), start..start + 1),
            b'"' => (Token::Text, start..text_end(bytes, start)),
            b'-' | b'+' | b'.' | b'0'..=b'9' => {
                let digits = |b| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                (Token::Number, start..run(digits))
            }
            b'a'..=b'z' | b'A'..=b'Z' => (Token::Word, start..run(|b| b.is_ascii_alphabetic() || b == b'_')),
            _ => {
                let length = self.text[start..].chars().next().map_or(1, char::len_utf8);
                (Token::Foreign, start..start + length)
            }
        }
    }

    fn next(&mut self) -> (Token, Range<usize>) {
        let (token, range) = self.peek();
        self.at = range.end;
        if token == Token::Foreign {
            self.end = Some(range.end);
        }
        (token, range)
    }

    /// A value; one that is none is reported, and where it began is known.
    fn value(&mut self) -> Node {
        let (token, range) = self.peek();
        let read = match token {
            Token::Sign(b'{') => self.nested(Self::object),
            Token::Sign(b'[') => self.nested(Self::array),
            _ => self.plain(token, range.clone()),
        };
        read.unwrap_or(Node { kind: Kind::Invalid, range })
    }

    fn plain(&mut self, token: Token, range: Range<usize>) -> Result<Node, Stuck> {
        let kind = match token {
            Token::Number => {
                self.next();
                self.number(range.clone())?
            }
            Token::Text => {
                self.next();
                Kind::Text(self.string(range.clone())?)
            }
            Token::Word => {
                self.next();
                self.word(range.clone())?
            }
            Token::Sign(b'}') => return self.fail("Missing JSON value", STARTS, range),
            Token::Sign(b']') => return self.fail("Missing array element value", STARTS, range),
            Token::End => return self.fail("Missing value", "The JSON data ends prematurely.", range),
            _ => return self.fail("Invalid start of value", STARTS, range),
        };
        Ok(Node { kind, range })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Node, Stuck>) -> Result<Node, Stuck> {
        if self.depth >= MAX_DEPTH {
            let (_, range) = self.peek();
            let detail = format!("Objects and arrays can be nested {MAX_DEPTH} levels deep, not more.");
            return self.fail("Nested too deeply", detail, range);
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    /// From a token that is none of an object's or array's own to the end of it, as far as brackets tell.
    fn recover(&mut self, mut token: Token, open: u8, close: u8) {
        let mut depth = 1;
        loop {
            match token {
                Token::Sign(sign) if sign == open => depth += 1,
                Token::Sign(sign) if sign == close => {
                    depth -= 1;
                    if depth <= 1 {
                        return;
                    }
                }
                Token::End => return,
                _ => {}
            }
            token = self.next().0;
        }
    }

    /// [`Reader::recover`] from the next token on. Returns the place after it, where Terraform reports what was wrong before.
    fn skip(&mut self, open: u8, close: u8) -> Range<usize> {
        let token = self.next().0;
        self.recover(token, open, close);
        self.peek().1
    }

    fn object(&mut self) -> Result<Node, Stuck> {
        let (_, open) = self.next();
        let mut members = Vec::new();
        loop {
            let (token, range) = self.peek();
            if token == Token::Sign(b'}') {
                self.next();
                return Ok(Node { kind: Kind::Object(members), range: open.start..range.end });
            }
            let key = self.value();
            let Kind::Text(name) = key.kind else {
                let detail = "A JSON object property name must be a string";
                return self.fail("Invalid object property name", detail, key.start());
            };
            let (colon, place) = self.next();
            if colon != Token::Sign(b':') {
                self.recover(colon, b'{', b'}');
                let (summary, detail) = match colon {
                    Token::Sign(b'}' | b',') => {
                        ("Missing object value", "A JSON object attribute must have a value, introduced by a colon.")
                    }
                    Token::Sign(b'=') => (
                        "Missing property value colon",
                        "JSON uses a colon as its name/value delimiter, not an equals sign.",
                    ),
                    _ => (
                        "Missing property value colon",
                        "A colon must appear between an object property's name and its value.",
                    ),
                };
                return self.fail(summary, detail, place);
            }
            let value = self.value();
            members.push(Member { name, name_range: key.range, value });
            self.after_member(open.clone())?;
        }
    }

    fn after_member(&mut self, open: Range<usize>) -> Result<(), Stuck> {
        let (token, range) = self.peek();
        match token {
            Token::Sign(b'}') => Ok(()),
            Token::Sign(b',') => {
                self.next();
                if self.peek().0 == Token::Sign(b'}') {
                    let detail = "JSON does not permit a trailing comma after the final property in an object.";
                    return self.fail("Trailing comma in object", detail, range);
                }
                Ok(())
            }
            Token::End => self.fail("Unclosed object", "No closing brace was found for this JSON object.", open),
            Token::Sign(b']') => {
                self.next();
                let detail = "A JSON object must be closed with a brace, not a bracket.";
                let place = self.peek().1;
                self.fail("Mismatched braces", detail, place)
            }
            _ => {
                let place = self.skip(b'{', b'}');
                let detail = "A comma must appear between each property definition in an object.";
                self.fail("Missing attribute seperator comma", detail, place)
            }
        }
    }

    fn array(&mut self) -> Result<Node, Stuck> {
        let (_, open) = self.next();
        let mut items = Vec::new();
        loop {
            let (token, range) = self.peek();
            if token == Token::Sign(b']') {
                self.next();
                return Ok(Node { kind: Kind::Array(items), range: open.start..range.end });
            }
            items.push(self.value());
            let (token, range) = self.peek();
            match token {
                Token::Sign(b']') => {}
                Token::Sign(b',') => {
                    self.next();
                    if self.peek().0 == Token::Sign(b']') {
                        let detail = "JSON does not permit a trailing comma after the final value in an array.";
                        return self.fail("Trailing comma in array", detail, range);
                    }
                }
                Token::Sign(b':') => {
                    let place = self.skip(b'[', b']');
                    let detail = "A colon is not used to introduce values in a JSON array.";
                    return self.fail("Invalid array value", detail, place);
                }
                Token::End => {
                    self.next();
                    return self.fail("Unclosed object", "No closing bracket was found for this JSON array.", open);
                }
                Token::Sign(b'}') => {
                    let place = self.skip(b'[', b']');
                    let detail = "A JSON array must be closed with a bracket, not a brace.";
                    return self.fail("Mismatched brackets", detail, place);
                }
                _ => {
                    let place = self.skip(b'[', b']');
                    let detail = "A comma must appear between each value in an array.";
                    return self.fail("Missing attribute seperator comma", detail, place);
                }
            }
        }
    }

    fn number(&mut self, range: Range<usize>) -> Result<Kind, Stuck> {
        let text = &self.text[range.clone()];
        let valid = serde_json::from_str::<serde_json::Number>(text).is_ok();
        match Num::parse(text) {
            Ok(number) if valid => Ok(Kind::Number(number)),
            _ => self.fail("Invalid JSON number", "There is a syntax error in the given JSON number.", range),
        }
    }

    fn word(&mut self, range: Range<usize>) -> Result<Kind, Stuck> {
        let word = &self.text[range.clone()];
        let detail = match word {
            "true" => return Ok(Kind::Bool(true)),
            "false" => return Ok(Kind::Bool(false)),
            "null" => return Ok(Kind::Null),
            "undefined" | "NaN" | "Infinity" => {
                format!("The JavaScript identifier {word:?} cannot be used in JSON.")
            }
            _ => {
                let near = nearest(word, ["true", "false", "null"]);
                let mean = near.map_or(String::new(), |n| format!(" Did you mean {n:?}?"));
                format!("{word:?} is not a valid JSON keyword.{mean}")
            }
        };
        self.fail("Invalid JSON keyword", detail, range)
    }

    fn string(&mut self, range: Range<usize>) -> Result<String, Stuck> {
        let raw = &self.text[range.clone()];
        match unescaped(raw) {
            Ok(text) => Ok(text),
            Err(at) => {
                let at = self.text.floor_char_boundary(range.start + at);
                let ends_line = self.text[at..].starts_with(['\n', '\r']);
                let end = if ends_line { at } else { self.text.ceil_char_boundary((at + 1).min(self.text.len())) };
                self.fail("Invalid JSON string", "There is a syntax error in the given JSON string.", at..end)
            }
        }
    }
}

/// Where the text that begins at `start` ends: behind its closing quote, or before a control character.
fn text_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            0..32 => return at,
            _ => at += 1,
        }
    }
    at
}

/// The text between quotes, escapes resolved; or the byte at which it is wrong. Half a surrogate pair is the replacement character.
fn unescaped(raw: &str) -> Result<String, usize> {
    let Some(inner) = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).filter(|_| raw.len() > 1) else {
        return Err(raw.len());
    };
    if !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let at = raw.len() - 1 - escape.len();
        let selector = escape.chars().next().ok_or(at)?;
        rest = &escape[selector.len_utf8()..];
        out.push(match selector {
            '"' | '\\' | '/' => selector,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = unit(rest).ok_or(at)?;
                rest = &rest[4..];
                let second = rest.strip_prefix("\\u").and_then(unit).filter(|low| (0xdc00..0xe000).contains(low));
                match (first, second) {
                    (0xd800..0xdc00, Some(low)) => {
                        rest = &rest[6..];
                        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00))
                            .unwrap_or(char::REPLACEMENT_CHARACTER)
                    }
                    _ => char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            // Behind the character, as Go counts.
            _ => return Err(at + 1),
        });
    }
    out.push_str(rest);
    Ok(out)
}

/// Four hexadecimal digits.
fn unit(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

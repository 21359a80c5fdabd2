//! `yamldecode`: what YAML means to Terraform. The parser is a crate's; what a plain text stands for is decided here.

use super::words::quoted;
use super::yaml_scalar::{Scalar, resolve};
use super::{Call, FunctionError, yaml_words};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use straddle_sdk::value::{Str, Type, Value};

/// The most structures inside each other.
const MAX_DEPTH: usize = 256;
/// The most lines that are indented afterwards.
const MAX_INDENTED: usize = 500;
/// The most values there may be when all aliases are written out.
const MAX_VALUES: u64 = 1 << 22;

const MAP: &str = "tag:yaml.org,2002:map";
const SEQUENCE: &str = "tag:yaml.org,2002:seq";

/// The function.
pub(super) fn decode(call: &Call<'_>) -> Result<Value, FunctionError> {
    let mut text = Cow::Borrowed(call.text(0)?);
    if let Some(wrong) = yaml_words::forbidden(&text) {
        return Err(FunctionError::new(wrong));
    }
    let mut before = 0;
    for _ in 0..MAX_INDENTED {
        match read(&text) {
            Err(Stop::Indentation(line)) if line > before => {
                text = Cow::Owned(yaml_words::indented(&text, line));
                before = line;
            }
            Err(Stop::Indentation(_)) => return Err(FunctionError::new("did not find expected key")),
            Err(Stop::Wrong(error)) => return Err(error),
            Ok(value) => return Ok(value),
        }
    }
    Err(FunctionError::told(format!("more than {MAX_INDENTED} lines inside brackets are not indented")))
}

fn read(text: &str) -> Result<Value, Stop> {
    let parser = Parser::new_from_str(text);
    let length = text.chars().count();
    Reader { text, length, place: (0, 1), index: 0, parser, anchors: HashMap::new(), open: Vec::new() }.document()
}

/// Why there is no value.
enum Stop {
    /// A line inside brackets, counted from 1, that is not indented: libyaml does not mind.
    Indentation(usize),
    Wrong(FunctionError),
}

impl From<FunctionError> for Stop {
    fn from(error: FunctionError) -> Stop {
        Stop::Wrong(error)
    }
}

/// A value, and how many there are in it.
#[derive(Clone)]
struct Node {
    value: Value,
    count: u64,
}

/// A structure that is not complete yet.
struct Open {
    /// The anchor it was given, 0 for none.
    anchor: usize,
    inside: Inside,
    count: u64,
}

enum Inside {
    Sequence(Vec<Value>),
    Mapping { entries: Vec<(Str, Value)>, key: Option<Key> },
}

/// What a value in a mapping is for.
enum Key {
    Name(Str),
    /// `<<`: its entries are the mapping's.
    Merge,
}

struct Reader<'a> {
    text: &'a str,
    /// In characters.
    length: usize,
    /// Where the event read last begins: line from 0, column from 1.
    place: (usize, usize),
    /// The same, in characters from the beginning.
    index: usize,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// `None` for one whose value is not complete.
    anchors: HashMap<usize, Option<Node>>,
    open: Vec<Open>,
}

fn syntax(text: &str, e: &ScanError) -> Stop {
    let (line, column) = (e.marker().line(), e.marker().col() + 1);
    if e.info().contains("unknown anchor") {
        let place: String =
            text.lines().nth(line.saturating_sub(1)).unwrap_or_default().chars().skip(column - 1).collect();
        let name = place.trim_start_matches(['*', '&']).split([' ', '\t', ',', ']', '}']).next().unwrap_or_default();
        let message = format!("reference to undefined anchor {}", quoted(name));
        return FunctionError::quoting(message, "reference to undefined anchor").into();
    }
    if matches!(e.info(), "invalid indentation in flow construct" | "invalid indentation") {
        return Stop::Indentation(line);
    }
    let place = yaml_words::Place { text, line, column, index: e.marker().index() };
    FunctionError::told(yaml_words::told(e.info(), &place)).into()
}

/// What is wrong with an empty key: one that was not written, where only a colon stands.
fn unwritten_key(text: &str, index: usize) -> Option<&'static str> {
    let before: String = text.chars().take(index).collect();
    // After a question mark the key was written, and is nothing.
    if text.chars().nth(index) != Some(':') || before.trim_end().ends_with('?') {
        return None;
    }
    let line = before.rsplit('\n').next().unwrap_or_default().trim_end_matches([' ', '-']);
    Some(if line.is_empty() { "did not find expected key" } else { "did not find expected node content" })
}

/// The full name of a tag; empty for none.
fn tag_name(tag: Option<&Tag>) -> String {
    match tag {
        None => String::new(),
        // `!` alone is as good as none.
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" || tag.handle == "!" && tag.suffix.is_empty() => {
            String::new()
        }
        Some(tag) => format!("{}{}", tag.handle, tag.suffix),
    }
}

impl Reader<'_> {
    /// The next event, and whether the text ends with it.
    fn event(&mut self) -> Result<(Event<'_>, bool), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.place = (span.start.line().saturating_sub(1), span.start.col() + 1);
                self.index = span.start.index();
                Ok((event, span.end.index() >= self.length))
            }
            Some(Err(e)) => Err(syntax(self.text, &e)),
            None => Ok((Event::StreamEnd, true)),
        }
    }

    /// An error of the event read last, with its place as Terraform tells it: lines from nought, the first not at all.
    fn placed(&self, error: FunctionError) -> Stop {
        let (line, column) = self.place;
        Stop::Wrong(if line == 0 { error } else { error.inside(&format!("on line {line}, column {column}: ")) })
    }

    fn document(&mut self) -> Result<Value, Stop> {
        loop {
            match self.event()?.0 {
                Event::StreamStart | Event::Nothing => {}
                Event::DocumentStart(_) => break,
                _ => return Err(FunctionError::new("on line 1, column 1: missing start of document").into()),
            }
        }
        let value = self.value()?;
        loop {
            match self.event()?.0 {
                Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return Ok(value),
                _ => return Err(self.placed(FunctionError::new("unexpected extra content after value"))),
            }
        }
    }

    /// One value with all that is in it, without recursion.
    fn value(&mut self) -> Result<Value, Stop> {
        let broken = !self.text.ends_with('\n');
        loop {
            let node = match self.event()? {
                (Event::Scalar(text, style, anchor, tag), last) => {
                    let (mut text, tag) = (text.into_owned(), tag_name(tag.as_deref()));
                    // The line end the text does not have is none of the value's.
                    if last && broken && matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                        text.truncate(text.strip_suffix('\n').map_or(text.len(), str::len));
                    }
                    match self.scalar(&text, style, anchor, &tag).map_err(|e| self.placed(e))? {
                        Some(node) => node,
                        None => continue,
                    }
                }
                (Event::SequenceStart(anchor, tag), _) => {
                    let tag = tag_name(tag.as_deref());
                    let inside = Inside::Sequence(Vec::new());
                    self.start(anchor, &tag, SEQUENCE, "sequence", inside).map_err(|e| self.placed(e))?;
                    continue;
                }
                (Event::MappingStart(anchor, tag), _) => {
                    let tag = tag_name(tag.as_deref());
                    let inside = Inside::Mapping { entries: Vec::new(), key: None };
                    self.start(anchor, &tag, MAP, "mapping", inside).map_err(|e| self.placed(e))?;
                    continue;
                }
                (Event::SequenceEnd | Event::MappingEnd, _) => match self.open.pop() {
                    Some(open) => self.finish(open),
                    None => return Err(FunctionError::new("unexpected end of a structure").into()),
                },
                (Event::Alias(anchor), _) => self.alias(anchor).map_err(|e| self.placed(e))?,
                (Event::Nothing | Event::StreamStart, _) => continue,
                _ => return Err(FunctionError::new("expecting value but found end of stream").into()),
            };
            if let Some(value) = self.place(node)? {
                return Ok(value);
            }
        }
    }

    fn start(&mut self, anchor: usize, tag: &str, own: &str, what: &str, inside: Inside) -> Result<(), FunctionError> {
        if !tag.is_empty() && tag != own {
            let message = format!("can't interpret {what} as {tag}");
            return Err(FunctionError::quoting(message, format!("can't interpret {what} as its tag says")));
        }
        self.expect_value()?;
        if self.open.len() >= MAX_DEPTH {
            return Err(FunctionError::told(format!("structures are nested more than {MAX_DEPTH} deep")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { anchor, inside, count: 1 });
        Ok(())
    }

    /// Refuses a structure where a key belongs.
    fn expect_value(&self) -> Result<(), FunctionError> {
        match self.open.last().map(|open| &open.inside) {
            Some(Inside::Mapping { key: None, .. }) => {
                Err(FunctionError::new("only strings are allowed as mapping keys"))
            }
            _ => Ok(()),
        }
    }

    /// A scalar; none if it was a key.
    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: &str,
    ) -> Result<Option<Node>, FunctionError> {
        let is_quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let index = self.index;
        if let Some(Open { inside: Inside::Mapping { key: key @ None, .. }, .. }) = self.open.last_mut() {
            if text.is_empty()
                && style == ScalarStyle::Plain
                && tag.is_empty()
                && anchor == 0
                && let Some(wrong) = unwritten_key(self.text, index)
            {
                return Err(FunctionError::new(wrong));
            }
            *key = Some(match resolve(text, tag, is_quoted)? {
                Scalar::Merge => Key::Merge,
                Scalar::Value(value) => Key::Name(key_name(&value)?),
            });
            return Ok(None);
        }
        let value = match resolve(text, tag, is_quoted)? {
            Scalar::Merge => Value::string(text),
            // A text of several lines is read as any other, and then is a text all the same.
            Scalar::Value(value) if tag.is_empty() && style != ScalarStyle::Plain => {
                super::call::convert_to(&value, &Type::String)?
            }
            Scalar::Value(value) => value,
        };
        let node = Node { value, count: 1 };
        if anchor > 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        Ok(Some(node))
    }

    fn alias(&mut self, anchor: usize) -> Result<Node, FunctionError> {
        self.expect_value()?;
        match self.anchors.get(&anchor) {
            Some(Some(node)) => Ok(node.clone()),
            Some(None) => Err(FunctionError::new("cannot refer to an anchor from inside its own definition")),
            None => Err(FunctionError::new("reference to undefined anchor")),
        }
    }

    fn finish(&mut self, open: Open) -> Node {
        let value = match open.inside {
            Inside::Sequence(items) => Value::tuple(items),
            Inside::Mapping { entries, .. } => Value::object(entries),
        };
        let node = Node { value, count: open.count };
        if open.anchor > 0 {
            self.anchors.insert(open.anchor, Some(node.clone()));
        }
        node
    }

    /// Puts a value where it belongs; gives the outermost back.
    fn place(&mut self, node: Node) -> Result<Option<Value>, FunctionError> {
        let Some(open) = self.open.last_mut() else { return Ok(Some(node.value)) };
        open.count = open.count.saturating_add(node.count);
        if open.count > MAX_VALUES {
            return Err(FunctionError::told(format!("there are more than {MAX_VALUES} values in the document")));
        }
        match &mut open.inside {
            Inside::Sequence(items) => items.push(node.value),
            Inside::Mapping { entries, key } => match key.take() {
                Some(Key::Name(name)) => entries.push((name, node.value)),
                Some(Key::Merge) if matches!(node.value.ty(), Type::Object(_)) => {
                    entries.extend(node.value.entries().unwrap_or_default().iter().cloned());
                }
                Some(Key::Merge) => {
                    let message = format!("cannot merge {} into mapping", node.value.ty().friendly_name());
                    return Err(FunctionError::told(message));
                }
                None => return Err(FunctionError::new("only strings are allowed as mapping keys")),
            },
        }
        Ok(None)
    }
}

fn key_name(value: &Value) -> Result<Str, FunctionError> {
    if value.is_null() {
        return Err(FunctionError::new("mapping key cannot be null"));
    }
    let text = super::call::convert_to(value, &Type::String)?;
    text.as_str().map(Str::new).ok_or_else(|| FunctionError::new("only strings are allowed as mapping keys"))
}

/// A tag that means nothing here.
pub(super) fn unsupported_tag(tag: &str) -> FunctionError {
    FunctionError::quoting(format!("unsupported tag {}", quoted(tag)), "unsupported tag")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s};
    use super::*;
    use straddle_sdk::value::num::Num;

    fn map(items: Vec<(&str, Value)>) -> Value {
        Value::object(items.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn scalars() {
        let num = |text: &str| Value::number(Num::parse(text).expect("a number"));
        for (text, want) in [
            ("True", Value::TRUE),
            ("y", Value::TRUE),
            ("on", Value::TRUE),
            ("No", Value::FALSE),
            ("oN", s("oN")),
            ("NULL", Value::null(Type::Dynamic)),
            ("~", Value::null(Type::Dynamic)),
            ("+1", n(1)),
            ("017", n(17)),
            ("-017", n(-17)),
            ("08", n(8)),
            ("0o17", n(15)),
            ("0x1f", n(31)),
            ("0b101", s("0b101")),
            ("1_000", s("1_000")),
            (".5", num("0.5")),
            ("5.", n(5)),
            ("1.0", n(1)),
            ("1e3", n(1000)),
            ("2020-01-01", s("2020-01-01T00:00:00Z")),
            ("2020-1-1", s("2020-01-01T00:00:00Z")),
            ("2020-02-30", s("2020-02-30")),
            ("2020-01-01 10:00:00", s("2020-01-01T10:00:00Z")),
            ("2020-01-01T10:00:00.5+02:00", s("2020-01-01T10:00:00+02:00")),
            ("'1'", s("1")),
            ("\"\\u00e9\"", s("é")),
            ("'a''b'", s("a'b")),
            ("|\n  5\n", s("5\n")),
            ("!!str 5", s("5")),
            ("!!int \"5\"", s("5")),
            ("!!float 5", n(5)),
            ("!!binary aGk=", s("aGk=")),
            ("! 5", n(5)),
        ] {
            is("yamldecode", &[s(text)], want);
        }
        for (text, sign) in [(".inf", false), ("-.inf", true), ("+.Inf", false)] {
            let got = run("yamldecode", &[s(text)]).expect("it works");
            assert!(got.as_num().is_some_and(|n| n.is_infinite() && n.is_negative() == sign), "{text}");
        }
    }

    #[test]
    fn structures() {
        for (text, want) in [
            ("&a [1]", Value::tuple(vec![n(1)])),
            ("- 1\n- 2", Value::tuple(vec![n(1), n(2)])),
            ("{a: 1, b: [x, y]}", map(vec![("a", n(1)), ("b", Value::tuple(vec![s("x"), Value::TRUE]))])),
            ("a: &x 1\nb: *x", map(vec![("a", n(1)), ("b", n(1))])),
            ("a: 1\na: 2", map(vec![("a", n(2))])),
            ("<<: {a: 1}\nb: 2", map(vec![("a", n(1)), ("b", n(2))])),
            ("a: 0\n<<: {a: 1}", map(vec![("a", n(1))])),
            ("1: 2", map(vec![("1", n(2))])),
            ("true: 2", map(vec![("true", n(2))])),
            ("a: >\n  x\n  y\n", map(vec![("a", s("x y\n"))])),
            ("a: |-\n  x\n  y\n", map(vec![("a", s("x\ny"))])),
            ("a:\n - b\n  - c", map(vec![("a", Value::tuple(vec![s("b - c")]))])),
            ("--- a", s("a")),
            ("a: [1,\n2\n]\nb: {\n}", map(vec![("a", Value::tuple(vec![n(1), n(2)])), ("b", map(vec![]))])),
            ("a: |\n  x", map(vec![("a", s("x"))])),
            ("a: |-\n  5", map(vec![("a", s("5"))])),
            ("a: |", map(vec![("a", Value::null(Type::String))])),
        ] {
            is("yamldecode", &[s(text)], want);
        }
    }

    #[test]
    fn refuses() {
        for (text, want) in [
            (".nan", "floating point NaN is not supported"),
            ("? [a]\n: b", "only strings are allowed as mapping keys"),
            ("~: 1", "mapping key cannot be null"),
            ("", "on line 1, column 1: missing start of document"),
            ("# c", "on line 1, column 1: missing start of document"),
            ("a: 1\n---\nb: 2", "on line 1, column 1: unexpected extra content after value"),
            ("a: 1\nb: @", "on line 2, column 1: found character that cannot start any token"),
            ("a: @", "found character that cannot start any token"),
            ("a: b: c", "mapping values are not allowed in this context"),
            ("- a\nb: 1", "on line 1, column 1: did not find expected '-' indicator"),
            ("%YAML 1.2\n---\na: 1", "found incompatible YAML document"),
            ("\ta: 1", "found character that cannot start any token"),
            ("a: \u{1}", "control characters are not allowed"),
            ("!foo x", "unsupported tag \"!foo\""),
            ("!!map 5", "unsupported tag \"tag:yaml.org,2002:map\""),
            ("!!set {a: 1}", "can't interpret mapping as tag:yaml.org,2002:set"),
            ("!!int abc", "cannot parse \"abc\" as tag:yaml.org,2002:int"),
            ("!!binary zzz", "cannot parse \"zzz\" as tag:yaml.org,2002:binary: not valid base64"),
            ("<<: [{a: 1},{c: 2}]\nb: 2", "cannot merge tuple into mapping"),
            ("<<: 5", "cannot merge number into mapping"),
            ("*x", "reference to undefined anchor \"x\""),
            ("- a\n-b", "on line 3, column 1: could not find expected ':'"),
            ("- a\n-b\n- 1", "on line 3, column 1: could not find expected ':'"),
            ("a: 1\nb: 2\n- c", "on line 2, column 1: did not find expected key"),
            (": 1\n  b: 2", "did not find expected key"),
            ("- : c", "did not find expected key"),
            ("{: 1}", "did not find expected node content"),
            ("a: b\n? {a: 1}\n: b", "on line 1, column 3: only strings are allowed as mapping keys"),
            ("a: [1, *yz ]", "reference to undefined anchor \"yz\""),
            ("a: &x [*x]", "cannot refer to an anchor from inside its own definition"),
        ] {
            fails("yamldecode", &[s(text)], want);
        }
        for text in ["a: [", "*x", "a: b: c", "@a", "%x", "a: 'x", "[a, b", "{a", "- a\nb: c", "\"\\q\""] {
            assert!(run("yamldecode", &[s(text)]).is_err(), "{text}");
        }
    }

    /// INV-10
    #[test]
    fn work_is_bounded() {
        let deep = "[".repeat(100_000);
        assert!(run("yamldecode", &[s(&deep)]).is_err());
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let before = i - 1;
            laughs.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
        }
        fails("yamldecode", &[s(&laughs)], "there are more than 4194304 values in the document");
    }
}

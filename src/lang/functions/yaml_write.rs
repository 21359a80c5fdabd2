//! `yamlencode`: Terraform's writer, to the byte. Every string is quoted, in lines if it has any; nothing is ever flow style but
//! what is empty; lists under a key are not indented; a plain value alone is followed by `...`.
//!
//! Where lines break follows the state machine all YAML libraries have from libyaml, which remembers the column, whether white space
//! was written last, and whether nothing but indentation stands on the line.

use super::{Call, FunctionError};
use straddle_sdk::value::{Kind, Value};

/// Behind this column a quoted text goes on in the next line.
const WIDTH: usize = 80;
/// A longer key stands behind a question mark.
const LONGEST_KEY: usize = 128;

/// The function.
pub(super) fn encode(call: &Call<'_>) -> Result<Value, FunctionError> {
    match call.args.first() {
        Some(value) if value.is_wholly_known() => {
            let mut writer = Writer { out: String::new(), column: 0, indent: None, whitespace: true, indention: true };
            writer.node(value, false, true);
            writer.break_line();
            if is_plain(value) {
                writer.out.push_str("...\n");
            }
            Ok(Value::string(writer.out))
        }
        _ => Ok(call.unknown()),
    }
}

/// Written without quotes.
fn is_plain(value: &Value) -> bool {
    matches!(value.kind(), Kind::Null(_) | Kind::Bool(_) | Kind::Number(_))
}

struct Writer {
    out: String,
    /// In characters.
    column: usize,
    /// None outside of everything.
    indent: Option<usize>,
    /// White space was written last.
    whitespace: bool,
    /// Nothing but indentation and indicators stands on the line.
    indention: bool,
}

impl Writer {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Starts a line at the indent, unless this is one.
    fn break_line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.new_line();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, after_space: bool, is_indention: bool) {
        if after_space && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.whitespace = false;
        self.indention &= is_indention;
    }

    /// One level deeper, and back.
    fn deeper(&mut self, outermost: usize, stay: bool, write: impl FnOnce(&mut Writer)) {
        let outside = self.indent;
        self.indent = Some(match outside {
            None => outermost,
            Some(indent) if stay => indent,
            Some(indent) => indent + 2,
        });
        write(self);
        self.indent = outside;
    }

    /// `in_mapping`: a key or the value of one. `may_break`: not a key before a colon.
    fn node(&mut self, value: &Value, in_mapping: bool, may_break: bool) {
        match value.kind() {
            Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => {
                self.sequence(value.items().unwrap_or_default(), in_mapping);
            }
            Kind::Map(_) | Kind::Object(_) => self.mapping(value),
            Kind::String(text) => self.deeper(2, false, |w| w.string(text, may_break)),
            Kind::Bool(b) => self.plain(if *b { "true" } else { "false" }),
            Kind::Number(n) => self.plain(&n.to_string()),
            // Unknown was dealt with before.
            Kind::Null(_) | Kind::Unknown(_) => self.plain("null"),
        }
    }

    fn plain(&mut self, text: &str) {
        self.indicator(text, true, false);
        self.indention = false;
    }

    fn sequence(&mut self, items: &[Value], in_mapping: bool) {
        if items.is_empty() {
            return self.plain("[]");
        }
        let stay = in_mapping && !self.indention;
        self.deeper(0, stay, |w| {
            for item in items {
                w.break_line();
                w.indicator("-", true, true);
                w.node(item, false, true);
            }
        });
    }

    fn mapping(&mut self, value: &Value) {
        let entries = value.entries().unwrap_or_default();
        if entries.is_empty() {
            return self.plain("{}");
        }
        self.deeper(0, false, |w| {
            for (key, value) in entries {
                w.break_line();
                let key_text: &str = key;
                let key = Value::string(key.clone());
                if key_text.len() <= LONGEST_KEY && !key_text.contains(is_break) {
                    w.node(&key, true, false);
                    w.indicator(":", false, false);
                } else {
                    w.indicator("?", true, true);
                    w.node(&key, true, true);
                    w.break_line();
                    w.indicator(":", true, true);
                }
                w.node(value, true, true);
            }
        });
    }

    fn string(&mut self, text: &str, may_break: bool) {
        if text.contains('\n') && may_break && lines_allowed(text) {
            self.lines(text);
        } else {
            self.quoted(text, may_break);
        }
    }

    fn lines(&mut self, text: &str) {
        self.indicator("|", true, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator("2", false, false);
        }
        let mut backwards = text.chars().rev();
        match (backwards.next().is_some_and(is_break), backwards.next().is_none_or(is_break)) {
            (false, _) => self.indicator("-", false, false),
            (true, true) => self.indicator("+", false, false),
            (true, false) => {}
        }
        self.new_line();
        self.indention = true;
        self.whitespace = true;
        let mut at_start = true;
        for c in text.chars() {
            if is_break(c) {
                self.out.push(c);
                self.column = 0;
                self.indention = true;
                at_start = true;
            } else {
                if std::mem::take(&mut at_start) {
                    self.break_line();
                }
                self.put(c);
                self.indention = false;
            }
        }
    }

    fn quoted(&mut self, text: &str, may_break: bool) {
        self.indicator("\"", true, false);
        // Terraform's writer looks for the byte order mark at the wrong place: behind one at the start everything is escaped.
        let all = text.starts_with('\u{feff}');
        let last = text.chars().count().saturating_sub(1);
        let mut spaces = false;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((i, c)) = chars.next() {
            let next_is_space = chars.peek().is_some_and(|(_, next)| *next == ' ');
            if all || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                escaped(c).chars().for_each(|c| self.put(c));
                spaces = false;
            } else if c == ' ' {
                if may_break && !spaces && self.column > WIDTH && i > 0 && i < last {
                    self.break_line();
                    if next_is_space {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
            self.indention = false;
        }
        self.indicator("\"", false, false);
        self.indention = false;
    }
}

/// Whether a text survives being written line by line.
fn lines_allowed(text: &str) -> bool {
    let space_before_break = text.chars().zip(text.chars().skip(1)).any(|(a, b)| a == ' ' && is_break(b));
    !text.ends_with(' ') && !space_before_break && text.chars().all(is_printable)
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Nothing beyond the basic plane counts as printable.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

fn escaped(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = c as u32;
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is, n, s};
    use straddle_sdk::value::{Type, Value};

    fn list(items: Vec<Value>) -> Value {
        Value::tuple(items)
    }

    fn map(items: Vec<(&str, Value)>) -> Value {
        Value::object(items.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn strings() {
        let long = "a ".repeat(42) + "b c";
        let folded = format!("\"{}a\n  a b c\"\n", "a ".repeat(40));
        for (text, want) in [
            ("", "\"\"\n"),
            (" a", "\" a\"\n"),
            ("a: b", "\"a: b\"\n"),
            ("a\n", "|\n  a\n"),
            ("a\nb", "|-\n  a\n  b\n"),
            ("x\n\n", "|+\n  x\n\n"),
            ("\n", "|2+\n\n"),
            ("\nx", "|2-\n\n  x\n"),
            ("a\r\nb", "\"a\\r\\nb\"\n"),
            ("a\u{2028}b", "\"a\\Lb\"\n"),
            ("a\u{85}b\nc", "\"a\\Nb\\nc\"\n"),
            ("\u{feff}a", "\"\\uFEFF\\x61\"\n"),
            ("😀\u{a0}\u{200b}", "\"\\U0001F600\u{a0}\u{200b}\"\n"),
            (&long, &folded),
        ] {
            is("yamlencode", &[s(text)], s(want));
        }
    }

    #[test]
    fn plain_values_are_ended() {
        is("yamlencode", &[Value::null(Type::Dynamic)], s("null\n...\n"));
        is("yamlencode", &[Value::TRUE], s("true\n...\n"));
        is("yamlencode", &[n(-5)], s("-5\n...\n"));
    }

    #[test]
    fn structures() {
        let key = "a".repeat(129);
        let explicit = format!("? \"{key}\"\n: \"b\":\n  - 1\n");
        for (value, want) in [
            (list(vec![]), "[]\n"),
            (map(vec![]), "{}\n"),
            (list(vec![list(vec![n(1), n(2)]), list(vec![n(3)])]), "- - 1\n  - 2\n- - 3\n"),
            (
                map(vec![("a", n(1)), ("b", list(vec![s("x"), Value::TRUE, Value::null(Type::Dynamic)]))]),
                "\"a\": 1\n\"b\":\n- \"x\"\n- true\n- null\n",
            ),
            (map(vec![("a", map(vec![("b", s("x\ny"))]))]), "\"a\":\n  \"b\": |-\n    x\n    y\n"),
            (
                list(vec![s("x\ny"), list(vec![s("a\nb")]), map(vec![("k", s("c\nd\n"))])]),
                "- |-\n  x\n  y\n- - |-\n    a\n    b\n- \"k\": |\n    c\n    d\n",
            ),
            (
                list(vec![list(vec![]), list(vec![list(vec![])]), map(vec![("a", list(vec![])), ("b", map(vec![]))])]),
                "- []\n- - []\n- \"a\": []\n  \"b\": {}\n",
            ),
            (
                list(vec![
                    map(vec![("a", n(1)), ("b", list(vec![n(1), map(vec![("c", n(2))])]))]),
                    list(vec![map(vec![("d", n(1))])]),
                ]),
                "- \"a\": 1\n  \"b\":\n  - 1\n  - \"c\": 2\n- - \"d\": 1\n",
            ),
            (map(vec![("a\nb", n(1))]), "? |-\n  a\n  b\n: 1\n"),
            (map(vec![(&key, map(vec![("b", list(vec![n(1)]))]))]), &explicit),
            (
                map(vec![
                    ("b", s("x\n\n")),
                    ("d", s(" x\ny")),
                    ("e", s("x \ny")),
                    ("f", s("x\ny ")),
                    ("g", s("\tx\ny")),
                ]),
                "\"b\": |+\n  x\n\n\"d\": |2-\n   x\n  y\n\"e\": \"x \\ny\"\n\"f\": \"x\\ny \"\n\"g\": \"\\tx\\ny\"\n",
            ),
        ] {
            is("yamlencode", &[value], s(want));
        }
    }
}

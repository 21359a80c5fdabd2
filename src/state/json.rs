//! JSON text that is kept as it came: validated once, compact, never taken apart and put together again.
//!
//! Numbers keep all their digits and objects keep the order of their members, because nothing ever turns the text into values
//! and back. The one normal form: no white space between tokens, and inside strings `<`, `>`, `&`, U+2028 and U+2029 are written
//! as escapes, as Terraform's writer does, so that a file of its making survives a round trip byte for byte.

use std::fmt;
use std::sync::Arc;

/// Containers inside containers deeper than this are refused. Terraform's own deepest values stay far below.
const DEPTH_MAX: usize = 100;

/// Valid, compact JSON text. Cheap to clone. [`fmt::Debug`] shows the length alone: the text may hold secrets.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Json(Arc<str>);

/// Why a text is not taken for JSON. Never quotes the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("not JSON: mistake in line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1, in bytes.
        column: usize,
    },
    /// Containers are nested too deeply.
    #[error("JSON nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> JsonError {
        JsonError::Syntax { line: error.line(), column: error.column() }
    }
}

impl Json {
    /// Validates a text and brings it into the normal form.
    pub fn new(text: &str) -> Result<Json, JsonError> {
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        let mut compact = String::with_capacity(text.len());
        let mut depth = 0usize;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let length = match c {
                ' ' | '\t' | '\n' | '\r' => 1,
                '"' => {
                    let length = string_length(rest);
                    push_escaped(&mut compact, &rest[..length]);
                    length
                }
                _ => {
                    match c {
                        '{' | '[' => depth += 1,
                        '}' | ']' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    if depth > DEPTH_MAX {
                        return Err(JsonError::TooDeep);
                    }
                    compact.push(c);
                    c.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        Ok(Json(compact.into()))
    }

    /// A text that was brought into the normal form before and has been kept under a checksum since.
    pub(super) fn kept(text: &str) -> Json {
        Json(text.into())
    }

    /// The text, compact.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as a tree. Numbers keep their digits; members of objects come out sorted.
    ///
    /// # Errors
    /// When a string holds half a surrogate pair, or a number is beyond what a tree can carry.
    pub fn tree(&self) -> Result<serde_json::Value, JsonError> {
        Ok(serde_json::from_str(&self.0)?)
    }

    /// Appends the text with one member or element a line, as Terraform prints: two spaces a level, `depth` levels to begin with.
    pub fn indent_into(&self, depth: usize, out: &mut String) {
        let mut depth = depth;
        let mut rest = self.as_str();
        while let Some(c) = rest.chars().next() {
            let mut length = c.len_utf8();
            match c {
                '"' => {
                    length = string_length(rest);
                    out.push_str(&rest[..length]);
                }
                '{' | '[' => {
                    out.push(c);
                    if matches!(rest.as_bytes().get(1), Some(b'}' | b']')) {
                        out.push_str(&rest[1..2]);
                        length = 2;
                    } else {
                        depth += 1;
                        new_line(depth, out);
                    }
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    new_line(depth, out);
                    out.push(c);
                }
                ',' => {
                    out.push(c);
                    new_line(depth, out);
                }
                ':' => out.push_str(": "),
                c => out.push(c),
            }
            rest = &rest[length..];
        }
    }
}

/// A line break and the indentation of `depth` levels.
pub(super) fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Bytes of the string literal `text` starts with, quotes included; all that is left when it never ends.
fn string_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Appends a string literal with the five characters escaped that Terraform's writer never leaves bare.
fn push_escaped(out: &mut String, literal: &str) {
    let bare = |c: char| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    let mut rest = literal;
    while let Some(at) = rest.find(bare) {
        out.push_str(&rest[..at]);
        let mut tail = rest[at..].chars();
        if let Some(c) = tail.next() {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
        rest = tail.as_str();
    }
    out.push_str(rest);
}

/// A text as a JSON string literal, escaped as Terraform's writer does.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Json {
    /// Reads the text from a string, as [`serde::Serialize`] writes it.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
        Json::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_and_order_are_kept() {
        let json = Json::new(" { \"b\" : 1.50e+10 ,\n\"a\":[ 123456789012345678901234567890 , {} , [ ] ] } ").unwrap();
        assert_eq!(json.as_str(), r#"{"b":1.50e+10,"a":[123456789012345678901234567890,{},[]]}"#);
        let mut out = String::new();
        json.indent_into(1, &mut out);
        assert_eq!(
            out,
            "{\n    \"b\": 1.50e+10,\n    \"a\": [\n      123456789012345678901234567890,\n      {},\n      []\n    ]\n  }"
        );
    }

    #[test]
    fn angle_brackets_become_escapes() {
        let json = Json::new("\"a<b>&\u{2028} \\\" {x: 1}\"").unwrap();
        assert_eq!(json.as_str(), r#""a\u003cb\u003e\u0026\u2028 \" {x: 1}""#);
        assert_eq!(literal("a<b>&\u{2028} \" {x: 1}"), json.as_str());
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{\"a\":}", "[1,]", "\"", "nul", "1 2", "\"\u{1}\"", "{\"a\" 1}"] {
            assert!(Json::new(text).is_err(), "{text:?} was taken");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(Json::new(&deep), Err(JsonError::TooDeep));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Json::new("\"hunter2\"").unwrap()), "Json(9 bytes)");
    }

    fn tree() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn meaning_survives_and_the_form_is_stable(tree in tree()) {
            let json = Json::new(&serde_json::to_string_pretty(&tree).unwrap()).unwrap();
            prop_assert_eq!(json.tree().unwrap(), tree);
            prop_assert_eq!(&Json::new(json.as_str()).unwrap(), &json);
            let mut indented = String::new();
            json.indent_into(3, &mut indented);
            prop_assert_eq!(&Json::new(&indented).unwrap(), &json);
        }

        #[test]
        fn literals_are_strings(text in any::<String>()) {
            prop_assert_eq!(Json::new(&literal(&text)).unwrap().tree().unwrap(), serde_json::Value::from(text));
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}\",:0-9a-f\\\\u ]{0,30}") {
            if let Ok(json) = Json::new(&text) {
                let mut out = String::new();
                json.indent_into(0, &mut out);
                prop_assert_eq!(Json::new(&out).unwrap(), json);
            }
        }
    }
}

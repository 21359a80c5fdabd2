//! Values as the console prints them.

use super::types::type_line;
use std::fmt::Write;
use straddle_sdk::value::{Kind, Marks, Str, Type, Value};

/// A value as `straddle console` prints it. Sensitive parts are withheld.
pub fn display(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out
}

fn write_value(value: &Value, depth: usize, out: &mut String) {
    if value.marks().is_sensitive() && !value.is_unknown() {
        return out.push_str("(sensitive value)");
    }
    if value.marks().contains(Marks::EPHEMERAL) && !value.is_unknown() {
        return out.push_str("(ephemeral value)");
    }
    match value.kind() {
        Kind::Null(ty) => write_null(ty, out),
        Kind::Unknown(_) => out.push_str("(known after apply)"),
        Kind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Kind::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Kind::String(text) if value.marks().contains(Marks::TYPE) => out.push_str(text),
        Kind::String(text) => write_string(text, depth, out),
        Kind::List(e) => wrapped("tolist", out, |out| write_items(&e.items, depth, out)),
        Kind::Set(e) => wrapped("toset", out, |out| write_items(&e.items, depth, out)),
        Kind::Map(e) => wrapped("tomap", out, |out| write_entries(&e.items, depth, out)),
        Kind::Tuple(items) => write_items(items, depth, out),
        Kind::Object(items) => write_entries(items, depth, out),
    }
}

fn wrapped(name: &str, out: &mut String, inner: impl FnOnce(&mut String)) {
    out.push_str(name);
    out.push('(');
    inner(out);
    out.push(')');
}

fn write_null(ty: &Type, out: &mut String) {
    let _ = match ty {
        Type::Dynamic => write!(out, "null"),
        Type::String => write!(out, "tostring(null)"),
        Type::Number => write!(out, "tonumber(null)"),
        Type::Bool => write!(out, "tobool(null)"),
        Type::List(of) => write!(out, "tolist(null) /* of {} */", of.friendly_name()),
        Type::Set(of) => write!(out, "toset(null) /* of {} */", of.friendly_name()),
        Type::Map(of) => write!(out, "tomap(null) /* of {} */", of.friendly_name()),
        other => write!(out, "null /* {} */", other.friendly_name()),
    };
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn write_items(items: &[Value], depth: usize, out: &mut String) {
    if items.is_empty() {
        return out.push_str("[]");
    }
    out.push('[');
    for item in items {
        new_line(depth + 1, out);
        write_value(item, depth + 1, out);
        out.push(',');
    }
    new_line(depth, out);
    out.push(']');
}

fn write_entries(items: &[(Str, Value)], depth: usize, out: &mut String) {
    if items.is_empty() {
        return out.push_str("{}");
    }
    out.push('{');
    for (key, item) in items {
        new_line(depth + 1, out);
        quote(key, out);
        out.push_str(" = ");
        write_value(item, depth + 1, out);
    }
    new_line(depth, out);
    out.push('}');
}

/// In quotes; with line ends as a heredoc, whose marker is not a line of the text.
fn write_string(text: &str, depth: usize, out: &mut String) {
    if !text.contains('\n') {
        return quote(text, out);
    }
    let mut marker = "EOT".to_owned();
    while text.split('\n').any(|line| line.trim() == marker) {
        marker.push('_');
    }
    out.push_str(if depth > 0 { "<<-" } else { "<<" });
    out.push_str(&marker);
    for line in text.split('\n') {
        new_line(depth, out);
        out.push_str(line);
    }
    new_line(depth, out);
    out.push_str(&marker);
}

/// A text in quotes by the rules of Go's `%q`.
pub fn go_quoted(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

/// Whether a text is a name of the language.
pub fn is_name(text: &str) -> bool {
    super::decode::is_name(text)
}

/// In quotes by the rules of Go's `%q`: template openings are not escaped.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\u{7}' => write!(out, "\\a"),
            '\u{8}' => write!(out, "\\b"),
            '\u{c}' => write!(out, "\\f"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\u{b}' => write!(out, "\\v"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => write!(out, "\\x{:02x}", c as u32),
            c if unprintable(c) && (c as u32) < 0x10000 => write!(out, "\\u{:04x}", c as u32),
            c if unprintable(c) => write!(out, "\\U{:08x}", c as u32),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
}

/// What Go calls not printable: controls, and every space but the ASCII one, and format and private characters.
pub(in crate::lang) fn unprintable(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{10ffff}')
}

/// A value's type on one line.
pub fn display_type(value: &Value) -> String {
    type_line(&value.ty())
}

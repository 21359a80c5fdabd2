//! The canonical order of the elements of a set (Terraform's, so that bytes and lists come out the same).

use super::{Kind, Value};
use std::cmp::Ordering;
use std::collections::HashSet;

/// Sorted, without duplicates. Elements that hold an unknown are never duplicates of one another: they may come out different.
pub(super) fn canonical(mut items: Vec<Value>) -> Vec<Value> {
    if items.len() < 2 {
        return items;
    }
    if items.iter().any(|v| !matches!(v.kind(), Kind::Bool(_) | Kind::Number(_) | Kind::String(_))) {
        return canonical_composite(items);
    }
    items.sort_by(cmp_primitives);
    items.dedup();
    items
}

/// The same where not all elements are known primitives.
fn canonical_composite(items: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::with_capacity(items.len());
    let mut keep: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        if !item.is_wholly_known() || seen.insert(item.clone()) {
            keep.push(item);
        }
    }
    // What is neither null nor unknown among primitives compares by value, everything else by its text.
    if keep.iter().all(is_primitive_null_or_unknown) {
        keep.sort_by(cmp_primitives);
    } else {
        keep.sort_by_cached_key(|v| {
            let mut text = Vec::new();
            order_text(v, &mut text);
            text
        });
    }
    keep
}

fn is_primitive_null_or_unknown(v: &Value) -> bool {
    match v.kind() {
        Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => true,
        Kind::Null(t) => t.is_primitive(),
        Kind::Unknown(u) => u.ty.is_primitive(),
        _ => false,
    }
}

/// Known before null before unknown; bools, numbers and strings by value.
fn cmp_primitives(a: &Value, b: &Value) -> Ordering {
    match (a.kind(), b.kind()) {
        (Kind::Bool(a), Kind::Bool(b)) => a.cmp(b),
        (Kind::Number(a), Kind::Number(b)) => a.cmp(b),
        (Kind::String(a), Kind::String(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::Unknown(_) => 2,
        Kind::Null(_) => 1,
        _ => 0,
    }
}

/// The text by which elements that are no primitives are sorted.
fn order_text(v: &Value, out: &mut Vec<u8>) {
    match v.kind() {
        Kind::Unknown(_) => out.push(b'?'),
        Kind::Null(_) => out.push(b'~'),
        Kind::Bool(b) => out.push(if *b { b'T' } else { b'F' }),
        Kind::Number(n) => out.extend_from_slice(n.short_text().as_bytes()),
        Kind::String(s) => quote(s, out),
        Kind::List(e) | Kind::Set(e) => bracketed(b'[', b']', &e.items, out),
        Kind::Tuple(items) => bracketed(b'<', b'>', items, out),
        Kind::Map(e) => {
            out.push(b'{');
            for (key, item) in &e.items {
                quote(key, out);
                out.push(b':');
                order_text(item, out);
                out.push(b';');
            }
            out.push(b'}');
        }
        Kind::Object(items) => {
            out.push(b'<');
            for (_, item) in items.iter() {
                order_text(item, out);
                out.push(b';');
            }
            out.push(b'>');
        }
    }
}

fn bracketed(open: u8, close: u8, items: &[Value], out: &mut Vec<u8>) {
    out.push(open);
    for item in items {
        order_text(item, out);
        out.push(b';');
    }
    out.push(close);
}

/// A string as Go quotes it. Go escapes what its own tables call not printable; beyond ASCII only control characters are
/// treated so here, which can change the order of set elements but nothing else.
fn quote(s: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in s.chars() {
        let short = match c {
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{b}' => "\\v",
            '\\' => "\\\\",
            '"' => "\\\"",
            c if c.is_ascii_control() => {
                out.extend_from_slice(format!("\\x{:02x}", u32::from(c)).as_bytes());
                continue;
            }
            c if c.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                continue;
            }
            c => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.extend_from_slice(short.as_bytes());
    }
    out.push(b'"');
}

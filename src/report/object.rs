//! An object of a state in the manner of the language, as Terraform shows it: attributes by name and aligned, maps with their keys in quotes,
//! text of several lines as a heredoc, text that is JSON as `jsonencode(...)`, blocks behind the attributes.

use crate::lang::display::{go_quoted, is_name};
use crate::state::show::SENSITIVE;
use serde_json::{Map, Value as Tree};
use std::collections::BTreeMap;
use straddle_sdk::schema::{Attribute, AttributeType, Block, Nesting, Schema};
use straddle_sdk::value::{Str, Type};

/// The body of an object whose values are plain and whose secrets are taken out. Without a schema values speak for themselves.
pub fn body(values: &Tree, schema: Option<&Schema>) -> String {
    let mut out = String::new();
    match (values, schema) {
        (Tree::Object(members), Some(schema)) => block(members, &schema.block, 0, &mut out),
        (Tree::Object(members), None) => {
            let shown: BTreeMap<&str, &Tree> = known(members);
            lines(
                shown.into_iter().map(|(name, v)| (named(name), v)).collect(),
                "",
                0,
                &mut out,
                &mut |v, depth, out| {
                    plain(v, depth, out);
                },
            );
        }
        (other, _) => plain(other, 0, &mut out),
    }
    out
}

fn known(members: &Map<String, Tree>) -> BTreeMap<&str, &Tree> {
    members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.as_str(), value)).collect()
}

/// A name as it is, anything else in quotes.
fn named(name: &str) -> String {
    if is_name(name) { name.to_owned() } else { go_quoted(name) }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("    ", depth));
}

/// Writes one value at a depth.
type Write<'w> = dyn FnMut(&Tree, usize, &mut String) + 'w;

/// `{`, a line for each member with the equals signs below each other, `}`.
fn lines(members: Vec<(String, &Tree)>, end: &str, depth: usize, out: &mut String, write: &mut Write<'_>) {
    if members.is_empty() {
        return out.push_str("{}");
    }
    let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    out.push_str("{\n");
    for (name, value) in members {
        line(&name, width, value, end, depth, out, write);
    }
    indent(depth, out);
    out.push('}');
}

fn line(name: &str, width: usize, value: &Tree, end: &str, depth: usize, out: &mut String, write: &mut Write<'_>) {
    indent(depth + 1, out);
    out.push_str(&format!("{name}{} = ", " ".repeat(width.saturating_sub(name.len()))));
    write(value, depth + 1, out);
    out.push_str(end);
    out.push('\n');
}

fn list(items: &[Tree], depth: usize, out: &mut String, write: &mut Write<'_>) {
    if items.is_empty() {
        return out.push_str("[]");
    }
    out.push_str("[\n");
    for item in items {
        indent(depth + 1, out);
        write(item, depth + 1, out);
        out.push_str(",\n");
    }
    indent(depth, out);
    out.push(']');
}

fn block(members: &Map<String, Tree>, of: &Block, depth: usize, out: &mut String) {
    let attributes: Vec<(&Str, &Attribute, &Tree)> = of
        .attributes
        .iter()
        .filter_map(|(name, attribute)| Some((name, attribute, members.get(&**name).filter(|v| !v.is_null())?)))
        .collect();
    let blocks: Vec<(&Str, &straddle_sdk::schema::NestedBlock, &Tree)> = of
        .blocks
        .iter()
        .filter_map(|(name, nested)| Some((name, nested, members.get(&**name).filter(|v| has_any(v))?)))
        .collect();
    if attributes.is_empty() && blocks.is_empty() {
        return out.push_str("{}");
    }
    let width = attributes.iter().map(|(name, ..)| named(name).len()).max().unwrap_or(0);
    out.push_str("{\n");
    for (name, of, value) in &attributes {
        line(&named(name), width, value, "", depth, out, &mut |v, depth, out| attribute(v, &of.ty, depth, out));
    }
    for (name, nested, value) in blocks {
        if !attributes.is_empty() {
            out.push('\n');
        }
        let mut one = |key: &str, value: &Tree| {
            indent(depth + 1, out);
            out.push_str(&format!("{}{key} ", named(name)));
            match value {
                Tree::Object(members) => block(members, &nested.block, depth + 1, out),
                other => plain(other, depth + 1, out),
            }
            out.push('\n');
        };
        match (nested.nesting, value) {
            (Nesting::Map, Tree::Object(all)) => {
                let all: BTreeMap<&str, &Tree> = known(all);
                all.into_iter().for_each(|(key, value)| one(&format!(" {}", go_quoted(key)), value));
            }
            (_, Tree::Array(all)) => all.iter().for_each(|value| one("", value)),
            (_, value) => one("", value),
        }
    }
    indent(depth, out);
    out.push('}');
}

/// Whether a collection of blocks has one.
fn has_any(value: &Tree) -> bool {
    match value {
        Tree::Null => false,
        Tree::Array(items) => !items.is_empty(),
        Tree::Object(_) => true,
        _ => true,
    }
}

fn attribute(value: &Tree, of: &AttributeType, depth: usize, out: &mut String) {
    let (attributes, nesting) = match of {
        AttributeType::Plain(ty) => return typed(value, ty, depth, out),
        AttributeType::Nested { attributes, nesting } => (attributes, nesting),
    };
    let mut object = |value: &Tree, depth: usize, out: &mut String| {
        let Tree::Object(members) = value else { return plain(value, depth, out) };
        let shown = attributes
            .iter()
            .filter_map(|(name, of)| Some((named(name), of, members.get(&**name).filter(|v| !v.is_null())?)));
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            return out.push_str("{}");
        }
        let width = shown.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
        out.push_str("{\n");
        for (name, of, value) in shown {
            line(&name, width, value, "", depth, out, &mut |v, depth, out| attribute(v, &of.ty, depth, out));
        }
        indent(depth, out);
        out.push('}');
    };
    match (nesting, value) {
        (Nesting::Map, Tree::Object(members)) if !members.is_empty() => {
            out.push_str("{\n");
            for (key, value) in members.iter().collect::<BTreeMap<_, _>>() {
                line(&go_quoted(key), 0, value, ",", depth, out, &mut object);
            }
            indent(depth, out);
            out.push('}');
        }
        (_, Tree::Array(items)) => list(items, depth, out, &mut object),
        (_, value) => object(value, depth, out),
    }
}

fn typed(value: &Tree, ty: &Type, depth: usize, out: &mut String) {
    match (ty, value) {
        (Type::Map(of), Tree::Object(members)) => {
            let end = if matches!(**of, Type::Object(_)) { "," } else { "" };
            let members: BTreeMap<&String, &Tree> = members.iter().collect();
            let members = members.into_iter().map(|(key, value)| (go_quoted(key), value)).collect();
            lines(members, end, depth, out, &mut |v, depth, out| typed(v, of, depth, out));
        }
        (Type::Object(of), Tree::Object(members)) => {
            let shown = known(members).into_iter().filter_map(|(name, value)| {
                let (_, of) = of.attrs.iter().find(|(known, _)| **known == *name)?;
                Some((named(name), value, of))
            });
            let shown: Vec<_> = shown.collect();
            if shown.is_empty() {
                return out.push_str("{}");
            }
            let width = shown.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
            out.push_str("{\n");
            for (name, value, of) in shown {
                line(&name, width, value, "", depth, out, &mut |v, depth, out| typed(v, of, depth, out));
            }
            indent(depth, out);
            out.push('}');
        }
        (Type::List(of) | Type::Set(of), Tree::Array(items)) => {
            list(items, depth, out, &mut |v, depth, out| typed(v, of, depth, out));
        }
        _ => plain(value, depth, out),
    }
}

/// A value by what it is alone.
fn plain(value: &Tree, depth: usize, out: &mut String) {
    match value {
        Tree::Object(members) => {
            let members: BTreeMap<&String, &Tree> = members.iter().collect();
            let members = members.into_iter().map(|(key, value)| (named(key), value)).collect();
            lines(members, "", depth, out, &mut plain);
        }
        Tree::Array(items) => list(items, depth, out, &mut plain),
        Tree::String(text) if text == SENSITIVE => out.push_str(text),
        Tree::String(text) => string(text, depth, out),
        other => out.push_str(&other.to_string()),
    }
}

fn string(text: &str, depth: usize, out: &mut String) {
    let written = text.starts_with(['{', '[']).then(|| serde_json::from_str::<Tree>(text).ok()).flatten();
    if let Some(written) = written {
        let mut inner = String::new();
        plain(&written, depth + 1, &mut inner);
        if !inner.contains('\n') {
            return out.push_str(&format!("jsonencode({inner})"));
        }
        out.push_str("jsonencode(\n");
        indent(depth + 1, out);
        out.push_str(&inner);
        out.push('\n');
        indent(depth, out);
        return out.push(')');
    }
    if !text.contains('\n') {
        return out.push_str(&go_quoted(text));
    }
    out.push_str("<<-EOT\n");
    for line in text.trim().split('\n') {
        indent(depth + 1, out);
        out.push_str(line);
        out.push('\n');
    }
    indent(depth, out);
    out.push_str("EOT");
}

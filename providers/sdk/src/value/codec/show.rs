//! JSON for people's tools: values as `show -json` has them, and the shapes that tell which parts are unknown or sensitive.

use super::reader::quote;
use crate::value::{Kind, Str, Type, Value};

/// The known part of a value, without type wrappers: members of objects and maps that are unknown are left out, unknown elements
/// are null. `None` when the whole is unknown. In clear, whatever the marks. Infinities, which JSON cannot say, are strings.
pub fn known_part(value: &Value) -> Option<String> {
    if value.is_unknown() {
        return None;
    }
    let mut out = String::new();
    write_known(value, &mut out);
    Some(out)
}

fn write_known(value: &Value, out: &mut String) {
    match value.kind() {
        Kind::Null(_) | Kind::Unknown(_) => out.push_str("null"),
        Kind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Kind::Number(n) if n.is_infinite() => quote(&n.to_string(), out),
        Kind::Number(n) => out.push_str(&n.to_string()),
        Kind::String(s) => quote(s, out),
        Kind::List(e) | Kind::Set(e) => write_array(&e.items, out, write_known),
        Kind::Tuple(items) => write_array(items, out, write_known),
        Kind::Map(e) => write_object(&e.items, out, |v| !v.is_unknown(), write_known),
        Kind::Object(items) => write_object(items, out, |v| !v.is_unknown(), write_known),
    }
}

/// The shape of what is unknown (`after_unknown` of a plan): `true` for an unknown part, `false` for a known leaf or null; members of
/// objects and maps that are `false` are left out, elements stay.
pub fn unknown_shape(value: &Value) -> String {
    let mut out = String::new();
    write_shape(value, &Value::is_unknown, &mut out);
    out
}

/// The shape of what is sensitive (`sensitive_values` of a state, `before_sensitive` and `after_sensitive` of a plan), as
/// [`unknown_shape`]. Anything under a mark is one `true`.
pub fn sensitive_shape(value: &Value) -> String {
    let mut out = String::new();
    write_sensitive(value, &mut out);
    out
}

fn write_sensitive(value: &Value, out: &mut String) {
    if value.marks().is_sensitive() {
        return out.push_str("true");
    }
    // A leaf that is `false` says nothing in an object.
    let says = |v: &Value| v.marks().is_sensitive() || (!v.is_null() && is_container(&v.ty()));
    match value.kind() {
        Kind::List(e) | Kind::Set(e) => write_array(&e.items, out, write_sensitive),
        Kind::Tuple(items) => write_array(items, out, write_sensitive),
        Kind::Map(e) => write_object(&e.items, out, says, write_sensitive),
        Kind::Object(items) => write_object(items, out, says, write_sensitive),
        // Of what is unknown inside nothing can be said.
        Kind::Unknown(u) if matches!(u.ty, Type::Map(_) | Type::Object(_)) => out.push_str("{}"),
        Kind::Unknown(u) if is_container(&u.ty) => out.push_str("[]"),
        _ => out.push_str("false"),
    }
}

fn is_container(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Set(_) | Type::Tuple(_) | Type::Map(_) | Type::Object(_))
}

fn write_shape(value: &Value, is: &dyn Fn(&Value) -> bool, out: &mut String) {
    if is(value) {
        return out.push_str("true");
    }
    let mut inside = |v: &Value, out: &mut String| write_shape(v, is, out);
    // A leaf that is `false` says nothing in an object.
    let says = |v: &Value| is(v) || v.items().is_some() || v.entries().is_some();
    match value.kind() {
        Kind::List(e) | Kind::Set(e) => write_array(&e.items, out, &mut inside),
        Kind::Tuple(items) => write_array(items, out, &mut inside),
        Kind::Map(e) => write_object(&e.items, out, says, &mut inside),
        Kind::Object(items) => write_object(items, out, says, &mut inside),
        _ => out.push_str("false"),
    }
}

fn write_array(items: &[Value], out: &mut String, mut write: impl FnMut(&Value, &mut String)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

fn write_object(
    items: &[(Str, Value)],
    out: &mut String,
    keep: impl Fn(&Value) -> bool,
    mut write: impl FnMut(&Value, &mut String),
) {
    out.push('{');
    let mut first = true;
    for (key, item) in items.iter().filter(|(_, v)| keep(v)) {
        if !first {
            out.push(',');
        }
        first = false;
        quote(key, out);
        out.push(':');
        write(item, out);
    }
    out.push('}');
}

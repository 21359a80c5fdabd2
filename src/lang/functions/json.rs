//! `jsonencode` and `jsondecode`.

use super::json_words::mistake;
use super::words::quoted_char;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use straddle_sdk::value::codec::json;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Kind, Refinement, Type, Value};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("jsondecode", &[Param::new("str", Shape::String)], Returns::From(decoded_type), |call| {
        decode(call.text(0)?)
    })
    .maybe_null(),
    Function::new(
        "jsonencode",
        &[Param::new("val", Shape::Any).nullable().unknown().dynamic()],
        Returns::Always(Shape::String),
        encode_call,
    ),
];

fn encode_call(call: &Call<'_>) -> Result<Value, FunctionError> {
    match call.args.first() {
        Some(value) if value.is_wholly_known() => Ok(Value::string(encode(value)?)),
        Some(value) => {
            let prefix = opening(value).map(Into::into);
            Ok(call.unknown_refined(Refinement { prefix, ..Refinement::default() }))
        }
        None => Ok(call.unknown()),
    }
}

/// How the text of a value that is not wholly known begins.
fn opening(value: &Value) -> Option<&'static str> {
    let ty = match value.kind() {
        Kind::Unknown(u) if u.refinement.not_null => u.ty.clone(),
        Kind::Unknown(_) => return None,
        _ => value.ty(),
    };
    match ty {
        Type::String => Some("\""),
        Type::Object(_) | Type::Map(_) => Some("{"),
        Type::Tuple(_) | Type::List(_) | Type::Set(_) => Some("["),
        _ => None,
    }
}

/// A wholly known value as JSON in Terraform's form: compact, keys sorted, what HTML gives a meaning to escaped.
pub(super) fn encode(value: &Value) -> Result<String, FunctionError> {
    let text = json::encode(value, &value.ty()).map_err(|e| {
        let infinite = holds_infinity(value);
        FunctionError::told(if infinite { "cannot serialize infinity as JSON".to_owned() } else { e.to_string() })
    })?;
    // Go has short escapes for these two.
    let text = if text.contains("\\u00") { short_escapes(&text) } else { text };
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return Ok(text);
    }
    // Outside of strings there is none of these.
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// JSON with `\b` and `\f` for `\u0008` and `\u000c`.
fn short_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (written, length) = match escape.get(..6) {
            Some("\\u0008") => ("\\b", 6),
            Some("\\u000c") => ("\\f", 6),
            _ => (escape.get(..2).unwrap_or(escape), 2.min(escape.len())),
        };
        out.push_str(written);
        rest = escape.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn holds_infinity(value: &Value) -> bool {
    let mut found = false;
    value.walk(&mut |_, part| {
        found |= part.as_num().is_some_and(Num::is_infinite);
        !found
    });
    found
}

/// Of an unknown text the first character may tell the type.
fn decoded_type(args: &[Value]) -> Result<Type, FunctionError> {
    let Some(Kind::Unknown(u)) = args.first().map(Value::kind) else { return Ok(Type::Dynamic) };
    let prefix = u.refinement.prefix.as_deref().unwrap_or_default();
    Ok(match prefix.trim().chars().next() {
        Some('"') => Type::String,
        Some('t' | 'f') => Type::Bool,
        Some('-' | '.' | '0'..='9') => Type::Number,
        Some('{' | '[' | 'n') | None => Type::Dynamic,
        Some(other) => {
            let message = format!("a JSON document cannot begin with the character {}", quoted_char(other));
            return Err(FunctionError::quoting(message, "no JSON document begins like this").at(0));
        }
    })
}

fn decode(text: &str) -> Result<Value, FunctionError> {
    let error = match json::decode_plain(text.as_bytes()) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let wrong = || FunctionError::quoting(error.to_string(), "this is not valid JSON");
    match mistake(text) {
        Some(message) => Err(FunctionError::quoting(message, "this is not valid JSON")),
        // There is a value, and a closing bracket too many behind it.
        None => match serde_json::Deserializer::from_str(text).into_iter::<&serde_json::value::RawValue>().next() {
            Some(Ok(first)) => json::decode_plain(first.get().as_bytes()).map_err(|_| wrong()),
            _ => Err(wrong()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret};
    use super::*;

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn encodes() {
        is("jsonencode", &[s("<>&\u{2028}")], s("\"\\u003c\\u003e\\u0026\\u2028\""));
        is("jsonencode", &[Value::null(Type::Dynamic)], s("null"));
        is(
            "jsonencode",
            &[Value::object(vec![("b".into(), n(1)), ("a".into(), secret(n(2)))])],
            secret(s("{\"a\":2,\"b\":1}")),
        );
        is("jsonencode", &[s("\u{8}\\u0008\u{c}\u{1}")], s("\"\\b\\\\u0008\\f\\u0001\""));
        fails("jsonencode", &[Value::number(Num::infinity())], "cannot serialize infinity as JSON");
    }

    #[test]
    fn knows_how_unknowns_begin() {
        let inside = Value::object(vec![("a".into(), Value::unknown(Type::Dynamic))]);
        for (value, want) in
            [(inside, Some("{")), (Value::unknown(Type::Dynamic), None), (Value::unknown(Type::String), None)]
        {
            let got = run("jsonencode", &[value]).expect("it works");
            let Kind::Unknown(u) = got.kind() else { panic!("{got:?}") };
            assert_eq!(u.refinement.prefix.as_deref(), want);
            assert!(u.refinement.not_null);
        }
    }

    #[test]
    fn decodes() {
        let want = Value::tuple(vec![n(1), Value::null(Type::Dynamic), s("x")]);
        is("jsondecode", &[s("[1,null,\"x\"]")], want);
        is("jsondecode", &[s("{\"a\":1,\"a\":2}")], Value::object(vec![("a".into(), n(2))]));
        is("jsondecode", &[s("[1]] x")], Value::tuple(vec![n(1)]));
        fails("jsondecode", &[s("{")], "EOF");
        fails("jsondecode", &[secret(s("nul"))], "this is not valid JSON");
    }
}

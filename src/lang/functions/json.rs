//! `jsonencode` and `jsondecode`.

use super::words::quoted_char;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use straddle_sdk::value::codec::json;
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
    json::encode(value, &value.ty()).map_err(|e| FunctionError::told(e.to_string()))
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
            let message =
                format!("a JSON document cannot begin with the character {}", quoted_char(other).replace('\'', "\""));
            return Err(FunctionError::quoting(message, "no JSON document begins like this").at(0));
        }
    })
}

fn decode(text: &str) -> Result<Value, FunctionError> {
    json::decode_plain(text.as_bytes()).map_err(|e| FunctionError::quoting(e.to_string(), "this is not valid JSON"))
}

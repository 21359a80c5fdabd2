//! OpenTofu's `assume...`: what the author knows of a value that planning does not. The value itself is handed on; if it turns
//! out otherwise that is an error.

use super::call::convert_to;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use std::sync::Arc;
use straddle_sdk::value::{Kind, Refinement, Type, Unknown, Value, equals};

const MIN: Param = Param::new("min_length", Shape::Number);
const MAX: Param = Param::new("max_length", Shape::Number);
const LIST: Shape = Shape::LIST;
const SET: Shape = Shape::SET;
const MAP: Shape = Shape::Map(&Shape::Any);
const ANY: Returns = Returns::Always(Shape::Any);

const fn value(shape: Shape) -> Param {
    Param::new("value", shape).nullable().unknown().dynamic()
}

const fn assume(name: &'static str, params: &'static [Param], check: super::Implementation) -> Function {
    Function::new(name, params, ANY, check).maybe_null()
}

pub(super) static FUNCTIONS: &[Function] = &[
    assume(
        "assumeequal",
        &[
            Param::new("actual_value", Shape::Any).nullable().unknown().dynamic().marked(),
            Param::new("expected_value", Shape::Any).nullable().unknown().dynamic().marked(),
        ],
        equal,
    ),
    assume("assumelistlength", &[value(LIST), MIN, MAX], |call| length(call, Some(1), Some(2))),
    assume("assumelistlengthmax", &[value(LIST), MAX], |call| length(call, None, Some(1))),
    assume("assumelistlengthmin", &[value(LIST), MIN], |call| length(call, Some(1), None)),
    assume("assumemaplength", &[value(MAP), MIN, MAX], |call| length(call, Some(1), Some(2))),
    assume("assumemaplengthmax", &[value(MAP), MAX], |call| length(call, None, Some(1))),
    assume("assumemaplengthmin", &[value(MAP), MIN], |call| length(call, Some(1), None)),
    assume("assumenotnull", &[value(Shape::Any)], not_null),
    assume("assumesetlength", &[value(SET), MIN, MAX], |call| length(call, Some(1), Some(2))),
    assume("assumesetlengthmax", &[value(SET), MAX], |call| length(call, None, Some(1))),
    assume("assumesetlengthmin", &[value(SET), MIN], |call| length(call, Some(1), None)),
    assume("assumestringprefix", &[value(Shape::String), Param::new("prefix", Shape::String)], prefix),
];

fn not_upheld() -> FunctionError {
    FunctionError::new("assumption was not upheld").at(0)
}

fn argument<'a>(call: &Call<'a>) -> Result<&'a Value, FunctionError> {
    call.args.first().ok_or_else(not_upheld)
}

/// An unknown of which more is known.
fn refined(u: &Unknown, refinement: Refinement) -> Value {
    let sure = refinement.not_null;
    let value = Kind::Unknown(Arc::new(Unknown { refinement, ..u.clone() })).into();
    if sure { super::call::not_null(value) } else { value }
}

/// The second value, unless the first is known to be another.
fn equal(call: &Call<'_>) -> Result<Value, FunctionError> {
    let [actual, expected] = call.args else { return Err(not_upheld()) };
    let (got, want) = (actual.ty(), expected.ty());
    let converted = convert_to(actual, &want).map_err(|_| {
        let (got, want) = (got.friendly_name(), want.friendly_name());
        FunctionError::told(format!("actual value type {got} does not match assumed value type {want}")).at(0)
    })?;
    if equals(&converted, expected).as_bool() == Some(false) {
        return Err(FunctionError::new("the actual value does not match the assumed value").at(0));
    }
    Ok(expected.clone())
}

fn not_null(call: &Call<'_>) -> Result<Value, FunctionError> {
    let value = argument(call)?;
    if value.ty() == Type::Dynamic {
        let message =
            "given value must have a known type; consider using the \"convert\" function to specify a type to assume";
        return Err(FunctionError::new(message).at(0));
    }
    match value.kind() {
        Kind::Null(_) => Err(not_upheld()),
        Kind::Unknown(u) => Ok(refined(u, Refinement { not_null: true, ..u.refinement.clone() })),
        _ => Ok(value.clone()),
    }
}

fn prefix(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (value, prefix) = (argument(call)?, call.text(1)?);
    match value.kind() {
        Kind::Unknown(u) => {
            let known = u.refinement.prefix.as_deref().unwrap_or_default();
            if !(known.starts_with(prefix) || prefix.starts_with(known)) {
                return Err(not_upheld());
            }
            let longer = if known.len() > prefix.len() { known } else { prefix };
            Ok(refined(u, Refinement { prefix: Some(longer.into()), ..u.refinement.clone() }))
        }
        Kind::String(text) if text.starts_with(prefix) => Ok(value.clone()),
        _ => Err(not_upheld()),
    }
}

/// The bounds are the arguments at these positions.
fn length(call: &Call<'_>, min: Option<usize>, max: Option<usize>) -> Result<Value, FunctionError> {
    let bound = |position: Option<usize>| {
        let Some(position) = position else { return Ok(None) };
        let number = call.num(position)?.to_u64().filter(|n| *n < i64::MAX as u64);
        let message = format!("must be a whole number between 0 and {}", i64::MAX);
        number.map(Some).ok_or_else(|| FunctionError::told(message).at(position))
    };
    let (min, max) = (bound(min)?, bound(max)?);
    let value = argument(call)?;
    if let Kind::Unknown(u) = value.kind() {
        let least = u.refinement.min_len.unwrap_or(0).max(min.unwrap_or(0));
        let most = [u.refinement.max_len, max].into_iter().flatten().min();
        if most.is_some_and(|most| most < least) {
            return Err(not_upheld());
        }
        return Ok(refined(u, Refinement { min_len: Some(least), max_len: most, ..u.refinement.clone() }));
    }
    let known = value.items().map(<[Value]>::len).or_else(|| value.entries().map(<[_]>::len)).ok_or_else(not_upheld)?;
    let most = known as u64;
    // Unknown elements of a set may turn out the same.
    let least = if matches!(value.kind(), Kind::Set(_)) && !value.is_wholly_known() { most.min(1) } else { most };
    if min.is_some_and(|min| most < min) || max.is_some_and(|max| least > max) {
        Err(not_upheld())
    } else {
        Ok(value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;

    #[test]
    fn what_holds_is_handed_on() {
        is("assumenotnull", &[s("a")], s("a"));
        is("assumestringprefix", &[s("ab"), s("a")], s("ab"));
        is("assumelistlength", &[strings(&["a"]), n(1), n(2)], strings(&["a"]));
        is("assumeequal", &[secret(n(1)), s("1")], s("1"));
        is("assumeequal", &[Value::unknown(Type::Dynamic), n(1)], n(1));
    }

    #[test]
    fn what_does_not_hold_is_an_error() {
        fails("assumenotnull", &[Value::null(Type::String)], "assumption was not upheld");
        fails("assumestringprefix", &[s("ab"), s("b")], "assumption was not upheld");
        fails("assumelistlengthmin", &[strings(&["a"]), n(2)], "assumption was not upheld");
        fails("assumesetlengthmax", &[strings(&["a", "b"]), n(1)], "assumption was not upheld");
        fails(
            "assumelistlengthmin",
            &[strings(&[]), n(-1)],
            "must be a whole number between 0 and 9223372036854775807",
        );
        fails("assumeequal", &[n(2), n(1)], "the actual value does not match the assumed value");
        let message = "actual value type tuple does not match assumed value type number";
        fails("assumeequal", &[Value::tuple(vec![]), n(1)], message);
    }

    #[test]
    fn unknowns_learn_it() {
        let known = |name: &str, args: &[Value]| match run(name, args).expect("it works").kind() {
            Kind::Unknown(u) => u.refinement.clone(),
            other => panic!("{other:?}"),
        };
        let unknown = Value::unknown(Type::String);
        assert!(known("assumenotnull", std::slice::from_ref(&unknown)).not_null);
        assert_eq!(known("assumestringprefix", &[unknown, s("x-")]).prefix.as_deref(), Some("x-"));
        let list = known("assumelistlength", &[Value::unknown(Type::list(Type::String)), n(1), n(3)]);
        assert_eq!((list.min_len, list.max_len), (Some(1), Some(3)));
    }
}

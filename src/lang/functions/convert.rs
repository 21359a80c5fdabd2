//! Conversions, and what marks values.

use super::call::{convert_to, unknown_of};
use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape, Special};
use straddle_sdk::value::{Change, Marks, Type, Value};

const V: &[Param] = &[Param::new("v", Shape::Any).nullable().unknown().marked().dynamic()];
const VALUE: &[Param] = &[Param::new("value", Shape::Any).nullable().unknown().marked().dynamic()];
const SAME: Returns = Returns::From(|args| Ok(args.first().map_or(Type::Dynamic, Value::ty)));

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("can", &[Param::new("expression", Shape::Any)], Returns::Always(Shape::Bool), only_evaluated)
        .maybe_null()
        .special(Special::Can),
    Function::new(
        "convert",
        &[Param::new("value", Shape::Any), Param::new("type", Shape::Any)],
        Returns::Always(Shape::Any),
        only_evaluated,
    )
    .maybe_null()
    .special(Special::Convert),
    Function::new("ephemeralasnull", VALUE, SAME, ephemeral_as_null).maybe_null(),
    Function::new("issensitive", VALUE, Returns::Always(Shape::Bool), is_sensitive).maybe_null(),
    Function::new("nonsensitive", VALUE, SAME, non_sensitive).maybe_null(),
    Function::new("sensitive", VALUE, SAME, |call| Ok(argument(call)?.clone().with_marks(Marks::SENSITIVE)))
        .maybe_null(),
    to("tobool", Shape::Bool),
    to("tolist", Shape::LIST),
    to("tomap", Shape::Map(&Shape::Any)),
    to("tonumber", Shape::Number),
    to("toset", Shape::SET),
    to("tostring", Shape::String),
    Function::new("try", &[], Returns::Always(Shape::Any), only_evaluated)
        .variadic(Param::new("expressions", Shape::Any))
        .maybe_null()
        .special(Special::Try),
];

/// A conversion to this shape.
const fn to(name: &'static str, shape: Shape) -> Function {
    Function::new(name, V, Returns::Always(shape), convert).maybe_null()
}

/// The evaluator knows these by [`Special`] and never calls them.
fn only_evaluated(_: &Call<'_>) -> Result<Value, FunctionError> {
    Err(FunctionError::new("this function takes expressions, not values"))
}

fn argument<'a>(call: &Call<'a>) -> Result<&'a Value, FunctionError> {
    call.args.first().ok_or_else(|| FunctionError::new("an argument is required"))
}

/// Of an unknown value only the wanted type is kept.
fn convert(call: &Call<'_>) -> Result<Value, FunctionError> {
    let value = argument(call)?;
    let converted = convert_to(value, call.ty).map_err(|_| refused(value, call.ty).at(0))?;
    if value.is_unknown() {
        return Ok(unknown_of(call.ty.clone(), call.args).with_marks(value.marks()));
    }
    Ok(converted)
}

fn refused(value: &Value, want: &Type) -> FunctionError {
    let (got, want_name) = (value.ty().friendly_name(), want.friendly_constraint());
    let of_type = || FunctionError::told(format!("cannot convert {got} to {want_name}"));
    let rule = match (value.ty(), want) {
        (Type::String, Type::Bool) => "to bool; only the strings \"true\" or \"false\" are allowed",
        (Type::String, Type::Number) => "to number; given string must be a decimal representation of a number",
        _ => return of_type(),
    };
    if value.deep_marks().is_sensitive() {
        return FunctionError::told(format!("cannot convert this sensitive {got} to {want_name}"));
    }
    let what = value.as_str().map_or_else(|| "string".to_owned(), quoted);
    FunctionError::quoting(format!("cannot convert {what} {rule}"), format!("cannot convert this {got} {rule}"))
}

/// The value's own mark only, not those inside.
fn is_sensitive(call: &Call<'_>) -> Result<Value, FunctionError> {
    let value = argument(call)?;
    Ok(if value.marks().contains(Marks::SENSITIVE) {
        Value::TRUE
    } else if value.is_unknown() {
        call.unknown()
    } else {
        Value::FALSE
    })
}

fn non_sensitive(call: &Call<'_>) -> Result<Value, FunctionError> {
    let (value, marks) = argument(call)?.clone().unmark();
    Ok(value.with_marks(marks.without(Marks::SENSITIVE | Marks::DECLARED)))
}

/// Whatever is ephemeral becomes null, at any depth.
fn ephemeral_as_null(call: &Call<'_>) -> Result<Value, FunctionError> {
    Ok(argument(call)?.map_parts(&mut |_, part| {
        if !part.marks().contains(Marks::EPHEMERAL) {
            return Change::Descend;
        }
        Change::Replace(Value::null(part.ty()).with_marks(part.marks().without(Marks::EPHEMERAL)))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;

    /// Measured with Terraform 1.11.4, as all tables here.
    #[test]
    fn converts() {
        is("tobool", &[s("1")], Value::TRUE);
        is("tostring", &[n(5)], s("5"));
        is("tonumber", &[s("1e2")], n(100));
        is("tolist", &[Value::tuple(vec![s("a"), n(1)])], strings(&["a", "1"]));
        is("tolist", &[Value::null(Type::Dynamic)], Value::null(Type::list(Type::Dynamic)));
        is("tolist", &[secret(strings(&["a"]))], secret(strings(&["a"])));
        let marked = Value::list(Type::String, vec![secret(s("a"))]);
        is("tolist", &[Value::tuple(vec![secret(s("a"))])], marked);
        is("toset", &[Value::tuple(vec![secret(s("a")), s("a")])], secret(Value::set(Type::String, vec![s("a")])));
        assert_eq!(run("tolist", &[Value::unknown(Type::Dynamic)]).expect("it works").ty(), Type::list(Type::Dynamic));
    }

    #[test]
    fn refuses() {
        for (name, value, want) in [
            (
                "tobool",
                s("True"),
                "cannot convert \"True\" to bool; only the strings \"true\" or \"false\" are allowed",
            ),
            ("tobool", n(1), "cannot convert number to bool"),
            ("tonumber", Value::TRUE, "cannot convert bool to number"),
            (
                "tonumber",
                s("0x10"),
                "cannot convert \"0x10\" to number; given string must be a decimal representation of a number",
            ),
            ("tonumber", Value::tuple(vec![]), "cannot convert tuple to number"),
            ("tolist", Value::object(vec![]), "cannot convert object to list of any single type"),
            (
                "tolist",
                Value::tuple(vec![n(1), Value::tuple(vec![])]),
                "cannot convert tuple to list of any single type",
            ),
            ("tomap", Value::tuple(vec![]), "cannot convert tuple to map of any single type"),
            ("tobool", secret(s("x")), "cannot convert this sensitive string to bool"),
        ] {
            fails(name, &[value], want);
        }
    }

    #[test]
    fn marks() {
        is("issensitive", &[secret(n(1))], Value::TRUE);
        is("issensitive", &[Value::tuple(vec![secret(n(1))])], Value::FALSE);
        assert!(run("issensitive", &[Value::unknown(Type::String)]).expect("it works").is_unknown());
        is("nonsensitive", &[secret(n(1))], n(1));
        let inside = Value::tuple(vec![secret(n(1))]);
        is("nonsensitive", std::slice::from_ref(&inside), inside.clone());
        is("sensitive", &[Value::null(Type::Dynamic)], secret(Value::null(Type::Dynamic)));
        let short_lived = s("e").with_marks(Marks::EPHEMERAL);
        let want = Value::tuple(vec![Value::null(Type::String), n(1)]);
        is("ephemeralasnull", &[Value::tuple(vec![short_lived, n(1)])], want);
    }
}

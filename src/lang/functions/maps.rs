//! Functions on maps and objects.

use super::call::{convert_to, unknown_of};
use super::collections::{element, type_of};
use super::words::quoted;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use std::collections::BTreeMap;
use straddle_sdk::value::{Kind, Marks, Str, Type, Value};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("keys", &[Param::new("inputMap", Shape::Any).marked().unknown()], Returns::From(keys_type), keys),
    Function::new(
        "lookup",
        &[Param::new("inputMap", Shape::Any).marked().unknown(), Param::new("key", Shape::String).marked().unknown()],
        Returns::From(lookup_type),
        lookup,
    )
    .variadic(Param::new("default", Shape::Any).nullable().marked().unknown().dynamic())
    .maybe_null(),
    Function::new("merge", &[], Returns::From(merge_type), merge)
        .variadic(Param::new("maps", Shape::Any).nullable().marked().dynamic()),
    Function::new("values", &[Param::new("mapping", Shape::Any).marked()], Returns::From(values_type), values),
    Function::new(
        "zipmap",
        &[Param::new("keys", Shape::STRINGS).marked(), Param::new("values", Shape::Any).marked()],
        Returns::From(zipmap_type),
        zipmap,
    ),
];

fn keys_type(args: &[Value]) -> Result<Type, FunctionError> {
    match type_of(args, 0) {
        Type::Map(_) => Ok(Type::list(Type::String)),
        Type::Object(object) => Ok(Type::tuple(vec![Type::String; object.attrs.len()])),
        _ => Err(FunctionError::new("must have map or object type").at(0)),
    }
}

/// Of an object they are known even if it is not. What marks the values does not mark the keys.
fn keys(call: &Call<'_>) -> Result<Value, FunctionError> {
    let name = |name: &Str| Value::string(name.clone());
    let keys = match (type_of(call.args, 0), call.args.first().and_then(Value::entries)) {
        (Type::Object(object), _) => Value::tuple(object.attrs.iter().map(|(key, _)| name(key)).collect()),
        (_, Some(entries)) => Value::list(Type::String, entries.iter().map(|(key, _)| name(key)).collect()),
        _ => call.unknown(),
    };
    Ok(keys.with_marks(call.marks(0)))
}

fn lookup_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.len() > 3 {
        return Err(FunctionError::told(format!("lookup() takes two or three arguments, got {}", args.len())));
    }
    match type_of(args, 0) {
        Type::Object(object) => {
            let Some(key) = args.get(1).and_then(Value::as_str) else { return Ok(Type::Dynamic) };
            match (object.get(key), args.get(2)) {
                (Some(ty), _) => Ok(ty.clone()),
                (None, Some(default)) => Ok(default.ty()),
                (None, None) => Err(FunctionError::quoting(
                    format!("the given object has no attribute {}", quoted(key)),
                    "the given object has no attribute of this name",
                )
                .at(0)),
            }
        }
        Type::Map(of) => {
            if args.get(2).is_some_and(|default| convert_to(default, &of).is_err()) {
                let message = "the default value must have the same type as the map elements";
                return Err(FunctionError::new(message).at(2));
            }
            Ok((*of).clone())
        }
        _ => Err(FunctionError::new("lookup() requires a map as the first argument").at(0)),
    }
}

fn lookup(call: &Call<'_>) -> Result<Value, FunctionError> {
    let marks = call.marks(0) | call.marks(1);
    let (Some(map), Some(key)) = (call.args.first(), call.args.get(1)) else { return Ok(call.unknown()) };
    if map.is_unknown() || key.is_unknown() {
        return Ok(unknown_of(call.ty.clone(), call.args).with_marks(marks));
    }
    let key = key.as_str().unwrap_or_default();
    if let Some(found) = map.get(key) {
        return Ok(found.clone().with_marks(marks));
    }
    match call.args.get(2) {
        Some(default) => Ok(convert_to(default, call.ty)?.with_marks(marks)),
        None => Err(FunctionError::quoting(
            format!("lookup failed to find key {}", quoted(key)),
            "lookup failed to find key (sensitive value)",
        )),
    }
}

/// All maps of one type give that type, anything else an object of all entries.
fn merge_type(args: &[Value]) -> Result<Type, FunctionError> {
    let mut attrs: BTreeMap<Str, Type> = BTreeMap::new();
    let mut first: Option<Type> = None;
    let (mut same, mut certain) = (true, true);
    for arg in args {
        let ty = arg.ty();
        match (&ty, arg.entries()) {
            (Type::Dynamic, _) => return Ok(Type::Dynamic),
            (Type::Object(object), _) if !arg.is_null() => attrs.extend(object.attrs.iter().cloned()),
            (Type::Object(_), _) => {}
            (Type::Map(of), Some(entries)) => {
                attrs.extend(entries.iter().map(|(key, _)| (key.clone(), (**of).clone())));
            }
            (Type::Map(_), None) => certain &= arg.is_null(),
            (other, _) => {
                let message = format!("arguments must be maps or objects, got {}", quoted(&other.friendly_name()));
                return Err(FunctionError::told(message));
            }
        }
        // A null of an object type has no attributes to give.
        let ty = if arg.is_null() && matches!(ty, Type::Object(_)) { Type::object(Vec::new()) } else { ty };
        same &= first.get_or_insert_with(|| ty.clone()) == &ty;
    }
    Ok(match first {
        None => Type::object(Vec::new()),
        Some(ty) if same => ty,
        Some(_) if certain => Type::object(attrs.into_iter().collect()),
        Some(_) => Type::Dynamic,
    })
}

/// Of equal keys the last counts; nulls are skipped, but that they are there may be a secret too.
fn merge(call: &Call<'_>) -> Result<Value, FunctionError> {
    let marks = call.args.iter().fold(Marks::NONE, |marks, arg| marks | arg.marks());
    let mut all = Vec::new();
    for arg in call.args.iter().filter(|arg| !arg.is_null()) {
        let Some(entries) = arg.entries() else {
            let message = format!("arguments must be maps or objects, got {}", quoted(&arg.ty().friendly_name()));
            return Err(FunctionError::told(message));
        };
        all.extend_from_slice(entries);
    }
    let merged = match call.ty {
        Type::Map(of) => Value::map((**of).clone(), all),
        _ => Value::object(all),
    };
    Ok(merged.with_marks(marks))
}

fn values_type(args: &[Value]) -> Result<Type, FunctionError> {
    match type_of(args, 0) {
        ref ty @ Type::Map(_) => Ok(Type::list(element(ty))),
        Type::Object(object) => Ok(Type::tuple(object.attrs.iter().map(|(_, ty)| ty.clone()).collect())),
        _ => Err(FunctionError::new("values() requires a map as the first argument")),
    }
}

fn values(call: &Call<'_>) -> Result<Value, FunctionError> {
    let Some(map) = call.args.first() else { return Ok(call.unknown()) };
    let items = map.entries().unwrap_or_default().iter().map(|(_, value)| value.clone()).collect();
    let values = match map.kind() {
        Kind::Map(e) => Value::list(e.of.clone(), items),
        _ => Value::tuple(items),
    };
    Ok(values.with_marks(map.marks()))
}

fn different_lengths(keys: usize, values: usize) -> FunctionError {
    FunctionError::told(format!("number of keys ({keys}) does not match number of values ({values})"))
}

fn zipmap_type(args: &[Value]) -> Result<Type, FunctionError> {
    let keys = args.first().filter(|keys| keys.is_wholly_known()).and_then(Value::items);
    match type_of(args, 1) {
        ref ty @ Type::List(_) => Ok(Type::map(element(ty))),
        Type::Tuple(types) => {
            let Some(keys) = keys else { return Ok(Type::Dynamic) };
            if keys.len() != types.len() {
                return Err(different_lengths(keys.len(), types.len()));
            }
            let mut attrs = BTreeMap::new();
            for (i, (key, ty)) in keys.iter().zip(types.iter()).enumerate() {
                attrs.insert(key_text(key, i)?, ty.clone());
            }
            Ok(Type::object(attrs.into_iter().collect()))
        }
        _ => Err(FunctionError::new("values argument must be a list or tuple value")),
    }
}

fn key_text(key: &Value, position: usize) -> Result<Str, FunctionError> {
    let text = key.as_str().map(Str::new);
    text.ok_or_else(|| FunctionError::told(format!("keys list has null value at index {position}")))
}

/// Of equal keys the last counts. What marks a key marks the whole.
fn zipmap(call: &Call<'_>) -> Result<Value, FunctionError> {
    let mut marks = call.marks(0) | call.marks(1);
    let (keys, values) = (call.items(0)?, call.items(1)?);
    if !keys.iter().all(Value::is_wholly_known) {
        return Ok(unknown_of(call.ty.clone(), call.args).with_marks(marks));
    }
    if keys.len() != values.len() {
        return Err(different_lengths(keys.len(), values.len()));
    }
    let mut entries = Vec::with_capacity(keys.len());
    for (i, (key, value)) in keys.iter().zip(values).enumerate() {
        marks = marks | key.marks();
        entries.push((key_text(key, i)?, value.clone()));
    }
    let zipped = match call.ty {
        Type::Map(of) => Value::map((**of).clone(), entries),
        _ => Value::object(entries),
    };
    Ok(zipped.with_marks(marks))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;

    fn object(items: Vec<(&str, Value)>) -> Value {
        Value::object(items.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    fn numbers(items: Vec<(&str, Value)>) -> Value {
        Value::map(Type::Number, items.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    #[test]
    fn keys_and_values() {
        let tuple = |items: Vec<Value>| Value::tuple(items);
        is("keys", &[object(vec![("b", secret(n(1))), ("a", n(2))])], tuple(vec![s("a"), s("b")]));
        is("keys", &[numbers(vec![("b", n(1))])], strings(&["b"]));
        is("values", &[object(vec![("b", n(1)), ("a", s("x"))])], tuple(vec![s("x"), n(1)]));
        is("values", &[secret(numbers(vec![]))], secret(Value::list(Type::Number, vec![])));
        fails("keys", &[tuple(vec![])], "must have map or object type");
        let unknown = Value::unknown(Type::object(vec![("a".into(), Type::Bool)]));
        is("keys", &[unknown], tuple(vec![s("a")]));
    }

    #[test]
    fn looks_up() {
        is("lookup", &[object(vec![("a", n(1))]), s("a")], n(1));
        is("lookup", &[object(vec![("a", n(1))]), s("b"), Value::tuple(vec![])], Value::tuple(vec![]));
        is("lookup", &[numbers(vec![("a", n(1))]), s("b"), s("2")], n(2));
        is("lookup", &[numbers(vec![("a", n(1))]), secret(s("a"))], secret(n(1)));
        fails("lookup", &[object(vec![("a", n(1))]), s("b")], "the given object has no attribute \"b\"");
        fails("lookup", &[numbers(vec![]), s("b")], "lookup failed to find key \"b\"");
        fails("lookup", &[numbers(vec![]), secret(s("b"))], "lookup failed to find key (sensitive value)");
        let message = "the default value must have the same type as the map elements";
        fails("lookup", &[numbers(vec![]), s("b"), s("x")], message);
        fails("lookup", &[s("a"), s("b")], "lookup() requires a map as the first argument");
    }

    #[test]
    fn merges() {
        let null = Value::null(Type::Dynamic);
        is("merge", &[], object(vec![]));
        is("merge", std::slice::from_ref(&null), object(vec![]));
        is("merge", &[null, object(vec![("a", n(1))])], object(vec![("a", n(1))]));
        let both = object(vec![("a", n(1)), ("b", n(2))]);
        is("merge", &[object(vec![("a", n(1))]), numbers(vec![("b", n(2))])], both);
        is("merge", &[numbers(vec![("a", n(1))]), numbers(vec![("a", n(2))])], numbers(vec![("a", n(2))]));
        is("merge", &[secret(object(vec![("a", n(1))]))], secret(object(vec![("a", n(1))])));
        fails("merge", &[s("a")], "arguments must be maps or objects, got \"string\"");
        let typed = Value::null(Type::object(vec![("a".into(), Type::Number)]));
        is("merge", &[typed], object(vec![]));
    }

    #[test]
    fn zips() {
        is(
            "zipmap",
            &[strings(&["a", "b"]), Value::tuple(vec![s("x"), n(1)])],
            object(vec![("a", s("x")), ("b", n(1))]),
        );
        is("zipmap", &[strings(&["a", "a"]), Value::list(Type::Number, vec![n(1), n(2)])], numbers(vec![("a", n(2))]));
        let message = "number of keys (1) does not match number of values (2)";
        fails("zipmap", &[strings(&["a"]), Value::tuple(vec![n(1), n(2)])], message);
        fails("zipmap", &[strings(&["a"]), Value::list(Type::Number, vec![n(1), n(2)])], message);
        let keys = Value::list(Type::String, vec![secret(s("a"))]);
        is("zipmap", &[keys, Value::tuple(vec![n(1)])], secret(object(vec![("a", n(1))])));
        assert!(run("zipmap", &[strings(&["a"]), n(1)]).is_err());
    }
}

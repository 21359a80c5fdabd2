//! Functions on lists, tuples, maps and objects, of whatever type their elements are.

use super::call::convert_to;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use std::collections::{BTreeMap, HashSet};
use straddle_sdk::value::{Kind, Str, Type, Value, equals, unify};

const LIST: Param = Param::new("list", Shape::Any);
const LISTS: Param = Param::new("list", Shape::LIST);
const BOOL: Returns = Returns::Always(Shape::Bool);
const STRINGS: Returns = Returns::Always(Shape::STRINGS);
const ANY: Param = Param::new("vals", Shape::Any).nullable().unknown().dynamic();

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("alltrue", &[Param::new("list", Shape::List(&Shape::Bool))], BOOL, all_true),
    Function::new("anytrue", &[Param::new("list", Shape::List(&Shape::Bool))], BOOL, any_true),
    Function::new(
        "chunklist",
        &[LISTS.marked(), Param::new("size", Shape::Number)],
        Returns::From(|args| Ok(Type::list(type_of(args, 0)))),
        chunk_list,
    ),
    Function::new("coalesce", &[], Returns::From(coalesce_type), coalesce).variadic(ANY),
    Function::new("coalescelist", &[], Returns::From(coalesce_list_type), coalesce_list).variadic(ANY),
    Function::new("compact", &[Param::new("list", Shape::STRINGS)], STRINGS, compact),
    Function::new("contains", &[LIST, Param::new("value", Shape::Any)], BOOL, contains),
    Function::new("distinct", &[LISTS], Returns::From(|args| Ok(type_of(args, 0))), distinct),
    Function::new("index", &[LIST, Param::new("value", Shape::Any)], Returns::Always(Shape::Number), index),
    Function::new(
        "matchkeys",
        &[Param::new("values", Shape::LIST), Param::new("keys", Shape::LIST), Param::new("searchset", Shape::LIST)],
        Returns::From(match_keys_type),
        match_keys,
    ),
    Function::new("one", &[LIST], Returns::From(one_type), one).maybe_null(),
    Function::new("range", &[], Returns::Always(Shape::List(&Shape::Number)), super::sequence::range)
        .variadic(Param::new("params", Shape::Number)),
    Function::new("sum", &[LIST], Returns::Always(Shape::Number), super::sequence::sum),
    Function::new(
        "transpose",
        &[Param::new("values", Shape::Map(&Shape::STRINGS))],
        Returns::Always(Shape::Map(&Shape::STRINGS)),
        transpose,
    ),
    gone("list", |_| {
        let message = "the \"list\" function was deprecated in Terraform v0.12 and is no longer available; use tolist([ ... ]) \
                       syntax to write a literal list";
        Err(FunctionError::new(message))
    }),
    gone("map", |_| {
        let message = "the \"map\" function was deprecated in Terraform v0.12 and is no longer available; use tomap({ ... }) \
                       syntax to write a literal map";
        Err(FunctionError::new(message))
    }),
];

/// A function that only tells what to write instead.
const fn gone(name: &'static str, says: fn(&[Value]) -> Result<Type, FunctionError>) -> Function {
    Function::new(name, &[], Returns::From(says), |call| Ok(call.unknown())).variadic(ANY)
}

pub(super) fn type_of(args: &[Value], position: usize) -> Type {
    args.get(position).map_or(Type::Dynamic, Value::ty)
}

/// The element type of a collection.
pub(super) fn element(ty: &Type) -> Type {
    ty.element().cloned().unwrap_or(Type::Dynamic)
}

fn all_true(call: &Call<'_>) -> Result<Value, FunctionError> {
    for item in call.items(0)? {
        match item.kind() {
            Kind::Unknown(_) => return Ok(call.unknown()),
            Kind::Bool(true) => {}
            _ => return Ok(Value::FALSE),
        }
    }
    Ok(Value::TRUE)
}

fn any_true(call: &Call<'_>) -> Result<Value, FunctionError> {
    let items = call.items(0)?;
    Ok(if items.iter().any(|item| item.as_bool() == Some(true)) {
        Value::TRUE
    } else if items.iter().any(Value::is_unknown) {
        call.unknown()
    } else {
        Value::FALSE
    })
}

/// A size of nought makes one piece of everything.
fn chunk_list(call: &Call<'_>) -> Result<Value, FunctionError> {
    let size = call.int(1).map_err(|e| e.inside("invalid size: "))?;
    let size = usize::try_from(size).map_err(|_| FunctionError::new("the size argument must be positive"))?;
    let items = call.items(0)?;
    let of = element(call.ty);
    let within = element(&of);
    let size = if size == 0 { items.len().max(1) } else { size };
    let pieces = items.chunks(size).map(|piece| Value::list(within.clone(), piece.to_vec())).collect();
    Ok(Value::list(of, pieces).with_marks(call.marks(0)))
}

fn coalesce_type(args: &[Value]) -> Result<Type, FunctionError> {
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    unify(&types).ok_or_else(|| FunctionError::new("all arguments must have the same type"))
}

fn coalesce(call: &Call<'_>) -> Result<Value, FunctionError> {
    for (position, arg) in call.args.iter().enumerate() {
        let arg = convert_to(arg, call.ty).map_err(|e| e.at(position))?;
        if arg.is_unknown() {
            return Ok(call.unknown());
        }
        let empty = *call.ty == Type::String && arg.as_str() == Some("");
        if !arg.is_null() && !empty {
            return Ok(arg);
        }
    }
    Err(FunctionError::new("no non-null, non-empty-string arguments"))
}

fn coalesce_list_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.is_empty() {
        return Err(FunctionError::new("at least one argument is required"));
    }
    let mut types = Vec::with_capacity(args.len());
    for arg in args {
        if arg.is_unknown() {
            return Ok(Type::Dynamic);
        }
        match arg.ty() {
            ty @ (Type::List(_) | Type::Tuple(_)) => types.push(ty),
            _ => return Err(FunctionError::new("coalescelist arguments must be lists or tuples")),
        }
    }
    let same = types.windows(2).all(|pair| pair[0] == pair[1]);
    Ok(types.pop().filter(|_| same).unwrap_or(Type::Dynamic))
}

fn coalesce_list(call: &Call<'_>) -> Result<Value, FunctionError> {
    for arg in call.args {
        match arg.items() {
            None if arg.is_unknown() => return Ok(call.unknown()),
            Some(items) if !items.is_empty() => return Ok(arg.clone()),
            _ => {}
        }
    }
    Err(FunctionError::new("no non-null arguments"))
}

fn compact(call: &Call<'_>) -> Result<Value, FunctionError> {
    let items = call.items(0)?;
    if !items.iter().all(Value::is_wholly_known) {
        return Ok(call.unknown());
    }
    let kept = items.iter().filter(|item| item.as_str().is_some_and(|text| !text.is_empty())).cloned().collect();
    Ok(Value::list(Type::String, kept))
}

/// Equality converts nothing. What is not known matters only if what is known does not hold the value.
fn contains(call: &Call<'_>) -> Result<Value, FunctionError> {
    let [list, value] = call.args else { return Ok(call.unknown()) };
    if !matches!(list.kind(), Kind::List(_) | Kind::Tuple(_) | Kind::Set(_)) {
        return Err(FunctionError::new("argument must be list, tuple, or set"));
    }
    let mut undecided = false;
    for item in list.items().unwrap_or_default() {
        match equals(value, item).as_bool() {
            Some(true) => return Ok(Value::TRUE),
            Some(false) => {}
            None => undecided = true,
        }
    }
    Ok(if undecided { call.unknown() } else { Value::FALSE })
}

fn distinct(call: &Call<'_>) -> Result<Value, FunctionError> {
    let items = call.items(0)?;
    if !items.iter().all(Value::is_wholly_known) {
        return Ok(call.unknown());
    }
    let mut seen = HashSet::with_capacity(items.len());
    let kept = items.iter().filter(|item| seen.insert(*item)).cloned().collect();
    Ok(Value::list(element(call.ty), kept))
}

fn index(call: &Call<'_>) -> Result<Value, FunctionError> {
    let [list, value] = call.args else { return Ok(call.unknown()) };
    let (Kind::List(_) | Kind::Tuple(_), Some(items)) = (list.kind(), list.items()) else {
        return Err(FunctionError::new("argument must be a list or tuple"));
    };
    if items.is_empty() {
        return Err(FunctionError::new("cannot search an empty list"));
    }
    for (i, item) in items.iter().enumerate() {
        match equals(item, value).as_bool() {
            Some(true) => return Ok(Value::number(i as i64)),
            Some(false) => {}
            None => return Ok(call.unknown()),
        }
    }
    Err(FunctionError::new("item not found"))
}

fn match_keys_type(args: &[Value]) -> Result<Type, FunctionError> {
    match unify(&[type_of(args, 1), type_of(args, 2)]) {
        Some(_) => Ok(type_of(args, 0)),
        None => Err(FunctionError::new("keys and searchset must be of the same type")),
    }
}

fn match_keys(call: &Call<'_>) -> Result<Value, FunctionError> {
    let values = call.items(0)?;
    if values.len() != call.items(1)?.len() {
        return Err(FunctionError::new("length of keys and values should be equal"));
    }
    let of = element(call.ty);
    let common = unify(&[type_of(call.args, 1), type_of(call.args, 2)]).unwrap_or(Type::Dynamic);
    let as_common = |position: usize| {
        let arg = call.args.get(position).cloned().unwrap_or_else(|| Value::null(Type::Dynamic));
        convert_to(&arg, &common).map_err(|e| e.at(position))
    };
    let (keys, search) = (as_common(1)?, as_common(2)?);
    let (keys, search) = (keys.items().unwrap_or_default(), search.items().unwrap_or_default());
    if search.is_empty() {
        return Ok(Value::list(of, Vec::new()));
    }
    if !values.iter().chain(keys).all(Value::is_wholly_known) {
        return Ok(call.unknown());
    }
    // Terraform takes a set that is not wholly known for one that holds nothing; nothing is known then, in truth.
    if !search.iter().all(Value::is_wholly_known) {
        return Ok(call.unknown());
    }
    let wanted: HashSet<&Value> = search.iter().collect();
    let kept =
        values.iter().zip(keys).filter(|(_, key)| wanted.contains(key)).map(|(value, _)| value.clone()).collect();
    Ok(Value::list(of, kept))
}

const ONE: &str = "must be a list, set, or tuple value with either zero or one elements";

fn one_type(args: &[Value]) -> Result<Type, FunctionError> {
    match type_of(args, 0) {
        ref ty @ (Type::List(_) | Type::Set(_)) => Ok(element(ty)),
        Type::Tuple(types) if types.len() < 2 => Ok(types.first().cloned().unwrap_or(Type::Dynamic)),
        _ => Err(FunctionError::new(ONE).at(0)),
    }
}

fn one(call: &Call<'_>) -> Result<Value, FunctionError> {
    let uncertain =
        call.args.first().is_some_and(|list| matches!(list.kind(), Kind::Set(_)) && !list.is_wholly_known());
    match call.items(0)? {
        [] => Ok(Value::null(call.ty.clone())),
        [item] => Ok(item.clone()),
        _ if uncertain => Ok(call.unknown()),
        _ => Err(FunctionError::new(ONE).at(0)),
    }
}

/// Swaps keys and values of a map of lists.
fn transpose(call: &Call<'_>) -> Result<Value, FunctionError> {
    let Some(map) = call.args.first() else { return Ok(call.unknown()) };
    if !map.is_wholly_known() {
        return Ok(call.unknown());
    }
    let mut out: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    // Keys come sorted, so the lists do.
    for (key, list) in map.entries().unwrap_or_default() {
        let Some(items) = list.items() else { return Err(FunctionError::new("input must not contain null list")) };
        for item in items {
            let Some(text) = item.as_str() else {
                return Err(FunctionError::new("input list must not contain null string"));
            };
            out.entry(text).or_default().push(Value::string(key.clone()));
        }
    }
    let entries = out.into_iter().map(|(key, keys)| (Str::new(key), Value::list(Type::String, keys))).collect();
    Ok(Value::map(Type::list(Type::String), entries))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;

    fn tuple(items: Vec<Value>) -> Value {
        Value::tuple(items)
    }

    fn bools(items: Vec<Value>) -> Value {
        Value::list(Type::Bool, items)
    }

    #[test]
    fn truth() {
        let unknown = Value::unknown(Type::Bool);
        is("alltrue", &[tuple(vec![])], Value::TRUE);
        is("alltrue", &[tuple(vec![s("true")])], Value::TRUE);
        is("alltrue", &[bools(vec![Value::null(Type::Bool)])], Value::FALSE);
        is("anytrue", &[bools(vec![unknown.clone(), Value::TRUE])], Value::TRUE);
        is("anytrue", &[bools(vec![Value::null(Type::Bool)])], Value::FALSE);
        for name in ["alltrue", "anytrue"] {
            assert!(run(name, &[bools(vec![unknown.clone()])]).expect("it works").is_unknown());
        }
    }

    #[test]
    fn first_that_counts() {
        is("coalesce", &[n(1), s("a")], s("1"));
        is("coalesce", &[s(""), Value::null(Type::Dynamic), s("b")], s("b"));
        is("coalesce", &[s("x"), Value::unknown(Type::String)], s("x"));
        is("coalesce", &[tuple(vec![]), tuple(vec![s("a")])], strings(&[]));
        fails("coalesce", &[s("")], "no non-null, non-empty-string arguments");
        fails("coalesce", &[], "all arguments must have the same type");
        is("coalescelist", &[tuple(vec![]), tuple(vec![n(1)])], tuple(vec![n(1)]));
        fails("coalescelist", &[tuple(vec![])], "no non-null arguments");
        fails("coalescelist", &[], "at least one argument is required");
        let null = Value::null(Type::Dynamic);
        fails("coalescelist", &[null, strings(&["a"])], "coalescelist arguments must be lists or tuples");
    }

    #[test]
    fn pieces() {
        let of = Type::list(Type::String);
        let all = strings(&["a", "b", "c"]);
        let pieces = |parts: &[&[&str]]| Value::list(of.clone(), parts.iter().map(|p| strings(p)).collect());
        is("chunklist", &[all.clone(), n(2)], pieces(&[&["a", "b"], &["c"]]));
        is("chunklist", &[all.clone(), n(0)], pieces(&[&["a", "b", "c"]]));
        is("chunklist", &[strings(&[]), n(0)], pieces(&[]));
        fails("chunklist", &[all, n(-1)], "the size argument must be positive");
    }

    #[test]
    fn searches() {
        is("contains", &[tuple(vec![n(1)]), s("1")], Value::FALSE);
        is("contains", &[tuple(vec![Value::unknown(Type::Number), n(1)]), n(1)], Value::TRUE);
        assert!(run("contains", &[tuple(vec![Value::unknown(Type::Number)]), n(1)]).expect("it works").is_unknown());
        fails("contains", &[Value::object(vec![]), n(1)], "argument must be list, tuple, or set");
        is("contains", &[tuple(vec![secret(n(1))]), n(2)], secret(Value::FALSE));
        is("index", &[tuple(vec![n(1), s("a")]), s("a")], n(1));
        fails("index", &[tuple(vec![n(1)]), s("1")], "item not found");
        fails("index", &[tuple(vec![]), s("1")], "cannot search an empty list");
    }

    #[test]
    fn keeps_some() {
        is("compact", &[tuple(vec![s("a"), s(""), n(1), Value::null(Type::String)])], strings(&["a", "1"]));
        is("distinct", &[tuple(vec![n(1), s("1"), s("b"), n(1)])], strings(&["1", "b"]));
        let (values, keys) = (strings(&["a", "b", "c"]), strings(&["x", "y", "x"]));
        is("matchkeys", &[values.clone(), keys, strings(&["x"])], strings(&["a", "c"]));
        fails("matchkeys", &[values, strings(&["x"]), strings(&["x"])], "length of keys and values should be equal");
    }

    #[test]
    fn at_most_one() {
        is("one", &[tuple(vec![])], Value::null(Type::Dynamic));
        is("one", &[strings(&[])], Value::null(Type::String));
        is("one", &[Value::set(Type::String, vec![s("a")])], s("a"));
        fails("one", &[tuple(vec![n(1), n(2)])], ONE);
        fails("one", &[strings(&["a", "b"])], ONE);
        fails("one", &[n(1)], ONE);
    }

    #[test]
    fn swaps_keys_and_values() {
        let of = Type::list(Type::String);
        let map = |items: Vec<(&str, &[&str])>| {
            Value::map(of.clone(), items.into_iter().map(|(k, v)| (k.into(), strings(v))).collect())
        };
        let got = map(vec![("a", &["x", "y"]), ("b", &["y"])]);
        is("transpose", &[got], map(vec![("x", &["a"]), ("y", &["a", "b"])]));
    }

    #[test]
    fn what_is_gone_says_so() {
        assert!(run("list", &[s("a")]).expect_err("gone").message.starts_with("the \"list\" function was deprecated"));
        assert!(
            run("map", &[s("a"), n(1)]).expect_err("gone").message.starts_with("the \"map\" function was deprecated")
        );
    }
}

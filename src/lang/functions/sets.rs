//! Functions on sets.

use super::call::convert_to;
use super::collections::element;
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use std::collections::HashSet;
use straddle_sdk::value::{Type, Value, unify};

const FIRST: &[Param] = &[Param::new("first_set", Shape::SET).dynamic()];
const OTHERS: Param = Param::new("other_sets", Shape::SET).dynamic();

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("setintersection", FIRST, Returns::From(common_type), |call| {
        combine(call, |first, other| first.into_iter().filter(|item| other.contains(item)).collect())
    })
    .variadic(OTHERS),
    Function::new(
        "setsubtract",
        &[Param::new("a", Shape::SET).dynamic(), Param::new("b", Shape::SET).dynamic()],
        Returns::From(common_type),
        |call| combine(call, |first, other| first.into_iter().filter(|item| !other.contains(item)).collect()),
    ),
    Function::new("setunion", FIRST, Returns::From(common_type), union).variadic(OTHERS),
];

/// Sets of nothing and of no type fit any.
fn common_type(args: &[Value]) -> Result<Type, FunctionError> {
    let types: Vec<Type> = args
        .iter()
        .filter_map(|arg| {
            let of = element(&arg.ty());
            let fits_any = of == Type::Dynamic && arg.items().is_some_and(<[Value]>::is_empty);
            (!fits_any).then_some(of)
        })
        .collect();
    if types.is_empty() {
        return Ok(Type::set(Type::Dynamic));
    }
    unify(&types).map(Type::set).ok_or_else(|| FunctionError::new("given sets must all have compatible element types"))
}

fn converted(call: &Call<'_>) -> Result<Vec<Value>, FunctionError> {
    let each = call.args.iter().enumerate();
    each.map(|(position, arg)| convert_to(arg, call.ty).map_err(|e| e.at(position))).collect()
}

/// The first set with each of the others in turn; nothing is known before all are.
fn combine(call: &Call<'_>, step: fn(Vec<Value>, &HashSet<&Value>) -> Vec<Value>) -> Result<Value, FunctionError> {
    let sets = converted(call)?;
    if !sets.iter().all(Value::is_wholly_known) {
        return Ok(call.unknown());
    }
    let mut sets = sets.iter().map(|set| set.items().unwrap_or_default());
    let mut items = sets.next().unwrap_or_default().to_vec();
    for other in sets {
        items = step(items, &other.iter().collect());
    }
    Ok(Value::set(element(call.ty), items))
}

fn union(call: &Call<'_>) -> Result<Value, FunctionError> {
    let sets = converted(call)?;
    let items = sets.iter().flat_map(|set| set.items().unwrap_or_default()).cloned().collect();
    Ok(Value::set(element(call.ty), items))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret};
    use super::*;

    fn set(items: &[&str]) -> Value {
        Value::set(Type::String, items.iter().map(|i| s(i)).collect())
    }

    #[test]
    fn algebra() {
        is("setunion", &[set(&["a"]), Value::tuple(vec![n(1)])], set(&["1", "a"]));
        is("setunion", &[Value::tuple(vec![]), set(&["a"])], set(&["a"]));
        is("setintersection", &[set(&["a", "b", "c"]), set(&["b", "c"]), set(&["c"])], set(&["c"]));
        is("setsubtract", &[set(&["a", "b"]), set(&["b"])], set(&["a"]));
        is("setsubtract", &[set(&["a"]), secret(set(&["b"]))], secret(set(&["a"])));
        is("setunion", &[Value::tuple(vec![])], Value::set(Type::Dynamic, vec![]));
        let message = "given sets must all have compatible element types";
        fails("setunion", &[set(&["a"]), Value::tuple(vec![Value::tuple(vec![])])], message);
        let unknown = Value::tuple(vec![Value::unknown(Type::String)]);
        assert!(run("setsubtract", &[set(&["a"]), unknown]).expect("it works").is_unknown());
    }
}

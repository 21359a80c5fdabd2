//! Functions that take structures apart and put them together: positions, keys, products.

use super::call::{convert_to, unknown_of};
use super::collections::{element, type_of};
use super::{Call, Function, FunctionError, Param, Returns, Shape};
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Kind, Marks, Refinement, Type, Unknown, Value, unify};

/// The most elements a product may have.
const MAX_PRODUCT: usize = 1 << 20;
/// The most numbers `range` gives.
const MAX_RANGE: usize = 1024;

const LIST: Param = Param::new("list", Shape::Any).marked();

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("concat", &[], Returns::From(concat_type), concat).variadic(Param::new("seqs", Shape::Any).marked()),
    Function::new("element", &[LIST, Param::new("index", Shape::Number)], Returns::From(element_type), element_at)
        .maybe_null(),
    Function::new("flatten", &[LIST], Returns::From(flatten_type), flatten),
    Function::new(
        "length",
        &[Param::new("value", Shape::Any).unknown().marked().dynamic()],
        Returns::From(length_type),
        length,
    ),
    Function::new("reverse", &[LIST], Returns::From(reverse_type), reverse),
    Function::new("setproduct", &[], Returns::From(product_type), product)
        .variadic(Param::new("sets", Shape::Any).marked().unknown()),
    Function::new(
        "slice",
        &[LIST, Param::new("start_index", Shape::Number), Param::new("end_index", Shape::Number)],
        Returns::From(slice_type),
        slice,
    ),
];

fn argument<'a>(call: &Call<'a>, position: usize) -> Result<&'a Value, FunctionError> {
    call.args.get(position).ok_or_else(|| FunctionError::new("an argument is required").at(position))
}

/// All lists of types that unify give a list, anything else a tuple.
fn concat_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.is_empty() {
        return Err(FunctionError::new("at least one argument is required"));
    }
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    if types.iter().all(|ty| matches!(ty, Type::List(_)))
        && let Some(common) = unify(&types)
    {
        return Ok(common);
    }
    let mut all = Vec::new();
    for (position, (arg, ty)) in args.iter().zip(&types).enumerate() {
        match (ty, arg.items()) {
            (Type::Tuple(types), _) => all.extend(types.iter().cloned()),
            (Type::List(of), Some(items)) => all.extend(std::iter::repeat_n((**of).clone(), items.len())),
            (Type::List(_), None) => return Ok(Type::Dynamic),
            (other, _) => {
                let message = format!("all arguments must be lists or tuples; got {}", other.friendly_name());
                return Err(FunctionError::told(message).at(position));
            }
        }
    }
    Ok(Type::tuple(all))
}

fn concat(call: &Call<'_>) -> Result<Value, FunctionError> {
    let mut all = Vec::new();
    let mut marks = Marks::NONE;
    let is_list = matches!(call.ty, Type::List(_));
    for (position, arg) in call.args.iter().enumerate() {
        marks = marks | arg.marks();
        if is_list {
            let list = convert_to(arg, call.ty).map_err(|e| e.at(position))?;
            all.extend_from_slice(list.items().unwrap_or_default());
        } else {
            all.extend_from_slice(arg.items().unwrap_or_default());
        }
    }
    let joined = if is_list { Value::list(element(call.ty), all) } else { Value::tuple(all) };
    Ok(joined.with_marks(marks))
}

const EMPTY: &str = "cannot use element function with an empty list";

/// The index counted round a list of this length.
fn position_of(index: i64, length: usize) -> Result<usize, FunctionError> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let rest = index.checked_rem(length).ok_or_else(|| FunctionError::new(EMPTY))?;
    // Terraform 1.11 panics here; what is a multiple of the length it takes for nought.
    usize::try_from(rest).map_err(|_| FunctionError::new("cannot use element function with a negative index"))
}

fn element_type(args: &[Value]) -> Result<Type, FunctionError> {
    match type_of(args, 0) {
        ref ty @ Type::List(_) => Ok(element(ty)),
        Type::Tuple(types) => match args.get(1).and_then(Value::as_num) {
            None => Ok(Type::Dynamic),
            Some(n) => {
                let index = super::call::whole(n).map_err(|e| e.inside("invalid index: "))?;
                Ok(types.get(position_of(index, types.len())?).cloned().unwrap_or(Type::Dynamic))
            }
        },
        other => Err(FunctionError::told(format!("cannot read elements from {}", other.friendly_name()))),
    }
}

fn element_at(call: &Call<'_>) -> Result<Value, FunctionError> {
    let index = call.int(1).map_err(|e| e.inside("invalid index: "))?;
    let items = call.items(0)?;
    let found = items.get(position_of(index, items.len())?).cloned();
    Ok(found.unwrap_or_else(|| call.unknown()).with_marks(call.marks(0)))
}

fn flatten_type(args: &[Value]) -> Result<Type, FunctionError> {
    let Some(list) = args.first().filter(|list| list.is_wholly_known()) else { return Ok(Type::Dynamic) };
    match list.kind() {
        Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => {
            let mut out = Vec::new();
            flatten_into(list, &mut out);
            Ok(Type::tuple(out.iter().map(Value::ty).collect()))
        }
        _ => Err(FunctionError::new("can only flatten lists, sets and tuples")),
    }
}

/// The marks of what is flattened away are the result's.
fn flatten(call: &Call<'_>) -> Result<Value, FunctionError> {
    let list = argument(call, 0)?;
    let mut out = Vec::new();
    match list.items() {
        None if !list.is_wholly_known() => Ok(call.unknown().with_marks(list.deep_marks())),
        Some(_) if known_shape(list) => {
            let marks = flatten_into(list, &mut out);
            Ok(Value::tuple(out).with_marks(marks))
        }
        Some(_) => Ok(call.unknown().with_marks(list.deep_marks())),
        None => Err(FunctionError::new("can only flatten lists, sets and tuples")),
    }
}

/// No element could turn out to be a list, and no set to have fewer elements.
fn known_shape(value: &Value) -> bool {
    match value.kind() {
        Kind::Unknown(u) => u.ty.is_primitive() || matches!(u.ty, Type::Map(_) | Type::Object(_)),
        Kind::Set(_) => value.is_wholly_known(),
        Kind::List(_) | Kind::Tuple(_) => value.items().unwrap_or_default().iter().all(known_shape),
        _ => true,
    }
}

fn flatten_into(value: &Value, out: &mut Vec<Value>) -> Marks {
    let mut marks = value.marks();
    for item in value.items().unwrap_or_default() {
        match item.kind() {
            Kind::List(_) | Kind::Set(_) | Kind::Tuple(_) => marks = marks | flatten_into(item, out),
            _ => out.push(item.clone()),
        }
    }
    marks
}

fn length_type(args: &[Value]) -> Result<Type, FunctionError> {
    match type_of(args, 0) {
        Type::Bool | Type::Number => {
            Err(FunctionError::new("argument must be a string, a collection type, or a structural type"))
        }
        _ => Ok(Type::Number),
    }
}

/// Strings have as many elements as grapheme clusters. Of what is not known, bounds may be.
fn length(call: &Call<'_>) -> Result<Value, FunctionError> {
    let value = argument(call, 0)?;
    let between = |min: usize, max: Option<u64>| {
        let max = max.and_then(|max| i64::try_from(max).ok()).map(|max| (Num::from(max), true));
        call.unknown_refined(Refinement { min: Some((Num::from(min as i64), true)), max, ..Refinement::default() })
    };
    let known = |n: usize| Value::number(n as i64);
    let length = match value.kind() {
        Kind::String(text) => known(super::strings::grapheme_count(text)),
        Kind::Set(e) if e.items.len() > 1 && !value.is_wholly_known() => between(1, Some(e.items.len() as u64)),
        Kind::Unknown(u) => unknown_length(u, &known, &between, call),
        _ => known(value.items().map_or_else(|| value.entries().unwrap_or_default().len(), <[Value]>::len)),
    };
    Ok(length.with_marks(value.marks()))
}

fn unknown_length(
    u: &Unknown,
    known: &dyn Fn(usize) -> Value,
    between: &dyn Fn(usize, Option<u64>) -> Value,
    call: &Call<'_>,
) -> Value {
    match &u.ty {
        Type::Tuple(types) => known(types.len()),
        Type::Object(object) => known(object.attrs.len()),
        Type::String => {
            let prefix = u.refinement.prefix.as_deref().unwrap_or_default();
            between(super::strings::grapheme_count(prefix), None)
        }
        Type::List(_) | Type::Set(_) | Type::Map(_) => {
            let min = u.refinement.min_len.unwrap_or(0);
            match u.refinement.max_len {
                Some(max) if max == min => known(min as usize),
                max => between(min as usize, max),
            }
        }
        _ => call.unknown(),
    }
}

/// `range(limit)`, `range(start, limit)`, `range(start, limit, step)`.
pub(super) fn range(call: &Call<'_>) -> Result<Value, FunctionError> {
    let num = |position: usize| call.num(position).cloned();
    let by = |down: bool| Num::from(if down { -1 } else { 1 });
    let (start, end, step) = match call.args.len() {
        1 => (Num::ZERO, num(0)?, by(num(0)?.is_negative())),
        2 => (num(0)?, num(1)?, by(num(1)? < num(0)?)),
        3 => (num(0)?, num(1)?, num(2)?),
        _ => return Err(FunctionError::new("must have one, two, or three arguments")),
    };
    let down = step.is_negative();
    if down && end > start {
        return Err(FunctionError::new("end must be less than start when step is negative").at(1));
    }
    if !down && end < start {
        return Err(FunctionError::new("end must be greater than start when step is positive").at(1));
    }
    let mut items = Vec::new();
    let mut next = start;
    while if down { next > end } else { next < end } {
        if items.len() >= MAX_RANGE {
            let message = "more than 1024 values were generated; either decrease the difference between start and end or use a \
                           smaller step";
            return Err(FunctionError::new(message));
        }
        items.push(Value::number(next.clone()));
        next = next.add(&step).map_err(|_| FunctionError::new("infinities have no range"))?;
    }
    Ok(Value::list(Type::Number, items))
}

pub(super) fn sum(call: &Call<'_>) -> Result<Value, FunctionError> {
    let list = argument(call, 0)?;
    let numbers_only = || FunctionError::new("argument must be list, set, or tuple of number values").at(0);
    let empty = match (list.items(), list.entries()) {
        (Some(items), _) => items.is_empty(),
        (_, Some(entries)) => entries.is_empty(),
        _ => return Err(FunctionError::new("cannot sum noniterable").at(0)),
    };
    if empty {
        return Err(FunctionError::new("cannot sum an empty list").at(0));
    }
    let Some(items) = list.items() else {
        let message = format!("argument must be list, set, or tuple. Received {}", list.ty().friendly_name());
        return Err(FunctionError::told(message).at(0));
    };
    if !list.is_wholly_known() {
        return Ok(call.unknown());
    }
    let mut total: Option<Num> = None;
    for item in items {
        let item = convert_to(item, &Type::Number).map_err(|_| numbers_only())?;
        let n = item.as_num().ok_or_else(numbers_only)?;
        total = Some(match total {
            None => n.clone(),
            Some(total) => total.add(n).map_err(|_| FunctionError::new("can't compute sum of opposing infinities"))?,
        });
    }
    Ok(Value::number(total.unwrap_or(Num::ZERO)))
}

fn reverse_type(args: &[Value]) -> Result<Type, FunctionError> {
    match type_of(args, 0) {
        Type::Tuple(types) => Ok(Type::tuple(types.iter().rev().cloned().collect())),
        ref ty @ (Type::List(_) | Type::Set(_)) => Ok(Type::list(element(ty))),
        other => {
            let message = format!("can only reverse list or tuple values, not {}", other.friendly_name());
            Err(FunctionError::told(message).at(0))
        }
    }
}

fn reverse(call: &Call<'_>) -> Result<Value, FunctionError> {
    let items = call.items(0)?.iter().rev().cloned().collect();
    let reversed =
        if matches!(call.ty, Type::Tuple(_)) { Value::tuple(items) } else { Value::list(element(call.ty), items) };
    Ok(reversed.with_marks(call.marks(0)))
}

/// Start and end, checked as far as they and the length are known.
fn bounds(args: &[Value]) -> Result<Option<(usize, usize)>, FunctionError> {
    let length = match args.first() {
        Some(list) => match (list.items(), list.ty()) {
            (Some(items), _) => Some(items.len()),
            (None, Type::Tuple(types)) => Some(types.len()),
            _ => None,
        },
        None => None,
    };
    let bound = |position: usize, name: &str| -> Result<Option<usize>, FunctionError> {
        let Some(n) = args.get(position).and_then(Value::as_num) else { return Ok(None) };
        let n = super::call::whole(n).map_err(|e| e.inside(&format!("invalid {name} index: ")).at(position))?;
        let too = |how: &str| FunctionError::told(format!("{name} index must not be {how}")).at(position);
        let n = usize::try_from(n).map_err(|_| too("less than zero"))?;
        if length.is_some_and(|length| n > length) {
            Err(too("greater than the length of the list"))
        } else {
            Ok(Some(n))
        }
    };
    let (Some(start), Some(end)) = (bound(1, "start")?, bound(2, "end")?) else { return Ok(None) };
    if start > end {
        return Err(FunctionError::new("start index must not be greater than end index").at(1));
    }
    Ok(Some((start, end)))
}

fn slice_type(args: &[Value]) -> Result<Type, FunctionError> {
    let ty = type_of(args, 0);
    match &ty {
        Type::Set(_) => {
            let message = "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the \
                           ordering of the result is not important";
            Err(FunctionError::new(message).at(0))
        }
        Type::List(_) => bounds(args).map(|_| ty),
        Type::Tuple(types) => Ok(match bounds(args)? {
            Some((start, end)) => Type::tuple(types.get(start..end).unwrap_or_default().to_vec()),
            None => Type::Dynamic,
        }),
        _ => Err(FunctionError::new("must be a list or tuple value").at(0)),
    }
}

fn slice(call: &Call<'_>) -> Result<Value, FunctionError> {
    let Some((start, end)) = bounds(call.args)? else { return Ok(call.unknown()) };
    let items = call.items(0)?.get(start..end).unwrap_or_default().to_vec();
    let sliced =
        if matches!(call.ty, Type::Tuple(_)) { Value::tuple(items) } else { Value::list(element(call.ty), items) };
    Ok(sliced.with_marks(call.marks(0)))
}

/// Lists and tuples give a list; with a set among them it is a set.
fn product_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.len() < 2 {
        return Err(FunctionError::new("at least two arguments are required"));
    }
    let mut is_list = true;
    let mut types = Vec::with_capacity(args.len());
    for (position, arg) in args.iter().enumerate() {
        types.push(match arg.ty() {
            ref ty @ Type::Set(_) => {
                is_list = false;
                element(ty)
            }
            ref ty @ Type::List(_) => element(ty),
            Type::Tuple(of) if of.is_empty() => Type::Dynamic,
            Type::Tuple(of) => {
                unify(&of).ok_or_else(|| FunctionError::new("all elements must be of the same type").at(position))?
            }
            _ => return Err(FunctionError::new("a set or a list is required").at(position)),
        });
    }
    let tuple = Type::tuple(types);
    Ok(if is_list { Type::list(tuple) } else { Type::set(tuple) })
}

fn product(call: &Call<'_>) -> Result<Value, FunctionError> {
    let marks = call.args.iter().fold(Marks::NONE, |marks, arg| marks | arg.marks());
    // Of two elements of a set that are not known both could turn out the same.
    let uncertain = |arg: &Value| match (arg.items(), arg.kind()) {
        (None, _) => true,
        (Some(items), Kind::Set(_)) => items.len() > 1 && !arg.is_wholly_known(),
        _ => false,
    };
    if call.args.iter().any(uncertain) {
        return Ok(unknown_of(call.ty.clone(), call.args).with_marks(marks));
    }
    let tuple = element(call.ty);
    let Type::Tuple(types) = &tuple else { return Ok(call.unknown()) };
    let mut columns = Vec::with_capacity(call.args.len());
    for (position, (arg, ty)) in call.args.iter().zip(types.iter()).enumerate() {
        let items = arg.items().unwrap_or_default().iter();
        let column: Vec<Value> =
            items.map(|item| convert_to(item, ty)).collect::<Result<_, _>>().map_err(|e| e.at(position))?;
        columns.push(column);
    }
    let total = columns.iter().try_fold(1usize, |total, column| total.checked_mul(column.len()));
    let Some(total) = total.filter(|total| *total <= MAX_PRODUCT) else {
        return Err(FunctionError::told(format!("the product would have more than {MAX_PRODUCT} elements")));
    };
    let rows = (0..total).map(|row| {
        // The last column turns fastest.
        let mut rest = row;
        let mut items: Vec<Value> = columns
            .iter()
            .rev()
            .filter_map(|column| {
                let item = column.get(rest % column.len()).cloned();
                rest /= column.len();
                item
            })
            .collect();
        items.reverse();
        Value::tuple(items)
    });
    let rows: Vec<Value> = rows.collect();
    let product = if matches!(call.ty, Type::List(_)) {
        Value::list(tuple.clone(), rows)
    } else {
        Value::set(tuple.clone(), rows)
    };
    Ok(product.with_marks(marks))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fails, is, n, run, s, secret, strings};
    use super::*;

    fn tuple(items: Vec<Value>) -> Value {
        Value::tuple(items)
    }

    #[test]
    fn concatenates() {
        is("concat", &[tuple(vec![s("a")]), tuple(vec![n(1)])], tuple(vec![s("a"), n(1)]));
        is("concat", &[strings(&["a"]), strings(&["b"])], strings(&["a", "b"]));
        is("concat", &[strings(&["a"]), tuple(vec![n(1)])], tuple(vec![s("a"), n(1)]));
        is("concat", &[secret(strings(&["a"])), strings(&[])], secret(strings(&["a"])));
        is("concat", &[tuple(vec![secret(n(1))])], tuple(vec![secret(n(1))]));
        fails("concat", &[], "at least one argument is required");
        fails("concat", &[s("a")], "all arguments must be lists or tuples; got string");
    }

    #[test]
    fn takes_by_position() {
        let list = tuple(vec![s("a"), n(2)]);
        is("element", &[list.clone(), n(3)], n(2));
        is("element", &[list.clone(), n(-2)], s("a"));
        fails("element", &[list.clone(), n(-1)], "cannot use element function with a negative index");
        fails("element", &[tuple(vec![]), n(0)], EMPTY);
        fails("element", &[strings(&[]), n(0)], EMPTY);
        fails("element", &[Value::set(Type::String, vec![]), n(0)], "cannot read elements from set of string");
        is("slice", &[list.clone(), n(1), n(2)], tuple(vec![n(2)]));
        is("slice", &[list.clone(), n(1), n(1)], tuple(vec![]));
        fails("slice", &[list.clone(), n(-1), n(1)], "start index must not be less than zero");
        fails("slice", &[list.clone(), n(0), n(3)], "end index must not be greater than the length of the list");
        fails("slice", &[list, n(2), n(1)], "start index must not be greater than end index");
        is("reverse", &[strings(&["a", "b"])], strings(&["b", "a"]));
        is("reverse", &[Value::set(Type::String, vec![s("b"), s("a")])], strings(&["b", "a"]));
    }

    #[test]
    fn flattens() {
        let set = Value::set(Type::String, vec![s("b"), s("a")]);
        is("flatten", &[tuple(vec![set, tuple(vec![n(1), tuple(vec![])])])], tuple(vec![s("a"), s("b"), n(1)]));
        let null = Value::null(Type::Dynamic);
        is("flatten", &[tuple(vec![tuple(vec![null.clone()])])], tuple(vec![null]));
        let inside = tuple(vec![secret(tuple(vec![n(1)]))]);
        is("flatten", &[inside], secret(tuple(vec![n(1)])));
        fails("flatten", &[Value::object(vec![])], "can only flatten lists, sets and tuples");
        assert!(run("flatten", &[tuple(vec![Value::unknown(Type::Dynamic)])]).expect("it works").is_unknown());
    }

    #[test]
    fn counts() {
        is("length", &[s("👨‍👩‍👧e\u{301}\r\n")], n(3));
        is("length", &[tuple(vec![secret(n(1))])], n(1));
        is("length", &[secret(tuple(vec![]))], secret(n(0)));
        is("length", &[Value::object(vec![("a".into(), n(1))])], n(1));
        is("length", &[Value::unknown(Type::tuple(vec![Type::Number]))], n(1));
        let message = "argument must be a string, a collection type, or a structural type";
        fails("length", &[n(1)], message);
    }

    #[test]
    fn ranges() {
        let numbers = |items: &[i64]| Value::list(Type::Number, items.iter().map(|i| n(*i)).collect());
        is("range", &[n(3)], numbers(&[0, 1, 2]));
        is("range", &[n(-2)], numbers(&[0, -1]));
        is("range", &[n(5), n(3)], numbers(&[5, 4]));
        is("range", &[n(0), n(-5), n(-2)], numbers(&[0, -2, -4]));
        is("range", &[n(3), n(3), n(0)], numbers(&[]));
        let message = "more than 1024 values were generated; either decrease the difference between start and end or use a \
                       smaller step";
        fails("range", &[n(0), n(1), n(0)], message);
        fails("range", &[n(0), n(1), n(-1)], "end must be less than start when step is negative");
        fails("range", &[n(1), n(0), n(1)], "end must be greater than start when step is positive");
        assert!(run("range", &[n(1025)]).is_err());
        assert!(run("range", &[n(1024)]).is_ok());
        fails("range", &[], "must have one, two, or three arguments");
    }

    #[test]
    fn adds() {
        is("sum", &[tuple(vec![n(1), s("2")])], n(3));
        fails("sum", &[tuple(vec![])], "cannot sum an empty list");
        fails("sum", &[n(1)], "cannot sum noniterable");
        fails("sum", &[tuple(vec![s("a")])], "argument must be list, set, or tuple of number values");
        fails(
            "sum",
            &[tuple(vec![Value::null(Type::Number)])],
            "argument must be list, set, or tuple of number values",
        );
        let object = Value::object(vec![("a".into(), n(1))]);
        fails("sum", &[object], "argument must be list, set, or tuple. Received object");
    }

    #[test]
    fn multiplies_sets() {
        let of = Type::tuple(vec![Type::String, Type::Number]);
        let row = |a: &str, b: i64| tuple(vec![s(a), n(b)]);
        let rows = vec![row("a", 1), row("a", 2), row("b", 1), row("b", 2)];
        is(
            "setproduct",
            &[tuple(vec![s("a"), s("b")]), tuple(vec![n(1), n(2)])],
            Value::list(of.clone(), rows.clone()),
        );
        let set = Value::set(Type::String, vec![s("a"), s("b")]);
        is("setproduct", &[set, tuple(vec![n(1), n(2)])], Value::set(of, rows));
        fails("setproduct", &[tuple(vec![])], "at least two arguments are required");
        let large = tuple(vec![n(1); 1 << 11]);
        assert!(run("setproduct", &[large.clone(), large]).is_err());
    }
}

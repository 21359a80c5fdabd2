//! A call: policies of the parameters, applied once for all functions.

use super::{Function, FunctionContext, FunctionError, Returns, Shape};
use std::sync::Arc;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Cause, Kind, Marks, Refinement, Type, Unknown, Value};

/// What an implementation works on.
pub struct Call<'a> {
    /// The arguments, of the parameters' types. Not null, known and unmarked unless the parameter says otherwise. What is
    /// inside a collection may be null or unknown.
    pub args: &'a [Value],
    /// The result type the arguments promise; `Dynamic` if only the result can tell.
    pub ty: &'a Type,
    /// Files, clock, chance.
    pub ctx: &'a FunctionContext<'a>,
}

/// An argument a policy should have kept away. Never seen unless a table entry is wrong.
fn mismatch(position: usize) -> FunctionError {
    FunctionError::new("the argument has an unexpected type").at(position)
}

impl Call<'_> {
    /// A string argument.
    pub fn text(&self, position: usize) -> Result<&str, FunctionError> {
        self.args.get(position).and_then(Value::as_str).ok_or_else(|| mismatch(position))
    }

    /// A number argument.
    pub fn num(&self, position: usize) -> Result<&Num, FunctionError> {
        self.args.get(position).and_then(Value::as_num).ok_or_else(|| mismatch(position))
    }

    /// A whole number argument that fits a word.
    pub fn int(&self, position: usize) -> Result<i64, FunctionError> {
        whole(self.num(position)?)
    }

    /// The elements of a list, set or tuple argument.
    pub fn items(&self, position: usize) -> Result<&[Value], FunctionError> {
        self.args.get(position).and_then(Value::items).ok_or_else(|| mismatch(position))
    }

    /// The marks an argument itself bears, where its parameter lets them through.
    pub fn marks(&self, position: usize) -> Marks {
        self.args.get(position).map_or(Marks::NONE, Value::marks)
    }

    /// An unknown of the promised type, for the reason an argument is unknown.
    pub fn unknown(&self) -> Value {
        unknown_of(self.ty.clone(), self.args)
    }

    /// The same, of which something is known.
    pub fn unknown_refined(&self, refinement: Refinement) -> Value {
        let cause = self.args.iter().find_map(cause);
        Kind::Unknown(Arc::new(Unknown { ty: self.ty.clone(), refinement, cause })).into()
    }
}

/// A number as a word.
pub(super) fn whole(n: &Num) -> Result<i64, FunctionError> {
    let message = "value must be a whole number, between -9223372036854775808 and 9223372036854775807";
    n.to_i64().ok_or_else(|| FunctionError::new(message))
}

/// The answer where the implementation is not asked; what it would have done with marks is not known, so all stay.
fn short_cut(ty: Type, args: &[Value]) -> Value {
    let marks = args.iter().fold(Marks::NONE, |marks, arg| marks | arg.deep_marks());
    unknown_of(ty, args).with_marks(marks)
}

/// An unknown that says why it is unknown as the first unknown of `because` does.
pub(super) fn unknown_of(ty: Type, because: &[Value]) -> Value {
    let cause = because.iter().find_map(cause);
    Kind::Unknown(Arc::new(Unknown { cause, ..Unknown::of(ty) })).into()
}

/// The reason of the first unknown inside.
fn cause(value: &Value) -> Option<Cause> {
    match value.kind() {
        Kind::Unknown(u) => u.cause.clone(),
        Kind::List(e) | Kind::Set(e) => e.items.iter().find_map(cause),
        Kind::Tuple(items) => items.iter().find_map(cause),
        Kind::Map(e) => e.items.iter().find_map(|(_, v)| cause(v)),
        Kind::Object(items) => items.iter().find_map(|(_, v)| cause(v)),
        _ => None,
    }
}

/// Refuses a wrong number of arguments, as Terraform does before it evaluates any.
pub fn check_arity(function: &Function, name: &str, given: usize) -> Result<(), FunctionError> {
    let wanted = function.params.len();
    if let Some(missing) = function.params.get(given) {
        let least = if function.variadic.is_some() { " at least" } else { "" };
        let message =
            format!("Function {name:?} expects{least} {wanted} argument(s). Missing value for {:?}.", missing.name);
        return Err(FunctionError::too_few(message));
    }
    if given > wanted && function.variadic.is_none() {
        return Err(FunctionError::too_many(format!("Function {name:?} expects only {wanted} argument(s)."), wanted));
    }
    Ok(())
}

/// Calls a function: converts the arguments, refuses nulls, answers unknown for unknown, carries marks over.
///
/// Marks of every argument reach the result, also if it is unknown.
pub fn call(function: &Function, args: &[Value], ctx: &FunctionContext<'_>) -> Result<Value, FunctionError> {
    check_arity(function, function.name, args.len())?;
    let mut marks = Marks::NONE;
    let mut secret = false;
    let mut prepared = Vec::with_capacity(args.len());
    for (position, arg) in args.iter().enumerate() {
        let Some(param) = function.param(position) else { continue };
        let own = arg.deep_marks();
        secret |= !own.is_none();
        let arg = prepare(function, position, arg)?;
        if param.allow_marked {
            prepared.push(arg);
        } else {
            marks = marks | own;
            prepared.push(if own.is_none() { arg } else { arg.unmarked() });
        }
    }
    let result = apply(function, &prepared, ctx).map_err(|e| if secret { e.withheld() } else { e })?;
    Ok(result.with_marks(marks))
}

/// An argument as the type its parameter wants.
///
/// # Errors
/// It cannot be one. What is wrong inside a value is told with the key it has there, unless the value is marked.
pub fn prepare(function: &Function, position: usize, arg: &Value) -> Result<Value, FunctionError> {
    let Some(param) = function.param(position) else { return Ok(arg.clone()) };
    if arg.marks().contains(Marks::TYPE) && param.shape != Shape::Any {
        let wanted = format!("{} required", param.shape.ty().friendly_constraint());
        return Err(FunctionError::told(wanted).at(position));
    }
    let told = |e| if arg.deep_marks().is_none() { e } else { without_keys(e, param.shape) };
    convert(arg, param.shape).map_err(|e| told(e).at(position))
}

fn apply(function: &Function, args: &[Value], ctx: &FunctionContext<'_>) -> Result<Value, FunctionError> {
    let params = || (0..args.len()).filter_map(|i| function.param(i));
    // One after the other: what follows an argument of unknown type is not looked at.
    for (position, (arg, param)) in args.iter().zip(params()).enumerate() {
        if arg.is_null() && !param.allow_null {
            return Err(FunctionError::new("argument must not be null").at(position));
        }
        if !param.allow_dynamic && untyped(arg) {
            return Ok(short_cut(Type::Dynamic, args));
        }
    }
    let ty = match function.returns {
        Returns::Always(shape) => shape.ty(),
        Returns::From(f) => f(args)?,
    };
    let stopped = args.iter().zip(params()).any(|(arg, param)| arg.is_unknown() && !param.allow_unknown);
    let result = if stopped { short_cut(ty, args) } else { (function.implementation)(&Call { args, ty: &ty, ctx })? };
    Ok(if function.not_null { not_null(result) } else { result })
}

/// Neither the value nor its type is known (or it is the null that has no type).
fn untyped(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(ty) => *ty == Type::Dynamic,
        Kind::Unknown(u) => u.ty == Type::Dynamic,
        _ => false,
    }
}

/// The most elements an unknown list of known length is written out to.
const MAX_WRITTEN_OUT: u64 = 1 << 16;

/// An unknown of known type that will certainly not be null. A list of known length then is a list, of unknown elements; and
/// what has no elements is known.
pub(super) fn not_null(value: Value) -> Value {
    let Kind::Unknown(u) = value.kind() else { return value };
    if u.ty == Type::Dynamic {
        return value;
    }
    let length = u.refinement.max_len.filter(|max| u.refinement.min_len == Some(*max));
    let sure: Value = match (&u.ty, length) {
        (Type::List(of), Some(length @ ..=MAX_WRITTEN_OUT)) => {
            let element = Kind::Unknown(Arc::new(Unknown { cause: u.cause.clone(), ..Unknown::of((**of).clone()) }));
            Value::list((**of).clone(), vec![element.into(); length as usize])
        }
        (Type::Set(of), Some(0)) => Value::set((**of).clone(), Vec::new()),
        (Type::Map(of), Some(0)) => Value::map((**of).clone(), Vec::new()),
        _ if u.refinement.not_null => return value,
        _ => {
            let refinement = Refinement { not_null: true, ..u.refinement.clone() };
            Kind::Unknown(Arc::new(Unknown { refinement, ..(**u).clone() })).into()
        }
    };
    sure.with_marks(value.marks())
}

/// The value as the parameter's type.
fn convert(value: &Value, shape: Shape) -> Result<Value, FunctionError> {
    // The type of a structure is built anew each time it is asked for.
    if shape == Shape::Any || shape.admits_value(value) { Ok(value.clone()) } else { convert_to(value, &shape.ty()) }
}

/// The same error, or if it quotes anything one that only says what is wanted.
fn without_keys(e: FunctionError, shape: Shape) -> FunctionError {
    let wanted = || FunctionError::told(format!("{} required", shape.ty().friendly_constraint()));
    if e.message.contains('"') { wanted() } else { e }
}

/// The value as one of this type; the error says what is wanted, which is never a part of the value.
pub(super) fn convert_to(value: &Value, ty: &Type) -> Result<Value, FunctionError> {
    straddle_sdk::value::convert(value, ty).map_err(|e| FunctionError::told(e.message))
}

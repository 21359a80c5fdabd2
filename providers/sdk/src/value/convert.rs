//! Conversion of values to types, as Terraform converts arguments, operands and inputs.
//!
//! A conversion goes through the value with the wanted type beside it; parts that are of the type already stay shared. Whether two
//! *types* can be converted at all is asked only where there is no value to go through, and to word an error.

use super::unify::unify_with;
use super::{Elements, Entries, Kind, ObjectType, Path, Refinement, Step, Str, Type, Unknown, Value};
use crate::value::num::Num;
use std::sync::Arc;

/// A value that is not suitable for a type: where in the value, and what is wanted there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ConvertError {
    /// Where in the value. At the root when the types do not fit whatever the value; `message` then names the part.
    pub path: Path,
    /// What is wanted, in Terraform's words and without a capital or a full stop: `a number is required`.
    pub message: String,
}

/// The value as one of type `want`. `Dynamic` in `want` stands for any type (in an element position for one type of all
/// elements); optional attributes that are missing become null. Nulls and unknowns get the type, and marks stay.
pub fn convert(value: &Value, want: &Type) -> Result<Value, ConvertError> {
    let mut path = Path::ROOT;
    match go(value, want, &mut path) {
        Ok(None) => Ok(value.clone()),
        Ok(Some(converted)) => Ok(converted),
        Err(failure) => {
            let got = value.ty();
            Err(match failure {
                Failure::Value(error) if convertible(&got, want, true) => error,
                _ => ConvertError { path: Path::ROOT, message: mismatch(&got, want) },
            })
        }
    }
}

enum Failure {
    /// No value of this type can be converted.
    Type,
    /// Not this value.
    Value(ConvertError),
}

/// `None`: the value is of the type already.
type Converted = Result<Option<Value>, Failure>;

fn failure<T>(path: &Path, message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Value(ConvertError { path: path.clone(), message: message.into() }))
}

fn go(value: &Value, want: &Type, path: &mut Path) -> Converted {
    let converted = match (value.kind(), want) {
        (_, Type::Dynamic) => return Ok(None),
        (Kind::Null(ty), _) => {
            let ty = check_type(ty, want)?;
            ty.map(Value::null)
        }
        (Kind::Unknown(unknown), _) => convert_unknown(unknown, want)?,
        (Kind::Bool(_), Type::Bool) | (Kind::Number(_), Type::Number) | (Kind::String(_), Type::String) => {
            return Ok(None);
        }
        (Kind::Number(n), Type::String) => Some(Value::string(n.to_string())),
        (Kind::Bool(b), Type::String) => Some(Value::string(if *b { "true" } else { "false" })),
        (Kind::String(s), Type::Number) => match Num::parse(s) {
            Ok(n) => Some(Value::number(n)),
            Err(_) => return failure(path, "a number is required"),
        },
        (Kind::String(s), Type::Bool) => Some(convert_bool(s, path)?),
        (Kind::List(e), Type::List(t)) => convert_elements(e, t, path, Collect::List, Collect::List)?,
        (Kind::Set(e), Type::Set(t)) => convert_elements(e, t, path, Collect::Set, Collect::Set)?,
        (Kind::List(e), Type::Set(t)) => convert_elements(e, t, path, Collect::List, Collect::Set)?,
        (Kind::Set(e), Type::List(t)) => convert_elements(e, t, path, Collect::Set, Collect::List)?,
        (Kind::Tuple(items), Type::List(t)) => Some(convert_tuple(items, t, path, Collect::List)?),
        (Kind::Tuple(items), Type::Set(t)) => Some(convert_tuple(items, t, path, Collect::Set)?),
        (Kind::Tuple(items), Type::Tuple(ts)) => tuple_to_tuple(items, ts, path)?,
        (Kind::Map(e), Type::Map(t)) => map_to_map(e, t, path)?,
        (Kind::Object(items), Type::Map(t)) => Some(object_to_map(items, t, path)?),
        (Kind::Object(items), Type::Object(o)) => object_to_object(items, o, path)?,
        (Kind::Map(e), Type::Object(o)) => Some(map_to_object(e, o, path)?),
        _ => return Err(Failure::Type),
    };
    Ok(converted.map(|v| v.with_marks(value.marks())))
}

fn convert_bool(s: &str, path: &Path) -> Result<Value, Failure> {
    match s {
        "true" | "1" => Ok(Value::TRUE),
        "false" | "0" => Ok(Value::FALSE),
        _ if s.eq_ignore_ascii_case("true") => {
            failure(path, "a bool is required; to convert from string, use lowercase \"true\"")
        }
        _ if s.eq_ignore_ascii_case("false") => {
            failure(path, "a bool is required; to convert from string, use lowercase \"false\"")
        }
        _ => failure(path, "a bool is required"),
    }
}

/// The type a null or unknown of type `got` has once converted; `None` when that is the one it has.
fn check_type(got: &Type, want: &Type) -> Result<Option<Type>, Failure> {
    if got == want {
        let clean = want.without_optional();
        return Ok((clean != *got).then_some(clean));
    }
    if !convertible(got, want, true) {
        return Err(Failure::Type);
    }
    Ok(Some(concrete(got, want)))
}

fn convert_unknown(unknown: &Unknown, want: &Type) -> Result<Option<Value>, Failure> {
    let Some(ty) = check_type(&unknown.ty, want)? else { return Ok(None) };
    let old = &unknown.refinement;
    let mut refinement = Refinement { not_null: old.not_null, ..Refinement::default() };
    let lengths = match (&unknown.ty, &ty) {
        (Type::Object(o), Type::Map(_)) => Some((o.attrs.len() as u64, o.attrs.len() as u64)),
        (Type::Tuple(ts), Type::List(_)) => Some((ts.len() as u64, ts.len() as u64)),
        (Type::Tuple(ts), Type::Set(_)) => Some((u64::from(!ts.is_empty()), ts.len() as u64)),
        _ => None,
    };
    if let Some((min, max)) = lengths {
        (refinement.min_len, refinement.max_len) = (Some(min), Some(max));
    } else if unknown.ty.element().is_some() && ty.element().is_some() {
        refinement.max_len = old.max_len;
        // Elements of a set may coalesce, but not to none.
        let coalesce = matches!(ty, Type::Set(_)) && !matches!(unknown.ty, Type::Set(_) | Type::Map(_));
        refinement.min_len = if coalesce { old.min_len.map(|n| n.min(1)) } else { old.min_len };
    } else if unknown.ty == ty {
        refinement = old.clone();
    }
    Ok(Some(Kind::Unknown(Arc::new(Unknown { ty, refinement, cause: unknown.cause.clone() })).into()))
}

#[derive(Clone, Copy, PartialEq)]
enum Collect {
    List,
    Set,
}

impl Collect {
    fn build(self, of: Type, items: Vec<Value>) -> Value {
        match self {
            Collect::List => Value::list(of, items),
            Collect::Set => Value::set(of, items),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Collect::List => "list",
            Collect::Set => "set",
        }
    }
}

fn convert_elements(e: &Elements, want: &Type, path: &mut Path, from: Collect, to: Collect) -> Converted {
    if from == to && (e.of == *want || matches!(want, Type::Dynamic)) {
        return Ok(None);
    }
    if !convertible(&e.of, want, true) {
        return Err(Failure::Type);
    }
    let target = if matches!(want, Type::Dynamic) { &e.of } else { want };
    if from == Collect::Set && to == Collect::List && e.items.len() > 1 && !e.items.iter().all(Value::is_wholly_known) {
        return Ok(Some(list_of_unknown_length(e, &concrete(&e.of, target))));
    }
    let items = convert_items(e.items.iter().map(|v| (v, target)), path, from == Collect::List)?;
    let (of, items) = settle(items, target, Some(&e.of), path, to.noun())?;
    Ok(Some(to.build(of, items)))
}

/// Elements of a set that are not known yet may still coalesce.
fn list_of_unknown_length(set: &Elements, of: &Type) -> Value {
    let cause = set.items.iter().find_map(|v| match v.kind() {
        Kind::Unknown(u) => u.cause.clone(),
        _ => None,
    });
    let known = set.items.iter().filter(|v| v.is_wholly_known()).count();
    let refinement = Refinement {
        not_null: true,
        min_len: Some(known.max(1) as u64),
        max_len: Some(set.items.len() as u64),
        ..Refinement::default()
    };
    Kind::Unknown(Arc::new(Unknown { ty: Type::list(of.clone()), refinement, cause })).into()
}

fn convert_items<'a>(
    items: impl Iterator<Item = (&'a Value, &'a Type)>,
    path: &mut Path,
    named: bool,
) -> Result<Vec<Value>, Failure> {
    let mut converted = Vec::with_capacity(items.size_hint().0);
    for (i, (item, want)) in items.enumerate() {
        if named {
            path.0.push(Step::Index(i as u64));
        }
        let part = go(item, want, path)?;
        if named {
            path.0.pop();
        }
        converted.push(part.unwrap_or_else(|| item.clone()));
    }
    Ok(converted)
}

/// The element type of converted elements. Where the wanted type leaves parts open, all elements must agree on them.
/// `from`: the element type they had, if they come from a collection.
fn settle(
    items: Vec<Value>,
    want: &Type,
    from: Option<&Type>,
    path: &Path,
    noun: &str,
) -> Result<(Type, Vec<Value>), Failure> {
    if !want.has_dynamic() || from == Some(want) {
        return Ok((want.without_optional(), items));
    }
    if items.is_empty() {
        return Ok((from.map_or_else(|| want.without_optional(), |from| concrete(from, want)), items));
    }
    let types: Vec<Type> = items.iter().map(Value::ty).collect();
    let disagree = || failure(path, format!("element types must all match for conversion to {noun}"));
    let Some(of) = unify_with(&types, true) else { return disagree() };
    if types.iter().all(|t| *t == of) {
        return Ok((of, items));
    }
    let mut converted = Vec::with_capacity(items.len());
    for item in &items {
        match convert(item, &of) {
            Ok(item) => converted.push(item),
            Err(_) => return disagree(),
        }
    }
    Ok((of, converted))
}

fn convert_tuple(items: &[Value], want: &Type, path: &mut Path, to: Collect) -> Result<Value, Failure> {
    let unified;
    let target = match want {
        Type::Dynamic => {
            let types: Vec<Type> = items.iter().map(Value::ty).collect();
            unified = element_type(&types).ok_or(Failure::Type)?;
            &unified
        }
        want => want,
    };
    let converted = convert_items(items.iter().map(|v| (v, target)), path, true)?;
    let (of, converted) = settle(converted, target, None, path, to.noun())?;
    Ok(to.build(of, converted))
}

/// The one type that all parts of a structure can have as elements of a collection; `Dynamic` only when each is.
fn element_type(types: &[Type]) -> Option<Type> {
    if types.is_empty() {
        return Some(Type::Dynamic);
    }
    unify_with(types, true).filter(|t| *t != Type::Dynamic || types.iter().all(|t| *t == Type::Dynamic))
}

fn tuple_to_tuple(items: &[Value], want: &[Type], path: &mut Path) -> Converted {
    if items.len() != want.len() {
        return Err(Failure::Type);
    }
    let mut changed: Option<Vec<Value>> = None;
    for (i, (item, want)) in items.iter().zip(want).enumerate() {
        path.0.push(Step::Index(i as u64));
        let part = go(item, want, path)?;
        path.0.pop();
        if let Some(part) = part {
            changed.get_or_insert_with(|| items.to_vec())[i] = part;
        }
    }
    Ok(changed.map(Value::tuple))
}

fn map_to_map(e: &Entries, want: &Type, path: &mut Path) -> Converted {
    if e.of == *want || matches!(want, Type::Dynamic) {
        return Ok(None);
    }
    if !convertible(&e.of, want, true) {
        return Err(Failure::Type);
    }
    let items = convert_entries(&e.items, want, path, Step::Key)?;
    let (of, items) = settle_entries(items, want, Some(&e.of), path)?;
    Ok(Some(Kind::Map(Arc::new(Entries { of, items })).into()))
}

fn object_to_map(items: &[(Str, Value)], want: &Type, path: &mut Path) -> Result<Value, Failure> {
    let unified;
    let target = match want {
        Type::Dynamic => {
            let types: Vec<Type> = items.iter().map(|(_, v)| v.ty()).collect();
            // What has no type, a bare null or an unknown, takes that of the others.
            let typed = || types.iter().filter(|ty| **ty != Type::Dynamic).cloned().collect::<Vec<_>>();
            unified = element_type(&types).or_else(|| element_type(&typed())).ok_or(Failure::Type)?;
            &unified
        }
        want => want,
    };
    let items = convert_entries(items, target, path, Step::Attr)?;
    let (of, items) = settle_entries(items, target, None, path)?;
    Ok(Kind::Map(Arc::new(Entries { of, items })).into())
}

type Items = Vec<(Str, Value)>;

fn convert_entries(
    items: &[(Str, Value)],
    want: &Type,
    path: &mut Path,
    step: fn(Str) -> Step,
) -> Result<Items, Failure> {
    let mut converted = Vec::with_capacity(items.len());
    for (key, item) in items {
        path.0.push(step(key.clone()));
        let part = go(item, want, path)?;
        path.0.pop();
        converted.push((key.clone(), part.unwrap_or_else(|| item.clone())));
    }
    Ok(converted)
}

fn settle_entries(items: Items, want: &Type, from: Option<&Type>, path: &Path) -> Result<(Type, Items), Failure> {
    let (keys, values): (Vec<Str>, Vec<Value>) = items.into_iter().unzip();
    let (of, values) = settle(values, want, from, path, "map")?;
    Ok((of, keys.into_iter().zip(values).collect()))
}

fn object_to_object(items: &[(Str, Value)], want: &ObjectType, path: &mut Path) -> Converted {
    let mut converted = Vec::with_capacity(want.attrs.len());
    let mut changed = items.len() != want.attrs.len();
    let mut rest = items.iter().peekable();
    for (name, ty) in &want.attrs {
        // Both sides are sorted; attributes not asked for are dropped.
        while rest.next_if(|(k, _)| k < name).is_some() {}
        match rest.next_if(|(k, _)| k == name) {
            Some((_, item)) => {
                path.0.push(Step::Attr(name.clone()));
                let part = go(item, ty, path)?;
                path.0.pop();
                changed |= part.is_some();
                converted.push((name.clone(), part.unwrap_or_else(|| item.clone())));
            }
            None if want.is_optional(name) => {
                changed = true;
                converted.push((name.clone(), Value::null(ty.without_optional())));
            }
            None => return Err(Failure::Type),
        }
    }
    Ok(changed.then(|| Kind::Object(Arc::new(converted)).into()))
}

fn map_to_object(e: &Entries, want: &ObjectType, path: &mut Path) -> Result<Value, Failure> {
    let mut converted = Vec::with_capacity(want.attrs.len());
    for (name, ty) in &want.attrs {
        if !convertible(&e.of, ty, true) {
            return Err(Failure::Type);
        }
        match e.items.binary_search_by(|(k, _)| k.cmp(name)) {
            Ok(i) => {
                path.0.push(Step::Key(name.clone()));
                let part = go(&e.items[i].1, ty, path)?;
                path.0.pop();
                converted.push((name.clone(), part.unwrap_or_else(|| e.items[i].1.clone())));
            }
            Err(_) if want.is_optional(name) => converted.push((name.clone(), Value::null(ty.without_optional()))),
            Err(_) => return failure(path, format!("map has no element for required attribute {:?}", &**name)),
        }
    }
    Ok(Kind::Object(Arc::new(converted)).into())
}

/// Whether values of one type can be converted to another. `lossy`: also by conversions that fail for some values or forget
/// something (string to number, list to set, map to object).
pub(super) fn convertible(got: &Type, want: &Type, lossy: bool) -> bool {
    match (got, want) {
        (_, Type::Dynamic) => true,
        (Type::Dynamic, _) => lossy,
        (Type::Bool | Type::Number, Type::String) => true,
        (Type::String, Type::Bool | Type::Number) => lossy,
        (Type::List(a) | Type::Set(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            a == b || convertible(a, b, lossy)
        }
        (Type::List(a), Type::Set(b)) => lossy && convertible(a, b, lossy),
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| convertible(a, b, lossy))
        }
        (Type::Tuple(a), Type::List(b) | Type::Set(b)) => match &**b {
            Type::Dynamic => a.is_empty() || element_type(a).is_some(),
            b => a.iter().all(|a| convertible(a, b, lossy)),
        },
        (Type::Object(a), Type::Map(b)) => match &**b {
            Type::Dynamic => element_type(&a.attrs.iter().map(|(_, t)| t.clone()).collect::<Vec<_>>()).is_some(),
            b => a.attrs.iter().all(|(_, a)| convertible(a, b, lossy)),
        },
        (Type::Object(a), Type::Object(b)) => b.attrs.iter().all(|(name, want)| match a.get(name) {
            Some(got) => convertible(got, want, lossy),
            None => b.is_optional(name),
        }),
        (Type::Map(a), Type::Object(b)) => lossy && b.attrs.iter().all(|(_, want)| convertible(a, want, lossy)),
        (got, want) => got == want,
    }
}

/// `want` with what it leaves open filled in from `got`, which can be converted to it.
fn concrete(got: &Type, want: &Type) -> Type {
    match (got, want) {
        (got, Type::Dynamic) => got.clone(),
        (Type::List(a) | Type::Set(a), Type::List(b)) => Type::list(concrete(a, b)),
        (Type::List(a) | Type::Set(a), Type::Set(b)) => Type::set(concrete(a, b)),
        (Type::Map(a), Type::Map(b)) => Type::map(concrete(a, b)),
        (Type::Tuple(a), Type::List(b)) => Type::list(concrete_element(a.iter(), b)),
        (Type::Tuple(a), Type::Set(b)) => Type::set(concrete_element(a.iter(), b)),
        (Type::Object(a), Type::Map(b)) => Type::map(concrete_element(a.attrs.iter().map(|(_, t)| t), b)),
        (Type::Tuple(a), Type::Tuple(b)) => Type::tuple(a.iter().zip(b.iter()).map(|(a, b)| concrete(a, b)).collect()),
        (Type::Object(a), Type::Object(b)) => {
            let part = |(name, want): &(Str, Type)| {
                (name.clone(), a.get(name).map_or_else(|| want.without_optional(), |got| concrete(got, want)))
            };
            Type::object(b.attrs.iter().map(part).collect())
        }
        (Type::Map(a), Type::Object(b)) => {
            Type::object(b.attrs.iter().map(|(name, want)| (name.clone(), concrete(a, want))).collect())
        }
        (_, want) => want.without_optional(),
    }
}

fn concrete_element<'a>(got: impl Iterator<Item = &'a Type>, want: &Type) -> Type {
    if !want.has_dynamic() {
        return want.without_optional();
    }
    let parts: Vec<Type> = got.map(|t| concrete(t, want)).collect();
    unify_with(&parts, true).unwrap_or_else(|| want.without_optional())
}

/// Why a type cannot be converted to another.
fn mismatch(got: &Type, want: &Type) -> String {
    let required = || format!("{} required", want.friendly_constraint());
    match (got, want) {
        (Type::Object(a), Type::Object(b)) => mismatched_attributes(a, b),
        (Type::Tuple(_), Type::List(t)) if **t == Type::Dynamic => {
            "all list elements must have the same type".to_owned()
        }
        (Type::Tuple(_), Type::Set(t)) if **t == Type::Dynamic => "all set elements must have the same type".to_owned(),
        (Type::Object(_), Type::Map(t)) if **t == Type::Dynamic => {
            "all map elements must have the same type".to_owned()
        }
        (Type::Tuple(ts), Type::List(t) | Type::Set(t)) => {
            let bad = ts.iter().enumerate().find(|(_, got)| !convertible(got, t, true));
            bad.map_or_else(required, |(i, got)| format!("element {i}: {}", mismatch(got, t)))
        }
        (Type::Object(o), Type::Map(t)) => {
            let bad = o.attrs.iter().find(|(_, got)| !convertible(got, t, true));
            bad.map_or_else(required, |(name, got)| format!("element {:?}: {}", &**name, mismatch(got, t)))
        }
        (Type::List(a) | Type::Set(a), Type::List(b) | Type::Set(b)) | (Type::Map(a), Type::Map(b))
            if !convertible(a, b, true) =>
        {
            let noun = match want {
                Type::List(_) => "list",
                Type::Set(_) => "set",
                _ => "map",
            };
            format!("incorrect {noun} element type: {}", mismatch(a, b))
        }
        _ => required(),
    }
}

fn mismatched_attributes(got: &ObjectType, want: &ObjectType) -> String {
    let missing: Vec<String> = want
        .attrs
        .iter()
        .filter(|(name, _)| got.get(name).is_none() && !want.is_optional(name))
        .map(|(name, _)| format!("{:?}", &**name))
        .collect();
    match missing.as_slice() {
        [] => {}
        [one] => return format!("attribute {one} is required"),
        [one, two] => return format!("attributes {one} and {two} are required"),
        [first @ .., last] => return format!("attributes {}, and {last} are required", first.join(", ")),
    }
    let bad = want.attrs.iter().find_map(|(name, want)| {
        let got = got.get(name)?;
        (!convertible(got, want, true)).then(|| format!("attribute {:?}: {}", &**name, mismatch(got, want)))
    });
    bad.unwrap_or_else(|| "incorrect object attributes".to_owned())
}

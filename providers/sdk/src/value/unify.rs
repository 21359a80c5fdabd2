//! The one type that several types can all be converted to.

use super::convert::convertible;
use super::{Str, Type};
use std::cmp::Ordering;

/// The type that values of all these types can be converted to, by conversions that may fail for some values (a string to a
/// number): what a conditional, `coalesce`, `concat` and a conversion to `list(any)` look for. `None` when there is none, and for no type.
pub fn unify(types: &[Type]) -> Option<Type> {
    unify_with(types, true)
}

/// As [`unify`], with conversions that cannot fail only.
pub fn unify_safe(types: &[Type]) -> Option<Type> {
    unify_with(types, false)
}

#[derive(Default)]
struct Count {
    lists: usize,
    sets: usize,
    maps: usize,
    tuples: usize,
    objects: usize,
    dynamic: usize,
}

impl Count {
    fn of(types: &[Type]) -> Count {
        let mut count = Count::default();
        for ty in types {
            match ty {
                Type::List(_) => count.lists += 1,
                Type::Set(_) => count.sets += 1,
                Type::Map(_) => count.maps += 1,
                Type::Tuple(_) => count.tuples += 1,
                Type::Object(_) => count.objects += 1,
                Type::Dynamic => count.dynamic += 1,
                Type::Bool | Type::Number | Type::String => {}
            }
        }
        count
    }
}

pub(super) fn unify_with(types: &[Type], lossy: bool) -> Option<Type> {
    let first = types.first()?;
    if types.iter().all(|t| t == first) && !matches!(first, Type::Dynamic) {
        return Some(first.clone());
    }
    let c = Count::of(types);
    let all = types.len();
    if c.maps > 0 && c.maps + c.dynamic == all {
        return unify_collections(types, Type::map, c.dynamic > 0, lossy);
    }
    if c.maps > 0 && c.maps + c.objects + c.dynamic == all {
        if let Some(ty) = unify_disguised(types, lossy, |t| matches!(t, Type::Object(_)), objects_as_map) {
            return Some(ty);
        }
    } else if c.lists > 0 && c.lists + c.dynamic == all {
        return unify_collections(types, Type::list, c.dynamic > 0, lossy);
    } else if c.lists > 0 && c.lists + c.tuples + c.dynamic == all {
        if let Some(ty) = unify_disguised(types, lossy, |t| matches!(t, Type::Tuple(_)), tuples_as_list) {
            return Some(ty);
        }
    } else if c.sets > 0 && c.sets + c.dynamic == all {
        return unify_collections(types, Type::set, c.dynamic > 0, lossy);
    } else if c.objects > 0 && c.objects + c.dynamic == all {
        return if c.dynamic > 0 { Some(Type::Dynamic) } else { unify_objects(types, lossy) };
    } else if c.tuples > 0 && c.tuples + c.dynamic == all {
        return if c.dynamic > 0 { Some(Type::Dynamic) } else { unify_tuples(types, lossy) };
    } else if c.objects > 0 && c.tuples > 0 {
        return None;
    }
    one_of(types, lossy)
}

/// One of the types themselves: the first, in order of preference, to which all others can be converted.
fn one_of(types: &[Type], lossy: bool) -> Option<Type> {
    preferred(types).into_iter().find(|want| types.iter().all(|t| t == *want || convertible(t, want, lossy))).cloned()
}

/// Each distinct type after those that are better than it, otherwise in the order given.
fn preferred(types: &[Type]) -> Vec<&Type> {
    let mut rest: Vec<&Type> = Vec::new();
    for ty in types {
        if !rest.contains(&ty) {
            rest.push(ty);
        }
    }
    let mut sorted = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        // The order is partial but has no cycle, so some type has no better one.
        let best =
            (0..rest.len()).find(|&i| rest.iter().all(|t| preference(t, rest[i]) != Ordering::Less)).unwrap_or(0);
        sorted.push(rest.remove(best));
    }
    sorted
}

/// `Less`: `a` is the better common type, because it can hold what `b` holds. `Equal`: neither.
fn preference(a: &Type, b: &Type) -> Ordering {
    match (a, b) {
        (Type::Dynamic, Type::Dynamic) => Ordering::Equal,
        (Type::Dynamic, _) => Ordering::Greater,
        (_, Type::Dynamic) => Ordering::Less,
        (Type::String, Type::Bool | Type::Number) => Ordering::Less,
        (Type::Bool | Type::Number, Type::String) => Ordering::Greater,
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            preference(a, b)
        }
        // Whatever the elements (measured).
        (Type::List(_), Type::Set(_)) => Ordering::Less,
        (Type::Set(_), Type::List(_)) => Ordering::Greater,
        (Type::List(_) | Type::Set(_), Type::Tuple(_)) | (Type::Map(_), Type::Object(_)) => Ordering::Less,
        (Type::Tuple(_), Type::List(_) | Type::Set(_)) | (Type::Object(_), Type::Map(_)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

fn unify_collections(types: &[Type], collect: fn(Type) -> Type, any_dynamic: bool, lossy: bool) -> Option<Type> {
    if any_dynamic {
        return Some(Type::Dynamic);
    }
    let elements: Vec<Type> = types.iter().filter_map(Type::element).cloned().collect();
    unify_with(&elements, lossy).map(collect)
}

/// Objects among maps are maps in disguise, tuples among lists are lists in disguise: first finds what those are together.
fn unify_disguised(
    types: &[Type],
    lossy: bool,
    disguised: fn(&Type) -> bool,
    unmask: fn(&[Type], bool) -> Option<Type>,
) -> Option<Type> {
    let masks: Vec<Type> = types.iter().filter(|t| disguised(t)).cloned().collect();
    let unmasked = unmask(&masks, lossy)?;
    let types: Vec<Type> = types.iter().map(|t| if disguised(t) { unmasked.clone() } else { t.clone() }).collect();
    unify_with(&types, lossy)
}

fn objects_as_map(types: &[Type], lossy: bool) -> Option<Type> {
    let mut attributes = Vec::new();
    for ty in types {
        if let Type::Object(o) = ty {
            attributes.extend(o.attrs.iter().map(|(_, t)| t.clone()));
        }
    }
    unify_with(&attributes, lossy).map(Type::map)
}

fn tuples_as_list(types: &[Type], lossy: bool) -> Option<Type> {
    let mut elements = Vec::new();
    for ty in types {
        if let Type::Tuple(ts) = ty {
            elements.extend(ts.iter().cloned());
        }
    }
    unify_with(&elements, lossy).map(Type::list)
}

/// The same attribute names: attribute by attribute. Otherwise a map.
fn unify_objects(types: &[Type], lossy: bool) -> Option<Type> {
    let objects: Vec<_> = types.iter().filter_map(|t| if let Type::Object(o) = t { Some(o) } else { None }).collect();
    let first = objects.first()?;
    let names = |o: &super::ObjectType| o.attrs.iter().map(|(k, _)| k.clone()).collect::<Vec<Str>>();
    let wanted = names(first);
    if objects.iter().any(|o| names(o) != wanted) {
        return objects_as_map(types, lossy);
    }
    let mut attributes = Vec::with_capacity(wanted.len());
    for (i, name) in wanted.into_iter().enumerate() {
        let across: Vec<Type> = objects.iter().map(|o| o.attrs[i].1.clone()).collect();
        attributes.push((name, unify_with(&across, lossy)?));
    }
    Some(Type::object(attributes))
}

/// The same length: element by element. Otherwise a list.
fn unify_tuples(types: &[Type], lossy: bool) -> Option<Type> {
    let tuples: Vec<_> = types.iter().filter_map(|t| if let Type::Tuple(ts) = t { Some(ts) } else { None }).collect();
    let first = tuples.first()?;
    if tuples.iter().any(|t| t.len() != first.len()) {
        return tuples_as_list(types, lossy);
    }
    let across = |i: usize| tuples.iter().map(|t| t[i].clone()).collect::<Vec<_>>();
    (0..first.len()).map(|i| unify_with(&across(i), lossy)).collect::<Option<Vec<_>>>().map(Type::tuple)
}

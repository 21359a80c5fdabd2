//! Equality: the language's (which knows unknown), and structural sameness (which does not).

use super::{Elements, Entries, Kind, Marks, Refinement, Str, Type, Unknown, Value};
use crate::value::num::Num;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The language's `==`: a bool, or an unknown bool that is not null. No type is converted; nulls of all types are equal; what is
/// known of an unknown may already decide. The result carries all marks of both sides, their own and those inside.
pub fn equals(a: &Value, b: &Value) -> Value {
    let marks = if a.contains_marked() || b.contains_marked() { a.deep_marks() | b.deep_marks() } else { Marks::NONE };
    match decide(a, b) {
        Some(true) => Value::TRUE,
        Some(false) => Value::FALSE,
        None => undecided(a, b),
    }
    .with_marks(marks)
}

/// An unknown bool waiting for whatever the first unknown part waits for.
fn undecided(a: &Value, b: &Value) -> Value {
    let mut cause = None;
    for side in [a, b] {
        side.walk(&mut |_, v| {
            if let (None, Kind::Unknown(u)) = (&cause, v.kind()) {
                cause = u.cause.clone();
            }
            cause.is_none()
        });
    }
    let refinement = Refinement { not_null: true, ..Refinement::default() };
    Kind::Unknown(Arc::new(Unknown { ty: Type::Bool, refinement, cause })).into()
}

/// `None`: depends on what is not known yet.
fn decide(a: &Value, b: &Value) -> Option<bool> {
    match (a.kind(), b.kind()) {
        (Kind::Unknown(x), Kind::Unknown(y)) => {
            let nullable = !x.refinement.not_null || !y.refinement.not_null;
            (!nullable && !could_conform(&x.ty, &y.ty)).then_some(false)
        }
        (Kind::Unknown(u), known) | (known, Kind::Unknown(u)) => (!u.may_become(known)).then_some(false),
        (Kind::Null(_), Kind::Null(_)) => Some(true),
        (Kind::Null(_), _) | (_, Kind::Null(_)) => Some(false),
        (Kind::Bool(a), Kind::Bool(b)) => Some(a == b),
        (Kind::Number(a), Kind::Number(b)) => Some(a == b),
        (Kind::String(a), Kind::String(b)) => Some(a == b),
        (Kind::List(x), Kind::List(y)) => match of_one_type(x, y) {
            Some(true) => decide_items(&x.items, &y.items),
            other => other,
        },
        (Kind::Tuple(x), Kind::Tuple(y)) => decide_items(x, y),
        (Kind::Map(x), Kind::Map(y)) => {
            let known = |e: &Entries| e.items.iter().all(|(_, v)| v.is_wholly_known());
            match one_type(&x.of, &y.of, || known(x) && known(y)) {
                Some(true) => decide_entries(&x.items, &y.items),
                other => other,
            }
        }
        (Kind::Object(x), Kind::Object(y)) => decide_entries(x, y),
        (Kind::Set(x), Kind::Set(y)) => decide_sets(x, y),
        _ => Some(false),
    }
}

/// Whether two collections are of one type; `None` when an element not known yet leaves it open.
fn of_one_type(a: &Elements, b: &Elements) -> Option<bool> {
    let known = || a.items.iter().chain(&b.items).all(Value::is_wholly_known);
    one_type(&a.of, &b.of, known)
}

fn one_type(a: &Type, b: &Type, known: impl FnOnce() -> bool) -> Option<bool> {
    if a == b {
        return Some(true);
    }
    if could_conform(a, b) && !known() { None } else { Some(false) }
}

/// A part of both sides. Inside a value a null's type belongs to the type of the whole, which must be the same.
fn decide_part(a: &Value, b: &Value) -> Option<bool> {
    match (a.kind(), b.kind()) {
        (Kind::Null(a), Kind::Null(b)) => Some(a == b),
        _ => decide(a, b),
    }
}

/// In order, as Terraform does: an unknown pair before a different one leaves the answer open.
fn decide_items(a: &[Value], b: &[Value]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    for (a, b) in a.iter().zip(b) {
        match decide_part(a, b) {
            Some(true) => {}
            other => return other,
        }
    }
    Some(true)
}

/// Any pair that differs decides. (Terraform looks in random order and stops at the first pair that is unknown.)
fn decide_entries(a: &[(Str, Value)], b: &[(Str, Value)]) -> Option<bool> {
    if a.len() != b.len() || a.iter().zip(b).any(|((a, _), (b, _))| a != b) {
        return Some(false);
    }
    let mut result = Some(true);
    for ((_, a), (_, b)) in a.iter().zip(b) {
        match decide_part(a, b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

fn decide_sets(a: &Elements, b: &Elements) -> Option<bool> {
    match of_one_type(a, b) {
        Some(true) => {}
        other => return other,
    }
    if a.items.iter().chain(&b.items).any(|v| !v.is_wholly_known()) {
        return None;
    }
    Some(a.items.len() == b.items.len() && same_sets(&a.items, &b.items, Judge::VALUES))
}

/// Whether two types could still turn out the same once `Dynamic` is decided.
fn could_conform(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Dynamic, _) | (_, Type::Dynamic) => true,
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            could_conform(a, b)
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| could_conform(a, b))
        }
        (Type::Object(a), Type::Object(b)) => {
            a.attrs.len() == b.attrs.len()
                && a.attrs.iter().zip(&b.attrs).all(|((ka, a), (kb, b))| ka == kb && could_conform(a, b))
        }
        (a, b) => a == b,
    }
}

impl Unknown {
    /// Whether what is known of this unknown leaves open that it becomes `known`, which is no unknown itself.
    pub fn may_become(&self, known: &Kind) -> bool {
        let r = &self.refinement;
        if matches!(known, Kind::Null(_)) {
            return !r.not_null;
        }
        if !kind_may_conform(known, &self.ty) {
            return false;
        }
        match known {
            Kind::String(s) => r.prefix.as_ref().is_none_or(|p| s.starts_with(&**p)),
            Kind::Number(n) => above(n, &r.min) && below(n, &r.max),
            Kind::List(e) => self.may_have(e.items.len(), e.items.len()),
            Kind::Set(e) => {
                let most = e.items.len();
                let known = e.items.iter().filter(|v| v.is_wholly_known()).count();
                self.may_have(known.max(usize::from(most > 0)), most)
            }
            Kind::Map(e) => self.may_have(e.items.len(), e.items.len()),
            _ => true,
        }
    }

    fn may_have(&self, least: usize, most: usize) -> bool {
        self.refinement.min_len.is_none_or(|min| most as u64 >= min)
            && self.refinement.max_len.is_none_or(|max| least as u64 <= max)
    }
}

fn above(n: &Num, min: &Option<(Num, bool)>) -> bool {
    min.as_ref().is_none_or(|(min, inclusive)| n > min || *inclusive && n == min)
}

fn below(n: &Num, max: &Option<(Num, bool)>) -> bool {
    max.as_ref().is_none_or(|(max, inclusive)| n < max || *inclusive && n == max)
}

/// Whether a value of this kind can have the type, as far as can be told without building its type.
fn kind_may_conform(known: &Kind, ty: &Type) -> bool {
    match (known, ty) {
        (_, Type::Dynamic)
        | (Kind::Bool(_), Type::Bool)
        | (Kind::Number(_), Type::Number)
        | (Kind::String(_), Type::String) => true,
        (Kind::List(e), Type::List(t)) | (Kind::Set(e), Type::Set(t)) => could_conform(&e.of, t),
        (Kind::Map(e), Type::Map(t)) => could_conform(&e.of, t),
        (Kind::Tuple(items), Type::Tuple(ts)) => {
            items.len() == ts.len() && items.iter().zip(ts.iter()).all(|(v, t)| part_may_conform(v, t))
        }
        (Kind::Object(items), Type::Object(o)) => {
            items.len() == o.attrs.len()
                && items.iter().zip(&o.attrs).all(|((k, v), (name, t))| k == name && part_may_conform(v, t))
        }
        _ => false,
    }
}

fn part_may_conform(part: &Value, ty: &Type) -> bool {
    match part.kind() {
        Kind::Null(t) => could_conform(t, ty),
        Kind::Unknown(u) => could_conform(&u.ty, ty),
        kind => kind_may_conform(kind, ty),
    }
}

/// Same type, same value: unknowns with the same refinements are the same; marks must be the same too. (`==` on [`Value`] is this.)
pub fn same(a: &Value, b: &Value) -> bool {
    Judge::EVERYTHING.same(a, b)
}

/// As [`same`], whatever the marks.
pub fn same_unmarked(a: &Value, b: &Value) -> bool {
    Judge { marks: false, ..Judge::EVERYTHING }.same(a, b)
}

/// As [`same`], whatever the marks and whatever is known of unknowns.
pub fn same_unrefined(a: &Value, b: &Value) -> bool {
    Judge::VALUES.same(a, b)
}

#[derive(Clone, Copy)]
struct Judge {
    marks: bool,
    refinements: bool,
}

impl Judge {
    const EVERYTHING: Judge = Judge { marks: true, refinements: true };
    const VALUES: Judge = Judge { marks: false, refinements: false };

    fn same(self, a: &Value, b: &Value) -> bool {
        if self.marks && a.marks() != b.marks() {
            return false;
        }
        match (a.kind(), b.kind()) {
            (Kind::Null(a), Kind::Null(b)) => a == b,
            (Kind::Unknown(a), Kind::Unknown(b)) => a.ty == b.ty && (!self.refinements || a.refinement == b.refinement),
            (Kind::Bool(a), Kind::Bool(b)) => a == b,
            (Kind::Number(a), Kind::Number(b)) => a == b,
            (Kind::String(a), Kind::String(b)) => a == b,
            (Kind::List(a), Kind::List(b)) => Arc::ptr_eq(a, b) || a.of == b.of && self.same_items(&a.items, &b.items),
            (Kind::Set(a), Kind::Set(b)) => {
                Arc::ptr_eq(a, b)
                    || a.of == b.of && a.items.len() == b.items.len() && same_sets(&a.items, &b.items, self)
            }
            (Kind::Map(a), Kind::Map(b)) => Arc::ptr_eq(a, b) || a.of == b.of && self.same_entries(&a.items, &b.items),
            (Kind::Tuple(a), Kind::Tuple(b)) => Arc::ptr_eq(a, b) || self.same_items(a, b),
            (Kind::Object(a), Kind::Object(b)) => Arc::ptr_eq(a, b) || self.same_entries(a, b),
            _ => false,
        }
    }

    fn same_items(self, a: &[Value], b: &[Value]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
    }

    fn same_entries(self, a: &[(Str, Value)], b: &[(Str, Value)]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && self.same(a, b))
    }
}

/// Two sets of one size hold the same. Usually they hold it in the same order; where the order leaves ties, by counting.
fn same_sets(a: &[Value], b: &[Value], judge: Judge) -> bool {
    if judge.same_items(a, b) {
        return true;
    }
    // The hash looks at neither marks nor refinements, so each bucket holds all candidates.
    let mut buckets: HashMap<u64, Vec<&Value>> = HashMap::new();
    for item in b {
        buckets.entry(digest(item)).or_default().push(item);
    }
    a.iter().all(|item| {
        let Some(bucket) = buckets.get_mut(&digest(item)) else { return false };
        let Some(i) = bucket.iter().position(|other| judge.same(item, other)) else { return false };
        bucket.swap_remove(i);
        true
    })
}

fn digest(v: &Value) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    v.hash(&mut hasher);
    hasher.finish()
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        same(self, other)
    }
}

impl Eq for Value {}

/// Leaves out marks, refinements and the element types of collections, so that it agrees with every kind of sameness.
impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self.kind()).hash(state);
        match self.kind() {
            Kind::Null(_) | Kind::Unknown(_) => {}
            Kind::Bool(b) => b.hash(state),
            Kind::Number(n) => n.hash(state),
            Kind::String(s) => s.hash(state),
            Kind::List(e) => e.items.hash(state),
            // Equal sets may order ties differently.
            Kind::Set(e) => e.items.len().hash(state),
            Kind::Map(e) => e.items.hash(state),
            Kind::Tuple(items) => items.hash(state),
            Kind::Object(items) => items.hash(state),
        }
    }
}

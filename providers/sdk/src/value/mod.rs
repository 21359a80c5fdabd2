//! Values in Terraform's manner: typed, possibly unknown, possibly marked.
//!
//! A [`Value`] carries its own type, so that a list of nothing still says what it would hold. Composite values are shared
//! (`Arc`), cloning is cheap, and a value never changes once built.

pub mod codec;
mod convert;
mod defaults;
mod equal;
mod known;
mod marks;
mod order;
mod path;
mod saved;
mod text;
mod ty;
mod unify;
mod unknown;
mod walk;

pub use convert::{ConvertError, convert};
pub use defaults::Defaults;
pub use equal::{equals, same, same_unmarked, same_unrefined};
pub use known::Known;
pub use marks::{MarkedPath, Marks};
pub use path::{Path, Step};
pub use text::Str;
pub use ty::{ObjectType, Type};
pub use unify::{unify, unify_safe};
pub use unknown::{Cause, Refinement, Unknown};
pub use walk::Change;

use crate::value::num::Num;
use std::sync::Arc;

pub mod num;

/// A value of the language, of a provider, or of state.
#[derive(Clone, Debug)]
pub struct Value {
    kind: Kind,
    marks: Marks,
}

/// What a value is, apart from its marks.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A typed null. `Null(Type::Dynamic)` is the null that has no type yet.
    Null(Type),
    /// Not known yet; carries type, refinements and the reason.
    Unknown(Arc<Unknown>),
    /// A known bool.
    Bool(bool),
    /// A known number.
    Number(Num),
    /// A known string.
    String(Str),
    /// Elements in order, all of the element type.
    List(Arc<Elements>),
    /// Elements without duplicates in canonical order (see `order`), all of the element type.
    Set(Arc<Elements>),
    /// Entries sorted by key (bytewise), all values of the element type.
    Map(Arc<Entries>),
    /// Elements in order, each of its own type.
    Tuple(Arc<Vec<Value>>),
    /// Attributes sorted by name (bytewise).
    Object(Arc<Vec<(Str, Value)>>),
}

/// The elements of a list or a set.
#[derive(Clone, Debug)]
pub struct Elements {
    /// The element type.
    pub of: Type,
    /// The elements, each of that type.
    pub items: Vec<Value>,
}

/// The entries of a map.
#[derive(Clone, Debug)]
pub struct Entries {
    /// The element type.
    pub of: Type,
    /// Sorted by key, keys unique.
    pub items: Vec<(Str, Value)>,
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Value {
        Value { kind, marks: Marks::NONE }
    }
}

impl Value {
    /// `true` as a value.
    pub const TRUE: Value = Value { kind: Kind::Bool(true), marks: Marks::NONE };
    /// `false` as a value.
    pub const FALSE: Value = Value { kind: Kind::Bool(false), marks: Marks::NONE };

    /// A null of the given type.
    pub fn null(ty: Type) -> Value {
        Kind::Null(ty).into()
    }

    /// An unknown of the given type, without refinements and without a cause.
    pub fn unknown(ty: Type) -> Value {
        Kind::Unknown(Arc::new(Unknown::of(ty))).into()
    }

    /// An unknown of the given type that says why it is unknown.
    pub fn unknown_because(ty: Type, cause: Cause) -> Value {
        Kind::Unknown(Arc::new(Unknown { cause: Some(cause), ..Unknown::of(ty) })).into()
    }

    /// A string; normalised to NFC.
    pub fn string(s: impl Into<Str>) -> Value {
        Kind::String(s.into()).into()
    }

    /// A number.
    pub fn number(n: impl Into<Num>) -> Value {
        Kind::Number(n.into()).into()
    }

    /// A list. Every item must be of type `of` (or `of` be `Dynamic` and the list empty).
    pub fn list(of: Type, items: Vec<Value>) -> Value {
        Kind::List(Arc::new(Elements { of, items })).into()
    }

    /// A set: sorts the items canonically and drops duplicates. Every item must be of type `of`. Nothing inside a set can carry
    /// a mark of its own (it could not be named), so the marks of the items become the set's.
    pub fn set(of: Type, mut items: Vec<Value>) -> Value {
        let mut marks = Marks::NONE;
        for item in &mut items {
            if item.contains_marked() {
                marks = marks | item.deep_marks();
                *item = item.unmarked();
            }
        }
        let items = order::canonical(items);
        Value { kind: Kind::Set(Arc::new(Elements { of, items })), marks }
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Kind::Tuple(Arc::new(items)).into()
    }

    /// A map; sorts the entries, the last of equal keys wins. Every value must be of type `of`.
    pub fn map(of: Type, items: Vec<(Str, Value)>) -> Value {
        Kind::Map(Arc::new(Entries { of, items: sort_entries(items) })).into()
    }

    /// An object; sorts the attributes, the last of equal names wins.
    pub fn object(items: Vec<(Str, Value)>) -> Value {
        Kind::Object(Arc::new(sort_entries(items))).into()
    }

    /// What the value is, apart from its marks.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The marks of this value itself, not those inside.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// The same value with further marks.
    pub fn with_marks(mut self, marks: Marks) -> Value {
        self.marks = self.marks | marks;
        self
    }

    /// The value without its own marks (those inside stay), and the marks.
    pub fn unmark(mut self) -> (Value, Marks) {
        let marks = std::mem::replace(&mut self.marks, Marks::NONE);
        (self, marks)
    }

    /// The type. Cheap for scalars and collections; built anew for tuples and objects.
    pub fn ty(&self) -> Type {
        match &self.kind {
            Kind::Null(t) => t.clone(),
            Kind::Unknown(u) => u.ty.clone(),
            Kind::Bool(_) => Type::Bool,
            Kind::Number(_) => Type::Number,
            Kind::String(_) => Type::String,
            Kind::List(e) => Type::list(e.of.clone()),
            Kind::Set(e) => Type::set(e.of.clone()),
            Kind::Map(e) => Type::map(e.of.clone()),
            Kind::Tuple(items) => Type::tuple(items.iter().map(Value::ty).collect()),
            Kind::Object(items) => Type::object(items.iter().map(|(k, v)| (k.clone(), v.ty())).collect()),
        }
    }

    /// Null of any type.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null(_))
    }

    /// Unknown itself; a known list of unknowns is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown(_))
    }

    /// No unknown anywhere inside.
    pub fn is_wholly_known(&self) -> bool {
        match &self.kind {
            Kind::Unknown(_) => false,
            Kind::List(e) | Kind::Set(e) => e.items.iter().all(Value::is_wholly_known),
            Kind::Tuple(items) => items.iter().all(Value::is_wholly_known),
            Kind::Map(e) => e.items.iter().all(|(_, v)| v.is_wholly_known()),
            Kind::Object(items) => items.iter().all(|(_, v)| v.is_wholly_known()),
            _ => true,
        }
    }

    /// An attribute of an object, or an entry of a map, by name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let items = match &self.kind {
            Kind::Object(items) => items.as_slice(),
            Kind::Map(e) => e.items.as_slice(),
            _ => return None,
        };
        items.binary_search_by(|(k, _)| (**k).cmp(name)).ok().map(|i| &items[i].1)
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(s) => Some(s),
            _ => None,
        }
    }

    /// A known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// A known number.
    pub fn as_num(&self) -> Option<&Num> {
        match &self.kind {
            Kind::Number(n) => Some(n),
            _ => None,
        }
    }

    /// The items of a known list, set or tuple.
    pub fn items(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::List(e) | Kind::Set(e) => Some(&e.items),
            Kind::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a known map or object, sorted by key.
    pub fn entries(&self) -> Option<&[(Str, Value)]> {
        match &self.kind {
            Kind::Map(e) => Some(&e.items),
            Kind::Object(items) => Some(items),
            _ => None,
        }
    }
}

/// Sorts by key and keeps the last of equal keys.
fn sort_entries(mut items: Vec<(Str, Value)>) -> Vec<(Str, Value)> {
    if items.windows(2).all(|w| w[0].0 < w[1].0) {
        return items;
    }
    items.reverse();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    items.dedup_by(|later, earlier| later.0 == earlier.0);
    items
}

#[cfg(test)]
mod tests;

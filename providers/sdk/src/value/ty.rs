//! Types.

use super::Str;
use std::sync::Arc;

/// A type of the language (the same as cty's).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// Any type, decided per value.
    Dynamic,
    Bool,
    Number,
    String,
    List(Arc<Type>),
    Set(Arc<Type>),
    Map(Arc<Type>),
    Tuple(Arc<Vec<Type>>),
    Object(Arc<ObjectType>),
}

/// The attributes of an object type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ObjectType {
    /// Sorted by name (bytewise), names unique.
    pub attrs: Vec<(Str, Type)>,
    /// Names that a conversion may find missing (they become null). Sorted. Empty in the type of a value.
    pub optional: Vec<Str>,
}

impl ObjectType {
    /// The type of an attribute.
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.attrs.binary_search_by(|(k, _)| (**k).cmp(name)).ok().map(|i| &self.attrs[i].1)
    }
}

impl Type {
    /// A list of `of`.
    pub fn list(of: Type) -> Type {
        Type::List(Arc::new(of))
    }

    /// A set of `of`.
    pub fn set(of: Type) -> Type {
        Type::Set(Arc::new(of))
    }

    /// A map of `of`.
    pub fn map(of: Type) -> Type {
        Type::Map(Arc::new(of))
    }

    /// A tuple of these.
    pub fn tuple(of: Vec<Type>) -> Type {
        Type::Tuple(Arc::new(of))
    }

    /// An object with these attributes; sorts them.
    pub fn object(attrs: Vec<(Str, Type)>) -> Type {
        Type::object_with_optional(attrs, Vec::new())
    }

    /// An object some of whose attributes a conversion may find missing.
    pub fn object_with_optional(mut attrs: Vec<(Str, Type)>, mut optional: Vec<Str>) -> Type {
        attrs.sort_by(|a, b| a.0.cmp(&b.0));
        attrs.dedup_by(|later, earlier| later.0 == earlier.0);
        optional.sort();
        optional.dedup();
        Type::Object(Arc::new(ObjectType { attrs, optional }))
    }

    /// Whether `Dynamic` occurs anywhere inside.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Type::Dynamic => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(t) | Type::Set(t) | Type::Map(t) => t.has_dynamic(),
            Type::Tuple(ts) => ts.iter().any(Type::has_dynamic),
            Type::Object(o) => o.attrs.iter().any(|(_, t)| t.has_dynamic()),
        }
    }
}

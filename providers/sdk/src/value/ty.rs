//! Types.

use super::Str;
use std::sync::Arc;

/// A type of the language (the same as cty's).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// Any type, decided per value.
    Dynamic,
    /// True or false.
    Bool,
    /// A number of any size, see [`super::num::Num`].
    Number,
    /// Text in Unicode normal form C.
    String,
    /// A sequence of values of one type.
    List(Arc<Type>),
    /// Different values of one type, without an order of their own.
    Set(Arc<Type>),
    /// Values of one type by string keys.
    Map(Arc<Type>),
    /// A fixed sequence of types.
    Tuple(Arc<Vec<Type>>),
    /// Named attributes, each of its own type.
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
    /// Whether a conversion may find this attribute missing.
    pub fn is_optional(&self, name: &str) -> bool {
        self.optional.binary_search_by(|k| (**k).cmp(name)).is_ok()
    }

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

    /// The element type of a list, set or map.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Type::List(t) | Type::Set(t) | Type::Map(t) => Some(t),
            _ => None,
        }
    }

    /// Bool, number or string.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Type::Bool | Type::Number | Type::String)
    }

    /// The type that a value converted to this constraint has: no attribute is optional any more.
    pub fn without_optional(&self) -> Type {
        self.stripped().unwrap_or_else(|| self.clone())
    }

    /// `None` when there is nothing to strip, so that the common case shares all it has.
    fn stripped(&self) -> Option<Type> {
        match self {
            Type::Dynamic | Type::Bool | Type::Number | Type::String => None,
            Type::List(t) => t.stripped().map(Type::list),
            Type::Set(t) => t.stripped().map(Type::set),
            Type::Map(t) => t.stripped().map(Type::map),
            Type::Tuple(ts) => {
                let stripped: Vec<_> = ts.iter().map(Type::stripped).collect();
                stripped.iter().any(Option::is_some).then(|| {
                    Type::tuple(
                        stripped.into_iter().zip(ts.iter()).map(|(s, t)| s.unwrap_or_else(|| t.clone())).collect(),
                    )
                })
            }
            Type::Object(o) => {
                let stripped: Vec<_> = o.attrs.iter().map(|(_, t)| t.stripped()).collect();
                (!o.optional.is_empty() || stripped.iter().any(Option::is_some)).then(|| {
                    let attrs = stripped.into_iter().zip(&o.attrs);
                    Type::object(attrs.map(|(s, (k, t))| (k.clone(), s.unwrap_or_else(|| t.clone()))).collect())
                })
            }
        }
    }

    /// Whether a value of this type is one of what `constraint` asks for: the same type, `Dynamic` standing for any.
    /// Nothing is converted; which attributes are optional does not matter.
    pub fn conforms(&self, constraint: &Type) -> bool {
        match (self, constraint) {
            (_, Type::Dynamic) => true,
            (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
                Arc::ptr_eq(a, b) || a.conforms(b)
            }
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.conforms(b))
            }
            (Type::Object(a), Type::Object(b)) => {
                Arc::ptr_eq(a, b)
                    || a.attrs.len() == b.attrs.len()
                        && a.attrs.iter().zip(&b.attrs).all(|((ka, a), (kb, b))| ka == kb && a.conforms(b))
            }
            (a, b) => a == b,
        }
    }

    /// What messages call a value of this type: "list of string", "object".
    pub fn friendly_name(&self) -> String {
        self.friendly("dynamic", "dynamic")
    }

    /// What messages call this type where it is asked for: "any type", "list of any single type".
    pub fn friendly_constraint(&self) -> String {
        self.friendly("any type", "any single type")
    }

    fn friendly(&self, any: &str, any_element: &str) -> String {
        let of = |t: &Type| match t {
            Type::Dynamic => any_element.to_owned(),
            t => t.friendly(any, any_element),
        };
        match self {
            Type::Dynamic => any.to_owned(),
            Type::Bool => "bool".to_owned(),
            Type::Number => "number".to_owned(),
            Type::String => "string".to_owned(),
            Type::List(t) => format!("list of {}", of(t)),
            Type::Set(t) => format!("set of {}", of(t)),
            Type::Map(t) => format!("map of {}", of(t)),
            Type::Tuple(_) => "tuple".to_owned(),
            Type::Object(_) => "object".to_owned(),
        }
    }
}

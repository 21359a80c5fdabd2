//! Types that can stand in a static table.

use straddle_sdk::value::{Kind, Type, Value};

/// The type of a parameter or of a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Any type.
    Any,
    /// A truth value.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list.
    List(&'static Shape),
    /// A set.
    Set(&'static Shape),
    /// A map.
    Map(&'static Shape),
}

impl Shape {
    /// `list(string)`
    pub const STRINGS: Shape = Shape::List(&Shape::String);
    /// `list(any)`
    pub const LIST: Shape = Shape::List(&Shape::Any);
    /// `set(any)`
    pub const SET: Shape = Shape::Set(&Shape::Any);

    /// The type itself.
    pub fn ty(self) -> Type {
        match self {
            Shape::Any => Type::Dynamic,
            Shape::Bool => Type::Bool,
            Shape::Number => Type::Number,
            Shape::String => Type::String,
            Shape::List(of) => Type::list(of.ty()),
            Shape::Set(of) => Type::set(of.ty()),
            Shape::Map(of) => Type::map(of.ty()),
        }
    }

    /// Whether the value needs no conversion; may say no although it needs none.
    pub(super) fn admits_value(self, value: &Value) -> bool {
        match (self, value.kind()) {
            (Shape::Any, _) | (Shape::Bool, Kind::Bool(_)) => true,
            (Shape::Number, Kind::Number(_)) | (Shape::String, Kind::String(_)) => true,
            (Shape::List(of), Kind::List(e)) | (Shape::Set(of), Kind::Set(e)) => of.admits(&e.of),
            (Shape::Map(of), Kind::Map(e)) => of.admits(&e.of),
            _ => false,
        }
    }

    /// Whether a value of this type needs no conversion.
    fn admits(self, ty: &Type) -> bool {
        match (self, ty) {
            // A list of no type may need to become one of a type.
            (Shape::Any, ty) => *ty != Type::Dynamic,
            (Shape::Bool, Type::Bool) | (Shape::Number, Type::Number) | (Shape::String, Type::String) => true,
            (Shape::List(a), Type::List(b)) | (Shape::Set(a), Type::Set(b)) | (Shape::Map(a), Type::Map(b)) => {
                a.admits(b)
            }
            _ => false,
        }
    }
}

//! Types that can stand in a static table.

use straddle_sdk::value::Type;

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

    /// Whether a value of this type needs no conversion.
    pub(super) fn admits(self, ty: &Type) -> bool {
        match (self, ty) {
            (Shape::Any, _) | (Shape::Bool, Type::Bool) | (Shape::Number, Type::Number) => true,
            (Shape::String, Type::String) => true,
            (Shape::List(a), Type::List(b)) | (Shape::Set(a), Type::Set(b)) | (Shape::Map(a), Type::Map(b)) => {
                a.admits(b)
            }
            _ => false,
        }
    }
}

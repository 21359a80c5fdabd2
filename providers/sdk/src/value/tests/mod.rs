//! Tables for the rules of the value model. What is marked "measured" was seen in `terraform` 1.11.4.

mod convert;
mod equal;
mod walk;

use super::*;

pub(super) fn s(text: &str) -> Value {
    Value::string(text)
}

pub(super) fn n(number: i64) -> Value {
    Value::number(number)
}

pub(super) fn num(text: &str) -> Value {
    Value::number(Num::parse(text).expect("a number"))
}

pub(super) fn obj(items: &[(&str, Value)]) -> Value {
    Value::object(items.iter().map(|(k, v)| (Str::new(k), v.clone())).collect())
}

pub(super) fn obj_ty(items: &[(&str, Type)]) -> Type {
    Type::object(items.iter().map(|(k, t)| (Str::new(k), t.clone())).collect())
}

pub(super) fn strings(items: &[&str]) -> Value {
    Value::list(Type::String, items.iter().map(|t| s(t)).collect())
}

pub(super) fn unknown_with(ty: Type, refine: impl FnOnce(&mut Refinement)) -> Value {
    let mut unknown = Unknown::of(ty);
    refine(&mut unknown.refinement);
    Kind::Unknown(std::sync::Arc::new(unknown)).into()
}

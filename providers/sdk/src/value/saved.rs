//! Values in straddle's own files, to the bit: types, marks, refinements and causes of unknowns, which no wire format carries.
//! Ephemeral values are refused: they must not be stored anywhere.

use super::num::Num;
use super::{Cause, Kind, Marks, Refinement, Str, Type, Unknown, Value};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::Arc;

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Str, D::Error> {
        Cow::<str>::deserialize(deserializer).map(|text| Str::new(&text))
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_json())
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Type, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Type::from_json(text.as_bytes()).map_err(D::Error::custom)
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_infinite() {
            return serializer.serialize_str(if self.is_negative() { "-inf" } else { "inf" });
        }
        serializer.serialize_str(&self.exact_text())
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Num, D::Error> {
        match &*Cow::<str>::deserialize(deserializer)? {
            "inf" => Ok(Num::infinity()),
            "-inf" => Ok(Num::neg_infinity()),
            text => Num::parse(text).map_err(|_| D::Error::custom("no number")),
        }
    }
}

#[derive(Serialize)]
enum Out<'a> {
    Null(Type),
    Unknown(Open<'a>),
    Bool(bool),
    Number(&'a Num),
    String(&'a Str),
    List(&'a Type, &'a [Value]),
    Set(&'a Type, &'a [Value]),
    Map(&'a Type, &'a [(Str, Value)]),
    Tuple(&'a [Value]),
    Object(&'a [(Str, Value)]),
    /// A sensitive value.
    Sensitive(Box<Out<'a>>),
}

#[derive(Serialize, Deserialize)]
struct Open<'a> {
    ty: Type,
    not_null: bool,
    prefix: Option<Str>,
    min: Option<(Num, bool)>,
    max: Option<(Num, bool)>,
    min_len: Option<u64>,
    max_len: Option<u64>,
    cause: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
enum In {
    Null(Type),
    Unknown(Open<'static>),
    Bool(bool),
    Number(Num),
    String(Str),
    List(Type, Vec<Value>),
    Set(Type, Vec<Value>),
    Map(Type, Vec<(Str, Value)>),
    Tuple(Vec<Value>),
    Object(Vec<(Str, Value)>),
    Sensitive(Box<In>),
}

impl Serialize for Value {
    /// # Errors
    /// An ephemeral value, which must not be stored.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.marks.contains(Marks::EPHEMERAL) {
            return Err(S::Error::custom("an ephemeral value must not be stored"));
        }
        let out = out(&self.kind);
        if self.marks.is_sensitive() { Out::Sensitive(Box::new(out)) } else { out }.serialize(serializer)
    }
}

fn out(kind: &Kind) -> Out<'_> {
    match kind {
        Kind::Null(ty) => Out::Null(ty.clone()),
        Kind::Unknown(unknown) => {
            let Refinement { not_null, prefix, min, max, min_len, max_len } = unknown.refinement.clone();
            let cause = unknown.cause.as_ref().map(|cause| Cow::Borrowed(&*cause.0));
            Out::Unknown(Open { ty: unknown.ty.clone(), not_null, prefix, min, max, min_len, max_len, cause })
        }
        Kind::Bool(b) => Out::Bool(*b),
        Kind::Number(n) => Out::Number(n),
        Kind::String(s) => Out::String(s),
        Kind::List(e) => Out::List(&e.of, &e.items),
        Kind::Set(e) => Out::Set(&e.of, &e.items),
        Kind::Map(e) => Out::Map(&e.of, &e.items),
        Kind::Tuple(items) => Out::Tuple(items),
        Kind::Object(items) => Out::Object(items),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        In::deserialize(deserializer).map(value)
    }
}

fn value(read: In) -> Value {
    match read {
        In::Null(ty) => Value::null(ty),
        In::Unknown(open) => {
            let Open { ty, not_null, prefix, min, max, min_len, max_len, cause } = open;
            let refinement = Refinement { not_null, prefix, min, max, min_len, max_len };
            let cause = cause.map(|text| Cause(Arc::from(text)));
            Kind::Unknown(Arc::new(Unknown { ty, refinement, cause })).into()
        }
        In::Bool(b) => Kind::Bool(b).into(),
        In::Number(n) => Kind::Number(n).into(),
        In::String(s) => Value::string(s),
        In::List(of, items) => Value::list(of, items),
        In::Set(of, items) => Value::set(of, items),
        In::Map(of, items) => Value::map(of, items),
        In::Tuple(items) => Value::tuple(items),
        In::Object(items) => Value::object(items),
        In::Sensitive(inner) => value(*inner).with_marks(Marks::SENSITIVE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::same;

    fn again(value: &Value) -> Value {
        serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
    }

    #[test]
    fn everything_about_a_value_comes_back() {
        let open = Unknown {
            ty: Type::String,
            refinement: Refinement { not_null: true, prefix: Some(Str::new("arn:")), ..Refinement::default() },
            cause: Some(Cause("aws_lb.web".into())),
        };
        let secret = Value::string("hush").with_marks(Marks::SENSITIVE);
        let third = Num::parse("1").unwrap().div(&Num::parse("3").unwrap()).unwrap();
        let all = Value::object(vec![
            ("a".into(), Value::list(Type::String, vec![secret, Value::null(Type::String)])),
            ("b".into(), Kind::Unknown(Arc::new(open)).into()),
            (
                "c".into(),
                Value::set(Type::Number, vec![Kind::Number(third).into(), Kind::Number(Num::infinity()).into()]),
            ),
            ("d".into(), Value::map(Type::list(Type::Bool), vec![("k".into(), Value::list(Type::Bool, vec![]))])),
            ("e".into(), Value::null(Type::Dynamic)),
        ]);
        let back = again(&all);
        assert!(same(&all, &back));
        assert_eq!(format!("{all:?}"), format!("{back:?}"));
    }

    #[test]
    fn what_must_not_be_stored_is_refused() {
        let value = Value::list(Type::String, vec![Value::string("x").with_marks(Marks::EPHEMERAL)]);
        assert!(serde_json::to_string(&value).is_err());
    }
}

//! Attributes and indexes of values.

use super::{cause, unknown_like};
use crate::diag::{Diagnostic, Span};
use crate::lang::suggest::nearest;
use straddle_sdk::value::num::Num;
use straddle_sdk::value::{Kind, Marks, Type, Value, convert};

type Access = Result<Value, Box<Diagnostic>>;

fn refuse(summary: &str, detail: impl Into<String>, span: &Span) -> Access {
    Err(Box::new(Diagnostic::error(summary, detail).at(span)))
}

/// `value.name`. The result carries the value's marks.
///
/// # Errors
/// Terraform's "Unsupported attribute" and its siblings, at `span`.
pub fn get_attribute(value: &Value, name: &str, span: &Span) -> Access {
    let marks = value.marks();
    if value.is_null() {
        let detail = "This value is null, so it does not have any attributes.";
        return refuse("Attempt to get attribute from null value", detail, span);
    }
    if let Kind::Object(_) | Kind::Map(_) = value.kind() {
        return match (value.get(name), value.kind()) {
            (Some(found), _) => Ok(found.clone().with_marks(marks)),
            (None, Kind::Map(_)) => {
                let detail = format!("This map does not have an element with the key {name:?}.");
                let problem = Diagnostic::error("Missing map element", detail).at(span);
                Err(Box::new(suggest(problem, name, names(value))))
            }
            (None, _) => Err(Box::new(no_attribute(name, names(value), span))),
        };
    }
    if let Kind::Unknown(unknown) = value.kind() {
        match &unknown.ty {
            Type::Dynamic => return Ok(unknown_like(Type::Dynamic, cause(value)).with_marks(marks)),
            Type::Map(of) => return Ok(unknown_like((**of).clone(), cause(value)).with_marks(marks)),
            Type::Object(object) => {
                return match object.get(name) {
                    Some(ty) => Ok(unknown_like(ty.clone(), cause(value)).with_marks(marks)),
                    None => Err(Box::new(no_attribute(name, object.attrs.iter().map(|(k, _)| &**k), span))),
                };
            }
            _ => {}
        }
    }
    refuse("Unsupported attribute", no_attributes(&value.ty(), name), span)
}

fn names(value: &Value) -> impl Iterator<Item = &str> {
    value.entries().unwrap_or_default().iter().map(|(name, _)| &**name)
}

fn no_attribute<'a>(name: &str, names: impl Iterator<Item = &'a str>, span: &Span) -> Diagnostic {
    let detail = format!("This object does not have an attribute named {name:?}.");
    suggest(Diagnostic::error("Unsupported attribute", detail).at(span), name, names)
}

/// Names what may have been meant.
fn suggest<'a>(problem: Diagnostic, name: &str, names: impl Iterator<Item = &'a str>) -> Diagnostic {
    match nearest(name, names) {
        Some(near) => problem.help(format!("Did you mean {near:?}?")),
        None => problem,
    }
}

/// Why a value of this type has no attribute.
fn no_attributes(ty: &Type, name: &str) -> String {
    match ty {
        Type::Bool | Type::Number | Type::String => {
            format!("Can't access attributes on a primitive-typed value ({}).", ty.friendly_name())
        }
        Type::List(of) if matches!(**of, Type::Object(_)) => {
            let meant = match &**of {
                Type::Object(object) if object.get(name).is_some() => format!("attribute {name:?}"),
                _ => "an attribute".to_owned(),
            };
            format!(
                "Can't access attributes on a list of objects. Did you mean to access {meant} for a specific element of the \
                 list, or across all elements of the list?"
            )
        }
        Type::Set(of) if matches!(**of, Type::Object(_)) => {
            "Can't access attributes on a set of objects. Did you mean to \
                                                             access an attribute across all elements of the set?"
                .to_owned()
        }
        _ => "This value does not have any attributes.".to_owned(),
    }
}

const NO_ELEMENT: &str = "The given key does not identify an element in this collection value";

/// `value[key]`. The result carries the marks of both.
///
/// # Errors
/// Terraform's "Invalid index", at `span`. No error tells the key, which may be sensitive.
pub fn get_index(value: &Value, key: &Value, span: &Span) -> Access {
    let marks = value.marks() | key.marks();
    if value.is_null() {
        let detail = "This value is null, so it does not have any indices.";
        return refuse("Attempt to index null value", detail, span);
    }
    if key.is_null() {
        return refuse("Invalid index", "Can't use a null value as an indexing key.", span);
    }
    let why = cause(value).or_else(|| cause(key));
    let untyped = |v: &Value| matches!(v.kind(), Kind::Unknown(u) if u.ty == Type::Dynamic);
    if untyped(value) || untyped(key) {
        return Ok(unknown_like(Type::Dynamic, why).with_marks(marks));
    }
    let (wanted, sequence) = match value.ty() {
        Type::List(_) | Type::Tuple(_) => (Type::Number, true),
        Type::Map(_) | Type::Object(_) => (Type::String, false),
        Type::Set(_) => {
            let detail = "Elements of a set are identified only by their value and don't have any separate index or key to \
                          select with, so it's only possible to perform operations across all elements of the set.";
            return refuse("Invalid index", detail, span);
        }
        _ => return refuse("Invalid index", "This value does not have any indices.", span),
    };
    let plain = match convert(&key.clone().unmark().0, &wanted) {
        Ok(plain) => plain,
        Err(problem) => return refuse("Invalid index", format!("{NO_ELEMENT}: {problem}."), span),
    };
    if plain.is_unknown() || value.is_unknown() {
        return Ok(of_unknown(value, &plain, span)?
            .map_or_else(|| unknown_like(Type::Dynamic, why.clone()), |ty| unknown_like(ty, why.clone()))
            .with_marks(marks));
    }
    if sequence { in_sequence(value, &plain, marks, span) } else { by_name(value, key, &plain, marks, span) }
}

/// The type of an element where value or key is unknown, if it can be told.
fn of_unknown(value: &Value, key: &Value, span: &Span) -> Result<Option<Type>, Box<Diagnostic>> {
    Ok(match (value.ty(), key.kind()) {
        (Type::List(of) | Type::Map(of), _) => Some((*of).clone()),
        (Type::Tuple(of), Kind::Number(n)) => match n.to_u64().and_then(|n| of.get(usize::try_from(n).ok()?)) {
            Some(ty) => Some(ty.clone()),
            None => {
                refuse("Invalid index", format!("{NO_ELEMENT}."), span)?;
                None
            }
        },
        _ => None,
    })
}

fn in_sequence(value: &Value, key: &Value, marks: Marks, span: &Span) -> Access {
    let items = value.items().unwrap_or_default();
    let number = key.as_num();
    if let Some(item) = number.and_then(Num::to_u64).and_then(|n| items.get(usize::try_from(n).ok()?)) {
        return Ok(item.clone().with_marks(marks));
    }
    let why = match number {
        Some(n) if !n.is_integer() => {
            ": indexing a sequence requires a whole number, but the given index has a fractional part"
        }
        Some(n) if n.is_negative() => ": a negative number is not a valid index for a sequence",
        // Terraform says no more of an index further beyond the end, nor of the length of a marked sequence.
        n if !value.marks().is_none() || n.and_then(Num::to_u64) != Some(items.len() as u64) => "",
        _ if items.is_empty() => ": the collection has no elements",
        _ => ": the given index is greater than or equal to the length of the collection",
    };
    refuse("Invalid index", format!("{NO_ELEMENT}{why}."), span)
}

fn by_name(value: &Value, key: &Value, name: &Value, marks: Marks, span: &Span) -> Access {
    if let Some(found) = name.as_str().and_then(|name| value.get(name)) {
        return Ok(found.clone().with_marks(marks));
    }
    let number_on_object = key.as_num().is_some() && matches!(value.kind(), Kind::Object(_));
    let addendum = if number_on_object {
        " An object only supports looking up attributes by name, not by numeric index."
    } else {
        ""
    };
    refuse("Invalid index", format!("{NO_ELEMENT}.{addendum}"), span)
}

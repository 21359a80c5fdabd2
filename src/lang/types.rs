//! Type constraints (`list(object({ a = optional(string, "x") }))`) and types as text.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::ast::{Call, Expr, ExprKind, ObjectKey};
use super::eval::{NoScope, eval};
use crate::diag::{Diagnostic, Span};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Defaults, Type, Value, convert};

/// A type constraint: the type, and the defaults of its optional attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// `Dynamic` stands for `any`.
    pub ty: Type,
    pub defaults: Defaults,
}

type Parsed<T> = Result<T, Box<Diagnostic>>;

const INVALID: &str = "Invalid type specification";

fn refuse<T>(detail: impl Into<String>, span: &Span) -> Parsed<T> {
    Err(Box::new(Diagnostic::error(INVALID, detail).at(span)))
}

/// Parses a type expression.
///
/// # Errors
/// Terraform's "Invalid type specification", with the place.
pub fn parse_type(expr: &Expr) -> Parsed<Constraint> {
    if let Some(text) = expr.literal_text() {
        let instead = match text {
            "string" => "",
            "list" => " and write list(string) instead to explicitly indicate that the list elements are strings",
            "map" => " and write map(string) instead to explicitly indicate that the map elements are strings",
            _ => {
                let detail = "To provide a full type expression, remove the surrounding quotes and give the type expression \
                              directly.";
                return Err(Box::new(Diagnostic::error("Invalid legacy variable type hint", detail).at(&expr.span)));
            }
        };
        let detail = format!(
            "Terraform 0.11 and earlier required type constraints to be given in quotes, but that form is now deprecated and \
             will be removed in a future version of Terraform. Remove the quotes around {text:?}{instead}."
        );
        return Err(Box::new(Diagnostic::error("Invalid quoted type constraints", detail).at(&expr.span)));
    }
    match expr.keyword() {
        // Old spellings still taken for variables.
        Some("list") => return Ok(plain(Type::list(Type::Dynamic))),
        Some("map") => return Ok(plain(Type::map(Type::Dynamic))),
        _ => {}
    }
    constraint(expr)
}

fn plain(ty: Type) -> Constraint {
    Constraint { ty, defaults: Defaults::default() }
}

fn constraint(expr: &Expr) -> Parsed<Constraint> {
    if let ExprKind::Call(call) = &expr.kind {
        return constructor(call, expr);
    }
    let ty = match expr.keyword() {
        Some("bool") => Type::Bool,
        Some("string") => Type::String,
        Some("number") => Type::Number,
        Some("any") => Type::Dynamic,
        Some(name @ ("list" | "set" | "map")) => {
            let detail = format!("The {name} type constructor requires one argument specifying the element type.");
            return refuse(detail, &expr.span);
        }
        Some(name @ ("object" | "tuple")) => return refuse(argument_wanted(name), &expr.span),
        Some(other) => return refuse(format!("The keyword {other:?} is not a valid type specification."), &expr.span),
        None => {
            let detail = "A type specification is either a primitive type keyword (bool, number, string) or a complex type \
                          constructor call, like list(string).";
            return refuse(detail, &expr.span);
        }
    };
    Ok(plain(ty))
}

fn argument_wanted(name: &str) -> &'static str {
    match name {
        "object" => {
            "The object type constructor requires one argument specifying the attribute types and values as a map."
        }
        _ => "The tuple type constructor requires one argument specifying the element types as a list.",
    }
}

fn constructor(call: &Call, expr: &Expr) -> Parsed<Constraint> {
    let name = &*call.name.name;
    match name {
        "bool" | "string" | "number" | "any" => {
            return refuse(format!("Primitive type keyword {name:?} does not expect arguments."), &between(call));
        }
        "list" | "set" | "map" | "object" | "tuple" => {}
        "optional" => {
            let detail = "Keyword \"optional\" is valid only as a modifier for object type attributes.";
            return refuse(detail, &call.name.span);
        }
        _ => {
            let detail = format!("Keyword {name:?} is not a valid type constructor.");
            return refuse(detail, &expr.span);
        }
    }
    let [argument] = call.args.as_slice() else {
        let detail = match name {
            "object" | "tuple" => argument_wanted(name).to_owned(),
            _ => format!("The {name} type constructor requires one argument specifying the element type."),
        };
        // Arguments too many are shown, else where some are missing.
        let place = match call.args.as_slice() {
            [_, more @ .., last] => {
                let start = more.first().unwrap_or(last).span.range.start;
                Span { file: last.span.file, range: start..last.span.range.end }
            }
            _ => between(call),
        };
        return refuse(detail, &place);
    };
    match name {
        "object" => object(argument),
        "tuple" => tuple(argument),
        _ => {
            let of = constraint(argument)?;
            let ty = match name {
                "list" => Type::list(of.ty),
                "set" => Type::set(of.ty),
                _ => Type::map(of.ty),
            };
            let elements = (!of.defaults.is_empty()).then(|| Box::new(of.defaults));
            Ok(Constraint { ty, defaults: Defaults { elements, ..Defaults::default() } })
        }
    }
}

fn tuple(argument: &Expr) -> Parsed<Constraint> {
    let ExprKind::Tuple(items) = &argument.kind else {
        return refuse("Tuple type constructor requires a list of element types.", &argument.span);
    };
    let mut types = Vec::with_capacity(items.len());
    let mut defaults = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let of = constraint(item)?;
        types.push(of.ty);
        if !of.defaults.is_empty() {
            defaults.insert(at, of.defaults);
        }
    }
    Ok(Constraint { ty: Type::tuple(types), defaults: Defaults { items: defaults, ..Defaults::default() } })
}

fn object(argument: &Expr) -> Parsed<Constraint> {
    let ExprKind::Object(items) = &argument.kind else {
        let detail = "Object type constructor requires a map whose keys are attribute names and whose values are the \
                      corresponding attribute types.";
        return refuse(detail, &argument.span);
    };
    let mut types = Vec::with_capacity(items.len());
    let mut seen = BTreeSet::new();
    let mut optional = Vec::new();
    let mut defaults = Defaults::default();
    for item in items {
        let name = match &item.key {
            ObjectKey::Name(ident) => ident.name.clone(),
            ObjectKey::Expr(key) => return refuse("Object constructor map keys must be attribute names.", &key.span),
        };
        if !seen.insert(name.clone()) {
            return refuse("Object constructor map keys must be unique.", item.key.span());
        }
        let (of, modifier) = attribute(&item.value)?;
        if let Some(default) = modifier {
            optional.push(name.clone());
            if let Some(default) = default {
                defaults.values.insert(name.clone(), default);
            }
        }
        if !of.defaults.is_empty() {
            defaults.attributes.insert(name.clone(), of.defaults);
        }
        types.push((name, of.ty));
    }
    Ok(Constraint { ty: Type::object_with_optional(types, optional), defaults })
}

/// An attribute's constraint, and whether it is optional and with what default.
fn attribute(expr: &Expr) -> Parsed<(Constraint, Option<Option<Value>>)> {
    let call = match &expr.kind {
        ExprKind::Call(call) if &*call.name.name == "optional" => call,
        _ => return Ok((constraint(expr)?, None)),
    };
    match call.args.as_slice() {
        [ty] => Ok((constraint(ty)?, Some(None))),
        [ty, default] => {
            let of = constraint(ty)?;
            let (value, diags) = eval(default, &NoScope);
            if let Some(diag) = diags.into_iter().next() {
                return Err(Box::new(diag));
            }
            match convert(&of.defaults.apply(&value), &of.ty) {
                Ok(value) => Ok((of, Some((!value.is_null()).then_some(value)))),
                Err(problem) => {
                    let detail = format!(
                        "This default value is not compatible with the attribute's type constraint: {problem}."
                    );
                    let summary = "Invalid default value for optional attribute";
                    Err(Box::new(Diagnostic::error(summary, detail).at(&default.span)))
                }
            }
        }
        [] => refuse("Optional attribute modifier requires the attribute type as its argument.", &between(call)),
        _ => {
            let detail =
                "Optional attribute modifier expects at most two arguments: the attribute type, and a default value.";
            refuse(detail, &between(call))
        }
    }
}

/// The parentheses of a call and what is between them.
fn between(call: &Call) -> Span {
    Span { file: call.close.file, range: call.name.span.range.end..call.close.range.end }
}

/// A type as the console's `type()` prints it, over several lines.
pub fn type_text(ty: &Type) -> String {
    let mut out = String::new();
    write_type(ty, 0, &mut out);
    out
}

/// The same on one line.
pub fn type_line(ty: &Type) -> String {
    type_text(ty).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn write_type(ty: &Type, depth: usize, out: &mut String) {
    let simple = |ty: &Type| !matches!(ty, Type::Object(_) | Type::Tuple(_));
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    };
    match ty {
        Type::Dynamic => out.push_str("dynamic"),
        Type::Bool => out.push_str("bool"),
        Type::Number => out.push_str("number"),
        Type::String => out.push_str("string"),
        Type::List(of) | Type::Set(of) | Type::Map(of) => {
            out.push_str(match ty {
                Type::List(_) => "list(",
                Type::Set(_) => "set(",
                _ => "map(",
            });
            if simple(of) {
                write_type(of, depth, out);
            } else {
                line(out, depth + 1);
                write_type(of, depth + 1, out);
                out.push(',');
                line(out, depth);
            }
            out.push(')');
        }
        Type::Tuple(items) if items.is_empty() => out.push_str("tuple([])"),
        Type::Tuple(items) => {
            out.push_str("tuple([");
            for item in items.iter() {
                line(out, depth + 1);
                write_type(item, depth + 1, out);
                out.push(',');
            }
            line(out, depth);
            out.push_str("])");
        }
        Type::Object(object) if object.attrs.is_empty() => out.push_str("object({})"),
        Type::Object(object) => {
            out.push_str("object({");
            for (name, of) in &object.attrs {
                line(out, depth + 1);
                out.push_str(name);
                out.push_str(": ");
                write_type(of, depth + 1, out);
                out.push(',');
            }
            line(out, depth);
            out.push_str("})");
        }
    }
}

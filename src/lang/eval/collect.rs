//! `for` and splats.

use super::{Bound, Evaluator, Frame, MOST_ERRORS, cause, failed, never_null, unknown_like, unknown_not_null};
use crate::lang::ast::{Expr, For, Ident, Splat};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::value::{Cause, Kind, Marks, Refinement, Str, Type, Unknown, Value, convert};

/// What a collection came to when it was asked for its elements.
pub(super) enum Elements {
    /// Keys and values, in order, and the marks of the collection itself.
    Known(Vec<(Value, Value)>, Marks),
    /// A collection that is not known, and its marks.
    Unknown(Marks, Option<Cause>),
    /// Nobody knows what it is, or an error was reported.
    None(Option<Cause>),
}

/// What was wrong with an iteration besides errors: nothing, or a value that is not known.
struct Outcome {
    marks: Marks,
    unknown: bool,
    why: Option<Cause>,
}

impl Outcome {
    fn unknown_because(&mut self, value: &Value) {
        self.unknown = true;
        if self.why.is_none() {
            self.why = cause(value);
        }
    }
}

impl Evaluator<'_> {
    /// The elements of a collection a `for` goes over.
    pub(super) fn elements(&mut self, collection: &Expr, frame: Bound<'_>) -> Elements {
        let (value, marks) = self.expr(collection, frame).unmark();
        if value.is_null() {
            let detail = "A null value cannot be used as the collection in a 'for' expression.";
            self.error("Iteration over null value", detail, &collection.span);
            return Elements::None(None);
        }
        if let Some(pairs) = pairs(&value) {
            return Elements::Known(pairs, marks);
        }
        let ty = value.ty();
        if ty == Type::Dynamic {
            return Elements::None(cause(&value));
        }
        if !matches!(ty, Type::List(_) | Type::Set(_) | Type::Map(_) | Type::Tuple(_) | Type::Object(_)) {
            let detail = format!(
                "A value of type {} cannot be used as the collection in a 'for' expression.",
                ty.friendly_name()
            );
            self.error("Iteration over non-iterable value", detail, &collection.span);
            return Elements::None(None);
        }
        Elements::Unknown(marks, cause(&value))
    }

    pub(super) fn for_expr(&mut self, node: &For, frame: Bound<'_>) -> Value {
        let elements = self.elements(&node.collection, frame);
        if let Elements::None(why) = elements {
            return unknown_like(Type::Dynamic, why);
        }
        let condition = match &node.cond {
            Some(cond) => self.sound(node, cond, frame),
            None => Some(Marks::NONE),
        };
        let Some(condition) = condition else { return failed() };
        let (pairs, marks) = match elements {
            Elements::Known(pairs, marks) => (pairs, marks),
            Elements::Unknown(marks, why) => return unknown_like(Type::Dynamic, why).with_marks(marks | condition),
            Elements::None(why) => return unknown_like(Type::Dynamic, why),
        };
        let mut outcome = Outcome { marks, unknown: false, why: None };
        let result = match &node.key_result {
            Some(key) => self.for_object(node, key, pairs, frame, &mut outcome),
            None => self.for_tuple(node, pairs, frame, &mut outcome),
        };
        if outcome.unknown {
            return unknown_like(Type::Dynamic, outcome.why).with_marks(outcome.marks);
        }
        result.with_marks(outcome.marks)
    }

    /// The marks of the `if` clause if it can be a bool at all, whatever the elements; reports it otherwise.
    fn sound(&mut self, node: &For, cond: &Expr, frame: Bound<'_>) -> Option<Marks> {
        let (value, fine) = self
            .with_pair(node.key.as_ref(), &node.value, failed(), failed(), frame, |e, inner| e.checked(cond, inner));
        if value.is_null() {
            self.error("Condition is null", "The value of the 'if' clause must not be null.", &cond.span);
            return None;
        }
        if let Err(problem) = convert(&value, &Type::Bool) {
            self.invalid_condition(&problem.to_string(), cond);
            return None;
        }
        fine.then(|| value.marks())
    }

    fn invalid_condition(&mut self, problem: &str, cond: &Expr) {
        let detail = format!("The 'if' clause value is invalid: {problem}.");
        self.error("Invalid 'for' condition", detail, &cond.span);
    }

    fn for_tuple(&mut self, node: &For, pairs: Vec<(Value, Value)>, frame: Bound<'_>, outcome: &mut Outcome) -> Value {
        let mut items = Vec::with_capacity(pairs.len());
        let before = self.diags.len();
        for (key, value) in pairs {
            let taken = self.with_pair(node.key.as_ref(), &node.value, key, value, frame, |e, inner| {
                e.included(node.cond.as_ref(), inner, outcome).then(|| e.expr(&node.result, inner))
            });
            items.extend(taken);
            if self.diags.len() - before > MOST_ERRORS {
                outcome.unknown = true;
                break;
            }
        }
        Value::tuple(items)
    }

    fn for_object(
        &mut self,
        node: &For,
        key_result: &Expr,
        pairs: Vec<(Value, Value)>,
        frame: Bound<'_>,
        outcome: &mut Outcome,
    ) -> Value {
        let mut single: Vec<(Str, Value)> = Vec::new();
        let mut seen: BTreeMap<Str, Vec<Value>> = BTreeMap::new();
        let before = self.diags.len();
        for (key, value) in pairs {
            let taken = self.with_pair(node.key.as_ref(), &node.value, key, value, frame, |e, inner| {
                if !e.included(node.cond.as_ref(), inner, outcome) {
                    return None;
                }
                let key = e.result_key(key_result, inner, outcome)?;
                Some((key, e.expr(&node.result, inner)))
            });
            if let Some((key, value)) = taken {
                let group = seen.entry(key.clone()).or_default();
                if node.group {
                    group.push(value);
                } else if group.is_empty() {
                    group.push(Value::TRUE);
                    single.push((key, value));
                } else {
                    let shown = if outcome.marks.is_sensitive() {
                        "(sensitive value)".to_owned()
                    } else {
                        format!("{:?}", &*key)
                    };
                    let detail = format!(
                        "Two different items produced the key {shown} in this 'for' expression. If duplicates are expected, use \
                         the ellipsis (...) after the value expression to enable grouping by key."
                    );
                    self.error("Duplicate object key", detail, &key_result.span);
                }
            }
            if self.diags.len() - before > MOST_ERRORS {
                outcome.unknown = true;
                break;
            }
        }
        if node.group {
            return Value::object(seen.into_iter().map(|(key, group)| (key, Value::tuple(group))).collect());
        }
        Value::object(single)
    }

    /// Whether the `if` clause lets the element in. Where it is unknown the result is; the element may be one that it keeps out for
    /// good reason, so it is not evaluated.
    fn included(&mut self, cond: Option<&Expr>, frame: Bound<'_>, outcome: &mut Outcome) -> bool {
        let Some(cond) = cond else { return true };
        let (value, marks) = self.expr(cond, frame).unmark();
        if value.is_null() {
            if !outcome.unknown {
                self.error("Invalid 'for' condition", "The value of the 'if' clause must not be null.", &cond.span);
            }
            outcome.unknown = true;
            return false;
        }
        outcome.marks = outcome.marks | marks;
        match convert(&value, &Type::Bool) {
            Ok(flag) => flag.as_bool().unwrap_or_else(|| {
                outcome.unknown_because(&flag);
                false
            }),
            Err(problem) => {
                if !outcome.unknown {
                    self.invalid_condition(&problem.to_string(), cond);
                }
                outcome.unknown = true;
                false
            }
        }
    }

    /// The key an element gets in an object `for`.
    fn result_key(&mut self, expr: &Expr, frame: Bound<'_>, outcome: &mut Outcome) -> Option<Str> {
        let (value, marks) = self.expr(expr, frame).unmark();
        if value.is_null() {
            if !outcome.unknown {
                let detail = "Key expression in 'for' expression must not produce a null value.";
                self.error("Invalid object key", detail, &expr.span);
            }
            outcome.unknown = true;
            return None;
        }
        outcome.marks = outcome.marks | marks;
        if value.is_unknown() {
            outcome.unknown_because(&value);
            return None;
        }
        match convert(&value, &Type::String) {
            Ok(text) => text.as_str().map(Str::new),
            Err(problem) => {
                if !outcome.unknown {
                    let detail = format!("The key expression produced an invalid result: {problem}.");
                    self.error("Invalid object key", detail, &expr.span);
                }
                outcome.unknown = true;
                None
            }
        }
    }

    /// Evaluates with key and value of an element bound.
    pub(super) fn with_pair<R>(
        &mut self,
        key_name: Option<&Ident>,
        value_name: &Ident,
        key: Value,
        value: Value,
        frame: Bound<'_>,
        eval: impl FnOnce(&mut Self, Bound<'_>) -> R,
    ) -> R {
        // The value first: it wins where both have one name.
        let both = [(&*value_name.name, value), (key_name.map_or("", |k| &*k.name), key)];
        let bound = if key_name.is_some() { &both[..] } else { &both[..1] };
        eval(self, Some(&Frame { bound, item: None, outer: frame }))
    }

    pub(super) fn splat(&mut self, node: &Splat, frame: Bound<'_>) -> Value {
        let (source, fine) = self.checked(&node.source, frame);
        if !fine {
            // For what is wrong beyond: its element is anything.
            self.each(&node.each, &failed(), frame);
            return failed();
        }
        let sequence = matches!(source.ty(), Type::List(_) | Type::Set(_) | Type::Tuple(_));
        let (source, marks) = source.unmark();
        if source.is_null() {
            if !sequence {
                return Value::tuple(Vec::new()).with_marks(marks);
            }
            let detail = "Splat expressions (with the * symbol) cannot be applied to null sequences.";
            return self.fail("Splat of null value", detail, &node.source.span);
        }
        match source.kind() {
            Kind::Unknown(u) if u.ty == Type::Dynamic => unknown_like(Type::Dynamic, cause(&source)).with_marks(marks),
            Kind::Unknown(u) if sequence => self.splat_unknown(node, u, frame).with_marks(marks),
            _ if sequence => self.splat_items(node, &source, frame).with_marks(marks),
            // Not a sequence: one element, or none if it turns out to be null.
            _ => {
                let before = self.diags.len();
                let item = self.each(&node.each, &source, frame);
                let result = if never_null(&source) && self.diags.len() > before {
                    Value::unknown(Type::tuple(vec![self.each_type(node, &source.ty(), frame)]))
                } else if never_null(&source) {
                    Value::tuple(vec![item])
                } else {
                    unknown_like(Type::Dynamic, cause(&source))
                };
                result.with_marks(marks)
            }
        }
    }

    fn each(&mut self, each: &Expr, item: &Value, frame: Bound<'_>) -> Value {
        self.expr(each, Some(&Frame { bound: &[], item: Some(item), outer: frame }))
    }

    fn splat_items(&mut self, node: &Splat, source: &Value, frame: Bound<'_>) -> Value {
        let before = self.diags.len();
        let mut items = Vec::with_capacity(source.items().map_or(0, <[Value]>::len));
        for item in source.items().unwrap_or_default() {
            items.push(self.each(&node.each, item, frame));
            if self.diags.len() - before > MOST_ERRORS {
                return failed();
            }
        }
        if self.diags.len() > before {
            return Value::unknown(match source.ty() {
                Type::List(of) | Type::Set(of) => Type::list(self.each_type(node, &of, frame)),
                Type::Tuple(of) => Type::tuple(of.iter().map(|of| self.each_type(node, of, frame)).collect()),
                _ => Type::Dynamic,
            });
        }
        match source.kind() {
            Kind::Tuple(_) => Value::tuple(items),
            Kind::List(e) | Kind::Set(e) => {
                if items.is_empty() {
                    return Value::list(self.each_type(node, &e.of, frame), items);
                }
                self.list_of(node, items)
            }
            _ => failed(),
        }
    }

    /// Results as a list. Those of unknown type take the type of the others.
    fn list_of(&mut self, node: &Splat, mut items: Vec<Value>) -> Value {
        let mut of = Type::Dynamic;
        for ty in items.iter().map(Value::ty).filter(|ty| *ty != Type::Dynamic) {
            if of != Type::Dynamic && of != ty {
                let detail = "The second level of splat expression produced elements of different types, so it isn't possible to \
                              construct a valid list to represent the top-level result. Consider using a for expression instead, \
                              to produce a tuple-typed result which can therefore have non-homogenous element types.";
                return self.fail("Invalid nested splat expressions", detail, &node.each.span);
            }
            of = ty;
        }
        if of != Type::Dynamic {
            for item in items.iter_mut().filter(|item| item.ty() == Type::Dynamic) {
                *item = convert(item, &of).unwrap_or_else(|_| Value::unknown(of.clone()));
            }
        }
        Value::list(of, items)
    }

    /// The type `each` gives for elements of a type. Errors are dropped: there may be no element.
    fn each_type(&mut self, node: &Splat, of: &Type, frame: Bound<'_>) -> Type {
        let element = Value::unknown(of.clone());
        self.branch(&node.each.span, |e| e.each(&node.each, &element, frame)).value.ty()
    }

    fn splat_unknown(&mut self, node: &Splat, source: &Unknown, frame: Bound<'_>) -> Value {
        let of = match &source.ty {
            Type::List(of) | Type::Set(of) => of,
            Type::Tuple(of) => {
                let of = of.iter().map(|of| self.each_type(node, of, frame)).collect();
                return unknown_not_null(Type::tuple(of), source.cause.clone());
            }
            _ => return unknown_like(Type::Dynamic, source.cause.clone()),
        };
        // Here errors count: it is by its type that an element is wrong.
        let element = Value::unknown((**of).clone());
        let ty = Type::list(self.each(&node.each, &element, frame).ty());
        let known = &source.refinement;
        let refinement =
            Refinement { not_null: true, min_len: known.min_len, max_len: known.max_len, ..Refinement::default() };
        Kind::Unknown(Arc::new(Unknown { ty, refinement, cause: source.cause.clone() })).into()
    }
}

/// Keys and values of a known collection.
fn pairs(value: &Value) -> Option<Vec<(Value, Value)>> {
    Some(match value.kind() {
        Kind::List(e) => numbered(&e.items),
        Kind::Tuple(items) => numbered(items),
        Kind::Set(e) => e.items.iter().map(|item| (item.clone(), item.clone())).collect(),
        Kind::Map(e) => named(&e.items),
        Kind::Object(items) => named(items),
        _ => return None,
    })
}

fn numbered(items: &[Value]) -> Vec<(Value, Value)> {
    (0i64..).zip(items).map(|(at, item)| (Value::number(at), item.clone())).collect()
}

fn named(items: &[(Str, Value)]) -> Vec<(Value, Value)> {
    items.iter().map(|(name, item)| (Value::string(name.clone()), item.clone())).collect()
}

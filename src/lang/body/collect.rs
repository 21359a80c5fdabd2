//! The part of a body's value that depends on the scope.

use super::{BlockShape, Blocks, Dynamic, Item, Plan, Slot, missing_at};
use crate::diag::{Diagnostic, Span};
use crate::lang::ast::{Body, Expr};
use crate::lang::eval::{Scope, eval_in};
use crate::lang::schema::Nesting;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Cause, Kind, Marks, Str, Type, Value, convert};

/// The value of a body in a scope.
pub(super) fn eval(plan: &Plan<'_>, scope: &dyn Scope, problems: &mut Vec<Diagnostic>) -> Value {
    Evaluation { scope, bound: Vec::new(), problems }.body(plan)
}

/// An argument as the type its schema wants.
pub(super) fn argument(name: &str, expr: &Expr, value: Value, want: &Type, problems: &mut Vec<Diagnostic>) -> Value {
    match (value.kind(), want) {
        (Kind::String(_), Type::String) | (Kind::Number(_), Type::Number) | (Kind::Bool(_), Type::Bool) => value,
        _ => convert(&value, want).unwrap_or_else(|why| {
            let detail = format!("Inappropriate value for attribute {name:?}: {why}.");
            problems.push(Diagnostic::error("Incorrect attribute value type", detail).at(&expr.span));
            Value::unknown(want.without_optional())
        }),
    }
}

/// One evaluation.
struct Evaluation<'e> {
    scope: &'e dyn Scope,
    /// The iterators of the `dynamic` blocks around, the innermost last.
    bound: Vec<(&'e str, Value)>,
    problems: &'e mut Vec<Diagnostic>,
}

/// The blocks of one type, evaluated.
#[derive(Default)]
struct Made<'p> {
    /// Key (of a map's blocks), value and place.
    blocks: Vec<(Option<Str>, Value, &'p Span)>,
    /// The marks of what decided how many there are.
    marks: Marks,
    /// What is not known, or wrong, and decides how many there are.
    open: Option<Value>,
}

impl<'e> Evaluation<'e> {
    fn error(&mut self, summary: &str, detail: impl Into<String>, at: &Span) {
        self.problems.push(Diagnostic::error(summary, detail).at(at));
    }

    /// Evaluates, and says whether that went without errors.
    fn expr(&mut self, expr: &Expr) -> (Value, bool) {
        let (value, found) = eval_in(expr, self.scope, &self.bound);
        let fine = !found.iter().any(Diagnostic::is_error);
        self.problems.extend(found);
        (value, fine)
    }

    fn body(&mut self, plan: &Plan<'e>) -> Value {
        if let Some(value) = &plan.constant {
            return value.clone();
        }
        let mut attributes = Vec::with_capacity(plan.slots.len());
        for (name, slot) in &plan.slots {
            let value = match slot {
                Slot::Fixed(value) => value.clone(),
                Slot::Expr(expr, want) => {
                    let (value, _) = self.expr(expr);
                    argument(name, expr, value, want, self.problems)
                }
                Slot::Blocks(blocks) => self.blocks(blocks, plan.body),
            };
            attributes.push((name.clone(), value));
        }
        Value::object(attributes)
    }

    fn blocks(&mut self, blocks: &Blocks<'e>, body: &Body) -> Value {
        let mut made = Made::default();
        let mut counted = false;
        for item in &blocks.items {
            match item {
                Item::One { label, plan, header } => {
                    let value = self.body(plan);
                    made.blocks.push((label.clone(), value, header));
                }
                Item::Many(dynamic) => {
                    counted = true;
                    self.dynamic(dynamic, &mut made);
                }
            }
        }
        if let Some(open) = made.open {
            return unknown(blocks.shape.whole.clone(), &open).with_marks(made.marks);
        }
        if counted {
            let places: Vec<&Span> = made.blocks.iter().map(|(_, _, header)| *header).collect();
            blocks.check_number(body, &places, self.problems);
        }
        if blocks.shape.nesting == Nesting::Map {
            self.check_keys(&blocks.kind, &made);
        }
        let marks = made.marks;
        blocks.shape.collect(made.blocks.into_iter().map(|(key, value, _)| (key, value))).with_marks(marks)
    }

    fn dynamic(&mut self, dynamic: &Dynamic<'e>, made: &mut Made<'e>) {
        let (collection, fine) = self.expr(dynamic.for_each);
        made.marks = made.marks | collection.marks();
        if !fine {
            made.open = Some(collection);
            return;
        }
        let summary = "Invalid dynamic for_each value";
        if collection.is_null() {
            self.error(summary, "Cannot use a null value in for_each.", &dynamic.for_each.span);
            made.open = Some(collection);
            return;
        }
        if let Some(elements) = elements(&collection) {
            let before = self.problems.len();
            for (key, value) in elements {
                if let Some((label, block)) = self.dynamic_block(dynamic, key, value, true) {
                    made.blocks.push((label, block, dynamic.header));
                }
            }
            self.say_once(before);
            return;
        }
        if collection.ty().is_primitive() {
            let name = collection.ty().friendly_name();
            let detail = format!("Cannot use a {name} value in for_each. An iterable collection is required.");
            self.error(summary, detail, &dynamic.for_each.span);
        } else {
            // What the content is wrong about whatever the elements is still reported.
            let any = || unknown(Type::Dynamic, &collection);
            self.dynamic_block(dynamic, any(), any(), false);
        }
        made.open = Some(collection);
    }

    /// What is wrong with each element in the same way is reported for the first.
    fn say_once(&mut self, from: usize) {
        let found = self.problems.split_off(from.min(self.problems.len()));
        let mut said = BTreeSet::new();
        for problem in found {
            let place = problem.span.as_ref().map(|span| (span.file, span.range.start, span.range.end));
            if said.insert((place, problem.summary.clone(), problem.detail.clone())) {
                self.problems.push(problem);
            }
        }
    }

    /// One block of a `dynamic` block. `None`: its label is wrong, or not asked for.
    fn dynamic_block(
        &mut self,
        dynamic: &Dynamic<'e>,
        key: Value,
        value: Value,
        labelled: bool,
    ) -> Option<(Option<Str>, Value)> {
        let iterator = Value::object(vec![(Str::new("key"), key), (Str::new("value"), value)]);
        // `eval_in` takes the first of equal names: the innermost iterator stands in front.
        self.bound.insert(0, (dynamic.iterator, iterator));
        let block = self.body(&dynamic.content);
        let label = match dynamic.label {
            Some(expr) if labelled => self.dynamic_label(expr).map(Some),
            Some(_) => None,
            None => Some(None),
        };
        self.bound.remove(0);
        Some((label?, block))
    }

    fn dynamic_label(&mut self, expr: &Expr) -> Option<Str> {
        let (value, fine) = self.expr(expr);
        if !fine {
            return None;
        }
        let why = match convert(&value, &Type::String) {
            Err(why) => format!("Cannot use this value as a dynamic block label: {why}."),
            Ok(label) => match label.kind() {
                _ if !label.marks().is_none() => {
                    "This value has dynamic marks that make it unsuitable for use as a block label.".to_owned()
                }
                Kind::String(label) => return Some(label.clone()),
                Kind::Null(_) => "Cannot use a null value as a dynamic block label.".to_owned(),
                _ => "This value is not yet known. Dynamic block labels must be immediately-known values.".to_owned(),
            },
        };
        self.error("Invalid dynamic block label", why, &expr.span);
        None
    }

    fn check_keys(&mut self, kind: &Str, made: &Made<'_>) {
        let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
        for (key, _, header) in &made.blocks {
            let Some(key) = key else { continue };
            if let Some(first) = seen.get(&**key) {
                let detail =
                    format!("A block for {kind} {:?} was already defined. The {kind} labels must be unique.", &**key);
                let diagnostic = Diagnostic::error(format!("Duplicate {kind} block"), detail);
                self.problems.push(diagnostic.at(header).related(first, "already defined here"));
            } else {
                seen.insert(key, header);
            }
        }
    }
}

/// Keys and values of a known collection, as a `for` sees them. `None`: not known, or not a collection.
fn elements(collection: &Value) -> Option<Vec<(Value, Value)>> {
    match collection.kind() {
        Kind::Set(e) => Some(e.items.iter().map(|v| (v.clone(), v.clone())).collect()),
        Kind::List(_) | Kind::Tuple(_) => {
            let items = collection.items()?.iter().zip(0_i64..);
            Some(items.map(|(v, i)| (Value::number(i), v.clone())).collect())
        }
        Kind::Map(_) | Kind::Object(_) => {
            Some(collection.entries()?.iter().map(|(k, v)| (Value::string(k.clone()), v.clone())).collect())
        }
        _ => None,
    }
}

/// An unknown for the reason another value is unknown.
fn unknown(ty: Type, because: &Value) -> Value {
    let mut why: Option<Cause> = None;
    because.walk(&mut |_, part| {
        if let (None, Kind::Unknown(u)) = (&why, part.kind()) {
            why = u.cause.clone();
        }
        why.is_none()
    });
    why.map_or_else(|| Value::unknown(ty.clone()), |why| Value::unknown_because(ty.clone(), why))
}

impl Blocks<'_> {
    /// The value, if it depends on nothing.
    pub(super) fn constant(&self) -> Option<Value> {
        let mut values = Vec::with_capacity(self.items.len());
        for item in &self.items {
            match item {
                Item::One { label, plan, .. } => values.push((label.clone(), plan.constant.clone()?)),
                Item::Many(_) => return None,
            }
        }
        Some(self.shape.collect(values.into_iter()))
    }

    /// Reports too few and too many blocks.
    pub(super) fn check_number(&self, body: &Body, places: &[&Span], problems: &mut Vec<Diagnostic>) {
        let BlockShape { nesting, min, max, .. } = &self.shape;
        let kind = &self.kind;
        let alone = matches!(nesting, Nesting::Single | Nesting::Group);
        if places.len() < *min {
            let (summary, detail) = if alone {
                (format!("Missing {kind} block"), format!("A block of type {:?} is required here.", &**kind))
            } else {
                let detail = format!("At least {min} {:?} blocks are required.", &**kind);
                (format!("Insufficient {kind} blocks"), detail)
            };
            problems.push(Diagnostic::error(summary, detail).at(&missing_at(body)));
        }
        let Some(max) = max else { return };
        let Some(extra) = places.get(*max) else { return };
        let diagnostic = if alone {
            let detail = format!("Only one block of type {:?} is allowed.", &**kind);
            let diagnostic = Diagnostic::error(format!("Duplicate {kind} block"), detail);
            diagnostic.related(places[0], "the first one is here")
        } else {
            let detail = format!("No more than {max} {:?} blocks are allowed", &**kind);
            Diagnostic::error(format!("Too many {kind} blocks"), detail)
        };
        problems.push(diagnostic.at(extra));
    }
}

impl Item<'_> {
    pub(super) fn header(&self) -> &Span {
        match self {
            Item::One { header, .. } => header,
            Item::Many(dynamic) => dynamic.header,
        }
    }
}

impl BlockShape {
    /// The blocks of one type as one value.
    fn collect(&self, blocks: impl Iterator<Item = (Option<Str>, Value)>) -> Value {
        let keyed = |blocks: Vec<(Option<Str>, Value)>| {
            blocks
                .into_iter()
                .rev()
                .map(|(key, value)| (key.unwrap_or_else(|| Str::new("")), value))
                .collect::<Vec<_>>()
        };
        let blocks: Vec<_> = blocks.collect();
        let values = |blocks: Vec<(Option<Str>, Value)>| blocks.into_iter().map(|(_, value)| value).collect();
        match (self.nesting, &self.whole) {
            _ if blocks.is_empty() => self.empty.clone(),
            (Nesting::Single | Nesting::Group, _) => {
                blocks.into_iter().next().map_or_else(|| self.empty.clone(), |(_, value)| value)
            }
            (Nesting::List, Type::Dynamic) => Value::tuple(values(blocks)),
            (Nesting::List, _) => Value::list(self.of.clone(), values(blocks)),
            (Nesting::Set, _) => Value::set(self.of.clone(), values(blocks)),
            // Of equal keys the first counts; the others have been reported.
            (Nesting::Map, Type::Dynamic) => Value::object(keyed(blocks)),
            (Nesting::Map, _) => Value::map(self.of.clone(), keyed(blocks)),
        }
    }
}

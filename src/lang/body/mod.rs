//! Bodies to the value of a configuration, by their schema: what a resource, a data source or a provider is configured with.
//!
//! Attributes that are not written are null (also computed ones). A `SINGLE` block that is not written is null, a `GROUP` block is
//! its empty value, blocks of the other modes are empty collections. A `dynamic` block whose `for_each` is not known makes all
//! blocks of its type one unknown.

mod collect;
mod place;
mod prepare;
#[cfg(test)]
mod tests;

pub use place::placed;

use super::ast::{Block, Body, Expr, ExprKind, Traversal};
use super::eval::Scope;
use super::reference::traversals;
use super::schema::{self, Nesting};
use crate::diag::{Diagnostic, Span};
use straddle_sdk::value::{Str, Type, Value};

/// A body matched with its schema: what does not depend on the scope is done once.
#[derive(Clone, Debug)]
pub struct PreparedBody<'b> {
    plan: Plan<'b>,
    problems: Vec<Diagnostic>,
}

impl<'b> PreparedBody<'b> {
    /// Matches a body with its schema.
    pub fn new(body: &'b Body, schema: &schema::Block) -> PreparedBody<'b> {
        let mut problems = Vec::new();
        let plan = prepare::plan(body, schema, &mut problems);
        PreparedBody { plan, problems }
    }

    /// What is wrong whatever the scope: arguments and blocks that the schema does not have, missing ones, too many or too few
    /// blocks, and constants of a wrong type.
    pub fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// The configuration in a scope, and all that is wrong with it, [`PreparedBody::problems`] included.
    ///
    /// The value is always an object of the schema's type; what is wrong is unknown in it.
    pub fn eval(&self, scope: &dyn Scope) -> (Value, Vec<Diagnostic>) {
        let mut problems = self.problems.clone();
        let value = collect::eval(&self.plan, scope, &mut problems);
        (value, problems)
    }
}

/// [`PreparedBody::new`] and [`PreparedBody::eval`], for a body that is evaluated once.
pub fn eval_body(body: &Body, schema: &schema::Block, scope: &dyn Scope) -> (Value, Vec<Diagnostic>) {
    PreparedBody::new(body, schema).eval(scope)
}

/// What is wrong in a body whatever the scope.
pub fn check_body(body: &Body, schema: &schema::Block) -> Vec<Diagnostic> {
    PreparedBody::new(body, schema).problems
}

/// All references of a body and the blocks inside it: those of its arguments first, then those of its blocks in order. Names that
/// a `for` or a `dynamic` block binds are no references.
pub fn body_traversals<'b>(body: &'b Body, found: &mut impl FnMut(&'b Traversal)) {
    traversals_where(body, &mut Vec::new(), found);
}

fn traversals_where<'b>(body: &'b Body, bound: &mut Vec<&'b str>, found: &mut impl FnMut(&'b Traversal)) {
    for attribute in &body.attributes {
        free_traversals(&attribute.expr, bound, found);
    }
    for block in &body.blocks {
        let Some(iterator) = iterator_name(block) else {
            traversals_where(&block.body, bound, found);
            continue;
        };
        // `for_each` does not see the iterator, and `iterator` is a name, not a reference.
        let (inside, outside): (Vec<_>, Vec<_>) = block
            .body
            .attributes
            .iter()
            .filter(|a| &*a.name.name != "iterator")
            .partition(|a| &*a.name.name == "labels");
        outside.into_iter().for_each(|a| free_traversals(&a.expr, bound, found));
        bound.push(iterator);
        inside.into_iter().for_each(|a| free_traversals(&a.expr, bound, found));
        block.body.blocks.iter().for_each(|content| traversals_where(&content.body, bound, found));
        bound.pop();
    }
}

fn free_traversals<'b>(expr: &'b Expr, bound: &[&str], found: &mut impl FnMut(&'b Traversal)) {
    traversals(expr, &mut |t| {
        if !bound.contains(&&*t.root.name) {
            found(t);
        }
    });
}

/// How the value of a body is put together.
#[derive(Clone, Debug)]
struct Plan<'b> {
    body: &'b Body,
    /// The value, where it depends on nothing.
    constant: Option<Value>,
    /// By attribute or block name, sorted.
    slots: Vec<(Str, Slot<'b>)>,
}

/// Where the value of an attribute comes from.
#[derive(Clone, Debug)]
enum Slot<'b> {
    /// Not written, or constant: a value of the right type.
    Fixed(Value),
    /// An expression, and the type it is converted to.
    Expr(&'b Expr, Type),
    /// Blocks.
    Blocks(Box<Blocks<'b>>),
}

/// The blocks of one type.
#[derive(Clone, Debug)]
struct Blocks<'b> {
    kind: Str,
    shape: BlockShape,
    items: Vec<Item<'b>>,
}

/// What a schema says of the blocks of one type.
#[derive(Clone, Debug)]
struct BlockShape {
    nesting: Nesting,
    /// The type of one block.
    of: Type,
    /// The type of all of them together; `Dynamic` where each block may be of a type of its own.
    whole: Type,
    /// The value when there is none.
    empty: Value,
    min: usize,
    max: Option<usize>,
}

/// One block, or a `dynamic` block that makes several.
#[derive(Clone, Debug)]
enum Item<'b> {
    One { label: Option<Str>, plan: Plan<'b>, header: &'b Span },
    Many(Box<Dynamic<'b>>),
}

/// A `dynamic` block.
#[derive(Clone, Debug)]
struct Dynamic<'b> {
    for_each: &'b Expr,
    iterator: &'b str,
    /// Gives the key of each block, where blocks have one.
    label: Option<&'b Expr>,
    content: Plan<'b>,
    header: &'b Span,
}

/// Where something missing in a body is reported: its opening brace.
fn missing_at(body: &Body) -> Span {
    let start = body.span.range.start;
    Span { file: body.span.file, range: start..(start + 1).min(body.span.range.end.max(start)) }
}

/// The name that a `dynamic` block binds; `None` for other blocks.
fn iterator_name(block: &Block) -> Option<&str> {
    let [label] = block.labels.as_slice() else { return None };
    if &*block.kind.name != "dynamic" {
        return None;
    }
    match block.body.attribute("iterator").map(|a| &a.expr.kind) {
        Some(ExprKind::Traversal(name)) if name.steps.is_empty() => Some(&name.root.name),
        _ => Some(&label.text),
    }
}

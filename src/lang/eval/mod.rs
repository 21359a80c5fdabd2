//! Expressions to values, with Terraform's semantics.
//!
//! What is not measured elsewhere in comments is in `tests/conformance.rs`. The rules that surprise: no operator
//! short-circuits; equality never converts; a branch not taken may fail; a value that is not known spreads, but what is known of
//! it all the same (not null, a prefix, bounds) spreads with it, and so does the reason why.

mod access;
mod call;
mod choose;
mod collect;
#[cfg(test)]
mod measured;
mod operate;
mod provider;
mod template;
#[cfg(test)]
mod tests;

use super::ast::{Expr, ExprKind, Literal, ObjectItem, ObjectKey, Step, StepKind, Traversal};
use super::functions::{Function, FunctionContext};
use super::reference::Reference;
use crate::diag::{Diagnostic, Span};
use std::sync::Arc;
use straddle_sdk::value::{Cause, Kind, Marks, Str, Type, Unknown, Value, convert};

pub use access::{get_attribute, get_index};
pub use call::beginning;
pub use template::safe_prefix;

/// Where references get their values.
///
/// An implementation answers for a whole resource or variable; [`eval`] takes the steps that follow. Values are shared, so
/// answering is cheap when the implementation keeps them.
pub trait Scope {
    /// The value of what a reference names, without its steps.
    ///
    /// # Errors
    /// There is no such thing, or not here. `try` and `can` do not catch it, as in Terraform. Something that exists but could
    /// not be evaluated, and was reported where it stands, is an unknown.
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>>;

    /// What functions may use. `None`: no function can be called here.
    fn functions(&self) -> Option<FunctionContext<'_>>;

    /// A function by its name as written. The built-in ones if not said otherwise.
    fn function(&self, name: &str) -> Option<&'static Function> {
        super::functions::lookup(name)
    }

    /// Whether `type()` may be called, as in the console.
    fn is_console(&self) -> bool {
        false
    }

    /// Whether any reference is allowed at all. Where not, Terraform says "Variables not allowed".
    fn allows_references(&self) -> bool {
        true
    }
}

/// A scope with nothing in it: for constants.
pub struct NoScope;

impl Scope for NoScope {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        Err(Box::new(
            Diagnostic::error("Variables not allowed", "Variables may not be used here.").at(&reference.whole),
        ))
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        None
    }

    fn allows_references(&self) -> bool {
        false
    }
}

/// Evaluates an expression. With errors the value is as good as can be, mostly an unknown.
pub fn eval(expr: &Expr, scope: &dyn Scope) -> (Value, Vec<Diagnostic>) {
    eval_in(expr, scope, &[])
}

/// So many errors of an expression are compared with each other, to say none twice.
const MOST_COMPARED: usize = 100;

/// As [`eval`], with further names bound, as a `for` does.
pub fn eval_in(expr: &Expr, scope: &dyn Scope, bound: &[(&str, Value)]) -> (Value, Vec<Diagnostic>) {
    let mut evaluator = Evaluator { scope, diags: Vec::new(), fixed: Vec::new(), templates: 0 };
    let frame = Frame { bound, item: None, outer: None };
    let value = evaluator.expr(expr, Some(&frame));
    // References first, as in Terraform; then as evaluation came by.
    let mut diags: Vec<Diagnostic> = Vec::with_capacity(evaluator.fixed.len() + evaluator.diags.len());
    for diag in evaluator.fixed.into_iter().chain(evaluator.diags) {
        if diags.len() > MOST_COMPARED || !diags.contains(&diag) {
            diags.push(diag);
        }
    }
    (value, diags)
}

/// Names bound around an expression: those of a `for`, or the element of a splat.
#[derive(Clone, Copy)]
struct Frame<'a> {
    bound: &'a [(&'a str, Value)],
    item: Option<&'a Value>,
    outer: Option<&'a Frame<'a>>,
}

type Bound<'a> = Option<&'a Frame<'a>>;

struct Evaluator<'s> {
    scope: &'s dyn Scope,
    /// Errors of evaluation; `try`, `can` and a branch not taken drop them.
    diags: Vec<Diagnostic>,
    /// Errors of reference; nothing drops them.
    fixed: Vec<Diagnostic>,
    /// How many templates of `templatefile` are being rendered.
    templates: u32,
}

/// After so many errors in the elements of one collection the others are not looked at.
const MOST_ERRORS: usize = 100;

/// What evaluates to this after an error was reported.
fn failed() -> Value {
    Value::unknown(Type::Dynamic)
}

impl Evaluator<'_> {
    fn error(&mut self, summary: &str, detail: impl Into<String>, span: &Span) {
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    fn fail(&mut self, summary: &str, detail: impl Into<String>, span: &Span) -> Value {
        self.error(summary, detail, span);
        failed()
    }

    /// Evaluates, and says whether that went without errors.
    fn checked(&mut self, expr: &Expr, frame: Bound<'_>) -> (Value, bool) {
        let before = (self.diags.len(), self.fixed.len());
        let value = self.expr(expr, frame);
        (value, (self.diags.len(), self.fixed.len()) == before)
    }

    fn expr(&mut self, expr: &Expr, frame: Bound<'_>) -> Value {
        match &expr.kind {
            ExprKind::Literal(Literal(value)) => value.clone(),
            ExprKind::Template(template) => self.template(template, frame),
            ExprKind::Tuple(items) => Value::tuple(items.iter().map(|item| self.expr(item, frame)).collect()),
            ExprKind::Object(items) => self.object(items, frame),
            ExprKind::For(node) => self.for_expr(node, frame),
            ExprKind::Conditional(node) => self.conditional(node, frame),
            ExprKind::Binary(_) => self.binary(expr, frame),
            ExprKind::Unary(node) => self.unary(node, &expr.span, frame),
            ExprKind::Call(node) => self.call(node, &expr.span, frame),
            ExprKind::Traversal(traversal) => self.traversal(traversal, frame),
            ExprKind::Relative(_) | ExprKind::Index(_) => self.accesses(expr, frame),
            ExprKind::Splat(node) => self.splat(node, frame),
            ExprKind::SplatItem => item(frame),
            ExprKind::Parens(inner) => self.expr(inner, frame),
            ExprKind::Invalid => failed(),
        }
    }

    /// `f(x).a[b][c]`: accesses nest from the left, as deep as there are of them, so there is no recursion.
    fn accesses(&mut self, expr: &Expr, frame: Bound<'_>) -> Value {
        let mut chain = Vec::new();
        let mut on = expr;
        loop {
            let inner = match &on.kind {
                ExprKind::Relative(node) => &node.on,
                ExprKind::Index(node) => &node.on,
                _ => break,
            };
            chain.push(on);
            on = inner;
        }
        let mut value = self.expr(on, frame);
        for access in chain.into_iter().rev() {
            value = match &access.kind {
                ExprKind::Relative(node) => self.steps(value, &node.steps),
                ExprKind::Index(node) => {
                    let key = self.expr(&node.key, frame);
                    get_index(&value, &key, &node.brackets).unwrap_or_else(|diag| self.told(*diag))
                }
                _ => value,
            };
        }
        value
    }

    fn told(&mut self, diag: Diagnostic) -> Value {
        self.diags.push(diag);
        failed()
    }

    fn traversal(&mut self, traversal: &Traversal, frame: Bound<'_>) -> Value {
        if let Some(value) = bound(&traversal.root.name, frame) {
            let value = value.clone();
            return self.steps(value, &traversal.steps);
        }
        if !self.scope.allows_references() {
            self.fixed.push(
                Diagnostic::error("Variables not allowed", "Variables may not be used here.").at(&traversal.root.span),
            );
            return failed();
        }
        let resolved =
            Reference::parse(traversal).and_then(|reference| Ok((self.scope.resolve(&reference)?, reference)));
        match resolved {
            Ok((value, reference)) => self.steps(value, reference.steps),
            Err(diag) => {
                self.fixed.push(*diag);
                failed()
            }
        }
    }

    fn steps(&mut self, mut value: Value, steps: &[Step]) -> Value {
        for step in steps {
            let next = match &step.kind {
                StepKind::Attr(name) => get_attribute(&value, name, &step.span),
                StepKind::Index(Literal(key)) => get_index(&value, key, &step.span),
            };
            value = match next {
                Ok(value) => value,
                Err(diag) => return self.told(*diag),
            };
        }
        value
    }

    fn object(&mut self, items: &[ObjectItem], frame: Bound<'_>) -> Value {
        let mut entries = Vec::with_capacity(items.len());
        let mut marks = Marks::NONE;
        let mut unknown = None;
        let mut known = true;
        for item in items {
            let key = match &item.key {
                ObjectKey::Name(name) => Some(name.name.clone()),
                ObjectKey::Expr(key) => {
                    let (key, key_marks, why) = self.object_key(key, &item.value.span, frame);
                    marks = marks | key_marks;
                    unknown = unknown.or(why);
                    key
                }
            };
            let value = self.expr(&item.value, frame);
            match key {
                Some(key) => entries.push((key, value)),
                None => known = false,
            }
        }
        if !known {
            return unknown_like(Type::Dynamic, unknown).with_marks(marks);
        }
        Value::object(entries).with_marks(marks)
    }

    /// The key of an item, the marks it had, and why there is none.
    fn object_key(&mut self, expr: &Expr, value: &Span, frame: Bound<'_>) -> (Option<Str>, Marks, Option<Cause>) {
        if matches!(expr.kind, ExprKind::Traversal(_)) {
            let detail = "If this expression is intended to be a reference, wrap it in parentheses. If it's instead intended \
                          as a literal name containing periods, wrap it in quotes to create a string literal.";
            self.error("Ambiguous attribute key", detail, &expr.span);
            return (None, Marks::NONE, None);
        }
        let (key, fine) = self.checked(expr, frame);
        let (key, marks) = key.unmark();
        if !fine {
            return (None, marks, None);
        }
        if key.is_null() {
            self.error("Null value as key", "Can't use a null value as a key.", value);
            return (None, marks, None);
        }
        match convert(&key, &Type::String) {
            Ok(text) => (text.as_str().map(Str::new), marks, cause(&text)),
            Err(problem) => {
                self.error("Incorrect key type", format!("Can't use this value as a key: {problem}."), &expr.span);
                (None, marks, None)
            }
        }
    }
}

/// The value a name is bound to.
fn bound<'a>(name: &str, mut frame: Bound<'a>) -> Option<&'a Value> {
    while let Some(here) = frame {
        if let Some((_, value)) = here.bound.iter().find(|(bound, _)| *bound == name) {
            return Some(value);
        }
        frame = here.outer;
    }
    None
}

/// The element of the innermost splat.
fn item(mut frame: Bound<'_>) -> Value {
    while let Some(here) = frame {
        if let Some(item) = here.item {
            return item.clone();
        }
        frame = here.outer;
    }
    failed()
}

/// Why a value is unknown, if it is and says so.
fn cause(value: &Value) -> Option<Cause> {
    match value.kind() {
        Kind::Unknown(unknown) => unknown.cause.clone(),
        _ => None,
    }
}

/// An unknown of a type for a reason.
fn unknown_like(ty: Type, cause: Option<Cause>) -> Value {
    Kind::Unknown(Arc::new(Unknown { cause, ..Unknown::of(ty) })).into()
}

/// An unknown that will not be null, for a reason.
fn unknown_not_null(ty: Type, cause: Option<Cause>) -> Value {
    let mut unknown = Unknown { cause, ..Unknown::of(ty) };
    unknown.refinement.not_null = unknown.ty != Type::Dynamic;
    Kind::Unknown(Arc::new(unknown)).into()
}

/// Whether the value is certainly not null.
fn never_null(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(_) => false,
        Kind::Unknown(unknown) => unknown.refinement.not_null,
        _ => true,
    }
}

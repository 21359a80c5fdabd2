//! Function calls, and the forms only an evaluator can give a meaning to.

use super::{Bound, Evaluator, Frame, Scope, failed, unknown_like};
use crate::diag::{Diagnostic, FileId, Span};
use crate::lang::ast::{Call, Expr, ExprKind};
use crate::lang::functions::{self, Function, FunctionContext, FunctionError, Special};
use crate::lang::position::range_text;
use crate::lang::reference::{Reference, traversals};
use crate::lang::suggest::nearest;
use crate::lang::syntax::{Text, parse_template};
use crate::lang::types::{parse_type, type_text};
use straddle_sdk::value::{Marks, Type, Value, convert};

/// Templates may render templates so deep.
const MAX_TEMPLATES: u32 = 16;

/// Arguments with the place each is complained of at.
type Arguments<'e> = Vec<(Value, &'e Span)>;

impl Evaluator<'_> {
    pub(super) fn call(&mut self, node: &Call, span: &Span, frame: Bound<'_>) -> Value {
        let name = &*node.name.name;
        if name == "type" && self.scope.is_console() {
            return self.type_of(node, frame);
        }
        let (Some(function), Some(context)) = (self.scope.function(name), self.scope.functions()) else {
            return self.no_function(node);
        };
        match function.special {
            Special::Try | Special::Can if node.expand => {}
            Special::Try => return self.try_call(function, node, span, frame),
            Special::Can => return self.can_call(function, node, frame),
            Special::TypeOf => return self.type_of(node, frame),
            Special::Convert => return self.convert_call(node, frame),
            Special::TemplateString => {
                let direct =
                    node.args.first().is_none_or(|arg| matches!(arg.kind, ExprKind::Traversal(_) | ExprKind::Index(_)));
                if !direct {
                    let detail = "Invalid value for \"template\" parameter: invalid template expression: must be a direct \
                                  reference to a single string from elsewhere, containing valid Terraform template syntax.";
                    let place = node.args.first().map_or(span, |arg| &arg.span);
                    return self.fail("Invalid function argument", detail, place);
                }
            }
            Special::No => {}
        }
        let Some((args, marks)) = self.arguments(node, frame) else { return failed() };
        let (args, spans): (Vec<Value>, Vec<&Span>) = args.into_iter().unzip();
        self.invoke(function, node, span, &args, &spans, context).with_marks(marks)
    }

    fn no_function(&mut self, node: &Call) -> Value {
        let name = &*node.name.name;
        if self.scope.functions().is_none() {
            return self.fail("Function calls not allowed", "Functions may not be called here.", &node.name.span);
        }
        let mean = nearest(name, functions::names()).map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
        let detail = format!("There is no function named {name:?}.{mean}");
        let diag = Diagnostic::error("Call to unknown function", detail).at(&node.name.span);
        self.fixed.push(diag);
        failed()
    }

    /// The arguments, a last one with `...` expanded. `None`: there was an error, or nothing can be said before more is known.
    fn arguments<'e>(&mut self, node: &'e Call, frame: Bound<'_>) -> Option<(Arguments<'e>, Marks)> {
        let mut args = Vec::with_capacity(node.args.len());
        let mut fine = true;
        let mut marks = Marks::NONE;
        for (at, arg) in node.args.iter().enumerate() {
            let (value, arg_fine) = self.checked(arg, frame);
            fine &= arg_fine;
            if !(node.expand && at + 1 == node.args.len()) {
                args.push((value, &arg.span));
                continue;
            }
            if !arg_fine {
                return None;
            }
            let (value, own) = value.unmark();
            marks = own;
            if let Some(problem) = unexpandable(&value) {
                self.error("Invalid expanding argument value", problem, &arg.span);
                return None;
            }
            // Not known how many: nothing can be said of the call.
            let items = value.items()?;
            args.extend(items.iter().map(|item| (item.clone(), &arg.span)));
        }
        fine.then_some((args, marks))
    }

    /// Calls a function on values.
    fn invoke(
        &mut self,
        function: &'static Function,
        node: &Call,
        span: &Span,
        args: &[Value],
        spans: &[&Span],
        context: FunctionContext<'_>,
    ) -> Value {
        let depth = self.templates;
        let scope = self.scope;
        let render = |name: &str, text: &str, vars: &Value| render(scope, depth, name, text, vars);
        let context = FunctionContext { templates: Some(&render), ..context };
        match functions::call(function, args, &context) {
            Ok(value) => value,
            Err(problem) => {
                let place = match problem.argument.and_then(|at| spans.get(at)) {
                    Some(argument) => argument,
                    None if problem.summary() == "Not enough function arguments" => &node.close,
                    None => span,
                };
                let diag = Diagnostic::error(problem.summary(), problem.detail(function, &node.name.name)).at(place);
                // A wrong number of arguments is an error of the text, not of a value: `try` does not catch it.
                if problem.summary().ends_with("function arguments") {
                    self.fixed.push(diag);
                } else {
                    self.diags.push(diag);
                }
                failed()
            }
        }
    }

    /// Whether the number of arguments is right; reports it otherwise.
    fn arity(&mut self, function: &'static Function, node: &Call) -> bool {
        match functions::check_arity(function, &node.name.name, node.args.len()) {
            Ok(()) => true,
            Err(problem) => {
                let place = problem.argument.and_then(|at| node.args.get(at)).map_or(&node.close, |arg| &arg.span);
                let detail = problem.detail(function, &node.name.name);
                self.fixed.push(Diagnostic::error(problem.summary(), detail).at(place));
                false
            }
        }
    }

    /// `try`: the first argument without an error. As long as one before it is not known, so is the result.
    fn try_call(&mut self, function: &'static Function, node: &Call, span: &Span, frame: Bound<'_>) -> Value {
        if node.args.is_empty() {
            let place = &node.close;
            return self.fail(
                "Error in function call",
                "Call to function \"try\" failed: at least one argument is required.",
                place,
            );
        }
        if !self.arity(function, node) {
            return failed();
        }
        let mut problems: Vec<Diagnostic> = Vec::new();
        for arg in &node.args {
            let fixed = self.fixed.len();
            let branch = self.branch(&arg.span, |e| e.expr(arg, frame));
            if self.fixed.len() > fixed {
                return failed();
            }
            if branch.diags.is_empty() {
                // Not wholly known: the expression may still turn out to fail.
                return branch.value;
            }
            problems.extend(branch.diags);
        }
        let mut detail = "Call to function \"try\" failed: no expression succeeded:".to_owned();
        for problem in &problems {
            detail.push_str(&format!("\n- {}\n  {}", problem.summary, problem.detail));
        }
        detail.push_str("\n\nAt least one expression must produce a successful result.");
        self.fail("Error in function call", detail, span)
    }

    /// `can`: whether the argument evaluates. Not known as long as a part of it is not.
    fn can_call(&mut self, function: &'static Function, node: &Call, frame: Bound<'_>) -> Value {
        if !self.arity(function, node) {
            return failed();
        }
        let Some(arg) = node.args.first() else { return failed() };
        let fixed = self.fixed.len();
        let branch = self.branch(&arg.span, |e| e.expr(arg, frame));
        if self.fixed.len() > fixed {
            return failed();
        }
        if !branch.diags.is_empty() {
            return Value::FALSE;
        }
        if branch.value.is_wholly_known() { Value::TRUE } else { unknown_like(Type::Bool, super::cause(&branch.value)) }
    }

    /// `type`: a type as text.
    fn type_of(&mut self, node: &Call, frame: Bound<'_>) -> Value {
        let [arg] = node.args.as_slice() else {
            let detail = format!("Function \"type\" expects 1 argument(s), not {}.", node.args.len());
            return self.fail("Wrong number of function arguments", detail, &node.close);
        };
        let (value, fine) = self.checked(arg, frame);
        if fine { Value::string(type_text(&value.ty())) } else { failed() }
    }

    /// `convert(value, type)`.
    fn convert_call(&mut self, node: &Call, frame: Bound<'_>) -> Value {
        let [arg, ty] = node.args.as_slice() else {
            let detail = format!("Function \"convert\" expects 2 argument(s), not {}.", node.args.len());
            return self.fail("Wrong number of function arguments", detail, &node.close);
        };
        let (value, fine) = self.checked(arg, frame);
        let wanted = match parse_type(ty) {
            Ok(wanted) => wanted.ty,
            Err(diag) => {
                self.fixed.push(*diag);
                return failed();
            }
        };
        if !fine {
            return failed();
        }
        match convert(&value, &wanted) {
            Ok(value) => value,
            Err(problem) => {
                let detail = format!("Invalid value for \"value\" parameter: {problem}.");
                self.fail("Invalid function argument", detail, &arg.span)
            }
        }
    }
}

/// Why a value cannot be expanded to arguments, if it cannot.
fn unexpandable(value: &Value) -> Option<&'static str> {
    if value.is_null() {
        return Some("The expanding argument (indicated by ...) must not be null.");
    }
    match value.ty() {
        Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_) => None,
        _ => Some("The expanding argument (indicated by ...) must be of a tuple, list, or set type."),
    }
}

/// The names a template of a file may use.
struct Template<'a> {
    outer: &'a dyn Scope,
    /// The template's own variables are bound; nothing else can be referred to.
    name: &'a str,
    text: &'a str,
}

impl Scope for Template<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        let place = range_text(self.name, self.text, &reference.whole);
        let detail = format!("vars map does not contain the name referred to at {place}");
        Err(Box::new(Diagnostic::error("Invalid template variable", detail)))
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        self.outer.functions()
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        self.outer.function(name)
    }
}

/// Renders a template for `templatefile` and `templatestring`.
fn render(scope: &dyn Scope, depth: u32, name: &str, text: &str, vars: &Value) -> Result<Value, FunctionError> {
    if depth >= MAX_TEMPLATES {
        return Err(FunctionError::told(format!("templates are nested more than {MAX_TEMPLATES} deep")));
    }
    // The text is in no file of the run: places are given in words.
    let (expr, diags) = parse_template(Text { file: FileId(u32::MAX), name, text });
    if let Some(diag) = diags.first() {
        return Err(in_template(name, text, diag));
    }
    let bound: Vec<(&str, Value)> =
        vars.entries().unwrap_or_default().iter().map(|(k, v)| (&**k, v.clone().with_marks(vars.marks()))).collect();
    missing_variable(&expr, &bound, name, text)?;
    let inner = Template { outer: scope, name, text };
    let mut evaluator = Evaluator { scope: &inner, diags: Vec::new(), fixed: Vec::new(), templates: depth + 1 };
    let value = evaluator.expr(&expr, Some(&Frame { bound: &bound, item: None, outer: None }));
    match evaluator.fixed.iter().chain(&evaluator.diags).next() {
        Some(diag) => Err(in_template(name, text, diag)),
        None => Ok(value),
    }
}

/// Refuses a reference to a name the variables do not have.
fn missing_variable(expr: &Expr, bound: &[(&str, Value)], name: &str, text: &str) -> Result<(), FunctionError> {
    let mut missing = None;
    traversals(expr, &mut |traversal| {
        if missing.is_none() && !bound.iter().any(|(bound, _)| *bound == &*traversal.root.name) {
            missing = Some(traversal);
        }
    });
    let Some(traversal) = missing else { return Ok(()) };
    let place = range_text(name, text, &traversal.root.span);
    let detail = format!("vars map does not contain key {:?}, referenced at {place}", &*traversal.root.name);
    Err(FunctionError::told(detail).at(1))
}

/// An error inside a template, in words.
fn in_template(name: &str, text: &str, diag: &Diagnostic) -> FunctionError {
    let place = diag.span.as_ref().map_or(name.to_owned(), |span| range_text(name, text, span));
    let detail = diag.detail.trim_end_matches('.');
    FunctionError::quoting(format!("{place}: {}; {detail}", diag.summary), format!("{place}: {}", diag.summary))
}

//! Function calls, and the forms only an evaluator can give a meaning to.

use super::{Bound, Evaluator, Frame, Scope, failed, unknown_like};
use crate::diag::position::range_text;
use crate::diag::{Diagnostic, FileId, Span};
use crate::lang::ast::{Call, Expr, ExprKind, Part};
use crate::lang::functions::{self, Function, FunctionContext, FunctionError, Special};
use crate::lang::reference::{Reference, traversals};
use crate::lang::suggest::nearest;
use crate::lang::syntax::{Text, parse_template};
use crate::lang::types::{parse_type, type_text};
use straddle_sdk::value::{Cause, Marks, Type, Value, convert};

/// Templates may render templates so deep.
const MAX_TEMPLATES: u32 = 16;

impl Evaluator<'_> {
    pub(super) fn call(&mut self, node: &Call, span: &Span, frame: Bound<'_>) -> Value {
        let name = &*node.name.name;
        if matches!(name, "type" | "core::type") && self.scope.is_console() {
            return self.type_of(node, frame);
        }
        let (Some(function), Some(context)) = (self.scope.function(name), self.scope.functions()) else {
            if let Some(value) = self.provider_call(node, span, frame) {
                return value;
            }
            return self.no_function(node, span);
        };
        match function.special {
            Special::Try | Special::Can if node.expand => return self.expanded(function, node, span, frame),
            Special::Try => return self.try_call(function, node, span, frame),
            Special::Can => return self.can_call(function, node, frame),
            Special::TypeOf => return self.type_of(node, frame),
            Special::Convert => return self.convert_call(node, frame),
            Special::TemplateString | Special::No => {}
        }
        let (args, places) = match self.arguments(Some(function), node, frame) {
            Ok(args) => args,
            Err(instead) => return instead,
        };
        // Whether the template is from elsewhere only matters when it is to be rendered.
        if function.special == Special::TemplateString
            && args.get(1).is_some_and(|vars| !vars.is_unknown() && !vars.is_null())
            && let Some((first, why)) = places.first().and_then(|first| Some((first, no_template_reference(first)?)))
        {
            let detail = format!("Invalid value for \"template\" parameter: invalid template expression: {why}.");
            return self.fail("Invalid function argument", detail, &beginning(first));
        }
        self.invoke(function, node, span, &args, &places, context)
    }

    fn no_function(&mut self, node: &Call, span: &Span) -> Value {
        let name = &*node.name.name;
        if self.scope.functions().is_none() {
            return self.fail("Function calls not allowed", "Functions may not be called here.", span);
        }
        if let Some((namespace, rest)) = name.split_once("::") {
            let known = |provider: &str| {
                self.scope.function(&format!("provider::{provider}::encode_expr")).is_some()
                    || self.scope.functions().and_then(|f| f.providers).is_some_and(|p| p.knows(provider))
            };
            let detail = match rest.split_once("::") {
                Some((provider, function)) if namespace == "provider" && known(provider) => {
                    format!("The function {function:?} is not available from the provider {provider:?}.")
                }
                Some((provider, function)) if namespace == "provider" => format!(
                    "There is no function named {name:?}. Ensure that provider name {provider:?} is declared in this module's \
                     required_providers block, and that this provider offers a function named {function:?}."
                ),
                _ => format!(
                    "The function namespace {namespace:?} is not valid. Provider function calls must use the \"provider::\" \
                     namespace prefix."
                ),
            };
            return self.fail("Unknown provider function", detail, &node.name.span);
        }
        let mean = nearest(name, functions::names()).map_or(String::new(), |near| format!(" Did you mean {near:?}?"));
        let detail = format!("There is no function named {name:?}.{mean}");
        // Unlike a reference to nothing, `try` catches it.
        self.fail("Call to unknown function", detail, &node.name.span)
    }

    /// The arguments and where each is written, a last one with `...` expanded; those of a function with types are of its types.
    /// Otherwise what the call evaluates to: there was an error, or it is not known how many there are.
    ///
    /// As in Terraform what is expanded comes first, then the number of arguments, then the arguments, each on its own.
    pub(super) fn arguments<'e>(
        &mut self,
        function: Option<&'static Function>,
        node: &'e Call,
        frame: Bound<'_>,
    ) -> Result<(Vec<Value>, Vec<&'e Expr>), Value> {
        let (written, expanded) = self.expansion(node, frame)?;
        let given = written.len() + expanded.len();
        if let Some(function) = function
            && !self.arity(function, node, given)
        {
            return Err(failed());
        }
        let mut args = Vec::with_capacity(given);
        let mut places: Vec<&Expr> = Vec::with_capacity(given);
        let mut fine = true;
        for arg in written {
            let (value, sound) = self.checked(arg, frame);
            fine &= sound;
            args.push(value);
            places.push(arg);
        }
        for value in expanded {
            args.push(value);
            places.extend(node.args.last());
        }
        for (at, arg) in args.iter_mut().enumerate() {
            let Some(function) = function else { break };
            match functions::prepare(function, at, arg) {
                Ok(prepared) => *arg = prepared,
                Err(problem) => {
                    fine = false;
                    let place = place(node, &places, at).unwrap_or_else(|| node.name.span.clone());
                    self.error(problem.summary(), problem.detail(function, &node.name.name), &place);
                }
            }
        }
        if fine { Ok((args, places)) } else { Err(failed()) }
    }

    /// The arguments as written, and the elements of a last one that is expanded.
    fn expansion<'e>(&mut self, node: &'e Call, frame: Bound<'_>) -> Result<(&'e [Expr], Vec<Value>), Value> {
        let (true, Some((last, written))) = (node.expand, node.args.split_last()) else {
            return Ok((&node.args, Vec::new()));
        };
        let (value, sound) = self.checked(last, frame);
        if !sound {
            return Err(failed());
        }
        let (value, marks) = value.unmark();
        if let Some(problem) = unexpandable(&value) {
            return Err(self.fail("Invalid expanding argument value", problem, &last.span));
        }
        let items = value.items().ok_or_else(|| unknown_like(Type::Dynamic, super::cause(&value)))?;
        Ok((written, items.iter().map(|item| item.clone().with_marks(marks)).collect()))
    }

    /// Calls a function on values.
    fn invoke(
        &mut self,
        function: &'static Function,
        node: &Call,
        span: &Span,
        args: &[Value],
        places: &[&Expr],
        context: FunctionContext<'_>,
    ) -> Value {
        let depth = self.templates;
        let scope = self.scope;
        let render = |name: &str, text: &str, vars: &Value| render(scope, depth, name, text, vars);
        let context = FunctionContext { templates: Some(&render), ..context };
        functions::call(function, args, &context).unwrap_or_else(|problem| {
            let place = match problem.argument {
                Some(at) => place(node, places, at).unwrap_or_else(|| span.clone()),
                None => opening(node),
            };
            self.fail(problem.summary(), problem.detail(function, &node.name.name), &place)
        })
    }

    /// Whether the number of arguments is right; reports it otherwise.
    fn arity(&mut self, function: &'static Function, node: &Call, given: usize) -> bool {
        let Err(problem) = functions::check_arity(function, &node.name.name, given) else { return true };
        let last = node.args.len().saturating_sub(1);
        let place = problem.argument.and_then(|at| match node.args.get(at) {
            Some(extra) if !node.expand || at < last => Some(beginning(extra)),
            // What an argument was expanded to has no place of its own.
            _ => node.args.last().map(|last| last.span.clone()),
        });
        let place = place.unwrap_or_else(|| node.close.clone());
        self.error(problem.summary(), problem.detail(function, &node.name.name), &place);
        false
    }

    /// `try` and `can` of what an argument expands to: values, which cannot fail any more.
    fn expanded(&mut self, function: &'static Function, node: &Call, span: &Span, frame: Bound<'_>) -> Value {
        let (written, values) = match self.expansion(node, frame) {
            Ok(found) => found,
            Err(instead) => return instead,
        };
        if !self.arity(function, node, written.len() + values.len()) {
            return failed();
        }
        match (function.special, values.into_iter().next()) {
            (Special::Can, Some(value)) if written.is_empty() => certainty(&value),
            (Special::Can, _) => failed(),
            (_, value) => self.first_sound(written, value, node, span, frame),
        }
    }

    /// `try`: the first argument without an error. As long as one before it is not known, so is the result.
    fn try_call(&mut self, function: &'static Function, node: &Call, span: &Span, frame: Bound<'_>) -> Value {
        if !self.arity(function, node, node.args.len()) {
            return failed();
        }
        self.first_sound(&node.args, None, node, span, frame)
    }

    /// The first of some expressions without an error, or what stands after them.
    fn first_sound(&mut self, of: &[Expr], after: Option<Value>, node: &Call, span: &Span, frame: Bound<'_>) -> Value {
        if of.is_empty() && after.is_none() {
            let detail = "Call to function \"try\" failed: at least one argument is required.";
            return self.fail("Error in function call", detail, &opening(node));
        }
        let mut problems: Vec<Diagnostic> = Vec::new();
        for arg in of {
            let fixed = self.fixed.len();
            let branch = self.branch(&arg.span, |e| e.expr(arg, frame));
            if self.fixed.len() > fixed {
                return failed();
            }
            if branch.diags.is_empty() {
                return settled(branch.value);
            }
            problems.extend(branch.diags);
        }
        if let Some(value) = after {
            return settled(value);
        }
        let mut detail = "Call to function \"try\" failed: no expression succeeded:".to_owned();
        for problem in &problems {
            let sources = self.scope.functions().and_then(|context| context.sources);
            let place = sources.zip(problem.span.as_ref()).and_then(|(sources, span)| sources.place(span));
            let at = place.map_or(String::new(), |place| format!(" (at {place})"));
            detail.push_str(&format!("\n- {}{at}\n  {}", problem.summary, problem.detail));
        }
        detail.push_str("\n\nAt least one expression must produce a successful result.");
        self.fail("Error in function call", detail, span)
    }

    /// `can`: whether the argument evaluates. Not known as long as a part of it is not.
    fn can_call(&mut self, function: &'static Function, node: &Call, frame: Bound<'_>) -> Value {
        if !self.arity(function, node, node.args.len()) {
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
        certainty(&branch.value)
    }

    /// `type`: a type as text.
    fn type_of(&mut self, node: &Call, frame: Bound<'_>) -> Value {
        let (written, values) = match self.expansion(node, frame) {
            Ok(found) => found,
            Err(instead) => return instead,
        };
        let name = &node.name.name;
        match written.len() + values.len() {
            0 => {
                let detail = format!("Function {:?} expects 1 argument(s). Missing value for \"value\".", &**name);
                self.fail("Not enough function arguments", detail, &node.close)
            }
            1 => {
                let (value, fine) = match (written.first(), values.into_iter().next()) {
                    (Some(arg), _) => self.checked(arg, frame),
                    (None, value) => (value.unwrap_or_else(failed), true),
                };
                if fine { Value::string(type_text(&value.ty())).with_marks(Marks::TYPE) } else { failed() }
            }
            _ => {
                let place = node.args.get(1).or(node.args.last()).map_or_else(|| node.close.clone(), beginning);
                let detail = format!("Function {:?} expects only 1 argument(s).", &**name);
                self.fail("Too many function arguments", detail, &place)
            }
        }
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

/// Where an argument is pointed at. What one was expanded to has no place of its own.
fn place(node: &Call, places: &[&Expr], at: usize) -> Option<Span> {
    let arg = places.get(at)?;
    let expanded = node.expand && at + 1 >= node.args.len();
    Some(if expanded { arg.span.clone() } else { beginning(arg) })
}

/// What `try` makes of a value. One not wholly known may still turn out to fail, and then nothing is left of it, not even the type.
fn settled(value: Value) -> Value {
    if value.is_wholly_known() {
        return value;
    }
    unknown_like(Type::Dynamic, first_cause(&value)).with_marks(value.deep_marks())
}

/// What `can` says of a value that came without errors.
fn certainty(value: &Value) -> Value {
    if value.is_wholly_known() { Value::TRUE } else { unknown_like(Type::Bool, first_cause(value)) }
}

/// The reason of the first unknown inside.
fn first_cause(value: &Value) -> Option<Cause> {
    let mut why = None;
    value.walk(&mut |_, part| {
        if why.is_none() {
            why = super::cause(part);
        }
        why.is_none()
    });
    why
}

/// Why `templatestring` does not take the argument, if so: it must refer to a template from elsewhere.
fn no_template_reference(arg: &Expr) -> Option<&'static str> {
    match &arg.kind {
        ExprKind::Traversal(_) => None,
        ExprKind::Relative(relative) => no_template_reference(&relative.on),
        ExprKind::Index(index) => no_template_reference(&index.on),
        ExprKind::Splat(splat) => no_template_reference(&splat.source),
        ExprKind::Literal(literal) if literal.0.as_str().is_some() => Some(
            "templatestring is only for rendering templates retrieved dynamically from elsewhere, and so does not support \
             providing a literal template; consider using a template string expression instead",
        ),
        ExprKind::Template(template) => Some(match template.parts.as_slice() {
            [Part::Interpolation(_)] => {
                "templatestring is only for rendering templates retrieved dynamically from elsewhere; to treat the inner \
                 expression as template syntax, write the reference expression directly without any template interpolation \
                 syntax"
            }
            _ => {
                "templatestring is only for rendering templates retrieved dynamically from elsewhere; to render an inline \
                 template, consider using a plain template string expression"
            }
        }),
        _ => Some(
            "must be a direct reference to a single string from elsewhere, containing valid Terraform template syntax",
        ),
    }
}

/// A function's name with the parenthesis after it.
fn opening(node: &Call) -> Span {
    let mut span = node.name.span.clone();
    span.range.end = (span.range.end + 1).min(node.close.range.end.max(span.range.end));
    span
}

/// What of an argument with a wrong value is underlined: where a compound expression begins, as Terraform does.
pub fn beginning(expr: &Expr) -> Span {
    let first =
        |span: &Span| Span { file: span.file, range: span.range.start..(span.range.start + 1).min(span.range.end) };
    match &expr.kind {
        ExprKind::Tuple(_) | ExprKind::Object(_) | ExprKind::For(_) | ExprKind::Unary(_) => first(&expr.span),
        ExprKind::Call(node) => opening(node),
        ExprKind::Index(node) => first(&node.brackets),
        ExprKind::Splat(node) => node.marker.clone(),
        ExprKind::Conditional(node) => beginning(&node.cond),
        ExprKind::Parens(inner) => beginning(inner),
        ExprKind::Literal(literal) if literal.0.as_str().is_some() => inside_quotes(expr),
        ExprKind::Template(template) if !template.heredoc => match template.parts.first() {
            Some(Part::Text(_, span)) => span.clone(),
            Some(Part::Interpolation(inner)) => beginning(inner),
            _ => expr.span.clone(),
        },
        ExprKind::Binary(_) => {
            let mut left = expr;
            while let ExprKind::Binary(node) = &left.kind {
                left = &node.left;
            }
            beginning(left)
        }
        _ => expr.span.clone(),
    }
}

/// The text of a constant string without its quotes. A heredoc, known by the line end it has, stays as it is.
fn inside_quotes(expr: &Expr) -> Span {
    let ExprKind::Literal(literal) = &expr.kind else { return expr.span.clone() };
    let text = literal.0.as_str().unwrap_or_default();
    let Span { file, range } = expr.span.clone();
    if text.ends_with('\n') || range.len() < 2 {
        return Span { file, range };
    }
    // Of nothing between quotes Terraform points at what follows.
    let range = if text.is_empty() { range.end..range.end } else { range.start + 1..range.end - 1 };
    Span { file, range }
}

/// Why a value cannot be expanded to arguments, if it cannot.
fn unexpandable(value: &Value) -> Option<&'static str> {
    match value.ty() {
        Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_) => {
            value.is_null().then_some("The expanding argument (indicated by ...) must not be null.")
        }
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
        return Err(in_template(name, text, diag, diags.len() - 1));
    }
    let bound: Vec<(&str, Value)> =
        vars.entries().unwrap_or_default().iter().map(|(k, v)| (&**k, v.clone().with_marks(vars.marks()))).collect();
    missing_variable(&expr, &bound, name, text)?;
    let inner = Template { outer: scope, name, text };
    let mut evaluator = Evaluator { scope: &inner, diags: Vec::new(), fixed: Vec::new(), templates: depth + 1 };
    let value = evaluator.expr(&expr, Some(&Frame { bound: &bound, item: None, outer: None }));
    let more = (evaluator.fixed.len() + evaluator.diags.len()).saturating_sub(1);
    match evaluator.fixed.iter().chain(&evaluator.diags).next() {
        Some(diag) => Err(in_template(name, text, diag, more)),
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

/// An error inside a template, in words, and how many there are beside it.
fn in_template(name: &str, text: &str, diag: &Diagnostic, more: usize) -> FunctionError {
    let place = diag.span.as_ref().map_or(name.to_owned(), |span| range_text(name, text, span));
    let others = if more > 0 { format!(", and {more} other diagnostic(s)") } else { String::new() };
    let told = format!("{place}: {}; {}{others}", diag.summary, diag.detail);
    FunctionError::quoting(told, format!("{place}: {}{others}", diag.summary))
}

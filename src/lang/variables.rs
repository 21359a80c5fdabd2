//! Input variables: values from files and texts, converted and checked.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::eval::{NoScope, Scope, eval};
use super::judge::validate_one;
use super::module::{Module, Variable};
use super::suggest::nearest;
use super::syntax::json::{is_json, parse_json_values};
use super::syntax::{Text, parse_body, parse_expr};
use crate::diag::{Diagnostic, FileId, Source, Sources, Span};
use std::collections::BTreeMap;
use straddle_sdk::value::{Marks, Str, Type, Value, convert};

/// A value given for a variable.
#[derive(Clone, Debug)]
pub enum Given {
    /// From a `.tfvars` file, with its place; or made by a program.
    Value(Value, Option<Span>),
    /// From the environment or the command line: taken as it is for text, numbers and bools, parsed as an expression for other
    /// types. The second part says where it is from, for example `set using -var="x=..."`.
    Text(String, String),
}

/// What a `.tfvars` file gives.
pub fn read_values(file: FileId, sources: &Sources) -> (Vec<(Str, Given)>, Vec<Diagnostic>) {
    let Some(source) = sources.files.get(file.0 as usize) else { return (Vec::new(), Vec::new()) };
    let text = Text { file, name: &source.name, text: &source.text };
    let (body, mut diags) = if is_json(&source.name) { parse_json_values(text) } else { parse_body(text) };
    for block in &body.blocks {
        let summary = format!("Unexpected {:?} block", &*block.kind.name);
        diags.push(Diagnostic::error(summary, "Blocks are not allowed here.").at(&block.kind.span));
    }
    let mut values = Vec::new();
    for attribute in &body.attributes {
        let (value, problems) = eval(&attribute.expr, &NoScope);
        if problems.is_empty() {
            values.push((attribute.name.name.clone(), Given::Value(value, Some(attribute.expr.span.clone()))));
        }
        diags.extend(problems);
    }
    (values, diags)
}

/// Gives every variable of a module its value: the last given, or the default. `given` is in rising precedence: environment, files,
/// command line. Every variable has a value in the result; one that should have been given is unknown, and reported. A text that is no
/// expression becomes one of the sources, so that its problems have a place.
pub fn assign(
    module: &Module,
    given: &[(Str, Given)],
    sources: &mut Sources,
) -> (BTreeMap<Str, Value>, Vec<Diagnostic>) {
    let mut last: BTreeMap<&str, &Given> = BTreeMap::new();
    let mut diags = Vec::new();
    for (name, value) in given {
        if module.variables.contains_key(name) {
            last.insert(name, value);
        } else {
            diags.extend(undeclared(name, value, module, sources));
        }
    }
    sum_up_undeclared(&mut diags);
    let mut values = BTreeMap::new();
    for (name, variable) in &module.variables {
        let value = match last.get(&**name) {
            Some(given) => from_given(variable, given, sources, &mut diags),
            None => from_default(variable, &mut diags),
        };
        let mut marks = Marks::NONE;
        if variable.sensitive {
            marks = marks | Marks::SENSITIVE;
        }
        if variable.ephemeral {
            marks = marks | Marks::EPHEMERAL;
        }
        values.insert(name.clone(), value.with_marks(marks));
    }
    (values, diags)
}

/// A value for a variable nobody declared: an error where it was asked for, a warning in a file, nothing from the environment.
fn undeclared(name: &str, given: &Given, module: &Module, sources: &Sources) -> Option<Diagnostic> {
    let mean =
        nearest(name, module.variables.keys().map(|k| &**k)).map_or(String::new(), |n| format!("Did you mean {n:?}?"));
    match given {
        Given::Value(_, Some(span)) => {
            let file = sources.files.get(span.file.0 as usize).map_or("", |source| &source.name);
            let detail = format!(
                "The root module does not declare a variable named {name:?} but a value was found in file {file:?}. If you meant to \
                 use this value, add a \"variable\" block to the configuration.\n\nTo silence these warnings, use TF_VAR_... environment \
                 variables to provide certain \"global\" settings to all configurations in your organization. To reduce the verbosity \
                 of these warnings, use the -compact-warnings option."
            );
            Some(Diagnostic::warning(UNDECLARED, detail).related(span, "given here").help(mean))
        }
        Given::Text(_, from) if from.contains("TF_VAR_") => None,
        _ => {
            let detail = format!(
                "A variable named {name:?} was assigned on the command line, but the root module does not declare a variable of \
                 that name. To use this value, add a \"variable\" block to the configuration."
            );
            Some(Diagnostic::error(UNDECLARED, detail).help(mean))
        }
    }
}

/// What a value for a variable nobody declared is called.
const UNDECLARED: &str = "Value for undeclared variable";

/// Of many values in files two are told by name.
fn sum_up_undeclared(diags: &mut Vec<Diagnostic>) {
    let mut told = 0;
    diags.retain(|diag| {
        let counts = !diag.is_error() && diag.summary == UNDECLARED;
        told += usize::from(counts);
        !counts || told <= 2
    });
    if told > 2 {
        let detail = format!(
            "In addition to the other similar warnings shown, {} other variable(s) defined without being declared.",
            told - 2
        );
        diags.push(Diagnostic::warning("Values for undeclared variables", detail));
    }
}

fn from_default(variable: &Variable, diags: &mut Vec<Diagnostic>) -> Value {
    if let Some(default) = &variable.default {
        return default.clone();
    }
    let detail = format!(
        "The root module input variable {:?} is not set, and has no default value. Use a -var or -var-file command line option to \
         provide a value for this variable.",
        &*variable.name
    );
    diags.push(Diagnostic::error("No value for required variable", detail).at(&variable.span));
    Value::unknown(variable.ty.without_optional())
}

fn from_given(variable: &Variable, given: &Given, sources: &mut Sources, diags: &mut Vec<Diagnostic>) -> Value {
    let unknown = Value::unknown(variable.ty.without_optional());
    let (value, span) = match given {
        Given::Value(value, span) => (value.clone(), span.clone()),
        Given::Text(text, _) => match from_text(variable, text, sources) {
            Ok(value) => (value, None),
            Err(problems) => {
                // It counts as not given.
                diags.extend(problems);
                return from_default(variable, diags);
            }
        },
    };
    convert_input(variable, &value, span.as_ref(), sources).unwrap_or_else(|mut diag| {
        if let (Given::Text(_, from), Some((_, why))) = (given, diag.detail.split_once(": ")) {
            diag.detail = format!("Unsuitable value for var.{} {from}: {why}", variable.name);
        }
        diags.push(*diag);
        unknown
    })
}

fn from_text(variable: &Variable, text: &str, sources: &mut Sources) -> Result<Value, Vec<Diagnostic>> {
    let plain = matches!(variable.ty, Type::String | Type::Number | Type::Bool);
    if plain || (variable.ty == Type::Dynamic && !variable.typed) {
        return Ok(Value::string(text));
    }
    let file = FileId(u32::try_from(sources.files.len()).unwrap_or(u32::MAX));
    let name = format!("<value for var.{}>", variable.name);
    let (expr, mut diags) = parse_expr(Text { file, name: &name, text });
    let mut value = Value::null(Type::Dynamic);
    if diags.is_empty() {
        (value, diags) = eval(&expr, &NoScope);
    }
    if diags.is_empty() {
        return Ok(value);
    }
    sources.files.push(Source::new(&name, text.to_owned()));
    Err(diags)
}

/// The values that were given for declared variables, the last for each, before they are converted.
pub fn as_given(module: &Module, given: &[(Str, Given)]) -> BTreeMap<Str, Value> {
    let mut all = BTreeMap::new();
    for (name, given) in given {
        let Some(variable) = module.variables.get(name) else { continue };
        let value = match given {
            Given::Value(value, _) => Some(value.clone()),
            Given::Text(text, _) => from_text(variable, text, &mut Sources::default()).ok(),
        };
        if let Some(value) = value {
            all.insert(name.clone(), value);
        }
    }
    all
}

/// A value as a variable takes it: defaults of optional attributes put in, converted, null replaced where it is not allowed.
///
/// # Errors
/// It does not fit; at `span`, or at the declaration.
pub fn convert_input(
    variable: &Variable,
    value: &Value,
    span: Option<&Span>,
    sources: &Sources,
) -> Result<Value, Box<Diagnostic>> {
    let place = span.unwrap_or(&variable.span);
    let converted = convert(&variable.defaults.apply(value), &variable.ty).map_err(|problem| {
        let declared = sources.place(&variable.span).map_or(String::new(), |place| format!(" declared at {place}"));
        let at = if problem.path.0.is_empty() { String::new() } else { format!("{}: ", problem.path) };
        let detail = format!("The given value is not suitable for var.{}{declared}: {at}{problem}.", variable.name);
        Box::new(Diagnostic::error("Invalid value for input variable", detail).at(place))
    })?;
    if !converted.is_null() || variable.nullable {
        return Ok(converted);
    }
    match &variable.default {
        Some(default) => Ok(default.clone()),
        None => {
            let detail = format!(
                "The given value is not suitable for var.{}: required variable may not be set to null.",
                variable.name
            );
            Err(Box::new(Diagnostic::error("Required variable not set", detail).at(place)))
        }
    }
}

/// Judges the `validation` blocks of all variables.
pub fn validate(module: &Module, scope: &dyn Scope, sources: &Sources) -> Vec<Diagnostic> {
    module.variables.values().flat_map(|variable| validate_one(variable, scope, sources, &variable.span)).collect()
}

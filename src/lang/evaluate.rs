//! Parts of a module: how often a block is made, what a call gives its variables, what outputs may be. What names mean the caller says.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::ast::{Body, Expr};
use super::decode::content::{missing_argument, unsupported_argument, unsupported_block};
use super::eval::{Scope, eval};
use super::functions::FunctionContext;
use super::module::{Module, ModuleCall, Output, Variable};
use super::reference::references;
use super::scope::{ModuleScope, ModuleValues, Paths, Resources};
use super::suggest::nearest;
use super::variables::convert_input;
use crate::diag::{Diagnostic, Sources};
use std::collections::BTreeMap;
use straddle_sdk::value::{Kind, Marks, Str, Type, Value, convert};

/// What a module is evaluated in.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    pub functions: FunctionContext<'a>,
    pub paths: &'a Paths,
    pub workspace: &'a str,
    pub sources: &'a Sources,
    /// `type()` may be called.
    pub console: bool,
}

impl<'a> Surroundings<'a> {
    /// The scope of a module whose values are known.
    pub fn scope(&self, module: &'a Module, values: &'a ModuleValues, resources: &'a dyn Resources) -> ModuleScope<'a> {
        ModuleScope {
            module,
            values,
            resources,
            functions: self.functions,
            paths: self.paths,
            workspace: self.workspace,
            console: self.console,
        }
    }
}

/// Arguments and blocks of a call that name no variable of the called module.
pub fn unexpected_arguments(call: &ModuleCall, child: &Module) -> Vec<Diagnostic> {
    let mut diags = Vec::new();
    if call.body.merged {
        return diags;
    }
    for attribute in &call.body.attributes {
        if !child.variables.contains_key(&attribute.name.name) {
            let near = nearest(&attribute.name.name, child.variables.keys().map(|k| &**k));
            diags.push(unsupported_argument(attribute, false, near));
        }
    }
    diags.extend(call.body.blocks.iter().map(|block| unsupported_block(block, false, None)));
    diags
}

/// The value a call gives a variable of the called module: the argument, converted and marked as the variable says, or the default.
pub fn argument(
    call: &ModuleCall,
    variable: &Variable,
    scope: &dyn Scope,
    sources: &Sources,
) -> (Value, Vec<Diagnostic>) {
    let unknown = || Value::unknown(variable.ty.without_optional());
    let mut diags = Vec::new();
    let value = match (call.body.attribute(&variable.name), &variable.default) {
        (Some(attribute), _) => {
            let (value, problems) = eval(&attribute.expr, scope);
            let failed = problems.iter().any(Diagnostic::is_error);
            diags.extend(problems);
            if failed {
                unknown()
            } else {
                if value.deep_marks().contains(Marks::EPHEMERAL) && !variable.ephemeral {
                    let detail = "This input variable is not declared as accepting a ephemeral values, so it cannot be set to a \
                                  result derived from an ephemeral value.";
                    diags.push(Diagnostic::error("Ephemeral value not allowed", detail).at(&attribute.expr.span));
                }
                convert_input(variable, &value, Some(&attribute.expr.span), sources).unwrap_or_else(|mut diag| {
                    let name = &variable.name;
                    let of_module = format!("module.{}.var.{name}", call.name);
                    diag.detail = diag.detail.replacen(&format!("var.{name}"), &of_module, 1);
                    diags.push(*diag);
                    unknown()
                })
            }
        }
        (None, Some(default)) => default.clone(),
        (None, None) => {
            diags.push(missing_argument(&variable.name, &call.body));
            unknown()
        }
    };
    let sensitive = if variable.sensitive { Marks::SENSITIVE } else { Marks::NONE };
    let ephemeral = if variable.ephemeral { Marks::EPHEMERAL } else { Marks::NONE };
    (value.with_marks(sensitive | ephemeral), diags)
}

/// The values of outputs.
pub fn outputs(module: &Module, scope: &dyn Scope) -> (BTreeMap<Str, Value>, Vec<Diagnostic>) {
    let mut values = BTreeMap::new();
    let mut diags = Vec::new();
    for (name, output) in &module.outputs {
        let Some(expr) = &output.value else { continue };
        let (value, problems) = eval(expr, scope);
        diags.extend(problems);
        let marks = if output.sensitive { Marks::SENSITIVE } else { Marks::NONE };
        values.insert(name.clone(), value.with_marks(marks));
    }
    (values, diags)
}

/// Refuses outputs that would keep what is ephemeral, and in the root module those that would show what is sensitive.
pub fn check_outputs(module: &Module, root: bool, values: &BTreeMap<Str, Value>) -> Vec<Diagnostic> {
    let check = |(name, output): (&Str, &Output)| {
        let value = values.get(name)?;
        let marks = value.deep_marks();
        if output.ephemeral && root {
            let detail = "Ephemeral outputs are not allowed in context of a root module";
            return Some(Diagnostic::error("Ephemeral output not allowed", detail).at(&output.span));
        }
        if output.ephemeral && !value.marks().contains(Marks::EPHEMERAL) {
            let detail = "This output value is declared as returning an ephemeral value, so it can only be set to an ephemeral \
                          value.";
            let span = output.value.as_ref().map_or(&output.span, |expr| &expr.span);
            return Some(Diagnostic::error("Value not allowed in ephemeral output", detail).at(span));
        }
        if marks.contains(Marks::EPHEMERAL) && !output.ephemeral {
            let detail = "This output value is not declared as returning an ephemeral value, so it cannot be set to a result \
                          derived from an ephemeral value.";
            let span = output.value.as_ref().map_or(&output.span, |expr| &expr.span);
            return Some(Diagnostic::error("Ephemeral value not allowed", detail).at(span));
        }
        if root && marks.contains(Marks::SENSITIVE) && !output.sensitive {
            let detail = "To reduce the risk of accidentally exporting sensitive data that was intended to be only internal, \
                          Terraform requires that any root module output containing sensitive data be explicitly marked as \
                          sensitive, to confirm your intent.\n\nIf you do intend to export this data, annotate the output value \
                          as sensitive by adding the following argument:\n    sensitive = true";
            return Some(Diagnostic::error("Output refers to sensitive values", detail).at(&output.span));
        }
        None
    };
    module.outputs.iter().filter_map(check).collect()
}

/// How often a block is to be made.
#[derive(Clone, Debug)]
pub enum Instances {
    /// Neither `count` nor `for_each`.
    Single,
    /// `count`.
    Count(u64),
    /// `for_each`: keys and values, sorted by key.
    Each(Vec<(Str, Value)>),
    /// Not known yet, or an error that was reported.
    Unknown,
}

/// The largest `count`: more instances than anybody means.
const MAX_COUNT: u64 = 1_000_000;

/// Evaluates `count` or `for_each`.
pub fn instances(
    count: Option<&Expr>,
    for_each: Option<&Expr>,
    scope: &dyn Scope,
    diags: &mut Vec<Diagnostic>,
) -> Instances {
    match (count, for_each) {
        (Some(expr), _) => count_instances(expr, scope, diags),
        (None, Some(expr)) => each_instances(expr, scope, diags),
        (None, None) => Instances::Single,
    }
}

fn count_instances(expr: &Expr, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) -> Instances {
    let (value, problems) = eval(expr, scope);
    let failed = problems.iter().any(Diagnostic::is_error);
    diags.extend(problems);
    if failed {
        return Instances::Unknown;
    }
    let mut refuse = |summary: &str, detail: String| {
        diags.push(Diagnostic::error(summary, detail).at(&expr.span));
        Instances::Unknown
    };
    const SUMMARY: &str = "Invalid count argument";
    let (value, marks) = value.unmark();
    // A sensitive count is allowed: it is plain to see how many there are.
    if marks.contains(Marks::EPHEMERAL) {
        let detail = "The given \"count\" is derived from an ephemeral value, which means that Terraform cannot persist it between \
                      plan/apply rounds. Use only non-ephemeral values to specify the number of resource instances.";
        return refuse(SUMMARY, detail.to_owned());
    }
    let number = match convert(&value, &Type::Number) {
        Ok(number) => number,
        Err(problem) => return refuse("Incorrect value type", format!("Invalid expression value: {problem}.")),
    };
    if number.is_unknown() {
        return Instances::Unknown;
    }
    let Some(number) = number.as_num() else {
        return refuse(SUMMARY, "The given \"count\" argument value is null. An integer is required.".to_owned());
    };
    let problem = match number.to_u64() {
        Some(count) if count <= MAX_COUNT => return Instances::Count(count),
        Some(_) => format!("must be at most {MAX_COUNT}"),
        None if number.is_negative() && number.to_i64().is_some() => "must be greater than or equal to zero".to_owned(),
        None => {
            "value must be a whole number, between -9223372036854775808 and 9223372036854775807 inclusive".to_owned()
        }
    };
    refuse(SUMMARY, format!("The given \"count\" argument value is unsuitable: {problem}."))
}

fn each_instances(expr: &Expr, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) -> Instances {
    let (value, problems) = eval(expr, scope);
    let failed = problems.iter().any(Diagnostic::is_error);
    diags.extend(problems);
    if failed {
        return Instances::Unknown;
    }
    let mut refuse = |summary: &str, detail: String| {
        diags.push(Diagnostic::error(summary, detail).at(&expr.span));
        Instances::Unknown
    };
    const SUMMARY: &str = "Invalid for_each argument";
    let (value, marks) = value.unmark();
    let marks = marks.without(Marks::DECLARED);
    if marks.contains(Marks::EPHEMERAL) && !marks.is_sensitive() {
        let detail = "The given \"for_each\" value is derived from an ephemeral value, which means that Terraform cannot persist it \
                      between plan/apply rounds. Use only non-ephemeral values to specify a resource's instance keys.";
        return refuse(SUMMARY, detail.to_owned());
    }
    if marks != Marks::NONE {
        let detail = "Sensitive values, or values derived from sensitive values, cannot be used as for_each arguments. If used, \
                      the sensitive value could be exposed as a resource instance key.";
        return refuse(SUMMARY, detail.to_owned());
    }
    if value.is_null() {
        let detail = "The given \"for_each\" argument value is unsuitable: the given \"for_each\" argument value is null. A map, or \
                      set of strings is allowed.";
        return refuse(SUMMARY, detail.to_owned());
    }
    match (value.kind(), value.ty()) {
        (Kind::Map(_) | Kind::Object(_), _) => Instances::Each(value.entries().unwrap_or_default().to_vec()),
        (Kind::Set(e), _) if e.items.is_empty() => Instances::Each(Vec::new()),
        (Kind::Set(e), _) if !e.items.iter().all(Value::is_wholly_known) => Instances::Unknown,
        (Kind::Set(_), Type::Set(of)) if *of != Type::String => refuse(
            "Invalid for_each set argument",
            format!(
                "The given \"for_each\" argument value is unsuitable: \"for_each\" supports maps and sets of strings, but you have \
                 provided a set containing type {}.",
                of.friendly_name()
            ),
        ),
        (Kind::Set(e), _) if e.items.iter().any(Value::is_null) => refuse(
            "Invalid for_each set argument",
            "The given \"for_each\" argument value is unsuitable: \"for_each\" sets must not contain null values."
                .to_owned(),
        ),
        (Kind::Set(e), _) => {
            let text = |item: &Value| item.as_str().map(|key| (Str::new(key), item.clone()));
            match e.items.iter().map(text).collect() {
                Some(pairs) => Instances::Each(pairs),
                None => Instances::Unknown,
            }
        }
        (_, Type::Dynamic | Type::Map(_) | Type::Object(_) | Type::Set(_)) => Instances::Unknown,
        (_, ty) => refuse(
            SUMMARY,
            format!(
                "The given \"for_each\" argument value is unsuitable: the \"for_each\" argument must be a map, or set of strings, and \
                 you have provided a value of type {}.",
                ty.friendly_name()
            ),
        ),
    }
}

/// Every reference of an expression that names nothing, also where evaluation would not come by.
pub fn check_references(expr: &Expr, scope: &dyn Scope) -> Vec<Diagnostic> {
    let (found, mut diags) = references(expr);
    diags.extend(found.iter().filter_map(|reference| scope.resolve(reference).err()).map(|diag| *diag));
    diags.sort_by_key(|d| d.span.as_ref().map(|s| (s.file, s.range.start)));
    diags.dedup();
    diags
}

/// As [`check_references`], for all expressions of a body.
pub fn check_body_references(body: &Body, scope: &dyn Scope) -> Vec<Diagnostic> {
    let mut diags = Vec::new();
    super::graph::body_expressions(body, &mut |expr| diags.extend(check_references(expr, scope)));
    diags
}

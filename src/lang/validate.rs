//! What can be told of a configuration without state and without providers' answers: names, types, cycles, arguments.

use super::ast::{Block, Body, Traversal};
use super::body::{body_traversals, eval_body};
use super::eval::{Scope, eval};
use super::evaluate::{Surroundings, check_outputs, check_references, evaluate, instances, outputs};
use super::functions::FunctionContext;
use super::graph::body_expressions;
use super::load::{Config, Loaded};
use super::module::{CheckRule, Module, Resource};
use super::reference::{Reference, Subject};
use super::scope::{ModuleValues, Overlay, Resources};
use crate::diag::Diagnostic;
use std::collections::BTreeMap;
use straddle_sdk::value::{Marks, Str, Type, Value};

/// Checks a configuration that was read. Nothing is checked in one that could not be read without errors: half of what would be
/// reported follows from those.
pub fn validate(loaded: &Loaded, resources: &dyn Resources, around: Surroundings<'_>) -> Vec<Diagnostic> {
    let mut diags = loaded.diags.clone();
    if diags.iter().any(Diagnostic::is_error) {
        return diags;
    }
    check_config(&loaded.config, resources, around, &mut diags);
    diags.sort_by_key(|d| d.span.as_ref().map(|s| (s.file, s.range.start)));
    diags.dedup();
    diags
}

fn check_config(config: &Config, resources: &dyn Resources, around: Surroundings<'_>, diags: &mut Vec<Diagnostic>) {
    let module = &config.module;
    let (values, problems) = evaluate(config, unknown_inputs(module), resources, around);
    diags.extend(problems);
    let scope = around.scope(module, &values, resources);
    diags.extend(super::variables::validate(module, &scope, around.sources));
    for local in module.locals.values() {
        diags.extend(check_references(&local.expr, &scope));
    }
    let (results, problems) = outputs(module, &scope);
    diags.extend(problems);
    diags.extend(check_outputs(module, &results));
    for output in module.outputs.values() {
        diags.extend(output.value.iter().flat_map(|expr| check_references(expr, &scope)));
        rules(&output.preconditions, &scope, diags);
        depends_on(&output.depends_on, &scope, diags);
    }
    for resource in module.resources.values() {
        check_resource(resource, &scope, resources, diags);
    }
    for provider in &module.providers {
        evaluate_body(&provider.body, &scope, diags);
    }
    for check in module.checks.values() {
        rules(&check.asserts, &scope, diags);
    }
    for call in module.modules.values() {
        depends_on(&call.depends_on, &scope, diags);
    }
    for child in config.children.values() {
        check_children(child, resources, around, diags);
    }
}

/// A called module by itself: its inputs were checked with the call.
fn check_children(config: &Config, resources: &dyn Resources, around: Surroundings<'_>, diags: &mut Vec<Diagnostic>) {
    let (values, _) = evaluate(config, unknown_inputs(&config.module), resources, around);
    let scope = around.scope(&config.module, &values, resources);
    for resource in config.module.resources.values() {
        check_resource(resource, &scope, resources, diags);
    }
    for child in config.children.values() {
        check_children(child, resources, around, diags);
    }
}

/// Inputs of a module nobody gave values: what can be told must hold whatever they are.
fn unknown_inputs(module: &Module) -> BTreeMap<Str, Value> {
    let unknown = |variable: &super::module::Variable| {
        let sensitive = if variable.sensitive { Marks::SENSITIVE } else { Marks::NONE };
        let ephemeral = if variable.ephemeral { Marks::EPHEMERAL } else { Marks::NONE };
        Value::unknown(variable.ty.without_optional()).with_marks(sensitive | ephemeral)
    };
    module.variables.iter().map(|(name, variable)| (name.clone(), unknown(variable))).collect()
}

fn check_resource(resource: &Resource, scope: &dyn Scope, resources: &dyn Resources, diags: &mut Vec<Diagnostic>) {
    instances(resource.count.as_ref(), resource.for_each.as_ref(), scope, diags);
    let (key, each) = (Value::unknown(Type::String), Value::unknown(Type::Dynamic));
    let numbered = AnyIndex(scope);
    let outer: &dyn Scope = if resource.count.is_some() { &numbered } else { scope };
    let inside = Overlay { each: resource.for_each.is_some().then_some((&key, &each)), ..Overlay::over(outer) };
    let schema = resources.schema(resource.mode, &resource.ty.text);
    match schema {
        Some(schema) => {
            diags.extend(eval_body(&resource.body, schema, &inside).1);
            body_traversals(&resource.body, &mut |traversal| resolve(traversal, &inside, diags));
        }
        None => evaluate_body(&resource.body, &inside, diags),
    }
    depends_on(&resource.depends_on, scope, diags);
    rules(&resource.lifecycle.preconditions, &inside, diags);
    let this = schema.map_or(Value::unknown(Type::Dynamic), |schema| Value::unknown(schema.implied_type()));
    let after = Overlay { this: Some(&this), ..inside };
    rules(&resource.lifecycle.postconditions, &after, diags);
    for block in &resource.provisioners {
        check_provisioner(block, &after, diags);
    }
    if let Some(block) = &resource.connection {
        evaluate_body(&block.body, &after, diags);
    }
}

/// Provisioners Terraform has built in.
const PROVISIONERS: &[&str] = &["local-exec", "remote-exec", "file"];

fn check_provisioner(block: &Block, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    if let Some(label) = block.labels.first().filter(|label| !PROVISIONERS.contains(&&*label.text)) {
        let detail = format!(
            "This configuration requires provisioner plugin {:?}, which isn't available. The provisioners are {}.",
            &*label.text,
            PROVISIONERS.join(", ")
        );
        diags.push(Diagnostic::error("Missing required provisioner plugin", detail).at(&label.span));
    }
    // `when` and `on_failure` are words, not references.
    let arguments = block.body.attributes.iter().filter(|a| !matches!(&*a.name.name, "when" | "on_failure"));
    for attribute in arguments {
        diags.extend(eval(&attribute.expr, scope).1);
        diags.extend(check_references(&attribute.expr, scope));
    }
    block.body.blocks.iter().for_each(|inner| evaluate_body(&inner.body, scope, diags));
}

fn rules(rules: &[CheckRule], scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    for rule in rules {
        for expr in [&rule.condition, &rule.error_message] {
            diags.extend(eval(expr, scope).1);
            diags.extend(check_references(expr, scope));
        }
    }
}

fn depends_on(all: &[Traversal], scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    all.iter().for_each(|traversal| resolve(traversal, scope, diags));
}

/// Reports a reference to nothing.
fn resolve(traversal: &Traversal, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    let resolved = Reference::parse(traversal).and_then(|reference| scope.resolve(&reference).map(|_| ()));
    diags.extend(resolved.err().map(|diag| *diag));
}

/// Evaluates every expression of a body for its errors.
fn evaluate_body(body: &Body, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    body_expressions(body, &mut |expr| {
        diags.extend(eval(expr, scope).1);
        diags.extend(check_references(expr, scope));
    });
}

/// `count.index` of some instance, nobody knows which.
struct AnyIndex<'a>(&'a dyn Scope);

impl Scope for AnyIndex<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        match reference.subject {
            Subject::Count("index") => Ok(Value::unknown(Type::Number)),
            _ => self.0.resolve(reference),
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        self.0.functions()
    }
}

/// Values of a module for looking around in it: defaults for inputs, unknowns where there are none.
pub fn defaults(module: &Module) -> ModuleValues {
    let mut values = ModuleValues { variables: unknown_inputs(module), ..ModuleValues::default() };
    for (name, variable) in &module.variables {
        if let (Some(default), Some(value)) = (&variable.default, values.variables.get_mut(name)) {
            *value = default.clone().with_marks(value.marks());
        }
    }
    values
}

//! What can be told of a configuration without state and without providers' answers: names, types, cycles, arguments.
//!
//! As in Terraform nothing has a value here that comes from outside: inputs are unknowns of their types, resources unknowns, and a
//! called module shows its outputs' names and nothing more.

use super::ast::{Attribute, Body, Expr, ExprKind, Traversal};
use super::body::{body_traversals, eval_body};
use super::cycles::through_calls;
use super::decode::content::{unsupported_argument, unsupported_block};
use super::eval::{Scope, eval};
use super::evaluate::{
    Surroundings, argument, check_outputs, check_references, instances, outputs, unexpected_arguments,
};
use super::functions::FunctionContext;
use super::graph::{body_expressions, dependency_order, self_referring_local};
use super::judge::validate_one;
use super::load::{Config, Loaded};
use super::module::{CheckRule, IgnoreChanges, Import, ImportedBy, Mode, Module, ModuleCall, Output, Resource};
use super::reference::{Reference, Subject, references};
use super::schema::Block;
use super::scope::{ModuleValues, NoResources, Overlay, Resources, no_such_part};
use super::suggest::nearest;
use super::used_providers::UsedProviders;
use super::{builtin, provisioners, remote_state};
use crate::diag::{Diagnostic, Span, text_order};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use straddle_sdk::value::{Kind, Marks, Str, Type, Value, convert};

/// Checks a configuration that was read. Nothing is checked in one that could not be read without errors: half of what would be
/// reported follows from those.
pub fn validate(loaded: &Loaded, resources: &dyn Resources, around: Surroundings<'_>) -> Vec<Diagnostic> {
    let mut diags = loaded.diags.clone();
    if !diags.iter().any(Diagnostic::is_error) {
        diags.extend(check(&loaded.config, resources, around));
    }
    diags
}

/// Checks a configuration that was read without errors. What has no place comes first; last what Terraform would say only when
/// the rest is mended.
pub fn check(config: &Config, resources: &dyn Resources, around: Surroundings<'_>) -> Vec<Diagnostic> {
    let (mut calls, mut found, mut later) = (Vec::new(), through_calls(config), Vec::new());
    provisioners::unknown(config, &mut found);
    let used = UsedProviders::of(config);
    check_config(config, true, resources, around, &used, (&mut calls, &mut found, &mut later));
    for diags in [&mut calls, &mut found, &mut later] {
        let mut placed: Vec<_> = text_order(diags).into_iter().zip(diags.drain(..)).collect();
        placed.sort_by_key(|(place, _)| *place);
        diags.extend(placed.into_iter().map(|(_, diag)| diag));
        diags.dedup();
    }
    // Terraform looks at what calls are given before it looks at anything else.
    calls.append(&mut found);
    let mut found = calls;
    let told: HashSet<&Span> = found.iter().filter_map(|diag| diag.span.as_ref()).collect();
    later.retain(|diag| diag.span.as_ref().is_none_or(|span| !told.contains(span)));
    found.append(&mut later);
    found
}

fn check_config(
    config: &Config,
    root: bool,
    resources: &dyn Resources,
    around: Surroundings<'_>,
    used: &UsedProviders<'_>,
    (calls, diags, later): (&mut Vec<Diagnostic>, &mut Vec<Diagnostic>, &mut Vec<Diagnostic>),
) {
    let module = &config.module;
    let values = values(config, resources, around, diags);
    let scope = around.scope(module, &values, resources);
    for variable in module.variables.values() {
        variable.validations.iter().for_each(|rule| check_validation(rule, &scope, diags));
    }
    for local in module.locals.values() {
        diags.extend(check_references(&local.expr, &scope));
    }
    check_outputs_of(module, root, &scope, diags);
    for resource in module.resources.values().chain(module.ephemerals.values()) {
        check_resource(resource, &scope, resources, (&mut *diags, &mut *later));
    }
    // One that nothing uses is as good as not there.
    for provider in module.providers.iter().filter(|provider| used.contains(provider)) {
        let source = module.required_providers.get(&provider.name).and_then(|required| required.source.as_deref());
        let built_in = source.map_or(&*provider.name == "terraform", |source| source == builtin::SOURCE);
        if built_in {
            // It takes no arguments at all.
            diags.extend(provider.body.attributes.iter().map(|one| unsupported_argument(one, false, None)));
            diags.extend(provider.body.blocks.iter().map(|one| unsupported_block(one, false, None)));
        } else {
            evaluate_body(&provider.body, &scope, diags);
        }
    }
    for (name, check) in &module.checks {
        let inside = InCheck { outer: &scope, module, check: name };
        for rule in &check.asserts {
            check_assertion(rule, &inside, diags);
        }
    }
    for import in &module.imports {
        check_import(import, config, &scope, diags);
    }
    for (name, call) in &module.modules {
        if let Some(child) = config.children.get(name) {
            check_call(call, &child.module, &scope, around, (&mut *calls, &mut *diags));
            check_config(child, false, resources, around, used, (&mut *calls, &mut *diags, &mut *later));
        }
    }
}

/// Locals, each after those it needs, and the shapes of called modules.
fn values(
    config: &Config,
    resources: &dyn Resources,
    around: Surroundings<'_>,
    diags: &mut Vec<Diagnostic>,
) -> ModuleValues {
    let module = &config.module;
    let mut values = ModuleValues { variables: unknown_inputs(module), ..ModuleValues::default() };
    for (name, call) in &module.modules {
        if let Some(child) = config.children.get(name) {
            values.modules.insert(name.clone(), shape(call, &child.module));
        }
    }
    let (order, problems) = dependency_order(module);
    diags.extend(problems);
    for subject in order {
        let Subject::Local(name) = subject else { continue };
        let Some(local) = module.locals.get(name) else { continue };
        let value = match self_referring_local(local) {
            Some(diag) => {
                diags.push(diag);
                Value::unknown(Type::Dynamic)
            }
            None => {
                let (value, problems) = eval(&local.expr, &around.scope(module, &values, resources));
                diags.extend(problems);
                value
            }
        };
        values.locals.insert(local.name.name.clone(), value);
    }
    values
}

/// What is known of a called module before anything is evaluated: the names of its outputs.
fn shape(call: &ModuleCall, child: &Module) -> Value {
    let one = Type::object(child.outputs.keys().map(|name| (name.clone(), Type::Dynamic)).collect());
    Value::unknown(match (&call.count, &call.for_each) {
        (Some(_), _) => Type::list(one),
        (None, Some(_)) => Type::map(one),
        (None, None) => one,
    })
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

fn check_outputs_of(module: &Module, root: bool, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    let (results, problems) = outputs(module, scope);
    // Nothing else is asked of what may not be there at all.
    let forbidden: Vec<&Output> = module.outputs.values().filter(|output| root && output.ephemeral).collect();
    let inside = |span: &Span| {
        let body = |expr: &Expr| expr.span.file == span.file && expr.span.range.contains(&span.range.start);
        forbidden.iter().any(|output| output.value.as_ref().is_some_and(body))
    };
    let problems: Vec<Diagnostic> =
        problems.into_iter().filter(|diag| !diag.span.as_ref().is_some_and(inside)).collect();
    let failed = problems.iter().any(Diagnostic::is_error);
    diags.extend(problems);
    let judged = check_outputs(module, root, &results);
    let refused =
        |diag: &Diagnostic| diag.span.as_ref().is_some_and(|span| forbidden.iter().any(|output| output.span == *span));
    diags.extend(judged.into_iter().filter(|diag| !failed || refused(diag)));
    for output in module.outputs.values().filter(|output| !root || !output.ephemeral) {
        diags.extend(output.value.iter().flat_map(|expr| check_references(expr, scope)));
        output.preconditions.iter().for_each(|rule| check_condition(rule, scope, diags));
        depends_on(&output.depends_on, scope, diags);
    }
}

/// A call: how often, with what arguments, after what.
fn check_call(
    call: &ModuleCall,
    child: &Module,
    scope: &dyn Scope,
    around: Surroundings<'_>,
    (calls, diags): (&mut Vec<Diagnostic>, &mut Vec<Diagnostic>),
) {
    instances(call.count.as_ref(), call.for_each.as_ref(), scope, diags);
    // Inside arguments Terraform lets all of these be named.
    let (key, each) = (Value::unknown(Type::String), Value::unknown(Type::Dynamic));
    let numbered = AnyIndex(scope);
    let inside = Overlay { each: Some((&key, &each)), ..Overlay::over(&numbered) };
    calls.extend(unexpected_arguments(call, child));
    let mut inputs = BTreeMap::new();
    for (name, variable) in &child.variables {
        let (value, problems) = argument(call, variable, &inside, around.sources);
        let missing = call.body.attribute(name).is_none() && variable.default.is_none();
        if missing {
            calls.extend(problems)
        } else {
            diags.extend(problems)
        }
        inputs.insert(name.clone(), value);
    }
    validate_inputs(call, child, &inputs, around, diags);
    body_expressions(&call.body, &mut |expr| diags.extend(check_references(expr, &inside)));
    depends_on(&call.depends_on, scope, diags);
}

/// Values a call gives that are known already are judged by the variables' own rules; of other variables nothing is known there.
fn validate_inputs(
    call: &ModuleCall,
    child: &Module,
    inputs: &BTreeMap<Str, Value>,
    around: Surroundings<'_>,
    diags: &mut Vec<Diagnostic>,
) {
    for (name, variable) in child.variables.iter().filter(|(_, variable)| !variable.validations.is_empty()) {
        let Some(value) = inputs.get(name) else { continue };
        let mut values = ModuleValues { variables: unknown_inputs(child), ..ModuleValues::default() };
        values.variables.insert(name.clone(), value.clone());
        let scope = around.scope(child, &values, &NoResources);
        let place = call.body.attribute(name).map_or(&variable.span, |attribute| &attribute.expr.span);
        diags.extend(validate_one(variable, &scope, around.sources, place));
    }
}

fn check_resource(
    resource: &Resource,
    scope: &dyn Scope,
    resources: &dyn Resources,
    (diags, later): (&mut Vec<Diagnostic>, &mut Vec<Diagnostic>),
) {
    instances(resource.count.as_ref(), resource.for_each.as_ref(), scope, diags);
    for expr in resource.count.iter().chain(&resource.for_each) {
        diags.extend(check_references(expr, scope));
    }
    let (key, each) = (Value::unknown(Type::String), Value::unknown(Type::Dynamic));
    let numbered = AnyIndex(scope);
    let outer: &dyn Scope = if resource.count.is_some() { &numbered } else { scope };
    let inside = Overlay { each: resource.for_each.is_some().then_some((&key, &each)), ..Overlay::over(outer) };
    let schema = resources.schema(resource.mode, &resource.ty.text);
    match schema {
        Some(schema) => check_configuration(resource, schema, &inside, (&mut *diags, &mut *later)),
        None if built_in_type(resource) => diags.push(no_built_in_type(resource)),
        None => evaluate_body(&resource.body, &inside, diags),
    }
    depends_on(&resource.depends_on, scope, diags);
    resource.lifecycle.preconditions.iter().for_each(|rule| check_rule(rule, &inside, diags));
    let this = Value::unknown(Type::Dynamic);
    let after = Overlay { this: Some(&this), this_schema: schema, ..inside };
    resource.lifecycle.postconditions.iter().for_each(|rule| check_rule(rule, &after, diags));
    provisioners::check(resource, &after, diags);
}

/// Whether a resource belongs to the provider that is built in.
fn built_in_type(resource: &Resource) -> bool {
    let ty = &*resource.ty.text;
    let implied = ty.split_once('_').map_or(ty, |(name, _)| name);
    resource.provider.as_ref().map_or(implied, |provider| &provider.name) == builtin::LOCAL_NAME
}

fn no_built_in_type(resource: &Resource) -> Diagnostic {
    let ty = &*resource.ty.text;
    let (summary, what, other, instead) = match resource.mode {
        Mode::Managed => ("Invalid resource type", "resource type", Mode::Data, ("data source", "data", "resource")),
        Mode::Data => {
            ("Invalid data source", "data source", Mode::Managed, ("managed resource type", "resource", "data"))
        }
        Mode::Ephemeral => ("Invalid ephemeral resource", "ephemeral resource", Mode::Ephemeral, ("", "", "")),
    };
    let mut detail = format!("The provider {} does not support {what} {ty:?}.", builtin::SOURCE);
    let known = match resource.mode {
        Mode::Managed => Some("terraform_data"),
        Mode::Data => Some("terraform_remote_state"),
        Mode::Ephemeral => None,
    };
    if builtin::schema(other, ty).is_some() {
        let (kind, block, wrong) = instead;
        detail.push_str(&format!(
            "\n\nDid you intend to use the {kind} {ty:?}? If so, declare this using a {block:?} block instead of a {wrong:?} block."
        ));
    } else if let Some(near) = nearest(ty, known) {
        detail.push_str(&format!(" Did you mean {near:?}?"));
    }
    Diagnostic::error(summary, detail).at(&resource.ty.span)
}

/// The arguments of a resource by its schema.
fn check_configuration(
    resource: &Resource,
    schema: &Block,
    scope: &dyn Scope,
    (diags, later): (&mut Vec<Diagnostic>, &mut Vec<Diagnostic>),
) {
    // As in Terraform references come first: with one to nothing, what else is wrong may follow from it.
    let before = diags.len();
    // Of what the schema does not have nobody asks what it refers to.
    let known = known_part(&resource.body, schema);
    body_traversals(&known, &mut |traversal| resolve(traversal, scope, diags));
    let (value, problems) = eval_body(&resource.body, schema, scope);
    if diags.len() > before {
        later.extend(problems);
        return;
    }
    let failed = problems.iter().any(Diagnostic::is_error);
    diags.extend(problems);
    if failed {
        return;
    }
    if resource.mode != Mode::Ephemeral {
        forbid_ephemeral(resource, schema, &value, diags);
    }
    if let IgnoreChanges::Paths(paths) = &resource.lifecycle.ignore_changes {
        paths.iter().for_each(|path| check_ignored(path, resource, schema, diags));
    }
    read_only(resource, &value, diags);
    if resource.mode == Mode::Data && &*resource.ty.text == "terraform_remote_state" {
        remote_state::check(&resource.body, &value, diags);
    }
}

/// The arguments and blocks of a body that a schema has, and what others are repeated for.
fn known_part<'b>(body: &'b Body, schema: &Block) -> Cow<'b, Body> {
    let attribute = |attribute: &Attribute| schema.attributes.contains_key(&attribute.name.name);
    let block = |block: &super::ast::Block| match (&*block.kind.name, block.labels.first()) {
        ("dynamic", Some(label)) => schema.blocks.contains_key(&label.text),
        (kind, _) => schema.blocks.contains_key(kind),
    };
    if body.attributes.iter().all(attribute) && body.blocks.iter().all(block) {
        return Cow::Borrowed(body);
    }
    let mut known = body.clone();
    known.attributes.retain(attribute);
    known.blocks.retain(|one| block(one) || &*one.kind.name == "dynamic");
    for one in known.blocks.iter_mut().filter(|one| !block(one)) {
        let body = Arc::make_mut(&mut one.body);
        body.attributes.retain(|attribute| &*attribute.name.name == "for_each");
        body.blocks.clear();
    }
    Cow::Owned(known)
}

/// What lives for a run only may be in no argument that is kept.
fn forbid_ephemeral(resource: &Resource, schema: &Block, value: &Value, diags: &mut Vec<Diagnostic>) {
    for (name, value) in value.entries().unwrap_or_default() {
        if !value.deep_marks().contains(Marks::EPHEMERAL) || schema.attributes.get(name).is_some_and(|a| a.write_only) {
            continue;
        }
        let detail = format!(
            "Ephemeral values are not valid for {:?}, because it is not a write-only attribute and must be persisted to state.",
            &**name
        );
        let span = resource.body.attribute(name).map_or(&resource.span, |attribute| &attribute.expr.span);
        diags.push(Diagnostic::error("Invalid use of ephemeral value", detail).at(span));
    }
}

/// A path of `ignore_changes` must be one of the schema, and of something a configuration can say.
fn check_ignored(path: &Traversal, resource: &Resource, schema: &Block, diags: &mut Vec<Diagnostic>) {
    let root =
        super::ast::Step { kind: super::ast::StepKind::Attr(path.root.name.clone()), span: path.root.span.clone() };
    let steps: Vec<super::ast::Step> = std::iter::once(root).chain(path.steps.iter().cloned()).collect();
    if let Some(diag) = no_such_part(schema, &steps) {
        diags.push(diag);
        return;
    }
    let Some(attribute) = schema.attributes.get(&path.root.name) else { return };
    if attribute.computed && !attribute.optional && path.steps.is_empty() {
        let detail = format!(
            "Adding an attribute name to ignore_changes tells Terraform to ignore future changes to the argument in configuration \
             after the object has been created, retaining the value originally configured.\n\nThe attribute {} is decided by the \
             provider alone and therefore there can be no configured value to compare with. Including this attribute in \
             ignore_changes has no effect. Remove the attribute from ignore_changes to quiet this warning.",
            path.root.name
        );
        diags.push(Diagnostic::warning("Redundant ignore_changes element", detail).at(&resource.ty.span));
    }
}

/// `terraform_data` refuses to be told what it gives.
fn read_only(resource: &Resource, value: &Value, diags: &mut Vec<Diagnostic>) {
    if resource.mode != Mode::Managed || &*resource.ty.text != "terraform_data" {
        return;
    }
    for name in ["id", "output"] {
        let given = value.entries().unwrap_or_default().iter().find(|(key, _)| &**key == name);
        let (Some(attribute), Some((_, value))) = (resource.body.attribute(name), given) else { continue };
        if !value.is_null() {
            let diag = Diagnostic::error(format!("{name:?} attribute is read-only"), "");
            diags.push(diag.related(&attribute.span, "given here"));
        }
    }
}

fn check_rule(rule: &CheckRule, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    for expr in [&rule.condition, &rule.error_message] {
        diags.extend(eval(expr, scope).1);
        diags.extend(check_references(expr, scope));
    }
}

/// A rule of a variable: what it comes to must be a verdict, whatever the variable is.
fn check_validation(rule: &CheckRule, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    let before = diags.len();
    check_rule(rule, scope, diags);
    let condition = eval(&rule.condition, scope).0;
    if diags.len() > before || condition.is_unknown() {
        return;
    }
    let detail = match convert(&condition, &Type::Bool) {
        Ok(condition) if condition.is_null() => {
            "Validation condition expression must return either true or false, not null.".to_owned()
        }
        Ok(_) => return,
        Err(problem) => format!("Invalid validation condition result value: {problem}."),
    };
    diags.push(Diagnostic::error("Invalid variable validation result", detail).at(&rule.condition.span));
}

/// A rule that also says something that is a text. Whether its names and its types are right.
fn check_assertion(rule: &CheckRule, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) -> bool {
    let before = diags.len();
    check_rule(rule, scope, diags);
    if diags.len() > before {
        return false;
    }
    let message = eval(&rule.error_message, scope).0;
    if let Err(problem) = convert(&message, &Type::String) {
        let detail = format!("Unsuitable value for error message: {problem}.");
        diags.push(Diagnostic::error("Invalid error message", detail).at(&rule.error_message.span));
    }
    true
}

/// A rule whose condition is known already is judged by its type too, and so is what it would say.
fn check_condition(rule: &CheckRule, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    if !check_assertion(rule, scope, diags) {
        return;
    }
    let condition = eval(&rule.condition, scope).0;
    if condition.is_unknown() {
        return;
    }
    let detail = match convert(&condition, &Type::Bool) {
        Ok(condition) if condition.is_null() => {
            "Condition expression must return either true or false, not null.".to_owned()
        }
        Ok(_) => return,
        Err(problem) => format!("Invalid condition result value: {problem}."),
    };
    diags.push(Diagnostic::error("Invalid condition result", detail).at(&rule.condition.span));
}

/// An import: its target is declared as its key says, and its id can be told.
fn check_import(import: &Import, config: &Config, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    const SUMMARY: &str = "Invalid import 'to' expression";
    let target = match &import.to.kind {
        super::ast::ExprKind::Traversal(traversal) => Some(&**traversal),
        _ if import.for_each.is_none() => {
            let detail = "A single static variable reference is required: only attribute access and indexing with constant keys. \
                          No calculations, function calls, template expressions, etc are allowed here.";
            diags.push(Diagnostic::error("Invalid expression", detail).at(&import.to.span));
            return;
        }
        _ => None,
    };
    let reference = target.and_then(|target| Reference::parse(target).ok());
    if let Some(reference) = &reference
        && let Subject::Resource(mode, ty, name) = reference.subject
        && let Some(resource) = config.module.resource(mode, ty, name)
    {
        if let Some(own) = references(import.by.expr()).0.into_iter().find(|r| r.subject == reference.subject) {
            let detail = "The import ID cannot reference the resource being imported.";
            diags.push(Diagnostic::error("Invalid import id argument", detail).at(&own.span));
            return;
        }
        let key = reference.instance_key().map(|step| match &step.kind {
            super::ast::StepKind::Index(key) => key.0.as_str().is_some(),
            super::ast::StepKind::Attr(_) => false,
        });
        let problem = match (key, &resource.count, &resource.for_each) {
            (Some(true), _, None) => "The target resource does not use for_each.",
            (Some(false), None, _) => "The target resource does not use count.",
            (None, _, Some(_)) => "The target resource is using for_each.",
            (None, Some(_), _) => "The target resource is using count.",
            _ => "",
        };
        if !problem.is_empty() {
            diags.push(Diagnostic::error(SUMMARY, problem).at(&import.to.span));
        }
    }
    if let Some(target) = target.filter(|target| &*target.root.name == "module")
        && !declared_inside(target, config)
    {
        let detail = "The configuration for the given import target does not exist. All target instances must have an associated \
                      configuration to be imported.";
        diags.push(Diagnostic::error("Configuration for import target does not exist", detail).at(&import.to.span));
        return;
    }
    let (key, each) = (Value::unknown(Type::Dynamic), Value::unknown(Type::Dynamic));
    let inside = Overlay { each: import.for_each.is_some().then_some((&key, &each)), ..Overlay::over(scope) };
    if let Some(for_each) = &import.for_each {
        let (value, problems) = eval(for_each, scope);
        let iterates = matches!(
            value.ty(),
            Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Map(_) | Type::Tuple(_) | Type::Object(_)
        );
        if problems.is_empty() && !iterates && !value.is_unknown() {
            let detail = "The \"for_each\" expression must be a collection.";
            diags.push(Diagnostic::error("Invalid for_each argument", detail).at(&for_each.span));
        }
        diags.extend(problems);
        diags.extend(check_references(for_each, scope));
        if let Some(problem) = wrong_key(import, &value, scope, &config.module) {
            diags.push(problem);
            return;
        }
    }
    diags.extend(check_references(import.by.expr(), &inside));
    match &import.by {
        ImportedBy::Id(id) => check_import_id(id, &inside, diags),
        ImportedBy::Identity(identity) => diags.extend(eval(identity, &inside).1),
    }
}

/// A key of a target, made of what its block is repeated for, that is not of the kind its resource has.
fn wrong_key(import: &Import, for_each: &Value, scope: &dyn Scope, module: &Module) -> Option<Diagnostic> {
    let ExprKind::Index(to) = &import.to.unparenthesised().kind else { return None };
    let on = to.on.as_traversal()?;
    let reference = Reference::parse(&on).ok()?;
    let Subject::Resource(mode, ty, name) = reference.subject else { return None };
    let resource = module.resource(mode, ty, name)?;
    if !for_each.is_wholly_known() {
        return None;
    }
    let pairs: Vec<(Value, Value)> = match (for_each.entries(), for_each.kind()) {
        (Some(entries), _) => entries.iter().map(|(key, value)| (Value::string(key.clone()), value.clone())).collect(),
        (None, Kind::Set(set)) => set.items.iter().map(|item| (item.clone(), item.clone())).collect(),
        _ => for_each.items()?.iter().zip(0u64..).map(|(item, at)| (Value::number(at), item.clone())).collect(),
    };
    for (key, value) in &pairs {
        let inside = Overlay { each: Some((key, value)), ..Overlay::over(scope) };
        let problem = match (eval(&to.key, &inside).0.kind(), &resource.count, &resource.for_each) {
            (Kind::String(_), _, None) => "The target resource does not use for_each.",
            (Kind::Number(_), None, _) => "The target resource does not use count.",
            _ => continue,
        };
        return Some(Diagnostic::error("Invalid import 'to' expression", problem).at(&import.to.span));
    }
    None
}

/// Whether the resource an address names inside modules is declared there.
fn declared_inside(target: &Traversal, config: &Config) -> bool {
    let names: Vec<&str> = std::iter::once(&*target.root.name)
        .chain(target.steps.iter().filter_map(|step| match &step.kind {
            super::ast::StepKind::Attr(name) => Some(&**name),
            super::ast::StepKind::Index(_) => None,
        }))
        .collect();
    let (mut rest, mut config) = (names.as_slice(), config);
    while let ["module", name, more @ ..] = rest {
        let Some(child) = config.children.get(*name) else { return false };
        (rest, config) = (more, child);
    }
    matches!(rest, [ty, name] if config.module.resource(Mode::Managed, ty, name).is_some())
}

fn check_import_id(id: &Expr, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    const SUMMARY: &str = "Invalid import id argument";
    let (value, problems) = eval(id, scope);
    if !problems.is_empty() {
        diags.extend(problems);
        return;
    }
    let (value, marks) = value.unmark();
    let problem = if marks.contains(Marks::EPHEMERAL) {
        "The import ID value is derived from an ephemeral value, which means that Terraform cannot persist it between plan/apply \
         rounds. Use only non-ephemeral values here."
            .to_owned()
    } else if value.is_null() {
        "The import ID cannot be null.".to_owned()
    } else {
        match straddle_sdk::value::convert(&value, &Type::String) {
            Err(problem) => {
                let detail = format!("Invalid expression value: {problem}.");
                diags.push(Diagnostic::error("Incorrect value type", detail).at(&id.span));
                return;
            }
            Ok(text) if matches!(text.kind(), Kind::String(text) if text.is_empty()) => {
                "The import ID value evaluates to an empty string, please provide a non-empty value.".to_owned()
            }
            Ok(_) => return,
        }
    };
    diags.push(Diagnostic::error(SUMMARY, problem).at(&id.span));
}

/// Reports a reference to nothing in `depends_on`, and one to a part of something.
fn depends_on(all: &[Traversal], scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    for traversal in all {
        let reference = match Reference::parse(traversal) {
            Ok(reference) => reference,
            Err(diag) => {
                diags.push(*diag);
                continue;
            }
        };
        let keyed =
            usize::from(reference.instance_key().is_some() && !matches!(reference.subject, Subject::Variable(_)));
        if let (Some(first), Some(last)) = (reference.steps.get(keyed), reference.steps.last()) {
            // An output of a module is a thing of its own.
            let output = matches!(reference.subject, Subject::Module(_)) && reference.steps.len() == keyed + 1;
            if !output {
                let detail = "References in depends_on must be to a whole object (resource, etc), not to an attribute of an object.";
                let first =
                    if matches!(reference.subject, Subject::Module(_)) { &reference.steps[keyed + 1] } else { first };
                let span = Span { file: first.span.file, range: first.span.range.start..last.span.range.end };
                diags.push(Diagnostic::error("Invalid depends_on reference", detail).at(&span));
                continue;
            }
        }
        resolve(traversal, scope, diags);
    }
}

/// Reports a reference to nothing.
fn resolve(traversal: &Traversal, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
    let resolved = Reference::parse(traversal).and_then(|reference| scope.resolve(&reference).map(|_| ()));
    diags.extend(resolved.err().map(|diag| *diag));
}

/// Evaluates every expression of a body for its errors.
pub(super) fn evaluate_body(body: &Body, scope: &dyn Scope, diags: &mut Vec<Diagnostic>) {
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

/// The names inside a `check` block: the module's, and its own data source.
struct InCheck<'a> {
    outer: &'a dyn Scope,
    module: &'a Module,
    check: &'a str,
}

impl Scope for InCheck<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        if let Subject::Resource(mode, ty, name) = reference.subject
            && let Some(resource) = self.module.resource(mode, ty, name)
            && resource.container.as_deref() == Some(self.check)
        {
            return Ok(Value::unknown(Type::Dynamic));
        }
        // Of a called module nothing is known here, as in Terraform.
        let value = self.outer.resolve(reference)?;
        Ok(if matches!(reference.subject, Subject::Module(_)) { Value::unknown(Type::Dynamic) } else { value })
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        self.outer.functions()
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

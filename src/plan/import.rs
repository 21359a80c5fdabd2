//! `import` blocks: which instances take over which existing objects.

use super::blocks::Blocks;
use super::env::{Env, overlay};
use super::providers::Providers;
use super::traverse::{config_address, named};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key};
use crate::lang::ast::Expr;
use crate::lang::eval::{Scope, eval};
use crate::lang::functions::FunctionContext;
use crate::lang::module::{Import, ImportedBy as By};
use crate::lang::reference::{Reference, Subject};
use crate::plugin::{IdentitySchema, ImportBy};
use std::collections::BTreeMap;
use straddle_sdk::value::codec::show::known_part;
use straddle_sdk::value::{Kind, Marks, Str, Type, Value, convert};

/// By what existing objects are found, by address: of the instances of a resource in one instance of its module. `made` are their keys.
pub(super) fn targets(
    env: &Env<'_>,
    blocks: &Blocks<'_>,
    providers: &Providers,
    block: usize,
    address: &Address,
    made: impl Fn(&Option<Key>) -> bool,
) -> (BTreeMap<Address, ImportBy>, Vec<Diagnostic>) {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    for import in blocks.imports_of(block) {
        match pairs(import, env, providers) {
            Ok(pairs) => {
                for (to, by) in pairs {
                    if to.without_key() != *address {
                        continue;
                    }
                    if !made(&to.key) {
                        problems.push(unmade(&to));
                        continue;
                    }
                    if found.insert(to.clone(), by).is_some() {
                        let detail = format!("{to} is named by more than one import block.");
                        problems.push(Diagnostic::error("Duplicate import configuration", detail).at(&import.span));
                    }
                }
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    (found, problems)
}

/// An import target that the configuration does not make.
pub fn unmade(to: &Address) -> Diagnostic {
    let detail = format!(
        "The configuration for the given import {to} does not exist. All target instances must have an associated configuration to be \
         imported."
    );
    Diagnostic::error("Configuration for import target does not exist", detail)
}

/// Import blocks whose target nobody has configured.
pub(super) fn undeclared(env: &Env<'_>, blocks: &Blocks<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for import in &env.module.imports {
        let Some(address) = config_address(&import.to) else { continue };
        if blocks.find(&address).is_none() {
            problems.push(
                Diagnostic::error(
                    "Configuration for import target does not exist",
                    format!(
                        "The configuration for the given import target {address} does not exist. If you wish to automatically generate \
                         config for this resource, use the -generate-config-out option within straddle plan. Otherwise, make sure the \
                         target resource exists within your configuration."
                    ),
                )
                .at(&import.to.span)
                .help("straddle plan -generate-config-out=generated.tf"),
            );
        }
    }
    problems
}

/// What one block names: addresses, and by what their objects are found.
///
/// # Errors
/// It cannot be told.
pub fn pairs(
    import: &Import,
    env: &Env<'_>,
    providers: &Providers,
) -> Result<Vec<(Address, ImportBy)>, Vec<Diagnostic>> {
    let scope = env.scope(0);
    let one = |each: Option<(Value, Value)>| -> Result<(Address, ImportBy), Vec<Diagnostic>> {
        let inner = overlay(&scope, None, each.as_ref());
        let to = named(&import.to, &Keys(each.as_ref())).map_err(|e| vec![*e])?;
        let mut problems = fits(&to.address, import, env);
        let by = match &import.by {
            By::Id(expr) => id(expr, &inner).map(ImportBy::Id),
            By::Identity(expr) => identity_schema(import, &to.address, env, providers)
                .and_then(|schema| identity(expr, &inner, &schema))
                .map(ImportBy::Identity),
        };
        match by {
            Ok(by) if problems.is_empty() => Ok((to.address, by)),
            Ok(_) => Err(problems),
            Err(problem) => {
                problems.push(*problem);
                Err(problems)
            }
        }
    };
    match &import.for_each {
        None => Ok(vec![one(None)?]),
        Some(expr) => repeated(expr, &scope)?.into_iter().map(|each| one(Some(each))).collect(),
    }
}

/// What a block is repeated for: the keys and values of any collection, those of lists by number.
fn repeated(expr: &Expr, scope: &dyn Scope) -> Result<Vec<(Value, Value)>, Vec<Diagnostic>> {
    let refuse = |detail: &str| vec![Diagnostic::error("Invalid for_each argument", detail).at(&expr.span)];
    let (value, problems) = eval(expr, scope);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    if !value.is_wholly_known() {
        return Err(refuse(
            "The \"for_each\" expression includes values derived from other resource attributes that cannot be determined until apply, \
             and so straddle cannot determine the full set of values that might be used to import this resource.",
        ));
    }
    let (value, marks) = value.unmark();
    if marks.contains(Marks::EPHEMERAL) {
        return Err(refuse(
            "The given \"for_each\" value is derived from an ephemeral value, which means that straddle cannot persist it between \
             plan/apply rounds. Use only non-ephemeral values to specify a resource's instance keys.",
        ));
    }
    let marked = |value: &Value| value.clone().with_marks(marks);
    if value.is_null() {
        return Ok(Vec::new());
    }
    if let Some(entries) = value.entries() {
        return Ok(entries.iter().map(|(key, value)| (Value::string(key.clone()), marked(value))).collect());
    }
    match (value.kind(), value.items()) {
        (Kind::Set(_), Some(items)) => Ok(items.iter().map(|item| (item.clone(), marked(item))).collect()),
        (_, Some(items)) => Ok(items.iter().zip(0u64..).map(|(item, at)| (Value::number(at), marked(item))).collect()),
        _ => Err(refuse("The \"for_each\" expression must be a collection.")),
    }
}

/// An id: a text that is there. That it is a secret does not matter, the provider alone is told.
fn id(expr: &Expr, scope: &dyn Scope) -> Result<String, Box<Diagnostic>> {
    let refuse = |detail: &str| Box::new(Diagnostic::error("Invalid import id argument", detail).at(&expr.span));
    let (value, problems) = eval(expr, scope);
    if let Some(problem) = problems.into_iter().find(Diagnostic::is_error) {
        return Err(problem.into());
    }
    let value = convert(&value.unmark().0, &Type::String).map_err(|problem| {
        let detail = format!("Invalid expression value: {problem}.");
        Box::new(Diagnostic::error("Incorrect value type", detail).at(&expr.span))
    })?;
    match value.as_str() {
        _ if value.is_null() => Err(refuse("The import ID cannot be null.")),
        None => Err(refuse(
            "The import block \"id\" argument depends on resource attributes that cannot be determined until apply, so straddle \
             cannot plan to import this resource.",
        )),
        Some("") => Err(refuse("The import ID value evaluates to an empty string, please provide a non-empty value.")),
        Some(text) => Ok(text.to_owned()),
    }
}

/// Whether the key of a target is of the kind that its resource has.
fn fits(to: &Address, import: &Import, env: &Env<'_>) -> Vec<Diagnostic> {
    let node = env.tree.find(to.module.iter().map(|(name, _)| name));
    let Some(resource) = node.and_then(|n| env.tree.nodes[n].module.resource(to.mode, &to.ty, &to.name)) else {
        return Vec::new();
    };
    let detail = match (&to.key, resource.count.is_some(), resource.for_each.is_some()) {
        (Some(Key::Str(_)), _, false) => "The target resource does not use for_each.",
        (Some(Key::Int(_)), false, _) => "The target resource does not use count.",
        (None, _, true) => "The target resource is using for_each.",
        (None, true, _) => "The target resource is using count.",
        _ => return Vec::new(),
    };
    vec![Diagnostic::error("Invalid import 'to' expression", detail).at(&import.to.span)]
}

/// What may stand in the keys of an address: what the block is repeated for.
struct Keys<'e>(Option<&'e (Value, Value)>);

impl Scope for Keys<'_> {
    fn resolve(&self, reference: &Reference<'_>) -> Result<Value, Box<Diagnostic>> {
        match (reference.subject, self.0) {
            (Subject::Each("key"), Some((key, _))) => Ok(key.clone()),
            (Subject::Each("value"), Some((_, value))) => Ok(value.clone()),
            _ => {
                let detail = "Only \"each.key\" and \"each.value\" can be used in import address index expressions.";
                Err(Box::new(Diagnostic::error("Unknown variable", detail).at(&reference.whole)))
            }
        }
    }

    fn functions(&self) -> Option<FunctionContext<'_>> {
        None
    }
}

/// What identifies objects of the type that is imported.
fn identity_schema(
    import: &Import,
    to: &Address,
    env: &Env<'_>,
    providers: &Providers,
) -> Result<IdentitySchema, Box<Diagnostic>> {
    let node = env.tree.find(to.module.iter().map(|(name, _)| name));
    let resource = node.and_then(|n| env.tree.nodes[n].module.resource(to.mode, &to.ty, &to.name));
    let local = match (resource, &import.provider) {
        (Some(resource), _) => super::providers::local_of(resource),
        (None, Some(written)) => &written.name,
        (None, None) => super::providers::local_name(&to.ty),
    };
    let source = providers.source_in(node.unwrap_or(0), local);
    let schema = providers.schemas.get(&source).and_then(|schemas| schemas.identities.get(&to.ty));
    schema.cloned().ok_or_else(|| {
        let detail = format!(
            "Provider {source} says of no {} by what it is identified: it can be imported by its id alone.",
            to.ty
        );
        let problem = Diagnostic::error("Resource type has no identity", detail);
        Box::new(
            problem
                .at(&import.span)
                .help("Write id instead of identity, or use a version of the provider that has it."),
        )
    })
}

/// An identity as it is written, in the form of its schema: what may be left out is null.
fn identity(expr: &Expr, scope: &dyn Scope, schema: &IdentitySchema) -> Result<Value, Box<Diagnostic>> {
    const SUMMARY: &str = "Invalid import identity argument";
    let refuse = |detail: String| Box::new(Diagnostic::error(SUMMARY, detail).at(&expr.span));
    let (value, problems) = eval(expr, scope);
    if let Some(problem) = problems.into_iter().find(Diagnostic::is_error) {
        return Err(problem.into());
    }
    let marks = value.deep_marks();
    if marks.contains(Marks::SENSITIVE) || marks.contains(Marks::EPHEMERAL) {
        let kind = if marks.contains(Marks::SENSITIVE) { "sensitive" } else { "ephemeral" };
        return Err(refuse(format!("The import identity must not contain {kind} values: it is shown and kept.")));
    }
    if value.is_null() {
        return Err(refuse("The import identity cannot be null.".into()));
    }
    if !value.is_wholly_known() {
        return Err(refuse(
            "The import identity depends on what is only known after apply; it must be known when the plan is made."
                .into(),
        ));
    }
    let Some(given) = value.entries().filter(|_| matches!(value.ty(), Type::Object(_) | Type::Map(_))) else {
        return Err(refuse("The import identity must be an object.".into()));
    };
    if let Some((name, _)) = given.iter().find(|(name, _)| !schema.attributes.contains_key(name)) {
        let all: Vec<&str> = schema.attributes.keys().map(|name| &**name).collect();
        return Err(refuse(format!("The identity has no attribute {:?}: it is made of {}.", &**name, all.join(", "))));
    }
    let mut whole = Vec::with_capacity(schema.attributes.len());
    for (name, attribute) in &schema.attributes {
        let part = value.get(name).filter(|part| !part.is_null());
        if part.is_none() && attribute.required {
            return Err(refuse(format!("The attribute {:?} of the identity is required.", &**name)));
        }
        let part = match part {
            Some(part) => convert(part, &attribute.ty)
                .map_err(|e| refuse(format!("Inappropriate value for attribute {:?}: {e}.", &**name)))?,
            None => Value::null(attribute.ty.clone()),
        };
        whole.push((name.clone(), part));
    }
    Ok(Value::object(whole))
}

/// By what an object is asked for, for people.
pub fn shown(by: &ImportBy) -> String {
    match by {
        ImportBy::Id(id) => format!("the id {id:?}"),
        ImportBy::Identity(identity) => format!("the identity {}", identity_text(identity)),
    }
}

/// An identity as Terraform shows it: `id=a,region=b`.
pub fn identity_text(identity: &Value) -> String {
    let part = |(name, value): &(Str, Value)| {
        let text = convert(value, &Type::String).ok().and_then(|v| v.as_str().map(str::to_string));
        let text = match text {
            Some(text) => text,
            None if value.is_null() => "<null>".into(),
            None => known_part(value).unwrap_or_else(|| "<unknown>".into()),
        };
        format!("{name}={text}")
    };
    identity.entries().unwrap_or_default().iter().map(part).collect::<Vec<_>>().join(",")
}

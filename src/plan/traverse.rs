//! Expressions that name a resource with keys that may be computed: `to` of import blocks, `replace_triggered_by`.

use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key, Mode};
use crate::lang::ast::{Expr, ExprKind, StepKind};
use crate::lang::eval::{Scope, eval};
use straddle_sdk::value::{Kind, Step, Str, Value};

/// A resource named by an expression, and what is taken of it.
pub struct Named {
    /// Without a key where none is written.
    pub address: Address,
    /// Behind the instance.
    pub rest: Vec<Step>,
}

/// One step: a name, or a key.
enum Part<'a> {
    Name(&'a Str),
    Key(&'a Value),
    Computed(&'a Expr),
}

/// The steps of an expression, its root first. `None`: it is no path.
fn parts(expr: &Expr) -> Option<Vec<Part<'_>>> {
    match &expr.unparenthesised().kind {
        ExprKind::Traversal(t) => {
            let mut all = vec![Part::Name(&t.root.name)];
            all.extend(t.steps.iter().map(|s| part(&s.kind)));
            Some(all)
        }
        ExprKind::Index(node) => {
            let mut all = parts(&node.on)?;
            all.push(Part::Computed(&node.key));
            Some(all)
        }
        ExprKind::Relative(node) => {
            let mut all = parts(&node.on)?;
            all.extend(node.steps.iter().map(|s| part(&s.kind)));
            Some(all)
        }
        _ => None,
    }
}

fn part(kind: &StepKind) -> Part<'_> {
    match kind {
        StepKind::Attr(name) => Part::Name(name),
        StepKind::Index(literal) => Part::Key(&literal.0),
    }
}

/// The resource an expression names, its keys evaluated.
///
/// # Errors
/// It names none, or a key cannot be told.
pub fn named(expr: &Expr, scope: &dyn Scope) -> Result<Named, Box<Diagnostic>> {
    let none = || {
        let detail = "A resource is named by its type and name, for example aws_instance.web[0].";
        Box::new(Diagnostic::error("Invalid expression", detail).at(&expr.span))
    };
    let mut steps = parts(expr).ok_or_else(none)?.into_iter().peekable();
    let name = |steps: &mut std::iter::Peekable<std::vec::IntoIter<Part<'_>>>| match steps.next() {
        Some(Part::Name(name)) => Ok(name.clone()),
        _ => Err(none()),
    };
    let mut address = Address::managed("", "", None);
    let mut word = name(&mut steps)?;
    while &*word == "module" {
        let call = name(&mut steps)?;
        let key = key(&mut steps, scope)?;
        address.module.push((call, key));
        word = name(&mut steps)?;
    }
    if &*word == "workload" {
        address.workload = Some(name(&mut steps)?);
        word = name(&mut steps)?;
    }
    match &*word {
        "data" => {
            address.mode = Mode::Data;
            word = name(&mut steps)?;
        }
        "resource" => word = name(&mut steps)?,
        _ => {}
    }
    address.ty = word;
    address.name = name(&mut steps)?;
    address.key = key(&mut steps, scope)?;
    let mut rest = Vec::new();
    for step in steps {
        rest.push(match step {
            Part::Name(name) => Step::Attr(name.clone()),
            Part::Key(value) => index(value).ok_or_else(none)?,
            Part::Computed(expr) => index(&evaluated(expr, scope)?).ok_or_else(none)?,
        });
    }
    Ok(Named { address, rest })
}

/// The address without keys that an expression names, as far as it is a path.
pub fn config_address(expr: &Expr) -> Option<Address> {
    let names: Vec<&Str> = parts(expr)?
        .into_iter()
        .filter_map(|p| match p {
            Part::Name(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut names = names.into_iter().peekable();
    let mut address = Address::managed("", "", None);
    while names.peek().is_some_and(|n| &***n == "module") {
        names.next();
        address.module.push((names.next()?.clone(), None));
    }
    match names.peek().map(|n| &***n) {
        Some("workload") => {
            names.next();
            address.workload = Some(names.next()?.clone());
        }
        Some("data") => {
            names.next();
            address.mode = Mode::Data;
        }
        Some("resource") => {
            names.next();
        }
        _ => {}
    }
    address.ty = names.next()?.clone();
    address.name = names.next()?.clone();
    Some(address)
}

fn key(
    steps: &mut std::iter::Peekable<std::vec::IntoIter<Part<'_>>>,
    scope: &dyn Scope,
) -> Result<Option<Key>, Box<Diagnostic>> {
    let value = match steps.peek() {
        Some(Part::Key(value)) => (*value).clone(),
        Some(Part::Computed(expr)) => evaluated(expr, scope)?,
        _ => return Ok(None),
    };
    steps.next();
    match index(&value) {
        Some(Step::Key(name)) => Ok(Some(Key::Str(name))),
        Some(Step::Index(n)) => Ok(Some(Key::Int(n))),
        _ => Err(Box::new(Diagnostic::error("Invalid index", "A key of an instance is a whole number or a string."))),
    }
}

fn evaluated(expr: &Expr, scope: &dyn Scope) -> Result<Value, Box<Diagnostic>> {
    let (value, problems) = eval(expr, scope);
    match problems.into_iter().find(Diagnostic::is_error) {
        Some(problem) => Err(problem.into()),
        None if value.is_wholly_known() => Ok(value.unmark().0),
        None => Err(Box::new(
            Diagnostic::error("Invalid index", "The key of an instance must be known when the plan is made.")
                .at(&expr.span),
        )),
    }
}

fn index(value: &Value) -> Option<Step> {
    match value.kind() {
        Kind::String(name) => Some(Step::Key(name.clone())),
        Kind::Number(n) => n.to_u64().map(Step::Index),
        _ => None,
    }
}

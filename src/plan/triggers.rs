//! `replace_triggered_by`: whether something it names is to be changed.

use super::env::ModulePath;
use super::model::{Action, Change};
use super::observed::Observed;
use super::traverse::{Named, named};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::lang::ast::Expr;
use crate::lang::eval::Scope;
use crate::state::ObjectId;
use std::collections::BTreeMap;
use straddle_sdk::value::{Path, same};

/// Whether one of the references of `replace_triggered_by` asks for a replacement: the resource or instance named is updated or
/// replaced, or the attribute named changes with that.
///
/// # Errors
/// The expression names no resource, or one that is not planned.
pub(super) fn triggered(
    expr: &Expr,
    scope: &dyn Scope,
    module: &ModulePath,
    changes: &[Change],
    at: &BTreeMap<Address, usize>,
    observed: &Observed,
) -> Result<bool, Box<Diagnostic>> {
    let Named { address, rest } = named(expr, scope)?;
    let address = Address { module: module.clone(), ..address };
    let found: Vec<&Change> = match &address.key {
        Some(_) => at.get(&address).map(|i| &changes[*i]).into_iter().collect(),
        None => {
            let same_block = |a: &Address| {
                (&a.mode, &a.ty, &a.name, &a.module) == (&address.mode, &address.ty, &address.name, &address.module)
            };
            at.range(address.clone()..).take_while(|(a, _)| same_block(a)).map(|(_, i)| &changes[*i]).collect()
        }
    };
    if found.is_empty() && !observed.objects.contains_key(&ObjectId::current(address.clone())) {
        // A resource that is made no times changes nothing.
        return Ok(false);
    }
    let acts = |c: &&&Change| matches!(c.action, Action::Update | Action::DeleteCreate | Action::CreateDelete);
    if rest.is_empty() {
        return Ok(found.iter().any(|c| acts(&c)));
    }
    let Some(change) = found.first().filter(acts) else { return Ok(false) };
    let path = Path(rest);
    Ok(match (change.before.at(&path), change.after.at(&path)) {
        (Some(before), Some(after)) => !same(before, after),
        (before, after) => before.is_some() != after.is_some(),
    })
}

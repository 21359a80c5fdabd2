//! `import` blocks: which instances take over which existing objects.

use super::blocks::Blocks;
use super::env::{Env, overlay};
use super::traverse::{config_address, named, text};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::lang::evaluate::{Instances, instances};
use crate::lang::module::Import;
use std::collections::BTreeMap;
use straddle_sdk::value::{Str, Value};

/// Ids by address, of the instances of a resource in one instance of its module.
pub(super) fn targets(
    env: &Env<'_>,
    blocks: &Blocks<'_>,
    block: usize,
    address: &Address,
) -> (BTreeMap<Address, String>, Vec<Diagnostic>) {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    for import in blocks.imports_of(block) {
        match pairs(import, env) {
            Ok(pairs) => {
                for (to, id) in pairs {
                    if to.without_key() == *address && found.insert(to.clone(), id).is_some() {
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

/// Import blocks whose target nobody has configured.
pub(super) fn undeclared(env: &Env<'_>, blocks: &Blocks<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for import in &env.module.imports {
        let Some(address) = config_address(&import.to) else { continue };
        if address.workload.is_some() {
            problems.push(
                Diagnostic::error(
                    "Import block for a replica",
                    format!(
                        "{address} stands in a workload, whose replicas are placed before anything of them is read."
                    ),
                )
                .at(&import.to.span)
                .help("Take it over first: straddle import 'workload.web.aws_instance.server[\"aws-a/0\"]' ID"),
            );
            continue;
        }
        if blocks.find(&address).is_none() {
            problems.push(
                Diagnostic::error(
                    "Configuration for import target does not exist",
                    format!("The configuration for the given import target {address} does not exist."),
                )
                .at(&import.to.span)
                .help("Write a resource block for it, or let one be written: straddle plan -generate-config-out=generated.tf"),
            );
        }
    }
    problems
}

/// What one block names: addresses with ids.
///
/// # Errors
/// It cannot be told.
pub fn pairs(import: &Import, env: &Env<'_>) -> Result<Vec<(Address, String)>, Vec<Diagnostic>> {
    let scope = env.scope(0);
    let one = |each: Option<(Value, Value)>| -> Result<(Address, String), Vec<Diagnostic>> {
        let inner = overlay(&scope, None, each.as_ref());
        let to = named(&import.to, &inner).map_err(|e| vec![*e])?;
        let id = text(&import.id, &inner, "Invalid import id argument", "The import id").map_err(|e| vec![*e])?;
        Ok((to.address, id))
    };
    let mut problems = Vec::new();
    match instances(None, import.for_each.as_ref(), &scope, &mut problems) {
        _ if problems.iter().any(Diagnostic::is_error) => Err(problems),
        Instances::Each(list) => {
            list.into_iter().map(|(key, value): (Str, Value)| one(Some((Value::string(key), value)))).collect()
        }
        Instances::Unknown => Err(vec![
            Diagnostic::error("Invalid for_each argument", "What is imported must be known when the plan is made.")
                .at(&import.span),
        ]),
        Instances::Single | Instances::Count(_) => Ok(vec![one(None)?]),
    }
}

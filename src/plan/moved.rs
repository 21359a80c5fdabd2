//! `moved` blocks: objects of the state get the addresses the spec gives them now.

use crate::diag::Diagnostic;
use crate::lang::address::{Address, quote};
use crate::lang::ast::{StepKind, Traversal};
use crate::lang::module::Module;
use crate::state::{ObjectId, State};
use std::collections::BTreeMap;
use straddle_sdk::value::Kind;

/// Carries out the `moved` blocks on a copy of the state. The second part is the address before, by address now. A move whose
/// source is not there, or whose target is taken, has been made before and does nothing.
pub fn apply(module: &Module, state: &State, problems: &mut Vec<Diagnostic>) -> (State, BTreeMap<Address, Address>) {
    let mut moved = state.clone();
    let mut before: BTreeMap<Address, Address> = BTreeMap::new();
    for block in &module.moved {
        let addresses = (parse(&block.from), parse(&block.to));
        let (Some(from), Some(to)) = addresses else {
            problems.push(
                Diagnostic::error(
                    "Invalid address",
                    "\"from\" and \"to\" of a moved block are addresses of resources.",
                )
                .at(&block.span)
                .help("For example: from = aws_instance.web[0] and to = workload.web.aws_instance.server[\"aws-a/0\"]"),
            );
            continue;
        };
        if from.key.is_some() != to.key.is_some() && to.workload.is_some() && to.key.is_none() {
            problems.push(
                Diagnostic::error(
                    "Replica without a key",
                    format!("{to} names a resource of a workload, not one of its replicas."),
                )
                .at(&block.span)
                .help("Add the replica: [\"location/0\"]"),
            );
            continue;
        }
        for id in matching(&moved, &from) {
            let key = if from.key.is_some() || to.key.is_some() { to.key.clone() } else { id.address.key.clone() };
            let target = ObjectId { address: Address { key, ..to.clone() }, deposed: id.deposed };
            if moved.objects.contains_key(&target) || target == id {
                continue;
            }
            if let Some(object) = moved.objects.remove(&id) {
                moved.objects.insert(target.clone(), object);
                let first = before.remove(&id.address).unwrap_or(id.address);
                before.insert(target.address, first);
            }
        }
    }
    (moved, before)
}

/// Objects at an address; of a whole resource when it has no key.
fn matching(state: &State, from: &Address) -> Vec<ObjectId> {
    state
        .objects
        .keys()
        .filter(|id| if from.key.is_some() { id.address == *from } else { id.address.without_key() == *from })
        .cloned()
        .collect()
}

fn parse(t: &Traversal) -> Option<Address> {
    let mut text = t.root.name.to_string();
    for step in &t.steps {
        match &step.kind {
            StepKind::Attr(name) => {
                text.push('.');
                text.push_str(name);
            }
            StepKind::Index(literal) => match literal.0.kind() {
                Kind::String(s) => text.push_str(&format!("[{}]", quote(s))),
                Kind::Number(n) => text.push_str(&format!("[{}]", n.to_i64()?)),
                _ => return None,
            },
        }
    }
    text.parse().ok()
}

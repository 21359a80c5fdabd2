//! `removed` blocks: objects that are no longer configured, and what becomes of them.

use super::env::Env;
use super::target::Target;
use crate::diag::Diagnostic;
use crate::lang::address::{Address, quote};
use crate::lang::ast::{StepKind, Traversal};
use crate::lang::module::Removed;
use crate::lang::tree::Tree;
use straddle_sdk::value::Kind;

/// The `removed` block that speaks of an object, if there is one.
pub fn block<'t>(tree: &'t Tree<'_>, address: &Address) -> Option<&'t Removed> {
    tree.nodes.iter().find_map(|node| {
        let depth = node.path.len();
        let inside = address.module.len() >= depth
            && node.path.iter().zip(&address.module).all(|(name, (called, _))| name == called);
        if !inside {
            return None;
        }
        let within = Address { module: address.module[depth..].to_vec(), ..address.clone() };
        node.module.removed.iter().find(|r| target(&r.from).is_some_and(|t| t.takes(&within)))
    })
}

/// `removed` blocks whose subject is still configured.
pub(super) fn still_there(env: &Env<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for node in &env.tree.nodes {
        for removed in &node.module.removed {
            let (what, shown) = match target(&removed.from) {
                Some(Target::Resource(a)) if env.declares(&node.path, &a) => ("resource", a.to_string()),
                Some(Target::Module(path)) => {
                    let names = node.path.iter().chain(path.iter().map(|(name, _)| name));
                    match env.tree.find(names) {
                        Some(_) => ("module", address_text(&removed.from).unwrap_or_default()),
                        None => continue,
                    }
                }
                _ => continue,
            };
            let detail =
                format!("This statement declares that {shown} was removed, but it is still declared in configuration.");
            problems.push(Diagnostic::error(format!("Removed {what} still exists"), detail).at(&removed.span));
        }
    }
    problems
}

/// Whether an object is to be dropped from the state and to live on.
pub fn is_forgotten(tree: &Tree<'_>, address: &Address) -> bool {
    block(tree, address).is_some_and(|removed| !removed.destroy)
}

/// A traversal as the address of a resource or a module.
pub fn target(t: &Traversal) -> Option<Target> {
    address_text(t)?.parse().ok()
}

/// A traversal as an address is written.
pub fn address_text(t: &Traversal) -> Option<String> {
    let mut text = t.root.name.to_string();
    for step in &t.steps {
        match &step.kind {
            StepKind::Attr(name) => {
                text.push('.');
                text.push_str(name);
            }
            StepKind::Index(literal) => match literal.0.kind() {
                Kind::String(s) => text.push_str(&format!("[{}]", quote(s))),
                Kind::Number(n) => text.push_str(&format!("[{}]", n.to_u64()?)),
                _ => return None,
            },
        }
    }
    Some(text.strip_prefix("resource.").map(String::from).unwrap_or(text))
}

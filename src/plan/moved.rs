//! `moved` blocks: objects of the state get the addresses the configuration gives them now.
//!
//! A block stands in a module and speaks of what is in it, in every instance of that module. A key that is written on one side makes
//! both sides single instances; without any all instances move and keep their keys. Blocks may form chains, whatever their order in the
//! text.

use super::env::Env;
use super::removed::{address_text, target};
use super::target::Target;
use crate::diag::{Diagnostic, Span};
use crate::lang::address::{Address, Key, Mode};
use crate::lang::ast::Traversal;
use crate::lang::tree::Tree;
use crate::state::{ObjectId, State};
use std::collections::BTreeMap;
use straddle_sdk::value::Str;

/// One block.
struct Move<'t> {
    /// The calls that lead to the module it stands in.
    module: &'t [Str],
    from: Target,
    to: Target,
    span: &'t Span,
}

/// Carries out the `moved` blocks on a copy of the state. The second part is the address before, by address now. A move whose
/// source is not there has been made before and does nothing; one whose target is taken is told.
pub fn apply(tree: &Tree<'_>, state: &State, problems: &mut Vec<Diagnostic>) -> (State, BTreeMap<Address, Address>) {
    let mut moved = state.clone();
    let mut before: BTreeMap<Address, Address> = BTreeMap::new();
    let all = moves(tree, problems);
    let contradictions = ambiguous(&all);
    if !contradictions.is_empty() {
        problems.extend(contradictions);
        return (moved, before);
    }
    for at in order(tree, &all, problems) {
        let one = &all[at];
        let ids: Vec<ObjectId> = moved.objects.keys().cloned().collect();
        for id in ids {
            if let Some(to) = one.new_address(&id.address) {
                relocate(&mut moved, &mut before, &id, to, Some(one.span), problems);
            }
        }
    }
    implied(tree, &mut moved, &mut before);
    (moved, before)
}

/// `moved` blocks whose source is still configured.
pub fn still_there(env: &Env<'_>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for node in &env.tree.nodes {
        for block in &node.module.moved {
            let Some(Target::Resource(from)) = target(&block.from) else { continue };
            // A source without a key beside a target with one is a single instance.
            let to_instance = matches!(target(&block.to), Some(Target::Resource(to)) if to.key.is_some());
            let counted = from.key.is_none()
                && to_instance
                && env.tree.find(node.path.iter()).is_some_and(|n| {
                    let resource = env.tree.nodes[n].module.resource(from.mode, &from.ty, &from.name);
                    resource.is_some_and(|r| r.count.is_some() || r.for_each.is_some())
                });
            if from.workload.is_none() && !counted && env.declares(&node.path, &from) {
                let to = address_text(&block.to).unwrap_or_default();
                let detail = format!(
                    "This statement declares a move from {from}, but that resource{} is still declared.",
                    if from.key.is_some() { " instance" } else { "" }
                );
                problems.push(
                    Diagnostic::error("Moved object still exists", detail)
                        .at(&block.span)
                        .help(format!("Change your configuration so that it will be declared as {to} instead.")),
                );
            }
        }
    }
    problems
}

/// Two blocks that disagree on where something goes, or on what comes to a place.
fn ambiguous(all: &[Move<'_>]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut by_end: BTreeMap<(bool, String), &Move<'_>> = BTreeMap::new();
    let shown = |one: &Move<'_>, end: &Target| {
        let address = one.absolute(end);
        if address.ty.is_empty() { address.module_text() } else { address.to_string() }
    };
    for one in all {
        let (from, to) = (shown(one, &one.from), shown(one, &one.to));
        for (is_from, end) in [(true, from), (false, to)] {
            let Some(first) = by_end.insert((is_from, end.clone()), one) else { continue };
            if first.from == one.from && first.to == one.to && first.module == one.module {
                continue;
            }
            let detail = if is_from {
                format!(
                    "Another block declares that {end} moved to {}, and this one that it moved to {}.",
                    shown(first, &first.to),
                    shown(one, &one.to)
                )
            } else {
                format!(
                    "Another block declares that {} moved to {end}, and this one that {} moved there.",
                    shown(first, &first.from),
                    shown(one, &one.from)
                )
            };
            problems.push(
                Diagnostic::error("Ambiguous move statements", detail)
                    .at(one.span)
                    .related(first.span, "the other block"),
            );
        }
    }
    problems
}

fn relocate(
    state: &mut State,
    before: &mut BTreeMap<Address, Address>,
    id: &ObjectId,
    to: Address,
    span: Option<&Span>,
    problems: &mut Vec<Diagnostic>,
) {
    let target = ObjectId { address: to, deposed: id.deposed };
    if target == *id {
        return;
    }
    if state.objects.contains_key(&target) {
        if let Some(span) = span {
            let detail = format!(
                "{} cannot become {}: there is another object at that address. It keeps its address.",
                id.address, target.address
            );
            let problem = Diagnostic::warning("Unresolved resource instance address changes", detail);
            problems.push(problem.related(span, "the move"));
        }
        return;
    }
    if let Some(object) = state.objects.remove(id) {
        state.objects.insert(target.clone(), object);
        if id.deposed.is_none() {
            let first = before.remove(&id.address).unwrap_or_else(|| id.address.clone());
            if first != target.address {
                before.insert(target.address, first);
            }
        }
    }
}

fn moves<'t>(tree: &'t Tree<'_>, problems: &mut Vec<Diagnostic>) -> Vec<Move<'t>> {
    let mut all = Vec::new();
    for node in &tree.nodes {
        for block in &node.module.moved {
            let (Some(from), Some(to)) = (endpoint(&block.from, problems), endpoint(&block.to, problems)) else {
                continue;
            };
            match (&from, &to) {
                (Target::Resource(f), Target::Resource(t)) => {
                    if f.mode == Mode::Data || t.mode == Mode::Data {
                        let detail = "Data sources have no objects of their own that could be moved.";
                        problems.push(Diagnostic::error("Invalid move", detail).at(&block.span));
                        continue;
                    }
                    if f.key.is_some() && t.workload.is_some() && t.key.is_none() {
                        problems.push(
                            Diagnostic::error(
                                "Replica without a key",
                                format!("{t} names a resource of a workload, not one of its replicas."),
                            )
                            .at(&block.span)
                            .help("Add the replica: [\"location/0\"]"),
                        );
                        continue;
                    }
                }
                (Target::Module(_), Target::Module(_)) => {}
                _ => {
                    let detail = "The \"from\" and \"to\" addresses must either both refer to resources or both refer to modules.";
                    problems.push(Diagnostic::error("Invalid \"moved\" addresses", detail).at(&block.span));
                    continue;
                }
            }
            if from == to {
                let detail = "The \"from\" and \"to\" addresses of a moved block must not be the same.";
                problems.push(Diagnostic::error("Redundant move statement", detail).at(&block.span));
                continue;
            }
            all.push(Move { module: &node.path, from, to, span: &block.span });
        }
    }
    all
}

fn endpoint(t: &Traversal, problems: &mut Vec<Diagnostic>) -> Option<Target> {
    let found = target(t);
    if found.is_none() {
        let shown = address_text(t).unwrap_or_default();
        problems.push(
            Diagnostic::error("Invalid address", format!("{shown:?} is no address of a resource or a module."))
                .at(&t.root.span)
                .help("For example: from = aws_instance.web[0] and to = workload.web.aws_instance.server[\"aws-a/0\"]"),
        );
    }
    found
}

/// An order in which each move comes behind those that lead to where it starts.
fn order(tree: &Tree<'_>, all: &[Move<'_>], problems: &mut Vec<Diagnostic>) -> Vec<usize> {
    let feeds = |a: usize, b: usize| a != b && overlaps(&all[a].absolute(&all[a].to), &all[b].absolute(&all[b].from));
    let mut open: Vec<usize> = (0..all.len()).collect();
    let mut order = Vec::new();
    while !open.is_empty() {
        let free = open.iter().position(|b| open.iter().all(|a| !feeds(*a, *b)));
        match free {
            Some(at) => order.push(open.remove(at)),
            // One whose source is still declared is told of that, in `still_there`.
            None if open.iter().any(|at| all[*at].is_declared(tree)) => return Vec::new(),
            None => {
                let detail = "The moved blocks lead in a circle, so that no object has a final address.";
                problems.push(Diagnostic::error("Cyclic dependency in move statements", detail).at(all[open[0]].span));
                return Vec::new();
            }
        }
    }
    order
}

/// Whether two targets, keys aside, have an object in common.
fn overlaps(a: &Address, b: &Address) -> bool {
    let whole = |x: &Address| x.ty.is_empty();
    let keys_meet = |x: &Option<Key>, y: &Option<Key>| x.is_none() || y.is_none() || x == y;
    let starts = |long: &Address, short: &Address| {
        long.module.len() >= short.module.len()
            && long.module.iter().zip(&short.module).all(|((n, k), (m, l))| n == m && keys_meet(k, l))
    };
    match (whole(a), whole(b)) {
        (false, false) => {
            a.config() == b.config() && a.workload == b.workload && keys_meet(&a.key, &b.key) && starts(a, b)
        }
        (true, false) => starts(b, a),
        (false, true) => starts(a, b),
        (true, true) => starts(a, b) || starts(b, a),
    }
}

impl Move<'_> {
    /// Whether the configuration declares the resource that all moves away from.
    fn is_declared(&self, tree: &Tree<'_>) -> bool {
        let Target::Resource(from) = &self.from else { return false };
        let names = self.module.iter().chain(from.module.iter().map(|(name, _)| name));
        let whole = from.key.is_none() && from.workload.is_none() && from.module.iter().all(|(_, key)| key.is_none());
        let node = tree.find(names).filter(|_| whole);
        node.is_some_and(|node| tree.nodes[node].module.resource(from.mode, &from.ty, &from.name).is_some())
    }

    /// An end of the move as seen from the root module; of a module it has no type.
    fn absolute(&self, end: &Target) -> Address {
        let mut module: Vec<(Str, Option<Key>)> = self.module.iter().map(|name| (name.clone(), None)).collect();
        match end {
            Target::Module(path) => {
                module.extend(path.iter().cloned());
                Address { module, ..Address::managed("", "", None) }
            }
            Target::Resource(address) => {
                module.extend(address.module.iter().cloned());
                Address { module, ..address.clone() }
            }
        }
    }

    /// Where an object goes, if the move is about it.
    fn new_address(&self, address: &Address) -> Option<Address> {
        let depth = self.module.len();
        let here = address.module.len() >= depth
            && self.module.iter().zip(&address.module).all(|(name, (called, _))| name == called);
        if !here {
            return None;
        }
        let (prefix, rest) = address.module.split_at(depth);
        let joined = |inner: &[(Str, Option<Key>)], last: &[(Str, Option<Key>)]| [prefix, inner, last].concat();
        match (&self.from, &self.to) {
            (Target::Resource(from), Target::Resource(to)) => {
                let single = from.key.is_some() || to.key.is_some();
                let same = from.module == rest
                    && (&from.workload, from.mode, &from.ty, &from.name)
                        == (&address.workload, address.mode, &address.ty, &address.name)
                    && (!single || from.key == address.key);
                let key = if single { to.key.clone() } else { address.key.clone() };
                same.then(|| Address { module: joined(&to.module, &[]), key, ..to.clone() })
            }
            (Target::Module(from), Target::Module(to)) => {
                let (last_from, last_to) = (from.last()?, to.last()?);
                if rest.len() < from.len() {
                    return None;
                }
                let (head, tail) = rest.split_at(from.len());
                let single = last_from.1.is_some() || last_to.1.is_some();
                let (called, outer) = head.split_last()?;
                let same =
                    outer == &from[..from.len() - 1] && called.0 == last_from.0 && (!single || called.1 == last_from.1);
                if !same {
                    return None;
                }
                let mut inner = to.clone();
                if !single && let Some(last) = inner.last_mut() {
                    last.1 = called.1.clone();
                }
                Some(Address { module: joined(&inner, tail), ..address.clone() })
            }
            _ => None,
        }
    }
}

/// A resource that came to be counted, or ceased to be, keeps its first instance.
fn implied(tree: &Tree<'_>, state: &mut State, before: &mut BTreeMap<Address, Address>) {
    let ids: Vec<ObjectId> = state.objects.keys().filter(|id| id.address.workload.is_none()).cloned().collect();
    for id in ids {
        let address = &id.address;
        let Some(node) = tree.find(address.module.iter().map(|(name, _)| name)) else { continue };
        let Some(resource) = tree.nodes[node].module.resource(address.mode, &address.ty, &address.name) else {
            continue;
        };
        let key = match &address.key {
            None if resource.count.is_some() => Some(Key::Int(0)),
            Some(Key::Int(0)) if resource.count.is_none() && resource.for_each.is_none() => None,
            _ => continue,
        };
        let to = Address { key, ..address.clone() };
        relocate(state, before, &id, to, None, &mut Vec::new());
    }
}

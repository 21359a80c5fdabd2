//! What depends on what inside a module: an order in which everything can be evaluated, and the cycles that leave none.

use super::ast::{Body, Expr};
use super::module::{Local, Module, Resource};
use super::reference::{Reference, Subject, references, traversals};
use crate::diag::{Diagnostic, Span};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;

/// Calls `found` with every expression of a body and of the blocks in it.
pub fn body_expressions<'a>(body: &'a Body, found: &mut impl FnMut(&'a Expr)) {
    body.attributes.iter().for_each(|attribute| found(&attribute.expr));
    body.blocks.iter().for_each(|block| body_expressions(&block.body, found));
}

/// What a module's locals, resources and calls refer to.
struct Graph<'a> {
    graph: DiGraph<Subject<'a>, ()>,
    nodes: BTreeMap<Subject<'a>, NodeIndex>,
    places: BTreeMap<Subject<'a>, &'a Span>,
}

/// Locals, resources and module calls, each after all it refers to; and an error for each cycle. What is in a cycle is in the order
/// all the same.
pub fn dependency_order(module: &Module) -> (Vec<Subject<'_>>, Vec<Diagnostic>) {
    let graph = Graph::new(module);
    let mut order = Vec::with_capacity(graph.nodes.len());
    let mut diags = Vec::new();
    // Components come in reverse topological order; an edge points at what is needed, so needed ones come first.
    for component in kosaraju_scc(&graph.graph) {
        let mut subjects: Vec<Subject<'_>> = component.iter().map(|node| graph.graph[*node]).collect();
        subjects.sort();
        // What names itself is told where that is evaluated: see `self_referring_local`, `self_reference`.
        // A call's outputs do not all need all of its arguments: only the whole of it looks like a cycle.
        let through_module = subjects.iter().any(|subject| matches!(subject, Subject::Module(_)));
        if subjects.len() > 1 && !through_module {
            diags.push(graph.cycle(&subjects));
        }
        order.extend(subjects);
    }
    (order, diags)
}

impl<'a> Graph<'a> {
    fn new(module: &'a Module) -> Graph<'a> {
        let mut graph = Graph { graph: DiGraph::new(), nodes: BTreeMap::new(), places: BTreeMap::new() };
        for (name, local) in &module.locals {
            graph.add(Subject::Local(name), &local.span);
        }
        for ((mode, ty, name), resource) in &module.resources {
            graph.add(Subject::Resource(*mode, ty, name), &resource.span);
        }
        for (name, call) in &module.modules {
            graph.add(Subject::Module(name), &call.span);
        }
        for (name, local) in &module.locals {
            graph.connect(Subject::Local(name), &local.expr);
        }
        for ((mode, ty, name), resource) in &module.resources {
            let from = Subject::Resource(*mode, ty, name);
            resource.count.iter().chain(&resource.for_each).for_each(|expr| graph.connect(from, expr));
            body_expressions(&resource.body, &mut |expr| graph.connect(from, expr));
            for traversal in &resource.depends_on {
                graph.connect_to(from, Reference::parse(traversal).ok().map(|r| r.subject));
            }
            for expr in &resource.lifecycle.replace_triggered_by {
                graph.connect(from, expr);
            }
        }
        for (name, call) in &module.modules {
            let from = Subject::Module(name);
            call.count.iter().chain(&call.for_each).for_each(|expr| graph.connect(from, expr));
            body_expressions(&call.body, &mut |expr| graph.connect(from, expr));
            for traversal in &call.depends_on {
                graph.connect_to(from, Reference::parse(traversal).ok().map(|r| r.subject));
            }
        }
        graph
    }

    fn add(&mut self, subject: Subject<'a>, place: &'a Span) {
        let node = self.graph.add_node(subject);
        self.nodes.insert(subject, node);
        self.places.insert(subject, place);
    }

    fn connect(&mut self, from: Subject<'a>, expr: &'a Expr) {
        traversals(expr, &mut |traversal| {
            self.connect_to(from, Reference::parse(traversal).ok().map(|r| r.subject));
        });
    }

    fn connect_to(&mut self, from: Subject<'a>, to: Option<Subject<'a>>) {
        if let (Some(from), Some(to)) = (self.nodes.get(&from), to.and_then(|to| self.nodes.get(&to))) {
            self.graph.update_edge(*from, *to, ());
        }
    }

    fn cycle(&self, subjects: &[Subject<'_>]) -> Diagnostic {
        let names: Vec<String> = subjects.iter().map(|subject| cycle_name(*subject)).collect();
        let mut diag = Diagnostic::error(
            format!("Cycle: {}", names.join(", ")),
            "Each of these needs another of them, or itself, first.",
        );
        // Terraform tells no place; it is many.
        for place in subjects.iter().filter_map(|subject| self.places.get(subject)) {
            diag = diag.related(place, "part of the cycle");
        }
        diag.help("Break the cycle: give one of them a value that does not come from the others.")
    }
}

/// The name a cycle calls a thing, as Terraform's graph does.
fn cycle_name(subject: Subject<'_>) -> String {
    match subject {
        Subject::Local(name) => format!("local.{name} (expand)"),
        Subject::Module(name) => format!("module.{name} (expand)"),
        Subject::Resource(mode, ty, name) => format!("{}{ty}.{name}", mode.prefix()),
        other => format!("{other:?}"),
    }
}

/// A local value that needs itself.
pub fn self_referring_local(local: &Local) -> Option<Diagnostic> {
    let name = &*local.name.name;
    let own = references(&local.expr).0.into_iter().find(|reference| reference.subject == Subject::Local(name))?;
    let detail = format!("Local value local.{name} cannot use its own result as part of its expression.");
    Some(Diagnostic::error("Self-referencing local value", detail).at(&own.span))
}

/// A resource that refers to itself: an error when it is planned, not before, as in Terraform.
pub fn self_reference(resource: &Resource) -> Option<Diagnostic> {
    let own = Subject::Resource(resource.mode, &resource.ty.text, &resource.name.text);
    let mut found = None;
    let mut look = |expr: &Expr| {
        let hit = references(expr).0.into_iter().find(|reference| reference.subject == own).map(|r| r.whole);
        found = found.take().or(hit);
    };
    resource.count.iter().chain(&resource.for_each).for_each(&mut look);
    body_expressions(&resource.body, &mut look);
    let detail = format!(
        "Configuration for {}{}.{} may not refer to itself.",
        resource.mode.prefix(),
        resource.ty.text,
        resource.name.text
    );
    Some(Diagnostic::error("Self-referential block", detail).at(&found?))
}

/// The subjects an expression refers to, without errors.
pub fn subjects(expr: &Expr) -> Vec<Subject<'_>> {
    references(expr).0.into_iter().map(|reference| reference.subject).collect()
}

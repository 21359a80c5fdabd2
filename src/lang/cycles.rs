//! Cycles that lead through calls of modules: an argument that needs an output that needs the argument. Those inside one module are
//! [`dependency_order`](super::graph::dependency_order)'s.

use super::ast::{Expr, StepKind, Traversal};
use super::graph::body_expressions;
use super::load::Config;
use super::module::Mode;
use super::reference::{Reference, Subject, traversals};
use crate::diag::{Diagnostic, Span};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::HashMap;

/// What takes part, in the module of a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
enum Item<'a> {
    Local(&'a str),
    Resource(Mode, &'a str, &'a str),
    /// An input of a called module.
    Input(&'a str),
    Output(&'a str),
    /// How many instances a called module has.
    Expansion,
}

type Node<'a> = (usize, Item<'a>);

/// A module of the tree.
struct Place<'a> {
    config: &'a Config,
    /// `module.a.module.b`, empty for the root.
    name: String,
    /// The numbers of the modules it calls, by the names of the calls.
    children: HashMap<&'a str, usize>,
}

/// All of a configuration and what each needs.
struct Whole<'a> {
    places: Vec<Place<'a>>,
    graph: DiGraph<Node<'a>, ()>,
    nodes: HashMap<Node<'a>, NodeIndex>,
    /// What is in each module.
    members: Vec<Vec<NodeIndex>>,
    spans: HashMap<NodeIndex, &'a Span>,
}

/// An error for each cycle that leads through a call.
pub fn through_calls(config: &Config) -> Vec<Diagnostic> {
    if config.children.is_empty() {
        return Vec::new();
    }
    let mut whole = Whole {
        places: Vec::new(),
        graph: DiGraph::new(),
        nodes: HashMap::new(),
        members: Vec::new(),
        spans: HashMap::new(),
    };
    whole.place(config, String::new());
    for at in 0..whole.places.len() {
        whole.connect(at);
    }
    let boundary =
        |node: &NodeIndex| matches!(whole.graph[*node].1, Item::Input(_) | Item::Output(_) | Item::Expansion);
    let circles = kosaraju_scc(&whole.graph).into_iter().filter(|c| c.len() > 1 && c.iter().any(boundary));
    circles.map(|circle| whole.told(circle)).collect()
}

impl<'a> Whole<'a> {
    /// Takes in a module and those it calls.
    fn place(&mut self, config: &'a Config, name: String) -> usize {
        let at = self.places.len();
        let inner =
            |call: &str| if name.is_empty() { format!("module.{call}") } else { format!("{name}.module.{call}") };
        let called: Vec<(&str, String)> = config.children.keys().map(|call| (&**call, inner(call))).collect();
        self.places.push(Place { config, name, children: HashMap::new() });
        self.members.push(Vec::new());
        let module = &config.module;
        for (local, it) in &module.locals {
            self.add((at, Item::Local(local)), &it.span);
        }
        for ((mode, ty, resource), it) in &module.resources {
            self.add((at, Item::Resource(*mode, ty, resource)), &it.span);
        }
        for (output, it) in &module.outputs {
            self.add((at, Item::Output(output)), &it.span);
        }
        for (call, name) in called {
            let (Some(child), Some(node)) = (config.children.get(call), module.modules.get(call)) else { continue };
            let number = self.place(child, name);
            self.add((number, Item::Expansion), &node.span);
            for (input, it) in &child.module.variables {
                self.add((number, Item::Input(input)), &it.span);
            }
            self.places[at].children.insert(call, number);
        }
        at
    }

    fn add(&mut self, node: Node<'a>, span: &'a Span) {
        let index = self.graph.add_node(node);
        self.nodes.insert(node, index);
        self.members[node.0].push(index);
        self.spans.insert(index, span);
    }

    fn connect(&mut self, at: usize) {
        let module = &self.places[at].config.module;
        for (name, local) in &module.locals {
            self.needs((at, Item::Local(name)), at, &local.expr);
        }
        for ((mode, ty, name), resource) in &module.resources {
            let from = (at, Item::Resource(*mode, ty, name));
            resource.count.iter().chain(&resource.for_each).for_each(|expr| self.needs(from, at, expr));
            body_expressions(&resource.body, &mut |expr| self.needs(from, at, expr));
            resource.depends_on.iter().for_each(|traversal| self.needs_named(from, at, traversal));
        }
        for (name, output) in &module.outputs {
            let from = (at, Item::Output(name));
            output.value.iter().for_each(|expr| self.needs(from, at, expr));
            output.depends_on.iter().for_each(|traversal| self.needs_named(from, at, traversal));
        }
        for (name, call) in &module.modules {
            let Some(number) = self.places[at].children.get(&**name).copied() else { continue };
            let expansion = (number, Item::Expansion);
            call.count.iter().chain(&call.for_each).for_each(|expr| self.needs(expansion, at, expr));
            for attribute in &call.body.attributes {
                let input = (number, Item::Input(&attribute.name.name));
                self.needs(input, at, &attribute.expr);
            }
            // Nothing is inside before it is known how often.
            let Some(to) = self.nodes.get(&expansion).copied() else { continue };
            for node in self.members[number].iter().filter(|node| **node != to) {
                self.graph.update_edge(*node, to, ());
            }
        }
    }

    fn needs(&mut self, from: Node<'a>, at: usize, expr: &'a Expr) {
        traversals(expr, &mut |traversal| self.needs_named(from, at, traversal));
    }

    fn needs_named(&mut self, from: Node<'a>, at: usize, traversal: &'a Traversal) {
        let (Some(from), Ok(reference)) = (self.nodes.get(&from).copied(), Reference::parse(traversal)) else { return };
        let to = match reference.subject {
            Subject::Local(name) => vec![(at, Item::Local(name))],
            Subject::Variable(name) => vec![(at, Item::Input(name))],
            Subject::Resource(mode, ty, name) => vec![(at, Item::Resource(mode, ty, name))],
            Subject::Module(name) => self.outputs(at, name, &reference),
            _ => Vec::new(),
        };
        for to in to.iter().filter_map(|to| self.nodes.get(to).copied()).collect::<Vec<_>>() {
            self.graph.update_edge(from, to, ());
        }
    }

    /// The outputs of a call that a reference needs: the one it names, or all.
    fn outputs(&self, at: usize, call: &str, reference: &Reference<'a>) -> Vec<Node<'a>> {
        let Some(number) = self.places[at].children.get(call).copied() else { return Vec::new() };
        let named = reference.steps.iter().find_map(|step| match &step.kind {
            StepKind::Attr(name) => Some(&**name),
            StepKind::Index(_) => None,
        });
        match named {
            Some(name) => vec![(number, Item::Output(name))],
            None => self.places[number].config.module.outputs.keys().map(|name| (number, Item::Output(name))).collect(),
        }
    }

    fn told(&self, circle: Vec<NodeIndex>) -> Diagnostic {
        let mut parts: Vec<(String, &Span)> =
            circle.iter().filter_map(|node| Some((self.name(self.graph[*node]), *self.spans.get(node)?))).collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        let mut diag = Diagnostic::error(
            format!("Cycle: {}", names.join(", ")),
            "Each of these needs another of them, or itself, first.",
        );
        // Terraform tells no place; it is many.
        for (_, span) in &parts {
            diag = diag.related(span, "part of the cycle");
        }
        diag.help("Break the cycle: give one of them a value that does not come from the others.")
    }

    /// The name Terraform's graph has for it.
    fn name(&self, (number, item): Node<'_>) -> String {
        let place = &self.places[number].name;
        let dot = if place.is_empty() { "" } else { "." };
        match item {
            Item::Local(name) => format!("{place}{dot}local.{name} (expand)"),
            Item::Resource(mode, ty, name) => format!("{place}{dot}{}{ty}.{name}", mode.prefix()),
            Item::Input(name) => format!("{place}{dot}var.{name} (expand)"),
            Item::Output(name) => format!("{place}{dot}output.{name} (expand)"),
            Item::Expansion => format!("{place} (expand)"),
        }
    }
}

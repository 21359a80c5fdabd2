//! What depends on what in a whole configuration: the drawing that `graph` makes. Nothing is evaluated.
//!
//! All that can be referred to is a node: resources, locals, variables, outputs, and a module's beginning and end. What people want
//! to see are resources only; [`Outline::resources`] leaves the rest out and keeps what follows through it.

use crate::lang::ast::{Body, Expr, StepKind, Traversal};
use crate::lang::body::body_traversals;
use crate::lang::load::Config;
use crate::lang::module::{Mode, Resource};
use crate::lang::reference::{Reference, Subject, traversals};
use crate::lang::tree::Tree;
use crate::plan::providers::{Providers, local_name};
use crate::spec::Spec;
use std::collections::{BTreeSet, HashMap};

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodeKind {
    /// A resource or data source, with all its instances.
    Resource,
    /// A provider's configuration.
    Provider,
    /// The end of a provider: when all its resources are done.
    ProviderClose,
    /// A variable of the root module.
    RootVariable,
    /// A variable of a called module.
    Variable,
    /// A local value.
    Local,
    /// An output.
    Output,
    /// A module call before anything in it.
    ModuleOpen,
    /// A module call when all in it is done.
    ModuleClose,
    /// All there is.
    Root,
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// The module it is in, `module.a.module.b`; empty for the root module.
    pub module: String,
    /// Its name inside the module.
    pub name: String,
}

impl Node {
    /// Its name in the whole configuration.
    pub fn address(&self) -> String {
        if self.module.is_empty() { self.name.clone() } else { format!("{}.{}", self.module, self.name) }
    }
}

/// Nodes, and what each needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outline {
    /// All nodes.
    pub nodes: Vec<Node>,
    /// By node: indices of those it needs. Sorted.
    pub needs: Vec<Vec<usize>>,
}

impl Outline {
    /// All nodes of a configuration with every dependency.
    pub fn of(config: &Config, spec: &Spec) -> Outline {
        let mut build = Build::default();
        let root = build.node(NodeKind::Root, "", "root");
        let providers = Providers::of(&Tree::of(config, "."));
        build.workload_names(spec);
        build.module(config, "", None, &providers);
        build.workloads(config, spec, &providers);
        let ends: Vec<usize> = (0..build.nodes.len()).filter(|i| *i != root).collect();
        build.needs[root].extend(ends);
        let needs = build.needs.into_iter().map(|needs| needs.into_iter().collect()).collect();
        Outline { nodes: build.nodes, needs }
    }

    /// Resources only, each with the resources it needs, through whatever is between.
    pub fn resources(&self) -> Outline {
        let kept: Vec<usize> = (0..self.nodes.len()).filter(|i| self.nodes[*i].kind == NodeKind::Resource).collect();
        let place: HashMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        let needs = kept
            .iter()
            .map(|from| {
                let mut found = BTreeSet::new();
                let mut seen = BTreeSet::from([*from]);
                let mut pending = self.needs[*from].clone();
                while let Some(node) = pending.pop() {
                    if !seen.insert(node) {
                        continue;
                    }
                    match place.get(&node) {
                        Some(resource) => {
                            found.insert(*resource);
                        }
                        None => pending.extend(&self.needs[node]),
                    }
                }
                found.into_iter().collect()
            })
            .collect();
        Outline { nodes: kept.iter().map(|i| self.nodes[*i].clone()).collect(), needs }
    }

    /// Without the dependencies that follow from others. Those in a circle all stay.
    pub fn reduced(&self) -> Outline {
        let mut seen: Vec<usize> = vec![usize::MAX; self.nodes.len()];
        let needs = (0..self.nodes.len())
            .map(|from| {
                // All that is reached in two steps or more.
                let mut pending: Vec<usize> = Vec::new();
                for need in &self.needs[from] {
                    pending.extend(self.needs[*need].iter().filter(|n| *n != need));
                }
                while let Some(node) = pending.pop() {
                    if std::mem::replace(&mut seen[node], from) != from && node != from {
                        pending.extend(&self.needs[node]);
                    }
                }
                self.needs[from].iter().copied().filter(|need| *need == from || seen[*need] != from).collect()
            })
            .collect();
        Outline { nodes: self.nodes.clone(), needs }
    }
}

#[derive(Default)]
struct Build {
    nodes: Vec<Node>,
    needs: Vec<BTreeSet<usize>>,
    /// By module and name.
    places: HashMap<(String, String), usize>,
}

impl Build {
    /// The node of this name, made if there is none.
    fn node(&mut self, kind: NodeKind, module: &str, name: &str) -> usize {
        let key = (module.to_owned(), name.to_owned());
        if let Some(at) = self.places.get(&key) {
            return *at;
        }
        self.places.insert(key, self.nodes.len());
        self.nodes.push(Node { kind, module: module.to_owned(), name: name.to_owned() });
        self.needs.push(BTreeSet::new());
        self.nodes.len() - 1
    }

    fn find(&self, module: &str, name: &str) -> Option<usize> {
        self.places.get(&(module.to_owned(), name.to_owned())).copied()
    }

    /// A module and those it calls. `open` is its beginning, in a called one.
    fn module(&mut self, config: &Config, path: &str, open: Option<usize>, providers: &Providers) {
        let first = self.nodes.len();
        let module = &config.module;
        // All names first, so that references find them.
        let variable = if path.is_empty() { NodeKind::RootVariable } else { NodeKind::Variable };
        module.variables.keys().for_each(|name| _ = self.node(variable, path, &format!("var.{name}")));
        module.locals.keys().for_each(|name| _ = self.node(NodeKind::Local, path, &format!("local.{name}")));
        module.outputs.keys().for_each(|name| _ = self.node(NodeKind::Output, path, &format!("output.{name}")));
        module.resources.values().for_each(|r| _ = self.node(NodeKind::Resource, path, &resource_name(r)));
        for (name, child) in &config.children {
            let inner = join(path, &format!("module.{name}"));
            let close = self.node(NodeKind::ModuleClose, &inner, "(close)");
            let start = self.node(NodeKind::ModuleOpen, &inner, "(expand)");
            let before = self.nodes.len();
            self.module(child, &inner, Some(start), providers);
            let inside: Vec<usize> = (before..self.nodes.len())
                .filter(|i| !matches!(self.nodes[*i].kind, NodeKind::Provider | NodeKind::ProviderClose))
                .collect();
            self.needs[close].extend(inside);
            self.needs[start].extend(open);
        }
        if let Some(open) = open {
            (first..self.nodes.len())
                .filter(|i| self.nodes[*i].module == path)
                .for_each(|i| _ = self.needs[i].insert(open));
        }
        self.references(config, path, providers);
    }

    fn references(&mut self, config: &Config, path: &str, providers: &Providers) {
        let module = &config.module;
        for (name, local) in &module.locals {
            let node = self.node(NodeKind::Local, path, &format!("local.{name}"));
            self.expr(node, path, &local.expr);
        }
        for (name, output) in &module.outputs {
            let node = self.node(NodeKind::Output, path, &format!("output.{name}"));
            output.value.iter().for_each(|expr| self.expr(node, path, expr));
            output.depends_on.iter().for_each(|t| self.traversal(node, path, t));
        }
        for resource in module.resources.values() {
            let node = self.node(NodeKind::Resource, path, &resource_name(resource));
            self.resource(node, path, resource);
            self.provided(node, config, resource, providers);
        }
        for (name, call) in &module.modules {
            let inner = join(path, &format!("module.{name}"));
            let Some(open) = self.find(&inner, "(expand)") else { continue };
            call.count.iter().chain(&call.for_each).for_each(|expr| self.expr(open, path, expr));
            call.depends_on.iter().for_each(|t| self.traversal(open, path, t));
            for attribute in &call.body.attributes {
                if let Some(variable) = self.find(&inner, &format!("var.{}", &*attribute.name.name)) {
                    self.expr(variable, path, &attribute.expr);
                }
            }
        }
    }

    fn resource(&mut self, node: usize, path: &str, resource: &Resource) {
        self.body(node, path, &resource.body);
        let lifecycle = &resource.lifecycle;
        let rules = lifecycle.preconditions.iter().chain(&lifecycle.postconditions);
        let exprs = resource.count.iter().chain(&resource.for_each).chain(&lifecycle.replace_triggered_by);
        exprs.chain(rules.flat_map(|r| [&r.condition, &r.error_message])).for_each(|e| self.expr(node, path, e));
        resource.provisioners.iter().chain(&resource.connection).for_each(|b| self.body(node, path, &b.body));
        resource.depends_on.iter().for_each(|t| self.traversal(node, path, t));
    }

    /// A resource needs the configuration of its provider, and the provider's end needs the resource.
    fn provided(&mut self, node: usize, config: &Config, resource: &Resource, providers: &Providers) {
        let local = resource.provider.as_ref().map_or_else(|| local_name(&resource.ty.text), |p| &*p.name);
        let alias = resource.provider.as_ref().and_then(|p| p.alias.as_ref());
        let built_in = local == "terraform" && !config.module.required_providers.contains_key(local);
        let source = if built_in { "terraform.io/builtin/terraform".to_owned() } else { providers.source(local) };
        let mut name = format!("provider[\"{source}\"]");
        name.extend(alias.iter().map(|alias| format!(".{alias}")));
        let provider = self.node(NodeKind::Provider, "", &name);
        let close = self.node(NodeKind::ProviderClose, "", &format!("{name} (close)"));
        self.needs[node].insert(provider);
        self.needs[close].extend([node, provider]);
        let written = config.module.providers.iter().find(|c| &*c.name == local && c.alias.as_ref() == alias);
        if let Some(written) = written {
            self.body(provider, "", &written.body);
        }
    }

    /// Resources of replica templates, by name only.
    fn workload_names(&mut self, spec: &Spec) {
        for workload in &spec.workloads {
            let path = format!("workload.{}", workload.rules.name);
            for resource in workload.templates.iter().flat_map(|t| &t.resources) {
                self.node(NodeKind::Resource, &path, &resource_name(resource));
            }
        }
    }

    /// What they refer to: those of one replica know each other by name.
    fn workloads(&mut self, config: &Config, spec: &Spec, providers: &Providers) {
        for workload in &spec.workloads {
            let path = format!("workload.{}", workload.rules.name);
            for resource in workload.templates.iter().flat_map(|t| &t.resources) {
                let node = self.node(NodeKind::Resource, &path, &resource_name(resource));
                self.resource(node, &path, resource);
                self.provided(node, config, resource, providers);
            }
        }
    }

    fn body(&mut self, node: usize, path: &str, body: &Body) {
        let mut found: Vec<Traversal> = Vec::new();
        body_traversals(body, &mut |t| found.push(t.clone()));
        found.iter().for_each(|t| self.traversal(node, path, t));
    }

    fn expr(&mut self, node: usize, path: &str, expr: &Expr) {
        let mut found: Vec<&Traversal> = Vec::new();
        traversals(expr, &mut |t| found.push(t));
        found.into_iter().for_each(|t| self.traversal(node, path, t));
    }

    fn traversal(&mut self, node: usize, path: &str, traversal: &Traversal) {
        let Ok(reference) = Reference::parse(traversal) else { return };
        let target = match reference.subject {
            Subject::Variable(name) => self.named(path, &format!("var.{name}")),
            Subject::Local(name) => self.named(path, &format!("local.{name}")),
            Subject::Resource(mode, ty, name) => self.named(path, &name_of(mode, ty, name)),
            Subject::Module(name) => {
                let inner = join(path, &format!("module.{name}"));
                let output = reference.steps.iter().find_map(|step| match &step.kind {
                    StepKind::Attr(name) => self.find(&inner, &format!("output.{name}")),
                    StepKind::Index(_) => None,
                });
                output.or_else(|| self.find(&inner, "(close)"))
            }
            Subject::OwnNamed("workload", name) => {
                let inner = format!("workload.{name}");
                let members: Vec<usize> = (0..self.nodes.len()).filter(|i| self.nodes[*i].module == inner).collect();
                self.needs[node].extend(members.into_iter().filter(|i| *i != node));
                None
            }
            _ => None,
        };
        self.needs[node].extend(target.filter(|target| *target != node));
    }

    /// A name of a module; inside a replica also those of the root module.
    fn named(&self, path: &str, name: &str) -> Option<usize> {
        self.find(path, name).or_else(|| self.find("", name).filter(|_| path.starts_with("workload.")))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn resource_name(resource: &Resource) -> String {
    name_of(resource.mode, &resource.ty.text, &resource.name.text)
}

fn name_of(mode: Mode, ty: &str, name: &str) -> String {
    if mode == Mode::Data { format!("data.{ty}.{name}") } else { format!("{ty}.{name}") }
}

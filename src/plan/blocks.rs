//! Everything that is evaluated or planned, and what must come before what.
//!
//! Resources and replica templates are planned; variables, locals, outputs, module calls and provider configurations only carry
//! values between them. All are nodes of one graph, so that its size is that of the text, however often a local is used. A module is
//! here once, as configured; its instances are made while planning.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::providers::Providers;
use super::references::Finder;
use super::traverse::config_address;
use crate::diag::{Diagnostic, Span};
use crate::lang::address::{Address, Mode};
use crate::lang::ast::{StepKind, Traversal};
use crate::lang::module::{Import, Local, ModuleCall, Output, ProviderConfig, Resource, Variable};
use crate::lang::reference::{Reference, Subject};
use crate::lang::tree::Tree;
use crate::spec::Spec;
use std::collections::{BTreeSet, HashMap};
use straddle_sdk::value::Str;

/// The most resources a state object's dependencies are written out to with all they depend on in turn, as Terraform does; beyond
/// that only the nearest are, since the state would grow with the square of the configuration.
const MOST_DEPENDENCIES: usize = 256;

/// One node.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    pub kind: BlockKind<'a>,
    /// The number of the module it stands in.
    pub module: usize,
    /// Nodes it refers to (indices), templates of its own replica included. Sorted.
    pub needs: Vec<usize>,
    /// Resources and templates it is made from: the nearest, and what data sources among them are made from. Sorted.
    pub made_from: Vec<usize>,
    /// Resources named by `depends_on`, also of the calls around it, and all they are made from.
    pub explicit: BTreeSet<usize>,
    /// Workloads whose counts, shares or members it refers to from outside, directly or through locals.
    pub follows: BTreeSet<Str>,
    /// It names, directly or through others, who works in a workload with standbys.
    pub promotes: bool,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum BlockKind<'a> {
    /// A resource or data source of a module. The address has no keys.
    Resource {
        resource: &'a Resource,
        address: Address,
    },
    /// A resource of a workload's template: indices into `Spec::workloads` and its templates.
    Template {
        workload: usize,
        template: usize,
        resource: &'a Resource,
        address: Address,
    },
    Variable(&'a Variable),
    Local(&'a Local),
    Output(&'a Output),
    /// A module call: how often the module is made. The number is the called module's.
    Call(&'a ModuleCall, usize),
    /// All outputs of a called module.
    Outputs(usize),
    /// All of a called module.
    Whole(usize),
    /// A provider configuration.
    Provider(&'a ProviderConfig),
}

impl<'a> Block<'a> {
    /// The resource as written, with the address its instances share.
    pub fn resource(&self) -> Option<(&'a Resource, &Address)> {
        match &self.kind {
            BlockKind::Resource { resource, address } | BlockKind::Template { resource, address, .. } => {
                Some((*resource, address))
            }
            _ => None,
        }
    }

    /// Whether it is planned.
    pub fn is_resource(&self) -> bool {
        matches!(self.kind, BlockKind::Resource { .. } | BlockKind::Template { .. })
    }

    /// Whether it only hands on what it was made from: a data source or an ephemeral resource, which no state keeps as an object.
    fn is_read(&self) -> bool {
        self.resource().is_some_and(|(r, _)| r.mode != Mode::Managed)
    }

    /// Whether it is opened for a run and closed again.
    pub fn is_ephemeral(&self) -> bool {
        self.resource().is_some_and(|(r, _)| r.mode == Mode::Ephemeral)
    }

    fn span(&self, tree: &Tree<'a>) -> Option<&'a Span> {
        Some(match &self.kind {
            BlockKind::Resource { resource, .. } | BlockKind::Template { resource, .. } => &resource.span,
            BlockKind::Variable(variable) => &variable.span,
            BlockKind::Local(local) => &local.span,
            BlockKind::Output(output) => &output.span,
            BlockKind::Call(call, _) => &call.span,
            BlockKind::Provider(provider) => &provider.span,
            BlockKind::Outputs(child) | BlockKind::Whole(child) => &tree.nodes[*child].call?.1.span,
        })
    }

    fn name(&self, tree: &Tree<'a>) -> String {
        let within = tree.nodes[self.module].text();
        let within = if within.is_empty() { within } else { format!("{within}.") };
        match &self.kind {
            BlockKind::Resource { address, .. } | BlockKind::Template { address, .. } => address.to_string(),
            BlockKind::Variable(variable) => format!("{within}var.{} (expand)", variable.name),
            BlockKind::Local(local) => format!("{within}local.{} (expand)", local.name.name),
            BlockKind::Output(output) => format!("{within}output.{} (expand)", output.name),
            BlockKind::Call(call, _) => format!("{within}module.{} (expand)", call.name),
            BlockKind::Outputs(child) | BlockKind::Whole(child) => tree.nodes[*child].text(),
            BlockKind::Provider(provider) => format!("{within}provider.{}", provider.name),
        }
    }
}

/// All nodes, with the order among them.
#[derive(Debug)]
pub struct Blocks<'a> {
    pub list: Vec<Block<'a>>,
    /// Nodes that need this one, by index.
    pub needed_by: Vec<Vec<usize>>,
    /// Resources and templates by address without keys. Templates of several kinds of location may share one.
    by_address: HashMap<Address, Vec<usize>>,
    /// `import` blocks by the resource they name.
    imports: HashMap<usize, Vec<&'a Import>>,
    /// Provider configurations by module and index in it.
    configs: HashMap<(usize, usize), usize>,
    /// Where each node stands in an order in which each is behind all it needs. Empty where there are circles.
    rank: Vec<usize>,
    /// Nodes by module and name.
    pub(super) named: HashMap<(usize, Subject<'a>), usize>,
}

/// Names of nodes in a module.
pub(super) type Named<'a> = HashMap<(usize, Subject<'a>), usize>;

/// What one node is found to refer to.
#[derive(Default)]
pub(super) struct Found {
    pub needs: BTreeSet<usize>,
    /// By `depends_on`.
    pub explicit: BTreeSet<usize>,
    pub follows: BTreeSet<Str>,
    /// It names who works, so that it moves with a promotion.
    pub promotes: bool,
}

impl<'a> Blocks<'a> {
    /// Finds all nodes and their needs. References that lead nowhere and circles are reported.
    pub fn of(tree: &Tree<'a>, spec: &'a Spec, providers: &Providers, problems: &mut Vec<Diagnostic>) -> Blocks<'a> {
        let mut draft = Draft::default();
        draft.modules(tree);
        draft.templates(spec);
        let Draft { mut list, named, outputs, wholes, calls, configs, templates } = draft;
        let mut imports: HashMap<Address, Vec<&'a Import>> = HashMap::new();
        for import in &tree.root().module.imports {
            if let Some(address) = config_address(&import.to) {
                imports.entry(address).or_default().push(import);
            }
        }
        let mut members = vec![Vec::new(); tree.nodes.len()];
        for (i, block) in list.iter().enumerate() {
            members[block.module].push(i);
        }
        let finder = Finder {
            tree,
            spec,
            providers,
            list: &list,
            named: &named,
            outputs: &outputs,
            wholes: &wholes,
            calls: &calls,
            configs: &configs,
            templates: &templates,
            members: &members,
            imports: &imports,
        };
        let found: Vec<Found> = list.iter().map(|b| finder.needs(b, problems)).collect();
        for (block, found) in list.iter_mut().zip(found) {
            block.needs = found.needs.into_iter().collect();
            block.explicit = found.explicit;
            block.follows = found.follows;
            block.promotes = found.promotes;
        }
        let mut needed_by = vec![Vec::new(); list.len()];
        let mut by_address: HashMap<Address, Vec<usize>> = HashMap::new();
        for (i, block) in list.iter().enumerate() {
            for need in &block.needs {
                needed_by[*need].push(i);
            }
            if let Some((_, address)) = block.resource() {
                by_address.entry(address.clone()).or_default().push(i);
            }
        }
        let imports =
            imports.into_iter().filter_map(|(address, list)| Some((*by_address.get(&address)?.first()?, list)));
        let imports = imports.collect();
        let mut blocks = Blocks { imports, configs, rank: Vec::new(), list, needed_by, by_address, named };
        if !blocks.report_circles(tree, problems) {
            let order = blocks.order();
            blocks.derive(&order, spec, problems);
            blocks.rank = vec![0; order.len()];
            for (rank, block) in order.into_iter().enumerate() {
                blocks.rank[block] = rank;
            }
        }
        blocks
    }

    /// The resource at an address, whatever its keys.
    pub fn find(&self, address: &Address) -> Option<usize> {
        self.all_at(address).first().copied()
    }

    /// The resource at an address, and templates that share it.
    pub fn all_at(&self, address: &Address) -> &[usize] {
        self.by_address.get(&address.config()).map_or(&[], Vec::as_slice)
    }

    /// The `import` blocks that name a resource.
    pub fn imports_of(&self, block: usize) -> &[&'a Import] {
        self.imports.get(&block).map_or(&[], Vec::as_slice)
    }

    /// The node of the provider configuration that is written there.
    pub fn config(&self, module: usize, index: usize) -> Option<usize> {
        self.configs.get(&(module, index)).copied()
    }

    /// The ephemeral resources that nodes are made from, each behind those it is made from itself.
    pub fn ephemerals_of(&self, nodes: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut open: Vec<usize> = nodes.into_iter().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(self.list[next].made_from.iter().filter(|i| self.list[**i].is_read()));
            }
        }
        let mut all: Vec<usize> = seen.into_iter().filter(|i| self.list[*i].is_ephemeral()).collect();
        all.sort_by_key(|i| self.rank.get(*i));
        all
    }

    /// Everything a node needs, however far, in no order.
    pub fn all_needs(&self, node: usize) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        let mut open = self.list[node].needs.clone();
        while let Some(next) = open.pop() {
            if all.insert(next) {
                open.extend(&self.list[next].needs);
            }
        }
        all
    }

    /// A node of a module by its name.
    pub fn of_name(&self, module: usize, subject: Subject<'_>) -> Option<usize> {
        self.named.get(&(module, subject)).copied()
    }

    /// Addresses of blocks, sorted, each once.
    pub fn addresses(&self, indices: &[usize]) -> Vec<Address> {
        let all = indices.iter().filter_map(|i| self.list[*i].resource().map(|(_, address)| address.clone()));
        let set: BTreeSet<Address> = all.collect();
        set.into_iter().collect()
    }

    /// Whether a node is made from one of these resources, directly or through others.
    pub fn is_made_from(&self, node: usize, resources: &BTreeSet<Address>) -> bool {
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut open = self.list[node].made_from.clone();
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            if self.list[next].resource().is_some_and(|(_, address)| resources.contains(address)) {
                return true;
            }
            open.extend(&self.list[next].made_from);
        }
        false
    }

    /// What the state says an object of a block depends on: all it is made from, and all that is made from in turn.
    pub fn remembered_dependencies(&self, block: usize) -> Vec<Address> {
        let mut all: BTreeSet<usize> = BTreeSet::new();
        let mut open = self.list[block].made_from.clone();
        while let Some(next) = open.pop() {
            if all.insert(next) {
                open.extend(&self.list[next].made_from);
            }
            if all.len() > MOST_DEPENDENCIES {
                return self.addresses(&self.list[block].made_from);
            }
        }
        all.remove(&block);
        self.addresses(&all.into_iter().collect::<Vec<_>>())
    }

    /// Whether there were circles; they are reported.
    fn report_circles(&self, tree: &Tree<'a>, problems: &mut Vec<Diagnostic>) -> bool {
        let mut graph = petgraph::graph::DiGraph::<usize, ()>::new();
        let nodes: Vec<_> = (0..self.list.len()).map(|i| graph.add_node(i)).collect();
        for (i, block) in self.list.iter().enumerate() {
            for need in &block.needs {
                graph.add_edge(nodes[i], nodes[*need], ());
            }
        }
        let mut circles: Vec<Vec<usize>> = petgraph::algo::tarjan_scc(&graph)
            .into_iter()
            .map(|group| group.into_iter().map(|n| graph[n]).collect::<Vec<usize>>())
            .filter(|group| group.len() > 1 || group.iter().any(|i| self.list[*i].needs.contains(i)))
            .collect();
        for circle in &mut circles {
            circle.sort_unstable();
        }
        circles.sort();
        for circle in &circles {
            let names: Vec<String> = circle.iter().map(|i| self.list[*i].name(tree)).collect();
            let mut problem = if let [one] = names.as_slice() {
                Diagnostic::error("Self-referential block", format!("Configuration for {one} may not refer to itself."))
            } else {
                Diagnostic::error(format!("Cycle: {}", names.join(", ")), "Each of these needs another of them first.")
            };
            if let Some(span) = self.list[circle[0]].span(tree) {
                problem = problem.at(span);
            }
            problems.push(
                problem.help(
                    "Break the circle: let one of them take its value from a variable, a local or a third object.",
                ),
            );
        }
        !circles.is_empty()
    }

    /// All indices, each behind all it needs. Only without circles.
    fn order(&self) -> Vec<usize> {
        let mut waiting: Vec<usize> = self.list.iter().map(|b| b.needs.len()).collect();
        let mut order: Vec<usize> = (0..self.list.len()).filter(|i| waiting[*i] == 0).collect();
        let mut at = 0;
        while at < order.len() {
            for next in &self.needed_by[order[at]] {
                waiting[*next] -= 1;
                if waiting[*next] == 0 {
                    order.push(*next);
                }
            }
            at += 1;
        }
        order
    }

    /// What follows from the needs: what resources are made from, and which workloads are followed through names.
    fn derive(&mut self, order: &[usize], spec: &Spec, problems: &mut Vec<Diagnostic>) {
        // Explicit dependencies are inherited from calls, which stand earlier in the order.
        for &i in order {
            let mut made_from: BTreeSet<usize> = BTreeSet::new();
            let mut follows = self.list[i].follows.clone();
            let mut explicit = self.list[i].explicit.clone();
            let mut promotes = self.list[i].promotes;
            for need in self.list[i].needs.clone() {
                let needed = &self.list[need];
                if needed.is_resource() {
                    made_from.insert(need);
                }
                if !needed.is_resource() || needed.is_read() {
                    made_from.extend(&needed.made_from);
                }
                if !needed.is_resource() {
                    follows.extend(needed.follows.iter().cloned());
                    promotes |= needed.promotes;
                }
                if matches!(needed.kind, BlockKind::Call(..)) {
                    explicit.extend(&needed.explicit);
                }
            }
            self.refuse_own_workload(i, &follows, spec, problems);
            self.list[i].made_from = made_from.into_iter().collect();
            self.list[i].follows = follows;
            self.list[i].promotes = promotes;
            self.list[i].explicit = self.with_all_they_are_made_from(explicit);
        }
    }

    fn with_all_they_are_made_from(&self, of: BTreeSet<usize>) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        let mut open: Vec<usize> = of.into_iter().collect();
        while let Some(next) = open.pop() {
            if !all.insert(next) {
                continue;
            }
            open.extend(&self.list[next].made_from);
        }
        all.retain(|i| self.list[*i].is_resource());
        all
    }

    /// A replica that depends on its own workload's counts through a local.
    fn refuse_own_workload(&self, block: usize, follows: &BTreeSet<Str>, spec: &Spec, problems: &mut Vec<Diagnostic>) {
        let BlockKind::Template { workload, resource, .. } = &self.list[block].kind else { return };
        let name = &spec.workloads[*workload].rules.name;
        if follows.contains(name.as_str()) {
            problems.push(
                Diagnostic::error(
                    "Replica refers to its own workload",
                    format!(
                        "A replica of \"{name}\" cannot depend on what workload.{name} comes to: it is a part of it."
                    ),
                )
                .at(&resource.span)
                .help("Move the resource out of the replica block."),
            );
        }
    }
}

/// The nodes, before their needs are found.
#[derive(Default)]
struct Draft<'a> {
    list: Vec<Block<'a>>,
    named: Named<'a>,
    /// For each module: all its outputs, all of it, the call of it.
    outputs: Vec<Option<usize>>,
    wholes: Vec<Option<usize>>,
    calls: Vec<Option<usize>>,
    /// Provider configurations by module and index in it.
    configs: HashMap<(usize, usize), usize>,
    templates: HashMap<(usize, usize), Vec<usize>>,
}

impl<'a> Draft<'a> {
    fn push(&mut self, kind: BlockKind<'a>, module: usize) -> usize {
        self.list.push(Block {
            kind,
            module,
            needs: Vec::new(),
            made_from: Vec::new(),
            explicit: BTreeSet::new(),
            follows: BTreeSet::new(),
            promotes: false,
        });
        self.list.len() - 1
    }

    fn modules(&mut self, tree: &Tree<'a>) {
        for (number, node) in tree.nodes.iter().enumerate() {
            let module: &'a crate::lang::module::Module = node.module;
            let path: Vec<(Str, Option<crate::lang::address::Key>)> =
                node.path.iter().map(|name| (name.clone(), None)).collect();
            for ((mode, ty, name), resource) in module.all_resources() {
                let address =
                    Address { mode: *mode, module: path.clone(), ..Address::managed(ty.clone(), name.clone(), None) };
                let at = self.push(BlockKind::Resource { resource, address }, number);
                self.named.insert((number, Subject::Resource(*mode, ty, name)), at);
            }
            for (name, variable) in &module.variables {
                let at = self.push(BlockKind::Variable(variable), number);
                self.named.insert((number, Subject::Variable(name)), at);
            }
            for (name, local) in &module.locals {
                let at = self.push(BlockKind::Local(local), number);
                self.named.insert((number, Subject::Local(name)), at);
            }
            for (i, provider) in module.providers.iter().enumerate() {
                let at = self.push(BlockKind::Provider(provider), number);
                self.configs.insert((number, i), at);
            }
            let (mut outputs, mut whole, mut call) = (None, None, None);
            // An output is named in its own module as no expression could name it.
            for (name, output) in &module.outputs {
                let at = self.push(BlockKind::Output(output), number);
                self.named.insert((number, Subject::OwnNamed("output", name)), at);
            }
            if let Some((caller, written)) = node.call {
                call = Some(self.push(BlockKind::Call(written, number), caller));
                outputs = Some(self.push(BlockKind::Outputs(number), caller));
                whole = Some(self.push(BlockKind::Whole(number), caller));
            }
            self.outputs.push(outputs);
            self.wholes.push(whole);
            self.calls.push(call);
        }
    }

    fn templates(&mut self, spec: &'a Spec) {
        for (w, workload) in spec.workloads.iter().enumerate() {
            for (t, template) in workload.templates.iter().enumerate() {
                for resource in &template.resources {
                    let (ty, name) = (resource.ty.text.clone(), resource.name.text.clone());
                    let address = Address {
                        workload: Some(Str::new(&workload.rules.name)),
                        mode: resource.mode,
                        ..Address::managed(ty, name, None)
                    };
                    let at = self.push(BlockKind::Template { workload: w, template: t, resource, address }, 0);
                    self.templates.entry((w, t)).or_default().push(at);
                }
            }
        }
    }
}

/// The name of step `i`, if it is an attribute or a constant text.
pub fn attr(t: &Traversal, i: usize) -> Option<&Str> {
    match &t.steps.get(i)?.kind {
        StepKind::Attr(name) => Some(name),
        StepKind::Index(literal) => match literal.0.kind() {
            straddle_sdk::value::Kind::String(s) => Some(s),
            _ => None,
        },
    }
}

/// The attribute a reference takes first.
pub fn step_name<'r>(reference: &Reference<'r>) -> Option<&'r str> {
    match &reference.steps.first()?.kind {
        StepKind::Attr(name) => Some(name),
        StepKind::Index(literal) => literal.0.as_str(),
    }
}

/// The output a reference to a module call takes, if it names one: behind the call, or behind a constant key.
pub fn output_name<'r>(reference: &Reference<'r>) -> Option<&'r str> {
    let step = match reference.instance_key() {
        Some(_) => reference.steps.get(1)?,
        None => reference.steps.first()?,
    };
    match &step.kind {
        StepKind::Attr(name) => Some(name),
        StepKind::Index(_) => None,
    }
}

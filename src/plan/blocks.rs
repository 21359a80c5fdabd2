//! The blocks that are planned, and which must be planned before which.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use crate::diag::{Diagnostic, Span};
use crate::lang::address::{Address, Mode};
use crate::lang::ast::{Expr, StepKind, Traversal};
use crate::lang::body::body_traversals;
use crate::lang::module::{Module, Output, Resource};
use crate::lang::reference::{Reference, Subject, traversals};
use crate::spec::Spec;
use std::collections::{BTreeSet, HashMap};
use straddle_sdk::value::Str;

/// One block whose instances are planned together.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    pub kind: BlockKind<'a>,
    /// The address without key that its instances share.
    pub address: Address,
    /// Blocks it refers to (indices), templates of its own replica included. Sorted.
    pub needs: Vec<usize>,
    /// Workloads whose counts, shares or members it refers to from outside.
    pub follows: BTreeSet<Str>,
}

/// What a block is.
#[derive(Clone, Debug)]
pub enum BlockKind<'a> {
    /// A resource or data source of the module.
    Resource(&'a Resource),
    /// A resource of a workload's template: indices into `Spec::workloads` and its templates.
    Template { workload: usize, template: usize, resource: &'a Resource },
}

impl<'a> Block<'a> {
    /// The resource as written.
    pub fn resource(&self) -> &'a Resource {
        match self.kind {
            BlockKind::Resource(resource) | BlockKind::Template { resource, .. } => resource,
        }
    }
}

/// All blocks, with the order among them.
#[derive(Debug)]
pub struct Blocks<'a> {
    pub list: Vec<Block<'a>>,
    /// Blocks that need this one, by index.
    pub needed_by: Vec<Vec<usize>>,
    /// The module's own resources by mode, type and name.
    pub named: HashMap<(Mode, Str, Str), usize>,
}

impl<'a> Blocks<'a> {
    /// Finds all blocks and their needs. References that lead nowhere and circles are reported.
    pub fn of(module: &'a Module, spec: &'a Spec, problems: &mut Vec<Diagnostic>) -> Blocks<'a> {
        let mut list = Vec::new();
        let mut named = HashMap::new();
        for ((mode, ty, name), resource) in &module.resources {
            named.insert((*mode, ty.clone(), name.clone()), list.len());
            let address = Address { mode: *mode, ..Address::managed(ty.clone(), name.clone(), None) };
            list.push(Block {
                kind: BlockKind::Resource(resource),
                address,
                needs: Vec::new(),
                follows: BTreeSet::new(),
            });
        }
        let mut templates: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (w, workload) in spec.workloads.iter().enumerate() {
            for (t, template) in workload.templates.iter().enumerate() {
                for resource in &template.resources {
                    let (ty, name) = (resource.ty.text.clone(), resource.name.text.clone());
                    let address = Address {
                        workload: Some(Str::new(&workload.rules.name)),
                        mode: resource.mode,
                        ..Address::managed(ty, name, None)
                    };
                    templates.entry((w, t)).or_default().push(list.len());
                    let kind = BlockKind::Template { workload: w, template: t, resource };
                    list.push(Block { kind, address, needs: Vec::new(), follows: BTreeSet::new() });
                }
            }
        }
        let finder = Finder { module, spec, list: &list, named: &named, templates: &templates };
        let found: Vec<(BTreeSet<usize>, BTreeSet<Str>)> = list.iter().map(|b| finder.needs(b, problems)).collect();
        for (block, (needs, follows)) in list.iter_mut().zip(found) {
            block.needs = needs.into_iter().collect();
            block.follows = follows;
        }
        let mut needed_by = vec![Vec::new(); list.len()];
        for (i, block) in list.iter().enumerate() {
            for need in &block.needs {
                needed_by[*need].push(i);
            }
        }
        let blocks = Blocks { list, needed_by, named };
        blocks.report_circles(problems);
        blocks
    }

    /// Which blocks and workloads an output refers to.
    pub fn output_needs(
        &self,
        module: &Module,
        spec: &Spec,
        output: &Output,
        problems: &mut Vec<Diagnostic>,
    ) -> BTreeSet<usize> {
        let templates = HashMap::new();
        let finder = Finder { module, spec, list: &self.list, named: &self.named, templates: &templates };
        let mut walk = Walk::new(&finder, None);
        if let Some(value) = &output.value {
            walk.expr(value, problems);
        }
        walk.needs
    }

    fn report_circles(&self, problems: &mut Vec<Diagnostic>) {
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
        for circle in circles {
            let names: Vec<String> = circle.iter().map(|i| self.list[*i].address.to_string()).collect();
            let span = &self.list[circle[0]].resource().span;
            let problem = if let [one] = names.as_slice() {
                Diagnostic::error("Self-referential block", format!("Configuration for {one} may not refer to itself."))
            } else {
                Diagnostic::error("Cycle", format!("These refer to each other: {}.", names.join(", ")))
            };
            problems.push(
                problem.at(span).help(
                    "Break the circle: let one of them take its value from a variable, a local or a third object.",
                ),
            );
        }
    }
}

/// Finds what blocks refer to.
struct Finder<'f, 'a> {
    module: &'a Module,
    spec: &'a Spec,
    list: &'f [Block<'a>],
    named: &'f HashMap<(Mode, Str, Str), usize>,
    templates: &'f HashMap<(usize, usize), Vec<usize>>,
}

impl<'a> Finder<'_, 'a> {
    fn needs(&self, block: &Block<'a>, problems: &mut Vec<Diagnostic>) -> (BTreeSet<usize>, BTreeSet<Str>) {
        let own = match block.kind {
            BlockKind::Template { workload, template, .. } => Some((workload, template)),
            BlockKind::Resource(_) => None,
        };
        let mut walk = Walk::new(self, own);
        let resource = block.resource();
        let mut all: Vec<&Traversal> = Vec::new();
        body_traversals(&resource.body, &mut |t| all.push(t));
        let lifecycle = &resource.lifecycle;
        let rules = lifecycle.preconditions.iter().chain(&lifecycle.postconditions);
        let exprs = resource.count.iter().chain(&resource.for_each).chain(&lifecycle.replace_triggered_by);
        for expr in exprs.chain(rules.flat_map(|r| [&r.condition, &r.error_message])) {
            traversals(expr, &mut |t| all.push(t));
        }
        all.extend(&resource.depends_on);
        for traversal in all {
            walk.traversal(traversal, problems);
        }
        (walk.needs, walk.follows)
    }
}

/// One block's references, through locals.
struct Walk<'w, 'f, 'a> {
    finder: &'w Finder<'f, 'a>,
    own: Option<(usize, usize)>,
    needs: BTreeSet<usize>,
    follows: BTreeSet<Str>,
    locals: BTreeSet<Str>,
}

impl<'w, 'f, 'a> Walk<'w, 'f, 'a> {
    fn new(finder: &'w Finder<'f, 'a>, own: Option<(usize, usize)>) -> Walk<'w, 'f, 'a> {
        Walk { finder, own, needs: BTreeSet::new(), follows: BTreeSet::new(), locals: BTreeSet::new() }
    }

    fn expr(&mut self, expr: &Expr, problems: &mut Vec<Diagnostic>) {
        let mut all = Vec::new();
        traversals(expr, &mut |t| all.push(t));
        for traversal in all {
            self.traversal(traversal, problems);
        }
    }

    /// What one traversal needs. Those that are no references at all are the evaluator's to report.
    fn traversal(&mut self, t: &Traversal, problems: &mut Vec<Diagnostic>) {
        let Ok(reference) = Reference::parse(t) else { return };
        match reference.subject {
            Subject::Local(name) => self.local(name, problems),
            Subject::OwnNamed("workload", name) => self.workload(name, &reference, problems),
            Subject::Resource(mode, ty, name) => self.resource(mode, ty, name, &reference.span, problems),
            _ => {}
        }
    }

    fn local(&mut self, name: &str, problems: &mut Vec<Diagnostic>) {
        if self.locals.insert(Str::new(name))
            && let Some(local) = self.finder.module.locals.get(name)
        {
            self.expr(&local.expr, problems);
        }
    }

    /// `workload.web.members` waits for every replica; its numbers are known once the replicas are placed.
    fn workload(&mut self, name: &str, reference: &Reference<'_>, problems: &mut Vec<Diagnostic>) {
        let spec = self.finder.spec;
        let Some(index) = spec.workloads.iter().position(|w| w.rules.name == name) else {
            let problem = Diagnostic::error(
                "Reference to undeclared workload",
                format!("There is no workload named \"{name}\"."),
            )
            .at(&reference.span);
            let near = crate::lang::suggest::nearest(name, spec.workloads.iter().map(|w| w.rules.name.as_str()));
            problems.push(match near {
                Some(near) => problem.help(format!("Did you mean workload.{near}?")),
                None => problem,
            });
            return;
        };
        let own = self.own.is_some_and(|(w, _)| w == index);
        match step_name(reference) {
            Some("replicas") => {}
            Some("count" | "share") if !own => {
                self.follows.insert(Str::new(name));
            }
            Some("members") if !own => {
                self.follows.insert(Str::new(name));
                for (i, block) in self.finder.list.iter().enumerate() {
                    if matches!(block.kind, BlockKind::Template { workload, .. } if workload == index) {
                        self.needs.insert(i);
                    }
                }
            }
            Some(what @ ("count" | "share" | "members")) => problems.push(
                Diagnostic::error(
                    "Replica refers to its own workload",
                    format!("A replica of \"{name}\" cannot depend on workload.{name}.{what}: it is a part of it."),
                )
                .at(&reference.span)
                .help("Move the resource out of the replica block."),
            ),
            other => problems.push(
                Diagnostic::error(
                    "Unsupported attribute",
                    format!(
                        "A workload has the attributes replicas, count, share and members{}.",
                        other.map_or(String::new(), |o| format!(", not \"{o}\""))
                    ),
                )
                .at(&reference.whole),
            ),
        }
    }

    fn resource(&mut self, mode: Mode, ty: &str, name: &str, span: &Span, problems: &mut Vec<Diagnostic>) {
        if let Some(sibling) = self.sibling(mode, ty, name) {
            self.needs.insert(sibling);
        } else if let Some(index) = self.finder.named.get(&(mode, Str::new(ty), Str::new(name))) {
            self.needs.insert(*index);
        } else {
            self.undeclared(mode, ty, name, span, problems);
        }
    }

    fn sibling(&self, mode: Mode, ty: &str, name: &str) -> Option<usize> {
        let members = self.finder.templates.get(&self.own?)?;
        members.iter().copied().find(|i| {
            let a = &self.finder.list[*i].address;
            a.mode == mode && *a.ty == *ty && *a.name == *name
        })
    }

    fn undeclared(&self, mode: Mode, ty: &str, name: &str, span: &Span, problems: &mut Vec<Diagnostic>) {
        let what = if mode == Mode::Data { "data resource" } else { "managed resource" };
        let mut problem = Diagnostic::error(
            "Reference to undeclared resource",
            format!("A {what} \"{ty}\" \"{name}\" has not been declared in the root module."),
        )
        .at(span);
        let template = self
            .finder
            .list
            .iter()
            .find(|b| b.address.workload.is_some() && *b.address.ty == *ty && *b.address.name == *name);
        if let Some(workload) = template.and_then(|b| b.address.workload.as_ref()) {
            problem = problem.help(format!(
                "It belongs to the replicas of workload \"{workload}\": from outside write workload.{workload}.members[*].{ty}.{name}."
            ));
        } else {
            let same_type = self.finder.named.keys().filter(|k| k.0 == mode && *k.1 == *ty).map(|k| &*k.2);
            let mut same_type: Vec<&str> = same_type.collect();
            same_type.sort_unstable();
            if let Some(near) = crate::lang::suggest::nearest(name, same_type) {
                problem = problem.help(format!("Did you mean {ty}.{near}?"));
            }
        }
        problems.push(problem);
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

/// Adopts names by address: what `depends_on` and state dependencies are written as.
pub fn addresses(blocks: &Blocks<'_>, indices: &[usize]) -> Vec<Address> {
    let set: BTreeSet<Address> = indices.iter().map(|i| blocks.list[*i].address.clone()).collect();
    set.into_iter().collect()
}

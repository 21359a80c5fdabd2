//! What each node of the graph refers to.

use super::blocks::{Block, BlockKind, Found, Named, output_name, step_name};
use super::providers::Providers;
use crate::diag::{Diagnostic, Span};
use crate::lang::address::{Address, Mode};
use crate::lang::ast::{Body, Expr, Traversal};
use crate::lang::body::body_traversals;
use crate::lang::module::{CheckRule, Import, Resource};
use crate::lang::reference::{Reference, Subject, traversals};
use crate::lang::tree::Tree;
use crate::spec::Spec;
use std::collections::HashMap;
use straddle_sdk::value::Str;

/// Finds what nodes refer to.
pub(super) struct Finder<'f, 'a> {
    pub tree: &'f Tree<'a>,
    pub spec: &'a Spec,
    pub providers: &'f Providers,
    pub list: &'f [Block<'a>],
    pub named: &'f Named<'a>,
    /// By module: all its outputs, all of it, the call of it.
    pub outputs: &'f [Option<usize>],
    pub wholes: &'f [Option<usize>],
    pub calls: &'f [Option<usize>],
    /// By module and index in it.
    pub configs: &'f HashMap<(usize, usize), usize>,
    pub templates: &'f HashMap<(usize, usize), Vec<usize>>,
    /// Nodes by module.
    pub members: &'f [Vec<usize>],
    /// By the address of the resource they name.
    pub imports: &'f HashMap<Address, Vec<&'a Import>>,
}

impl<'a> Finder<'_, 'a> {
    /// What a node needs.
    pub fn needs(&self, block: &Block<'a>, problems: &mut Vec<Diagnostic>) -> Found {
        let own = match &block.kind {
            BlockKind::Template { workload, template, .. } => Some((*workload, *template)),
            _ => None,
        };
        let mut walk = Walk { finder: self, own, module: block.module, found: Found::default(), problems };
        // Whatever stands in a module needs to know how often the module is made.
        walk.found.needs.extend(self.calls[block.module]);
        match &block.kind {
            BlockKind::Resource { resource, address } => {
                walk.resource_block(resource);
                walk.module = 0;
                for import in self.imports.get(address).into_iter().flatten() {
                    import.for_each.iter().chain([import.by.expr()]).for_each(|expr| walk.expr(expr));
                }
            }
            BlockKind::Template { resource, .. } => walk.resource_block(resource),
            BlockKind::Local(local) => walk.expr(&local.expr),
            BlockKind::Output(output) => {
                output.value.iter().for_each(|value| walk.expr(value));
                walk.rules(&output.preconditions);
                walk.depends_on(&output.depends_on);
            }
            BlockKind::Variable(variable) => {
                walk.rules(&variable.validations);
                // Its rules speak of itself, which is no need.
                if let Some(own) = self.named.get(&(block.module, Subject::Variable(&variable.name))) {
                    walk.found.needs.remove(own);
                }
                if let Some((caller, call)) = self.tree.nodes[block.module].call {
                    walk.module = caller;
                    call.body.attribute(&variable.name).into_iter().for_each(|a| walk.expr(&a.expr));
                }
            }
            BlockKind::Call(call, _) => {
                call.count.iter().chain(&call.for_each).for_each(|expr| walk.expr(expr));
                walk.depends_on(&call.depends_on);
            }
            BlockKind::Outputs(child) => {
                let outputs = self.of_module(*child, |kind| matches!(kind, BlockKind::Output(_)));
                walk.found.needs.extend(outputs);
            }
            BlockKind::Whole(child) => {
                let all = self.of_module(*child, |kind| {
                    matches!(kind, BlockKind::Resource { .. } | BlockKind::Output(_) | BlockKind::Whole(_))
                });
                walk.found.needs.extend(all);
            }
            BlockKind::Provider(provider) => walk.body(&provider.body),
        }
        walk.found
    }

    fn of_module(&self, module: usize, is: impl Fn(&BlockKind<'a>) -> bool) -> impl Iterator<Item = usize> {
        self.members[module].iter().copied().filter(move |i| is(&self.list[*i].kind))
    }
}

/// One node's references.
struct Walk<'w, 'f, 'a> {
    finder: &'w Finder<'f, 'a>,
    /// Workload and template, inside a template.
    own: Option<(usize, usize)>,
    /// Whose names are meant.
    module: usize,
    found: Found,
    problems: &'w mut Vec<Diagnostic>,
}

impl<'a> Walk<'_, '_, 'a> {
    fn resource_block(&mut self, resource: &'a Resource) {
        self.body(&resource.body);
        let lifecycle = &resource.lifecycle;
        let exprs = resource.count.iter().chain(&resource.for_each).chain(&lifecycle.replace_triggered_by);
        exprs.for_each(|expr| self.expr(expr));
        self.rules(&lifecycle.preconditions);
        self.rules(&lifecycle.postconditions);
        for block in resource.provisioners.iter().chain(&resource.connection) {
            self.body_quietly(&block.body);
        }
        self.depends_on(&resource.depends_on);
        if self.own.is_none() {
            let config = self.finder.providers.config_of(self.finder.tree, self.module, resource);
            self.found.needs.extend(config.and_then(|at| self.finder.configs.get(&at)));
        }
    }

    fn body(&mut self, body: &'a Body) {
        body_traversals(body, &mut |t| self.traversal(t));
    }

    /// A body among whose words are some that only look like references.
    fn body_quietly(&mut self, body: &'a Body) {
        for attribute in &body.attributes {
            if !matches!(&*attribute.name.name, "when" | "on_failure") {
                self.expr(&attribute.expr);
            }
        }
        body.blocks.iter().for_each(|block| self.body_quietly(&block.body));
    }

    fn rules(&mut self, rules: &'a [CheckRule]) {
        for rule in rules {
            self.expr(&rule.condition);
            self.expr(&rule.error_message);
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        traversals(expr, &mut |t| self.traversal(t));
    }

    /// What one traversal needs. Those that are no references at all are the evaluator's to report.
    fn traversal(&mut self, t: &'a Traversal) {
        let Ok(reference) = Reference::parse(t) else { return };
        match reference.subject {
            Subject::Local(_) | Subject::Variable(_) => {
                self.found.needs.extend(self.finder.named.get(&(self.module, reference.subject)));
            }
            Subject::Module(name) => self.module_call(name, &reference),
            Subject::OwnNamed("workload", name) => self.workload(name, &reference),
            Subject::Resource(mode, ty, name) => self.resource(mode, ty, name, &reference.span),
            _ => {}
        }
    }

    fn child(&self, name: &str) -> Option<usize> {
        self.finder.tree.nodes[self.module].children.get(name).copied()
    }

    /// One output of a module, or all of them; and how often it is made.
    fn module_call(&mut self, name: &str, reference: &Reference<'a>) {
        let Some(child) = self.child(name) else { return };
        self.found.needs.extend(self.finder.calls[child]);
        let one = output_name(reference)
            .and_then(|output| self.finder.named.get(&(child, Subject::OwnNamed("output", output))));
        self.found.needs.extend(one.copied().or(self.finder.outputs[child]));
    }

    fn depends_on(&mut self, all: &'a [Traversal]) {
        for t in all {
            let Ok(reference) = Reference::parse(t) else { continue };
            let target = match reference.subject {
                Subject::Module(name) => self.child(name).and_then(|child| self.finder.wholes[child]),
                Subject::Resource(mode, ty, name) => {
                    self.resource(mode, ty, name, &reference.span);
                    self.finder.named.get(&(self.module, Subject::Resource(mode, ty, name))).copied()
                }
                subject => self.finder.named.get(&(self.module, subject)).copied(),
            };
            self.found.needs.extend(target);
            self.found.explicit.extend(target);
        }
    }

    /// `workload.web.members` waits for every replica; its numbers are known once the replicas are placed.
    fn workload(&mut self, name: &str, reference: &Reference<'_>) {
        let spec = self.finder.spec;
        let Some(index) = spec.workloads.iter().position(|w| w.rules.name == name) else {
            let problem = Diagnostic::error(
                "Reference to undeclared workload",
                format!("There is no workload named \"{name}\"."),
            )
            .at(&reference.span);
            let near = crate::lang::suggest::nearest(name, spec.workloads.iter().map(|w| w.rules.name.as_str()));
            self.problems.push(match near {
                Some(near) => problem.help(format!("Did you mean workload.{near}?")),
                None => problem,
            });
            return;
        };
        let own = self.own.is_some_and(|(w, _)| w == index);
        match step_name(reference) {
            Some("replicas") => {}
            Some("active") if !own && spec.workloads[index].rules.standby.is_some() => self.found.promotes = true,
            Some("count" | "share") if !own => {
                self.found.follows.insert(Str::new(name));
            }
            Some("members") if !own => {
                self.found.follows.insert(Str::new(name));
                for (i, block) in self.finder.list.iter().enumerate() {
                    if matches!(block.kind, BlockKind::Template { workload, .. } if workload == index) {
                        self.found.needs.insert(i);
                    }
                }
            }
            Some(what @ ("count" | "share" | "members" | "active")) if own => self.problems.push(
                Diagnostic::error(
                    "Replica refers to its own workload",
                    format!("A replica of \"{name}\" cannot depend on workload.{name}.{what}: it is a part of it."),
                )
                .at(&reference.span)
                .help("Move the resource out of the replica block."),
            ),
            other => self.problems.push(
                Diagnostic::error(
                    "Unsupported attribute",
                    format!(
                        "A workload has the attributes replicas, count, share and members, and active where it has a standby block{}.",
                        other.map_or(String::new(), |o| format!(", not \"{o}\""))
                    ),
                )
                .at(&reference.whole),
            ),
        }
    }

    fn resource(&mut self, mode: Mode, ty: &'a str, name: &'a str, span: &Span) {
        if let Some(sibling) = self.sibling(mode, ty, name) {
            self.found.needs.insert(sibling);
        } else if let Some(index) = self.finder.named.get(&(self.module, Subject::Resource(mode, ty, name))) {
            self.found.needs.insert(*index);
        } else {
            self.undeclared(mode, ty, name, span);
        }
    }

    fn sibling(&self, mode: Mode, ty: &str, name: &str) -> Option<usize> {
        let members = self.finder.templates.get(&self.own?)?;
        members.iter().copied().find(|i| {
            self.finder.list[*i].resource().is_some_and(|(_, a)| a.mode == mode && *a.ty == *ty && *a.name == *name)
        })
    }

    fn undeclared(&mut self, mode: Mode, ty: &str, name: &str, span: &Span) {
        let (article, what) = match mode {
            Mode::Data => ("A", "data resource"),
            Mode::Managed => ("A", "managed resource"),
            Mode::Ephemeral => ("An", "ephemeral resource"),
        };
        let node = &self.finder.tree.nodes[self.module];
        let mut problem = Diagnostic::error(
            "Reference to undeclared resource",
            format!("{article} {what} \"{ty}\" \"{name}\" has not been declared in {}.", node.words()),
        )
        .at(span);
        let template = self.finder.list.iter().find_map(|b| match &b.kind {
            BlockKind::Template { address, .. } if *address.ty == *ty && *address.name == *name => {
                address.workload.as_ref()
            }
            _ => None,
        });
        if let Some(workload) = template {
            problem = problem.help(format!(
                "It belongs to the replicas of workload \"{workload}\": from outside write workload.{workload}.members[*].{ty}.{name}."
            ));
        } else {
            let keys = node.module.all_resources().map(|(key, _)| key);
            let same_type = keys.filter(|k| k.0 == mode && *k.1 == *ty).map(|k| &*k.2);
            if let Some(near) = crate::lang::suggest::nearest(name, same_type) {
                problem = problem.help(format!("Did you mean {ty}.{near}?"));
            }
        }
        self.problems.push(problem);
    }
}

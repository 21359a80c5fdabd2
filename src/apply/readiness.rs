//! What must be there before an operation starts: ephemeral resources that are open, and providers configured with what is known by
//! now.

use super::Carrying;
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::lang::body::{PreparedBody, body_traversals};
use crate::lang::module::Resource;
use crate::lang::scope::Overlay;
use crate::plan::blocks::BlockKind;
use crate::plan::conditions;
use crate::plan::env::{BlockValues, overlay};
use crate::plan::marking;
use crate::plan::model::OpKind;
use crate::state::ProviderRef;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::Value;

/// What is made ready while a plan is carried out, each once.
#[derive(Default)]
pub(super) struct Ready {
    /// Blocks of ephemeral resources whose instances have all been opened, or refused.
    opened: BTreeSet<usize>,
    /// Why blocks could not be opened.
    refused: BTreeMap<usize, Vec<Diagnostic>>,
}

impl Carrying<'_> {
    /// Makes everything ready for operations. Those that cannot start, and why.
    pub(super) async fn make_ready(&self, ops: &[usize]) -> BTreeMap<usize, Vec<Diagnostic>> {
        let mut refused = BTreeMap::new();
        if !self.has_ephemerals() && !self.has_derived_configurations() {
            return refused;
        }
        // Whoever comes second finds open what the first has opened.
        let mut ready = self.ready.lock().await;
        for op in ops {
            let what = &self.plan.ops[*op].what;
            let Some(change) = what.change().map(|index| &self.plan.changes[index as usize]) else { continue };
            if matches!(what, OpKind::Forget { .. }) {
                continue;
            }
            let configured = self.configuration(&change.provider);
            let nodes = self.block(change).into_iter().chain(configured);
            let mut problems = Vec::new();
            for block in self.blocks.ephemerals_of(nodes) {
                problems.extend(self.opened(&mut ready, block).await);
            }
            if problems.is_empty() && configured.is_some() {
                let anew = self.fleet.configure_anew(&change.provider, self.providers, self.env).await;
                problems.extend(anew.err().into_iter().flatten());
            }
            if !problems.is_empty() {
                refused.insert(*op, problems);
            }
        }
        refused
    }

    /// Opens what no operation needed: conditions may speak of it.
    pub async fn open_the_rest(&self) -> Vec<Diagnostic> {
        let mut ready = self.ready.lock().await;
        let mut problems = Vec::new();
        for block in self.blocks.ephemerals_of(0..self.blocks.list.len()) {
            if !ready.opened.contains(&block) {
                problems.extend(self.opened(&mut ready, block).await);
            }
        }
        problems
    }

    fn has_ephemerals(&self) -> bool {
        self.env.tree.nodes.iter().any(|node| !node.module.ephemerals.is_empty())
    }

    fn has_derived_configurations(&self) -> bool {
        self.env.tree.nodes.iter().flat_map(|node| &node.module.providers).any(|provider| is_derived(&provider.body))
    }

    /// The node of a provider's configuration, if it is made from anything.
    fn configuration(&self, reference: &ProviderRef) -> Option<usize> {
        let (module, index) = self.providers.written(&self.env.tree, reference)?;
        let written = &self.env.tree.nodes[module].module.providers[index];
        is_derived(&written.body).then(|| self.blocks.config(module, index)).flatten()
    }

    async fn opened(&self, ready: &mut Ready, block: usize) -> Vec<Diagnostic> {
        if !ready.opened.contains(&block) {
            let mut problems = Vec::new();
            // What could not be opened yet is tried again by who comes later.
            if self.open_block(block, &mut problems).await {
                ready.opened.insert(block);
            }
            problems.retain(Diagnostic::is_error);
            if !problems.is_empty() {
                ready.refused.insert(block, problems);
            }
        }
        ready.refused.get(&block).cloned().unwrap_or_default()
    }

    /// Opens every instance of a block; false where something it is made from is not known yet.
    async fn open_block(&self, block: usize, problems: &mut Vec<Diagnostic>) -> bool {
        let block = &self.blocks.list[block];
        let BlockKind::Resource { resource, address: base } = &block.kind else { return true };
        let mut all = true;
        // An operation may come before what a name is made from: nothing that is looked up here may be kept.
        for instance in self.env.aside(|| self.env.instances_of(block.module)) {
            let address = Address { module: self.env.instance(instance).path.clone(), ..base.clone() };
            let expansion = match self.env.aside(|| self.env.expand(instance, resource, &address)) {
                Ok(expansion) => expansion,
                Err(found) => {
                    problems.extend(found);
                    continue;
                }
            };
            let none = BlockValues { repetition: expansion.repetition, instances: BTreeMap::new() };
            self.env.set_block(address.clone(), none);
            for (key, each) in &expansion.keys {
                let one = One {
                    module: block.module,
                    instance,
                    resource,
                    address: Address { key: key.clone(), ..address.clone() },
                    each: each.as_ref(),
                };
                all &= self.open_instance(&one, problems).await;
            }
        }
        all
    }

    async fn open_instance(&self, one: &One<'_>, problems: &mut Vec<Diagnostic>) -> bool {
        let Some(schema) = self.providers.schema(one.module, one.resource) else { return true };
        let rules = &one.resource.lifecycle;
        let outer = self.env.scope(one.instance);
        let scope = overlay(&outer, one.address.key.as_ref(), one.each);
        let (config, mut found) = self.env.aside(|| {
            let mut found = conditions::judge(&rules.preconditions, "Resource precondition failed", &scope);
            let (config, more) = PreparedBody::new(&one.resource.body, &schema.block).eval(&scope);
            found.extend(more);
            (config, found)
        });
        let mut opened = true;
        if !found.iter().any(Diagnostic::is_error) {
            let (config, marks) = config.unmark_deep();
            let reference = self.providers.of_resource(&self.env.tree, one.module, one.resource, None);
            if !config.is_wholly_known() {
                self.env.set_instance(&one.address, marking::unopened(&schema, &config, &marks));
                opened = false;
            } else {
                match self.fleet.open(&reference, &one.resource.ty.text, &one.address, &config).await {
                    Ok((result, said)) => {
                        let value = marking::opened(&schema, result, &marks);
                        let this = Overlay { this: Some(&value), ..scope };
                        found.extend(said);
                        found.extend(conditions::judge(&rules.postconditions, "Resource postcondition failed", &this));
                        self.env.set_instance(&one.address, value);
                    }
                    Err(said) => found.extend(said),
                }
            }
        }
        problems.extend(found.into_iter().map(|problem| super::objects::about(problem, &one.address)));
        opened
    }
}

/// One instance of an ephemeral resource.
struct One<'o> {
    module: usize,
    /// Of its module.
    instance: usize,
    resource: &'o Resource,
    address: Address,
    each: Option<&'o (Value, Value)>,
}

/// Whether a body refers to anything that may be known better when a plan is carried out than when it was made.
fn is_derived(body: &crate::lang::ast::Body) -> bool {
    let mut derived = false;
    body_traversals(body, &mut |t| derived |= !matches!(&*t.root.name, "var" | "path" | "terraform"));
    derived
}

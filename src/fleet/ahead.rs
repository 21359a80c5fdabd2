//! Provider configurations that are made from what other providers say: the data sources and ephemeral resources they need are asked
//! first, the rest of the configuration waits for the plan.

use super::Fleet;
use crate::diag::Diagnostic;
use crate::lang::address::Mode;
use crate::plan::blocks::{BlockKind, Blocks};
use crate::plan::env::Env;
use crate::plan::observed::Observed;
use crate::plan::placement::Placements;
use crate::plan::providers::Providers;
use crate::plan::walk::{Walk, Wishes};
use crate::state::ProviderRef;
use std::collections::{BTreeMap, BTreeSet};

/// Configurations that wait for others, each with the nodes it is made from.
type Waiting = BTreeMap<ProviderRef, BTreeSet<usize>>;

impl Fleet {
    /// Configures every configuration in `wanted`, those that are made from others' answers behind those that give them. The env knows
    /// the objects of the state; what is read on the way is told to it.
    pub async fn configure_in_turn<'a>(
        &mut self,
        wanted: &BTreeSet<ProviderRef>,
        blocks: &Blocks<'a>,
        providers: &Providers,
        env: &Env<'a>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let mut waiting = waiting(wanted, blocks, providers, env);
        let first = wanted.iter().filter(|reference| !waiting.contains_key(reference)).cloned().collect();
        self.configure(&first, providers, env, problems).await;
        while !waiting.is_empty() && !problems.iter().any(Diagnostic::is_error) {
            let free = |nodes: &BTreeSet<usize>| {
                let asked = nodes.iter().filter_map(|i| asked(*i, blocks, providers, env));
                asked.into_iter().all(|reference| !waiting.contains_key(&reference))
            };
            let mut now: Waiting = waiting.clone();
            now.retain(|_, nodes| free(nodes));
            // The graph has no circles, so something is always free; whatever is not would wait for ever.
            let now = if now.is_empty() { waiting.clone() } else { now };
            waiting.retain(|reference, _| !now.contains_key(reference));
            self.read_ahead(now.values().flatten().copied().collect(), blocks, providers, env, problems).await;
            self.configure(&now.into_keys().collect(), providers, env, problems).await;
        }
    }

    /// Reads and opens what stands among these nodes.
    async fn read_ahead<'a>(
        &self,
        nodes: BTreeSet<usize>,
        blocks: &Blocks<'a>,
        providers: &Providers,
        env: &Env<'a>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let (observed, wishes) = (Observed::default(), Wishes::default());
        let placements = Placements { workloads: Vec::new(), locations: Vec::new() };
        let mut walk = Walk::new(env, blocks, providers, &observed, &placements, &wishes).only_nodes(nodes);
        let mut answers = Vec::new();
        loop {
            let questions = walk.round(answers);
            if questions.is_empty() {
                break;
            }
            answers = self.answer(questions).await;
        }
        // Warnings are told by the walk of the whole.
        problems.extend(walk.problems.into_iter().filter(Diagnostic::is_error));
        self.keep_open();
    }
}

/// The configurations among `wanted` that need answers of other providers, with the nodes to walk for them.
fn waiting(wanted: &BTreeSet<ProviderRef>, blocks: &Blocks<'_>, providers: &Providers, env: &Env<'_>) -> Waiting {
    let mut waiting = Waiting::new();
    for reference in wanted {
        let written = providers.written(&env.tree, reference);
        let Some(node) = written.and_then(|(module, index)| blocks.config(module, index)) else { continue };
        let mut nodes = blocks.all_needs(node);
        // Objects are as the state has them.
        nodes.retain(|i| match &blocks.list[*i].kind {
            BlockKind::Resource { resource, .. } => resource.mode != Mode::Managed,
            BlockKind::Template { .. } => false,
            _ => true,
        });
        if nodes.iter().any(|i| blocks.list[*i].resource().is_some()) {
            waiting.insert(reference.clone(), nodes);
        }
    }
    waiting
}

/// Which configuration a node's question goes to.
fn asked(node: usize, blocks: &Blocks<'_>, providers: &Providers, env: &Env<'_>) -> Option<ProviderRef> {
    let block = &blocks.list[node];
    let (resource, _) = block.resource()?;
    Some(providers.of_resource(&env.tree, block.module, resource, None))
}

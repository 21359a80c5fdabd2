//! `-target`: only these objects, and what they need.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::blocks::{Block, BlockKind, Blocks};
use super::env::ModulePath;
use crate::lang::address::{Address, AddressError, Mode};
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

/// What a person named. Without a key all instances are meant, of a module with all in it.
#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    Module(ModulePath),
    Resource(Address),
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Target, AddressError> {
        match text.parse::<Address>() {
            Ok(address) => Ok(Target::Resource(address)),
            // With a resource behind it a module's address is one.
            Err(AddressError::ModuleOnly) => Ok(Target::Module(format!("{text}.any.one").parse::<Address>()?.module)),
            Err(error) => Err(error),
        }
    }
}

impl Target {
    /// Whether an object is meant.
    pub fn takes(&self, address: &Address) -> bool {
        match self {
            Target::Module(path) => within(path, &address.module),
            Target::Resource(wanted) => {
                wanted.config() == address.config()
                    && wanted.module == address.module
                    && wanted.key.as_ref().is_none_or(|key| address.key.as_ref() == Some(key))
            }
        }
    }

    /// Whether some instance of a resource may be meant. The address has no keys.
    fn touches(&self, resource: &Address) -> bool {
        match self {
            Target::Module(path) => {
                path.len() <= resource.module.len()
                    && path.iter().zip(&resource.module).all(|((wanted, _), (name, _))| wanted == name)
            }
            Target::Resource(wanted) => wanted.config() == *resource,
        }
    }

    /// Whether all instances are meant.
    fn is_whole(&self) -> bool {
        match self {
            Target::Module(path) => path.len() == 1 && path.iter().all(|(_, key)| key.is_none()),
            Target::Resource(wanted) => wanted.key.is_none() && wanted.module.is_empty(),
        }
    }
}

/// Whether a module instance lies in what a path names: without a key at its end all instances of that module are meant, as in Terraform,
/// and on the way there the one without a key.
fn within(wanted: &ModulePath, module: &ModulePath) -> bool {
    let Some(((last, key), outer)) = wanted.split_last() else { return true };
    let (Some(inner), Some((name, of))) = (module.get(..outer.len()), module.get(outer.len())) else { return false };
    outer == inner && last == name && (key.is_none() || key == of)
}

/// The part of a plan that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// Resources that are planned: those named, and all they need.
    pub blocks: BTreeSet<usize>,
    /// Those of them of which only named instances are planned.
    partial: HashMap<usize, Vec<Target>>,
    targets: Vec<Target>,
    /// Nodes of every kind that those and the outputs made of nothing else need. `None`: all may be looked at.
    needed: Option<BTreeSet<usize>>,
}

impl Only {
    /// What targets come to.
    pub fn of(blocks: &Blocks<'_>, targets: Vec<Target>) -> Only {
        let mut only = Only { targets, ..Only::default() };
        let mut needed: BTreeSet<usize> = BTreeSet::new();
        let mut open = Vec::new();
        for (i, block) in blocks.list.iter().enumerate() {
            let Some((_, address)) = block.resource() else { continue };
            let mine: Vec<Target> = only.targets.iter().filter(|t| t.touches(address)).cloned().collect();
            if mine.is_empty() {
                continue;
            }
            only.blocks.insert(i);
            open.extend(&block.needs);
            if !mine.iter().any(Target::is_whole) {
                only.partial.insert(i, mine);
            }
        }
        // The replicas of a workload are placed together, or not at all.
        let workload = |i: usize| blocks.list[i].resource().and_then(|(_, address)| address.workload.as_ref());
        let named: BTreeSet<_> = only.blocks.iter().filter_map(|i| workload(*i)).collect();
        for i in (0..blocks.list.len()).filter(|i| workload(*i).is_some_and(|w| named.contains(w))) {
            only.blocks.insert(i);
            only.partial.remove(&i);
            open.extend(&blocks.list[i].needs);
        }
        while let Some(next) = open.pop() {
            if needed.insert(next) {
                open.extend(&blocks.list[next].needs);
            }
        }
        for next in &needed {
            if blocks.list[*next].is_resource() {
                only.blocks.insert(*next);
                only.partial.remove(next);
            }
        }
        let outputs =
            (0..blocks.list.len()).filter(|i| is_root_output(&blocks.list[*i]) && !only.leaves_out(&blocks.list[*i]));
        let mut open: Vec<usize> = outputs.collect();
        while let Some(next) = open.pop() {
            if needed.insert(next) {
                open.extend(&blocks.list[next].needs);
            }
        }
        only.needed = Some(needed);
        only
    }

    /// Whether an output stays as it is: it is made of something that was not asked for, or of nothing at all.
    pub fn leaves_out(&self, output: &Block<'_>) -> bool {
        output.made_from.is_empty() || output.made_from.iter().any(|b| !self.blocks.contains(b))
    }

    /// Whether a value (of a local, a variable, an output) is none of what was asked for: whatever is wrong with it, nobody needs it.
    pub fn passes_over(&self, node: usize) -> bool {
        self.needed.as_ref().is_some_and(|needed| !needed.contains(&node))
    }

    /// The data sources of all modules, and nothing else. `None`: there are none.
    pub fn data_sources(blocks: &Blocks<'_>) -> Option<Only> {
        let is_data = |block: &Block<'_>| match &block.kind {
            BlockKind::Resource { resource, .. } => resource.mode == Mode::Data,
            _ => false,
        };
        let all: BTreeSet<usize> = (0..blocks.list.len()).filter(|i| is_data(&blocks.list[*i])).collect();
        (!all.is_empty()).then(|| Only { blocks: all, ..Only::default() })
    }

    /// Whether an instance of one of the blocks is planned.
    pub fn takes(&self, block: usize, address: &Address) -> bool {
        self.partial.get(&block).is_none_or(|targets| targets.iter().any(|t| t.takes(address)))
    }

    /// Whether an object, whatever the configuration has of it, was asked for.
    pub fn names(&self, block: Option<usize>, address: &Address) -> bool {
        let whole = block.is_some_and(|b| self.blocks.contains(&b) && !self.partial.contains_key(&b));
        whole || self.targets.iter().any(|t| t.takes(address))
    }
}

fn is_root_output(block: &Block<'_>) -> bool {
    block.module == 0 && matches!(block.kind, BlockKind::Output(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_left_out_at_the_end_mean_all() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        for (target, taken, not) in [
            ("a.b", "a.b[1]", "a.c"),
            ("a.b[1]", "a.b[1]", "a.b[2]"),
            ("module.m", "module.m[\"x\"].module.n.a.b[0]", "module.n.a.b"),
            ("module.m[\"x\"]", "module.m[\"x\"].a.b", "module.m[\"y\"].a.b"),
            ("module.m.a.b", "module.m.a.b[1]", "module.m[0].a.b"),
        ] {
            let target: Target = target.parse().unwrap();
            assert!(target.takes(&address(taken)));
            assert!(!target.takes(&address(not)));
        }
    }
}

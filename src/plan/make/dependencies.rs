//! What objects depend on: by the texts, and by what the state remembers of those that are there.

use super::Maker;
use crate::lang::address::Address;
use crate::plan::model::{Action, Change};
use crate::state::{DeposedKey, ObjectId, State};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the state says of the object that is there.
pub(super) fn remember(state: &State, change: &mut Change) {
    let deposed = change.deposed.as_deref().and_then(DeposedKey::parse);
    let id = ObjectId { address: change.address.clone(), deposed };
    if let Some(object) = state.objects.get(&id) {
        change.prior_dependencies = object.dependencies.clone();
        change.prior_tainted = object.tainted;
    }
}

impl Maker<'_, '_> {
    /// What the objects that are there depend on, by the texts and by the state, as Terraform tells it: where nothing changes the texts alone
    /// count, and one that no text asks for any more keeps what it had.
    pub(super) fn depends_on(&self, changes: &mut [Change]) {
        let resources = self.blocks.list.iter().enumerate().filter_map(|(at, block)| Some((block.resource()?.1, at)));
        let blocks: HashMap<&Address, usize> = resources.collect();
        let mut known: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
        for change in changes.iter_mut().filter(|c| !matches!(c.action, Action::Delete | Action::Forget)) {
            let texts = known.entry(change.address.config()).or_insert_with_key(|whole| {
                blocks.get(whole).map_or_else(Vec::new, |block| self.blocks.remembered_dependencies(*block))
            });
            let mut all: BTreeSet<Address> = texts.iter().cloned().collect();
            if change.action != Action::NoOp {
                all.extend(change.prior_dependencies.iter().cloned());
            }
            change.prior_dependencies = all.into_iter().collect();
        }
    }
}

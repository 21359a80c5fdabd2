//! What data sources said, as a state keeps it: for those who look into it, and for provider configurations that are made from it.

use super::Carrying;
use crate::lang::address::{Address, Mode};
use crate::plan::blocks::BlockKind;
use crate::plan::model::Kind;
use crate::plan::providers::Providers;
use crate::state::{Entry, How, Json, Object, ObjectId, ProviderRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Path, Value};

impl Carrying<'_> {
    /// What the state does not know yet of data sources, and what it is to forget. `ended`: everything was done.
    pub fn data(&self, ended: bool) -> Vec<Entry> {
        let mut known: BTreeMap<ObjectId, Arc<Object>> = self.store.with_state(|s| {
            s.objects
                .iter()
                .filter(|(id, _)| id.address.mode == Mode::Data)
                .map(|(id, o)| (id.clone(), o.clone()))
                .collect()
        });
        let mut entries = Vec::new();
        let everything_ends = self.plan.kind == Kind::Destroy;
        if !everything_ends {
            for (address, object) in self.said() {
                let id = ObjectId::current(address);
                if known.remove(&id).is_none_or(|before| *before != object) {
                    entries.push(Entry::Known { id, object: Some(Arc::new(object)), how: How::Read });
                }
            }
        }
        // What nobody asked this time stays, as long as it is configured.
        let gone = known.into_keys().filter(|id| match everything_ends {
            true => ended,
            false => !self.env.declares(&[], &id.address),
        });
        entries.extend(gone.map(|id| Entry::Known { id, object: None, how: How::Edited }));
        entries
    }

    /// What each instance of each data source is worth now, where that is known.
    fn said(&self) -> Vec<(Address, Object)> {
        let mut all = Vec::new();
        for block in &self.blocks.list {
            let BlockKind::Resource { resource, address: base } = &block.kind else { continue };
            if resource.mode != Mode::Data {
                continue;
            }
            let provider = self.providers.of_resource(&self.env.tree, block.module, resource, None);
            for instance in self.env.instances_of(block.module) {
                let base = Address { module: self.env.instance(instance).path.clone(), ..base.clone() };
                let Ok(expansion) = self.env.expand(instance, resource, &base) else { continue };
                for key in expansion.keys.keys() {
                    let address = Address { key: key.clone(), ..base.clone() };
                    let object =
                        self.env.result(&address).and_then(|v| as_kept(&address, &v, &provider, self.providers));
                    all.extend(object.map(|object| (address, object)));
                }
            }
        }
        all
    }
}

/// What a data source said, as the state keeps it. `None`: it is not known.
pub fn as_kept(address: &Address, value: &Value, provider: &ProviderRef, providers: &Providers) -> Option<Object> {
    let schema = providers.schema_of(&provider.source, address.mode, &address.ty)?;
    let (value, marks) = value.clone().unmark_deep();
    if value.is_null() || !value.is_wholly_known() {
        return None;
    }
    let attributes = Json::new(&json::encode(&value, schema.ty()).ok()?).ok()?;
    let mut sensitive: Vec<Path> = marks.into_iter().filter(|(_, m)| m.is_sensitive()).map(|(path, _)| path).collect();
    sensitive.sort();
    sensitive.dedup();
    Some(Object { sensitive: sensitive.into(), ..Object::new(provider.clone(), schema.version, attributes) })
}

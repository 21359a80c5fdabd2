//! Objects that `moved` blocks give another type: the provider of that type takes them over, as they are stored.

use super::{Fleet, call_problems};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::lang::tree::Tree;
use crate::plan::providers::Providers;
use crate::plugin::{MoveRequest, Plugin};
use crate::state::{Json, Object, ObjectId, ProviderRef, State};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::value::codec::json;

impl Fleet {
    /// Puts in place of each object that has another type now what the provider of the new type makes of it. `moved`: the address
    /// before, by address now. Nothing is changed outside.
    pub async fn adopt(
        &mut self,
        state: &mut State,
        moved: &BTreeMap<Address, Address>,
        tree: &Tree<'_>,
        providers: &Providers,
        problems: &mut Vec<Diagnostic>,
    ) {
        let retyped = |id: &ObjectId| moved.get(&id.address).filter(|from| from.ty != id.address.ty).cloned();
        let all: Vec<(ObjectId, Address)> =
            state.objects.keys().filter_map(|id| Some((id.clone(), retyped(id)?))).collect();
        for (id, from) in all {
            let Some(object) = state.objects.get(&id).cloned() else { continue };
            // Without a block there is nobody to take it over; that it has no block is told elsewhere.
            let Some(reference) = configured(&id.address, tree, providers) else { continue };
            match self.taken_over(&id.address, &from, &object, &reference).await {
                Ok(object) => {
                    state.objects.insert(id, Arc::new(object));
                }
                Err(found) => problems.extend(found.into_iter().map(|mut problem| {
                    problem.address = Some(id.to_string());
                    problem.help("An object gets another type only where the provider of that type can take it over.")
                })),
            }
        }
    }

    async fn taken_over(
        &mut self,
        to: &Address,
        from: &Address,
        object: &Object,
        reference: &ProviderRef,
    ) -> Result<Object, Vec<Diagnostic>> {
        let failed = |detail: String| vec![Diagnostic::error("Unsupported move", detail)];
        let plugin = self.unconfigured(&reference.source).await.map_err(|e| failed(format!("{e}.")))?;
        let Some(schema) = plugin.schemas().resources.get(&*to.ty).cloned() else {
            return Err(failed(format!("Provider {} has no type \"{}\".", reference.source, to.ty)));
        };
        if !plugin.schemas().move_state {
            let detail =
                format!("Provider {} does not take over objects of another type ({from} to {to}).", reference.source);
            return Err(failed(detail));
        }
        let request = MoveRequest {
            provider: object.provider.source.to_string(),
            type_name: from.ty.clone(),
            version: object.schema_version,
            attributes: object.attributes.as_str().as_bytes().to_vec(),
            private: object.private.to_vec(),
            identity: object.identity.as_ref().map(|i| (i.schema_version, i.value.as_str().as_bytes().to_vec())),
            target: to.ty.clone(),
        };
        let answer = plugin.move_state(&request).await.map_err(|e| call_problems(&e))?;
        let text = json::encode(&answer.state, schema.ty()).map_err(|e| failed(format!("{e}.")))?;
        let mut sensitive: Vec<_> =
            schema.block.sensitive_paths(&answer.state).into_iter().map(|(path, _)| path).collect();
        sensitive.sort();
        Ok(Object {
            provider: reference.clone(),
            schema_version: schema.version,
            attributes: Json::new(&text).map_err(|e| failed(format!("{e}.")))?,
            sensitive: sensitive.into(),
            private: answer.private.as_slice().into(),
            identity: None,
            ..object.clone()
        })
    }

    /// A process that needs no configuration; it is configured later, if it is wanted.
    async fn unconfigured(&mut self, source: &str) -> Result<Plugin, super::FleetError> {
        if let Some(plugin) = self.spare.get(source) {
            return Ok(plugin.clone());
        }
        let plugin = self.start(source).await?;
        self.spare.insert(source.to_owned(), plugin.clone());
        Ok(plugin)
    }
}

/// Objects whose provider configuration is no longer written: those whose block names another one now are that one's, nothing can be
/// read or changed of the rest, and that is told.
pub fn homeless(state: &mut State, tree: &Tree<'_>, providers: &Providers) -> Vec<Diagnostic> {
    let mut without: BTreeMap<ProviderRef, Vec<ObjectId>> = BTreeMap::new();
    for (id, object) in &state.objects {
        let reference = &object.provider;
        if reference.alias.is_some() && providers.written(tree, reference).is_none() {
            without.entry(reference.clone()).or_default().push(id.clone());
        }
    }
    let mut problems = Vec::new();
    for (reference, all) in without {
        let mut left = Vec::new();
        for id in all {
            let now = if id.address.workload.is_none() { configured(&id.address, tree, providers) } else { None };
            let now = now.filter(|r| r.source == reference.source && *r != reference);
            match (now, state.objects.get(&id).cloned()) {
                (Some(provider), Some(object)) => {
                    state.objects.insert(id, Arc::new(Object { provider, ..Object::clone(&object) }));
                }
                _ => left.push(id),
            }
        }
        let Some(first) = left.first() else { continue };
        let (alias, name) =
            (reference.alias.as_deref().unwrap_or(""), reference.source.rsplit('/').next().unwrap_or(""));
        let others = match left.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let mut problem = Diagnostic::error(
            "Provider configuration not present",
            format!(
                "{first}{others} were made with {reference}, and no block configures it any more: they can be neither read nor changed nor removed. Nothing was done."
            ),
        )
        .help(format!(
            "Write it again, and take it out when what it made is gone: provider \"{name}\" {{ alias = \"{alias}\" ... }}. What is to be left alone from now on goes out of the state with `straddle state rm`."
        ));
        problem.address = Some(first.to_string());
        problems.push(problem);
    }
    problems
}

/// The configuration that the block of an address uses.
fn configured(address: &Address, tree: &Tree<'_>, providers: &Providers) -> Option<ProviderRef> {
    let module = tree.find(address.module.iter().map(|(name, _)| name))?;
    let key = (address.mode, address.ty.clone(), address.name.clone());
    let resource = tree.nodes[module].module.resources.get(&key)?;
    Some(providers.of_resource(tree, module, resource, None))
}

//! Reading reality: every object of a state, and how its locations fare.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::answer::{call_problems, diagnostics};
use super::{Fleet, domains_of};
use crate::diag::Diagnostic;
use crate::lang::address::Mode;
use crate::lang::tree::Tree;
use crate::plan::left::Left;
use crate::plan::observed::{Observed, Reality, Seen};
use crate::plan::placement::LocationFact;
use crate::plan::providers::Providers;
use crate::plugin::{CallError, Plugin, ReadRequest};
use crate::spec::Spec;
use crate::spread::model::{Health, HealthSource, Limit, Location};
use crate::state::{Object, ObjectId, ProviderRef, State};
use futures_util::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::provider as sdk;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::Value;
use straddle_sdk::value::codec::json;

/// Objects waiting to be read, with their decoded state.
type Pending = Vec<(ObjectId, Arc<Object>, Decoded)>;

/// An object by today's schemas.
struct Decoded {
    value: Value,
    identity: Option<Value>,
}

impl Fleet {
    /// Reads every object of `state`. Without `refresh` nobody is asked. Objects that cannot be decoded at all are problems: nothing
    /// can be planned around what is not understood.
    pub async fn observe(
        &self,
        state: &State,
        providers: &Providers,
        refresh: bool,
        problems: &mut Vec<Diagnostic>,
    ) -> Observed {
        // What data sources said is asked anew by the plan, where the configuration still has them.
        let managed = state.objects.iter().filter(|(id, _)| id.address.mode == Mode::Managed);
        let all = managed.map(|(id, object)| (id.clone(), object.clone())).collect();
        self.read(all, providers, refresh, problems).await
    }

    /// Reads these objects.
    pub async fn read(
        &self,
        objects: Vec<(ObjectId, Arc<Object>)>,
        providers: &Providers,
        refresh: bool,
        problems: &mut Vec<Diagnostic>,
    ) -> Observed {
        let mut by_provider: BTreeMap<ProviderRef, Vec<(ObjectId, Arc<Object>)>> = BTreeMap::new();
        for (id, object) in objects {
            by_provider.entry(object.provider.clone()).or_default().push((id, object));
        }
        let mut observed = Observed::default();
        for (reference, objects) in by_provider {
            let plugin = &self.plugin(&reference);
            let parallel = plugin.as_ref().map_or(1, Plugin::parallelism);
            let mut pending: Pending = Vec::with_capacity(objects.len());
            let mut decoded = stream::iter(objects)
                .map(|(id, object)| async move {
                    let value = self.decode(plugin.as_ref(), providers, &id, &object).await;
                    let decoded = match value {
                        Ok(value) => identity_of(plugin.as_ref(), providers, &id, &object)
                            .await
                            .map(|identity| Decoded { value, identity }),
                        Err(found) => Err(found),
                    };
                    (id, object, decoded)
                })
                .buffered(parallel);
            while let Some((id, object, value)) = decoded.next().await {
                match value {
                    Ok(value) => pending.push((id, object, value)),
                    Err(found) => problems.extend(found),
                }
            }
            drop(decoded);
            self.ask(&reference, plugin.as_ref(), providers, pending, refresh, &mut observed, problems).await;
        }
        observed
    }

    /// The state of an object as a value of today's schema.
    async fn decode(
        &self,
        plugin: Option<&Plugin>,
        providers: &Providers,
        id: &ObjectId,
        object: &Object,
    ) -> Result<Value, Vec<Diagnostic>> {
        let address = &id.address;
        let Some(schema) = providers.schema_of(&object.provider.source, address.mode, &address.ty) else {
            return Err(vec![about(
                Diagnostic::error(
                    "No schema for an object of the state",
                    format!("Provider {} has no type \"{}\".", object.provider.source, address.ty),
                )
                .help("Use a version of the provider that has it, or drop the object with `straddle state rm`."),
                id,
            )]);
        };
        let current = object.schema_version == schema.version;
        let upgraded_here = plugin.is_none_or(|p| p.is_in_process() || p.extension().is_some());
        if current && upgraded_here {
            return local(&schema, object).map_err(|e| vec![about(*e, id)]);
        }
        let Some(plugin) = plugin else {
            return Err(self.failure(&object.provider));
        };
        match plugin.upgrade(&address.ty, object.schema_version, object.attributes.as_str().as_bytes()).await {
            Ok(upgraded) => Ok(upgraded.value),
            Err(error) => Err(call_problems(&error).into_iter().map(|p| about(p, id)).collect()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what one provider is asked for, spelt out")]
    async fn ask(
        &self,
        reference: &ProviderRef,
        plugin: Option<&Plugin>,
        providers: &Providers,
        pending: Pending,
        refresh: bool,
        observed: &mut Observed,
        problems: &mut Vec<Diagnostic>,
    ) {
        let seen = |object: &Object, known: Decoded, reality: Reality, private: Vec<u8>| Seen {
            provider: reference.clone(),
            state: known.value,
            identity: known.identity,
            deferred: None,
            reality,
            schema_version: object.schema_version,
            tainted: object.tainted,
            sensitive: object.sensitive.clone(),
            private,
        };
        let Some(plugin) = plugin.filter(|_| refresh) else {
            let failed = if refresh { Some(self.failure(reference)) } else { None };
            for (id, object, value) in pending {
                let reality = failed.clone().map_or(Reality::NotAsked, Reality::Unreadable);
                let private = object.private.to_vec();
                observed.objects.insert(id, seen(&object, value, reality, private));
            }
            return;
        };
        let requests = pending
            .iter()
            .map(|(id, object, value)| ReadRequest {
                type_name: id.address.ty.clone(),
                current: value.value.clone(),
                private: object.private.to_vec(),
                identity: value.identity.clone(),
                meta: providers.meta(&id.address, &reference.source),
            })
            .collect();
        let answers = plugin.read_many(requests).await;
        for ((id, object, known), answer) in pending.into_iter().zip(answers) {
            let (mut now, mut deferred) = (known.identity, None);
            let (reality, private) = match answer {
                Ok(read) if read.deferred.is_some() => {
                    problems.extend(diagnostics(&read.diagnostics).into_iter().map(|p| about(p, &id)));
                    deferred = read.deferred;
                    (Reality::NotAsked, object.private.to_vec())
                }
                Ok(read) => {
                    now = read.identity;
                    problems.extend(diagnostics(&read.diagnostics).into_iter().map(|p| about(p, &id)));
                    if read.state.is_null() {
                        (Reality::Gone, Vec::new())
                    } else {
                        (Reality::Live(read.state), read.private)
                    }
                }
                Err(error) => (unreadable(&error, &id), object.private.to_vec()),
            };
            let known = Decoded { value: known.value, identity: now };
            observed.objects.insert(id, Seen { deferred, ..seen(&object, known, reality, private) });
        }
    }

    /// What providers say of the spec's locations, and of those that have left it. A location whose provider has failed is unknown;
    /// one whose provider does not report on locations is taken to be healthy, and says so.
    pub async fn locations(
        &self,
        tree: &Tree<'_>,
        spec: &Spec,
        left: &[Left],
        providers: &Providers,
    ) -> BTreeMap<String, LocationFact> {
        let declared = (0..spec.locations.len())
            .filter_map(|i| Some((self.watcher(tree, spec, providers, i)?, &spec.topology.locations[i])));
        let mut asked: BTreeMap<ProviderRef, Vec<&Location>> = BTreeMap::new();
        for (reference, location) in declared.chain(left.iter().map(|l| (l.provider.clone(), &l.location))) {
            asked.entry(reference).or_default().push(location);
        }
        let mut facts = BTreeMap::new();
        for (reference, locations) in asked {
            let found = self.ask_locations(&reference, &locations).await;
            facts.extend(locations.iter().map(|l| l.name.clone()).zip(found));
        }
        facts
    }

    /// Who tells how a location fares: its observer, its provider, else the provider of what is made there.
    fn watcher(&self, tree: &Tree<'_>, spec: &Spec, providers: &Providers, index: usize) -> Option<ProviderRef> {
        let location = &spec.locations[index];
        if let Some(written) = location.observer.as_ref().or(location.provider.as_ref()) {
            return Some(ProviderRef::new(&providers.source(&written.name), written.alias.as_deref()));
        }
        let template = spec.workloads.iter().find_map(|w| {
            let p = w.rules.places.iter().position(|p| p.location == index)?;
            Some(&w.templates[w.template_of[p]])
        })?;
        template.resources.first().map(|r| providers.of_resource(tree, 0, r, None))
    }

    async fn ask_locations(&self, reference: &ProviderRef, locations: &[&Location]) -> Vec<LocationFact> {
        let fact = |health, source| LocationFact { health, source, capacity: None };
        let Some(plugin) = self.plugin(reference) else {
            return vec![fact(Health::Unknown, HealthSource::Reported); locations.len()];
        };
        if !plugin.extension().is_some_and(|e| e.locations) {
            return vec![fact(Health::Healthy, HealthSource::Assumed); locations.len()];
        }
        let asked: Vec<_> = locations.iter().map(|l| domains_of(l)).collect();
        match plugin.locations(&asked).await {
            Ok(reports) => asked.iter().map(|domains| judge(domains, &reports)).collect(),
            Err(_) => vec![fact(Health::Unknown, HealthSource::Reported); locations.len()],
        }
    }
}

/// The worst that any report on a location, or on a wider domain of it, says; room from the narrowest.
fn judge(
    domains: &BTreeMap<straddle_sdk::value::Str, straddle_sdk::value::Str>,
    reports: &[sdk::LocationReport],
) -> LocationFact {
    let about =
        |r: &&sdk::LocationReport| !r.domains.is_empty() && r.domains.iter().all(|(k, v)| domains.get(k) == Some(v));
    let mut mine: Vec<&sdk::LocationReport> = reports.iter().filter(about).collect();
    mine.sort_by_key(|r| r.domains.len());
    let rank = |h: sdk::Health| match h {
        sdk::Health::Healthy => (0, Health::Healthy),
        sdk::Health::Degraded => (1, Health::Degraded),
        sdk::Health::Unknown => (2, Health::Unknown),
        sdk::Health::Down => (3, Health::Down),
    };
    let worst = mine.iter().map(|r| rank(r.health)).max_by_key(|(rank, _)| *rank);
    let Some((_, health)) = worst else {
        return LocationFact { health: Health::Healthy, source: HealthSource::Assumed, capacity: None };
    };
    let capacity = mine.iter().rev().find_map(|r| room(r));
    LocationFact { health, source: HealthSource::Reported, capacity }
}

/// The lesser of capacity and quota.
fn room(report: &sdk::LocationReport) -> Option<Limit> {
    let least = [report.capacity, report.quota].into_iter().flatten().min()?;
    Some(match u32::try_from(least) {
        Ok(n) => Limit::Known { lo: n, hi: n },
        Err(_) => Limit::Unlimited,
    })
}

/// What the provider knows an object by, as the state has it, by today's schema.
async fn identity_of(
    plugin: Option<&Plugin>,
    providers: &Providers,
    id: &ObjectId,
    object: &Object,
) -> Result<Option<Value>, Vec<Diagnostic>> {
    let Some(identity) = &object.identity else { return Ok(None) };
    let schemas = providers.schemas.get(&*object.provider.source);
    let Some(schema) = schemas.and_then(|s| s.identities.get(&id.address.ty)) else { return Ok(None) };
    let text = identity.value.as_str().as_bytes();
    if identity.schema_version > schema.version {
        let detail = format!(
            "The identity of {id} was written with version {} of its schema, by a newer version of the provider; the provider \
             installed knows it up to version {}.",
            identity.schema_version, schema.version
        );
        return Err(vec![
            about(Diagnostic::error("Resource instance managed by newer provider version", detail), id)
                .help("Use the newer version of the provider again: straddle init -upgrade."),
        ]);
    }
    match plugin {
        Some(plugin) => match plugin.upgrade_identity(&id.address.ty, identity.schema_version, text).await {
            Ok(upgraded) => Ok(upgraded.value),
            Err(error) => Err(call_problems(&error).into_iter().map(|p| about(p, id)).collect()),
        },
        None => Ok(json::decode(text, &schema.ty).ok()),
    }
}

fn local(schema: &Schema, object: &Object) -> Result<Value, Box<Diagnostic>> {
    json::decode_dropping(object.attributes.as_str().as_bytes(), schema.ty()).map_err(|error| {
        Diagnostic::error("Object of the state does not fit its schema", format!("{error}."))
            .help("The state may have been written by another version of the provider; see `straddle state show`.")
            .into()
    })
}

fn unreadable(error: &CallError, id: &ObjectId) -> Reality {
    Reality::Unreadable(call_problems(error).into_iter().map(|p| about(p, id)).collect())
}

fn about(mut problem: Diagnostic, id: &ObjectId) -> Diagnostic {
    problem.address = Some(id.to_string());
    problem
}

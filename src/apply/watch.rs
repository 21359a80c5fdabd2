//! Which replicas serve, kept up to date while a plan is carried out.
//!
//! A look reads only what it is asked about and corrects the counts by the difference, so that a rollout of thousands of replicas costs
//! what it moves, not what there is. A whole place is read again when the last reading of it is too old to rest a removal on.

use crate::diag::Diagnostic;
use crate::fleet::Fleet;
use crate::lang::address::{Address, Key, Mode};
use crate::lang::eval::eval;
use crate::lang::scope::Overlay;
use crate::plan::env::Env;
use crate::plan::left::{self, Left, Shape};
use crate::plan::model::{Action, Plan};
use crate::plan::observed::{Observed, Reality, Seen};
use crate::plan::placement;
use crate::plan::probes::{self, Probed};
use crate::plan::providers::Providers;
use crate::plan::sequence::replica;
use crate::probe::Prober;
use crate::spec::{Spec, Template, WorkloadSpec};
use crate::spread::model::{Health, Location, Template as TemplateKind, Workload};
use crate::state::{DeposedKey, Form, Object, ObjectId, ProviderRef, Store};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use straddle_sdk::value::{Kind, Str, Type, Value};
use tokio::time::Instant;

/// What is known of one workload's replicas.
#[derive(Default)]
struct Known {
    /// Serving replicas by key: the new one, and the old one that it replaces.
    serving: HashMap<Str, (u32, u32)>,
    /// Sums by place.
    by_place: Vec<u32>,
    /// When a place was last read as a whole.
    read: HashMap<usize, Instant>,
    /// Replicas a step has touched since they were last looked at.
    touched: BTreeSet<Str>,
}

/// Counts of everything that serves.
pub(super) struct Watch<'a> {
    plan: &'a Plan,
    store: &'a Store,
    fleet: &'a Fleet,
    providers: &'a Providers,
    env: &'a Env<'a>,
    /// Locations that have left the spec.
    left: Vec<Left>,
    /// What each workload's templates were made of when they were last applied as a whole.
    forms: BTreeMap<Str, Vec<Form>>,
    /// Resources that the plan's objects of each workload are of, those included that its templates no longer have.
    names: BTreeMap<Str, BTreeSet<(Str, Str)>>,
    /// What stands of replicas whose template may have other resources now, by workload and key: it serves until it goes.
    superseded: HashMap<(Str, Str), Superseded>,
    known: RefCell<BTreeMap<Str, Known>>,
    /// What probes saw last, and the replicas they were asked about.
    probed: RefCell<(Probed, BTreeSet<(Str, Str)>)>,
}

/// The resources of a replica that the plan takes away or leaves as they are.
#[derive(Default)]
struct Superseded {
    addresses: Vec<Address>,
    /// The plan makes new ones in their place.
    made_anew: bool,
}

/// Replicas that have resources which are not in their template.
fn superseded(plan: &Plan, spec: &Spec) -> HashMap<(Str, Str), Superseded> {
    let mut templates: HashMap<(&str, &str), &Template> = HashMap::new();
    for workload in &spec.workloads {
        for (place, template) in workload.rules.places.iter().zip(&workload.template_of) {
            let location = &spec.topology.locations[place.location].name;
            templates.insert((&workload.rules.name, location), &workload.templates[*template]);
        }
    }
    let is_own = |workload: &Str, key: &Str, address: &Address| {
        let template = templates.get(&(&**workload, placement::split_key(key).0));
        template.is_none_or(|t| t.resources.iter().any(|r| r.ty.text == address.ty && r.name.text == address.name))
    };
    let standing = plan.changes.iter().filter(|c| c.address.mode == Mode::Managed && c.deposed.is_none());
    let standing = standing.filter_map(|c| replica(&c.address).map(|of| (of, c)));
    let goes_or_stays = |action: Action| matches!(action, Action::Delete | Action::NoOp);
    let mut found: HashMap<(Str, Str), Superseded> = standing
        .clone()
        .filter(|((workload, key), c)| goes_or_stays(c.action) && !is_own(workload, key, &c.address))
        .map(|((workload, key), _)| ((workload.clone(), key.clone()), Superseded::default()))
        .collect();
    for ((workload, key), change) in standing {
        if found.is_empty() {
            break;
        }
        let Some(of) = found.get_mut(&(workload.clone(), key.clone())) else { continue };
        match change.action {
            Action::Create => of.made_anew = true,
            Action::Delete | Action::NoOp => of.addresses.push(change.address.clone()),
            _ => {}
        }
    }
    found
}

impl Look {
    fn nothing() -> Look {
        Look { by_place: Vec::new(), problems: Vec::new(), gone: Vec::new() }
    }
}

/// What a look found.
pub(super) struct Look {
    /// Serving replicas by place (lower bound).
    pub by_place: Vec<u32>,
    pub problems: Vec<Diagnostic>,
    /// Objects of the state that are there no more.
    pub gone: Vec<Address>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        store: &'a Store,
        fleet: &'a Fleet,
        providers: &'a Providers,
        env: &'a Env<'a>,
    ) -> Watch<'a> {
        let mut names: BTreeMap<Str, BTreeSet<(Str, Str)>> = BTreeMap::new();
        for change in plan.changes.iter().filter(|c| c.address.mode == Mode::Managed) {
            let Some((workload, _)) = replica(&change.address) else { continue };
            let name = (change.address.ty.clone(), change.address.name.clone());
            names.entry(workload.clone()).or_default().insert(name);
        }
        let left = store.with_state(|state| left::left(env.spec, state));
        let forms = plan.workloads.iter().map(|(w, _)| (w.clone(), store.with_state(|state| state.forms(w)))).collect();
        Watch {
            plan,
            store,
            fleet,
            providers,
            env,
            left,
            forms,
            names,
            superseded: superseded(plan, env.spec),
            known: RefCell::default(),
            probed: RefCell::default(),
        }
    }

    /// A step is done with these: what was counted of them is old.
    pub(super) fn touched(&self, workload: &Str, keys: impl Iterator<Item = Str>) {
        self.known.borrow_mut().entry(workload.clone()).or_default().touched.extend(keys);
    }

    /// The workload's places whose location does not do well now, and did when the plan was made. What providers do not tell is
    /// taken to be as it was.
    pub(super) async fn ill(&self, workload: &Str) -> BTreeMap<usize, Health> {
        let Some((rules, _)) = self.workload(workload) else { return BTreeMap::new() };
        let facts = self.fleet.locations(&self.env.tree, self.env.spec, &self.left, self.providers).await;
        let well = |h: Health| matches!(h, Health::Healthy | Health::Degraded | Health::Returning);
        let places = rules.places.iter().enumerate();
        places
            .filter_map(|(p, place)| {
                let location = &self.plan.topology.locations[place.location];
                let now = facts.get(&location.name)?.health;
                (!well(now) && well(location.health)).then_some((p, now))
            })
            .collect()
    }

    /// Reads these replicas again, and those that steps have touched.
    pub(super) async fn replicas(&self, workload: &Str, keys: &BTreeSet<Str>) -> Look {
        let touched = self.known.borrow_mut().get_mut(workload).map(|k| std::mem::take(&mut k.touched));
        let all: BTreeSet<Str> = keys.iter().cloned().chain(touched.into_iter().flatten()).collect();
        self.read_again(workload, &all).await
    }

    async fn read_again(&self, workload: &Str, keys: &BTreeSet<Str>) -> Look {
        let Some((rules, spec)) = self.workload(workload) else {
            return Look::nothing();
        };
        let objects: Vec<(ObjectId, Arc<Object>)> = keys.iter().flat_map(|k| self.objects(workload, k)).collect();
        let mut problems = Vec::new();
        let observed = self.fleet.read(objects, self.providers, true, &mut problems).await;
        problems.extend(self.ended(&observed).await);
        self.probe(workload, keys, &observed, &mut problems).await;
        // An old object that is gone was to go anyway; the counts know it.
        let is_lost = |id: &ObjectId, seen: &Seen| id.deposed.is_none() && matches!(seen.reality, Reality::Gone);
        let lost = observed.objects.iter().filter(|(id, seen)| is_lost(id, seen));
        let gone = lost.map(|(id, _)| id.address.clone()).collect();
        let found: Vec<(Str, usize, (u32, u32))> = keys
            .iter()
            .filter_map(|key| {
                let place = self.place(rules, key)?;
                Some((key.clone(), place, self.serving(workload, spec, rules, place, key, &observed, &mut problems)))
            })
            .collect();
        let mut known = self.known.borrow_mut();
        let known = known.entry(workload.clone()).or_default();
        known.by_place.resize(rules.places.len(), 0);
        for (key, place, n) in found {
            let before = known.serving.insert(key, n).unwrap_or_default();
            known.by_place[place] = known.by_place[place] + n.0 + n.1 - before.0 - before.1;
        }
        Look { by_place: known.by_place.clone(), problems, gone }
    }

    /// Asks the probes that tell of these replicas, once: a step waits for what serves, not for what once did not.
    async fn probe(&self, workload: &Str, keys: &BTreeSet<Str>, observed: &Observed, problems: &mut Vec<Diagnostic>) {
        let spec = self.env.spec;
        if !spec.probes.iter().any(|p| p.workloads.contains(workload)) {
            return;
        }
        let targets = probes::targets(spec, self.env, observed, Some((workload, keys)), problems);
        let seen = Prober::new(spec).look(&targets).await;
        let mut probed = self.probed.borrow_mut();
        probed.0.seen.extend(seen);
        probed.1.extend(keys.iter().map(|key| (workload.clone(), key.clone())));
        self.env.set_probed(&probed.0, &probed.1);
    }

    /// A provider whose process has ended will never say how its objects fare.
    async fn ended(&self, observed: &Observed) -> Vec<Diagnostic> {
        let silent: BTreeSet<&ProviderRef> =
            observed.objects.values().filter(|s| s.is_unreadable()).map(|s| &s.provider).collect();
        let mut problems = Vec::new();
        for reference in silent {
            let Some(plugin) = self.fleet.plugin(reference) else { continue };
            if plugin.has_ended().await {
                problems.push(
                    Diagnostic::error(
                        "Provider process has ended",
                        format!("Provider {reference} ended in mid-run: nobody can tell any more what serves. Nothing further is taken away."),
                    )
                    .help("Run the same command again: what was out is asked about first. If it comes back, it is a fault of the provider."),
                );
            }
        }
        problems
    }

    /// Reads these places as a whole where the last reading is older than `fresh`, and `keys` in any case.
    pub(super) async fn places(
        &self,
        workload: &Str,
        places: &BTreeSet<usize>,
        keys: &BTreeSet<Str>,
        fresh: Duration,
    ) -> Look {
        let stale: BTreeSet<usize> = {
            let known = self.known.borrow();
            let read = |p: &usize| known.get(workload).and_then(|k| k.read.get(p)).is_some_and(|t| t.elapsed() < fresh);
            places.iter().copied().filter(|p| !read(p)).collect()
        };
        let mut all = keys.clone();
        if !stale.is_empty() {
            let Some((rules, _)) = self.workload(workload) else {
                return Look::nothing();
            };
            all.extend(
                self.keys()
                    .filter(|(w, _)| w == workload)
                    .map(|(_, k)| k)
                    .filter(|k| self.place(rules, k).is_some_and(|p| stale.contains(&p))),
            );
            // What was counted once and is not in the state any more does not serve.
            let known = self.known.borrow();
            if let Some(known) = known.get(workload) {
                all.extend(
                    known.serving.keys().filter(|k| self.place(rules, k).is_some_and(|p| stale.contains(&p))).cloned(),
                );
            }
        }
        let look = self.replicas(workload, &all).await;
        let mut known = self.known.borrow_mut();
        let known = known.entry(workload.clone()).or_default();
        let now = Instant::now();
        known.read.extend(stale.into_iter().map(|p| (p, now)));
        look
    }

    /// How many of these serve; what an old one still does is not the new one's.
    pub(super) fn serving_of<'k>(&self, workload: &Str, keys: impl Iterator<Item = &'k Str>) -> u32 {
        let known = self.known.borrow();
        let Some(known) = known.get(workload) else { return 0 };
        keys.filter(|k| known.serving.get(*k).is_some_and(|n| n.0 > 0)).count() as u32
    }

    /// Every replica key in the state, by workload.
    fn keys(&self) -> impl Iterator<Item = (Str, Str)> {
        let keys: BTreeSet<(Str, Str)> = self.store.with_state(|s| {
            s.objects.keys().filter_map(|id| replica(&id.address).map(|(w, k)| (w.clone(), k.clone()))).collect()
        });
        keys.into_iter()
    }

    fn workload(&self, name: &Str) -> Option<(&'a Workload, &'a WorkloadSpec)> {
        let (_, plan) = self.plan.workloads.iter().find(|(n, _)| n == name)?;
        Some((&plan.rules, self.env.spec.workload(name)?))
    }

    fn place(&self, rules: &Workload, key: &str) -> Option<usize> {
        let (location, _) = placement::split_key(key);
        rules.places.iter().position(|p| self.plan.topology.locations[p.location].name == location)
    }

    /// The objects of a replica, old ones included.
    fn objects(&self, workload: &Str, key: &Str) -> Vec<(ObjectId, Arc<Object>)> {
        let names = self.names.get(workload).into_iter().flatten().cloned();
        self.store.with_state(|state| {
            names
                .flat_map(|(ty, name)| {
                    let address = Address {
                        key: Some(Key::Str(key.clone())),
                        ..Address::replica(workload.clone(), ty, name, key.clone())
                    };
                    let first = ObjectId::current(address.clone());
                    let last = ObjectId::deposed(address, DeposedKey(u32::MAX));
                    state.objects.range(first..=last).map(|(id, o)| (id.clone(), o.clone())).collect::<Vec<_>>()
                })
                .collect()
        })
    }

    /// How many replicas serve under this key: the new one (or a group's number), and the old one it replaces.
    #[expect(clippy::too_many_arguments, reason = "one replica's surroundings")]
    fn serving(
        &self,
        workload: &Str,
        spec: &'a WorkloadSpec,
        rules: &Workload,
        place: usize,
        key: &Str,
        observed: &Observed,
        problems: &mut Vec<Diagnostic>,
    ) -> (u32, u32) {
        let location = &self.plan.topology.locations[rules.places[place].location];
        let Some(template) = self.template(workload, spec, location, key) else {
            // Nothing tells what serves of it: what is there is taken to.
            let there = |(id, s): (&ObjectId, &Seen)| {
                id.deposed.is_none()
                    && self.is_of(&id.address, workload, key)
                    && !s.is_unreadable()
                    && s.current().is_some()
            };
            return (u32::from(observed.objects.iter().any(there)), 0);
        };
        let managed = template.resources.iter().filter(|r| r.mode == Mode::Managed);
        let mut new: Vec<Option<Value>> = Vec::new();
        let mut old: Vec<Option<Value>> = Vec::new();
        for resource in managed.clone() {
            let address =
                Address::replica(workload.clone(), resource.ty.text.clone(), resource.name.text.clone(), key.clone());
            let value = |id: &ObjectId| {
                observed.objects.get(id).filter(|s| !s.is_unreadable() && !s.tainted).and_then(Seen::current).cloned()
            };
            let last = ObjectId::deposed(address.clone(), DeposedKey(u32::MAX));
            let first = ObjectId::current(address);
            new.push(value(&first));
            let mut deposed = observed.objects.range(first.clone()..=last).filter(|(id, _)| id.deposed.is_some());
            old.push(deposed.next().and_then(|(id, _)| value(id)));
        }
        let complete = |values: &[Option<Value>]| values.iter().all(Option::is_some);
        let (mut fresh, mut replaced) = (0, 0);
        let present = managed.clone().zip(&new).filter(|(_, value)| value.is_some()).map(|(r, _)| r);
        let present: Form = present.map(|r| format!("{}.{}", r.ty.text, r.name.text)).collect();
        let forms = self.forms.get(workload).map_or(&[][..], Vec::as_slice);
        let grown = || left::shape(&left::form(template), &present, forms) == Shape::Grown;
        if complete(&new) || (!present.is_empty() && grown()) {
            fresh = self.ready(spec, template, location, key, &new, problems);
        }
        // Resources of an earlier form: their readiness is not written any more.
        let superseded = self.superseded.get(&(workload.clone(), key.clone()));
        let stands = |a: &Address| {
            let seen = observed.objects.get(&ObjectId::current(a.clone()));
            seen.is_some_and(|s| !s.is_unreadable() && !s.tainted && s.current().is_some())
        };
        if superseded.is_some_and(|of| (of.made_anew || !complete(&new)) && of.addresses.iter().all(stands)) {
            replaced = 1;
        }
        if old.iter().any(Option::is_some) {
            let merged: Vec<Option<Value>> =
                old.iter().zip(&new).map(|(o, n)| o.clone().or_else(|| n.clone())).collect();
            if complete(&merged) {
                replaced = self.ready(spec, template, location, key, &merged, problems);
            }
        }
        (fresh, replaced)
    }

    /// The template of a replica; in a location that has left the spec the one that made it.
    fn template(&self, workload: &Str, spec: &'a WorkloadSpec, location: &Location, key: &Str) -> Option<&'a Template> {
        let declared =
            spec.rules.places.iter().position(|p| self.env.spec.topology.locations[p.location].name == location.name);
        let made = || {
            let objects = self.objects(workload, key);
            let present = left::form_of(objects.iter().map(|(id, _)| &id.address));
            left::maker(spec, location, placement::split_key(key).1.is_some(), &present)
        };
        declared.map(|p| spec.template_of[p]).or_else(made).map(|t| &spec.templates[t])
    }

    fn is_of(&self, address: &Address, workload: &Str, key: &Str) -> bool {
        replica(address).is_some_and(|(w, k)| w == workload && k == key)
    }

    /// What `ready` says: 1 or 0 of a replica, a number of a group.
    fn ready(
        &self,
        spec: &WorkloadSpec,
        template: &Template,
        location: &Location,
        key: &Str,
        values: &[Option<Value>],
        problems: &mut Vec<Diagnostic>,
    ) -> u32 {
        let Some(expr) = &template.ready else { return 1 };
        let managed = template.resources.iter().filter(|r| r.mode == Mode::Managed);
        let siblings: Vec<((Mode, &str, &str), Value)> = managed
            .zip(values)
            .map(|(r, v)| {
                let value = v.clone().unwrap_or_else(|| Value::unknown(Type::Dynamic));
                ((r.mode, &*r.ty.text, &*r.name.text), value)
            })
            .collect();
        let (_, slot) = placement::split_key(key);
        let mut own: Vec<(&str, Value)> = vec![("location", placement::location_value(self.env.spec, location))];
        own.extend(slot.map(|s| ("replica", placement::replica_value(&spec.rules.name, key, s))));
        let scope = Overlay { own: &own, resources: &siblings, ..Overlay::over(self.env) };
        let (value, found) = self.env.aside(|| eval(expr, &scope));
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        match value.kind() {
            Kind::Bool(ready) => u32::from(*ready),
            Kind::Number(n) if template.kind == TemplateKind::PerLocation => {
                n.to_i64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
            }
            _ => 0,
        }
    }
}

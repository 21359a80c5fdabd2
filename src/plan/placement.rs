//! Which replicas there are, which of them serve, and where the spread engine wants them.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::blocks::attr;
use super::env::{BlockValues, Env, Repetition};
use super::left::{self, Left, Shape};
use super::observed::{Observed, Seen};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key};
use crate::lang::ast::ExprKind;
use crate::lang::eval::eval;
use crate::lang::scope::Overlay;
use crate::spec::{Spec, WorkloadSpec};
use crate::spread::decision::{Decision, PlaceBounds};
use crate::spread::model::{
    Bound, Capacity, CapacitySource, Health, HealthSource, Limit, Live, Location, OnShortage, Place, PlaceLive, Ready,
    Replicas, Slot, Template as TemplateKind, TimeSource, Timed, Topology, Workload,
};
use crate::state::{Form, State};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Kind, Str, Value};

/// A workload with what stands of it now.
#[derive(Clone, Debug)]
pub struct Standing {
    pub name: Str,
    /// The rules; places include locations the spec no longer offers but where replicas still stand.
    pub rules: Workload,
    /// The template of each place; `None` for a place the spec no longer offers.
    pub template_of: Vec<Option<usize>>,
    pub live: Live,
    /// Names of the places' locations, parallel to `rules.places`.
    pub place_names: Vec<String>,
    /// Objects of the workload in the state, by replica key.
    pub objects: BTreeMap<Str, Vec<Address>>,
    /// How replicas whose template has changed its resources compare with it, by key.
    pub shapes: BTreeMap<Str, Shape>,
}

/// One instance of a template that the plan keeps or makes.
#[derive(Clone, Debug)]
pub struct Replica {
    pub key: Str,
    /// Index into the topology's locations.
    pub location: usize,
    pub place: usize,
    /// `None` for a location's group.
    pub slot: Option<u32>,
    pub template: usize,
    /// Nothing of it may be touched.
    pub frozen: bool,
    /// What `location.replicas`, `.min` and `.peak` are.
    pub replicas: u32,
    pub bounds: PlaceBounds,
}

/// Where every workload's replicas will be.
#[derive(Clone, Debug, Default)]
pub struct Placements {
    pub workloads: Vec<Placed>,
    /// `location` values, parallel to the topology's locations.
    pub locations: Vec<Value>,
}

/// One workload's replicas.
#[derive(Clone, Debug)]
pub struct Placed {
    pub name: Str,
    /// In the order of keys.
    pub replicas: Vec<Replica>,
    /// Keys of what stays, for now, where the spec has no template for it any more.
    pub left: BTreeSet<Str>,
}

impl Placements {
    /// Whether a replica, or a location's group, stays for now though the spec has no template for it any more.
    pub fn leaves_standing(&self, workload: &str, key: &str) -> bool {
        self.workloads.iter().any(|w| *w.name == *workload && w.left.contains(key))
    }

    /// `location` and, in a template made once per replica, `replica`.
    pub fn names(&self, workload: &str, replica: &Replica) -> Vec<(&'static str, Value)> {
        let number = |n: u32| Value::number(i64::from(n));
        let base = &self.locations[replica.location];
        let mut attrs: Vec<(Str, Value)> = base.entries().map(<[_]>::to_vec).unwrap_or_default();
        attrs.push(("replicas".into(), number(replica.replicas)));
        attrs.push(("min".into(), number(replica.bounds.min)));
        attrs.push(("peak".into(), number(replica.bounds.peak)));
        let mut names = vec![("location", Value::object(attrs))];
        names.extend(replica.slot.map(|slot| ("replica", replica_value(workload, &replica.key, slot))));
        names
    }
}

/// What `location` is in a template's `ready`; of one that has left the spec what is remembered of it.
pub fn location_value(spec: &Spec, location: &Location) -> Value {
    let declared = spec.topology.locations.iter().position(|l| l.name == location.name);
    declared.map_or_else(
        || {
            let domains = location.domains.iter().map(|(k, v)| (Str::new(k), Value::string(v.clone()))).collect();
            Value::object(vec![
                ("domains".into(), Value::object(domains)),
                ("name".into(), Value::string(location.name.clone())),
            ])
        },
        |i| spec.locations[i].value.clone(),
    )
}

/// What `replica` is inside a template.
pub fn replica_value(workload: &str, key: &Str, slot: u32) -> Value {
    Value::object(vec![
        ("index".into(), Value::number(i64::from(slot))),
        ("key".into(), Value::string(key.clone())),
        ("name".into(), Value::string(format!("{workload}-{}", key.replace('/', "-")))),
    ])
}

/// What a provider said of a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocationFact {
    pub health: Health,
    pub source: HealthSource,
    /// `None`: the provider does not tell.
    pub capacity: Option<Limit>,
}

/// The topology as observed: health, capacity, measured boot times, and locations that exist only in the state any more.
pub fn topology(
    spec: &Spec,
    facts: &BTreeMap<String, LocationFact>,
    measured_boot_s: &BTreeMap<String, u64>,
    left: &[Left],
) -> Topology {
    let mut topology = spec.topology.clone();
    topology.locations.extend(left.iter().map(|l| l.location.clone()));
    for location in &mut topology.locations {
        if let Some(fact) = facts.get(&location.name) {
            location.health = fact.health;
            location.health_source = fact.source;
            location.capacity = narrower(location.capacity, fact.capacity);
        }
        if let Some(seconds) = measured_boot_s.get(&location.name) {
            location.boot = Timed { seconds: *seconds, source: TimeSource::Measured };
        }
    }
    topology
}

/// The room of a location: what the spec declares, or what its provider grants where that is less. A provider that was asked and
/// did not say lets nothing grow.
fn narrower(declared: Capacity, granted: Option<Limit>) -> Capacity {
    let Some(granted) = granted else { return declared };
    let provider = Capacity { limit: granted, source: CapacitySource::Provider };
    match (declared.source, declared.limit, granted) {
        (CapacitySource::Unknown, ..) | (_, _, Limit::Unreadable) => provider,
        (_, Limit::Known { lo, hi }, Limit::Known { lo: l, hi: h }) if l < lo || h < hi => {
            Capacity { limit: Limit::Known { lo: lo.min(l), hi: hi.min(h) }, ..provider }
        }
        (_, Limit::Unlimited, Limit::Known { .. }) => provider,
        _ => declared,
    }
}

/// Location and slot of a replica key.
pub fn split_key(key: &str) -> (&str, Option<u32>) {
    match key.rsplit_once('/') {
        Some((location, slot)) => match slot.parse() {
            Ok(slot) => (location, Some(slot)),
            Err(_) => (key, None),
        },
        None => (key, None),
    }
}

/// What stands of every workload, in the order of the spec.
pub fn standing(
    spec: &Spec,
    env: &Env<'_>,
    topology: &Topology,
    observed: &Observed,
    state: &State,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Standing> {
    let mut by_workload: BTreeMap<&Str, BTreeMap<Str, Vec<Address>>> = BTreeMap::new();
    for id in observed.objects.keys().filter(|id| id.deposed.is_none()) {
        if let Some((workload, key)) = super::sequence::replica(&id.address) {
            by_workload.entry(workload).or_default().entry(key.clone()).or_default().push(id.address.clone());
        }
    }
    seed(env, observed);
    env.set_probed(&observed.probed, &super::probes::replicas(observed));
    let mut all: Vec<Standing> = spec
        .workloads
        .iter()
        .map(|w| {
            let objects = by_workload.get(&Str::new(&w.rules.name)).cloned().unwrap_or_default();
            let forms = state.forms(&w.rules.name);
            let mut one = one_standing(w, env, topology, Found { observed, objects, forms }, problems);
            if let Some(scaling) = &mut one.rules.scaling {
                scaling.held = before_failover(state, &w.rules.name);
            }
            one
        })
        .collect();
    share_capacity(&mut all, topology, &observed.beside);
    all
}

/// Locations where fewer replicas serve than stand there by the state: some are gone, or are surely not ready.
pub fn short(spec: &Spec, env: &Env<'_>, topology: &Topology, observed: &Observed, state: &State) -> BTreeSet<String> {
    // What is wrong with an expression is told when the plan is made.
    let all = standing(spec, env, topology, observed, state, &mut Vec::new());
    let mut short = BTreeSet::new();
    for one in &all {
        for (name, live) in one.place_names.iter().zip(&one.live.places) {
            let lacks = match &live.replicas {
                Replicas::Slots(slots) => slots.iter().any(|s| s.ready == Ready::No),
                Replicas::Count { count, ready_hi, .. } => ready_hi < count,
            };
            if lacks {
                short.insert(name.clone());
            }
        }
    }
    short
}

/// How many replicas a workload had before the failover in force; the most where there are several.
fn before_failover(state: &State, workload: &str) -> Option<u32> {
    let displaced = state.failovers.values().filter_map(|f| f.workloads.get(workload));
    let before = displaced.map(|d| d.before.values().sum::<u64>()).max();
    before.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// Lets `ready` expressions see the replicas' objects as they are.
fn seed(env: &Env<'_>, observed: &Observed) {
    for (id, seen) in &observed.objects {
        if id.deposed.is_none()
            && id.address.workload.is_some()
            && let Some(value) = seen.current()
        {
            env.set_instance(&id.address, value.clone());
        }
    }
}

/// What there is of one workload.
struct Found<'o> {
    observed: &'o Observed,
    /// Its objects, by replica key.
    objects: BTreeMap<Str, Vec<Address>>,
    /// What its templates were made of when they were last applied as a whole.
    forms: Vec<Form>,
}

fn one_standing(
    workload: &WorkloadSpec,
    env: &Env<'_>,
    topology: &Topology,
    found: Found<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Standing {
    let Found { observed, objects, forms } = found;
    let name = Str::new(&workload.rules.name);
    let mut rules = workload.rules.clone();
    let mut template_of: Vec<Option<usize>> = workload.template_of.iter().map(|t| Some(*t)).collect();
    let mut used: BTreeSet<&str> = objects.keys().map(|k| split_key(k).0).collect();
    for place in &rules.places {
        used.remove(topology.locations[place.location].name.as_str());
    }
    for (i, location) in topology.locations.iter().enumerate() {
        if used.contains(location.name.as_str()) {
            let slots = objects.keys().any(|k| split_key(k) != (k, None));
            let template = if slots { TemplateKind::PerReplica } else { TemplateKind::PerLocation };
            rules.places.push(Place {
                location: i,
                unit: rules.scale,
                template,
                ready_measured: false,
                declared: false,
                most: None,
            });
            template_of.push(None);
        }
    }
    let mut order: Vec<usize> = (0..rules.places.len()).collect();
    order.sort_by(|a, b| {
        topology.locations[rules.places[*a].location].name.cmp(&topology.locations[rules.places[*b].location].name)
    });
    let places: Vec<Place> = order.iter().map(|i| rules.places[*i].clone()).collect();
    renumber_paths(&mut rules, &order);
    rules.places = places;
    let template_of: Vec<Option<usize>> = order.iter().map(|i| template_of[*i]).collect();
    let mut reader =
        Reader { workload, env, observed, name: &name, objects: &objects, forms: &forms, shapes: BTreeMap::new() };
    let live = Live {
        places: rules
            .places
            .iter()
            .zip(&template_of)
            .map(|(place, template)| {
                let location = &topology.locations[place.location];
                let replicas = reader.place(place, *template, location, problems);
                PlaceLive { others: 0, replicas }
            })
            .collect(),
    };
    let shapes = reader.shapes;
    let place_names = rules.places.iter().map(|p| topology.locations[p.location].name.clone()).collect();
    Standing { name, rules, template_of, live, place_names, objects, shapes }
}

/// Paths of `requires` name places by index: keep them true after places were inserted.
fn renumber_paths(rules: &mut Workload, order: &[usize]) {
    let mut new_index = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        new_index[*old] = new;
    }
    for path in rules.requires.iter_mut().flat_map(|g| &mut g.paths) {
        if let Some(places) = &mut path.places {
            places.iter_mut().for_each(|p| *p = new_index[*p]);
            places.sort_unstable();
        }
    }
}

/// Replicas of other workloads, those of other states among them, take room in the same location.
pub fn share_capacity(all: &mut [Standing], topology: &Topology, beside: &[super::ledger::Foreign]) {
    super::ledger::crowd(all, &mut beside.to_vec(), topology);
}

/// Reads what stands of one workload.
struct Reader<'r, 'a> {
    workload: &'r WorkloadSpec,
    env: &'r Env<'a>,
    observed: &'r Observed,
    name: &'r Str,
    objects: &'r BTreeMap<Str, Vec<Address>>,
    forms: &'r [Form],
    shapes: BTreeMap<Str, Shape>,
}

impl Reader<'_, '_> {
    fn place(
        &mut self,
        place: &Place,
        template: Option<usize>,
        location: &Location,
        problems: &mut Vec<Diagnostic>,
    ) -> Replicas {
        match place.template {
            TemplateKind::PerLocation => self.group(template, location, problems),
            TemplateKind::Observed => {
                let ready = self.observed.templates.get(&(self.name.clone(), location.name.clone())).copied();
                let slot = |slot| Slot {
                    slot,
                    exists: true,
                    incomplete: false,
                    ready: Ready::Yes,
                    current: true,
                    interrupting_update: false,
                    tainted: false,
                };
                Replicas::Slots((0..ready.unwrap_or(0)).map(slot).collect())
            }
            TemplateKind::PerReplica => {
                let objects = self.objects;
                let mut slots: Vec<Slot> = objects
                    .iter()
                    .filter_map(|(key, addresses)| match split_key(key) {
                        (l, Some(slot)) if l == location.name => {
                            Some(self.slot(key, slot, addresses, template, location, problems))
                        }
                        _ => None,
                    })
                    .collect();
                slots.sort_by_key(|s| s.slot);
                Replicas::Slots(slots)
            }
        }
    }

    fn slot(
        &mut self,
        key: &Str,
        slot: u32,
        addresses: &[Address],
        template: Option<usize>,
        location: &Location,
        problems: &mut Vec<Diagnostic>,
    ) -> Slot {
        let seen = |a: &Address| self.observed.objects.get(&crate::state::ObjectId::current(a.clone()));
        let present = left::form_of(addresses.iter().filter(|a| seen(a).and_then(Seen::current).is_some()));
        let tainted = addresses.iter().filter_map(seen).any(|s| s.tainted && s.current().is_some());
        let unreadable = addresses.iter().filter_map(seen).any(Seen::is_unreadable);
        let exists = !present.is_empty();
        let shape = match template {
            Some(t) if exists => left::shape(&left::form(&self.workload.templates[t]), &present, self.forms),
            _ => Shape::Whole,
        };
        let by = template.or_else(|| left::maker(self.workload, location, true, &present));
        let ready = match shape {
            _ if !exists => Ready::No,
            _ if self.observed.assumed.contains(&location.name) => Ready::Yes,
            // Nobody can be asked what it is; a probe of its own has seen it serve, or nobody has.
            _ if location.health == Health::ControlLost => {
                match self.observed.probed.confirms(self.env.spec, self.name, key) {
                    true => Ready::Yes,
                    false => Ready::Unknown,
                }
            }
            _ if unreadable => Ready::Unknown,
            _ if tainted => Ready::No,
            Shape::Part => Ready::No,
            // Its template's readiness is not written any more. It is whole by what it was, and taken to serve.
            Shape::Earlier => Ready::Yes,
            Shape::Whole | Shape::Grown | Shape::More => self.ready(key, Some(slot), by, location, problems),
        };
        if !matches!(shape, Shape::Whole | Shape::Part) {
            self.shapes.insert(key.clone(), shape);
        }
        // What has grown is completed as what is half made is.
        let incomplete = matches!(shape, Shape::Part | Shape::Grown);
        Slot { slot, exists, incomplete, ready, current: true, interrupting_update: false, tainted }
    }

    /// What the template's `ready` says of one replica; one that exists is taken to serve where there is no such expression.
    fn ready(
        &self,
        key: &Str,
        slot: Option<u32>,
        template: Option<usize>,
        location: &Location,
        problems: &mut Vec<Diagnostic>,
    ) -> Ready {
        let Some((template, expr)) = template.and_then(|t| Some((t, self.workload.templates[t].ready.as_ref()?)))
        else {
            return Ready::Yes;
        };
        let (value, _) = self.evaluate(key, slot, template, expr, location, problems).unmark();
        match value.kind() {
            Kind::Bool(true) => Ready::Yes,
            Kind::Bool(false) | Kind::Null(_) => Ready::No,
            Kind::Unknown(_) => Ready::Unknown,
            _ => {
                problems.push(wrong_ready(expr, "true or false"));
                Ready::Unknown
            }
        }
    }

    fn evaluate(
        &self,
        key: &Str,
        slot: Option<u32>,
        template: usize,
        expr: &crate::lang::ast::Expr,
        location: &Location,
        problems: &mut Vec<Diagnostic>,
    ) -> Value {
        let mut own = vec![("location", location_value(self.env.spec, location))];
        own.extend(slot.map(|slot| ("replica", replica_value(self.name, key, slot))));
        let siblings = self.env.siblings(self.name, &self.workload.templates[template].resources, key);
        let scope = Overlay { own: &own, resources: &siblings, ..Overlay::over(self.env) };
        let (value, found) = eval(expr, &scope);
        // One wrong expression is one mistake, however many replicas it is asked of.
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        value
    }

    fn group(&self, template: Option<usize>, location: &Location, problems: &mut Vec<Diagnostic>) -> Replicas {
        let none = Replicas::Count { count: 0, ready_lo: 0, ready_hi: 0 };
        let key = Str::new(&location.name);
        let Some(addresses) = self.objects.get(&key) else { return none };
        let current = |a: &Address| self.observed.objects.get(&crate::state::ObjectId::current(a.clone()));
        let unreadable = addresses.iter().filter_map(current).any(Seen::is_unreadable);
        // A location that left the spec has no template any more; what stands there was made by one of them.
        let made = || left::maker(self.workload, location, false, &left::form_of(addresses.iter()));
        let Some(template) = template.or_else(made) else { return none };
        let Some(count) = self.group_count(template, addresses) else { return none };
        let Some(expr) = &self.workload.templates[template].ready else { return none };
        let (value, _) = self.evaluate(&key, None, template, expr, location, problems).unmark();
        let ready = match value.kind() {
            Kind::Number(n) => n.to_i64().and_then(|n| u32::try_from(n).ok()),
            Kind::Unknown(_) => None,
            Kind::Null(_) => Some(0),
            _ => {
                problems.push(wrong_ready(expr, "a number"));
                None
            }
        };
        // Half made, and nothing of it serves: it is made again, whatever number it has.
        let tainted = addresses.iter().filter_map(current).any(|seen| seen.tainted);
        if tainted && ready == Some(0) && !unreadable {
            return none;
        }
        match ready {
            Some(n) if !unreadable || self.observed.assumed.contains(&location.name) => {
                Replicas::Count { count, ready_lo: n.min(count), ready_hi: n.min(count) }
            }
            _ => Replicas::Count { count, ready_lo: 0, ready_hi: count },
        }
    }

    /// The live value of the attribute that `location.replicas` is written to.
    fn group_count(&self, template: usize, addresses: &[Address]) -> Option<u32> {
        let (resource, attribute) = count_attribute(&self.workload.templates[template])?;
        let address = addresses.iter().find(|a| a.ty == resource.ty.text && a.name == resource.name.text)?;
        let seen = self.observed.objects.get(&crate::state::ObjectId::current(address.clone()))?;
        let n = seen.current()?.get(&attribute)?.as_num()?.to_i64()?;
        u32::try_from(n).ok()
    }
}

fn wrong_ready(expr: &crate::lang::ast::Expr, wanted: &str) -> Diagnostic {
    Diagnostic::error("Wrong form of an argument", format!("\"ready\" must be {wanted}."))
        .at(&expr.span)
        .help("A replica is ready or not (a bool); a location's group has so many ready (a number).")
}

/// The resource and the attribute that take `location.replicas` in a per-location template.
pub fn count_attribute(template: &crate::spec::Template) -> Option<(&crate::lang::module::Resource, Str)> {
    template.resources.iter().find_map(|r| {
        let found = r.body.attributes.iter().find(|a| {
            matches!(&a.expr.unparenthesised().kind, ExprKind::Traversal(t)
                if &*t.root.name == "location" && t.steps.len() == 1 && attr(t, 0).is_some_and(|n| &**n == "replicas"))
        })?;
        Some((r, found.name.name.clone()))
    })
}

/// Which replicas the decision keeps and makes, by key.
pub fn placed(standing: &Standing, topology: &Topology, decision: &Decision) -> Placed {
    let mut placed = Placed { name: standing.name.clone(), replicas: Vec::new(), left: BTreeSet::new() };
    for (p, place) in standing.rules.places.iter().enumerate() {
        let frozen = decision.changes[p].frozen;
        let slots: Vec<Option<u32>> = match place.template {
            TemplateKind::PerLocation => vec![None],
            TemplateKind::PerReplica | TemplateKind::Observed => {
                let existing = match &standing.live.places[p].replicas {
                    Replicas::Slots(slots) => slots.as_slice(),
                    Replicas::Count { .. } => &[],
                };
                let gone: BTreeSet<u32> = decision.changes[p].remove.iter().copied().collect();
                let mut slots: BTreeSet<u32> = existing.iter().filter(|s| s.exists).map(|s| s.slot).collect();
                slots.retain(|s| !gone.contains(s));
                slots.extend(&decision.changes[p].add);
                slots.into_iter().map(Some).collect()
            }
        };
        for slot in slots {
            match instance(standing, topology, decision, p, slot) {
                Some(replica) => placed.replicas.push(Replica { frozen, ..replica }),
                None if slot.is_some() || decision.after[p] > 0 => {
                    placed.left.insert(key(&standing.place_names[p], slot));
                }
                None => {}
            }
        }
    }
    placed.replicas.sort_by_key(|a| Key::Str(a.key.clone()));
    placed
}

/// Which replicas the decision makes for the change alone, by key.
pub fn spares(standing: &Standing, topology: &Topology, decision: &Decision) -> Placed {
    let slots = decision.changes.iter().enumerate().flat_map(|(p, c)| c.spare.iter().map(move |s| (p, *s)));
    let mut replicas: Vec<Replica> =
        slots.filter_map(|(p, slot)| instance(standing, topology, decision, p, Some(slot))).collect();
    replicas.sort_by_key(|a| Key::Str(a.key.clone()));
    Placed { name: standing.name.clone(), replicas, left: BTreeSet::new() }
}

/// The key of a replica, or of a location's group.
fn key(location: &str, slot: Option<u32>) -> Str {
    Str::from(slot.map_or_else(|| location.to_string(), |slot| format!("{location}/{slot}")))
}

/// A template's instance at a place; `None` where the spec has no template any more.
fn instance(
    standing: &Standing,
    topology: &Topology,
    decision: &Decision,
    place: usize,
    slot: Option<u32>,
) -> Option<Replica> {
    let location = standing.rules.places[place].location;
    Some(Replica {
        key: key(&topology.locations[location].name, slot),
        location,
        place,
        slot,
        template: standing.template_of[place]?,
        frozen: false,
        replicas: decision.after[place],
        bounds: decision.bounds[place],
    })
}

/// The env's view of a template block before its instances are planned: none yet.
pub fn clear_templates(env: &Env<'_>, spec: &Spec) {
    for workload in &spec.workloads {
        for resource in workload.templates.iter().flat_map(|t| &t.resources) {
            let address = Address {
                workload: Some(Str::new(&workload.rules.name)),
                mode: resource.mode,
                ..Address::managed(resource.ty.text.clone(), resource.name.text.clone(), None)
            };
            env.set_block(address, BlockValues { repetition: Repetition::ForEach, instances: BTreeMap::new() });
        }
    }
}

impl Standing {
    /// What a forced answer to a loss passes over: floors, and a refusal for want of room.
    pub fn pass_over_floors(&mut self) {
        self.rules.floor_serving = Bound::Count(0);
        for level in &mut self.rules.spread {
            level.min.clear();
            level.min_domains = None;
            if level.on_shortage == OnShortage::Strict {
                level.on_shortage = OnShortage::Prefer;
            }
        }
    }

    /// No more than serve where further ones were tried in vain.
    pub fn avoid(&mut self, tried: &BTreeSet<(Str, String)>) {
        for (p, name) in self.place_names.iter().enumerate() {
            if tried.contains(&(self.name.clone(), name.clone())) {
                let serving = match &self.live.places[p].replicas {
                    Replicas::Slots(slots) => slots.iter().filter(|s| s.ready == Ready::Yes).count() as u32,
                    Replicas::Count { ready_hi, .. } => *ready_hi,
                };
                self.rules.places[p].most = Some(serving);
            }
        }
    }

    /// The place of a location, by name.
    pub fn place_of(&self, location: &str) -> Option<usize> {
        self.place_names.iter().position(|n| n == location)
    }
}

//! What probes ask, evaluated for what stands now, and what their answers are worth in expressions. Asking is not done here.

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::env::Env;
use super::observed::Observed;
use super::placement::{self, split_key};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::lang::ast::Expr;
use crate::lang::eval::eval;
use crate::lang::scope::Overlay;
use crate::spec::Spec;
use crate::spec::probes::{Asked, Expected, ProbeSpec, Scope};
use crate::spread::evidence::Sight;
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::{Kind, Str, Type, Value};

/// What one question is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum About {
    Replica { workload: Str, key: Str },
    Location { name: String },
    FrontDoor,
}

impl About {
    /// The location it tells of; a front door tells of none.
    pub fn location(&self) -> Option<&str> {
        match self {
            About::Replica { key, .. } => Some(split_key(key).0),
            About::Location { name } => Some(name),
            About::FrontDoor => None,
        }
    }
}

/// A question that needs nothing more to be asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    Http {
        url: String,
        #[serde(default)]
        status: Vec<u16>,
        #[serde(default)]
        body: Option<String>,
    },
    Tcp {
        address: String,
    },
    Dns {
        name: String,
        record: String,
        #[serde(default)]
        server: Option<String>,
        #[serde(default)]
        expect: Vec<String>,
    },
}

/// A question of a probe.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// Index of the probe.
    pub probe: usize,
    pub about: About,
    pub check: Check,
}

/// What one vantage point saw of one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Saw {
    Pass,
    Fail,
    /// It could not be asked, or answered too late.
    Nothing,
}

/// What was seen of a target in the last window, by the probe's vantage points (one for this machine where it names none).
pub type Seen = BTreeMap<(usize, About), Vec<Saw>>;

/// What probes are worth in expressions: the last window's sights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probed {
    pub seen: Seen,
}

/// Questions about what stands: all of it, or these replicas of one workload. A replica without an address yet is not asked.
pub fn targets(
    spec: &Spec,
    env: &Env<'_>,
    observed: &Observed,
    only: Option<(&Str, &BTreeSet<Str>)>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Target> {
    if spec.probes.is_empty() {
        return Vec::new();
    }
    let replicas = standing(observed);
    let mut list = Vec::new();
    for (index, probe) in spec.probes.iter().enumerate() {
        let asker = Asker { spec, env, probe, index };
        let asked = only.is_none_or(|(name, _)| probe.workloads.contains(name));
        match probe.scope {
            Scope::FrontDoor if asked => {
                list.extend(asker.target(About::FrontDoor, &Overlay::over(env), problems));
            }
            Scope::Location if asked => {
                for (location, written) in spec.topology.locations.iter().zip(&spec.locations) {
                    if asker.serves(&location.name) {
                        let own = [("location", written.value.clone())];
                        let about = About::Location { name: location.name.clone() };
                        list.extend(asker.target(about, &Overlay { own: &own, ..Overlay::over(env) }, problems));
                    }
                }
            }
            Scope::FrontDoor | Scope::Location => {}
            Scope::Replica => {
                for (workload, key) in &replicas {
                    let wanted = only.is_none_or(|(name, keys)| name == workload && keys.contains(key));
                    if wanted && probe.workloads.contains(workload) {
                        list.extend(asker.replica(workload, key, observed, problems));
                    }
                }
            }
        }
    }
    list
}

/// Every replica of which something stands.
fn standing(observed: &Observed) -> BTreeSet<(Str, Str)> {
    let there = observed.objects.iter().filter(|(id, seen)| id.deposed.is_none() && seen.current().is_some());
    there.filter_map(|(id, _)| super::sequence::replica(&id.address).map(|(w, k)| (w.clone(), k.clone()))).collect()
}

struct Asker<'a, 'e> {
    spec: &'a Spec,
    env: &'a Env<'e>,
    probe: &'a ProbeSpec,
    index: usize,
}

impl Asker<'_, '_> {
    /// Whether a location may hold replicas of the probe's workloads.
    fn serves(&self, location: &str) -> bool {
        let workloads = self.probe.workloads.iter().filter_map(|name| self.spec.workload(name));
        let mut places = workloads.flat_map(|w| &w.rules.places);
        places.any(|p| self.spec.topology.locations[p.location].name == location)
    }

    fn replica(
        &self,
        workload: &Str,
        key: &Str,
        observed: &Observed,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Target> {
        let (location, slot) = split_key(key);
        let at = self.spec.topology.locations.iter().position(|l| l.name == location)?;
        let mut attrs: BTreeMap<Str, Vec<(Str, Value)>> = BTreeMap::new();
        for resource in self.spec.workload(workload)?.templates.iter().flat_map(|t| &t.resources) {
            let (ty, name) = (&resource.ty.text, &resource.name.text);
            let address = Address {
                mode: resource.mode,
                ..Address::replica(workload.clone(), ty.clone(), name.clone(), key.clone())
            };
            let seen = observed.objects.get(&crate::state::ObjectId::current(address));
            if let Some(value) = seen.and_then(super::observed::Seen::current) {
                attrs.entry(ty.clone()).or_default().push((name.clone(), value.clone()));
            }
        }
        let mut replica: Vec<(Str, Value)> = match placement::replica_value(workload, key, slot.unwrap_or(0)).entries()
        {
            Some(entries) => entries.to_vec(),
            None => Vec::new(),
        };
        replica.extend(attrs.into_iter().map(|(ty, names)| (ty, Value::object(names))));
        let own = [("location", self.spec.locations[at].value.clone()), ("replica", Value::object(replica))];
        let about = About::Replica { workload: workload.clone(), key: key.clone() };
        self.target(about, &Overlay { own: &own, ..Overlay::over(self.env) }, problems)
    }

    fn target(&self, about: About, scope: &Overlay<'_>, problems: &mut Vec<Diagnostic>) -> Option<Target> {
        let Expected { status, body, records } = self.probe.expected.clone();
        let check = match &self.probe.asked {
            Asked::Http { url } => Check::Http { url: self.text(url, scope, problems)?, status, body },
            Asked::Tcp { address } => Check::Tcp { address: self.text(address, scope, problems)? },
            Asked::Dns { name, kind, server } => Check::Dns {
                name: self.text(name, scope, problems)?,
                record: kind.clone(),
                server: match server {
                    Some(server) => Some(self.text(server, scope, problems)?),
                    None => None,
                },
                expect: records,
            },
        };
        Some(Target { probe: self.index, about, check })
    }

    /// A text that is known; what is not known yet cannot be asked yet.
    fn text(&self, expr: &Expr, scope: &Overlay<'_>, problems: &mut Vec<Diagnostic>) -> Option<String> {
        let (value, found) = self.env.aside(|| eval(expr, scope));
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        let (value, marks) = value.unmark();
        let wrong = match value.kind() {
            Kind::String(_) if marks.is_sensitive() => "it is sensitive, and would stand in every report",
            Kind::String(text) => return Some(text.to_string()),
            Kind::Unknown(_) | Kind::Null(_) => return None,
            _ => "it is no text",
        };
        let problem = Diagnostic::error("Unsuitable value", format!("In probe \"{}\": {wrong}.", self.probe.name))
            .at(&expr.span)
            .help("A probe asks an address: for example \"http://${replica.sim_instance.server.address}/healthz\"");
        if !problems.contains(&problem) {
            problems.push(problem);
        }
        None
    }
}

impl Probed {
    /// What `probe.name` is: `healthy` by replica name, `count` by location name, `ok` of the whole. What nobody saw is unknown.
    pub fn value(&self, spec: &Spec, name: &str, replicas: &BTreeSet<(Str, Str)>) -> Option<Value> {
        let index = spec.probes.iter().position(|p| &*p.name == name)?;
        let probe = &spec.probes[index];
        let of = |about: &About| verdict(self.seen.get(&(index, about.clone())));
        let front = of(&About::FrontDoor);
        let mut healthy: BTreeMap<Str, Option<bool>> = BTreeMap::new();
        let mut count: BTreeMap<Str, Option<u32>> =
            spec.topology.locations.iter().map(|l| (Str::new(&l.name), Some(0))).collect();
        for (workload, key) in replicas.iter().filter(|(w, _)| probe.workloads.contains(w)) {
            let (location, slot) = split_key(key);
            let seen = match probe.scope {
                Scope::Replica => of(&About::Replica { workload: workload.clone(), key: key.clone() }),
                Scope::Location => of(&About::Location { name: location.to_string() }),
                Scope::FrontDoor => front,
            };
            let replica = placement::replica_value(workload, key, slot.unwrap_or(0));
            let name = replica.get("name").and_then(|v| v.as_str().map(Str::new));
            healthy.extend(name.map(|name| (name, seen)));
            let here = count.entry(Str::new(location)).or_insert(Some(0));
            *here = match (*here, seen) {
                (Some(n), Some(well)) => Some(n.saturating_add(u32::from(well))),
                _ => None,
            };
        }
        let truth = |seen: Option<bool>| match seen {
            Some(true) => Value::TRUE,
            Some(false) => Value::FALSE,
            None => Value::unknown(Type::Bool),
        };
        let number = |n: Option<u32>| n.map_or_else(|| Value::unknown(Type::Number), |n| Value::number(i64::from(n)));
        Some(Value::object(vec![
            ("healthy".into(), Value::map(Type::Bool, healthy.into_iter().map(|(k, v)| (k, truth(v))).collect())),
            ("count".into(), Value::map(Type::Number, count.into_iter().map(|(k, v)| (k, number(v))).collect())),
            ("ok".into(), truth(front)),
        ]))
    }

    /// Whether a probe of its own has seen a replica well.
    pub fn confirms(&self, spec: &Spec, workload: &Str, key: &Str) -> bool {
        let about = About::Replica { workload: workload.clone(), key: key.clone() };
        (0..spec.probes.len()).any(|p| verdict(self.seen.get(&(p, about.clone()))) == Some(true))
    }
}

/// Well when everybody who answered says so, not well when nobody does, else unknown: a lower bound counts what is certain.
fn verdict(seen: Option<&Vec<Saw>>) -> Option<bool> {
    let seen = seen?;
    let count = |wanted: Saw| seen.iter().filter(|s| **s == wanted).count();
    match (count(Saw::Pass), count(Saw::Fail)) {
        (0, 0) => None,
        (_, 0) => Some(true),
        (0, _) => Some(false),
        _ => None,
    }
}

/// What each vantage point of a probe saw of each location in one window.
pub fn sights(spec: &Spec, seen: &Seen) -> BTreeMap<(usize, String), Vec<Sight>> {
    let mut by_location: BTreeMap<(usize, String), Vec<&Vec<Saw>>> = BTreeMap::new();
    for ((probe, about), saw) in seen {
        if let Some(location) = about.location() {
            by_location.entry((*probe, location.to_string())).or_default().push(saw);
        }
    }
    by_location
        .into_iter()
        .map(|((probe, location), targets)| {
            let vantages = spec.probes[probe].from.len().max(1);
            let sight = |v: usize| merged(targets.iter().map(|saw| saw.get(v).copied().unwrap_or(Saw::Nothing)));
            ((probe, location), (0..vantages).map(sight).collect())
        })
        .collect()
}

/// What one vantage point saw of a location, from what it saw of everything in it.
pub fn merged(saw: impl Iterator<Item = Saw>) -> Sight {
    let (mut pass, mut fail) = (false, false);
    for one in saw {
        pass |= one == Saw::Pass;
        fail |= one == Saw::Fail;
    }
    match (pass, fail) {
        (true, false) => Sight::Pass,
        (true, true) => Sight::Mixed,
        (false, true) => Sight::Fail,
        (false, false) => Sight::Missing,
    }
}

/// The replicas that `probe.x.healthy` has a word for.
pub fn replicas(observed: &Observed) -> BTreeSet<(Str, Str)> {
    standing(observed)
}

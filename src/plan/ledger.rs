//! A ledger that several states share: what each holds in locations of limited room, and what it may hold while it changes something.
//! Pages are data here; who reads and writes them is `cli/ledger.rs`.
//!
//! What others hold takes room now. After a loss their workloads want room too, by priority like one's own (`spread.md` N10). While
//! somebody carries a plan out, the most it holds at any moment counts as held (a lease over room, N24).

#![allow(missing_docs, reason = "types and unclear fields are documented; the other fields say it by their names")]

use super::model::{Kind, Plan};
use super::placement::Standing;
use super::survival::peaks;
use crate::spread::Question;
use crate::spread::model::{Live, Location, Mode, Place, PlaceLive, Replicas, Template, Topology, Workload};
use std::collections::{BTreeMap, BTreeSet};

/// The form of pages.
pub const FORMAT: u32 = 1;

/// What one state says of itself.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    pub format: u32,
    pub lineage: String,
    /// Who wrote it, for messages.
    pub by: String,
    /// Milliseconds since 1970.
    pub at: i64,
    pub topology: Topology,
    pub workloads: Vec<Holding>,
    /// A change is under way; until then the most it holds counts.
    pub changing_until: Option<i64>,
}

/// A workload in a page.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Holding {
    pub rules: Workload,
    /// Replicas by place, those that serve, and the most of the change that is under way.
    pub existing: Vec<u32>,
    pub ready: Vec<u32>,
    pub most: Vec<u32>,
}

/// A workload of another state, as far as it stands in locations of this one.
#[derive(Clone, Debug)]
pub struct Foreign {
    pub rules: Workload,
    pub live: Live,
}

impl Foreign {
    /// What is asked of it: nothing but the room it wants.
    pub fn question<'q>(&'q self, normal: &'q Mode) -> Question<'q> {
        Question { workload: &self.rules, live: &self.live, mode: normal, stays: true }
    }
}

/// The moment of a change that a page is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    Before,
    /// Under way, and given up for dead at this time.
    During(i64),
    After,
}

/// The page of a plan's state.
pub fn page(plan: &Plan, lineage: &str, moment: Moment, by: &str, at: i64) -> Page {
    let holding = |(_, w): &(straddle_sdk::value::Str, super::model::WorkloadPlan)| {
        let d = &w.decision;
        let (existing, ready) = match moment {
            Moment::After => (d.after.clone(), d.after_ready.iter().map(|i| i.lo).collect()),
            _ => (d.existing.clone(), d.before.iter().map(|i| i.lo).collect()),
        };
        let most = match moment {
            Moment::During(_) => peaks(d),
            _ => existing.clone(),
        };
        Holding { rules: w.rules.clone(), existing, ready, most }
    };
    // What is destroyed wants nothing back.
    let gone = plan.kind == Kind::Destroy && moment == Moment::After;
    Page {
        format: FORMAT,
        lineage: lineage.into(),
        by: by.into(),
        at,
        topology: plan.topology.clone(),
        workloads: plan.workloads.iter().filter(|_| !gone).map(holding).collect(),
        changing_until: match moment {
            Moment::During(until) => Some(until),
            _ => None,
        },
    }
}

/// The workloads of other states that stand in locations of this topology.
pub fn foreign(pages: &[Page], lineage: &str, topology: &Topology, now: i64) -> Vec<Foreign> {
    let others = pages.iter().filter(|page| page.lineage != lineage);
    let mut all: Vec<Foreign> = others
        .flat_map(|page| {
            let changing = page.changing_until.is_some_and(|until| now < until);
            page.workloads.iter().filter_map(move |holding| one(page, holding, changing, topology))
        })
        .collect();
    all.sort_by(|a, b| a.rules.name.cmp(&b.rules.name));
    all
}

/// Places are told by their domains: names of locations are each state's own.
fn one(page: &Page, holding: &Holding, changing: bool, topology: &Topology) -> Option<Foreign> {
    let same = |a: &Location, b: &Location| !a.domains.is_empty() && a.domains == b.domains;
    let mut places: Vec<(String, Place, PlaceLive)> = Vec::new();
    for (p, place) in holding.rules.places.iter().enumerate() {
        let Some(theirs) = page.topology.locations.get(place.location) else { continue };
        let Some(location) = topology.locations.iter().position(|ours| same(ours, theirs)) else { continue };
        let at = |counts: &[u32]| counts.get(p).copied().unwrap_or(0);
        let count = if changing { at(&holding.most).max(at(&holding.existing)) } else { at(&holding.existing) };
        let ready = at(&holding.ready).min(count);
        let live = PlaceLive { others: 0, replicas: Replicas::Count { count, ready_lo: ready, ready_hi: ready } };
        let place = Place { location, template: Template::PerLocation, ..place.clone() };
        places.push((topology.locations[location].name.clone(), place, live));
    }
    if places.is_empty() {
        return None;
    }
    places.sort_by(|a, b| a.0.cmp(&b.0));
    let (places, live): (Vec<Place>, Vec<PlaceLive>) = places.into_iter().map(|(_, p, l)| (p, l)).unzip();
    // Its own rules are its own plan's business; here it only wants room, and what names risks or places of its topology means nothing.
    let rules = Workload {
        name: format!("{} of {}", holding.rules.name, page.by),
        foreign: true,
        survive: Vec::new(),
        accepted: Vec::new(),
        requires: Vec::new(),
        entry: Vec::new(),
        overflow: Vec::new(),
        standby: None,
        places,
        ..holding.rules.clone()
    };
    Some(Foreign { rules, live: Live { places: live } })
}

/// Replicas of other states, by location.
pub fn totals(foreign: &[Foreign], topology: &Topology) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for one in foreign {
        for (place, live) in one.rules.places.iter().zip(&one.live.places) {
            let Replicas::Count { count, .. } = live.replicas else { continue };
            if count > 0 {
                *totals.entry(topology.locations[place.location].name.clone()).or_insert(0) += u64::from(count);
            }
        }
    }
    totals
}

/// Everybody stands beside everybody else: own workloads beside foreign ones, and those beside both.
pub fn crowd(own: &mut [Standing], foreign: &mut [Foreign], topology: &Topology) {
    let count = |live: &PlaceLive| match &live.replicas {
        Replicas::Slots(slots) => slots.iter().filter(|s| s.exists).count() as u32,
        Replicas::Count { count, .. } => *count,
    };
    let mut total = vec![0u32; topology.locations.len()];
    let all = own.iter().map(|one| (&one.rules, &one.live)).chain(foreign.iter().map(|one| (&one.rules, &one.live)));
    for (rules, live) in all {
        for (place, live) in rules.places.iter().zip(&live.places) {
            total[place.location] = total[place.location].saturating_add(count(live));
        }
    }
    let own = own.iter_mut().map(|one| (&one.rules, &mut one.live));
    for (rules, live) in own.chain(foreign.iter_mut().map(|one| (&one.rules, &mut one.live))) {
        for (place, live) in rules.places.iter().zip(&mut live.places) {
            live.others = total[place.location].saturating_sub(count(live));
        }
    }
}

/// Locations in which other states hold more than they did when a plan was made.
pub fn risen(then: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>, used: &BTreeSet<&str>) -> Vec<String> {
    let before = |name: &str| then.get(name).copied().unwrap_or(0);
    let more = now.iter().filter(|(name, n)| used.contains(name.as_str()) && **n > before(name));
    more.map(|(name, n)| format!("other states hold {n} in {name}, {} when this was planned", before(name))).collect()
}

/// Locations where a plan makes replicas.
pub fn grows_in(plan: &Plan) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (_, w) in &plan.workloads {
        for entry in w.decision.steps.iter().flat_map(|s| &s.adds).filter(|e| e.count > 0) {
            names.extend(w.rules.places.get(entry.place).map(|p| plan.topology.locations[p.location].name.as_str()));
        }
    }
    names
}

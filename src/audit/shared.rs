//! Several workloads in one location: together they fit into it, at every moment of their steps, and each was given the room that
//! the others leave.

use super::finding::{Fault, Finding};
use crate::plan::model::{Kind, Plan, WorkloadPlan};
use crate::spread::decision::{Role, StepEntry};
use crate::spread::model::{Event, Limit};
use std::collections::{BTreeMap, BTreeSet};
use straddle_sdk::value::Str;

/// One workload in one location.
struct Stay<'p> {
    name: &'p Str,
    workload: &'p WorkloadPlan,
    place: usize,
    now: u64,
    then: u64,
    /// The most of all moments.
    most: u64,
    /// The most when the steps make replicas here; 0 when they make none.
    adding: u64,
}

/// All locations of limited room.
pub(super) fn check(plan: &Plan, out: &mut Vec<Finding>) {
    let before = ancestors(plan);
    for (name, _) in &plan.workloads {
        if before.get(name).is_some_and(|all| all.contains(name)) {
            let what = "its steps wait for themselves".to_string();
            out.push(Finding { workload: Some(name.to_string()), step: None, fault: Fault::Shape { what } });
            return;
        }
    }
    for (index, location) in plan.topology.locations.iter().enumerate() {
        let stays: Vec<Stay<'_>> = plan.workloads.iter().filter_map(|(name, w)| stay(name, w, index)).collect();
        let (lo, hi) = match location.capacity.limit {
            Limit::Unlimited => continue,
            Limit::Known { lo, hi } => (u64::from(lo), u64::from(hi)),
            Limit::Unreadable => (0, 0),
        };
        let (now, then) = stays.iter().fold((0, 0), |(n, t), s| (n + s.now, t + s.then));
        if then > lo.max(now) {
            let fault = Fault::OverCapacity { place: location.name.clone(), count: then, room: lo.max(now) };
            out.push(Finding { workload: None, step: None, fault });
        }
        if location.capacity.limit == Limit::Unreadable || plan.kind == Kind::RefreshOnly {
            continue;
        }
        for i in 0..stays.len() {
            beside(&stays, i, (lo, hi), &before, &location.name, out);
        }
    }
    losses(plan, out);
}

fn stay<'p>(name: &'p Str, workload: &'p WorkloadPlan, location: usize) -> Option<Stay<'p>> {
    let d = &workload.decision;
    let place = workload.rules.places.iter().position(|p| p.location == location)?;
    let (now, then) = (u64::from(*d.existing.get(place)?), u64::from(*d.after.get(place)?));
    let (mut here, mut most, mut adding) = (now, now.max(then), 0);
    for step in &d.steps {
        let at = |list: &'p [StepEntry]| list.iter().filter(move |e| e.place == place);
        for entry in at(&step.adds) {
            let completed = entry.slots.iter().filter(|s| s.role == Role::Complete).count() as u64;
            let new = u64::from(entry.count).saturating_sub(completed);
            here += new;
            adding = if new > 0 { here.max(adding) } else { adding };
        }
        most = most.max(here);
        here = at(&step.removes).fold(here, |here, e| here.saturating_sub(e.count.into()));
    }
    Some(Stay { name, workload, place, now, then, most, adding })
}

/// For each workload all whose steps are over before its own begin.
fn ancestors(plan: &Plan) -> BTreeMap<&Str, BTreeSet<&Str>> {
    let names: BTreeMap<&str, &Str> = plan.workloads.iter().map(|(name, _)| (&**name, name)).collect();
    let direct: BTreeMap<&Str, Vec<&Str>> = plan
        .workloads
        .iter()
        .map(|(name, w)| (name, w.decision.follows.iter().filter_map(|f| names.get(f.as_str()).copied()).collect()))
        .collect();
    let all = |name: &Str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Str> = direct.get(name).cloned().unwrap_or_default();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(direct.get(next).into_iter().flatten());
            }
        }
        seen
    };
    plan.workloads.iter().map(|(name, _)| (name, all(name))).collect()
}

/// One workload beside the others of a location.
fn beside(
    stays: &[Stay<'_>],
    i: usize,
    (lo, hi): (u64, u64),
    before: &BTreeMap<&Str, BTreeSet<&Str>>,
    place: &str,
    out: &mut Vec<Finding>,
) {
    let me = &stays[i];
    let comes_before = |a: &Stay<'_>, b: &Stay<'_>| before.get(b.name).is_some_and(|all| all.contains(a.name));
    let (mut least, mut most, mut meanwhile) = (0, 0, 0);
    for other in stays.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, s)| s) {
        let (low, high) = match () {
            () if comes_before(other, me) => (other.then, other.then),
            () if comes_before(me, other) => (other.now, other.now),
            () => (other.now.min(other.then), other.most),
        };
        least += low;
        meanwhile += high;
        most += other.most;
    }
    let fault = |fault| Finding { workload: Some(me.name.to_string()), step: None, fault };
    let count = me.adding + meanwhile;
    if me.adding > 0 && count > lo {
        out.push(fault(Fault::OverCapacity { place: place.to_string(), count, room: lo }));
    }
    let d = &me.workload.decision;
    let (Some(others), Some(Some(room))) = (d.others.get(me.place), d.room.get(me.place)) else { return };
    let (others, room) = (u64::from(*others), u64::from(*room));
    if others < least {
        let what = format!("what other workloads hold in {place} meanwhile, at least,");
        out.push(fault(Fault::Number { what, claimed: others.into(), found: least.into() }));
    }
    // What is not of this plan is known from the numbers only: it is what they are more.
    let unseen = others - least.min(others);
    let tried = me.workload.rules.places.get(me.place).and_then(|p| p.most).map_or(u64::MAX, u64::from);
    let (fewest, largest) = (lo.saturating_sub(most + unseen).min(tried), hi.max(lo).min(tried));
    if room < fewest || room > largest {
        let what = format!("the room in {place} for the target");
        out.push(fault(Fault::Outside { what, has: room, least: fewest, most: largest }));
    }
}

/// After each loss all workloads together grow into no more than there is.
fn losses(plan: &Plan, out: &mut Vec<Finding>) {
    let mut stands = vec![0u64; plan.topology.locations.len()];
    let mut grown: BTreeMap<&Event, (usize, Vec<u64>)> = BTreeMap::new();
    for (_, workload) in &plan.workloads {
        let at = |p: usize| workload.rules.places.get(p).map(|p| p.location);
        for (p, n) in workload.decision.after.iter().enumerate() {
            if let Some(n_at) = at(p).and_then(|l| stands.get_mut(l)) {
                *n_at += u64::from(*n);
            }
        }
        for row in workload.decision.losses.iter().filter(|r| r.lose.len() == 1) {
            let entry = grown.entry(&row.lose[0]).or_insert_with(|| (0, vec![0; plan.topology.locations.len()]));
            entry.0 += 1;
            for (p, n) in &row.growth {
                if let Some(n_at) = at(*p).and_then(|l| entry.1.get_mut(l)) {
                    *n_at += u64::from(*n);
                }
            }
        }
    }
    for (event, (_, grown)) in grown.into_iter().filter(|(_, (several, _))| *several > 1) {
        for (l, location) in plan.topology.locations.iter().enumerate().filter(|(l, _)| grown[*l] > 0) {
            let Limit::Known { lo, .. } = location.capacity.limit else { continue };
            let count = stands[l] + grown[l];
            if count > u64::from(lo) {
                let place = format!("{} after the loss of {}", location.name, event.label(&plan.topology));
                let fault = Fault::OverCapacity { place, count, room: lo.into() };
                out.push(Finding { workload: None, step: None, fault });
            }
        }
    }
}

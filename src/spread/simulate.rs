//! What is left of what stands after losses that somebody names, without any plan.

use std::collections::BTreeSet;

use super::cut_sets::{Merged, merge_with_control};
use super::decide::{canonical_of, cut_sets_of};
use super::decision::{CutSets, Decision, LossRow, PlaceChanges, Refusal};
use super::judge::State;
use super::model::{Event, Live, Mode, Topology, Workload};
use super::place::Placement;
use super::report::{Facts, cut_floor, loss_row, losses};
use super::slots::Work;
use super::survive::RuleMeter;
use super::world::World;

/// One workload as it stands, with losses applied to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// N.
    pub replicas: u32,
    /// What each loss leaves; of every row `now`, `worst_during` and `after` are the same.
    pub rows: Vec<LossRow>,
    /// Minimal cut sets of what stands.
    pub cut_sets: CutSets,
}

/// Applies each set of `lost` to what stands, or every single loss there is when none is named.
///
/// # Errors
/// [`Refusal`] when the data contradicts itself.
pub fn simulate(
    topology: &Topology,
    workload: &Workload,
    live: &Live,
    mode: &Mode,
    lost: Option<&[Vec<Event>]>,
) -> Result<Simulation, Refusal> {
    let world = World::new(topology, workload, live, mode)?;
    let stands = State {
        lo: world.lo.clone(),
        hi: world.possible.clone(),
        existing: world.existing.clone(),
        stuck: vec![0; world.existing.len()],
        standing: world.standing.clone(),
        ..State::default()
    };
    let empty = Placement { target: world.existing.clone(), rows: Vec::new(), notes: Vec::new() };
    let merged = merge_with_control(&world.exposure);
    let facts = Facts {
        placement: empty.clone(),
        canonical: empty,
        meters: workload
            .survive
            .iter()
            .map(|r| RuleMeter::new(topology, &world.exposure, r, &workload.accepted))
            .collect(),
        changes: Vec::new(),
        work: Vec::new(),
        before: stands.clone(),
        after: stands,
        steps: Vec::new(),
        merged: super::cut_sets::merge(&world.exposure),
        world: &world,
    };
    let halves = BTreeSet::from([&facts.before.lo]);
    let rows = match lost {
        None => losses(&facts, &halves),
        Some(sets) => sets
            .iter()
            .map(|set| {
                let numbers: BTreeSet<usize> = set.iter().filter_map(|e| world.exposure.find(e)).collect();
                let numbers: Vec<usize> = numbers.into_iter().collect();
                loss_row(&facts, &named(&merged, set), &numbers, &halves)
            })
            .collect(),
    };
    let cut_sets = cut_sets_of(&world, &facts.merged, &facts.before.lo, cut_floor(&world));
    Ok(Simulation { replicas: world.replicas, rows, cut_sets })
}

/// What stands, judged as it is: no target, no steps. For those who only look, where no target can be reached.
///
/// # Errors
/// [`Refusal`] when the data contradicts itself.
pub fn as_it_stands(topology: &Topology, workload: &Workload, live: &Live, mode: &Mode) -> Result<Decision, Refusal> {
    let world = World::new(topology, workload, live, mode)?;
    let n = world.existing.len();
    let stands = State {
        lo: world.lo.clone(),
        hi: world.possible.clone(),
        existing: world.existing.clone(),
        standing: world.standing.clone(),
        stuck: vec![0; n],
        ..State::default()
    };
    let empty = Placement { target: world.existing.clone(), rows: Vec::new(), notes: Vec::new() };
    Ok(super::report::write(&Facts {
        canonical: canonical_of(&world, world.replicas).unwrap_or_else(|_| empty.clone()),
        placement: empty,
        meters: workload
            .survive
            .iter()
            .map(|r| RuleMeter::new(topology, &world.exposure, r, &workload.accepted))
            .collect(),
        changes: vec![PlaceChanges::default(); n],
        work: vec![Work::default(); n],
        before: stands.clone(),
        after: stands,
        steps: Vec::new(),
        merged: super::cut_sets::merge(&world.exposure),
        world: &world,
    }))
}

/// The aliases of events under the names they were given, whichever of a class that is.
fn named(merged: &Merged, set: &[Event]) -> Merged {
    let mut merged = merged.clone();
    for event in set {
        let class = merged.aliases.iter().find(|(_, others)| others.contains(event));
        if let Some((first, others)) = class {
            let mut names: Vec<Event> = vec![first.clone()];
            names.extend(others.iter().filter(|o| *o != event).cloned());
            merged.aliases.insert(event.clone(), names);
        }
    }
    merged
}

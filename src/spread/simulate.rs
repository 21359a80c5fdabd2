//! What is left of what stands after losses that somebody names, without any plan.

use std::collections::BTreeSet;

use super::cut_sets::{Merged, merge};
use super::decide::{canonical_of, cut_sets_of, meters_of, state_before, state_healthy};
use super::decision::{CutSets, Decision, LossRow, PlaceChanges, Refusal};
use super::model::{Event, Live, Mode, Topology, Workload};
use super::place::Placement;
use super::report::{Facts, cut_floor, loss_row, losses, merge_for_table};
use super::slots::Work;
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

/// What stands, as a decision that changes nothing.
pub fn standing_facts(world: World<'_>) -> Facts<'_> {
    let n = world.existing.len();
    let stands = state_before(&world, vec![0; n]);
    let empty = Placement { target: world.existing.clone(), rows: Vec::new(), notes: Vec::new() };
    Facts {
        canonical: canonical_of(&world, world.replicas).unwrap_or_else(|_| empty.clone()),
        meters: meters_of(&world),
        merged: merge(&world.exposure),
        changes: vec![PlaceChanges::default(); n],
        work: vec![Work::default(); n],
        before: stands.clone(),
        after: stands,
        healthy: state_healthy(&world, &empty.target),
        placement: empty,
        steps: Vec::new(),
        follows: Vec::new(),
        held_up: false,
        turn: 0,
        world,
    }
}

/// Each set of `lost` applied to what stands, or every single loss there is when none is named.
pub(super) fn told(facts: &Facts<'_>, lost: Option<&[Vec<Event>]>) -> Simulation {
    let world = &facts.world;
    let merged = merge_for_table(facts);
    let halves = BTreeSet::from([&facts.before.lo]);
    let rows = match lost {
        None => losses(facts, &halves),
        Some(sets) => sets
            .iter()
            .map(|set| {
                let numbers: BTreeSet<usize> = set.iter().filter_map(|e| world.exposure.find(e)).collect();
                let numbers: Vec<usize> = numbers.into_iter().collect();
                loss_row(facts, &named(&merged, set), &numbers, &halves)
            })
            .collect(),
    };
    let cut_sets = cut_sets_of(world, &facts.merged, &facts.before.lo, cut_floor(world));
    Simulation { replicas: world.replicas, rows, cut_sets }
}

/// What stands, judged as it is: no target, no steps. For those who only look, where no target can be reached.
///
/// # Errors
/// [`Refusal`] when the data contradicts itself.
pub fn as_it_stands(topology: &Topology, workload: &Workload, live: &Live, mode: &Mode) -> Result<Decision, Refusal> {
    Ok(super::report::write(&standing_facts(World::new(topology, workload, live, mode)?)))
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

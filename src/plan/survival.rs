//! The promises of a spec, judged on what stands and on what a plan leaves.

use super::placement::Standing;
use crate::promise::model::Survival;
use crate::promise::{Stand, judge};
use crate::spec::Spec;
use crate::spread::decision::{Decision, Role};
use crate::spread::model::{Live, Replicas, Topology};

/// Judged on what stands before the plan, and on what its steps lead to.
pub fn of_decisions(spec: &Spec, topology: &Topology, standing: &[Standing], decisions: &[Decision]) -> Survival {
    let now: Vec<Stand<'_>> = standing.iter().zip(decisions).map(|(one, d)| before(one, d)).collect();
    let after: Vec<Stand<'_>> = standing.iter().zip(decisions).map(|(one, d)| after(one, d)).collect();
    judge(&spec.promises, topology, &now, &after)
}

/// Judged on what stands, both now and after: nothing is changed.
pub fn of_live(spec: &Spec, topology: &Topology, standing: &[Standing]) -> Survival {
    let now: Vec<Stand<'_>> = standing.iter().map(|one| as_it_stands(one, &one.live)).collect();
    judge(&spec.promises, topology, &now, &now)
}

fn before<'s>(standing: &'s Standing, decision: &Decision) -> Stand<'s> {
    let existing = decision.existing.clone();
    Stand {
        rules: &standing.rules,
        ready: decision.before.iter().map(|i| i.lo).collect(),
        peak: existing.iter().map(|n| u64::from(*n)).sum(),
        existing,
    }
}

fn after<'s>(standing: &'s Standing, decision: &Decision) -> Stand<'s> {
    Stand {
        rules: &standing.rules,
        ready: decision.after_ready.iter().map(|i| i.lo).collect(),
        existing: decision.after.clone(),
        peak: peak(decision),
    }
}

/// The most replicas that exist at once: in every step the adds are there before the removes are gone.
pub fn peak(decision: &Decision) -> u64 {
    let mut standing: u64 = decision.existing.iter().map(|n| u64::from(*n)).sum();
    let mut most = standing;
    // What is completed exists already.
    let count = |e: &crate::spread::decision::StepEntry| match e.slots.is_empty() {
        true => u64::from(e.count),
        false => e.slots.iter().filter(|s| s.role != Role::Complete).count() as u64,
    };
    for step in &decision.steps {
        let sum = |entries: &[crate::spread::decision::StepEntry]| entries.iter().map(count).sum::<u64>();
        standing = standing.saturating_add(sum(&step.adds));
        most = most.max(standing);
        standing = standing.saturating_sub(sum(&step.removes));
    }
    most
}

fn as_it_stands<'s>(standing: &'s Standing, live: &Live) -> Stand<'s> {
    let mut ready = Vec::new();
    let mut existing = Vec::new();
    for place in &live.places {
        match &place.replicas {
            Replicas::Slots(slots) => {
                let serves = |s: &&crate::spread::model::Slot| s.ready == crate::spread::model::Ready::Yes;
                ready.push(slots.iter().filter(serves).count() as u32);
                existing.push(slots.iter().filter(|s| s.exists).count() as u32);
            }
            Replicas::Count { count, ready_lo, .. } => {
                ready.push(*ready_lo);
                existing.push(*count);
            }
        }
    }
    let peak = existing.iter().map(|n| u64::from(*n)).sum();
    Stand { rules: &standing.rules, ready, existing, peak }
}

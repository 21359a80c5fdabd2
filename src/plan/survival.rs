//! The promises of a spec, judged on what stands and on what a plan leaves.

use super::grades::grade;
use super::model::Change;
use super::placement::Standing;
use crate::promise::model::{Parity, Promises, StandIn, Survival};
use crate::promise::{Stand, judge};
use crate::spec::Spec;
use crate::spread::decision::{Decision, Role};
use crate::spread::model::{Live, Replicas, Topology};
use crate::spread::standby::{Candidate, active};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

/// Judged on what stands before the plan, and on what its steps lead to.
pub fn of_decisions(
    promises: &Promises,
    topology: &Topology,
    standing: &[Standing],
    decisions: &[Decision],
) -> Survival {
    let now: Vec<Stand<'_>> = standing.iter().zip(decisions).map(|(one, d)| before(one, d)).collect();
    let after: Vec<Stand<'_>> = standing.iter().zip(decisions).map(|(one, d)| after(one, d)).collect();
    judge(promises, topology, &now, &after)
}

/// What the plan has of every attribute that a stand-in must share.
pub fn parities(promises: &Promises, changes: &[Change]) -> Promises {
    let mut promises = promises.clone();
    for rule in &mut promises.stand_ins {
        rule.seen = rule.parity.iter().filter_map(|attribute| parity(rule, attribute, changes)).collect();
    }
    promises
}

/// A rehearsal that the ledger knows of counts as one that somebody has written down.
pub fn rehearsals(promises: &mut Promises, rehearsed: &BTreeMap<String, i64>) {
    for (name, day) in rehearsed {
        if let Some(facts) = promises.sites.get_mut(name) {
            facts.rehearsed = facts.rehearsed.max(Some(*day));
        }
    }
}

fn parity(rule: &StandIn, attribute: &str, changes: &[Change]) -> Option<Parity> {
    let values = |workload: &str| -> Vec<String> {
        let mut all = BTreeSet::new();
        for change in changes.iter().filter(|c| c.address.workload.as_deref().is_some_and(|w| *w == *workload)) {
            let Some(value) = change.after.get(attribute) else { continue };
            let hidden = value.deep_marks().is_sensitive();
            let text =
                straddle_sdk::value::codec::show::known_part(&value.clone().unmark().0).unwrap_or_else(|| "?".into());
            all.insert(if hidden { digest(&text) } else { text });
        }
        all.into_iter().collect()
    };
    let (of, by) = (values(&rule.of), values(&rule.by));
    (!of.is_empty() || !by.is_empty()).then(|| Parity { attribute: attribute.to_string(), of, by })
}

/// Equal secrets have equal digests, and nobody reads them.
fn digest(text: &str) -> String {
    use data_encoding::HEXLOWER;
    use sha2::{Digest as _, Sha256};
    format!("(sensitive {})", HEXLOWER.encode(&Sha256::digest(text.as_bytes())[..4]))
}

/// Judged on what stands, both now and after: nothing is changed.
pub fn of_live(spec: &Spec, topology: &Topology, standing: &[Standing], rehearsed: &BTreeMap<String, i64>) -> Survival {
    let now: Vec<Stand<'_>> = standing.iter().map(|one| as_it_stands(one, &one.live)).collect();
    let mut promises = spec.promises.clone();
    rehearsals(&mut promises, rehearsed);
    judge(&promises, topology, &now, &now)
}

/// Under what id the state remembers who works: no rule, but what the next promotion starts from.
const ACTIVE: &str = "standby.active";

/// Decides who works in every workload with standbys; `to`: locations where a person wants the next one.
pub fn promote(standing: &mut [Standing], decisions: &[Decision], state: &State, to: &BTreeSet<String>) {
    for (one, decision) in standing.iter_mut().zip(decisions) {
        let places: Vec<(String, u32, u32)> = one
            .place_names
            .iter()
            .zip(decision.before.iter().zip(&decision.after))
            .map(|(name, (before, after))| (name.clone(), before.lo, *after))
            .collect();
        let Some(standby) = &mut one.rules.standby else { continue };
        standby.last = state.rules.get(&*one.name).and_then(|r| r.get(ACTIVE)).map(|rule| rule.fingerprint.to_string());
        let of = |name: &str| {
            let place = places.iter().find(|(n, ..)| n == name);
            place.map_or(Candidate { serves: false, stays: false }, |(_, serves, stays)| Candidate {
                serves: *serves > 0,
                stays: *stays > 0,
            })
        };
        standby.wished = standby.order.iter().find(|name| to.contains(*name)).cloned();
        standby.active = active(standby, &of);
    }
}

/// Id, what a rule said, what it says now.
pub type Weakened = Vec<(String, String, Option<String>)>;

/// The rules as data, and those that were in force and are not, or promise less now.
pub fn compared(spec: &Spec, state: &State, one: &Standing) -> (BTreeMap<String, String>, Weakened) {
    let mut now = spec.workload(&one.name).map(|w| w.fingerprints.clone()).unwrap_or_default();
    let before = state.rules.get(&*one.name).into_iter().flatten();
    let weaker = |id: &str, was: &str| {
        grade(id, Some(was), now.get(id).map(String::as_str)).is_some_and(super::grades::Grade::needs_approval)
    };
    let weakened = before
        .filter(|(id, rule)| **id != *ACTIVE && weaker(id, &rule.fingerprint))
        .map(|(id, rule)| (id.to_string(), rule.text.to_string(), now.get(&**id).cloned()))
        .collect();
    let active = one.rules.standby.as_ref().and_then(|s| s.active.clone());
    now.extend(active.map(|name| (ACTIVE.to_string(), name)));
    (now, weakened)
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

/// The most replicas that exist at each place at any moment of the steps.
pub fn peaks(decision: &Decision) -> Vec<u32> {
    let mut standing = decision.existing.clone();
    let mut most: Vec<u32> = standing.iter().zip(&decision.after).map(|(now, then)| *now.max(then)).collect();
    for step in &decision.steps {
        for entry in &step.adds {
            standing[entry.place] = standing[entry.place].saturating_add(count(entry));
            most[entry.place] = most[entry.place].max(standing[entry.place]);
        }
        for entry in &step.removes {
            standing[entry.place] = standing[entry.place].saturating_sub(count(entry));
        }
    }
    most
}

/// Replicas an entry makes or takes; what is completed exists already.
fn count(entry: &crate::spread::decision::StepEntry) -> u32 {
    match entry.slots.is_empty() {
        true => entry.count,
        false => entry.slots.iter().filter(|s| s.role != Role::Complete).count() as u32,
    }
}

/// The most replicas that exist at once: in every step the adds are there before the removes are gone.
pub fn peak(decision: &Decision) -> u64 {
    let mut standing: u64 = decision.existing.iter().map(|n| u64::from(*n)).sum();
    let mut most = standing;
    for step in &decision.steps {
        let sum =
            |entries: &[crate::spread::decision::StepEntry]| entries.iter().map(|e| u64::from(count(e))).sum::<u64>();
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

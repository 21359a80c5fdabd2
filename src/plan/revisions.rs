//! Which replicas a plan replaces, and which it changes in place so that they do not serve meanwhile.

use super::left::Shape;
use super::model::{Action, Change};
use super::placement::{self, Standing};
use super::sequence::replica;
use crate::spread::model::Replicas;
use std::collections::BTreeSet;
use straddle_sdk::value::{Str, same};

/// Tells the engine which replicas need replacement or an interrupting change.
pub fn mark(standing: &mut [Standing], changes: &[Change]) {
    let mut replaced: BTreeSet<(&Str, &Str)> = BTreeSet::new();
    let mut updated: BTreeSet<(&Str, &Str)> = BTreeSet::new();
    for change in changes {
        if let Some(id) = replica(&change.address) {
            if change.action.is_replace() {
                replaced.insert(id);
            } else if change.action == Action::Update && interrupts(change) {
                updated.insert(id);
            }
        }
    }
    for one in standing {
        let name = one.name.clone();
        let keys: Vec<Str> = one.objects.keys().cloned().collect();
        for key in keys {
            let (location, slot) = placement::split_key(&key);
            let (Some(slot), Some(place)) = (slot, one.place_of(location)) else { continue };
            if let Replicas::Slots(slots) = &mut one.live.places[place].replicas
                && let Ok(i) = slots.binary_search_by_key(&slot, |s| s.slot)
            {
                let s = &mut slots[i];
                let shape = one.shapes.get(&key);
                s.current = !replaced.contains(&(&name, &key)) && shape != Some(&Shape::Earlier);
                s.interrupting_update = updated.contains(&(&name, &key)) || shape == Some(&Shape::More);
            }
        }
    }
}

/// Attributes whose change no provider is known to interrupt serving for. Everything else is taken to interrupt.
const HARMLESS: &[&str] = &["tags", "tags_all", "labels", "description", "comment", "name_tag"];

fn interrupts(change: &Change) -> bool {
    let (Some(before), Some(after)) = (change.before.entries(), change.after.entries()) else { return true };
    before.iter().zip(after).any(|((name, b), (_, a))| !HARMLESS.contains(&&**name) && !same(b, a))
}

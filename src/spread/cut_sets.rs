//! Minimal cut sets: the smallest losses that push a workload under its floor or cut all ways in (`spread.md` 4.8).

use std::collections::BTreeMap;

use super::decision::{CutSets, Units};
use super::exposure::Exposure;
use super::model::Event;

/// Losses looked at per question; beyond it the answer says up to which order it is complete.
const LOOKS: usize = 1_000_000;
/// Cut sets kept per question.
const KEPT: usize = 50_000;

/// Events of which each stands for all that take the same.
#[derive(Clone, Debug)]
pub struct Merged {
    /// Numbers into [`Exposure::events`]: the member of the outermost level; harmless events are left out.
    pub events: Vec<usize>,
    /// The other members, by the one that stands for them.
    pub aliases: BTreeMap<Event, Vec<Event>>,
}

/// Merges events that take exactly the same places and paths, whether or not replicas stand there.
pub fn merge(exposure: &Exposure) -> Merged {
    merge_by(exposure, |e| {
        let reach = &exposure.events[e];
        (!reach.is_harmless()).then(|| (reach.places.clone(), reach.paths.clone()))
    })
}

/// The same, keeping apart what differs in the places that can no longer be changed, and in `apart`: for tables of recovery.
pub fn merge_with_control<K: Ord>(exposure: &Exposure, apart: impl Fn(usize) -> K) -> Merged {
    merge_by(exposure, |e| {
        let reach = &exposure.events[e];
        (!reach.is_harmless() || !reach.control.is_empty())
            .then(|| (reach.places.clone(), reach.paths.clone(), reach.control.clone(), apart(e)))
    })
}

fn merge_by<K: Ord>(exposure: &Exposure, key: impl Fn(usize) -> Option<K>) -> Merged {
    // Events are in the order of levels, shared risks last: the first of a class is its outermost.
    let mut classes: BTreeMap<K, usize> = BTreeMap::new();
    let mut merged = Merged { events: Vec::new(), aliases: BTreeMap::new() };
    for e in 0..exposure.events.len() {
        let Some(key) = key(e) else { continue };
        match classes.get(&key) {
            Some(&first) => {
                let name = exposure.events[first].event.clone();
                merged.aliases.entry(name).or_default().push(exposure.events[e].event.clone());
            }
            None => {
                classes.insert(key, e);
                merged.events.push(e);
            }
        }
    }
    merged
}

/// All minimal cut sets of a state up to an order.
///
/// Already broken without any loss: one empty set, margin 0.
pub fn cut_sets(exposure: &Exposure, merged: &Merged, ready: &[u32], floor: Units, max_order: u32) -> CutSets {
    let mut hunt = Hunt::new(exposure, merged, ready, floor, false);
    let (found, complete_to) = hunt.run(max_order);
    let margin = margin_of(&found, max_order, complete_to);
    let mut sets: Vec<Vec<Event>> = found
        .iter()
        .map(|set| {
            let mut set: Vec<usize> = set.clone();
            set.sort_unstable();
            set.iter().map(|&e| exposure.events[e].event.clone()).collect()
        })
        .collect();
    sets.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    CutSets { sets, complete_to, margin }
}

/// Only the margin: stops at the first cut set of the smallest order.
pub fn margin(exposure: &Exposure, merged: &Merged, ready: &[u32], floor: Units, max_order: u32) -> u32 {
    let mut hunt = Hunt::new(exposure, merged, ready, floor, true);
    let (found, complete_to) = hunt.run(max_order);
    margin_of(&found, max_order, complete_to)
}

fn margin_of(found: &[Vec<usize>], max_order: u32, complete_to: u32) -> u32 {
    let smallest = found.iter().map(Vec::len).min();
    smallest.map_or(max_order.min(complete_to), |order| (order as u32).saturating_sub(1))
}

struct Hunt<'a> {
    exposure: &'a Exposure,
    ready: &'a [u32],
    floor: Units,
    /// The most each can take, and the event; largest first.
    order: Vec<(Units, usize)>,
    first_only: bool,
    looks: usize,
    found: Vec<Vec<usize>>,
}

impl<'a> Hunt<'a> {
    fn new(exposure: &'a Exposure, merged: &Merged, ready: &'a [u32], floor: Units, first_only: bool) -> Hunt<'a> {
        let mut order: Vec<(Units, usize)> = merged.events.iter().map(|&e| (exposure.potential(ready, e), e)).collect();
        // What hits a path may cut a way in, whatever it weighs.
        for (most, e) in &mut order {
            if !exposure.events[*e].paths.is_empty() {
                *most = Units::MAX;
            }
        }
        order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Hunt { exposure, ready, floor, order, first_only, looks: LOOKS, found: Vec::new() }
    }

    fn run(&mut self, max_order: u32) -> (Vec<Vec<usize>>, u32) {
        if !self.up(&[]).0 {
            return (vec![Vec::new()], max_order);
        }
        for size in 1..=max_order {
            self.go(size as usize, 0, &mut Vec::new());
            if self.looks == 0 || self.found.len() >= KEPT {
                return (std::mem::take(&mut self.found), size - 1);
            }
            if self.first_only && !self.found.is_empty() {
                break;
            }
        }
        (std::mem::take(&mut self.found), max_order)
    }

    /// Whether the workload holds after a loss, and what serves then.
    fn up(&self, lost: &[usize]) -> (bool, Units) {
        let fallen = self.exposure.fall(lost);
        let running = self.exposure.running(self.ready, &fallen);
        (fallen.entries.is_empty() && running >= self.floor, running)
    }

    fn go(&mut self, size: usize, from: usize, lost: &mut Vec<usize>) {
        if self.looks == 0 || self.found.len() >= KEPT || (self.first_only && !self.found.is_empty()) {
            return;
        }
        self.looks -= 1;
        let (up, running) = self.up(lost);
        if lost.len() == size {
            if !up && self.is_minimal(lost) {
                self.found.push(lost.clone());
            }
            return;
        }
        if !up {
            return;
        }
        let need = size - lost.len();
        for i in from..self.order.len() {
            if self.order.len() - i < need {
                break;
            }
            // Largest first: if the next `need` cannot do it, none after them can.
            let most = self.order[i..i + need].iter().fold(0, |sum: Units, o| sum.saturating_add(o.0));
            if running.saturating_sub(most) >= self.floor && most != Units::MAX {
                break;
            }
            lost.push(self.order[i].1);
            self.go(size, i + 1, lost);
            lost.pop();
        }
    }

    fn is_minimal(&self, lost: &[usize]) -> bool {
        (0..lost.len()).all(|skip| {
            let rest: Vec<usize> = lost.iter().enumerate().filter(|(i, _)| *i != skip).map(|(_, &e)| e).collect();
            self.up(&rest).0
        })
    }
}

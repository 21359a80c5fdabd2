//! Minimal cut sets: the smallest losses that push a workload under its floor or cut all ways in (`spread.md` 4.8).
//!
//! The search goes by order: first every loss of one event, then of two, and so on. Within an order it goes depth first over the
//! events that take anything, each at most once, and knows for every event what it would take of what is still left. What several
//! events take together is never more than what each would take alone, so where the largest of those still to come do not add up to
//! what may be lost, nothing behind them does either and the branch ends. Events that hit paths of a group which no loss of the
//! order can break count for their places only; other path events may do anything and are always tried. Events that take the same of
//! what serves now are tried once, and each cut set is written for all of them.
//!
//! The work is bounded by `LOOKS` events looked at and `KEPT` sets. Where a bound ends the search, [`CutSets::complete_to`] is the
//! largest order that was searched to its end, which every table and format says: nothing is cut short in silence.

use std::collections::BTreeMap;

use super::decision::{CutSets, Units};
use super::exposure::{Bits, Exposure};
use super::model::Event;

/// Events looked at per question. A few seconds at worst; worlds of 500 locations and 200 shared risks need far less unless nearly
/// every loss is a cut set.
const LOOKS: usize = 4_000_000;
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
    let mut hunt = Hunt::new(exposure, merged, ready, floor, max_order, false);
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
    let mut hunt = Hunt::new(exposure, merged, ready, floor, max_order, true);
    let (found, complete_to) = hunt.run(max_order);
    margin_of(&found, max_order, complete_to)
}

fn margin_of(found: &[Vec<usize>], max_order: u32, complete_to: u32) -> u32 {
    let smallest = found.iter().map(Vec::len).min();
    smallest.map_or(max_order.min(complete_to), |order| (order as u32).saturating_sub(1))
}

/// Events that take the same of what serves.
struct Class {
    /// Places with something to take.
    places: Vec<usize>,
    /// May break a group of paths.
    paths: bool,
    /// Numbers of the events.
    members: Vec<usize>,
}

/// What is left somewhere in the search.
#[derive(Clone)]
struct Node {
    lost: Vec<usize>,
    dead: Bits,
    running: Units,
    cut_off: bool,
}

/// A class and the most it can still take.
type Candidate = (Units, usize);

struct Hunt<'a> {
    exposure: &'a Exposure,
    ready: &'a [u32],
    units: Vec<Units>,
    floor: Units,
    classes: Vec<Class>,
    first_only: bool,
    looks: usize,
    /// Sets of classes.
    found: Vec<Vec<usize>>,
    /// How many sets of events they are.
    kept: usize,
}

impl<'a> Hunt<'a> {
    fn new(
        exposure: &'a Exposure,
        merged: &Merged,
        ready: &'a [u32],
        floor: Units,
        max_order: u32,
        first_only: bool,
    ) -> Hunt<'a> {
        let units: Vec<Units> = ready.iter().zip(&exposure.units).map(|(&r, &u)| Units::from(r) * u).collect();
        let breakable = exposure.breakable(&merged.events, max_order as usize);
        let mut classes: BTreeMap<(Vec<usize>, Vec<usize>), Vec<usize>> = BTreeMap::new();
        for &e in &merged.events {
            let reach = &exposure.events[e];
            let places: Vec<usize> = reach.places.iter().filter(|&p| units[p] > 0).collect();
            let paths: Vec<usize> = reach.paths.iter().filter(|&p| breakable.contains(p)).collect();
            if !places.is_empty() || !paths.is_empty() {
                classes.entry((places, paths)).or_default().push(e);
            }
        }
        let class = |((places, paths), members): ((Vec<usize>, Vec<usize>), Vec<usize>)| Class {
            places,
            paths: !paths.is_empty(),
            members,
        };
        let classes = classes.into_iter().map(class).collect();
        Hunt { exposure, ready, units, floor, classes, first_only, looks: LOOKS, found: Vec::new(), kept: 0 }
    }

    fn run(&mut self, max_order: u32) -> (Vec<Vec<usize>>, u32) {
        let start = Node {
            lost: Vec::new(),
            dead: Bits::new(self.units.len()),
            running: self.units.iter().sum(),
            cut_off: false,
        };
        if !self.is_up(&start) {
            return (vec![Vec::new()], max_order);
        }
        let mut complete = max_order;
        for size in 1..=max_order {
            let all: Vec<usize> = (0..self.classes.len()).collect();
            let candidates = self.ranked(&start, all.into_iter());
            self.go(size as usize, &start, &candidates);
            if self.is_spent() {
                complete = size - 1;
                break;
            }
            if self.first_only && !self.found.is_empty() {
                break;
            }
        }
        (self.written(), complete)
    }

    fn is_spent(&self) -> bool {
        self.looks == 0 || self.kept >= KEPT
    }

    fn is_up(&self, node: &Node) -> bool {
        !node.cut_off && node.running >= self.floor
    }

    /// What must still be taken for the workload to fall.
    fn needed(&self, node: &Node) -> Units {
        if self.floor == 0 { Units::MAX } else { node.running - self.floor + 1 }
    }

    /// What a class without paths takes of what is left.
    fn gain(&self, node: &Node, class: usize) -> Units {
        self.classes[class].places.iter().filter(|&&p| !node.dead.contains(p)).map(|&p| self.units[p]).sum()
    }

    /// What can still take something, by how much, largest first.
    fn ranked(&self, node: &Node, classes: impl Iterator<Item = usize>) -> Vec<Candidate> {
        let gain = |class: usize| if self.classes[class].paths { Units::MAX } else { self.gain(node, class) };
        let mut ranked: Vec<Candidate> = classes.map(|class| (gain(class), class)).filter(|c| c.0 > 0).collect();
        ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked
    }

    fn with(&self, node: &Node, class: usize) -> Node {
        let mut next = node.clone();
        next.lost.push(class);
        if self.classes[class].paths {
            let events: Vec<usize> = next.lost.iter().map(|&c| self.classes[c].members[0]).collect();
            let fallen = self.exposure.fall(&events);
            next.running = self.exposure.running(self.ready, &fallen);
            (next.cut_off, next.dead) = (!fallen.entries.is_empty(), fallen.places);
            return next;
        }
        for &p in &self.classes[class].places {
            if !next.dead.contains(p) {
                next.dead.insert(p);
                next.running -= self.units[p];
            }
        }
        next
    }

    /// Every set of `need` candidates more that takes enough.
    fn go(&mut self, need: usize, node: &Node, candidates: &[Candidate]) {
        let needed = self.needed(node);
        for (at, &(_, class)) in candidates.iter().enumerate() {
            if self.is_spent() || (self.first_only && !self.found.is_empty()) || candidates.len() - at < need {
                return;
            }
            let most = candidates[at..at + need].iter().fold(0, |sum: Units, c| sum.saturating_add(c.0));
            if most < needed {
                return;
            }
            self.looks = self.looks.saturating_sub(1);
            let next = self.with(node, class);
            match (self.is_up(&next), need) {
                (false, 1) => self.keep(&next.lost),
                // A smaller loss does it already.
                (false, _) | (true, 1) => {}
                (true, 2) => self.last(&next, &candidates[at + 1..]),
                (true, _) => {
                    let rest = &candidates[at + 1..];
                    self.looks = self.looks.saturating_sub(rest.len());
                    let ranked = self.ranked(&next, rest.iter().map(|c| c.1));
                    self.go(need - 1, &next, &ranked);
                }
            }
        }
    }

    /// The last event of a set: what it could take before the one chosen just now bounds what it can take after it.
    fn last(&mut self, node: &Node, candidates: &[Candidate]) {
        let needed = self.needed(node);
        for &(most, class) in candidates {
            if most < needed || self.is_spent() || (self.first_only && !self.found.is_empty()) {
                return;
            }
            self.looks = self.looks.saturating_sub(1);
            let falls = match self.classes[class].paths {
                true => !self.is_up(&self.with(node, class)),
                false => self.gain(node, class) >= needed,
            };
            if falls {
                let lost = [&node.lost[..], &[class]].concat();
                self.keep(&lost);
            }
        }
    }

    fn keep(&mut self, lost: &[usize]) {
        if self.is_minimal(lost) {
            let sets = lost.iter().map(|&c| self.classes[c].members.len()).fold(1, usize::saturating_mul);
            self.kept = self.kept.saturating_add(sets);
            self.found.push(lost.to_vec());
        }
    }

    fn is_minimal(&self, lost: &[usize]) -> bool {
        (0..lost.len()).all(|skip| {
            let events = lost.iter().enumerate().filter(|(i, _)| *i != skip).map(|(_, &c)| self.classes[c].members[0]);
            let fallen = self.exposure.fall(&events.collect::<Vec<_>>());
            fallen.entries.is_empty() && self.exposure.running(self.ready, &fallen) >= self.floor
        })
    }

    /// The sets of events.
    fn written(&self) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        for lost in &self.found {
            let mut sets = vec![Vec::new()];
            for &class in lost {
                let with = |set: &Vec<usize>| {
                    let longer = |e: &usize| [&set[..], &[*e]].concat();
                    self.classes[class].members.iter().map(longer).collect::<Vec<_>>()
                };
                sets = sets.iter().flat_map(with).take(KEPT + 1).collect();
            }
            all.extend(sets);
            if all.len() > KEPT {
                all.truncate(KEPT);
                break;
            }
        }
        all
    }
}

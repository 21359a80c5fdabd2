//! What a loss leaves: each event as the set of places and paths that fall with it, and the worst of many losses.

use crate::spread::model::{Accepted, Event, LossOf, Topology, Workload};
use std::collections::{BTreeMap, BTreeSet};

/// Most losses of one rule, and of one search for cut sets, that are listed one by one.
pub(super) const MOST_LISTED: u64 = 40_000;

/// A set of small numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub fn new(n: usize) -> Bits {
        Bits(vec![0; n.div_ceil(64)])
    }

    pub fn set(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }

    pub fn has(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|w| *w == 0)
    }

    pub fn add(&mut self, other: &Bits) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }

    pub fn holds_all_of(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & b == *b)
    }

    pub fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

/// What falls with a loss, before requirements are looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Effect {
    /// Places whose location, or something it shares, is lost.
    pub places: Bits,
    /// Paths of `requires` and `entry`, in that order.
    pub paths: Bits,
}

impl Effect {
    pub fn add(&mut self, other: &Effect) {
        self.places.add(&other.places);
        self.paths.add(&other.paths);
    }

    pub fn holds_all_of(&self, other: &Effect) -> bool {
        self.places.holds_all_of(&other.places) && self.paths.holds_all_of(&other.paths)
    }

    pub fn is_nothing(&self) -> bool {
        self.places.is_empty() && self.paths.is_empty()
    }
}

/// A group of paths, of which `need` must be left.
struct Group {
    need: u32,
    first: usize,
    /// For each path the places it serves; `None`: all.
    serves: Vec<Option<Bits>>,
}

/// What losses take of the places themselves.
pub(super) struct Taken {
    /// The place is lost.
    pub lost: Vec<bool>,
    /// The place runs, but what is needed to change it is lost.
    pub uncontrolled: Vec<bool>,
}

/// The events of a workload's world and what each takes.
pub(super) struct Ground {
    places: usize,
    paths: usize,
    requires: Vec<Group>,
    entries: Vec<Group>,
    pub events: BTreeMap<Event, Effect>,
    /// Risks that fall with each risk, itself included.
    falls: Vec<Vec<usize>>,
}

impl Ground {
    /// Every domain of every level that a location has, and every shared risk.
    pub fn new(topology: &Topology, rules: &Workload) -> Ground {
        let mut first = 0;
        let mut group = |g: &crate::spread::model::PathGroup| {
            let serves =
                g.paths.iter().map(|p| p.places.as_ref().map(|list| set_of(rules.places.len(), list))).collect();
            let made = Group { need: g.need, first, serves };
            first += g.paths.len();
            made
        };
        let requires = rules.requires.iter().map(&mut group).collect();
        let entries = rules.entry.iter().map(&mut group).collect();
        let falls = falling(topology);
        let mut ground =
            Ground { places: rules.places.len(), paths: first, requires, entries, events: BTreeMap::new(), falls };
        ground.add_domains(topology, rules);
        ground.add_risks(topology, rules);
        ground
    }

    pub fn nothing(&self) -> Effect {
        Effect { places: Bits::new(self.places), paths: Bits::new(self.paths) }
    }

    fn add_domains(&mut self, topology: &Topology, rules: &Workload) {
        for (level, level_name) in topology.levels.iter().enumerate() {
            for location in &topology.locations {
                if let Some(name) = location.domains.get(level_name) {
                    let nothing = self.nothing();
                    self.events.entry(Event::Domain { level, name: name.clone() }).or_insert(nothing);
                }
            }
            for (p, place) in rules.places.iter().enumerate() {
                if let Some(name) = topology.locations[place.location].domains.get(level_name)
                    && let Some(effect) = self.events.get_mut(&Event::Domain { level, name: name.clone() })
                {
                    effect.places.set(p);
                }
            }
        }
    }

    fn add_risks(&mut self, topology: &Topology, rules: &Workload) {
        // First what each risk takes by itself, then what falls with it.
        let mut own = vec![self.nothing(); topology.risks.len()];
        for (p, place) in rules.places.iter().enumerate() {
            for risk in &topology.locations[place.location].shares {
                own[*risk].places.set(p);
            }
        }
        let paths = rules.requires.iter().chain(&rules.entry).flat_map(|g| &g.paths);
        for (i, path) in paths.enumerate() {
            for risk in &path.shares {
                own[*risk].paths.set(i);
            }
        }
        for (risk, fallen) in self.falls.iter().enumerate() {
            let mut effect = Effect { places: Bits::new(self.places), paths: Bits::new(self.paths) };
            for f in fallen {
                effect.add(&own[*f]);
            }
            self.events.insert(Event::Risk(risk), effect);
        }
    }

    /// What several events take together; an event that does not exist takes nothing.
    pub fn effect(&self, lost: &[Event]) -> Effect {
        let mut all = self.nothing();
        for event in lost {
            if let Some(effect) = self.events.get(event) {
                all.add(effect);
            }
        }
        all
    }

    /// Places that still serve: untouched, with enough of all they require. No entry is looked at.
    pub fn alive(&self, loss: &Effect) -> Vec<bool> {
        (0..self.places)
            .map(|p| {
                let untouched = Bits::new(self.paths);
                // No more can be asked of a place than the paths that lead to it.
                let met = |g: &Group| g.left(&loss.paths, Some(p)) >= g.need.min(g.left(&untouched, Some(p)));
                !loss.places.has(p) && self.requires.iter().all(met)
            })
            .collect()
    }

    /// Indices of the entry groups that are cut.
    pub fn cut_entries(&self, loss: &Effect) -> Vec<usize> {
        (0..self.entries.len()).filter(|e| self.entries[*e].left(&loss.paths, None) < self.entries[*e].need).collect()
    }

    /// Serving survivors: of `units` what stands on living places, or nothing when no way in is left.
    pub fn survivors(&self, units: &[u64], loss: &Effect) -> u64 {
        if !self.cut_entries(loss).is_empty() { 0 } else { self.running(units, loss) }
    }

    /// Survivors whether or not anything reaches them.
    pub fn running(&self, units: &[u64], loss: &Effect) -> u64 {
        self.alive(loss).iter().zip(units).filter(|(alive, _)| **alive).map(|(_, n)| n).sum()
    }

    /// The events a rule means.
    pub fn events_of(&self, topology: &Topology, of: &LossOf) -> Vec<Event> {
        self.events.keys().filter(|e| self.is_of(topology, e, of)).cloned().collect()
    }

    /// Whether an event exists and is of the level or kind.
    pub fn is_of(&self, topology: &Topology, event: &Event, of: &LossOf) -> bool {
        let meant = match (event, of) {
            (Event::Domain { level, .. }, LossOf::Level(name)) => topology.levels.get(*level) == Some(name),
            (Event::Risk(risk), LossOf::Kind(kind)) => topology.risks.get(*risk).is_some_and(|r| r.kind == *kind),
            _ => false,
        };
        meant && self.events.contains_key(event)
    }

    /// What `lost` takes of the places, and of what is needed to change them.
    pub fn taken(&self, topology: &Topology, rules: &Workload, lost: &[Event]) -> Taken {
        let effect = self.effect(lost);
        let fallen = self.fallen(lost);
        let uncontrolled = rules
            .places
            .iter()
            .map(|p| topology.locations[p.location].control.iter().any(|c| fallen.contains(c)))
            .collect();
        Taken { lost: self.alive(&effect).into_iter().map(|alive| !alive).collect(), uncontrolled }
    }

    /// Risks that fall with `lost`.
    pub fn fallen(&self, lost: &[Event]) -> BTreeSet<usize> {
        lost.iter()
            .filter_map(|e| if let Event::Risk(r) = e { self.falls.get(*r) } else { None })
            .flatten()
            .copied()
            .collect()
    }
}

impl Group {
    /// Paths left, of those that serve the place.
    fn left(&self, fallen: &Bits, place: Option<usize>) -> u32 {
        self.serves
            .iter()
            .enumerate()
            .filter(|(i, serves)| {
                let serving = match (serves, place) {
                    (Some(serves), Some(p)) => serves.has(p),
                    _ => true,
                };
                serving && !fallen.has(self.first + i)
            })
            .count() as u32
    }
}

fn set_of(n: usize, list: &[usize]) -> Bits {
    let mut bits = Bits::new(n);
    for i in list.iter().filter(|i| **i < n) {
        bits.set(*i);
    }
    bits
}

/// For each risk all that fall with it: itself, what depends on it, and so on. A circle falls together.
fn falling(topology: &Topology) -> Vec<Vec<usize>> {
    let n = topology.risks.len();
    let mut needed_by = vec![Vec::new(); n];
    for (i, risk) in topology.risks.iter().enumerate() {
        for on in &risk.depends_on {
            needed_by[*on].push(i);
        }
    }
    let mut seen = vec![usize::MAX; n];
    (0..n)
        .map(|risk| {
            let mut fallen = vec![risk];
            seen[risk] = risk;
            let mut at = 0;
            while let Some(next) = fallen.get(at).copied() {
                at += 1;
                for dependent in &needed_by[next] {
                    if seen[*dependent] != risk {
                        seen[*dependent] = risk;
                        fallen.push(*dependent);
                    }
                }
            }
            fallen
        })
        .collect()
}

/// All losses of at most `k` of some events, in a form in which the worst is found quickly for many states.
pub(super) enum Losses {
    /// The events take disjoint places and no path: the worst loss is that of the `k` heaviest.
    Disjoint { k: usize, places: Vec<Vec<usize>> },
    /// Each loss: the places that still serve, none where no way in is left.
    Listed(Vec<Vec<usize>>),
    /// Too many to list; these are some of them, so that the worst is at most what they leave.
    Some(Vec<Vec<usize>>),
}

impl Losses {
    /// Losses of up to `k` of `events`, without those that hold one of `accepted`.
    pub fn new(ground: &Ground, events: &[Event], k: usize, accepted: &[Accepted]) -> Losses {
        let known = |a: &&Accepted| !a.lose.is_empty() && a.lose.iter().all(|e| ground.events.contains_key(e));
        let accepted: Vec<&Accepted> = accepted.iter().filter(known).collect();
        let alone = |e: &&Event| accepted.iter().any(|a| a.lose.len() == 1 && a.lose[0] == **e);
        let events: Vec<Event> = events.iter().filter(|e| !alone(e)).cloned().collect();
        let pairs: Vec<&Accepted> =
            accepted.into_iter().filter(|a| a.lose.len() > 1 && a.lose.iter().all(|e| events.contains(e))).collect();
        if !pairs.is_empty() {
            return Losses::but(ground, &events, k, &pairs);
        }
        Losses::all(ground, &events, k)
    }

    /// Listed event by event, since what is accepted is named by its events and not by what they take.
    fn but(ground: &Ground, events: &[Event], k: usize, accepted: &[&Accepted]) -> Losses {
        let k = k.min(events.len());
        let effects: Vec<&Effect> = events.iter().filter_map(|e| ground.events.get(e)).collect();
        if combinations(events.len(), k) > MOST_LISTED || effects.len() != events.len() {
            return Losses::Some(Vec::new());
        }
        let mut left = BTreeSet::new();
        each_subset(events.len(), k, &mut |subset| {
            let lost = |e: &Event| subset.iter().any(|i| events[*i] == *e);
            if !accepted.iter().any(|a| a.lose.iter().all(lost)) {
                left.insert(left_by(ground, subset.iter().map(|i| effects[*i])));
            }
        });
        Losses::Listed(least(left))
    }

    fn all(ground: &Ground, events: &[Event], k: usize) -> Losses {
        let effects = heaviest(ground, events);
        let k = k.min(effects.len());
        let disjoint = effects.iter().all(|e| e.paths.is_empty())
            && effects.iter().enumerate().all(|(i, e)| effects[..i].iter().all(|f| !f.places.meets(&e.places)))
            && ground.entries.is_empty()
            && ground.requires.is_empty();
        if disjoint {
            let places = effects.iter().map(|e| (0..ground.places).filter(|p| e.places.has(*p)).collect()).collect();
            return Losses::Disjoint { k, places };
        }
        let mut left = BTreeSet::new();
        let whole = combinations(effects.len(), k) <= MOST_LISTED;
        // Beyond the limit: every loss of one, and every `k` neighbours in the order of names.
        if whole {
            each_subset(effects.len(), k, &mut |subset| {
                left.insert(left_by(ground, subset.iter().map(|i| &effects[*i])));
            });
            Losses::Listed(least(left))
        } else {
            for at in 0..effects.len().min(MOST_LISTED as usize) {
                left.insert(left_by(ground, effects[at..].iter().take(k)));
            }
            Losses::Some(least(left))
        }
    }

    /// Survivors of the worst loss; exact unless [`Losses::Some`].
    pub fn worst(&self, units: &[u64]) -> u64 {
        match self {
            Losses::Disjoint { k, places } => {
                let total: u64 = units.iter().sum();
                let mut taken: Vec<u64> = places.iter().map(|list| list.iter().map(|p| units[*p]).sum()).collect();
                taken.sort_unstable_by(|a, b| b.cmp(a));
                total - taken.iter().take(*k).sum::<u64>()
            }
            Losses::Listed(left) | Losses::Some(left) => {
                let whole = units.iter().sum();
                left.iter().map(|list| list.iter().map(|p| units[*p]).sum()).min().unwrap_or(whole)
            }
        }
    }

    /// Whether [`Losses::worst`] is the worst of all.
    pub fn is_exact(&self) -> bool {
        !matches!(self, Losses::Some(_))
    }
}

/// The effects of `events`, without those that another takes wholly with it.
fn heaviest(ground: &Ground, events: &[Event]) -> Vec<Effect> {
    let mut effects: Vec<&Effect> = events.iter().filter_map(|e| ground.events.get(e)).collect();
    effects.sort_unstable();
    effects.dedup();
    effects.retain(|e| !e.is_nothing());
    if effects.len() > 2_000 {
        return effects.into_iter().cloned().collect();
    }
    let within = |e: &Effect| effects.iter().any(|f| *f != e && f.holds_all_of(e));
    effects.iter().filter(|e| !within(e)).map(|e| (*e).clone()).collect()
}

fn left_by<'e>(ground: &Ground, lost: impl Iterator<Item = &'e Effect>) -> Vec<usize> {
    let mut all = ground.nothing();
    lost.for_each(|e| all.add(e));
    if !ground.cut_entries(&all).is_empty() {
        return Vec::new();
    }
    ground.alive(&all).iter().enumerate().filter(|(_, alive)| **alive).map(|(p, _)| p).collect()
}

/// Only losses that leave least: one that leaves more than another, everywhere, is never the worst.
fn least(left: BTreeSet<Vec<usize>>) -> Vec<Vec<usize>> {
    if left.iter().any(Vec::is_empty) {
        return vec![Vec::new()];
    }
    left.into_iter().collect()
}

/// Subsets of exactly `k` of `n` numbers.
pub(super) fn combinations(n: usize, k: usize) -> u64 {
    let k = k.min(n);
    let mut c: u64 = 1;
    for i in 0..k {
        c = c.saturating_mul((n - i) as u64) / (i as u64 + 1);
        if c > u64::MAX / 1_000_000 {
            return u64::MAX;
        }
    }
    c
}

/// Calls `with` for every subset of exactly `k` of the numbers below `n`, in order.
pub(super) fn each_subset(n: usize, k: usize, with: &mut dyn FnMut(&[usize])) {
    if k > n {
        return;
    }
    let mut subset: Vec<usize> = (0..k).collect();
    loop {
        with(&subset);
        let Some(i) = (0..k).rev().find(|i| subset[*i] < n - k + i) else { return };
        subset[i] += 1;
        for j in i + 1..k {
            subset[j] = subset[j - 1] + 1;
        }
    }
}

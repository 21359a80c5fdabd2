//! The state a change passes through, with every invariant kept at hand: one replica more or less is cheap to judge.

use super::decision::{Check, CheckOf, Role, Step, StepEntry, StepSlot, Units};
use super::exposure::Exposure;
use super::slots::Work;
use super::survive::{Reading, RuleMeter};
use std::rc::Rc;

/// A domain floor: so many replicas in these places.
#[derive(Clone, Debug)]
pub struct DomainFloor {
    /// Index into `Workload::spread`.
    pub spread: usize,
    /// The domain.
    pub domain: String,
    /// Its places.
    pub places: Vec<usize>,
    /// What the spec asks, in units.
    pub floor: Units,
    /// What was held at the start.
    pub start: Units,
    /// What is kept: no more than there was.
    pub bound: Units,
}

/// One spread block under one parent, as far as skew goes.
#[derive(Clone, Debug)]
pub struct SkewGroup {
    /// Index into `Workload::spread`.
    pub spread: usize,
    /// Names of the parent domains.
    pub parent: Vec<String>,
    /// Eligible domains: weight and places.
    pub domains: Vec<(u64, Vec<usize>)>,
    /// Sum of the weights.
    pub weights: i128,
    /// Largest skew, in units times `weights`.
    pub bound: i128,
    /// `max_skew` itself, in the same.
    pub declared: i128,
    /// What it was at the start.
    pub start: i128,
}

impl SkewGroup {
    /// Skew of a state, in units times the sum of weights.
    pub fn skew(&self, ready: &dyn Fn(usize) -> Units) -> i128 {
        let sums: Vec<i128> =
            self.domains.iter().map(|(_, places)| places.iter().map(|&p| i128::from(ready(p))).sum()).collect();
        let total = sums.iter().sum::<i128>();
        let away = sums.iter().zip(&self.domains).map(|(sum, (w, _))| sum * self.weights - total * i128::from(*w));
        away.clone().max().unwrap_or(0) - away.min().unwrap_or(0)
    }

    /// The largest skew of all states between a lower and an upper one (INV-13): for a pair of domains it is linear in what each
    /// domain holds, so the ends of the intervals decide.
    pub fn skew_at_most(&self, lo: &dyn Fn(usize) -> Units, hi: &dyn Fn(usize) -> Units) -> i128 {
        let sum =
            |of: &dyn Fn(usize) -> Units, places: &[usize]| -> i128 { places.iter().map(|&p| i128::from(of(p))).sum() };
        let ends: Vec<(i128, i128, i128)> =
            self.domains.iter().map(|(w, places)| (i128::from(*w), sum(lo, places), sum(hi, places))).collect();
        let (all_lo, all_hi) = ends.iter().fold((0, 0), |(l, h), e| (l + e.1, h + e.2));
        let mut most = 0;
        for (i, above) in ends.iter().enumerate() {
            for below in ends.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, e)| e) {
                let others = if above.0 > below.0 { all_lo - above.1 - below.1 } else { all_hi - above.2 - below.2 };
                let total = above.2 + below.1 + others;
                most = most.max((above.2 - below.1) * self.weights - total * (above.0 - below.0));
            }
        }
        most
    }
}

/// What must hold at every step; fixed for one change.
#[derive(Clone, Debug)]
pub struct Invariants<'a> {
    /// What falls with what.
    pub exposure: &'a Exposure,
    /// The survive rules.
    pub meters: Vec<RuleMeter>,
    /// Their own floors, in units.
    pub rule_floors: Vec<Units>,
    /// What they were at the start.
    pub rule_starts: Vec<Units>,
    /// What is kept of them: no more than there was.
    pub rule_bounds: Vec<Units>,
    /// The serving floor.
    pub serving_floor: Units,
    /// What it was at the start.
    pub serving_start: Units,
    /// What is kept of it.
    pub serving_bound: Units,
    /// Floors of domains.
    pub domain_floors: Vec<DomainFloor>,
    /// Skews that are enforced.
    pub skews: Vec<SkewGroup>,
    /// Most replicas in reachable places while something is surged.
    pub most: u64,
    /// Replicas above which one more skew is allowed.
    pub wanted: u64,
    /// Room per place, in replicas.
    pub room: Vec<u64>,
    /// What other workloads hold per place meanwhile.
    pub others: Vec<u64>,
    /// Places that count for `most`.
    pub reachable: Vec<bool>,
    /// Units of one whole replica.
    pub scale: Units,
}

/// What one replica does in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// Where.
    pub place: usize,
    /// What.
    pub role: Role,
    /// Into the step's adds (else removes or updates).
    pub add: bool,
    /// Its slot, unless the place works by number.
    pub slot: Option<u32>,
    /// It serves now (removes, updates), or starts to serve (adds, waits).
    pub serves: bool,
    /// A replica of passage: made for the change alone.
    pub passing: bool,
}

impl Act {
    /// Not a replica of passage.
    pub fn new(place: usize, role: Role, add: bool, slot: Option<u32>, serves: bool) -> Act {
        Act { place, role, add, slot, serves, passing: false }
    }
}

/// Of the domains of one weight the two fullest and the two emptiest: what the skew of a group turns on, whichever one domain
/// changes.
#[derive(Clone, Debug)]
struct Ends {
    weight: i128,
    members: Vec<usize>,
    most: [Option<(i128, usize)>; 2],
    least: [Option<(i128, usize)>; 2],
}

impl Ends {
    /// The domains of a group by their weights.
    fn of(group: &SkewGroup, sums: &[i128]) -> Vec<Ends> {
        let mut all: Vec<Ends> = Vec::new();
        for (d, (weight, _)) in group.domains.iter().enumerate() {
            let weight = i128::from(*weight);
            match all.iter_mut().find(|e| e.weight == weight) {
                Some(ends) => ends.members.push(d),
                None => all.push(Ends { weight, members: vec![d], most: [None; 2], least: [None; 2] }),
            }
        }
        all.iter_mut().for_each(|ends| ends.look(sums));
        all
    }

    fn look(&mut self, sums: &[i128]) {
        (self.most, self.least) = ([None; 2], [None; 2]);
        for &d in &self.members {
            let here = Some((sums[d], d));
            let above = |b: Option<(i128, usize)>| b.is_none_or(|b| sums[d] > b.0);
            let below = |b: Option<(i128, usize)>| b.is_none_or(|b| sums[d] < b.0);
            if above(self.most[0]) {
                self.most = [here, self.most[0]];
            } else if above(self.most[1]) {
                self.most[1] = here;
            }
            if below(self.least[0]) {
                self.least = [here, self.least[0]];
            } else if below(self.least[1]) {
                self.least[1] = here;
            }
        }
    }

    /// The fullest and the emptiest but for one domain.
    fn but(&self, domain: usize) -> (Option<i128>, Option<i128>) {
        let first = |ends: &[Option<(i128, usize)>; 2]| ends.iter().flatten().find(|e| e.1 != domain).map(|e| e.0);
        (first(&self.most), first(&self.least))
    }
}

/// Where a change stands.
#[derive(Clone, Debug)]
pub struct Course<'a> {
    /// The invariants.
    pub rules: &'a Invariants<'a>,
    /// The work, by place.
    pub work: &'a [Work],
    /// Serving replicas, by place.
    pub ready: Vec<u32>,
    /// Existing replicas, by place.
    pub total: Vec<u64>,
    /// Existing replicas in reachable places.
    pub sum: u64,
    /// Those of them that the step in hand takes away.
    pub leaving: u64,
    readings: Vec<Reading>,
    serving: Units,
    /// What serves in each domain of each skew group.
    sums: Vec<Vec<i128>>,
    /// The fullest and the emptiest domains of each skew group, by weight.
    ends: Vec<Vec<Ends>>,
    /// What serves in each skew group.
    all: Vec<i128>,
    /// The domains of skew groups that each place is in.
    domains_of: Rc<Vec<Vec<(usize, usize)>>>,
    /// Progress, by place.
    pub done: Vec<Done>,
}

/// How much of a place's work is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Done {
    /// Grown.
    pub grown: u32,
    /// New ones of replacements.
    pub renewed: u32,
    /// Old ones of replacements gone.
    pub retired: u32,
    /// Given back.
    pub shrunk: u32,
    /// Updated in place.
    pub updated: u32,
    /// Replicas of passage made.
    pub passing: u32,
    /// Replicas of passage gone again.
    pub passed: u32,
}

impl<'a> Course<'a> {
    /// At the start: what stands.
    pub fn new(rules: &'a Invariants<'a>, work: &'a [Work], ready: Vec<u32>) -> Course<'a> {
        let total: Vec<u64> = work.iter().map(|w| u64::from(w.total)).collect();
        let sum = total.iter().zip(&rules.reachable).filter(|(_, r)| **r).map(|(t, _)| t).sum();
        let readings = rules.meters.iter().map(|m| m.read(rules.exposure, &ready)).collect();
        let serving = rules.exposure.total(&ready);
        let mut domains_of = vec![Vec::new(); work.len()];
        let mut sums: Vec<Vec<i128>> = Vec::with_capacity(rules.skews.len());
        for (g, group) in rules.skews.iter().enumerate() {
            let held = |places: &[usize]| {
                places.iter().map(|&p| i128::from(ready[p]) * i128::from(rules.exposure.units[p])).sum::<i128>()
            };
            sums.push(group.domains.iter().map(|(_, places)| held(places)).collect());
            for (d, (_, places)) in group.domains.iter().enumerate() {
                places.iter().for_each(|&p| domains_of[p].push((g, d)));
            }
        }
        let ends = rules.skews.iter().zip(&sums).map(|(group, sums)| Ends::of(group, sums)).collect();
        let all = sums.iter().map(|sums| sums.iter().sum()).collect();
        Course {
            rules,
            work,
            ready,
            total,
            sum,
            leaving: 0,
            sums,
            ends,
            all,
            domains_of: Rc::new(domains_of),
            readings,
            serving,
            done: vec![Done::default(); work.len()],
        }
    }

    /// The least slack of all floors with one serving replica more or less at a place.
    pub fn slack_if(&self, place: usize, up: bool) -> i64 {
        let (rules, unit) = (self.rules, self.rules.exposure.units[place]);
        let serving = if up { self.serving + unit } else { self.serving - unit.min(self.serving) };
        let mut least = serving as i64 - rules.serving_bound as i64;
        for ((meter, reading), bound) in rules.meters.iter().zip(&self.readings).zip(&rules.rule_bounds) {
            least = least.min(meter.alive_if(rules.exposure, reading, place, up) as i64 - *bound as i64);
        }
        for floor in rules.domain_floors.iter().filter(|f| f.places.contains(&place)) {
            let held = self.held(&floor.places);
            let held = if up { held + unit } else { held - unit.min(held) };
            least = least.min(held as i64 - floor.bound as i64);
        }
        least
    }

    fn units_at(&self, place: usize) -> Units {
        Units::from(self.ready[place]) * self.rules.exposure.units[place]
    }

    fn held(&self, places: &[usize]) -> Units {
        places.iter().map(|&p| Units::from(self.ready[p]) * self.rules.exposure.units[p]).sum()
    }

    /// The invariant that one serving replica less at a place would break first, with its value and bound.
    pub fn broken_by(&self, place: usize) -> Option<(CheckOf, i64, i64)> {
        let (rules, unit) = (self.rules, self.rules.exposure.units[place]);
        let serving = self.serving - unit.min(self.serving);
        let mut all = vec![(CheckOf::Serving, serving as i64, rules.serving_bound as i64)];
        for (i, (meter, reading)) in rules.meters.iter().zip(&self.readings).enumerate() {
            let alive = meter.alive_if(rules.exposure, reading, place, false) as i64;
            all.push((CheckOf::Survive(i), alive, rules.rule_bounds[i] as i64));
        }
        for floor in rules.domain_floors.iter().filter(|f| f.places.contains(&place)) {
            let held = self.held(&floor.places);
            all.push((
                CheckOf::DomainFloor(floor.spread, floor.domain.clone()),
                (held - unit.min(held)) as i64,
                floor.bound as i64,
            ));
        }
        if self.skew_if(place, false, true).0 > 0 {
            let group = rules.skews.iter().find(|g| g.domains.iter().any(|(_, places)| places.contains(&place)));
            if let Some(group) = group {
                all.push((CheckOf::Skew(group.spread, group.parent.clone()), -1, 0));
            }
        }
        all.into_iter().filter(|(_, value, bound)| value < bound).min_by_key(|(_, value, bound)| value - bound)
    }

    /// How far the skew would be above its bound with one replica more or less at a place, serving or not; and the skew itself,
    /// for choosing between equals.
    pub fn skew_if(&self, place: usize, up: bool, serves: bool) -> (i128, i128) {
        let (mut excess, mut sum) = (i128::MIN, 0);
        let unit = if serves { self.rules.exposure.units[place] } else { 0 };
        let stands = self.sum.saturating_sub(self.leaving);
        let then = if up { stands + 1 } else { stands.saturating_sub(u64::from(self.rules.reachable[place])) };
        let surged = then > self.rules.wanted;
        // The last surged replica takes the allowance of all blocks with it.
        let flips = stands > self.rules.wanted && !surged;
        if flips {
            let own = |g: usize| serves && self.domains_of[place].iter().any(|(of, _)| *of == g);
            for (g, group) in self.rules.skews.iter().enumerate().filter(|(g, _)| !own(*g)) {
                excess = excess.max(self.skew_of(g, usize::MAX, 0) - self.allowed_skew(group, surged));
            }
        }
        let change = if up { i128::from(unit) } else { -i128::from(unit.min(self.units_at(place))) };
        for &(g, d) in self.domains_of[place].iter().filter(|_| serves) {
            let group = &self.rules.skews[g];
            let skew = self.skew_of(g, d, change);
            excess = excess.max(skew - self.allowed_skew(group, surged));
            sum += skew;
        }
        (excess, sum)
    }

    /// The same where one more of those that stand serves.
    pub fn skew_if_served(&self, place: usize) -> (i128, i128) {
        let surged = self.sum.saturating_sub(self.leaving) > self.rules.wanted;
        let (mut excess, mut sum) = (i128::MIN, 0);
        for &(g, d) in &self.domains_of[place] {
            let skew = self.skew_of(g, d, i128::from(self.rules.exposure.units[place]));
            excess = excess.max(skew - self.allowed_skew(&self.rules.skews[g], surged));
            sum += skew;
        }
        (excess, sum)
    }

    /// Whether some skew is above its bound.
    pub fn is_skewed(&self) -> bool {
        let surged = self.sum > self.rules.wanted;
        let skewed =
            |(g, group): (usize, &SkewGroup)| self.skew_of(g, usize::MAX, 0) > self.allowed_skew(group, surged);
        self.rules.skews.iter().enumerate().any(skewed)
    }

    /// Skew of a group with one domain changed by so much.
    fn skew_of(&self, group: usize, domain: usize, by: i128) -> i128 {
        let weights = self.rules.skews[group].weights;
        let total = self.all[group] + by;
        let (mut least, mut most) = (i128::MAX, i128::MIN);
        let mut look = |sum: i128, weight: i128| {
            let away = sum * weights - total * weight;
            (least, most) = (least.min(away), most.max(away));
        };
        for ends in &self.ends[group] {
            let (fullest, emptiest) = ends.but(domain);
            fullest.into_iter().chain(emptiest).for_each(|sum| look(sum, ends.weight));
        }
        if let Some((weight, _)) = self.rules.skews[group].domains.get(domain) {
            look(self.sums[group][domain] + by, i128::from(*weight));
        }
        if most < least { 0 } else { most - least }
    }

    fn allowed_skew(&self, group: &SkewGroup, surged: bool) -> i128 {
        group.bound + if surged { i128::from(self.rules.scale) * group.weights } else { 0 }
    }

    /// Changes what serves at a place.
    pub fn shift_ready(&mut self, place: usize, up: bool, count: u32) {
        if count == 0 {
            return;
        }
        let rules = self.rules;
        for (meter, reading) in rules.meters.iter().zip(&mut self.readings) {
            meter.shift(rules.exposure, reading, place, up, count);
        }
        let units = Units::from(count) * rules.exposure.units[place];
        let change = if up { i128::from(units) } else { -i128::from(units.min(self.units_at(place))) };
        for &(g, d) in self.domains_of[place].iter() {
            self.sums[g][d] += change;
            self.all[g] += change;
            let weight = i128::from(rules.skews[g].domains[d].0);
            for ends in self.ends[g].iter_mut().filter(|e| e.weight == weight) {
                ends.look(&self.sums[g]);
            }
        }
        if up {
            self.ready[place] += count;
            self.serving += units;
        } else {
            self.ready[place] -= count.min(self.ready[place]);
            self.serving -= units.min(self.serving);
        }
    }

    /// Changes what exists at a place.
    pub fn shift_total(&mut self, place: usize, up: bool) {
        let by = |v: u64| if up { v + 1 } else { v.saturating_sub(1) };
        self.total[place] = by(self.total[place]);
        if self.rules.reachable[place] {
            self.sum = by(self.sum);
        }
    }

    /// Adds wanted at a place: growth, then new ones of replacements.
    pub fn next_add(&self, place: usize) -> Option<Act> {
        let (work, done) = (&self.work[place], &self.done[place]);
        if done.grown < work.grow_count {
            let slot = work.grow.get(done.grown as usize).copied();
            return Some(Act::new(place, Role::Grow, true, slot, true));
        }
        work.replace.get(done.renewed as usize).map(|&(slot, _)| Act::new(place, Role::Replace, true, Some(slot), true))
    }

    /// Whether a place's next add repairs something: the old one does not serve, or is gone already.
    pub fn next_add_repairs(&self, place: usize) -> bool {
        let (work, done) = (&self.work[place], &self.done[place]);
        done.grown >= work.grow_count
            && (done.retired > done.renewed || work.replace.get(done.renewed as usize).is_some_and(|r| !r.1))
    }

    /// Removes wanted at a place: what does not serve first, then old ones whose new one is there, then what is given back.
    pub fn next_remove(&self, place: usize) -> Option<Act> {
        let (work, done) = (&self.work[place], &self.done[place]);
        let old = work.replace.get(done.retired as usize).filter(|_| done.retired < done.renewed).copied();
        let given = work.shrink.get(done.shrunk as usize).copied();
        let slot = |slot: u32| (!work.by_number).then_some(slot);
        let retire = |(s, serves): (u32, bool)| Act::new(place, Role::Replace, false, slot(s), serves);
        let shrink = |(s, serves): (u32, bool)| Act::new(place, Role::Shrink, false, slot(s), serves);
        match (old, given) {
            (Some(old), Some(given)) if old.1 && !given.1 => Some(shrink(given)),
            (Some(old), _) => Some(retire(old)),
            (None, Some(given)) => Some(shrink(given)),
            (None, None) => None,
        }
    }

    /// The old one of a replacement whose new one is not there yet: drained first where there is no room for both.
    pub fn next_remove_first(&self, place: usize) -> Option<Act> {
        let (work, done) = (&self.work[place], &self.done[place]);
        let old = (done.retired == done.renewed).then(|| work.replace.get(done.retired as usize)).flatten();
        old.map(|&(slot, serves)| Act::new(place, Role::Replace, false, Some(slot), serves))
    }

    /// An interrupting update wanted at a place.
    pub fn next_update(&self, place: usize) -> Option<Act> {
        let (work, done) = (&self.work[place], &self.done[place]);
        work.update
            .get(done.updated as usize)
            .map(|&(slot, serves)| Act::new(place, Role::Update, false, Some(slot), serves))
    }

    /// A replica of passage, and its going.
    pub fn next_passage(&self, place: usize, add: bool) -> Option<Act> {
        let (work, done) = (&self.work[place], &self.done[place]);
        let number = if add { done.passing } else { done.passing.checked_sub(done.passed + 1)? };
        let slot = (!work.by_number).then(|| work.passage(number));
        let role = if add { Role::Grow } else { Role::Shrink };
        Some(Act { passing: true, ..Act::new(place, role, add, slot, true) })
    }

    /// Work left at any place.
    pub fn is_done(&self) -> bool {
        (0..self.work.len()).all(|p| {
            self.next_add(p).is_none()
                && self.next_remove(p).is_none()
                && self.next_update(p).is_none()
                && self.done[p].passing == self.done[p].passed
        })
    }

    /// Updates left anywhere.
    pub fn updates_left(&self) -> bool {
        (0..self.work.len()).any(|p| self.next_update(p).is_some())
    }

    /// Every invariant at the worst moment of a step: floors at its half-done state, caps with its adds done and its
    /// removes not. Call when the course stands at the half-done state.
    pub fn floor_checks(&self, checks: &mut Vec<Check>) {
        let rules = self.rules;
        checks.push(check(CheckOf::Serving, self.serving, rules.serving_floor, rules.serving_start, Vec::new()));
        for (i, (meter, reading)) in rules.meters.iter().zip(&self.readings).enumerate() {
            let alive = meter.alive(rules.exposure, reading);
            let worst = meter.worst_at(rules.exposure, reading);
            let events = worst.iter().map(|&e| rules.exposure.events[e].event.clone()).collect();
            checks.push(check(CheckOf::Survive(i), alive, rules.rule_floors[i], rules.rule_starts[i], events));
        }
        for floor in &rules.domain_floors {
            let of = CheckOf::DomainFloor(floor.spread, floor.domain.clone());
            checks.push(check(of, self.held(&floor.places), floor.floor, floor.start, Vec::new()));
        }
    }

    /// Skews at the end of a step.
    pub fn skew_checks(&self, checks: &mut Vec<Check>) {
        let clamp = |v: i128| v.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        let surged = self.sum > self.rules.wanted;
        for (g, group) in self.rules.skews.iter().enumerate() {
            let skew = self.skew_of(g, usize::MAX, 0);
            let extra = self.allowed_skew(group, surged) - group.bound;
            let (value, bound) = (clamp(skew), clamp(group.declared + extra));
            checks.push(Check {
                rule: CheckOf::Skew(group.spread, group.parent.clone()),
                worst_loss: Vec::new(),
                value,
                bound,
                slack: bound.saturating_sub(value),
                as_before: value > bound && skew - extra <= group.start,
            });
        }
    }
}

fn check(rule: CheckOf, value: Units, bound: Units, start: Units, worst_loss: Vec<super::model::Event>) -> Check {
    // Broken, and no worse than before the plan: only a plan whose target breaks the rule (and is refused) goes below that.
    let as_before = value < bound && value >= start;
    let (value, bound) = (value as i64, bound as i64);
    Check { rule, worst_loss, value, bound, slack: value - bound, as_before }
}

/// Puts a step together from its acts.
pub fn entries(acts: &[Act], places: usize) -> Vec<StepEntry> {
    let mut by_place: Vec<Option<StepEntry>> = vec![None; places];
    for act in acts {
        let entry = by_place[act.place].get_or_insert_with(|| StepEntry {
            place: act.place,
            count: 0,
            ready: 0,
            slots: Vec::new(),
        });
        // Completing what serves already adds no replica; it is named and not counted.
        entry.count += u32::from(act.serves || act.role != Role::Complete);
        entry.ready += u32::from(act.serves);
        entry.slots.extend(act.slot.map(|slot| StepSlot { slot, role: act.role }));
    }
    by_place.into_iter().flatten().collect()
}

/// An empty step at a position.
pub fn blank(index: usize) -> Step {
    Step { index, ..Step::default() }
}

//! What is left after the worst loss of so many domains or risks: exact, and cheap to ask again after a small change.

use std::collections::HashMap;

use super::decision::Units;
use super::exposure::{Bits, Exposure};
use super::model::{Accepted, SurviveRule, Topology};

/// Losses listed one by one up to this many; beyond it each question is a branch-and-bound search.
const LISTED: usize = 20_000;
/// Branches of one search; beyond it the bound itself is the (pessimistic) answer.
const BRANCHES: usize = 50_000;

/// One survive rule, ready to be asked on many states.
#[derive(Clone, Debug)]
pub struct RuleMeter {
    /// The events of the rule.
    pub events: Vec<usize>,
    /// How many are lost at once (never more than there are).
    pub losses: usize,
    /// Losses of several events that are lived with.
    accepted: Vec<Vec<usize>>,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// No place falls with two events: the worst loss is the `k` largest sums.
    Disjoint {
        /// For each place, the event it falls with.
        of_place: Vec<Option<usize>>,
    },
    /// Every loss with what it takes; several that take the same are listed once.
    Listed {
        losses: Vec<(Vec<usize>, Taken)>,
        of_place: Vec<Vec<usize>>,
    },
    Search,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Taken {
    All,
    Places(Bits),
}

/// A meter at one state, adjusted place by place.
#[derive(Clone, Debug)]
pub struct Reading {
    ready: Vec<u32>,
    total: Units,
    sums: Vec<Units>,
    /// The largest sums and their positions, largest first: `k + 1` of them.
    top: Vec<(Units, usize)>,
    keep: usize,
}

impl RuleMeter {
    /// Prepares a rule; it is judged on every loss but those that hold an accepted one.
    pub fn new(topology: &Topology, exposure: &Exposure, rule: &SurviveRule, accepted: &[Accepted]) -> RuleMeter {
        let sets: Vec<Vec<usize>> = accepted
            .iter()
            .filter_map(|a| a.lose.iter().map(|event| exposure.find(event)).collect::<Option<Vec<usize>>>())
            .filter(|set| !set.is_empty())
            .collect();
        // Every loss with an event that is accepted by itself holds an accepted loss.
        let alone = |e: &usize| sets.iter().any(|set| *set == [*e]);
        let events: Vec<usize> = exposure.events_of(topology, &rule.of).into_iter().filter(|e| !alone(e)).collect();
        let losses = (rule.losses as usize).min(events.len());
        let of_rule = |set: &Vec<usize>| set.len() > 1 && set.len() <= losses && set.iter().all(|e| events.contains(e));
        let accepted: Vec<Vec<usize>> = sets.into_iter().filter(of_rule).collect();
        let form = Self::form(exposure, &events, losses, &accepted);
        RuleMeter { events, losses, accepted, form }
    }

    fn form(exposure: &Exposure, events: &[usize], k: usize, accepted: &[Vec<usize>]) -> Form {
        let n = exposure.units.len();
        let mut of_place = vec![None; n];
        let mut disjoint = true;
        for (i, &e) in events.iter().enumerate() {
            disjoint &= exposure.events[e].paths.is_empty();
            for p in exposure.events[e].places.iter() {
                disjoint &= of_place[p].is_none();
                of_place[p] = Some(i);
            }
        }
        if disjoint && accepted.is_empty() {
            return Form::Disjoint { of_place };
        }
        if combinations(events.len(), k) > LISTED as u128 {
            return Form::Search;
        }
        let mut seen: HashMap<Taken, ()> = HashMap::new();
        let mut losses = Vec::new();
        for_each_subset(events.len(), k, &mut |subset| {
            let lost: Vec<usize> = subset.iter().map(|&i| events[i]).collect();
            if holds_accepted(accepted, &lost) {
                return;
            }
            let fallen = exposure.fall(&lost);
            let taken = if fallen.entries.is_empty() { Taken::Places(fallen.places) } else { Taken::All };
            if seen.insert(taken.clone(), ()).is_none() {
                losses.push((lost, taken));
            }
        });
        let mut of_place = vec![Vec::new(); n];
        for (i, (_, taken)) in losses.iter().enumerate() {
            match taken {
                Taken::All => of_place.iter_mut().for_each(|list| list.push(i)),
                Taken::Places(bits) => bits.iter().for_each(|p| of_place[p].push(i)),
            }
        }
        Form::Listed { losses, of_place }
    }

    /// Forgets what was listed, so that tests can ask the search.
    #[cfg(test)]
    pub fn force_search(&mut self) {
        self.form = Form::Search;
    }

    /// Every loss of the rule, up to `most` of them: `None` when there are more.
    pub fn all_losses(&self, most: usize) -> Option<Vec<Vec<usize>>> {
        if combinations(self.events.len(), self.losses) > most as u128 {
            return None;
        }
        let mut all = Vec::new();
        for_each_subset(self.events.len(), self.losses, &mut |s| {
            let lost: Vec<usize> = s.iter().map(|&i| self.events[i]).collect();
            if !holds_accepted(&self.accepted, &lost) {
                all.push(lost);
            }
        });
        Some(all)
    }

    /// Survivors of the worst loss, and that loss (the first in event order among equals).
    pub fn worst(&self, exposure: &Exposure, ready: &[u32]) -> (Units, Vec<usize>) {
        match &self.form {
            Form::Search => self.search(exposure, ready),
            _ => {
                let reading = self.read(exposure, ready);
                (self.alive(exposure, &reading), self.worst_at(exposure, &reading))
            }
        }
    }

    /// Puts the meter on a state.
    pub fn read(&self, exposure: &Exposure, ready: &[u32]) -> Reading {
        let (width, keep) = match &self.form {
            Form::Disjoint { .. } => (self.events.len(), self.losses + 1),
            Form::Listed { losses, .. } => (losses.len(), 2),
            Form::Search => (0, 0),
        };
        let mut reading = Reading {
            ready: ready.to_vec(),
            total: exposure.total(ready),
            sums: vec![0; width],
            top: Vec::new(),
            keep,
        };
        for (place, &count) in ready.iter().enumerate() {
            let units = Units::from(count) * exposure.units[place];
            self.touched(place, &mut |i| reading.sums[i] += units);
        }
        reading.rank();
        reading
    }

    fn touched(&self, place: usize, each: &mut dyn FnMut(usize)) {
        match &self.form {
            Form::Disjoint { of_place } => of_place[place].iter().for_each(|&i| each(i)),
            Form::Listed { of_place, .. } => of_place[place].iter().for_each(|&i| each(i)),
            Form::Search => {}
        }
    }

    /// Survivors of the worst loss at a reading.
    pub fn alive(&self, exposure: &Exposure, reading: &Reading) -> Units {
        match &self.form {
            Form::Search => self.search(exposure, &reading.ready).0,
            Form::Disjoint { .. } => reading.total - reading.top.iter().take(self.losses).map(|t| t.0).sum::<Units>(),
            Form::Listed { .. } => reading.total - reading.top.first().map_or(0, |t| t.0),
        }
    }

    /// The worst loss at a reading.
    pub fn worst_at(&self, exposure: &Exposure, reading: &Reading) -> Vec<usize> {
        match &self.form {
            Form::Search => self.search(exposure, &reading.ready).1,
            Form::Disjoint { .. } => {
                let mut lost: Vec<usize> = reading.top.iter().take(self.losses).map(|t| self.events[t.1]).collect();
                lost.sort_unstable();
                lost
            }
            Form::Listed { losses, .. } => reading.top.first().map_or(Vec::new(), |t| losses[t.1].0.clone()),
        }
    }

    /// What `alive` would be with one replica more (`up`) or less at a place, without going there.
    pub fn alive_if(&self, exposure: &Exposure, reading: &Reading, place: usize, up: bool) -> Units {
        let unit = exposure.units[place];
        let shift = |v: Units| if up { v + unit } else { v - unit.min(v) };
        match &self.form {
            Form::Search => {
                let mut ready = reading.ready.clone();
                ready[place] = if up { ready[place] + 1 } else { ready[place].saturating_sub(1) };
                self.search(exposure, &ready).0
            }
            Form::Disjoint { of_place } => {
                let total = shift(reading.total);
                let Some(mine) = of_place[place] else {
                    return total.saturating_sub(reading.top.iter().take(self.losses).map(|t| t.0).sum::<Units>());
                };
                // The k largest among all others (of which top knows k at least) and the changed one.
                let changed = shift(reading.sums[mine]);
                let (mut sum, mut left, mut placed) = (0, self.losses, false);
                for &(value, i) in &reading.top {
                    if left > 0 && !placed && changed >= value {
                        (sum, left, placed) = (sum + changed, left - 1, true);
                    }
                    if left > 0 && i != mine {
                        (sum, left) = (sum + value, left - 1);
                    }
                }
                total.saturating_sub(if left > 0 && !placed { sum + changed } else { sum })
            }
            Form::Listed { of_place, .. } => {
                let touched = &of_place[place];
                let most_touched = touched.iter().map(|&i| shift(reading.sums[i])).max().unwrap_or(0);
                let total = shift(reading.total);
                // Adding lifts only what it touches. Removing may leave an untouched loss on top.
                let untouched = if up {
                    reading.top.first().map_or(0, |t| t.0)
                } else {
                    match reading.top.iter().find(|t| touched.binary_search(&t.1).is_err()) {
                        Some(t) => t.0,
                        None if touched.len() == reading.sums.len() => 0,
                        None => (0..reading.sums.len())
                            .filter(|i| touched.binary_search(i).is_err())
                            .map(|i| reading.sums[i])
                            .max()
                            .unwrap_or(0),
                    }
                };
                total - most_touched.max(untouched).min(total)
            }
        }
    }

    /// Goes there.
    pub fn shift(&self, exposure: &Exposure, reading: &mut Reading, place: usize, up: bool, count: u32) {
        let units = Units::from(count) * exposure.units[place];
        let move_by = |v: &mut Units| *v = if up { *v + units } else { *v - units.min(*v) };
        move_by(&mut reading.total);
        let mut touched = Vec::new();
        self.touched(place, &mut |i| touched.push(i));
        touched.iter().for_each(|&i| move_by(&mut reading.sums[i]));
        reading.ready[place] =
            if up { reading.ready[place] + count } else { reading.ready[place].saturating_sub(count) };
        reading.rank();
    }

    /// The worst loss by branch and bound: events by what they can take at most, largest first.
    fn search(&self, exposure: &Exposure, ready: &[u32]) -> (Units, Vec<usize>) {
        let total = exposure.total(ready);
        let mut order: Vec<(Units, usize)> = self.events.iter().map(|&e| (exposure.potential(ready, e), e)).collect();
        order.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let (k, accepted) = (self.losses, &self.accepted[..]);
        let mut search = Search { exposure, ready, total, order, k, accepted, best: None, left: BRANCHES };
        search.go(0, &mut Vec::new());
        if search.left == 0 {
            let bound: Units = search.order.iter().take(self.losses).map(|o| o.0).sum();
            let mut lost: Vec<usize> = search.order.iter().take(self.losses).map(|o| o.1).collect();
            lost.sort_unstable();
            return (total.saturating_sub(bound), lost);
        }
        search.best.map_or((total, Vec::new()), |(taken, lost)| (total - taken, lost))
    }
}

impl Reading {
    fn rank(&mut self) {
        self.top.clear();
        for (i, &sum) in self.sums.iter().enumerate() {
            if self.top.len() == self.keep && self.top.last().is_some_and(|last| last.0 >= sum) {
                continue;
            }
            let at = self.top.partition_point(|t| t.0 >= sum);
            self.top.insert(at, (sum, i));
            self.top.truncate(self.keep);
        }
    }
}

struct Search<'a> {
    exposure: &'a Exposure,
    ready: &'a [u32],
    total: Units,
    order: Vec<(Units, usize)>,
    k: usize,
    accepted: &'a [Vec<usize>],
    best: Option<(Units, Vec<usize>)>,
    left: usize,
}

impl Search<'_> {
    fn go(&mut self, from: usize, lost: &mut Vec<usize>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if holds_accepted(self.accepted, lost) {
            return;
        }
        let taken = self.total - self.exposure.serving(self.ready, &self.exposure.fall(lost)).min(self.total);
        if lost.len() == self.k {
            let mut sorted = lost.clone();
            sorted.sort_unstable();
            let better = self.best.as_ref().is_none_or(|(t, l)| taken > *t || (taken == *t && sorted < *l));
            if better {
                self.best = Some((taken, sorted));
            }
            return;
        }
        let need = self.k - lost.len();
        for i in from..=self.order.len().saturating_sub(need) {
            if i >= self.order.len() {
                break;
            }
            let most: Units = self.order[i..].iter().take(need).map(|o| o.0).sum();
            if self.best.as_ref().is_some_and(|(t, _)| taken.saturating_add(most) < *t) {
                break;
            }
            lost.push(self.order[i].1);
            self.go(i + 1, lost);
            lost.pop();
        }
    }
}

/// Whether a loss holds one that is lived with.
fn holds_accepted(accepted: &[Vec<usize>], lost: &[usize]) -> bool {
    accepted.iter().any(|set| set.iter().all(|e| lost.contains(e)))
}

/// How many subsets of `k` out of `n`, saturating.
pub fn combinations(n: usize, k: usize) -> u128 {
    let mut all = 1u128;
    for i in 0..k.min(n) {
        all = all.saturating_mul((n - i) as u128) / (i as u128 + 1);
        if all > u128::from(u64::MAX) {
            return all;
        }
    }
    if k > n { 0 } else { all }
}

/// Calls back with every subset of `k` out of `n`, in lexicographic order.
pub fn for_each_subset(n: usize, k: usize, each: &mut dyn FnMut(&[usize])) {
    if k > n {
        return;
    }
    let mut subset: Vec<usize> = (0..k).collect();
    loop {
        each(&subset);
        let Some(at) = (0..k).rev().find(|&i| subset[i] < n - k + i) else { return };
        subset[at] += 1;
        for i in at + 1..k {
            subset[i] = subset[i - 1] + 1;
        }
    }
}

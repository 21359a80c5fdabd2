//! The order of a change: surge, then drain, slack-greedy; a search where greed is stuck (`spread.md` 4.5).

use std::collections::HashSet;

use super::course::{Act, Course, Done, Invariants, blank, entries};
use super::decision::{Check, CheckOf, Role, Step};
use super::slots::Work;

/// States the search looks at before it gives up.
const SEARCH_LIMIT: usize = 30_000;

/// How fast a change may go.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Adds or drains per step that pace each other.
    pub batch: u32,
    /// Most of them in one place.
    pub per_place: u32,
    /// Most adds of one wave that nothing waits for; `None`: all.
    pub wave: Option<u32>,
}

/// Where no order was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The invariant that the best next action would break; `Surge` or `Capacity` when there is no room for an add.
    pub by: CheckOf,
    /// What it would leave.
    pub value: i64,
    /// The bound.
    pub bound: i64,
    /// Serving replicas where it stops.
    pub state: Vec<u32>,
    /// The place of that action.
    pub place: usize,
}

/// Orders the work.
///
/// # Errors
/// [`Stuck`] when neither greed nor search finds an order.
pub fn order(
    rules: &Invariants<'_>,
    work: &[Work],
    ready: &[u32],
    last: &[bool],
    pace: Pace,
) -> Result<Vec<Step>, Stuck> {
    order_within(rules, work, ready, last, pace, SEARCH_LIMIT)
}

/// Orders the work, looking at no more than so many states where greed is stuck.
///
/// # Errors
/// [`Stuck`] when neither greed nor so much search finds an order.
pub fn order_within(
    rules: &Invariants<'_>,
    work: &[Work],
    ready: &[u32],
    last: &[bool],
    pace: Pace,
    limit: usize,
) -> Result<Vec<Step>, Stuck> {
    let mut plan =
        Plan { course: Course::new(rules, work, ready.to_vec()), last, pace, steps: Vec::new(), sums: Vec::new() };
    plan.free_waves();
    let (course, steps) = (plan.course.clone(), plan.steps.len());
    if let Err(stuck) = plan.greedy() {
        plan.course = course;
        plan.steps.truncate(steps);
        let path = Search::new(plan.course.clone(), last).run(limit).ok_or(stuck)?;
        plan.replay(&path);
    }
    Ok(plan.steps)
}

struct Plan<'a> {
    course: Course<'a>,
    last: &'a [bool],
    pace: Pace,
    steps: Vec<Step>,
    sums: Vec<u64>,
}

/// Smaller is better: drained last, repairs, slack, skew, place.
type Rank = (bool, bool, std::cmp::Reverse<i64>, i128, usize);

impl Plan<'_> {
    fn places(&self) -> std::ops::Range<usize> {
        0..self.course.work.len()
    }

    /// Growth that no drain waits for, missing objects, and the wait for what exists: at once.
    fn free_waves(&mut self) {
        let mut waits = Vec::new();
        let mut completes = Vec::new();
        let (mut growth, mut drains) = (0u64, 0u64);
        for p in self.places() {
            let work = &self.course.work[p];
            growth += u64::from(work.grow_count);
            drains += work.shrink.len() as u64;
            let named = work.wait.iter().map(|&slot| Act::new(p, Role::Wait, true, Some(slot), true));
            waits.extend(named);
            if work.by_number {
                let act = Act::new(p, Role::Wait, true, None, true);
                waits.extend(std::iter::repeat_n(act, work.wait_count as usize));
            }
            completes.extend(
                work.complete.iter().map(|&(slot, serves)| Act::new(p, Role::Complete, true, Some(slot), !serves)),
            );
        }
        let mut left = growth.saturating_sub(drains);
        let all = drains == 0;
        loop {
            let most = self.pace.wave.map_or(left, |wave| left.min(u64::from(wave.max(1))));
            let mut acts = std::mem::take(&mut completes);
            let checks = self.half_done();
            let half = self.course.ready.clone();
            for act in acts.iter().chain(&waits) {
                self.course.shift_ready(act.place, true, u32::from(act.serves));
            }
            let mut grown = 0;
            if all && most == left && self.grow_all(&mut acts) {
                grown = left;
            } else {
                while grown < most {
                    let Some(act) = self.best_add(true, &|_| true) else { break };
                    self.add(act);
                    acts.push(act);
                    grown += 1;
                }
            }
            if acts.is_empty() && waits.is_empty() {
                return;
            }
            self.emit(&acts, &waits, &[], half, checks);
            waits.clear();
            left -= grown;
            if left == 0 || grown == 0 {
                return;
            }
        }
    }

    /// All growth in one go; false, and nothing is done, when that alone is skewed (what is to be replaced may not serve yet).
    fn grow_all(&mut self, acts: &mut Vec<Act>) -> bool {
        let (start, had) = (self.course.clone(), acts.len());
        for p in self.places() {
            while let Some(act) = self.course.next_add(p).filter(|a| a.role == Role::Grow) {
                self.add(act);
                acts.push(act);
            }
        }
        if self.course.is_skewed() {
            self.course = start;
            acts.truncate(had);
            return false;
        }
        true
    }

    fn greedy(&mut self) -> Result<(), Stuck> {
        while !self.course.is_done() {
            let adds = self.add_batch(self.pace.batch);
            let drains = self.drain_batch();
            if adds + drains == 0 && !self.drain_first() && !self.pass() {
                return Err(self.stuck());
            }
        }
        Ok(())
    }

    fn add(&mut self, act: Act) {
        let done = &mut self.course.done[act.place];
        match act.role {
            Role::Replace => done.renewed += 1,
            _ => done.grown += 1,
        }
        self.course.shift_total(act.place, true);
        self.course.shift_ready(act.place, true, 1);
    }

    fn gone(&mut self, act: Act) {
        count_gone(&mut self.course.done[act.place], act);
        self.course.leaving += u64::from(act.role != Role::Update && self.course.rules.reachable[act.place]);
        self.course.shift_ready(act.place, false, u32::from(act.serves));
    }

    /// Whether a step of these acts may move another replica of a place.
    fn takes_one_more(&self, acts: &[Act], place: usize) -> bool {
        acts.iter().filter(|a| a.place == place).count() < self.pace.per_place as usize
    }

    /// The add that leaves the largest least slack; repairs before all.
    fn best_add(&self, growth_only: bool, may: &dyn Fn(usize) -> bool) -> Option<Act> {
        let course = &self.course;
        let mut best: Option<(Rank, Act)> = None;
        for p in self.places().filter(|p| may(*p)) {
            let Some(act) = course.next_add(p).filter(|a| !growth_only || a.role == Role::Grow) else { continue };
            if course.total[p] + 1 > course.rules.room[p] {
                continue;
            }
            let (excess, skew) = course.skew_if(p, true, true);
            if excess > 0 {
                continue;
            }
            let repairs = course.next_add_repairs(p);
            let rank = (false, !repairs, std::cmp::Reverse(course.slack_if(p, true)), skew, p);
            if best.as_ref().is_none_or(|b| rank < b.0) {
                best = Some((rank, act));
            }
        }
        best.map(|b| b.1)
    }

    fn add_batch(&mut self, most: u32) -> usize {
        let half = self.course.ready.clone();
        let mut acts = Vec::new();
        let mut checks = Vec::new();
        while acts.len() < most as usize && self.course.sum < self.course.rules.most {
            let Some(act) = self.best_add(false, &|p| self.takes_one_more(&acts, p)) else { break };
            if acts.is_empty() {
                checks = self.half_done();
            }
            self.add(act);
            acts.push(act);
        }
        if !acts.is_empty() {
            self.emit(&acts, &[], &[], half, checks);
        }
        acts.len()
    }

    /// The drain or update that leaves the largest least slack and breaks nothing; what is surplus serves until the updates that
    /// it makes possible are done.
    fn best_drain(&self, acts_so_far: &[Act]) -> Option<Act> {
        let course = &self.course;
        let first = acts_so_far.is_empty();
        let places = || self.places().filter(|&p| self.takes_one_more(acts_so_far, p));
        let updates_left = course.updates_left();
        let best = |acts: &mut dyn Iterator<Item = Act>| {
            let ranked = acts.filter_map(|act| {
                let mut rank = self.rank_drain(act, acts_so_far)?;
                rank.0 |= updates_left && act.serves && act.role == Role::Shrink;
                Some((rank, act))
            });
            ranked.min_by(|a, b| a.0.cmp(&b.0)).map(|b| b.1)
        };
        let own = best(&mut places().flat_map(|p| course.next_update(p).into_iter().chain(course.next_remove(p))));
        if own.is_some() || (updates_left && !first) {
            return own;
        }
        let goes = |act: &Act| !updates_left || !self.passage_needed(act.place);
        best(&mut places().filter_map(|p| course.next_passage(p, false)).filter(goes))
    }

    /// Replicas of passage at a place stay while it has updates, or while no other place with updates could take them.
    fn passage_needed(&self, place: usize) -> bool {
        let course = &self.course;
        let waiting = |p: usize| course.next_update(p).is_some();
        let takes = |p: usize| waiting(p) && course.work[p].takes_new && course.total[p] < course.rules.room[p];
        waiting(place) || !self.places().any(takes)
    }

    fn rank_drain(&self, act: Act, beside: &[Act]) -> Option<Rank> {
        let p = act.place;
        let (excess, skew) = match (act.role, act.serves) {
            // An update returns before the step ends: the skew does not see it, unless it was nothing before.
            (Role::Update, true) => (0, 0),
            (Role::Update, false) => returned(&self.course, beside).skew_if_served(p),
            (_, serves) => self.course.skew_if(p, false, serves),
        };
        if !act.serves {
            return (excess <= 0).then_some((self.last[p], false, std::cmp::Reverse(i64::MAX), 0, p));
        }
        let slack = self.course.slack_if(p, false);
        (slack >= 0 && excess <= 0).then_some((self.last[p], true, std::cmp::Reverse(slack), skew, p))
    }

    fn drain_batch(&mut self) -> usize {
        let mut acts = Vec::new();
        while acts.len() < self.pace.batch as usize {
            let Some(act) = self.best_drain(&acts) else { break };
            self.gone(act);
            acts.push(act);
        }
        self.finish_drain(&acts);
        acts.len()
    }

    fn finish_drain(&mut self, acts: &[Act]) {
        if acts.is_empty() {
            return;
        }
        let checks = self.half_done();
        let half = self.course.ready.clone();
        self.course.leaving = 0;
        for act in acts {
            match act.role {
                Role::Update => self.course.shift_ready(act.place, true, 1),
                _ => self.course.shift_total(act.place, false),
            }
        }
        let (updates, removes): (Vec<Act>, Vec<Act>) = acts.iter().partition(|a| a.role == Role::Update);
        // One that did not serve before its update is waited for like any that comes up.
        let up = |a: &&Act| !a.serves;
        let waits: Vec<Act> = updates.iter().filter(up).map(|a| Act { role: Role::Wait, serves: true, ..*a }).collect();
        self.emit(&removes, &waits, &updates, half, checks);
    }

    /// No room for the new one beside the old one: the old one goes first, where the floors allow.
    fn drain_first(&mut self) -> bool {
        let mut acts: Vec<Act> = Vec::new();
        while acts.len() < self.pace.batch as usize {
            let ranked = self
                .places()
                .filter_map(|p| self.course.next_remove_first(p))
                .filter_map(|a| Some((self.rank_drain(a, &[])?, a)));
            let Some((_, act)) = ranked.min_by(|a, b| a.0.cmp(&b.0)) else { break };
            // Only one ahead per place, so that its new one follows at once.
            if acts.iter().any(|a| a.place == act.place) {
                break;
            }
            self.gone(act);
            acts.push(act);
        }
        self.finish_drain(&acts);
        !acts.is_empty()
    }

    /// Replicas of passage: an update in place takes its replica away for a while, which a full floor forbids.
    fn pass(&mut self) -> bool {
        // Each may help one update and be made anew elsewhere once; more than that is going round in circles.
        let made: usize = self.course.done.iter().map(|d| d.passing as usize).sum();
        let updates: usize = self.course.work.iter().map(|w| w.update.len()).sum();
        if !self.course.updates_left() || made > 2 * updates + self.course.work.len() {
            return false;
        }
        let half = self.course.ready.clone();
        let mut acts = Vec::new();
        let mut checks = Vec::new();
        while acts.len() < updates.min(self.pace.batch as usize) && self.course.sum < self.course.rules.most {
            let rank = |p: usize| {
                let (excess, skew) = self.course.skew_if(p, true, true);
                let free = self.course.total[p] < self.course.rules.room[p] && excess <= 0;
                let updates = self.course.next_update(p).is_none();
                free.then(|| (updates, std::cmp::Reverse(self.course.slack_if(p, true)), skew, p))
            };
            let takes = |&p: &usize| self.course.work[p].takes_new && self.takes_one_more(&acts, p);
            let best = self.places().filter(takes).filter_map(rank).min();
            let Some(p) = best.map(|b| b.3) else { break };
            let Some(act) = self.course.next_passage(p, true) else { break };
            if acts.is_empty() {
                checks = self.half_done();
            }
            self.course.done[p].passing += 1;
            self.course.shift_total(p, true);
            self.course.shift_ready(p, true, 1);
            acts.push(act);
        }
        if !acts.is_empty() {
            self.emit(&acts, &[], &[], half, checks);
        }
        !acts.is_empty()
    }

    /// Floors where the course stands, which is the half-done state of the step in hand.
    fn half_done(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        self.course.floor_checks(&mut checks);
        checks
    }

    fn emit(&mut self, acts: &[Act], waits: &[Act], updates: &[Act], half_done: Vec<u32>, mut checks: Vec<Check>) {
        let n = self.course.work.len();
        let (adds, removes): (Vec<Act>, Vec<Act>) = acts.iter().partition(|a| a.add);
        let grows = adds.iter().any(|a| a.role != Role::Complete);
        if grows {
            let (sum, most) = (self.course.sum as i64, self.course.rules.most as i64);
            checks.push(Check {
                rule: CheckOf::Surge,
                worst_loss: Vec::new(),
                value: sum,
                bound: most,
                slack: most - sum,
                as_before: false,
            });
            let mut seen = vec![false; n];
            for act in &adds {
                let (total, room) = (self.course.total[act.place], self.course.rules.room[act.place]);
                if room < u64::from(u32::MAX) && !std::mem::replace(&mut seen[act.place], true) {
                    // A capacity is for all workloads, and so is what is held against it.
                    let others = self.course.rules.others[act.place];
                    let (total, room) = (total.saturating_add(others), room.saturating_add(others));
                    checks.push(Check {
                        rule: CheckOf::Capacity(act.place),
                        worst_loss: Vec::new(),
                        value: total as i64,
                        bound: room as i64,
                        slack: room as i64 - total as i64,
                        as_before: false,
                    });
                }
            }
        }
        self.course.skew_checks(&mut checks);
        let mut step = blank(self.steps.len());
        step.adds = entries(&adds, n);
        step.waits = entries(waits, n);
        step.removes = entries(&removes, n);
        step.updates = entries(updates, n);
        step.state.clone_from(&self.course.ready);
        step.half_done = half_done;
        step.checks = checks;
        self.sums.push(self.course.sum);
        self.steps.push(step);
    }

    fn stuck(&self) -> Stuck {
        let course = &self.course;
        let drains =
            self.places().flat_map(|p| [course.next_remove(p), course.next_update(p), course.next_remove_first(p)]);
        let broken = drains.flatten().filter_map(|act| course.broken_by(act.place).map(|b| (act.place, b)));
        let best = broken.max_by_key(|(place, (_, value, bound))| (value - bound, std::cmp::Reverse(*place)));
        if let Some((place, (by, value, bound))) = best {
            return Stuck { by, value, bound, state: course.ready.clone(), place };
        }
        let place = self.places().find(|&p| course.next_add(p).is_some()).unwrap_or(0);
        let full = course.total.get(place).copied().unwrap_or(0) >= course.rules.room.get(place).copied().unwrap_or(0);
        let (by, value, bound) = if full {
            let others = course.rules.others[place] as i64;
            let (value, bound) = (course.total[place] as i64 + 1, course.rules.room[place] as i64);
            (CheckOf::Capacity(place), value + others, bound + others)
        } else {
            (CheckOf::Surge, course.sum as i64 + 1, course.rules.most as i64)
        };
        Stuck { by, value, bound, state: course.ready.clone(), place }
    }

    /// Turns a path of single acts into steps: acts of one kind in a row share a step up to the batch.
    fn replay(&mut self, path: &[Act]) {
        let batch = self.pace.batch.max(1) as usize;
        let mut rest = path;
        while let Some(first) = rest.first() {
            // The search takes an update for over before its next act: an update ends its step.
            let updated = rest.iter().position(|a| a.role == Role::Update).map_or(usize::MAX, |at| at + 1);
            let alike = rest.iter().take(batch.min(updated)).take_while(|a| a.add == first.add);
            let run =
                alike.enumerate().take_while(|(i, a)| *i == 0 || self.takes_one_more(&rest[..*i], a.place)).count();
            let (now, later) = rest.split_at(run);
            if first.add {
                let (half, checks) = (self.course.ready.clone(), self.half_done());
                now.iter().for_each(|&act| self.add(act));
                self.emit(now, &[], &[], half, checks);
            } else {
                now.iter().for_each(|&act| self.gone(act));
                self.finish_drain(now);
            }
            rest = later;
        }
    }
}

/// The course once the updates of a step have returned.
fn returned<'c>(course: &Course<'c>, acts: &[Act]) -> Course<'c> {
    let mut course = course.clone();
    acts.iter().filter(|a| a.role == Role::Update).for_each(|a| course.shift_ready(a.place, true, 1));
    course
}

fn count_gone(done: &mut Done, act: Act) {
    match act.role {
        Role::Replace => done.retired += 1,
        Role::Update => done.updated += 1,
        _ if act.passing => done.passed += 1,
        _ => done.shrunk += 1,
    }
}

/// Depth first over single acts, best first, never the same progress twice. Every path has the same length, so the first end
/// found is an answer.
struct Search<'a> {
    course: Course<'a>,
    last: &'a [bool],
    seen: HashSet<Vec<Done>>,
}

impl<'a> Search<'a> {
    fn new(course: Course<'a>, last: &'a [bool]) -> Search<'a> {
        Search { course, last, seen: HashSet::new() }
    }

    fn run(&mut self, limit: usize) -> Option<Vec<Act>> {
        let mut path: Vec<Act> = Vec::new();
        let mut open: Vec<Vec<Act>> = vec![self.choices()];
        while self.seen.len() < limit {
            if self.course.is_done() {
                return Some(path);
            }
            match open.last_mut()?.pop() {
                Some(act) => {
                    self.go(act, true);
                    path.push(act);
                    let new = self.seen.insert(self.course.done.clone());
                    open.push(if new { self.choices() } else { Vec::new() });
                }
                None => {
                    open.pop();
                    self.go(path.pop()?, false);
                }
            }
        }
        None
    }

    fn go(&mut self, act: Act, forward: bool) {
        let done = &mut self.course.done[act.place];
        let counter = match (act.role, act.add) {
            (Role::Replace, true) => &mut done.renewed,
            (Role::Replace, false) => &mut done.retired,
            (Role::Update, _) => &mut done.updated,
            (_, true) => &mut done.grown,
            (_, false) => &mut done.shrunk,
        };
        *counter = if forward { *counter + 1 } else { counter.saturating_sub(1) };
        if act.role == Role::Update {
            let gained = u32::from(!act.serves);
            self.course.shift_ready(act.place, forward, gained);
            return;
        }
        self.course.shift_total(act.place, act.add == forward);
        self.course.shift_ready(act.place, act.add == forward, u32::from(act.serves));
    }

    /// Legal acts, the best last.
    fn choices(&self) -> Vec<Act> {
        let course = &self.course;
        let mut ranked: Vec<(Rank, usize, Act)> = Vec::new();
        for p in 0..course.work.len() {
            let firsts = course
                .next_remove_first(p)
                .filter(|_| course.total[p] >= course.rules.room[p] || course.sum >= course.rules.most);
            for act in [course.next_remove(p), course.next_update(p), firsts].into_iter().flatten() {
                let slack = if act.serves { course.slack_if(p, false) } else { i64::MAX };
                let skew = match (act.role, act.serves) {
                    (Role::Update, true) => (0, 0),
                    (Role::Update, false) => course.skew_if_served(p),
                    (_, serves) => course.skew_if(p, false, serves),
                };
                if slack >= 0 && skew.0 <= 0 {
                    ranked.push(((self.last[p], !act.serves, std::cmp::Reverse(slack), skew.1, p), 0, act));
                }
            }
            if let Some(act) = course.next_add(p) {
                let skew = course.skew_if(p, true, true);
                if course.total[p] < course.rules.room[p] && course.sum < course.rules.most && skew.0 <= 0 {
                    ranked.push(((false, false, std::cmp::Reverse(course.slack_if(p, true)), skew.1, p), 1, act));
                }
            }
        }
        ranked.sort_by(|a, b| (b.1, &b.0).cmp(&(a.1, &a.0)));
        ranked.into_iter().map(|(_, _, act)| act).collect()
    }
}
